//! Data sheets: what a module's ports and params are, said once.
//!
//! Panels, host parameters, text, documentation and the contract tests all derive from these.

mod text;

use core::fmt;

/// What makes a module fall silent for good, once what it remembers has died away: it gives nothing but
/// zeros from then on, for as long as that lasts, whatever else reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Nothing: it may sound by itself.
    Never,
    /// Zeros at all of these inputs and params.
    All(&'static [&'static str]),
    /// Zeros at any of these inputs and params.
    Any(&'static [&'static str]),
}

/// What kind of place a module has in a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voicing {
    /// Runs once for each voice of its inputs.
    PerVoice,
    /// Runs once; poly inputs are summed first.
    Mixdown,
    /// Makes voices from notes; its outputs are poly.
    NoteSource,
    /// Brings the host's audio into the patch.
    HostInput,
    /// Its outputs are what the host hears.
    HostOutput,
}

/// The shelf of the palette a module stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Notes and the host's audio.
    Io,
    /// Sources of sound.
    Oscillator,
    /// Filters.
    Filter,
    /// Envelopes.
    Envelope,
    /// Slow movement, clocks and sequences.
    Modulation,
    /// Levels, sums and arithmetic.
    Utility,
    /// Effects.
    Effect,
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Category::Io => "In and out",
            Category::Oscillator => "Oscillators",
            Category::Filter => "Filters",
            Category::Envelope => "Envelopes",
            Category::Modulation => "Modulation",
            Category::Utility => "Utilities",
            Category::Effect => "Effects",
        })
    }
}

/// A module's data sheet with its exact counts.
#[derive(Clone, Copy, Debug)]
pub struct Spec<const I: usize, const P: usize, const O: usize> {
    /// The type's name in patches: lower case, words joined by `-`. Never reused.
    pub id: &'static str,
    /// The name people read.
    pub name: &'static str,
    /// Where the palette shows it.
    pub category: Category,
    /// Raised when ports or params change meaning.
    pub version: u32,
    /// How it treats voices.
    pub voicing: Voicing,
    /// One or two sentences for the person who patches.
    pub doc: &'static str,
    /// What it takes.
    pub inputs: [PortSpec; I],
    /// What can be turned.
    pub params: [ParamSpec; P],
    /// What it gives.
    pub outputs: [PortSpec; O],
}

/// A module's data sheet with counts known at run time.
#[derive(Clone, Copy, Debug)]
pub struct ModuleSpec {
    /// See [`Spec::id`].
    pub id: &'static str,
    /// See [`Spec::name`].
    pub name: &'static str,
    /// See [`Spec::category`].
    pub category: Category,
    /// See [`Spec::version`].
    pub version: u32,
    /// See [`Spec::voicing`].
    pub voicing: Voicing,
    /// See [`Spec::doc`].
    pub doc: &'static str,
    /// See [`Spec::inputs`].
    pub inputs: &'static [PortSpec],
    /// See [`Spec::params`].
    pub params: &'static [ParamSpec],
    /// See [`Spec::outputs`].
    pub outputs: &'static [PortSpec],
    /// See [`crate::contract::Module::SILENCE`].
    pub silence: Silence,
    /// See [`crate::contract::Module::RECURSIVE`].
    pub recursive: bool,
    /// See [`crate::contract::Module::HOLDS`].
    pub holds: bool,
    /// See [`crate::contract::Module::SHARES`].
    pub shares: u32,
}

impl ModuleSpec {
    /// Index of an input.
    pub fn input(&self, id: &str) -> Option<usize> {
        self.inputs.iter().position(|port| port.id == id)
    }
    /// Index of an output.
    pub fn output(&self, id: &str) -> Option<usize> {
        self.outputs.iter().position(|port| port.id == id)
    }
    /// Index of a param.
    pub fn param(&self, id: &str) -> Option<usize> {
        self.params.iter().position(|param| param.id == id)
    }
}

/// What a port usually carries. Any cable fits any port; this is a hint for people and panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// Sound within ±1.
    Audio,
    /// Octaves from middle C.
    Pitch,
    /// 0 or 1: gates and triggers. A rise through 0.5 counts.
    Gate,
    /// Movement within ±1 or 0..1.
    Modulation,
}

/// An input or output.
#[derive(Clone, Copy, Debug)]
pub struct PortSpec {
    /// Name in patches.
    pub id: &'static str,
    /// What it carries.
    pub kind: PortKind,
    /// One line for the person who patches.
    pub doc: &'static str,
}

