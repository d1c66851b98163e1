//! What commits add to sound that has no steps of its own.
//!
//! Nobody can tell a click among noise, gates and sync from the sound. So a patch that makes nothing but
//! low and even sound is rewired in every way that keeps it so: whatever is abrupt then, a commit did.

use std::sync::mpsc::sync_channel;

use anyhow::{Result, bail};
use weft::engine::session::Session;
use weft::patch::{Cable, Edit, Patch, PortRef};

use super::random::Random;
use super::stage::{LAG, Stage};

/// Frames per second: the lowest that hosts use much, at which sound is the least even.
const RATE: f32 = 48_000.0;
/// Acts from one whole patch to the next.
const LOAD: u64 = 20;
/// Feedback cables at most.
const FEEDBACK: usize = 3;
/// How loud all instruments together are before they are turned down.
const LEVEL: f32 = 0.35;

/// A kind of module that keeps even sound even.
struct Kind {
    id: &'static str,
    outputs: &'static [&'static str],
    /// What may be patched, and how far up.
    inputs: &'static [(&'static str, f32)],
    /// What may be turned, and between which values.
    values: &'static [(&'static str, f32, f32)],
    /// The first of those it may be replaced by.
    shelf: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        id: "sine",
        outputs: &["out"],
        inputs: &[("phase-mod", 0.05), ("fm", 0.05), ("pitch", 0.02)],
        values: &[("pitch", -3.0, -1.0), ("phase-mod-depth", 0.0, 1.0)],
        shelf: "tone",
    },
    Kind {
        id: "one-pole",
        outputs: &["low", "high"],
        inputs: &[("in", 0.5), ("cutoff", 0.1)],
        values: &[("cutoff", 100.0, 2_000.0)],
        shelf: "filter",
    },
    Kind {
        id: "svf",
        outputs: &["low", "band", "notch", "all-pass"],
        inputs: &[("in", 0.5), ("cutoff", 0.1)],
        values: &[("cutoff", 100.0, 2_000.0), ("resonance", 0.0, 0.3)],
        shelf: "filter",
    },
    Kind {
        id: "vca",
        outputs: &["out"],
        inputs: &[("in", 0.7), ("level", 0.3)],
        values: &[("level", 0.0, 1.0)],
        shelf: "level",
    },
    Kind {
        id: "scale",
        outputs: &["out"],
        inputs: &[("in", 0.7)],
        values: &[("gain", -1.0, 1.0), ("offset", -0.2, 0.2)],
        shelf: "level",
    },
    Kind {
        id: "mixer",
        outputs: &["out", "left", "right"],
        inputs: &[("in-1", 0.7), ("in-2", 0.7), ("level-1", 0.1)],
        values: &[("level", -20.0, 0.0), ("pan-1", -1.0, 1.0)],
        shelf: "mixer",
    },
    Kind {
        id: "multiply",
        outputs: &["out"],
        inputs: &[("a", 0.7), ("b", 0.7)],
        values: &[("amount", 0.0, 1.0)],
        shelf: "multiply",
    },
    Kind {
        id: "lfo",
        outputs: &["out"],
        inputs: &[("rate", 0.1)],
        values: &[("rate", 0.1, 8.0)],
        shelf: "lfo",
    },
    Kind {
        id: "reverb",
        outputs: &["left", "right"],
        inputs: &[("left", 0.5), ("right", 0.5), ("mix", 0.2)],
        values: &[("mix", 0.0, 1.0)],
        shelf: "room",
    },
    Kind {
        id: "delay",
        outputs: &["left", "right"],
        inputs: &[("left", 0.5), ("right", 0.5)],
        values: &[("mix", 0.0, 1.0), ("feedback", 0.0, 0.7)],
        shelf: "room",
    },
    Kind {
        id: "audio-in",
        outputs: &["left", "right"],
        inputs: &[],
        values: &[],
        shelf: "in",
    },
    Kind {
        id: "audio-out",
        outputs: &[],
        inputs: &[("left", 0.1), ("right", 0.1)],
        values: &[("level", -18.0, -12.0), ("balance", -0.5, 0.5)],
        shelf: "out",
    },
    Kind {
        id: "notes",
        outputs: &[],
        inputs: &[],
        values: &[("voices", 1.0, 16.0)],
        shelf: "notes",
    },
];

