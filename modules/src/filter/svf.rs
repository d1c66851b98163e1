//! The state-variable filter.

mod all;
mod low;
mod response;

use core::f32::consts::TAU;

use self::response::{Ring, Shares, damping_of, ring, wants_poles};
use crate::contract::{
    Cx, In, Knob, Knobs as Params, MAX_FRAMES, Module, Out, Setup, Signal, Wanted,
};
use crate::kit::corner::{Corner, HIGHEST, audio_at};
use crate::kit::settled::differ;
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Silence, Spec, Voicing, audio, hz, pitch, unit};

/// Two-pole filter: two integrators in a ring.
///
/// With p = s / (2 pi cutoff) and Q = 2^(8 resonance - 1), the outputs follow the circuit's low 1/d,
/// band p/d, high p²/d, notch (1 + p²)/d and all-pass (p² - p/Q + 1)/d, with d = p² + p/Q + 1. Below
/// a quarter of the frame rate they do so within 0.05 dB for corners that lie there too, and for
/// corners up to 20 kHz at 48 kHz within 0.1 dB (the notch within 0.2 dB).
///
/// The recursion is A. Simper's trapezoidal one (*Solving the continuous SVF equations using
/// trapezoidal integration and equivalent currents*, 2013), which no movement of the corner can
/// upset, because by itself a step never raises the energy of the states. Its two coefficients are
/// chosen so that the poles are exactly those of the circuit instead of warped ones, and each output
/// gets a share of the others that meets the circuit's magnitude; see [`crate::kit::matched`].
pub struct Svf<V: Lanes> {
    band: V,
    low: V,
    last: Past<V>,
    held: Option<Held<V>>,
    /// A resonance that does not move, and its damping.
    damped: Option<[V; 2]>,
    radians_per_hertz: f32,
}

/// What a corner and a resonance that do not move come to, kept from call to call.
#[derive(Clone, Copy)]
struct Held<V> {
    corner: V,
    resonance: V,
    wanted: Wanted,
    damping: V,
    ring: Ring<V>,
    shares: Shares<V>,
}

/// What the tilted outputs need to know of one frame ago.
///
/// Kept instead of what follows from it, which is only worked out where somebody reads those
/// outputs.
#[derive(Clone, Copy)]
struct Past<V> {
    corner: V,
    damping: V,
    input: V,
    /// The integrators before that frame.
    band: V,
    low: V,
}

impl<V: Lanes> Past<V> {
    fn silence() -> Self {
        let zero = V::splat(0.0);
        Past {
            corner: V::splat(1.0),
            damping: V::splat(1.0),
            input: zero,
            band: zero,
            low: zero,
        }
    }
}

/// What moves the filter.
#[derive(Clone, Copy)]
struct Knobs<'a, V> {
    corner: Corner<'a, V>,
    resonance: Signal<'a, V>,
    /// As [`damping_of`] gives it if the resonance does not move.
    damping: Option<V>,
}

impl<V: Lanes> Knobs<'_, V> {
    /// Corner and damping of one frame.
    #[inline(always)]
    fn at(&self, frame: usize) -> [V; 2] {
        let damping = match self.damping {
            Some(damping) => damping,
            None => damping_of(self.resonance.at(frame)),
        };
        [self.corner.at(frame), damping]
    }
}

/// The second param.
const RESONANCE: usize = 1;

const LOW: usize = 0;
const BAND: usize = 1;
const HIGH: usize = 2;
const NOTCH: usize = 3;
const ALL_PASS: usize = 4;

impl<V: Lanes> Svf<V> {
    /// The damping of a resonance that mostly is that of the last call.
    #[inline(always)]
    fn damping(&mut self, resonance: V) -> V {
        if let Some([held, damping]) = self.damped
            && !differ(held, resonance)
        {
            return damping;
        }
        let damping = damping_of(resonance);
        self.damped = Some([resonance, damping]);
        damping
    }

    /// The ring and the shares of a call in which nothing moves.
    #[inline(always)]
    fn hold(&mut self, corner: V, resonance: V, wanted: Wanted) -> Held<V> {
        if let Some(held) = self.held
            && held.wanted == wanted
            && !differ(held.corner, corner)
            && !differ(held.resonance, resonance)
        {
            return held;
        }
        let damping = self.damping(resonance);
        let ring = ring(corner, damping);
        let held = Held {
            corner,
            resonance,
            wanted,
            damping,
            ring,
            shares: Shares::of(ring, damping, wanted),
        };
        self.held = Some(held);
        held
    }
}

