//! The biquad.

use core::f32::consts::LOG2_10;

use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::corner::{HIGHEST, STAGE, audio_at, column, gather, limited, tabulate};
use crate::kit::math::{cos_turns, exp2, sin_turns};
use crate::kit::settled::settled;
use crate::kit::switch::{from, position, stretches};
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Curve, Silence, Spec, Voicing, audio, choice, decibels, hz, number};

/// In the order of [`weights`].
const SHAPES: &[&str] = &[
    "low-pass",
    "high-pass",
    "band-pass",
    "notch",
    "all-pass",
    "peak",
    "low shelf",
    "high shelf",
];

/// No shape has this number, so the call after it is a change.
const NO_SHAPE: usize = usize::MAX;

/// The equaliser's two-pole filter.
///
/// The transfer functions are those of Robert Bristow-Johnson's *Cookbook formulae for audio
/// equalizer biquad filter coefficients*, bilinear transform and all. The recursion is not the
/// cookbook's: it is A. Simper's trapezoidal one (*Solving the continuous SVF equations using
/// trapezoidal integration and equivalent currents*, 2013), which has exactly these transfer functions
/// while nothing moves. A direct form, transposed or not, keeps sums weighted by its coefficients, so a
/// corner that jumps at audio rate lets it grow without bound at high Q, and at low corners `f32`
/// cannot hold its coefficients. Here a step by itself never raises the energy of what is held, wherever
/// the corner was, and losses are subtracted, so 20 Hz is as exact as 2 kHz.
pub struct Biquad<V: Lanes> {
    state: State<V>,
    /// What `coefficients` were made of.
    known: Settings<V>,
    coefficients: Coefficients<V>,
    turns_per_hertz: f32,
}

/// What the two integrators hold.
#[derive(Clone, Copy)]
struct State<V> {
    band: V,
    low: V,
}

#[derive(Clone, Copy)]
struct Settings<V> {
    shape: usize,
    frequency: V,
    q: V,
    gain: V,
}

impl<V: Lanes> Settings<V> {
    #[inline(always)]
    fn same_as(&self, other: &Self) -> bool {
        let same = |a: V, b: V| a.le(b) & b.le(a);
        self.shape == other.shape
            && (same(self.frequency, other.frequency)
                & same(self.q, other.q)
                & same(self.gain, other.gain))
            .all()
    }
}

/// What shape, Q and gain make of the corner: the damping, where the corner lies beside the frequency
/// (shelves have it half-way up their slope), and the shares of input, band and low in the output.
type Weights<V> = [V; 5];

/// The cookbook's shapes as sums of the filter's responses, after Simper. With p = s/corner the band is
/// p/d and the low 1/d, with d = p² + damping p + 1.
#[inline(always)]
fn weights<V: Lanes>(shape: usize, q: V, gain: V) -> Weights<V> {
    let zero = V::splat(0.0);
    let one = V::splat(1.0);
    let damping = one / q;
    // The fourth root of the amplitude, which is the square root of the cookbook's A.
    let root = exp2(gain * (LOG2_10 / 80.0));
    let half = root * root;
    match shape {
        0 => [damping, one, zero, zero, one],
        1 => [damping, one, one, -damping, -one],
        2 => [damping, one, zero, damping, zero],
        3 => [damping, one, one, -damping, zero],
        4 => [damping, one, one, damping * -2.0, zero],
        5 => {
            let damping = damping / half;
            [damping, one, one, damping * (half * half - 1.0), zero]
        }
        6 => [
            damping,
            one / root,
            one,
            damping * (half - 1.0),
            half * half - 1.0,
        ],
        _ => [
            damping,
            root,
            half * half,
            damping * half * (one - half),
            one - half * half,
        ],
    }
}

/// The loss of the band in a frame, the pull of a rise on the band and on the low, and the shares of the
/// rise, the band and the low in the output.
type Coefficients<V> = [V; 6];

