//! nice-plug's view of the plugin: builds the player's events and runs it.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use assert_no_alloc::assert_no_alloc;
use nice_plug::prelude::{
    ActivateContext, AudioIOLayout, AuxiliaryBuffers, Buffer, BufferConfig, ClapFeature,
    ClapPlugin, MidiConfig, Params, Plugin, ProcessContext, ProcessStatus, Vst3Plugin,
    Vst3SubCategory, nice_error,
};

use super::notes;
use super::slots::{SlotBank, TurnedSlots};
use super::state::Shared;
use crate::engine::{Event, EventKind, HostTransport, Player, SLOTS, handover};
use crate::patch::Patch;

/// Makes debug and test builds abort when the player allocates or frees.
#[cfg(debug_assertions)]
#[global_allocator]
static ALLOCATOR: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;

/// Host events one block can hold: 64 for every slot. nice-plug allocates beyond it, so the format
/// wrappers never let more through.
pub const EVENT_CAPACITY: usize = 64 * SLOTS;

/// The tempo where the host names none.
const USUAL_TEMPO: f64 = 120.0;

/// What differs between the two plugins.
pub trait Variant: Send + Sync + 'static {
    /// The name hosts list.
    const NAME: &'static str;
    /// One sentence about it.
    const DESCRIPTION: &'static str;
    /// CLAP's id. Never changes.
    const CLAP_ID: &'static str;
    /// Where CLAP hosts list it.
    const CLAP_FEATURES: &'static [ClapFeature];
    /// VST3's id. Never changes.
    const VST3_ID: [u8; 16];
    /// Where VST3 hosts list it.
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory];
    /// Its buses: one layout.
    const LAYOUTS: &'static [AudioIOLayout];
    /// The patch of a fresh instance, as RON.
    const FIRST_PATCH: &'static str;
}

/// One plugin instance.
pub struct Processor<V: Variant> {
    shared: Arc<Shared>,
    running: Option<Running>,
    variant: PhantomData<V>,
}

/// What exists between activation and deactivation.
struct Running {
    player: Player,
    plans: handover::Receiver,
    events: Vec<Event>,
    /// Notes that belong to the first frame of the next block.
    late: Vec<Event>,
    /// The main input's two sides; nice-plug hands it over in the output's place.
    input: [Vec<f32>; 2],
    /// The player panicked and stays silent until it is reset or replaced.
    failed: bool,
}

thread_local! {
    static NEWBORN: std::cell::Cell<Option<Arc<Shared>>> = const { std::cell::Cell::new(None) };
}

/// The shared part of the instance this thread made last. nice-plug makes the instance out of the
/// format wrappers' sight, on the same thread.
pub fn take_newborn() -> Option<Arc<Shared>> {
    NEWBORN.take()
}

impl<V: Variant> Default for Processor<V> {
    fn default() -> Self {
        let patch = Patch::from_ron(V::FIRST_PATCH).map(|(patch, _)| patch);
        let patch = patch.unwrap_or_else(|error| {
            nice_error!(
                "The built-in first patch of {} is unusable: {error}",
                V::NAME
            );
            Patch::default()
        });
        let shared = Arc::new(Shared::new(patch));
        NEWBORN.set(Some(Arc::clone(&shared)));
        Processor {
            shared,
            running: None,
            variant: PhantomData,
        }
    }
}

impl<V: Variant> Plugin for Processor<V> {
    const NAME: &'static str = V::NAME;
    const VENDOR: &'static str = "Weft";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = V::LAYOUTS;
    const MIDI_INPUT: MidiConfig = MidiConfig::MidiCCs;
    const SAMPLE_ACCURATE_AUTOMATION: bool = true;
    const INPUT_EVENT_CAPACITY: usize = EVENT_CAPACITY;
    type Editor = ();
    type SysExMessage = ();
    type BackgroundTask = ();