impl<V: Lanes> Module<V, 2, 3, 5> for Svf<V> {
    const SPEC: Spec<2, 3, 5> = Spec {
        id: "svf",
        name: "State-Variable Filter",
        category: Category::Filter,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Clean two-pole filter, all responses at once. Its corner may move as fast as sound.",
        inputs: [
            audio("in", "Signal to filter."),
            pitch(
                "pitch",
                "Moves the corner in octaves, so that the filter follows the keyboard.",
            ),
        ],
        params: [
            hz("cutoff", 16.0, 20_000.0, 1_000.0, "Corner frequency."),
            unit(
                "resonance",
                0.0,
                1.0,
                0.0625,
                "Peak at the corner. Each eighth doubles the Q: 0 is Q 0.5, 37.5 % Q 4, 100 % Q 128.",
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
            audio("low", "What lies below the corner, 12 dB per octave."),
            audio(
                "band",
                "What lies around the corner, 6 dB per octave each side. The Q is its peak gain.",
            ),
            audio("high", "What lies above the corner, 12 dB per octave."),
            audio("notch", "Everything but the corner."),
            audio(
                "all-pass",
                "Everything at its level, with the phase turned around the corner.",
            ),
        ],
    };
    const SILENCE: Silence = Silence::All(&["in"]);
    const RECURSIVE: bool = true;
    const SHARES: u32 = 1 << RESONANCE;

    fn new(setup: &Setup) -> Self {
        let zero = V::splat(0.0);
        Svf {
            band: zero,
            low: zero,
            last: Past::silence(),
            held: None,
            damped: None,
            radians_per_hertz: TAU / setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        (self.band, self.low) = (V::splat(0.0), V::splat(0.0));
        self.last = Past::silence();
    }

    fn carry(&mut self, porter: &mut Porter) {
        let Past {
            corner,
            damping,
            input,
            band,
            low,
        } = &mut self.last;
        for value in [
            &mut self.band,
            &mut self.low,
            corner,
            damping,
            input,
            band,
            low,
        ] {
            porter.lane(value);
        }
        porter.forget(&mut self.held);
        porter.forget(&mut self.damped);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [input, pitch]: In<'_, V, 2>,
        [cutoff, resonance, track]: In<'_, V, 3>,
        [low, band, high, notch, all_pass]: Out<'_, V, 5>,
    ) {
        let (frames, wanted) = (cx.frames, cx.wanted);
        let corner = Corner::new(cutoff, pitch, track, self.radians_per_hertz, HIGHEST);
        let mut held = None;
        let mut damping = None;
        if let Some(resonance) = resonance.constant() {
            if let Some(corner) = corner.constant() {
                let kept = self.hold(corner, resonance, wanted);
                damping = Some(kept.damping);
                held = Some((kept.ring, kept.shares));
            } else {
                damping = Some(self.damping(resonance));
            }
        }
        let knobs = Knobs {
            corner,
            resonance,
            damping,
        };
        let outputs = [low, band, high, notch, all_pass];
        let is_low_alone = wanted.has(LOW) && !wants_poles(wanted);
        if V::COUNT > 1 {
            if is_low_alone {
                let [low, ..] = outputs;
                self.low_of_many(input, knobs, held, low);
            } else {
                self.run::<9>(wanted, input, knobs, held, outputs);
            }
        } else if is_low_alone && held.is_none() {
            let [low, ..] = outputs;
            self.low_of_one(input, knobs, low);
        } else {
            self.run::<{ MAX_FRAMES + 1 }>(wanted, input, knobs, held, outputs);
        }
        let last = frames.saturating_sub(1);
        [self.last.corner, self.last.damping] = knobs.at(last);
        self.last.input = audio_at(input, last);
    }

    #[inline(always)]
    fn process_shared(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        [cutoff, resonance, track]: Params<'_, V, 3>,
        outputs: Out<'_, V, 5>,
    ) {
        let Knob::Shared(resonance) = resonance else {
            return;
        };
        let (cutoff, track) = (cutoff.apart(), track.apart());
        if !cx.wanted.has(LOW) || wants_poles(cx.wanted) {
            let mut scratch = [V::splat(0.0); MAX_FRAMES];
            let params = [cutoff, resonance.spread(&mut scratch), track];
            return self.process(cx, inputs, params, outputs);
        }
        let ([input, pitch], [low, ..]) = (inputs, outputs);
        let corner = Corner::new(cutoff, pitch, track, self.radians_per_hertz, HIGHEST);
        self.low_of_many_alike(input, corner, resonance.eights(), low);
        let last = cx.frames.saturating_sub(1);
        self.last.corner = corner.at(last);
        self.last.damping = damping_of(V::splat(resonance.at(last)));
        self.last.input = audio_at(input, last);
    }
}
