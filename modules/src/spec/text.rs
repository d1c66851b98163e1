//! Values as text and back.
//!
//! Text is for panels, hosts and people who type: it is rounded to what a person reads. What must
//! come back to the last bit is saved as a number instead.

use super::{ParamKind, ParamSpec, Unit};

/// Names of the twelve notes from C.
const NOTES: [&str; 12] = [
    "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
];
/// Semitones from middle C up to the tuning note A4.
const TUNING_NOTE: f64 = 9.0;
/// The frequency of A4.
const TUNING_HZ: f64 = 440.0;
/// Half of the last digit shown of a level.
const DECIBEL_STEP: f64 = 0.05;

impl ParamSpec {
    /// The value as people write it, with its unit: "440 Hz", "1.25 kHz", "12.5 ms", "-6.0 dB", "42 %",
    /// "A4 +12 ct", "90°", "On", the name of a choice. Values outside the range are limited.
    ///
    /// Frequencies and durations show three digits, octaves a tenth of a cent. [`ParamSpec::parse`]
    /// reads every text this writes, as a value which is written the same way again.
    pub fn text(&self, plain: f32) -> String {
        let plain = self.legal(plain);
        let value = f64::from(plain);
        match self.kind {
            ParamKind::Bool => return if plain >= 0.5 { "On" } else { "Off" }.into(),
            ParamKind::Choice(names) => {
                return names.get(plain as usize).copied().unwrap_or("?").into();
            }
            ParamKind::Int if self.unit == Unit::None => return format!("{value:.0}"),
            _ => {}
        }
        match self.unit {
            Unit::None => trimmed(value, self.decimals()),
            Unit::Hertz if value.abs() < 999.5 => significant(value, 4) + " Hz",
            Unit::Hertz => significant(value / 1000.0, 4) + " kHz",
            Unit::Seconds if value.abs() < 0.9995 => significant(value * 1000.0, 3) + " ms",
            Unit::Seconds => significant(value, 3) + " s",
            Unit::Decibels if self.is_silent(value) => "-inf dB".into(),
            Unit::Decibels => fixed(value, 1) + " dB",
            Unit::Percent => trimmed(value * 100.0, 1) + " %",
            Unit::Octaves => note_text(value),
            Unit::Cents => signed(value, 1) + " ct",
            Unit::Semitones => trimmed(value, 2) + " st",
            Unit::Degrees => trimmed(value * 360.0, 1) + "°",
            Unit::Tempo => trimmed(value, 2) + " bpm",
        }
    }

    /// The value a text means, limited to the range; `None` if it means none.
    ///
    /// Case, spaces and the unit may be left out, and a decimal comma will do. A bare number counts
    /// in the unit that people read: "50" is 50 % or 50°, "0.25" is 0.25 s. Frequencies and pitches
    /// take note names ("A4", "Bb2", "C#3 +50 ct") and each other's units; levels take "-inf".
    /// Choices match without regard to spaces and dashes, by any beginning that only one of them
    /// has, and divisions of a beat in their short forms ("1/8d" or "1/8." for "1/8 dotted", "1/8t").
    pub fn parse(&self, text: &str) -> Option<f32> {
        self.parse_unlimited(text).map(|plain| self.legal(plain))
    }

    /// As [`ParamSpec::parse`], but the value may lie out of range or between whole numbers. It is
    /// always finite.
    pub fn parse_unlimited(&self, text: &str) -> Option<f32> {
        let text = text
            .trim()
            .to_lowercase()
            .replace(['\u{2212}', '\u{2013}'], "-");
        match self.kind {
            ParamKind::Bool => switch(&text),
            ParamKind::Choice(names) => choice(names, &text).map(|index| index as f32),
            ParamKind::Float | ParamKind::Int => {
                let value = self.measure(&text)?;
                // A huge number is still a number, and ends at the range's end as any other.
                let most = f64::from(f32::MAX);
                value.is_finite().then(|| value.clamp(-most, most) as f32)
            }
        }
    }

