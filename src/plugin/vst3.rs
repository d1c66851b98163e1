//! The VST3 factory and the library's VST3 entry points.

mod changes;
mod component;
mod notes;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod tests;

use std::ffi::c_void;

use nice_plug::prelude::Vst3Plugin;
use nice_plug::wrapper::setup_logger;
use nice_plug::wrapper::vst3::PluginInfo;
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    FIDString, FUnknown, IPluginFactory, IPluginFactory2, IPluginFactory2Trait, IPluginFactory3,
    IPluginFactory3Trait, IPluginFactoryTrait, PClassInfo, PClassInfo2, PClassInfoW, PFactoryInfo,
    TUID, int32, kInvalidArgument, kResultFalse, kResultOk, tresult,
};
use nice_plug::wrapper::vst3::vst3::{Class, ComWrapper};

use self::component::Component;
use super::{Weft, WeftFx};

/// Describes and makes the two plugins.
struct Factory {
    plugins: [PluginInfo; 2],
}

impl Class for Factory {
    type Interfaces = (IPluginFactory, IPluginFactory2, IPluginFactory3);
}

impl Factory {
    fn new() -> Factory {
        Factory {
            plugins: [
                PluginInfo::for_plugin::<Weft>(),
                PluginInfo::for_plugin::<WeftFx>(),
            ],
        }
    }

    /// Writes what `describe` says of the plugin with an index.
    ///
    /// # Safety
    /// `to` must be null or writable.
    unsafe fn answer<T>(
        &self,
        index: int32,
        to: *mut T,
        describe: impl Fn(&PluginInfo) -> T,
    ) -> tresult {
        let plugin = usize::try_from(index)
            .ok()
            .and_then(|index| self.plugins.get(index));
        match plugin {
            Some(plugin) if !to.is_null() => {
                // SAFETY: not null, and the host wants the answer there.
                unsafe { to.write(describe(plugin)) };
                kResultOk
            }
            _ => kInvalidArgument,
        }
    }
}

/// Makes one plugin and gives the host the interface it asks for.
///
/// # Safety
/// `interface` must lead to an interface id and `object` be writable.
unsafe fn create<P: Vst3Plugin>(interface: FIDString, object: *mut *mut c_void) -> tresult {
    let Some(component) = Component::<P>::new() else {
        return kResultFalse;
    };
    let component = ComWrapper::new(component);
    let Some(unknown) = component.as_com_ref::<FUnknown>() else {
        return kResultFalse;
    };
    let unknown = unknown.as_ptr();
    // SAFETY: a living object asked as COM prescribes; what it returns holds its own reference.
    unsafe { ((*(*unknown).vtbl).queryInterface)(unknown, interface.cast::<TUID>(), object) }
}

impl IPluginFactoryTrait for Factory {
    unsafe fn getFactoryInfo(&self, info: *mut PFactoryInfo) -> tresult {
        // SAFETY: the host wants the answer there.
        unsafe { self.answer(0, info, PluginInfo::create_factory_info) }
    }

    unsafe fn countClasses(&self) -> int32 {
        self.plugins.len() as int32
    }

    unsafe fn getClassInfo(&self, index: int32, info: *mut PClassInfo) -> tresult {
        // SAFETY: the host wants the answer there.
        unsafe { self.answer(index, info, PluginInfo::create_class_info) }
    }

    unsafe fn createInstance(
        &self,
        class: FIDString,
        interface: FIDString,
        object: *mut *mut c_void,
    ) -> tresult {
        if class.is_null() || interface.is_null() || object.is_null() {
            return kInvalidArgument;
        }
        let [weft, weft_fx] = &self.plugins;
        // SAFETY: hosts pass ids of 16 bytes and a place for the answer.
        unsafe {
            let class = class.cast::<[u8; 16]>().read_unaligned();
            if class == *weft.cid {
                create::<Weft>(interface, object)
            } else if class == *weft_fx.cid {
                create::<WeftFx>(interface, object)
            } else {
                kInvalidArgument
            }
        }
    }
}

impl IPluginFactory2Trait for Factory {
    unsafe fn getClassInfo2(&self, index: int32, info: *mut PClassInfo2) -> tresult {
        // SAFETY: the host wants the answer there.
        unsafe { self.answer(index, info, PluginInfo::create_class_info_2) }
    }
}

impl IPluginFactory3Trait for Factory {
    unsafe fn getClassInfoUnicode(&self, index: int32, info: *mut PClassInfoW) -> tresult {
        // SAFETY: the host wants the answer there.
        unsafe { self.answer(index, info, PluginInfo::create_class_info_unicode) }
    }

    unsafe fn setHostContext(&self, _context: *mut FUnknown) -> tresult {
        kResultOk
    }
}

/// Where VST3 hosts enter the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[unsafe(no_mangle)]
pub extern "system" fn GetPluginFactory() -> *mut c_void {
    ComWrapper::new(Factory::new())
        .to_com_ptr::<IPluginFactory>()
        .map_or(std::ptr::null_mut(), |factory| factory.into_raw().cast())
}

/// Called when a host has loaded the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[cfg(all(target_family = "unix", not(target_os = "macos")))]
#[unsafe(no_mangle)]
pub extern "C" fn ModuleEntry(_library: *mut c_void) -> bool {
    setup_logger::<Weft>();
    true
}

/// Called before a host unloads the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[cfg(all(target_family = "unix", not(target_os = "macos")))]
#[unsafe(no_mangle)]
pub extern "C" fn ModuleExit() -> bool {
    true
}

/// Called when a host has loaded the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
pub extern "C" fn bundleEntry(_bundle: *mut c_void) -> bool {
    setup_logger::<Weft>();
    true
}

/// Called before a host unloads the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
pub extern "C" fn bundleExit() -> bool {
    true
}

/// Called when a host has loaded the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[cfg(target_os = "windows")]
#[unsafe(no_mangle)]
pub extern "system" fn InitDll() -> bool {
    setup_logger::<Weft>();
    true
}

/// Called before a host unloads the library.
// SAFETY: no other symbol of this name is in the library, and VST3 prescribes it.
#[cfg(target_os = "windows")]
#[unsafe(no_mangle)]
pub extern "system" fn ExitDll() -> bool {
    true
}