/// `turns` is half the frequency in turns per frame.
#[inline(always)]
fn coefficients<V: Lanes>(
    turns: V,
    [damping, aside, input, band, low]: Weights<V>,
) -> Coefficients<V> {
    // With tangent = sine / cosine, Simper's a1 is 1 / (1 + tangent (tangent + damping)), a2 is tangent
    // a1 and a3 is tangent a2; one division serves the tangent and these.
    let cosine = cos_turns(turns);
    let sine = sin_turns(turns) * aside;
    let lost = sine * damping.mul_add(cosine, sine);
    let twice = V::splat(2.0) / cosine.mul_add(cosine, lost);
    let (loss, pull, pull_low) = (lost * twice, sine * cosine * twice, sine * sine * twice);
    // The output is made of the input and of the means of band and low before and after the frame. What
    // these become in the frame follows from the rise, the band and the low, and so does the output. A
    // constant input comes to rest at no rise and no band, where the share of the low is exact.
    let (half_band, half_low) = (band * 0.5, low * 0.5);
    [
        loss,
        pull,
        pull_low,
        half_low.mul_add(pull_low, half_band.mul_add(pull, input)),
        half_low.mul_add(pull, (-half_band).mul_add(loss, band)),
        input + low,
    ]
}

impl<V: Lanes> State<V> {
    #[inline(always)]
    fn step(&mut self, [loss, pull, pull_low, rising, band, low]: Coefficients<V>, input: V) -> V {
        let rise = input - self.low;
        let out = rising.mul_add(rise, band.mul_add(self.band, low * self.low));
        // The loss is subtracted rather than multiplied in: near 1 a factor would lose precision.
        let next_band = pull.mul_add(rise, (-loss).mul_add(self.band, self.band));
        let next_low = pull_low.mul_add(rise, pull.mul_add(self.band, self.low));
        (self.band, self.low) = (next_band, next_low);
        out
    }
}

impl<V: Lanes> Biquad<V> {
    #[inline(always)]
    fn turns(&self, frequency: V) -> V {
        const MOST: f32 = HIGHEST / (2.0 * core::f32::consts::TAU);
        (frequency * self.turns_per_hertz).min(V::splat(MOST))
    }

    /// Works out what settings that do not move come to.
    #[inline(always)]
    fn settle(&mut self, settings: Settings<V>) {
        self.known = settings;
        self.coefficients = coefficients(
            self.turns(settings.frequency),
            weights(settings.shape, settings.q, settings.gain),
        );
    }

    /// Nothing moves.
    #[inline(always)]
    fn hold(&mut self, settings: Settings<V>, input: Signal<'_, V>, out: &mut [V]) {
        if !self.known.same_as(&settings) {
            let filter = &mut *self;
            V::vectorize(
                #[inline(always)]
                move || filter.settle(settings),
            );
        }
        let coefficients = self.coefficients;
        let mut state = self.state;
        match input {
            Signal::Frames(input) => {
                for (out, input) in out.iter_mut().zip(input) {
                    *out = state.step(coefficients, limited(*input));
                }
            }
            Signal::Constant(input) => {
                for out in out {
                    *out = state.step(coefficients, limited(input));
                }
            }
        }
        self.state = state;
    }

    /// Something moves.
    #[inline(always)]
    fn follow(
        &mut self,
        shape: usize,
        [frequency, q, gain]: In<'_, V, 3>,
        input: Signal<'_, V>,
        out: &mut [V],
    ) {
        let mut held = None;
        if let (Some(q), Some(gain)) = (q.constant(), gain.constant()) {
            held = Some(weights(shape, q, gain));
        }
        let mut state = self.state;
        if V::COUNT > 1 {
            for (frame, out) in out.iter_mut().enumerate() {
                let weights = match held {
                    Some(held) => held,
                    None => weights(shape, q.at(frame), gain.at(frame)),
                };
                let coefficients = coefficients(self.turns(frequency.at(frame)), weights);
                *out = state.step(coefficients, audio_at(input, frame));
            }
            self.state = state;
            return;
        }
        // The coefficients of one voice fill vectors with frames.
        for (stage, out) in out.chunks_mut(STAGE).enumerate() {
            let start = stage * STAGE;
            let frequencies = gather(frequency, start);
            let table = if let Some(held) = held {
                tabulate(
                    #[inline(always)]
                    |frame| coefficients(self.turns(frequencies[frame]), held),
                )
            } else {
                let (qs, gains) = (gather(q, start), gather(gain, start));
                tabulate(
                    #[inline(always)]
                    |frame| {
                        coefficients(
                            self.turns(frequencies[frame]),
                            weights(shape, qs[frame], gains[frame]),
                        )
                    },
                )
            };
            for (frame, out) in out.iter_mut().enumerate() {
                *out = state.step(column(&table, frame), audio_at(input, start + frame));
            }
        }
        self.state = state;
    }