/// A port that carries sound.
pub const fn audio(id: &'static str, doc: &'static str) -> PortSpec {
    PortSpec {
        id,
        kind: PortKind::Audio,
        doc,
    }
}
/// A port that carries octaves from middle C.
pub const fn pitch(id: &'static str, doc: &'static str) -> PortSpec {
    PortSpec {
        id,
        kind: PortKind::Pitch,
        doc,
    }
}
/// A port that carries gates or triggers.
pub const fn gate(id: &'static str, doc: &'static str) -> PortSpec {
    PortSpec {
        id,
        kind: PortKind::Gate,
        doc,
    }
}
/// A port that carries movement.
pub const fn modulation(id: &'static str, doc: &'static str) -> PortSpec {
    PortSpec {
        id,
        kind: PortKind::Modulation,
        doc,
    }
}

/// What values a param takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamKind {
    /// Any value in the range.
    Float,
    /// Whole numbers in the range.
    Int,
    /// 0 (off) or 1 (on).
    Bool,
    /// Index of one of these names.
    Choice(&'static [&'static str]),
}

/// How a knob's travel 0..1 maps to its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Evenly.
    Linear,
    /// Equal travel, equal ratio; the range must lie above 0.
    Exponential,
    /// With the cube of the travel: fine near the low end, and 0 is reachable.
    Cubic,
}

/// What a param's value is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A bare number.
    None,
    /// Hertz.
    Hertz,
    /// Seconds; shown in ms below 1 s.
    Seconds,
    /// Decibels. The lowest value of the range means silence where it is at or below -60 dB.
    Decibels,
    /// 0..1 shown as 0..100 %.
    Percent,
    /// Octaves from middle C; note names parse.
    Octaves,
    /// Hundredths of a semitone.
    Cents,
    /// Semitones.
    Semitones,
    /// Turns 0..1 shown as degrees.
    Degrees,
    /// Beats per minute.
    Tempo,
}

/// How the engine moves a value to a new one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// At once.
    None,
    /// Arriving after exactly these seconds, starting and ending gently.
    Gentle(f32),
    /// As a one-pole with this time constant in seconds.
    Exponential(f32),
}

/// A knob or switch.
#[derive(Clone, Copy, Debug)]
pub struct ParamSpec {
    /// Name in patches.
    pub id: &'static str,
    /// One line for the person who patches.
    pub doc: &'static str,
    /// What values it takes.
    pub kind: ParamKind,
    /// Lowest value.
    pub min: f32,
    /// Highest value.
    pub max: f32,
    /// The value of a fresh module.
    pub default: f32,
    /// Travel to value.
    pub curve: Curve,
    /// What the value is measured in.
    pub unit: Unit,
    /// How changes arrive.
    pub smoothing: Smoothing,
    /// Fixed when the patch is compiled: takes no cable, no automation and no slot.
    pub setting: bool,
}

const fn float(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    curve: Curve,
    unit: Unit,
    doc: &'static str,
) -> ParamSpec {
    assert!(
        min < max && default >= min && default <= max,
        "a default must lie in its range"
    );
    assert!(
        min > 0.0 || !matches!(curve, Curve::Exponential),
        "an exponential range lies above 0"
    );
    ParamSpec {
        id,
        doc,
        kind: ParamKind::Float,
        min,
        max,
        default,
        curve,
        unit,
        smoothing: Smoothing::Gentle(0.005),
        setting: false,
    }
}

/// A frequency on an exponential knob.
pub const fn hz(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Exponential, Unit::Hertz, doc)
}
/// A bare amount 0..1, shown in percent.
pub const fn unit(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Linear, Unit::Percent, doc)
}
/// A bare number on a linear knob.
pub const fn number(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Linear, Unit::None, doc)
}
/// A duration: exponential where the range lies above 0, cubic where it starts at 0.
pub const fn seconds(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    let curve = if min > 0.0 {
        Curve::Exponential
    } else {
        Curve::Cubic
    };
    float(id, min, max, default, curve, Unit::Seconds, doc)
}
/// A level in decibels.
pub const fn decibels(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Linear, Unit::Decibels, doc)
}
/// Octaves from middle C.
pub const fn octaves(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Linear, Unit::Octaves, doc)
}
/// Hundredths of a semitone.
pub const fn cents(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Linear, Unit::Cents, doc)
}
/// Semitones.
pub const fn semitones(
    id: &'static str,
    min: f32,
    max: f32,
    default: f32,
    doc: &'static str,
) -> ParamSpec {
    float(id, min, max, default, Curve::Linear, Unit::Semitones, doc)
}
/// A phase in turns 0..1.
pub const fn phase(id: &'static str, default: f32, doc: &'static str) -> ParamSpec {
    float(id, 0.0, 1.0, default, Curve::Linear, Unit::Degrees, doc)
}
/// Whole numbers.
pub const fn int(
    id: &'static str,
    min: i32,
    max: i32,
    default: i32,
    doc: &'static str,
) -> ParamSpec {
    ParamSpec {
        kind: ParamKind::Int,
        smoothing: Smoothing::None,
        ..float(
            id,
            min as f32,
            max as f32,
            default as f32,
            Curve::Linear,
            Unit::None,
            doc,
        )
    }
}
/// Off or on.
pub const fn toggle(id: &'static str, default: bool, doc: &'static str) -> ParamSpec {
    let default = if default { 1.0 } else { 0.0 };
    ParamSpec {
        kind: ParamKind::Bool,
        smoothing: Smoothing::None,
        ..float(id, 0.0, 1.0, default, Curve::Linear, Unit::None, doc)
    }
}
/// One of several names; the value is the name's index.
pub const fn choice(
    id: &'static str,
    names: &'static [&'static str],
    default: usize,
    doc: &'static str,
) -> ParamSpec {
    assert!(names.len() > 1, "a choice needs at least two names");
    ParamSpec {
        kind: ParamKind::Choice(names),
        smoothing: Smoothing::None,
        ..float(
            id,
            0.0,
            (names.len() - 1) as f32,
            default as f32,
            Curve::Linear,
            Unit::None,
            doc,
        )
    }
}

