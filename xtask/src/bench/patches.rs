//! The patches that the bench plays, from modules anyone can patch.

use anyhow::{Result, bail, ensure};
use weft::patch::{Cable, Edit, Patch, PortRef};

use super::works::{Kind, Work};

/// The workloads' reverb: combs with a feedback of 0.84 and a damping of 0.2.
const REVERB: Stand = Stand {
    kind: "freeverb",
    values: &[("size", 0.5), ("damping", 0.5)],
};
/// The workloads' filter, a lowpass.
const BIQUAD: Stand = Stand {
    kind: "biquad",
    values: &[("frequency", 8_000.0), ("q", 0.7)],
};

/// A type of module with values.
struct Stand {
    kind: &'static str,
    values: &'static [(&'static str, f32)],
}

/// The id of a chain's or fan's module.
fn node(index: usize) -> String {
    format!("node{index}")
}

/// The patch of a work.
///
/// # Errors
/// If the catalog or the patch does not have what is named here.
pub fn of(work: Work) -> Result<Patch> {
    let mut patch = Patch::new(&work.to_string());
    match work.kind {
        Kind::Voice => {
            voices(&mut patch, 1)?;
            out(&mut patch, "vca.out", "vca.out", QUARTER)?;
        }
        Kind::PolyDry => {
            voices(&mut patch, 16)?;
            out(&mut patch, "vca.out", "vca.out", QUARTER)?;
        }
        Kind::Poly | Kind::PolyTwo | Kind::PolyIdle | Kind::PolyAutomated => {
            voices(&mut patch, 16)?;
            effects(&mut patch)?;
        }
        Kind::Reverb => {
            for (side, hertz) in [("left", 220.0), ("right", 221.0)] {
                add(&mut patch, side, "sine", &[("pitch", octave(hertz))])?;
            }
            add(&mut patch, "reverb", REVERB.kind, REVERB.values)?;
            patch.connect("left.out -> reverb.left")?;
            patch.connect("right.out -> reverb.right")?;
            out(&mut patch, "reverb.left", "reverb.right", 0.0)?;
        }
        Kind::Gain => {
            let gain = Stand {
                kind: "vca",
                values: &[("level", 0.9999)],
            };
            chain(&mut patch, work.size, &gain)?;
        }
        Kind::Biquad | Kind::Edit => chain(&mut patch, work.size, &BIQUAD)?,
        Kind::Fan => {
            add(&mut patch, "out", "audio-out", &[])?;
            for index in 0..work.size {
                let (id, hertz) = (node(index), 100.0 + index as f32);
                add(&mut patch, &id, "sine", &[("pitch", octave(hertz))])?;
                let share = 1.0 / work.size as f32;
                patch.connect(&format!("{id}.out -> out.left * {share}"))?;
            }
        }
    }
    Ok(patch)
}

/// Decibels of a gain of a quarter.
const QUARTER: f32 = -12.041_2;

/// Octaves from middle C.
fn octave(hertz: f32) -> f32 {
    // A4, at 440 Hz, lies nine semitones above.
    (hertz / 440.0).log2() + 0.75
}

fn add(patch: &mut Patch, id: &str, kind: &str, values: &[(&str, f32)]) -> Result<()> {
    patch.add(id, kind)?;
    for (param, plain) in values {
        ensure!(
            patch.set_value(id, param, *plain),
            "`{kind}` has no param `{param}`"
        );
    }
    Ok(())
}

fn out(patch: &mut Patch, left: &str, right: &str, decibels: f32) -> Result<()> {
    // Sixteen voices reach beyond full scale, and the workloads let them.
    let values = [("level", decibels), ("limit", 0.0)];
    add(patch, "out", "audio-out", &values)?;
    patch.connect(&format!("{left} -> out.left"))?;
    patch.connect(&format!("{right} -> out.right"))?;
    Ok(())
}

