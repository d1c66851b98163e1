//! The CLAP entry, and what is added around nice-plug's CLAP wrapper.
//!
//! The host holds an [`Instance`]: a copy of the wrapper's function table in which a few functions
//! are replaced. Because the copy carries the wrapper's own data pointer, every function that is not
//! replaced works on it unchanged.

mod events;
pub(super) mod exclusive;

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::null;
use std::slice;
use std::sync::{Arc, OnceLock};

use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::entry::clap_plugin_entry;
use clap_sys::events::{clap_input_events, clap_output_events};
use clap_sys::ext::params::{
    CLAP_EXT_PARAMS, CLAP_PARAM_IS_AUTOMATABLE, CLAP_PARAM_IS_HIDDEN, CLAP_PARAM_IS_MODULATABLE,
    CLAP_PARAM_RESCAN_INFO, CLAP_PARAM_RESCAN_TEXT, CLAP_PARAM_RESCAN_VALUES, clap_host_params,
    clap_param_info, clap_plugin_params,
};
use clap_sys::ext::state::{CLAP_EXT_STATE, clap_plugin_state};
use clap_sys::factory::plugin_factory::{CLAP_PLUGIN_FACTORY_ID, clap_plugin_factory};
use clap_sys::host::clap_host;
use clap_sys::id::clap_id;
use clap_sys::plugin::{clap_plugin, clap_plugin_descriptor};
use clap_sys::process::{CLAP_PROCESS_ERROR, clap_process, clap_process_status};
use clap_sys::stream::{clap_istream, clap_ostream};
use clap_sys::version::CLAP_VERSION;
use nice_plug::prelude::ClapPlugin;
use nice_plug::wrapper::clap::{PluginDescriptor, Wrapper};
use nice_plug::wrapper::setup_logger;

use self::events::{HeldNotes, InnerEvents};
use self::exclusive::Exclusive;
use super::processor::take_newborn;
use super::slots::{host_id, slot_of, valid};
use super::state::Shared;
use super::{Weft, WeftFx, buffers};
use crate::engine::SLOTS;

/// Saved states beyond this size are taken for damage.
const STATE_LIMIT: usize = 256 << 20;

/// What the host holds.
#[repr(C)]
struct Instance {
    /// First, so that the host's pointer to it is a pointer to the whole.
    plugin: clap_plugin,
    /// The wrapper's functions that `plugin` replaces.
    wrapped: clap_plugin,
    host: *const clap_host,
    host_params: Cell<*const clap_host_params>,
    block: Exclusive<Block>,
    shared: Arc<Shared>,
}

/// What a block needs; empty while the plugin is switched off.
#[derive(Default)]
struct Block {
    /// A mono host's missing right channel.
    spare: Vec<f32>,
    held: HeldNotes,
}

/// The instance behind the host's pointer.
///
/// # Safety
/// `plugin` must come from [`create`] and not be destroyed yet.
unsafe fn instance<'a>(plugin: *const clap_plugin) -> Option<&'a Instance> {
    // SAFETY: `create` hands out the first field of a `repr(C)` `Instance` it allocated.
    unsafe { plugin.cast::<Instance>().as_ref() }
}

/// Makes an instance of one of the two plugins.
///
/// # Safety
/// `host` must outlive the instance, as CLAP demands.
unsafe fn create<P: ClapPlugin>(host: *const clap_host) -> *const clap_plugin {
    // SAFETY: `host` is not null, checked by the factory, and outlives the instance.
    let wrapper = unsafe { Wrapper::<P>::new(host) };
    let Some(shared) = take_newborn() else {
        return null();
    };
    let wrapped = *wrapper.clap_plugin.borrow();
    // The wrapper's `destroy` takes this reference back.
    let _ = Arc::into_raw(wrapper);
    let plugin = clap_plugin {
        init: Some(init),
        destroy: Some(destroy),
        activate: Some(activate),
        deactivate: Some(deactivate),
        start_processing: Some(start_processing),
        reset: Some(reset),
        process: Some(process),
        get_extension: Some(get_extension),
        ..wrapped
    };
    let instance = Box::new(Instance {
        plugin,
        wrapped,
        host,
        host_params: Cell::new(null()),
        block: Exclusive::default(),
        shared,
    });
    Box::into_raw(instance).cast::<clap_plugin>()
}

