//! Makes every bus stereo, whatever the host hands over.

/// Channel pointers of one stereo bus.
pub type Stereo = [*mut f32; 2];

/// The bus the plugin reads: a mono bus feeds both sides, a bus without channels is absent.
pub fn input(given: &[*mut f32]) -> Option<Stereo> {
    match *given {
        [left, right, ..] if !left.is_null() && !right.is_null() => Some([left, right]),
        [only, ..] if !only.is_null() => Some([only, only]),
        _ => None,
    }
}

/// The bus the plugin writes.
pub struct Output {
    /// Where the two sides go.
    pub channels: Stereo,
    /// The host gave one channel: the right side went to the spare one and must be folded in.
    pub fold: bool,
}

/// The bus the plugin writes; the missing side of a mono bus goes to `spare`.
pub fn output(given: &[*mut f32], spare: &mut [f32]) -> Option<Output> {
    match *given {
        [left, right, ..] if !left.is_null() && !right.is_null() => Some(Output {
            channels: [left, right],
            fold: false,
        }),
        [only, ..] if !only.is_null() => Some(Output {
            channels: [only, spare.as_mut_ptr()],
            fold: true,
        }),
        _ => None,
    }
}

/// Folds the right side of a mono bus into the only channel: the middle of both.
pub fn fold(only: &mut [f32], spare: &[f32]) {
    for (left, right) in only.iter_mut().zip(spare) {
        *left = 0.5 * (*left + *right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    #[test]
    fn a_mono_bus_feeds_both_sides_and_takes_their_middle() {
        let (mut only, mut spare) = ([1.0_f32, 0.5], [0.0_f32; 2]);
        let pointer = only.as_mut_ptr();
        assert_eq!(input(&[pointer]), Some([pointer, pointer]));
        let Some(out) = output(&[pointer], &mut spare) else {
            panic!("a mono bus is a bus");
        };
        assert!(out.fold && out.channels == [pointer, spare.as_mut_ptr()]);
        fold(&mut only, &spare);
        assert_eq!(only, [0.5, 0.25]);
    }

    #[test]
    fn channels_that_do_not_exist_are_no_bus() {
        assert_eq!(input(&[]), None);
        assert_eq!(input(&[null_mut(), null_mut()]), None);
        assert!(output(&[null_mut()], &mut []).is_none());
    }

    #[test]
    fn a_wide_bus_is_used_for_its_first_two_channels() {
        let mut channels = [[0.0_f32; 1]; 4];
        let pointers: Vec<*mut f32> = channels.iter_mut().map(|c| c.as_mut_ptr()).collect();
        assert_eq!(input(&pointers), Some([pointers[0], pointers[1]]));
    }
}
