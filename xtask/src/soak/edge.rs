//! How abrupt sound is.

/// How many times over differences are taken.
const ORDER: usize = 6;
/// The most that [`ORDER`] halved differences make of a step of 1: the largest coefficient of
/// (1 - z⁻¹)⁵, 10, by 2⁶.
const OF_STEP: f64 = 10.0 / 64.0;

/// Finds steps in sound that has no highs of its own.
///
/// Half the difference from one sample to the next, taken six times over, leaves 1/3,000 of a tone of 4
/// kHz at 48 kHz and 1/10,000,000 of one of 1 kHz, but 10/64 of a step. What is found is given as the
/// step that would leave as much, so a step has its own size whatever sounds beside it.
#[derive(Default)]
pub struct Edges {
    last: [f64; ORDER],
}

impl Edges {
    /// Takes the next sample in. Gives the size of the step around it, full scale = 1.
    pub fn next(&mut self, sample: f32) -> f32 {
        let mut value = f64::from(sample);
        for last in &mut self.last {
            let before = std::mem::replace(last, value);
            value = (value - before) * 0.5;
        }
        (value.abs() / OF_STEP) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The start of the sound, which is an edge of its own, is left out.
    fn sharpest(sound: impl IntoIterator<Item = f32>) -> f32 {
        let mut edges = Edges::default();
        let found = sound.into_iter().map(|sample| edges.next(sample));
        found.skip(48).fold(0.0, f32::max)
    }

    fn tone(hz: f32) -> impl Iterator<Item = f32> {
        (0..4_800).map(move |frame| (frame as f32 / 48_000.0 * hz * std::f32::consts::TAU).sin())
    }

    #[test]
    fn a_step_is_found_in_its_size_beside_loud_sound() {
        let quiet = sharpest(tone(1_000.0));
        assert!(quiet < 0.001, "{quiet}");
        for size in [0.01, 0.5] {
            let steps = tone(1_000.0)
                .enumerate()
                .map(|(frame, sample)| sample + if frame < 2_400 { 0.0 } else { size });
            let found = sharpest(steps);
            assert!((found / size - 1.0).abs() < 0.02, "{found} for {size}");
        }
    }
}
