//! Finds out that a signal stands still although it comes as frames.

use crate::contract::{In, Signal};
use crate::lanes::{LaneBits, LaneMask, Lanes};

/// The same signal, as a constant if all frames of this call are alike bit for bit.
///
/// A cable brings frames even while the note it carries is held; looking once is cheaper than
/// computing everything anew for each frame.
#[inline(always)]
pub fn settled<V: Lanes>(signal: Signal<'_, V>) -> Signal<'_, V> {
    let Signal::Frames(frames) = signal else {
        return signal;
    };
    let [first, .., last] = frames else {
        return frames
            .first()
            .map_or(signal, |only| Signal::Constant(*only));
    };
    if differ(*first, *last) {
        return signal;
    }
    let mut difference = V::Bits::splat(0);
    for frame in frames {
        difference = difference | (frame.to_bits() ^ first.to_bits());
    }
    if differs::<V>(difference) {
        signal
    } else {
        Signal::Constant(*first)
    }
}

/// The values of some signals if none of them moves.
#[inline(always)]
pub fn constants<V: Lanes, const N: usize>(signals: In<'_, V, N>) -> Option<[V; N]> {
    let mut values = [V::splat(0.0); N];
    for (value, signal) in values.iter_mut().zip(signals) {
        *value = signal.constant()?;
    }
    Some(values)
}

/// Whether any lane of two values differs in any bit.
#[inline(always)]
pub fn differ<V: Lanes>(one: V, other: V) -> bool {
    differs::<V>(one.to_bits() ^ other.to_bits())
}

/// Whether any lane of any of some values differs in any bit.
#[inline(always)]
pub fn any_differ<V: Lanes, const N: usize>(some: &[V; N], others: &[V; N]) -> bool {
    let mut difference = V::Bits::splat(0);
    for (one, other) in some.iter().zip(others) {
        difference = difference | (one.to_bits() ^ other.to_bits());
    }
    differs::<V>(difference)
}

#[inline(always)]
fn differs<V: Lanes>(bits: V::Bits) -> bool {
    V::from_signed(bits).abs().gt(V::splat(0.0)).any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Eight, Mono};

    #[test]
    fn only_signals_that_stand_still_settle() {
        fn settles<V: Lanes>(frames: &[V]) -> bool {
            settled(Signal::Frames(frames)).constant().is_some()
        }
        type One = Mono<Baseline>;
        assert!(settles(&[One::splat(0.3)]));
        assert!(settles(&[One::splat(0.3); 64]));
        let mut frames = [One::splat(0.3); 64];
        frames[17] = One::splat(0.300_000_04);
        assert!(!settles(&frames));
        let mut frames = [Eight::<Baseline>::splat(-1.0); 5];
        assert!(settles(&frames));
        frames[2].set_lane(7, 1.0);
        assert!(!settles(&frames));
    }
}
