//! Note lengths against the host's beat: one table for everything that keeps time.

/// The note lengths a musician picks from, longest first. A bar is four quarter notes.
pub const DIVISIONS: &[&str] = &[
    "8 bars",
    "4 bars",
    "2 bars",
    "1 bar",
    "1/2 dotted",
    "1/2",
    "1/4 dotted",
    "1/2 triplet",
    "1/4",
    "1/8 dotted",
    "1/4 triplet",
    "1/8",
    "1/16 dotted",
    "1/8 triplet",
    "1/16",
    "1/32 dotted",
    "1/16 triplet",
    "1/32",
    "1/32 triplet",
    "1/64",
];

/// Each length in quarter notes as a fraction, so that grid lines are hit without rounding.
const FRACTIONS: [(f64, f64); DIVISIONS.len()] = [
    (32.0, 1.0),
    (16.0, 1.0),
    (8.0, 1.0),
    (4.0, 1.0),
    (3.0, 1.0),
    (2.0, 1.0),
    (3.0, 2.0),
    (4.0, 3.0),
    (1.0, 1.0),
    (3.0, 4.0),
    (2.0, 3.0),
    (1.0, 2.0),
    (3.0, 8.0),
    (1.0, 3.0),
    (1.0, 4.0),
    (3.0, 16.0),
    (1.0, 6.0),
    (1.0, 8.0),
    (1.0, 12.0),
    (1.0, 16.0),
];

/// A beat this little before a grid line counts as on it, in quarter notes.
///
/// The beat of a frame is a product of rounded numbers, and hosts round their positions too (CLAP to
/// 2^-31 beats). This is above both, and a hundredth of a frame at 20 beats a minute and 384 kHz.
const TOLERANCE: f64 = 1e-8;

/// The index in [`DIVISIONS`] of a length, for defaults. A name that is not in the table does not
/// compile in a constant.
pub const fn division(name: &str) -> usize {
    let mut index = 0;
    while index < DIVISIONS.len() {
        if same(DIVISIONS[index].as_bytes(), name.as_bytes()) {
            return index;
        }
        index += 1;
    }
    panic!("no such division")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut index = 0;
    while index < a.len() {
        if a[index] != b[index] {
            return false;
        }
        index += 1;
    }
    true
}

#[inline(always)]
fn fraction(choice: usize) -> (f64, f64) {
    FRACTIONS.get(choice).copied().unwrap_or((1.0, 1.0))
}

/// How many quarter notes a division lasts; past the end of the table one.
#[inline(always)]
pub fn quarters(choice: usize) -> f64 {
    let (numerator, denominator) = fraction(choice);
    numerator / denominator
}

/// How many of a division have passed at a beat, in quarter notes. Whole numbers are its grid lines.
#[inline(always)]
pub fn cycles(choice: usize, beat: f64) -> f64 {
    let (numerator, denominator) = fraction(choice);
    (beat + TOLERANCE) * denominator / numerator
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a name the way a musician does.
    fn spoken(name: &str) -> f64 {
        if let Some(bars) = name.strip_suffix(" bars").or(name.strip_suffix(" bar")) {
            return 4.0 * bars.parse::<f64>().expect("a number of bars");
        }
        let (note, kind) = name.split_once(' ').unwrap_or((name, ""));
        let of_a_bar: f64 = note
            .strip_prefix("1/")
            .expect("a fraction")
            .parse()
            .expect("a number");
        4.0 / of_a_bar
            * match kind {
                "dotted" => 1.5,
                "triplet" => 2.0 / 3.0,
                "" => 1.0,
                other => panic!("unknown kind `{other}`"),
            }
    }

    #[test]
    fn lengths_are_what_their_names_say_and_fall() {
        for (choice, name) in DIVISIONS.iter().enumerate() {
            assert!((quarters(choice) - spoken(name)).abs() < 1e-12, "{name}");
            assert_eq!(division(name), choice);
        }
        assert!((1..DIVISIONS.len()).all(|choice| quarters(choice) < quarters(choice - 1)));
    }

    #[test]
    fn grid_lines_are_hit_for_hours() {
        for (choice, name) in DIVISIONS.iter().enumerate() {
            for line in [1u32, 2, 3, 7, 1_000, 99_991] {
                let beat = quarters(choice) * f64::from(line);
                for error in [-1e-9, 0.0, 1e-9] {
                    assert_eq!(
                        cycles(choice, beat + error).floor(),
                        f64::from(line),
                        "{name}"
                    );
                }
            }
        }
    }
}