unsafe extern "C" fn init(plugin: *const clap_plugin) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let Some(this) = (unsafe { instance(plugin) }) else {
        return false;
    };
    let Some(wrapped) = this.wrapped.init else {
        return false;
    };
    // SAFETY: `init` is the first moment a host's extensions may be asked for; what it returns under
    // this name is its `clap_host_params`. The wrapper gets the call as the host made it.
    unsafe {
        if let Some(get) = (*this.host).get_extension {
            let params = get(this.host, CLAP_EXT_PARAMS.as_ptr());
            this.host_params.set(params.cast());
        }
        wrapped(plugin)
    }
}

unsafe extern "C" fn destroy(plugin: *const clap_plugin) {
    if plugin.is_null() {
        return;
    }
    // SAFETY: the pointer came from `Box::into_raw` in `create`, and the host uses it no more. The
    // wrapper reads its data pointer from it before it goes.
    unsafe {
        let this = Box::from_raw(plugin.cast_mut().cast::<Instance>());
        if let Some(wrapped) = this.wrapped.destroy {
            wrapped(&this.plugin);
        }
    }
}

unsafe extern "C" fn activate(
    plugin: *const clap_plugin,
    rate: f64,
    min_frames: u32,
    max_frames: u32,
) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let Some(this) = (unsafe { instance(plugin) }) else {
        return false;
    };
    let Some(wrapped) = this.wrapped.activate else {
        return false;
    };
    // SAFETY: passed on as the host made the call.
    let active = unsafe { wrapped(plugin, rate, min_frames, max_frames) };
    if active {
        *this.block.take() = Block {
            spare: vec![0.0; max_frames.max(1) as usize],
            held: HeldNotes::new(),
        };
    }
    active
}

unsafe extern "C" fn deactivate(plugin: *const clap_plugin) {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let Some(this) = (unsafe { instance(plugin) }) else {
        return;
    };
    *this.block.take() = Block::default();
    if let Some(wrapped) = this.wrapped.deactivate {
        // SAFETY: passed on as the host made the call.
        unsafe { wrapped(plugin) }
    }
}

/// Forgets held notes: the plugin starts from silence.
fn forget(this: &Instance) {
    if let Some(mut block) = this.block.try_take() {
        block.held.clear();
    }
}

unsafe extern "C" fn start_processing(plugin: *const clap_plugin) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let Some(this) = (unsafe { instance(plugin) }) else {
        return false;
    };
    forget(this);
    match this.wrapped.start_processing {
        // SAFETY: passed on as the host made the call.
        Some(wrapped) => unsafe { wrapped(plugin) },
        None => false,
    }
}

unsafe extern "C" fn reset(plugin: *const clap_plugin) {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let Some(this) = (unsafe { instance(plugin) }) else {
        return;
    };
    forget(this);
    if let Some(wrapped) = this.wrapped.reset {
        // SAFETY: passed on as the host made the call.
        unsafe { wrapped(plugin) }
    }
}

/// The channels of the first bus of a list.
///
/// # Safety
/// `buses` must be null or hold `count` buses, each with its channels.
unsafe fn channels<'a>(buses: *const clap_audio_buffer, count: u32) -> &'a [*mut f32] {
    if buses.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: there is a first bus, and `data32` leads to `channel_count` pointers.
    unsafe {
        let bus = &*buses;
        if bus.data32.is_null() {
            return &[];
        }
        slice::from_raw_parts(bus.data32, bus.channel_count as usize)
    }
}

fn bus(channels: &mut buffers::Stereo) -> clap_audio_buffer {
    clap_audio_buffer {
        data32: channels.as_mut_ptr(),
        data64: std::ptr::null_mut(),
        channel_count: 2,
        latency: 0,
        constant_mask: 0,
    }
}

