//! The factory makes what it is asked for by name, and nothing else.

use std::ptr::null;

use super::Plug;
use crate::plugin::clap::rig::Host;
use crate::plugin::clap::{create_plugin, get_factory, get_plugin_descriptor};

#[test]
fn only_the_exact_ids_make_plugins() {
    for id in [
        "",
        "org.weft-synth",
        "org.weft-synth.weft2",
        "org.weft-synth.weft-f",
    ] {
        assert!(Plug::try_new(id).is_none(), "{id}");
    }
    for id in ["org.weft-synth.weft", "org.weft-synth.weft-fx"] {
        assert!(Plug::try_new(id).is_some(), "{id}");
    }
    // SAFETY: null pointers are answered, not followed.
    unsafe {
        assert!(create_plugin(null(), null(), c"org.weft-synth.weft".as_ptr()).is_null());
        assert!(create_plugin(null(), &Host::new().raw, null()).is_null());
        assert!(get_plugin_descriptor(null(), 2).is_null());
        assert!(get_factory(null()).is_null());
        assert!(get_factory(c"clap.plugin-factoryx".as_ptr()).is_null());
    }
}