impl ParamSpec {
    /// The same param with another smoothing.
    pub const fn smoothed(self, smoothing: Smoothing) -> ParamSpec {
        ParamSpec { smoothing, ..self }
    }
    /// The same param with another curve.
    pub const fn curved(self, curve: Curve) -> ParamSpec {
        assert!(
            self.min > 0.0 || !matches!(curve, Curve::Exponential),
            "an exponential range lies above 0"
        );
        ParamSpec { curve, ..self }
    }
    /// The same param in another unit.
    pub const fn measured_in(self, unit: Unit) -> ParamSpec {
        ParamSpec { unit, ..self }
    }
    /// The same param as a setting; see [`ParamSpec::setting`].
    pub const fn fixed(self) -> ParamSpec {
        ParamSpec {
            setting: true,
            smoothing: Smoothing::None,
            ..self
        }
    }

    /// Whether the param moves smoothly, and so takes cables.
    pub const fn is_continuous(&self) -> bool {
        matches!(self.kind, ParamKind::Float)
    }

    /// Whether a signal moves the param by its own size rather than by a share of its range: 1 at an
    /// octave param is an octave, so that a pitch cable tracks.
    pub const fn is_absolute(&self) -> bool {
        matches!(self.unit, Unit::Octaves)
    }

    /// How many values a switch has; `None` for a knob.
    pub fn values(&self) -> Option<u32> {
        match self.kind {
            ParamKind::Float => None,
            _ => Some((self.max - self.min) as u32 + 1),
        }
    }

    /// The nearest value the param can take. Something that is no number becomes the default.
    pub fn legal(&self, plain: f32) -> f32 {
        if plain.is_nan() {
            return self.default;
        }
        let plain = if self.is_continuous() {
            plain
        } else {
            plain.round()
        };
        plain.clamp(self.min, self.max)
    }

    /// The value at a knob's travel 0..1. Travel outside is limited; no number gives the default.
    pub fn plain(&self, normalized: f32) -> f32 {
        if normalized.is_nan() {
            return self.default;
        }
        let travel = f64::from(normalized.clamp(0.0, 1.0));
        let (min, max) = (f64::from(self.min), f64::from(self.max));
        let plain = match self.curve {
            Curve::Linear => min + travel * (max - min),
            Curve::Exponential => min * (max / min).powf(travel),
            Curve::Cubic => min + travel * travel * travel * (max - min),
        };
        self.legal(plain as f32)
    }

    /// The travel 0..1 of a value. Values outside the range are limited.
    pub fn normalized(&self, plain: f32) -> f32 {
        let plain = f64::from(self.legal(plain));
        let (min, max) = (f64::from(self.min), f64::from(self.max));
        let travel = match self.curve {
            Curve::Linear => (plain - min) / (max - min),
            Curve::Exponential => (plain / min).ln() / (max / min).ln(),
            Curve::Cubic => ((plain - min) / (max - min)).cbrt(),
        };
        (travel as f32).clamp(0.0, 1.0)
    }

    /// The name people read: "pulse-width" is "Pulse Width".
    pub fn name(&self) -> String {
        title(self.id)
    }
}

/// An id as a title: "pulse-width" is "Pulse Width", "filter1" is "Filter 1".
pub fn title(id: &str) -> String {
    let mut title = String::with_capacity(id.len() + 2);
    let mut last = ' ';
    for c in id.chars() {
        let c = if c == '-' || c == '_' { ' ' } else { c };
        if c.is_ascii_digit() && last.is_alphabetic() {
            title.push(' ');
        }
        if last == ' ' {
            title.extend(c.to_uppercase());
        } else {
            title.push(c);
        }
        last = c;
    }
    title
}