/// Shows the wrapper exactly one stereo bus on each side. It reads past the end of shorter lists and
/// does not bear other channel counts.
unsafe extern "C" fn process(
    plugin: *const clap_plugin,
    process: *const clap_process,
) -> clap_process_status {
    // SAFETY: the host calls with a pointer that `create` gave it, and with its own block or null.
    let (this, host) = unsafe { (instance(plugin), process.as_ref()) };
    let (Some(this), Some(host)) = (this, host) else {
        return CLAP_PROCESS_ERROR;
    };
    let Some(wrapped) = this.wrapped.process else {
        return CLAP_PROCESS_ERROR;
    };
    let frames = host.frames_count as usize;
    let Some(mut block) = this.block.try_take() else {
        return CLAP_PROCESS_ERROR;
    };
    let Block { spare, held } = &mut *block;
    if spare.is_empty() || frames > spare.len() {
        return CLAP_PROCESS_ERROR;
    }

    // SAFETY: the host's lists hold what their counts say.
    let (given_in, given_out) = unsafe {
        (
            channels(host.audio_inputs, host.audio_inputs_count),
            channels(host.audio_outputs, host.audio_outputs_count),
        )
    };
    let mut input = buffers::input(given_in);
    let mut output = buffers::output(given_out, spare);
    let input = input.as_mut().map(bus);
    let fold = output.as_ref().is_some_and(|output| output.fold);
    let mut output = output.as_mut().map(|output| bus(&mut output.channels));
    // Without an output nothing is heard, as in a block without frames.
    let heard = if output.is_some() {
        host.frames_count
    } else {
        0
    };
    // SAFETY: hosts pass a whole list or null.
    let events = unsafe { InnerEvents::new(host.in_events, heard, held) };
    let events = events.list();
    let block = clap_process {
        in_events: &events,
        audio_inputs: input.as_ref().map_or(null(), |bus| bus),
        audio_inputs_count: input.is_some().into(),
        audio_outputs: output
            .as_mut()
            .map_or(std::ptr::null_mut(), std::ptr::from_mut),
        audio_outputs_count: output.is_some().into(),
        ..*host
    };
    // SAFETY: the block is the host's, with events and buses that live until the end of this function
    // and channels that hold the block's frames.
    let status = unsafe { wrapped(plugin, &block) };
    if heard > 0 {
        held.clear();
    }
    if let (true, [only, ..]) = (fold, given_out) {
        // SAFETY: the host's only output channel holds the block's frames; `spare` is not it.
        let only = unsafe { slice::from_raw_parts_mut(*only, frames) };
        buffers::fold(only, spare);
    }
    status
}

unsafe extern "C" fn get_extension(plugin: *const clap_plugin, id: *const c_char) -> *const c_void {
    static PARAMS: clap_plugin_params = clap_plugin_params {
        count: Some(params_count),
        get_info: Some(params_get_info),
        get_value: Some(params_get_value),
        value_to_text: Some(params_value_to_text),
        text_to_value: Some(params_text_to_value),
        flush: Some(params_flush),
    };
    static STATE: clap_plugin_state = clap_plugin_state {
        save: Some(state_save),
        load: Some(state_load),
    };
    if id.is_null() {
        return null();
    }
    // SAFETY: hosts pass extension ids as C strings.
    let name = unsafe { CStr::from_ptr(id) };
    if name == CLAP_EXT_PARAMS {
        return (&raw const PARAMS).cast();
    }
    if name == CLAP_EXT_STATE {
        return (&raw const STATE).cast();
    }
    // SAFETY: passed on as the host made the call.
    unsafe {
        match instance(plugin).and_then(|this| this.wrapped.get_extension) {
            Some(wrapped) => wrapped(plugin, id),
            None => null(),
        }
    }
}

unsafe extern "C" fn params_count(_plugin: *const clap_plugin) -> u32 {
    SLOTS as u32
}

unsafe extern "C" fn params_get_info(
    plugin: *const clap_plugin,
    index: u32,
    info: *mut clap_param_info,
) -> bool {
    let slot = index as usize;
    // SAFETY: the host calls with a pointer that `create` gave it.
    let this = unsafe { instance(plugin) };
    let (Some(this), false, true) = (this, info.is_null(), slot < SLOTS) else {
        return false;
    };
    let view = this.shared.slots.view();
    // Steps stay unsaid: CLAP counts them in whole numbers, a slot always runs from 0 to 1, and
    // neither may change while the plugin runs. The text snaps instead.
    let mut flags = CLAP_PARAM_IS_AUTOMATABLE | CLAP_PARAM_IS_MODULATABLE;
    if view.bound(slot).is_none() {
        flags |= CLAP_PARAM_IS_HIDDEN;
    }
    let mut filled = clap_param_info {
        id: host_id(slot),
        flags,
        cookie: std::ptr::null_mut(),
        name: [0; _],
        module: [0; _],
        min_value: 0.0,
        max_value: 1.0,
        default_value: view.default_value(slot).into(),
    };
    copy_text(&mut filled.name, &view.name(slot));
    copy_text(&mut filled.module, view.module_name(slot));
    // SAFETY: the host wants the answer there.
    unsafe { info.write(filled) };
    true
}

