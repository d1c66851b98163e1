//! The one-pole filter.

use core::f32::consts::TAU;

use crate::contract::{Cx, In, Module, Out, Setup, Signal, Wanted};
use crate::kit::corner::{Corner, HIGHEST, copy_audio};
use crate::kit::matched::{MEETING, one_minus_exp, taps};
use crate::kit::settled::differ;
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Silence, Spec, Voicing, audio, hz, pitch, unit};

/// The gentle filter of one resistor and one capacitor.
///
/// With the corner `wc` the outputs follow 1 / (1 + s/wc) and (s/wc) / (1 + s/wc) within 0.05 dB
/// below a quarter of the frame rate: the exact pole, and zeros matched as [`crate::kit::matched`]
/// says.
pub struct OnePole<V: Lanes> {
    /// What the capacitor holds.
    charge: V,
    /// How far the input stood above it one frame ago.
    last_rise: V,
    held: Option<Held<V>>,
    radians_per_hertz: f32,
}

const LOW: usize = 0;
const HIGH: usize = 1;

/// What a corner that does not move comes to, kept from call to call.
#[derive(Clone, Copy)]
struct Held<V> {
    corner: V,
    wanted: Wanted,
    loss: V,
    /// Those of outputs that are not read are 0.
    low: V,
    high: [V; 2],
}

/// What the pole takes from the prototype's squared magnitudes where they are met.
#[inline(always)]
fn taken<V: Lanes>(corner: V, loss: V) -> V {
    let decay = V::splat(1.0) - loss;
    decay.mul_add(decay, V::splat(1.0)) / (corner * corner + MEETING * MEETING)
}

/// The share of the rise in low, besides the charge, from the corner and the loss of the charge in
/// a frame.
#[inline(always)]
fn low_share<V: Lanes>(corner: V, loss: V, taken: V) -> V {
    let straight = loss * 0.5;
    let skewed = corner * corner * taken * 0.5 - straight * straight;
    straight + skewed.max(V::splat(0.0)).sqrt()
}

/// The shares of this and the last rise in high.
#[inline(always)]
fn high_taps<V: Lanes>(corner: V, loss: V, taken: V) -> [V; 2] {
    taps(loss / corner, taken * (0.5 * MEETING * MEETING))
}

impl<V: Lanes> OnePole<V> {
    /// What a call comes to in which the corner does not move.
    #[inline(always)]
    fn hold(&mut self, corner: V, wanted: Wanted) -> Held<V> {
        if let Some(held) = self.held
            && held.wanted == wanted
            && !differ(held.corner, corner)
        {
            return held;
        }
        let none = V::splat(0.0);
        let loss = one_minus_exp(corner);
        let taken = taken(corner, loss);
        let mut held = Held {
            corner,
            wanted,
            loss,
            low: none,
            high: [none; 2],
        };
        if wanted.has(LOW) {
            held.low = low_share(corner, loss, taken);
        }
        if wanted.has(HIGH) {
            held.high = high_taps(corner, loss, taken);
        }
        self.held = Some(held);
        held
    }

    /// Lets the charge follow the input; gives the charge before it and the rise.
    #[inline(always)]
    fn follow(&mut self, loss: V, input: V) -> [V; 2] {
        let charge = self.charge;
        let rise = input - charge;
        self.charge = loss.mul_add(rise, charge);
        [charge, rise]
    }

    /// All frames of a call, in stages of one frame less than `N`: short enough that the processor
    /// begins one before it is through with the charge of the last.
    ///
    /// Only the charge goes frame by frame. All else waits for no other frame: of one voice it
    /// fills the vectors with frames, and of many it overlaps.
    #[inline(always)]
    fn run<const N: usize>(
        &mut self,
        wanted: Wanted,
        input: Signal<'_, V>,
        corner: Corner<'_, V>,
        held: Option<Held<V>>,
        [low, high]: Out<'_, V, 2>,
    ) {
        let none = [V::splat(0.0); N];
        let (mut corners, mut losses, mut parts, mut charges) = (none, none, none, none);
        // From one frame before on; those of this stage are inputs at first.
        let mut rises = none;
        let frames = low.len();
        let mut start = 0;
        while start < frames {
            let count = (frames - start).min(N - 1);
            let end = start + count;
            rises[0] = self.last_rise;
            copy_audio(input, start, &mut rises[1..=count]);
            if let Some(held) = held {
                for frame in 0..count {
                    [charges[frame], rises[frame + 1]] = self.follow(held.loss, rises[frame + 1]);
                }
            } else {
                corner.write(start, &mut corners[..count]);
                let results = losses.iter_mut().zip(&mut parts);
                for ((loss, part), corner) in results.zip(&corners).take(count) {
                    *loss = one_minus_exp(*corner);
                    *part = taken(*corner, *loss);
                }
                for frame in 0..count {
                    [charges[frame], rises[frame + 1]] =
                        self.follow(losses[frame], rises[frame + 1]);
                }
            }
            self.last_rise = rises[count];
            if wanted.has(LOW) {
                for (frame, out) in low[start..end].iter_mut().enumerate() {
                    let share = match held {
                        Some(held) => held.low,
                        None => low_share(corners[frame], losses[frame], parts[frame]),
                    };
                    *out = share.mul_add(rises[frame + 1], charges[frame]);
                }
            }
            if wanted.has(HIGH) {
                for (frame, out) in high[start..end].iter_mut().enumerate() {
                    let [now, before] = match held {
                        Some(held) => held.high,
                        None => high_taps(corners[frame], losses[frame], parts[frame]),
                    };
                    *out = now.mul_add(rises[frame + 1], before * rises[frame]);
                }
            }
            start = end;
        }
    }
}

impl<V: Lanes> Module<V, 2, 2, 2> for OnePole<V> {
    const SPEC: Spec<2, 2, 2> = Spec {
        id: "one-pole",
        name: "One-Pole Filter",
        category: Category::Filter,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "The gentlest filter: 6 dB per octave below or above its corner.",
        inputs: [
            audio("in", "Signal to filter."),
            pitch(
                "pitch",
                "Moves the corner in octaves, so that the filter follows the keyboard.",
            ),
        ],
        params: [
            hz(
                "cutoff",
                16.0,
                20_000.0,
                1_000.0,
                "Corner frequency, where the level is 3 dB down.",
            ),
            unit(
                "track",
                0.0,
                1.0,
                1.0,
                "How much of the pitch input the corner follows.",
            ),
        ],
        outputs: [
            audio("low", "What lies below the corner."),
            audio("high", "What lies above the corner."),
        ],
    };
    const SILENCE: Silence = Silence::All(&["in"]);
    const RECURSIVE: bool = true;

    fn new(setup: &Setup) -> Self {
        OnePole {
            charge: V::splat(0.0),
            last_rise: V::splat(0.0),
            held: None,
            radians_per_hertz: TAU / setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.charge = V::splat(0.0);
        self.last_rise = V::splat(0.0);
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.charge);
        porter.lane(&mut self.last_rise);
        porter.forget(&mut self.held);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [input, pitch]: In<'_, V, 2>,
        [cutoff, track]: In<'_, V, 2>,
        [low, high]: Out<'_, V, 2>,
    ) {
        let corner = Corner::new(cutoff, pitch, track, self.radians_per_hertz, HIGHEST);
        let mut held = None;
        if let Some(corner) = corner.constant() {
            held = Some(self.hold(corner, cx.wanted));
        }
        if V::COUNT > 1 {
            self.run::<9>(cx.wanted, input, corner, held, [low, high]);
        } else {
            self.run::<33>(cx.wanted, input, corner, held, [low, high]);
        }
    }
}