/// What came of it.
#[derive(Debug, Default)]
pub struct Calm {
    /// The most abrupt it was; see [`Edges`](super::edge::Edges).
    pub worst_step: f32,
    /// What was committed last before that.
    pub after: String,
    /// The loudest sample: there was something to hear.
    pub peak: f32,
    /// How many commits there were.
    pub commits: u64,
    /// Samples that were no finite numbers.
    pub nan: u64,
}

impl std::fmt::Display for Calm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "worst step in even sound through {} commits: {:.7} of full scale (the sound has {:.2}), after {}",
            self.commits, self.worst_step, self.peak, self.after
        )
    }
}

/// Plays patches of this many modules through this many commits, whose cables fade for `fade` seconds.
///
/// # Errors
/// If a patch cannot be made or a commit does not get through.
pub fn play(modules: usize, commits: u64, seed: u64, fade: f32) -> Result<Calm> {
    let mut random = Random::new(seed.rotate_left(16));
    let mut patches = Vec::new();
    for size in [modules, modules / 2 + 1] {
        let mut patch = even(size, &mut random)?;
        patch.transition.fade = fade;
        patches.push(patch);
    }
    let session = Session::new(patches[0].clone());
    let (ticks, _) = sync_channel(LAG);
    let (_, sent) = sync_channel(1);
    let mut stage = Stage::new(&session, RATE, seed, ticks, sent);
    // The start of the audio is as abrupt as it likes.
    stage.play(0.5);
    (stage.edge, stage.peak) = (0.0, 0.0);
    let mut calm = Calm::default();
    let (mut serial, mut acts) = (0, 0);
    let mut said = String::from("nothing");
    while calm.commits < commits {
        acts += 1;
        let act = match acts % LOAD {
            // Now and then while the one before still fades.
            10 | 11 => load(&session, &patches[(acts / LOAD) as usize % 2]),
            _ => one(&session, &mut serial, &mut random),
        };
        stage.commit();
        calm.commits += 1;
        if random.chance(0.1) {
            // The next one comes while this one is on its way or fades.
            stage.play(0.01 * f64::from(random.unit()));
        } else {
            while stage.is_waiting() {
                stage.block();
            }
            stage.play(f64::from(0.03 + 0.1 * random.unit()));
        }
        said = format!("{act} of act {acts}, {said}")
            .chars()
            .take(600)
            .collect();
        calm.peak = calm.peak.max(stage.peak);
        if stage.edge > calm.worst_step {
            (calm.worst_step, calm.after) = (stage.edge, said.clone());
        }
        (stage.edge, stage.peak) = (0.0, 0.0);
    }
    calm.nan = stage.nan;
    if stage.commits.failed > 0 {
        let failed = stage.commits.failed;
        bail!("{failed} commits did not get through");
    }
    Ok(calm)
}