unsafe extern "C" fn params_get_value(
    plugin: *const clap_plugin,
    id: clap_id,
    value: *mut f64,
) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let this = unsafe { instance(plugin) };
    let (Some(this), Some(slot), false) = (this, slot_of(id), value.is_null()) else {
        return false;
    };
    // SAFETY: the host wants the answer there.
    unsafe { value.write(this.shared.slots.value(slot).into()) };
    true
}

unsafe extern "C" fn params_value_to_text(
    plugin: *const clap_plugin,
    id: clap_id,
    value: f64,
    text: *mut c_char,
    size: u32,
) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let this = unsafe { instance(plugin) };
    let (Some(this), Some(slot), Some(value)) = (this, slot_of(id), valid(value)) else {
        return false;
    };
    if text.is_null() || size == 0 {
        return false;
    }
    // SAFETY: the host offers `size` characters there.
    let text = unsafe { slice::from_raw_parts_mut(text, size as usize) };
    copy_text(text, &this.shared.slots.view().text(slot, value));
    true
}

unsafe extern "C" fn params_text_to_value(
    plugin: *const clap_plugin,
    id: clap_id,
    text: *const c_char,
    value: *mut f64,
) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it.
    let this = unsafe { instance(plugin) };
    let (Some(this), Some(slot)) = (this, slot_of(id)) else {
        return false;
    };
    if text.is_null() || value.is_null() {
        return false;
    }
    // SAFETY: the host passes a C string.
    let Ok(text) = unsafe { CStr::from_ptr(text) }.to_str() else {
        return false;
    };
    match this.shared.slots.view().parse(slot, text) {
        Some(parsed) => {
            // SAFETY: the host wants the answer there.
            unsafe { value.write(parsed.into()) };
            true
        }
        None => false,
    }
}

unsafe extern "C" fn params_flush(
    plugin: *const clap_plugin,
    events: *const clap_input_events,
    out: *const clap_output_events,
) {
    // SAFETY: the wrapper's own extension, asked for and called as a host would.
    unsafe {
        let Some(get) = instance(plugin).and_then(|this| this.wrapped.get_extension) else {
            return;
        };
        let wrapped = get(plugin, CLAP_EXT_PARAMS.as_ptr()).cast::<clap_plugin_params>();
        if let Some(flush) = wrapped.as_ref().and_then(|params| params.flush) {
            flush(plugin, events, out);
        }
    }
}

unsafe extern "C" fn state_save(plugin: *const clap_plugin, stream: *const clap_ostream) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it, and with its own stream.
    let (this, write) = unsafe {
        (
            instance(plugin),
            stream.as_ref().and_then(|stream| stream.write),
        )
    };
    let (Some(this), Some(write)) = (this, write) else {
        return false;
    };
    let bytes = this.shared.save();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        // SAFETY: the stream reads no more than `rest.len()` bytes.
        let written = unsafe { write(stream, rest.as_ptr().cast(), rest.len() as u64) };
        match usize::try_from(written) {
            Ok(written @ 1..) if written <= rest.len() => rest = &rest[written..],
            _ => return false,
        }
    }
    true
}