    fn params(&self) -> Arc<dyn Params> {
        Arc::clone(&self.shared.slots) as Arc<dyn Params>
    }

    fn activate(
        &mut self,
        _layout: &AudioIOLayout,
        config: &BufferConfig,
        _context: &mut impl ActivateContext<Self>,
    ) -> bool {
        let rate = config.sample_rate;
        if !(rate.is_finite() && rate > 0.0) {
            nice_error!("{} cannot run at a sample rate of {rate} Hz.", V::NAME);
            return false;
        }
        let (player, plans) = self.shared.activate(rate);
        self.running = Some(Running::new(player, plans, config.max_buffer_size as usize));
        true
    }

    fn deactivate(&mut self) {
        self.running = None;
        self.shared.deactivate();
    }

    fn reset(&mut self) {
        if let Some(running) = &mut self.running {
            running.reset();
        }
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        let main_input = V::LAYOUTS
            .first()
            .is_some_and(|layout| layout.main_input_channels.is_some());
        match &mut self.running {
            Some(running) => assert_no_alloc(|| {
                running.gather(&self.shared.slots, buffer.samples(), context);
                running.run(main_input, transport(context), buffer, aux);
            }),
            None => silence(buffer),
        }
        // Patches drone and ring by themselves; only the person decides when they end.
        ProcessStatus::KeepAlive
    }
}

impl Running {
    fn new(player: Player, plans: handover::Receiver, frames: usize) -> Running {
        Running {
            player,
            plans,
            events: Vec::with_capacity(EVENT_CAPACITY + SLOTS),
            late: Vec::with_capacity(EVENT_CAPACITY),
            input: [vec![0.0; frames], vec![0.0; frames]],
            failed: false,
        }
    }

    fn reset(&mut self) {
        self.late.clear();
        self.failed = catch_unwind(AssertUnwindSafe(|| self.player.reset())).is_err();
    }

    /// Takes a new plan if there is one, then lists what happens in this block.
    fn gather<P: Plugin<SysExMessage = ()>>(
        &mut self,
        slots: &SlotBank,
        frames: usize,
        context: &mut impl ProcessContext<P>,
    ) {
        // In this order: what a new patch turned is seen after its plan arrived, never before.
        let mut turned = slots.take_turned();
        let waited = self.plans.holds_patch();
        if self.plans.poll(&mut self.player) {
            self.failed = false;
        }
        if self.plans.holds_patch() {
            // Meant for the patch that waits; the one that plays has other knobs behind these slots.
            turned = TurnedSlots::default();
        } else if waited {
            turned = slots.moved();
        }

        self.events.clear();
        for slot in turned {
            let kind = EventKind::Slot {
                slot: slot as u16,
                normalized: slots.heard(slot),
            };
            push(&mut self.events, Event { frame: 0, kind });
        }
        for event in self.late.drain(..) {
            push(&mut self.events, event);
        }

        let api = context.plugin_api();
        let mut last = 0;
        while let Some(event) = context.next_event() {
            notes::translate(event, api, &mut |note| {
                // Hosts that do not sort their events still get them in the order they came.
                last = note.frame.max(last);
                let event = Event {
                    frame: last,
                    kind: EventKind::Note(note),
                };
                // nice-plug cuts blocks at parameter changes and hands a note on the very frame of
                // the cut to the part before it.
                if (last as usize) < frames {
                    push(&mut self.events, event);
                } else {
                    push(&mut self.late, Event { frame: 0, ..event });
                }
            });
        }
    }

