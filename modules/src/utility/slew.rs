//! Slew limiter.

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup};
use crate::kit::math::exp2_minus_1;
use crate::kit::switch::stretches;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Silence, Smoothing, Spec, Voicing, choice, modulation, seconds};

const EXPONENTIAL: usize = 1;

/// Lets a signal rise and fall no faster than told.
///
/// The output is kept as a float and the rest that rounding left out of it (Kahan's compensated
/// sum), so that the smallest movements of the slowest settings are not lost.
pub struct Slew<V: Lanes> {
    out: V,
    /// What `out` is too high by.
    excess: V,
    sample_rate: f32,
}

/// What a linear slew moves in a frame.
#[inline(always)]
fn linear<V: Lanes>(time: V, sample_rate: f32) -> V {
    // No time at all is a step no input exceeds.
    V::splat(1.0) / (time * sample_rate).max(V::splat(1e-30))
}

/// The share of the way that an exponential slew moves in a frame: 1 - exp(-1 / frames), exact for
/// long times too.
#[inline(always)]
fn exponential<V: Lanes>(time: V, sample_rate: f32) -> V {
    let frames = (time * sample_rate).max(V::splat(1e-3));
    -exp2_minus_1(V::splat(-core::f32::consts::LOG2_E) / frames)
}

impl<V: Lanes> Slew<V> {
    #[inline(always)]
    fn add(&mut self, movement: V) -> V {
        let movement = movement - self.excess;
        let sum = self.out + movement;
        self.excess = (sum - self.out) - movement;
        self.out = sum;
        sum
    }
}

impl<V: Lanes> Module<V, 1, 3, 1> for Slew<V> {
    const SPEC: Spec<1, 3, 1> = Spec {
        id: "slew",
        name: "Slew",
        category: Category::Utility,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Smooths a signal: limits how fast it rises and falls. Glides pitches, follows levels.",
        inputs: [modulation("in", "Signal to smooth.")],
        params: [
            seconds(
                "rise",
                0.0,
                20.0,
                0.1,
                "Time to rise by 1, or to come 63 % of the way up.",
            )
            .smoothed(Smoothing::None),
            seconds(
                "fall",
                0.0,
                20.0,
                0.1,
                "Time to fall by 1, or to come 63 % of the way down.",
            )
            .smoothed(Smoothing::None),
            choice(
                "shape",
                &["linear", "exponential"],
                0,
                "Linear moves at an even speed; exponential starts fast and eases in.",
            ),
        ],
        outputs: [modulation("out", "The smoothed signal.")],
    };
    const SILENCE: Silence = Silence::All(&["in"]);

    fn new(setup: &Setup) -> Self {
        Slew {
            out: V::splat(0.0),
            excess: V::splat(0.0),
            sample_rate: setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.out = V::splat(0.0);
        self.excess = V::splat(0.0);
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.out);
        porter.lane(&mut self.excess);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [input]: In<'_, V, 1>,
        [rise, fall, shape]: In<'_, V, 3>,
        [out]: Out<'_, V, 1>,
    ) {
        let zero = V::splat(0.0);
        let sample_rate = self.sample_rate;
        let mut scratch = [[zero; MAX_FRAMES]; 2];
        for (stretch, shape) in stretches(shape, cx.frames) {
            let [up, down] = &mut scratch;
            if shape == EXPONENTIAL {
                let up = rise.map(
                    up,
                    #[inline(always)]
                    |time| exponential(time, sample_rate),
                );
                let down = fall.map(
                    down,
                    #[inline(always)]
                    |time| exponential(time, sample_rate),
                );
                for frame in stretch {
                    // Limited so that even a leap across all floats stays finite.
                    let way = (input.at(frame) - self.out).clamp(-1e38, 1e38);
                    let share = way.lt(zero).select(down.at(frame), up.at(frame));
                    out[frame] = self.add(way * share);
                }
            } else {
                let up = rise.map(
                    up,
                    #[inline(always)]
                    |time| linear(time, sample_rate),
                );
                let down = fall.map(
                    down,
                    #[inline(always)]
                    |time| linear(time, sample_rate),
                );
                for frame in stretch {
                    let way = input.at(frame) - self.out;
                    let step = way.min(up.at(frame)).max(-down.at(frame));
                    // Where the step arrives nothing is left over.
                    let arrives = step.ge(way) & step.le(way);
                    self.excess = arrives.select(zero, self.excess);
                    let sum = self.add(step);
                    self.out = arrives.select(input.at(frame), sum);
                    self.excess = arrives.select(zero, self.excess);
                    out[frame] = self.out;
                }
            }
        }
    }
}