unsafe extern "C" fn state_load(plugin: *const clap_plugin, stream: *const clap_istream) -> bool {
    // SAFETY: the host calls with a pointer that `create` gave it, and with its own stream.
    let (this, read) = unsafe {
        (
            instance(plugin),
            stream.as_ref().and_then(|stream| stream.read),
        )
    };
    let (Some(this), Some(read)) = (this, read) else {
        return false;
    };
    let mut bytes = Vec::new();
    let mut part = [0_u8; 16 << 10];
    loop {
        // SAFETY: the stream writes no more than `part.len()` bytes.
        let count = unsafe { read(stream, part.as_mut_ptr().cast(), part.len() as u64) };
        match usize::try_from(count)
            .ok()
            .and_then(|count| part.get(..count))
        {
            Some([]) => break,
            Some(read) if bytes.len() + read.len() <= STATE_LIMIT => bytes.extend_from_slice(read),
            _ => return false,
        }
    }
    if this.shared.load(&bytes).is_err() {
        return false;
    }
    // SAFETY: the host's extension outlives the instance, and CLAP loads states on the main thread,
    // where this may be called.
    unsafe {
        let params = this.host_params.get().as_ref();
        if let Some(rescan) = params.and_then(|params| params.rescan) {
            let changed =
                CLAP_PARAM_RESCAN_INFO | CLAP_PARAM_RESCAN_TEXT | CLAP_PARAM_RESCAN_VALUES;
            rescan(this.host, changed);
        }
    }
    true
}

/// Copies as much text as fits before the closing zero, in whole characters.
fn copy_text(to: &mut [c_char], text: &str) {
    let Some(room) = to.len().checked_sub(1) else {
        return;
    };
    let end = text.floor_char_boundary(room);
    let text = text.as_bytes()[..end].iter().take_while(|byte| **byte != 0);
    let mut length = 0;
    for (to, byte) in to.iter_mut().zip(text) {
        *to = *byte as c_char;
        length += 1;
    }
    to[length] = 0;
}

fn descriptors() -> &'static [PluginDescriptor; 2] {
    static DESCRIPTORS: OnceLock<[PluginDescriptor; 2]> = OnceLock::new();
    DESCRIPTORS.get_or_init(|| {
        [
            PluginDescriptor::for_plugin::<Weft>(),
            PluginDescriptor::for_plugin::<WeftFx>(),
        ]
    })
}

unsafe extern "C" fn get_plugin_count(_factory: *const clap_plugin_factory) -> u32 {
    descriptors().len() as u32
}

unsafe extern "C" fn get_plugin_descriptor(
    _factory: *const clap_plugin_factory,
    index: u32,
) -> *const clap_plugin_descriptor {
    descriptors()
        .get(index as usize)
        .map_or(null(), |descriptor| descriptor.clap_plugin_descriptor())
}

unsafe extern "C" fn create_plugin(
    _factory: *const clap_plugin_factory,
    host: *const clap_host,
    id: *const c_char,
) -> *const clap_plugin {
    if host.is_null() || id.is_null() {
        return null();
    }
    // SAFETY: hosts pass plugin ids as C strings.
    let id = unsafe { CStr::from_ptr(id) };
    let [weft, weft_fx] = descriptors();
    // SAFETY: CLAP demands that the host outlives its instances.
    unsafe {
        if id == weft.clap_id() {
            create::<Weft>(host)
        } else if id == weft_fx.clap_id() {
            create::<WeftFx>(host)
        } else {
            null()
        }
    }
}

unsafe extern "C" fn entry_init(_path: *const c_char) -> bool {
    setup_logger::<Weft>();
    true
}

unsafe extern "C" fn entry_deinit() {}

unsafe extern "C" fn get_factory(id: *const c_char) -> *const c_void {
    static FACTORY: clap_plugin_factory = clap_plugin_factory {
        get_plugin_count: Some(get_plugin_count),
        get_plugin_descriptor: Some(get_plugin_descriptor),
        create_plugin: Some(create_plugin),
    };
    // SAFETY: hosts pass factory ids as C strings.
    if !id.is_null() && unsafe { CStr::from_ptr(id) } == CLAP_PLUGIN_FACTORY_ID {
        (&raw const FACTORY).cast()
    } else {
        null()
    }
}

/// Where CLAP hosts enter the library.
// SAFETY: no other symbol of this name is in the library, and CLAP prescribes it.
#[unsafe(no_mangle)]
pub static clap_entry: clap_plugin_entry = clap_plugin_entry {
    clap_version: CLAP_VERSION,
    init: Some(entry_init),
    deinit: Some(entry_deinit),
    get_factory: Some(get_factory),
};

#[cfg(test)]
mod rig;
#[cfg(test)]
mod tests;