    /// A number with a unit in this param's plain measure.
    fn measure(&self, text: &str) -> Option<f64> {
        if self.unit == Unit::Decibels && is_silence(text) {
            return Some(f64::from(self.min));
        }
        if let Some(semitones) = note(text) {
            return match self.unit {
                Unit::Hertz => Some(TUNING_HZ * ((semitones - TUNING_NOTE) / 12.0).exp2()),
                Unit::Octaves => Some(semitones / 12.0),
                _ => None,
            };
        }
        let (number, unit) = number(text)?;
        let factor = match (self.unit, unit) {
            (Unit::None, "") => 1.0,
            (Unit::Hertz, "" | "hz") => 1.0,
            (Unit::Hertz, "k" | "khz") => 1000.0,
            (Unit::Seconds, "" | "s" | "sec" | "second" | "seconds") => 1.0,
            (Unit::Seconds, "ms" | "msec") => 1e-3,
            (Unit::Seconds, "us" | "\u{b5}s" | "\u{3bc}s") => 1e-6,
            (Unit::Seconds, "min") => 60.0,
            (Unit::Decibels, "" | "db") => 1.0,
            (Unit::Percent, "" | "%" | "percent") => 0.01,
            (Unit::Degrees, "" | "°" | "deg" | "degree" | "degrees") => 1.0 / 360.0,
            (Unit::Tempo, "" | "bpm") => 1.0,
            (Unit::Octaves, "hz") => return octaves(number),
            (Unit::Octaves, "k" | "khz") => return octaves(number * 1000.0),
            (Unit::Octaves, "") => 1.0,
            (Unit::Octaves, unit) => interval(unit)? / 12.0,
            (Unit::Semitones, "") => 1.0,
            (Unit::Semitones, unit) => interval(unit)?,
            (Unit::Cents, "") => 1.0,
            (Unit::Cents, unit) => interval(unit)? * 100.0,
            _ => return None,
        };
        Some(number * factor)
    }

    /// Whether a level reads as silence: the lowest one of a range that reaches down far enough.
    fn is_silent(&self, decibels: f64) -> bool {
        self.min <= -60.0 && decibels < f64::from(self.min) + DECIBEL_STEP
    }

    /// Digits after the point that a bare number needs.
    fn decimals(&self) -> usize {
        match self.min.abs().max(self.max.abs()) {
            1000.0.. => 1,
            10.0.. => 2,
            _ => 3,
        }
    }
}

/// A number with this many digits after the point; never "-0".
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|byte| matches!(byte, b'0' | b'.')) => zero.into(),
        _ => text,
    }
}

/// A number with at most this many digits after the point.
fn trimmed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').into()
    } else {
        text
    }
}

/// A number that shows which way it goes.
fn signed(value: f64, decimals: usize) -> String {
    let text = trimmed(value, decimals);
    if text == "0" || text.starts_with('-') {
        text
    } else {
        format!("+{text}")
    }
}

/// A number with three digits, and no more than these after the point.
fn significant(value: f64, most: usize) -> String {
    let size = value.abs();
    let mut decimals = 0;
    let mut whole = 99.95;
    while size < whole && decimals < most {
        decimals += 1;
        whole /= 10.0;
    }
    let text = fixed(value, decimals);
    if text.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        "0".into()
    } else {
        text
    }
}

/// Octaves from middle C as the nearest note and what is left in cents.
fn note_text(octaves: f64) -> String {
    let tenths = (octaves * 12_000.0).round();
    let semitones = (tenths / 1000.0).round();
    let note = NOTES[semitones.rem_euclid(12.0) as usize % 12];
    let octave = 4.0 + (semitones / 12.0).floor();
    let rest = tenths / 10.0 - semitones * 100.0;
    if rest == 0.0 {
        format!("{note}{octave}")
    } else {
        format!("{note}{octave} {} ct", signed(rest, 1))
    }
}