/// Instruments side by side until there are this many modules: drones, and some that play notes.
fn even(modules: usize, random: &mut Random) -> Result<Patch> {
    let mut patch = Patch::new("Even");
    patch.add("out", "audio-out")?;
    // Far below the limiter, which is no even thing.
    patch.set_value("out", "level", -12.0);
    patch.add("in", "audio-in")?;
    patch.add("notes", "notes")?;
    patch.set_value("notes", "voices", 8.0);
    // A voice that is taken for another note does not jump there.
    patch.set_value("notes", "glide", 0.05);
    let count = (modules / 6).max(1);
    let amount = LEVEL / (count as f32).sqrt();
    for at in 0..count {
        let (filter, low) = [("one-pole", "low"), ("svf", "low")][at % 2];
        let room = ["reverb", "scale", "delay", "multiply"][at % 4];
        let room_in = ["left", "in", "left", "a"][at % 4];
        let room_out = ["left", "out", "right", "out"][at % 4];
        let kinds = [
            ("tone", "sine"),
            ("filter", filter),
            ("vca", "vca"),
            ("room", room),
            ("lfo", "lfo"),
            ("env", "adsr"),
        ];
        for (id, kind) in kinds {
            patch.add(&format!("{id}{at}"), kind)?;
        }
        patch.set_value(&format!("tone{at}"), "pitch", -3.0 + 2.0 * random.unit());
        patch.set_value(&format!("filter{at}"), "cutoff", 1_000.0);
        patch.set_value(&format!("lfo{at}"), "rate", 0.2 + 3.0 * random.unit());
        patch.set_value(&format!("vca{at}"), "level", 0.5);
        for (param, seconds) in [("attack", 0.1), ("decay", 0.3), ("release", 0.2)] {
            patch.set_value(&format!("env{at}"), param, seconds);
        }
        let mut cables = vec![
            format!("tone{at}.out -> filter{at}.in"),
            format!("filter{at}.{low} -> vca{at}.in"),
            format!("lfo{at}.out -> filter{at}.cutoff * 0.1"),
            format!("lfo{at}.out -> vca{at}.level * 0.2"),
            format!("vca{at}.out -> room{at}.{room_in}"),
            format!("room{at}.{room_out} -> out.left * {amount}"),
            format!(
                "room{at}.{room_out} -> out.right * {}",
                amount * random.unit()
            ),
        ];
        if at % 3 == 2 {
            patch.set_value(&format!("vca{at}"), "level", 0.0);
            cables.extend([
                format!("notes.pitch -> tone{at}.pitch"),
                format!("notes.gate -> env{at}.gate"),
                format!("env{at}.out -> vca{at}.level * 0.3"),
            ]);
        }
        if room == "multiply" {
            cables.push(format!("lfo{at}.out -> room{at}.b"));
        }
        for cable in cables {
            patch.connect(&cable)?;
        }
    }
    Ok(patch)
}

fn load(session: &Session, patch: &Patch) -> String {
    let patch = Box::new(patch.clone());
    // Even if refused: then there is nothing new to hear.
    let _ = session.edit(&[Edit::Load { patch }]);
    "a whole patch".into()
}

/// Some edit, undo or redo. Says which.
fn one(session: &Session, serial: &mut u32, random: &mut Random) -> String {
    match random.below(20) {
        0..=1 => {
            session.undo();
            "undo".into()
        }
        2 => {
            session.redo();
            "redo".into()
        }
        3 => {
            session.abort();
            "abort".into()
        }
        _ => {
            let patch = session.standby();
            let some = 1 + random.below(3);
            let edits: Vec<Edit> = (0..some)
                .filter_map(|_| edit(&patch, serial, random))
                .flatten()
                .collect();
            // What does not fit changes nothing.
            match session.edit(&edits) {
                Ok(_) => format!("{edits:?}"),
                Err(_) => "nothing".into(),
            }
        }
    }
}

fn edit(patch: &Patch, serial: &mut u32, random: &mut Random) -> Option<Vec<Edit>> {
    Some(match random.below(20) {
        0..=3 => create(patch, serial, random)?,
        4..=5 => vec![Edit::Delete {
            module: any(patch, random, |kind| {
                !["out", "notes"].contains(&kind.shelf)
            })?
            .0,
        }],
        6..=9 => vec![Edit::Connect {
            cable: cable(output(patch, random)?, input(patch, random)?, random),
        }],
        10..=11 => {
            let Cable { from, to, .. } = random.pick(&patch.cables)?.clone();
            vec![Edit::Disconnect { from, to }]
        }
        12..=13 => {
            let Cable {
                from, to, amount, ..
            } = random.pick(&patch.cables)?.clone();
            let amount = amount * (random.unit() * 2.0 - 1.0);
            vec![Edit::SetAmount { from, to, amount }]
        }
        14..=15 => {
            let (module, kind) = any(patch, random, |_| true)?;
            let shelf: Vec<&Kind> = KINDS.iter().filter(|k| k.shelf == kind.shelf).collect();
            let kind = random.pick(&shelf)?.id.into();
            vec![Edit::Replace { module, kind }]
        }
        16 => feedback(patch, random)?,
        17 => {
            *serial += 1;
            vec![Edit::Rename {
                module: any(patch, random, |kind| kind.shelf != "out")?.0,
                to: format!("r{serial}"),
            }]
        }
        _ => {
            let (module, kind) = any(patch, random, |kind| !kind.values.is_empty())?;
            let (param, low, high) = *random.pick(kind.values)?;
            vec![Edit::SetValue {
                module,
                param: param.into(),
                plain: low + (high - low) * random.unit(),
            }]
        }
    })
}

