//! Where voices stand.

/// Where a voice stands among its fellows.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Between left and right, -1..1.
    pub(super) side: f32,
    /// In the fan of detuned voices, -1..1.
    pub(super) fan: f32,
}

/// Places a fan of voices evenly from -1 to 1; one alone stands in the middle.
pub(super) fn fan_place(voice: usize, voices: usize) -> f32 {
    if voices > 1 {
        2.0 * voice as f32 / (voices - 1) as f32 - 1.0
    } else {
        0.0
    }
}

/// Places voices evenly from -1 to 1 so that consecutive ones stand on opposite sides, the first near
/// the middle.
pub(super) fn poly_side(voice: usize, voices: usize) -> f32 {
    if voices < 2 {
        return 0.0;
    }
    let middle = (voices - 1) / 2;
    let step = voice.div_ceil(2);
    let place = if voice % 2 == 1 {
        middle + step
    } else {
        middle.saturating_sub(step)
    };
    fan_place(place.min(voices - 1), voices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poly_voices_fill_the_stage_alternating() {
        for voices in 1..=16 {
            let mut sides: Vec<f32> = (0..voices).map(|voice| poly_side(voice, voices)).collect();
            let balance: f32 = sides.iter().sum();
            assert!(balance.abs() < 1e-5, "{voices}: {sides:?}");
            if voices == 16 {
                assert!(
                    sides.windows(2).skip(1).all(|pair| pair[0] * pair[1] < 0.0),
                    "{sides:?}"
                );
            }
            sides.sort_by(f32::total_cmp);
            let even: Vec<f32> = (0..voices).map(|voice| fan_place(voice, voices)).collect();
            assert_eq!(sides, even);
        }
    }
}