/// Semitones from middle C of a note name such as "a4", "c#3", "bb2", "c-1" or "a4 +50 ct".
fn note(text: &str) -> Option<f64> {
    let mut chars = text.chars();
    let mut semitones = match chars.next()? {
        'c' => 0.0,
        'd' => 2.0,
        'e' => 4.0,
        'f' => 5.0,
        'g' => 7.0,
        'a' => 9.0,
        'b' => 11.0,
        _ => return None,
    };
    let mut rest = chars.as_str();
    while let Some(accidental) = rest.chars().next() {
        semitones += match accidental {
            '#' | '♯' => 1.0,
            'b' | '♭' => -1.0,
            _ => break,
        };
        rest = &rest[accidental.len_utf8()..];
    }
    let digits = rest.strip_prefix('-').unwrap_or(rest);
    let digits = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (octave, rest) = rest.split_at(digits + usize::from(rest.starts_with('-')));
    let octave: i16 = octave.parse().ok()?;
    semitones += 12.0 * (f64::from(octave) - 4.0);
    let rest = rest.trim_start();
    if rest.is_empty() {
        return Some(semitones);
    }
    if !rest.starts_with(['+', '-']) {
        return None;
    }
    let (number, unit) = number(rest)?;
    Some(
        semitones
            + number
                * if unit.is_empty() {
                    0.01
                } else {
                    interval(unit)?
                },
    )
}

/// Semitones in a unit of intervals.
fn interval(unit: &str) -> Option<f64> {
    match unit {
        "ct" | "c" | "cent" | "cents" => Some(0.01),
        "st" | "semi" | "semis" | "semitone" | "semitones" => Some(1.0),
        "oct" | "octave" | "octaves" => Some(12.0),
        _ => None,
    }
}

/// Octaves from middle C of a frequency.
fn octaves(hertz: f64) -> Option<f64> {
    (hertz > 0.0).then(|| (hertz / TUNING_HZ).log2() + TUNING_NOTE / 12.0)
}

/// Whether a text is a level of silence.
fn is_silence(text: &str) -> bool {
    let level = text.strip_suffix("db").unwrap_or(text).trim_end();
    matches!(level, "-inf" | "-infinity" | "-∞")
}

