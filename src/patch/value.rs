//! What is written of a param, and the value it means.

use ron::value::RawValue;
use serde::{Serialize, Serializer};
use weft_modules::{ParamKind, ParamSpec};

/// The nearest value a param can take. Whole values have no negative zero, which would not survive
/// being saved as a whole number.
pub(super) fn legal(spec: &ParamSpec, plain: f32) -> f32 {
    let plain = spec.legal(plain);
    if spec.is_continuous() {
        plain
    } else {
        plain + 0.0
    }
}

/// What came of reading a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reading {
    /// The value that was written.
    Exact(f32),
    /// The nearest value the param can take.
    Limited(f32),
    /// Infinity or NaN was written.
    NotFinite,
    /// It means no value of this param.
    Nonsense,
}

/// Reads a number, true or false, or a text as people type it.
pub(super) fn read(spec: &ParamSpec, written: &RawValue) -> Reading {
    let written = written.trim().get_ron();
    // A number is read as the f32 it becomes: by way of f64 it would be rounded twice.
    let meant = if let Ok(number) = ron::from_str::<f32>(written) {
        Some(number)
    } else if let Ok(switch) = ron::from_str::<bool>(written) {
        (spec.kind == ParamKind::Bool).then_some(if switch { 1.0 } else { 0.0 })
    } else if let Ok(text) = ron::from_str::<String>(written) {
        spec.parse_unlimited(&text)
    } else {
        None
    };
    match meant {
        None => Reading::Nonsense,
        Some(meant) if !meant.is_finite() => Reading::NotFinite,
        Some(meant) => {
            let value = legal(spec, meant);
            if value == meant {
                Reading::Exact(value)
            } else {
                Reading::Limited(value)
            }
        }
    }
}

/// A value as it is saved: exactly, and by name where it has one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Saved<'a> {
    Value(&'static ParamSpec, f32),
    Unknown(&'a RawValue),
}

impl Serialize for Saved<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Saved::Unknown(written) => written.serialize(serializer),
            Saved::Value(spec, value) => match spec.kind {
                ParamKind::Float => serializer.serialize_f32(value),
                ParamKind::Int => serializer.serialize_i64(value as i64),
                ParamKind::Bool => serializer.serialize_bool(value >= 0.5),
                ParamKind::Choice(_) => serializer.serialize_str(&spec.text(value)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_modules::spec::{choice, decibels, hz, int, octaves, toggle, unit};

    use super::*;

    const CUTOFF: ParamSpec = hz("cutoff", 16.0, 20_000.0, 1_000.0, "x");
    const LEVEL: ParamSpec = decibels("level", -60.0, 12.0, 0.0, "x");
    const MIX: ParamSpec = unit("mix", 0.0, 1.0, 0.5, "x");
    const PITCH: ParamSpec = octaves("pitch", -6.0, 6.0, 0.0, "x");
    const VOICES: ParamSpec = int("voices", 1, 16, 8, "x");
    const TRANSPOSE: ParamSpec = int("transpose", -12, 12, 3, "x");
    const SYNC: ParamSpec = toggle("sync", false, "x");
    const MODE: ParamSpec = choice("mode", &["Poly", "Mono", "Legato"], 0, "x");

    fn reading(spec: &ParamSpec, written: &str) -> Reading {
        read(spec, RawValue::from_ron(written).expect("RON"))
    }

    #[test]
    fn numbers_switches_and_text_are_read() {
        for (spec, written, value) in [
            (&CUTOFF, "800.0", 800.0),
            (&CUTOFF, "800", 800.0),
            (&CUTOFF, " 8e2 // bright\n", 800.0),
            (&CUTOFF, "\"800 Hz\"", 800.0),
            (&CUTOFF, "r#\"A4\"#", 440.0),
            (&LEVEL, "\"-inf dB\"", -60.0),
            (&MIX, "0.25", 0.25),
            (&MIX, "\"25 %\"", 0.25),
            (&PITCH, "\"A4\"", 0.75),
            (&VOICES, "4", 4.0),
            (&VOICES, "4.0", 4.0),
            (&SYNC, "true", 1.0),
            (&SYNC, "0", 0.0),
            (&SYNC, "\"on\"", 1.0),
            (&MODE, "\"legato\"", 2.0),
            (&MODE, "1", 1.0),
        ] {
            assert_eq!(
                reading(spec, written),
                Reading::Exact(value),
                "{} {written}",
                spec.id
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_limited() {
        for (spec, written, value) in [
            (&CUTOFF, "5", 16.0),
            (&CUTOFF, "\"99 kHz\"", 20_000.0),
            (&LEVEL, "-300", -60.0),
            (&VOICES, "4.4", 4.0),
            (&VOICES, "-1", 1.0),
            (&SYNC, "0.7", 1.0),
            (&MODE, "9", 2.0),
        ] {
            assert_eq!(
                reading(spec, written),
                Reading::Limited(value),
                "{} {written}",
                spec.id
            );
        }
    }

    #[test]
    fn what_is_no_value_is_told_apart() {
        for written in ["inf", "-inf", "NaN", "1e99"] {
            assert_eq!(reading(&CUTOFF, written), Reading::NotFinite, "{written}");
        }
        for written in [
            "\"loud\"", "\"nan\"", "true", "()", "[1]", "loud", "Some(1)", "'a'", "0x10", "{}",
        ] {
            assert_eq!(reading(&CUTOFF, written), Reading::Nonsense, "{written}");
        }
        assert_eq!(reading(&MODE, "true"), Reading::Nonsense);
    }

    #[test]
    fn a_number_becomes_the_nearest_single() {
        // Just above the middle of two singles, and exactly on it in double precision.
        let written = "1.00000017881393432617187500000000001";
        assert_eq!(
            reading(&PITCH, written),
            Reading::Exact(f32::from_bits(0x3f80_0002))
        );
    }

    #[test]
    fn whole_values_have_no_negative_zero() {
        assert_eq!(legal(&TRANSPOSE, -0.2).to_bits(), 0.0_f32.to_bits());
        assert_eq!(legal(&MIX, -0.0).to_bits(), (-0.0_f32).to_bits());
    }
}
