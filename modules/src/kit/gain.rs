//! Levels.

use crate::contract::Signal;
use crate::lanes::Lanes;

/// Multiplies frames by a signal as long as they are.
///
/// The two kinds of signal have a loop each: a choice inside one loop becomes masked loads from
/// nowhere, which processors handle very slowly.
#[inline(always)]
pub fn scale<V: Lanes>(out: &mut [V], by: Signal<'_, V>) {
    match by {
        Signal::Constant(gain) => {
            for out in out {
                *out *= gain;
            }
        }
        Signal::Frames(gains) => {
            for (out, gain) in out.iter_mut().zip(gains) {
                *out *= *gain;
            }
        }
    }
}