/// The number a text starts with, and the unit behind it.
fn number(text: &str) -> Option<(f64, &str)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut end = usize::from(text.starts_with(['+', '-']));
    let whole = digits(end);
    end += whole;
    let mut fraction = 0;
    if matches!(bytes.get(end), Some(b'.' | b',')) {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if bytes.get(end) == Some(&b'e') {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = digits(end + 1 + sign);
        if power > 0 {
            end += 1 + sign + power;
        }
    }
    let number = text[..end].replace(',', ".").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// What a text says of a switch.
fn switch(text: &str) -> Option<f32> {
    match text {
        "on" | "true" | "yes" | "1" => Some(1.0),
        "off" | "false" | "no" | "0" => Some(0.0),
        _ => None,
    }
}

/// The choice a text names: by its whole name, or by a beginning that only one name has.
fn choice(names: &[&str], text: &str) -> Option<usize> {
    let wanted = squeezed(text);
    if wanted.is_empty() {
        return None;
    }
    if let Some(index) = names.iter().position(|name| squeezed(name) == wanted) {
        return Some(index);
    }
    let mut starting =
        (0..names.len()).filter(|index| squeezed(names[*index]).starts_with(&wanted));
    let first = starting.next()?;
    starting.next().is_none().then_some(first)
}

/// A choice's name without what people write differently.
fn squeezed(name: &str) -> String {
    let name = name.to_lowercase().replace([' ', '-', '_', '\u{a0}'], "");
    if !name.starts_with(|first: char| first.is_ascii_digit()) {
        return name;
    }
    let name = name.replace("dotted", "d").replace("triplet", "t");
    // A point is a dot only behind the division: "1/8." but not "0.5".
    match name.strip_suffix('.') {
        Some(division) => format!("{division}d"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::{
        Curve, cents, choice, decibels, hz, int, number, octaves, phase, seconds, semitones,
        toggle, unit,
    };

    const CUTOFF: ParamSpec = hz("cutoff", 16.0, 20_000.0, 1_000.0, "x");
    const RATE: ParamSpec = hz("rate", 0.01, 40.0, 1.0, "x");
    const TIME: ParamSpec = seconds("time", 0.0, 20.0, 0.1, "x");
    const LEVEL: ParamSpec = decibels("level", -60.0, 12.0, 0.0, "x");
    const TRIM: ParamSpec = decibels("trim", -24.0, 24.0, 0.0, "x");
    const MIX: ParamSpec = unit("mix", 0.0, 1.0, 0.5, "x");
    const PITCH: ParamSpec = octaves("pitch", -6.0, 6.0, 0.0, "x");
    const FINE: ParamSpec = cents("fine", -100.0, 100.0, 0.0, "x");
    const BEND: ParamSpec = semitones("bend", 0.0, 48.0, 2.0, "x");
    const PHASE: ParamSpec = phase("phase", 0.0, "x");
    const TEMPO: ParamSpec = number("tempo", 20.0, 300.0, 120.0, "x").measured_in(Unit::Tempo);
    const GAIN: ParamSpec = number("gain", -2.0, 2.0, 1.0, "x");
    const VOICES: ParamSpec = int("voices", 1, 16, 8, "x");
    const SYNC: ParamSpec = toggle("sync", false, "x");
    const DIVISION: ParamSpec = choice(
        "division",
        &[
            "1/1",
            "1/4",
            "1/8",
            "1/8 dotted",
            "1/8 triplet",
            "1/16",
            "1/16 dotted",
        ],
        1,
        "x",
    );
    const MODE: ParamSpec = choice(
        "mode",
        &["Poly", "Mono", "Legato", "Low-pass 12", "Low-pass 24"],
        0,
        "x",
    );
    const SHARES: ParamSpec = choice("share", &["0.5", "0.25", "2."], 0, "x");

    const EVERY_UNIT: [ParamSpec; 17] = [
        CUTOFF, RATE, TIME, LEVEL, TRIM, MIX, PITCH, FINE, BEND, PHASE, TEMPO, GAIN, VOICES, SYNC,
        DIVISION, MODE, SHARES,
    ];

    #[test]
    fn text_is_what_a_musician_writes() {
        for (param, plain, text) in [
            (CUTOFF, 440.0, "440 Hz"),
            (CUTOFF, 1_250.0, "1.25 kHz"),
            (CUTOFF, 999.7, "1.00 kHz"),
            (CUTOFF, 20_000.0, "20.0 kHz"),
            (CUTOFF, 61.74, "61.7 Hz"),
            (CUTOFF, 99.97, "100 Hz"),
            (RATE, 0.25, "0.250 Hz"),
            (RATE, 0.0123, "0.0123 Hz"),
            (TIME, 0.0125, "12.5 ms"),
            (TIME, 1.5, "1.50 s"),
            (TIME, 0.9998, "1.00 s"),
            (TIME, 0.0, "0 ms"),
            (TIME, 0.000_05, "0.050 ms"),
            (LEVEL, -6.0, "-6.0 dB"),
            (LEVEL, -0.01, "0.0 dB"),
            (LEVEL, -60.0, "-inf dB"),
            (LEVEL, -59.98, "-inf dB"),
            (TRIM, -24.0, "-24.0 dB"),
            (MIX, 0.42, "42 %"),
            (MIX, 0.425, "42.5 %"),
            (PITCH, 0.0, "C4"),
            (PITCH, 0.75, "A4"),
            (PITCH, 0.76, "A4 +12 ct"),
            (PITCH, -5.0 / 12.0, "G3"),
            (PITCH, -6.0, "C-2"),
            (PITCH, 0.0005, "C4 +0.6 ct"),
            (PITCH, -0.0005, "C4 -0.6 ct"),
            (FINE, 7.0, "+7 ct"),
            (FINE, 0.0, "0 ct"),
            (FINE, -12.5, "-12.5 ct"),
            (BEND, 3.0, "3 st"),
            (PHASE, 0.25, "90°"),
            (TEMPO, 120.0, "120 bpm"),
            (GAIN, -0.5, "-0.5"),
            (VOICES, 16.0, "16"),
            (SYNC, 1.0, "On"),
            (SYNC, 0.0, "Off"),
            (DIVISION, 3.0, "1/8 dotted"),
            (CUTOFF, f32::NAN, "1.00 kHz"),
            (CUTOFF, f32::INFINITY, "20.0 kHz"),
            (MODE, 77.0, "Low-pass 24"),
        ] {
            assert_eq!(param.text(plain), text, "{} {plain}", param.id);
        }
    }

    #[test]
    fn text_is_read_as_people_type_it() {
        for (param, text, plain) in [
            (CUTOFF, "440", 440.0),
            (CUTOFF, "440hz", 440.0),
            (CUTOFF, " 440 Hz ", 440.0),
            (CUTOFF, "1k", 1_000.0),
            (CUTOFF, "1.2 kHz", 1_200.0),
            (CUTOFF, "1,2 kHz", 1_200.0),
            (CUTOFF, "1e3", 1_000.0),
            (CUTOFF, "A4", 440.0),
            (CUTOFF, "a5", 880.0),
            (CUTOFF, "C#3", 138.591_32),
            (CUTOFF, "1e300", 20_000.0),
            (CUTOFF, "-5", 16.0),
            (PITCH, "A4", 0.75),
            (PITCH, "C#3", -11.0 / 12.0),
            (PITCH, "Bb2", -14.0 / 12.0),
            (PITCH, "B♭2", -14.0 / 12.0),
            (PITCH, "b2", -13.0 / 12.0),
            (PITCH, "C-1", -5.0),
            (PITCH, "A4+50ct", 0.75 + 50.0 / 1200.0),
            (PITCH, "A4 -12 ct", 0.74),
            (PITCH, "A4 +1 st", 10.0 / 12.0),
            (PITCH, "440 Hz", 0.75),
            (PITCH, "-1.5", -1.5),
            (PITCH, "7 st", 7.0 / 12.0),
            (PITCH, "C99", 6.0),
            (LEVEL, "-6 dB", -6.0),
            (LEVEL, "\u{2212}6dB", -6.0),
            (LEVEL, "-inf", -60.0),
            (LEVEL, "-inf dB", -60.0),
            (LEVEL, "-∞ dB", -60.0),
            (LEVEL, "+3", 3.0),
            (MIX, "50%", 0.5),
            (MIX, "50", 0.5),
            (MIX, "0.5", 0.005),
            (MIX, "150 %", 1.0),
            (TIME, "0.5s", 0.5),
            (TIME, "250ms", 0.25),
            (TIME, "0,25", 0.25),
            (TIME, "50 µs", 0.000_05),
            (FINE, "+7", 7.0),
            (FINE, "0.5 st", 50.0),
            (BEND, "1 octave", 12.0),
            (PHASE, "180 deg", 0.5),
            (PHASE, "90", 0.25),
            (TEMPO, "98.6bpm", 98.6),
            (VOICES, "4", 4.0),
            (VOICES, "99", 16.0),
            (SYNC, "on", 1.0),
            (SYNC, "YES", 1.0),
            (SYNC, "true", 1.0),
            (SYNC, "0", 0.0),
            (DIVISION, "1/8", 2.0),
            (DIVISION, "1/8 Dotted", 3.0),
            (DIVISION, "1/8d", 3.0),
            (DIVISION, "1/8.", 3.0),
            (DIVISION, "1/8t", 4.0),
            (DIVISION, "1/1", 0.0),
            (DIVISION, "1/16D", 6.0),
            (MODE, "legato", 2.0),
            (MODE, "leg", 2.0),
            (MODE, "LOW PASS 24", 4.0),
            (MODE, "low_pass_12", 3.0),
            (SHARES, "0.2", 1.0),
        ] {
            let read = param
                .parse(text)
                .unwrap_or_else(|| panic!("{text} means nothing to {}", param.id));
            assert!(
                (read - plain).abs() <= plain.abs() * 1e-6,
                "{} {text}: {read}, not {plain}",
                param.id
            );
        }
    }

    #[test]
    fn nonsense_means_nothing() {
        for (param, text) in [
            (CUTOFF, ""),
            (CUTOFF, "loud"),
            (CUTOFF, "nan"),
            (CUTOFF, "inf"),
            (CUTOFF, "-inf"),
            (CUTOFF, "440 dB"),
            (CUTOFF, "4 4 0"),
            (CUTOFF, "1,2,3"),
            (CUTOFF, "1e999"),
            (CUTOFF, "."),
            (CUTOFF, "-"),
            (CUTOFF, "A"),
            (CUTOFF, "A99999"),
            (CUTOFF, "A4x"),
            (CUTOFF, "A4 12 ct"),
            (PITCH, "H4"),
            (PITCH, "0 Hz"),
            (LEVEL, "inf dB"),
            (LEVEL, "nan dB"),
            (MIX, "A4"),
            (SYNC, "maybe"),
            (DIVISION, ""),
            (DIVISION, "1/"),
            (DIVISION, "3"),
            (MODE, "low"),
            (MODE, "lowpass 123"),
        ] {
            assert_eq!(param.parse(text), None, "{} {text:?}", param.id);
        }
    }

    /// How far the value read back from a text may lie from the value written.
    fn precision(param: &ParamSpec, plain: f32) -> f32 {
        let size = plain.abs();
        let shown = match param.unit {
            Unit::None => 0.5 * 10.0_f32.powi(-(param.decimals() as i32)),
            Unit::Hertz => (size * 0.005).max(0.000_05),
            Unit::Seconds => (size * 0.005).max(0.000_000_5),
            Unit::Decibels => 0.051,
            Unit::Percent => 0.000_5,
            Unit::Octaves => 0.05 / 1200.0,
            Unit::Cents => 0.05,
            Unit::Semitones | Unit::Tempo => 0.005,
            Unit::Degrees => 0.05 / 360.0,
        };
        shown + size * 1e-6
    }

    fn comes_back(param: &ParamSpec, plain: f32) {
        let text = param.text(plain);
        let read = param
            .parse(&text)
            .unwrap_or_else(|| panic!("{}: {text} means nothing", param.id));
        assert!(
            (read - plain).abs() <= precision(param, plain),
            "{}: {plain} is {text} is {read}",
            param.id
        );
        assert_eq!(param.text(read), text, "{}: {plain} is {read}", param.id);
    }

    fn params() -> Vec<ParamSpec> {
        let catalog = crate::CATALOG.iter().flat_map(|entry| entry.spec.params);
        catalog
            .copied()
            .chain(EVERY_UNIT)
            .chain([TIME.curved(Curve::Linear)])
            .collect()
    }

    #[test]
    fn every_end_default_and_choice_comes_back() {
        for param in params() {
            for plain in [param.min, param.default, param.max] {
                comes_back(&param, plain);
            }
            for value in 0..param.values().unwrap_or(0).min(1000) {
                let plain = param.min + value as f32;
                comes_back(&param, plain);
                assert_eq!(param.parse(&param.text(plain)), Some(plain), "{}", param.id);
            }
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back(travel in 0.0_f32..=1.0) {
            for param in params() {
                comes_back(&param, param.plain(travel));
            }
        }

        #[test]
        fn any_text_is_safe(text in "\\PC{0,24}") {
            for param in EVERY_UNIT {
                if let Some(plain) = param.parse(&text) {
                    prop_assert_eq!(plain.to_bits(), param.legal(plain).to_bits());
                }
            }
        }

        #[test]
        fn any_text_made_of_numbers_and_notes_is_safe(text in "[-+0-9.,a-h#b♭ ikzmsct%°∞/]{0,12}") {
            for param in EVERY_UNIT {
                if let Some(plain) = param.parse(&text) {
                    prop_assert_eq!(plain.to_bits(), param.legal(plain).to_bits());
                }
            }
        }
    }
}