    /// Runs a call in which something may move.
    #[inline(always)]
    fn run_moving(
        &mut self,
        frames: usize,
        input: Signal<'_, V>,
        [shape, frequency, q, gain]: In<'_, V, 4>,
        out: &mut [V],
    ) {
        let [frequency, q, gain] = [settled(frequency), settled(q), settled(gain)];
        for (range, shape) in stretches(shape, frames) {
            let first = range.start;
            let (input, out) = (from(input, first), &mut out[range]);
            match (frequency.constant(), q.constant(), gain.constant()) {
                (Some(frequency), Some(q), Some(gain)) => {
                    let settings = Settings {
                        shape,
                        frequency,
                        q,
                        gain,
                    };
                    self.hold(settings, input, out);
                }
                _ => {
                    let moving = [from(frequency, first), from(q, first), from(gain, first)];
                    self.follow(shape, moving, input, out);
                }
            }
        }
    }
}

impl<V: Lanes> Module<V, 1, 4, 1> for Biquad<V> {
    const SPEC: Spec<1, 4, 1> = Spec {
        id: "biquad",
        name: "Biquad",
        category: Category::Filter,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "One band of an equaliser: the eight shapes everyone knows, exact at any corner.",
        inputs: [audio("in", "Signal to filter.")],
        params: [
            choice(
                "shape",
                SHAPES,
                0,
                "What happens at the frequency. Only peak and shelves heed the gain.",
            ),
            hz(
                "frequency",
                16.0,
                20_000.0,
                1_000.0,
                "Corner, centre, or the middle of a shelf's slope.",
            ),
            number(
                "q",
                0.1,
                20.0,
                core::f32::consts::FRAC_1_SQRT_2,
                "How narrow the band or how sharp the corner is. 0.707 is flat, above 1 it rings.",
            )
            .curved(Curve::Exponential),
            decibels(
                "gain",
                -24.0,
                24.0,
                0.0,
                "How far a peak or shelf raises or lowers.",
            ),
        ],
        outputs: [audio("out", "The filtered signal.")],
    };
    const SILENCE: Silence = Silence::All(&["in"]);
    const RECURSIVE: bool = true;
    const BRIEF: bool = true;

    fn new(setup: &Setup) -> Self {
        let zero = V::splat(0.0);
        Biquad {
            state: State {
                band: zero,
                low: zero,
            },
            known: Settings {
                shape: NO_SHAPE,
                frequency: zero,
                q: zero,
                gain: zero,
            },
            coefficients: [zero; 6],
            turns_per_hertz: 0.5 / setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        let zero = V::splat(0.0);
        self.state = State {
            band: zero,
            low: zero,
        };
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.state.band);
        porter.lane(&mut self.state.low);
        if porter.puts() {
            self.known.shape = NO_SHAPE;
        }
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [input]: In<'_, V, 1>,
        [shape, frequency, q, gain]: In<'_, V, 4>,
        [out]: Out<'_, V, 1>,
    ) {
        // The common case stands by itself: within the loop below the compiler would compute what only
        // moving params need before it knows whether they move.
        if let (Some(shape), Some(frequency), Some(q), Some(gain)) = (
            shape.constant(),
            frequency.constant(),
            q.constant(),
            gain.constant(),
        ) {
            let settings = Settings {
                shape: position(shape),
                frequency,
                q,
                gain,
            };
            self.hold(settings, input, out);
            return;
        }
        // A call of its own, so that a row of filters at rest does not carry all of it along.
        V::vectorize(
            #[inline(always)]
            move || self.run_moving(cx.frames, input, [shape, frequency, q, gain], out),
        );
    }
}
