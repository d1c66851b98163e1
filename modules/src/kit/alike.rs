//! Finds out that all voices of a signal are alike.

use crate::MAX_FRAMES;
use crate::contract::Signal;
use crate::kit::settled::differ;
use crate::lanes::{LaneBits, Lanes};

/// Vectors of eight frames that a block takes.
pub const EIGHTS: usize = MAX_FRAMES / 8;

/// The frames of one voice, eight in a vector, if it stands for all bit for bit; those past the end
/// of the call are 0.
///
/// A knob that moves brings the same frames to every voice; looking is cheaper than computing the same
/// thing for each of them.
#[inline(always)]
pub fn alike<V: Lanes>(signal: Signal<'_, V>) -> Option<[V::Wide; EIGHTS]> {
    let Signal::Frames(frames) = signal else {
        return None;
    };
    let mut one = [V::Wide::splat(0.0); EIGHTS];
    if V::COUNT > 1 {
        // Mostly the last frame alone tells that they are not.
        let last = frames.last()?;
        if differ(*last, V::splat(last.lane(0))) {
            return None;
        }
        let mut difference = V::Bits::splat(0);
        for frame in frames {
            difference = difference | (frame.to_bits() ^ V::splat(frame.lane(0)).to_bits());
        }
        if differ(V::from_bits(difference), V::splat(0.0)) {
            return None;
        }
    }
    let (eights, rest) = frames.as_chunks::<8>();
    for (one, eight) in one.iter_mut().zip(eights) {
        *one = V::Wide::from_fn(
            #[inline(always)]
            |frame| eight[frame % 8].lane(0),
        );
    }
    if let Some(one) = one.get_mut(eights.len()) {
        for (lane, frame) in rest.iter().enumerate() {
            one.set_lane(lane, frame.lane(0));
        }
    }
    Some(one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Eight, Sixteen};

    #[test]
    fn voices_are_alike_only_where_every_frame_is() {
        type V = Sixteen<Baseline>;
        for count in [1, 7, 8, 30, 64] {
            let mut frames: Vec<V> = (0..count).map(|frame| V::splat(frame as f32)).collect();
            let one = alike(Signal::Frames(&frames)).expect("alike");
            for frame in 0..MAX_FRAMES {
                let is = if frame < count { frame as f32 } else { 0.0 };
                assert_eq!(one[frame / 8].lane(frame % 8), is);
            }
            for at in 0..count {
                let before = frames[at];
                frames[at].set_lane(9, -0.0 - at as f32);
                if at == 0 {
                    frames[at].set_lane(9, f32::from_bits(1 << 31));
                }
                assert!(alike(Signal::Frames(&frames)).is_none(), "{at} of {count}");
                frames[at] = before;
            }
        }
        assert!(alike(Signal::Constant(Eight::<Baseline>::splat(1.0))).is_none());
    }
}