    fn run(
        &mut self,
        main_input: bool,
        transport: HostTransport,
        buffer: &mut Buffer,
        aux: &mut AuxiliaryBuffers,
    ) {
        let frames = buffer.samples();
        let [left, right] = &mut self.input;
        let mut inputs: [&[f32]; 4] = [&[]; 4];
        if main_input {
            for (kept, given) in [&mut *left, &mut *right].into_iter().zip(buffer.as_slice()) {
                for (kept, given) in kept.iter_mut().zip(given.iter()) {
                    *kept = *given;
                }
            }
            inputs[0] = &left[..frames.min(left.len())];
            inputs[1] = &right[..frames.min(right.len())];
        }
        if let Some(sidechain) = aux.inputs.first() {
            for (input, given) in inputs[2..].iter_mut().zip(sidechain.as_slice_immutable()) {
                *input = &given[..frames.min(given.len())];
            }
        }

        if let ([left, right, ..], false) = (buffer.as_slice(), self.failed) {
            let play = || {
                self.player
                    .process(&transport, inputs, [left, right], &self.events);
            };
            self.failed = catch_unwind(AssertUnwindSafe(play)).is_err();
            if !self.failed {
                return;
            }
        }
        silence(buffer);
    }
}

/// Adds an event unless that would allocate.
fn push(events: &mut Vec<Event>, event: Event) {
    if events.len() < events.capacity() {
        events.push(event);
    }
}

fn silence(buffer: &mut Buffer) {
    for channel in buffer.as_slice() {
        channel.fill(0.0);
    }
}

fn transport<P: Plugin>(context: &impl ProcessContext<P>) -> HostTransport {
    let host = context.transport();
    HostTransport {
        playing: host.playing,
        tempo: host
            .tempo
            .filter(|tempo| tempo.is_finite() && *tempo > 0.0)
            .unwrap_or(USUAL_TEMPO),
        beat: host.pos_beats().filter(|beat| beat.is_finite()),
    }
}

impl<V: Variant> ClapPlugin for Processor<V> {
    const CLAP_ID: &'static str = V::CLAP_ID;
    const CLAP_DESCRIPTION: Option<&'static str> = Some(V::DESCRIPTION);
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = V::CLAP_FEATURES;
}

impl<V: Variant> Vst3Plugin for Processor<V> {
    const VST3_CLASS_ID: [u8; 16] = V::VST3_ID;
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = V::VST3_SUBCATEGORIES;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::compile;
    use crate::plugin::{Effect, Instrument};

    #[test]
    fn the_first_patches_are_whole() {
        for text in [Instrument::FIRST_PATCH, Effect::FIRST_PATCH] {
            let (patch, notes) = Patch::from_ron(text).expect("it is built in");
            assert_eq!(notes, [], "{}", patch.name);
            assert!(compile(&patch, 48_000.0).is_ok(), "{}", patch.name);
        }
    }

    /// Runs itself in another process, which the guard must end.
    #[test]
    #[cfg(debug_assertions)]
    fn an_allocation_in_the_callback_ends_debug_builds() {
        const ASKED: &str = "WEFT_TEST_ALLOCATES";
        let allocate = || std::hint::black_box(vec![1_u8; 64]);
        if std::env::var_os(ASKED).is_some() {
            drop(assert_no_alloc(allocate));
            return;
        }
        let ends_well = |asked: bool| {
            let name = concat!(
                module_path!(),
                "::an_allocation_in_the_callback_ends_debug_builds"
            );
            let name = name.split_once("::").expect("it is in a crate").1;
            let mut run = std::process::Command::new(std::env::current_exe().expect("it runs"));
            run.args(["--exact", if asked { name } else { "nothing" }]);
            let run = run.env(ASKED, "1").output().expect("it runs again");
            run.status.success()
        };
        assert!(ends_well(false), "another process runs as such");
        assert!(!ends_well(true), "the guard let an allocation pass");
    }

    #[test]
    fn events_are_dropped_rather_than_stored_with_an_allocation() {
        let mut events = Vec::with_capacity(2);
        let capacity = events.capacity();
        let kind = EventKind::Slot {
            slot: 0,
            normalized: 0.5,
        };
        for frame in 0..100 {
            push(&mut events, Event { frame, kind });
        }
        assert_eq!((events.len(), events.capacity()), (capacity, capacity));
    }
}