fn any(
    patch: &Patch,
    random: &mut Random,
    such: impl Fn(&Kind) -> bool,
) -> Option<(String, &'static Kind)> {
    let modules: Vec<(&str, &'static Kind)> = patch
        .modules
        .iter()
        .filter_map(|(id, module)| Some((id, KINDS.iter().find(|kind| kind.id == module.kind)?)))
        .filter(|(_, kind)| such(kind))
        .collect();
    random
        .pick(&modules)
        .map(|(id, kind)| ((*id).into(), *kind))
}

fn output(patch: &Patch, random: &mut Random) -> Option<PortRef> {
    let (module, kind) = any(patch, random, |kind| !kind.outputs.is_empty())?;
    let port = (*random.pick(kind.outputs)?).into();
    Some(PortRef { module, port })
}

/// An input with the most that may be patched into it; often the way out.
fn input(patch: &Patch, random: &mut Random) -> Option<(PortRef, f32)> {
    let out = random.chance(0.3);
    let (module, kind) = any(patch, random, |kind| {
        !kind.inputs.is_empty() && (!out || kind.shelf == "out")
    })?;
    let (port, most) = *random.pick(kind.inputs)?;
    let port = port.into();
    Some((PortRef { module, port }, most))
}

fn cable(from: PortRef, (to, most): (PortRef, f32), random: &mut Random) -> Cable {
    Cable {
        from,
        to,
        amount: most * (random.unit() * 2.0 - 1.0),
        feedback: false,
    }
}

/// A new module, joined to others on both sides.
fn create(patch: &Patch, serial: &mut u32, random: &mut Random) -> Option<Vec<Edit>> {
    let inner: Vec<&Kind> = KINDS
        .iter()
        .filter(|kind| !kind.outputs.is_empty())
        .collect();
    let kind = random.pick(&inner)?;
    *serial += 1;
    let id = format!("m{serial}");
    let port = |port: &str| PortRef {
        module: id.clone(),
        port: port.into(),
    };
    let mut edits = vec![Edit::Create {
        id: id.clone(),
        kind: kind.id.into(),
        position: None,
    }];
    if let Some((to, most)) = random.pick(kind.inputs) {
        let cable = cable(output(patch, random)?, (port(to), *most), random);
        edits.push(Edit::Connect { cable });
    }
    let from = port(random.pick(kind.outputs)?);
    edits.push(Edit::Connect {
        cable: cable(from, input(patch, random)?, random),
    });
    Some(edits)
}

/// Sends a cable's target back to its source, or removes such a cable. What goes round dies away.
fn feedback(patch: &Patch, random: &mut Random) -> Option<Vec<Edit>> {
    let marked: Vec<&Cable> = patch.cables.iter().filter(|cable| cable.feedback).collect();
    if marked.len() >= FEEDBACK {
        let Cable { from, to, .. } = (*random.pick(&marked)?).clone();
        return Some(vec![Edit::Disconnect { from, to }]);
    }
    let there = random.pick(&patch.cables)?;
    let kind_of = |id: &str| {
        let module = patch.module(id)?;
        KINDS.iter().find(|kind| kind.id == module.kind)
    };
    let (source, target) = (kind_of(&there.from.module)?, kind_of(&there.to.module)?);
    let port = |module: &str, port: &str| PortRef {
        module: module.into(),
        port: port.into(),
    };
    let (to, most) = *random.pick(source.inputs)?;
    let back = Cable {
        from: port(&there.to.module, random.pick(target.outputs)?),
        to: port(&there.from.module, to),
        amount: most.min(0.2) * (random.unit() * 2.0 - 1.0),
        feedback: true,
    };
    Some(vec![Edit::Connect { cable: back }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_heard_only_where_they_do_not_fade() {
        let faded = play(24, 40, 7, 0.01).expect("plays");
        assert!(faded.peak > 0.05, "there is something to hear: {faded}");
        assert!(faded.worst_step < 0.001, "{faded}");
        let abrupt = play(24, 40, 7, 0.0).expect("plays");
        assert!(abrupt.worst_step > 0.02, "{abrupt}");
    }
}