/// Two saws, a filter that an envelope and a wave move, and an envelope for the level. One voice
/// sounds at 110 Hz whatever is played; several follow their notes.
fn voices(patch: &mut Patch, count: usize) -> Result<()> {
    let adsr = |attack, decay, sustain, release| {
        [
            ("attack", attack),
            ("decay", decay),
            ("sustain", sustain),
            ("release", release),
            ("attack-curve", 0.0),
            ("decay-curve", 0.0),
        ]
    };
    add(patch, "notes", "notes", &[("voices", count as f32)])?;
    add(patch, "saw-a", "saw", &[])?;
    add(patch, "saw-b", "saw", &[("fine", 7.0), ("phase", 0.37)])?;
    add(patch, "env1", "adsr", &adsr(0.010, 0.300, 0.4, 0.200))?;
    add(patch, "env2", "adsr", &adsr(0.005, 0.200, 0.7, 0.300))?;
    add(patch, "lfo", "lfo", &[("rate", 5.0)])?;
    // Q 4
    let filter = [("cutoff", 200.0), ("resonance", 0.375)];
    add(patch, "filter", "svf", &filter)?;
    add(patch, "vca", "vca", &[])?;
    for saw in ["saw-a", "saw-b"] {
        if count == 1 {
            patch.set_value(saw, "pitch", octave(110.0));
        } else {
            patch.connect(&format!("notes.pitch -> {saw}.pitch"))?;
        }
        patch.connect(&format!("{saw}.out -> filter.in * 0.5"))?;
    }
    // A cable of 1 moves the corner across all its octaves, from 16 Hz to 20 kHz.
    let travel = (20_000.0_f32 / 16.0).log2();
    patch.connect("notes.gate -> env1.gate")?;
    patch.connect("notes.gate -> env2.gate")?;
    patch.connect(&format!("env1.out -> filter.cutoff * {}", 4.0 / travel))?;
    patch.connect(&format!("lfo.out -> filter.cutoff * {}", 0.5 / travel))?;
    patch.connect("filter.low -> vca.in")?;
    patch.connect("env2.out -> vca.level")?;
    Ok(())
}

fn effects(patch: &mut Patch) -> Result<()> {
    let delay = [
        ("time-left", 0.375),
        ("time-right", 0.250),
        ("feedback", 0.35),
        ("mix", 0.3),
        // Off at its highest; the low cut and the movement are off by themselves.
        ("high-cut", 20_000.0),
    ];
    add(patch, "delay", "delay", &delay)?;
    add(patch, "reverb", REVERB.kind, REVERB.values)?;
    for side in ["left", "right"] {
        patch.connect(&format!("vca.out -> delay.{side} * 0.25"))?;
        patch.connect(&format!("delay.{side} -> reverb.{side}"))?;
    }
    out(patch, "reverb.left", "reverb.right", 0.0)
}

/// A sine through modules in a row.
fn chain(patch: &mut Patch, size: usize, stand: &Stand) -> Result<()> {
    add(patch, "sine", "sine", &[("pitch", octave(220.0))])?;
    let mut last = "sine.out".to_owned();
    for index in 0..size {
        let id = node(index);
        add(patch, &id, stand.kind, stand.values)?;
        patch.connect(&format!("{last} -> {id}.in"))?;
        last = format!("{id}.out");
    }
    out(patch, &last, &last, 0.0)
}

/// The params that are automated, where people would.
const AUTOMATED: [(&str, &str); 16] = [
    ("saw-a", "fine"),
    ("saw-b", "fine"),
    ("filter", "cutoff"),
    ("filter", "resonance"),
    ("lfo", "rate"),
    ("env1", "decay"),
    ("env1", "sustain"),
    ("env2", "sustain"),
    ("vca", "level"),
    ("delay", "feedback"),
    ("delay", "width"),
    ("delay", "mix"),
    ("reverb", "size"),
    ("reverb", "damping"),
    ("reverb", "mix"),
    ("out", "level"),
];

/// The slots of the automated params, counted from 0, and where they stand, 0..1.
///
/// # Errors
/// If the patch has no slot for one.
pub fn automated(patch: &Patch) -> Result<Vec<(u16, f32)>> {
    AUTOMATED
        .iter()
        .map(|(module, param)| {
            let slot = patch
                .slots
                .iter()
                .find(|(_, bound)| bound.module == *module && bound.param == *param);
            let stands = patch.spec(module).and_then(|spec| {
                let spec = &spec.params[spec.param(param)?];
                Some(spec.normalized(patch.value(module, param)?))
            });
            match (slot, stands) {
                (Some((slot, _)), Some(stands)) => Ok((slot - 1, stands)),
                _ => bail!("`{module}.{param}` has no slot"),
            }
        })
        .collect()
}

/// Adds a filter behind the last of a chain, beside the way out.
pub fn tap(size: usize) -> Vec<Edit> {
    let port = |module: &str, port: &str| PortRef {
        module: module.into(),
        port: port.into(),
    };
    let cable = |from, to| Edit::Connect {
        cable: Cable {
            from,
            to,
            amount: 1.0,
            feedback: false,
        },
    };
    let mut edits = vec![Edit::Create {
        id: "tap".into(),
        kind: BIQUAD.kind.into(),
        position: None,
    }];
    edits.extend(BIQUAD.values.iter().map(|(param, plain)| Edit::SetValue {
        module: "tap".into(),
        param: (*param).into(),
        plain: *plain,
    }));
    let last = node(size - 1);
    edits.push(cable(port(&last, "out"), port("tap", "in")));
    edits.push(cable(port("tap", "out"), port("out", "left")));
    edits
}
