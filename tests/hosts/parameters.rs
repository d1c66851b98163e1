//! What hosts show of the parameters.

use std::collections::HashSet;

use crate::host::{HOSTS, Host, Instance, PLUGINS, Param, everywhere, open, open_with};
use crate::patches::{RENAMED, VOICE};

const SLOTS: usize = 1024;

/// The slots of [`VOICE`] that carry something, counted from 0: name, module, switch steps.
const BOUND: [(usize, &str, &str, i32); 7] = [
    (0, "Filter Cutoff", "Filter", 0),
    (1, "Filter Resonance", "Filter", 0),
    (2, "Env Attack", "Env", 0),
    (4, "Osc Fine", "Osc", 0),
    (5, "Out Mute", "Out", 1),
    (7, "Out Level", "Out", 0),
    (1023, "Notes Mode", "Notes", 3),
];

/// A text must be this number and unit, with as many digits as it likes.
#[track_caller]
fn assert_reads(text: Option<String>, number: f64, unit: &str) {
    let text = text.expect("a text");
    let parts: Vec<&str> = text.split(' ').collect();
    let shown = parts[0].parse::<f64>().ok();
    assert!(shown == Some(number) && parts[1..] == [unit], "{text:?}");
}

fn voice(host: Host, plugin: crate::host::Plugin) -> (Box<dyn Instance>, Vec<Param>) {
    let mut instance = open_with(host, plugin, VOICE, 48_000.0, 512);
    let params = instance.params();
    (instance, params)
}

#[test]
fn slots_are_many_fixed_and_alike_in_every_format() {
    let ids = |params: &[Param]| params.iter().map(|param| param.id).collect::<Vec<_>>();
    let fresh = ids(&open(Host::Clap, PLUGINS[0]).params());
    assert_eq!(fresh.iter().collect::<HashSet<_>>().len(), SLOTS);
    everywhere(|host, plugin| {
        let mut instance = open(host, plugin);
        let count = instance.param_count();
        assert!(
            count >= SLOTS && (host != Host::Clap || count == SLOTS),
            "{count}"
        );
        assert_eq!(ids(&instance.params()), fresh);
        for patch in [VOICE, RENAMED, VOICE] {
            assert!(instance.load(patch.as_bytes()));
            assert_eq!(
                instance.param_count(),
                count,
                "the host may not lose parameters"
            );
            assert_eq!(
                ids(&instance.params()),
                fresh,
                "automation would lose its target"
            );
        }
    });
}

#[test]
fn bound_slots_carry_real_names_and_the_others_are_hidden() {
    everywhere(|host, plugin| {
        let (_, params) = voice(host, plugin);
        for (index, name, module, steps) in BOUND {
            let param = &params[index];
            assert_eq!(param.name, name);
            assert!(!param.hidden, "{name} is hidden");
            if let Some(shown) = &param.module {
                assert_eq!(shown, module);
            }
            if let Some(shown) = param.steps {
                assert_eq!(shown, steps, "{name}");
            }
        }
        let shown = params.iter().filter(|param| !param.hidden).count();
        assert_eq!(shown, BOUND.len(), "unbound slots must be hidden");
    });
}

#[test]
fn names_follow_the_patch_and_the_host_is_told() {
    everywhere(|host, plugin| {
        let (mut instance, before) = voice(host, plugin);
        instance.was_renamed();
        assert!(!instance.was_renamed());
        assert!(instance.load(RENAMED.as_bytes()));
        assert!(
            instance.was_renamed(),
            "the host would keep showing the old names"
        );
        let after = instance.params();
        assert_eq!(after[0].name, "Echo 2 Feedback");
        assert_eq!(after[3].name, "Out Level");
        assert_eq!(
            after.iter().filter(|param| !param.hidden).count(),
            2,
            "slots of the patch before still show"
        );
        assert!(!instance.load(b"garbage"));
        assert!(!instance.was_renamed(), "nothing changed");
        assert_eq!(instance.params(), after);
        assert!(instance.load(VOICE.as_bytes()));
        assert!(instance.was_renamed());
        assert_eq!(instance.params(), before);
    });
}

#[test]
fn values_read_as_people_write_them_and_back() {
    everywhere(|host, plugin| {
        let (mut instance, params) = voice(host, plugin);
        let cutoff = &params[0];
        let value = instance.value(cutoff.id).expect("it has a value");
        assert_reads(instance.text(cutoff, value), 800.0, "Hz");
        // The default is a fresh module's, not the patch's.
        assert_reads(instance.text(cutoff, cutoff.default), 1.0, "kHz");
        let mute = &params[5];
        assert_eq!(instance.text(mute, 0.0).as_deref(), Some("Off"));
        assert_eq!(instance.text(mute, 1.0).as_deref(), Some("On"));
        let level = &params[7];
        let value = instance.value(level.id).expect("it has a value");
        assert_reads(instance.text(level, value), -12.0, "dB");
        let mode = &params[1023];
        let modes: Vec<String> = (0..=3)
            .filter_map(|step| instance.text(mode, f64::from(step) / 3.0))
            .collect();
        assert_eq!(modes.iter().collect::<HashSet<_>>().len(), 4, "{modes:?}");

        for param in [0, 1, 2, 4, 5, 7, 1023].map(|index| &params[index]) {
            for step in 0..=20 {
                let value = f64::from(step) / 20.0;
                let text = instance.text(param, value).expect("every value has a text");
                assert!(!text.is_empty());
                if host == Host::Vst3 {
                    continue;
                }
                let parsed = instance.parse(param.id, &text).unwrap_or_else(|| {
                    panic!("{} reads {text:?} but does not take it", param.name)
                });
                let again = instance.text(param, parsed);
                assert_eq!(again.as_deref(), Some(&*text), "{}", param.name);
            }
        }
        if host != Host::Vst3 {
            let mut typed = |text: &str| {
                let value = instance.parse(cutoff.id, text)?;
                instance.text(cutoff, value)
            };
            assert_reads(typed("800 Hz"), 800.0, "Hz");
            assert_reads(typed("2k"), 2.0, "kHz");
            assert_reads(typed("A4"), 440.0, "Hz");
            assert_reads(typed("99999999 Hz"), 20.0, "kHz");
            for nonsense in ["loud", "", "NaN", "inf", "Hz"] {
                assert_eq!(
                    typed(nonsense),
                    None,
                    "{nonsense:?} is taken for a frequency"
                );
            }
        }
    });
}

#[test]
fn formats_show_the_same_texts() {
    for plugin in PLUGINS {
        let mut instances = HOSTS.map(|host| voice(host, plugin));
        for (index, ..) in BOUND {
            for step in 0..=50 {
                let value = f64::from(step) / 50.0;
                let texts: Vec<Option<String>> = instances
                    .iter_mut()
                    .map(|(instance, params)| instance.text(&params[index], value))
                    .collect();
                assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
            }
            let shown = |instance: &mut Box<dyn Instance>, id| instance.value(id);
            let values: Vec<Option<f64>> = instances
                .iter_mut()
                .map(|(instance, params)| shown(instance, params[index].id))
                .collect();
            assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        }
    }
}
