//! The state-variable filter.

mod response;

use core::f32::consts::TAU;

use self::response::{
    Damping, GAIN, RING, Ring, Shares, all_pass_of, band_pass, band_shares, bare_high, bare_notch,
    damping_of, drive, high_pass, high_taps, integrate, low_pass, low_shares, notch_high, notch_of,
    notch_tap, phase_share, poles, reach, ring, rooted, up_to_root, wants_poles,
};
use crate::contract::{
    Cx, In, Knob, Knobs as Params, MAX_FRAMES, Module, Out, Setup, Signal, Wanted,
};
use crate::kit::alike::{EIGHTS, alike};
use crate::kit::corner::{Corner, HIGHEST, audio_at, column, copy, copy_audio, eight_of, limited};
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
    /// The bare high-pass and notch of one frame ago.
    #[inline(always)]
    fn last_bare(&self, wanted: Wanted) -> [V; 2] {
        if !wanted.has(HIGH) && !wanted.has(NOTCH) {
            return [V::splat(0.0); 2];
        }
        let last = self.last;
        let ring = ring(last.corner, last.damping);
        let high = bare_high(ring, poles(ring), last.input, last.band, last.low);
        [
            high,
            bare_notch(notch_high(ring), high, [last.low, self.low]),
        ]
    }

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

    /// All frames of a call, in stages of one frame less than `N`.
    ///
    /// Only the integrators go frame by frame. All else waits for no other frame: of one voice it
    /// fills the vectors with frames, and of many it overlaps.
    #[inline(always)]
    fn run<const N: usize>(
        &mut self,
        wanted: Wanted,
        input: Signal<'_, V>,
        knobs: Knobs<'_, V>,
        held: Option<(Ring<V>, Shares<V>)>,
        [low, band, high, notch, all_pass]: Out<'_, V, 5>,
    ) {
        let frames = low.len();
        let mut stage = Stage::<V, N>::new();
        let mut bare = self.last_bare(wanted);
        let mut start = 0;
        while start < frames {
            let end = frames.min(start + N - 1);
            let outputs = [
                &mut low[start..end],
                &mut band[start..end],
                &mut high[start..end],
                &mut notch[start..end],
                &mut all_pass[start..end],
            ];
            copy_audio(input, start, &mut stage.inputs[..end - start]);
            if let Some((ring, shares)) = held {
                self.stage(
                    wanted,
                    &mut stage,
                    #[inline(always)]
                    |_, _| ring,
                    Some(shares),
                    &mut bare,
                    outputs,
                );
            } else {
                stage.tabulate(wanted, knobs, start, end - start);
                self.stage(
                    wanted,
                    &mut stage,
                    #[inline(always)]
                    |rows, frame| column(rows, frame),
                    None,
                    &mut bare,
                    outputs,
                );
            }
            start = end;
        }
    }

    /// All frames of a call in which low is all that is read. Of many voices each frame fills a
    /// vector.
    #[inline(always)]
    fn low_of_many(
        &mut self,
        input: Signal<'_, V>,
        knobs: Knobs<'_, V>,
        held: Option<(Ring<V>, Shares<V>)>,
        low: &mut [V],
    ) {
        if let Some((ring, shares)) = held {
            let mut last = [self.last.band, self.last.low];
            let mut now = [self.band, self.low];
            let mut inputs = [V::splat(0.0); EIGHT];
            for (eight, low) in low.chunks_mut(EIGHT).enumerate() {
                copy_audio(input, eight * EIGHT, &mut inputs);
                for (low, input) in low.iter_mut().zip(inputs) {
                    last = now;
                    let drive = drive(ring, reach(ring, input), last[1]);
                    now = integrate(ring, drive, last[0], last[1]);
                    *low = low_pass(shares.low, ring, drive, last[0], last[1]);
                }
            }
            [self.band, self.low] = now;
            [self.last.band, self.last.low] = last;
        } else if let Some(damping) = knobs.damping {
            let damping = Damping::of(damping);
            self.low_of_moving(
                input,
                #[inline(always)]
                |frame| (knobs.corner.at(frame), damping),
                low,
            );
        } else if let Some(resonances) = alike(knobs.resonance) {
            self.low_of_many_alike(input, knobs.corner, resonances, low);
        } else {
            self.low_of_moving(
                input,
                #[inline(always)]
                |frame| {
                    let [corner, damping] = knobs.at(frame);
                    (corner, Damping::of(damping))
                },
                low,
            );
        }
    }

    /// As [`Svf::low_of_many`], where a knob moves the resonance of all: what is the same in all lanes is
    /// worked out for eight frames at once.
    #[inline(always)]
    fn low_of_many_alike(
        &mut self,
        input: Signal<'_, V>,
        corner: Corner<'_, V>,
        resonances: [V::Wide; EIGHTS],
        low: &mut [V],
    ) {
        let mut dampings = [[0.0; MAX_FRAMES]; 6];
        for (eight, resonances) in resonances.into_iter().enumerate() {
            let parts = Damping::of(damping_of(resonances)).parts();
            for (row, part) in dampings.iter_mut().zip(parts) {
                row.as_chunks_mut::<EIGHT>().0[eight % EIGHTS].copy_from_slice(part.as_slice());
            }
        }
        self.low_of_moving(
            input,
            #[inline(always)]
            |frame| {
                let [half, first, second, third, damped, high] = &dampings;
                let at = frame % MAX_FRAMES;
                let damping = Damping {
                    half: V::splat(half[at]),
                    straight: [
                        V::splat(first[at]),
                        V::splat(second[at]),
                        V::splat(third[at]),
                    ],
                    damped: V::splat(damped[at]),
                    high: V::splat(high[at]),
                };
                (corner.at(frame), damping)
            },
            low,
        );
    }

    /// As [`Svf::low_of_many`], where the corner moves. What leads up to the root is worked out a
    /// frame ahead, so that little waits for it.
    #[inline(always)]
    fn low_of_moving(
        &mut self,
        input: Signal<'_, V>,
        at: impl Fn(usize) -> (V, Damping<V>),
        low: &mut [V],
    ) {
        let mut last = [self.last.band, self.last.low];
        let mut now = [self.band, self.low];
        let mut next = up_to_root(at(0));
        for (frame, low) in low.iter_mut().enumerate() {
            let (mut ring, ratio) = next;
            next = up_to_root(at(frame + 1));
            ring[GAIN] = ring[GAIN].sqrt();
            last = now;
            let drive = drive(ring, reach(ring, audio_at(input, frame)), last[1]);
            now = integrate(ring, drive, last[0], last[1]);
            *low = low_pass(low_shares(ring, ratio), ring, drive, last[0], last[1]);
        }
        [self.band, self.low] = now;
        [self.last.band, self.last.low] = last;
    }

    /// As [`Svf::low_of_many`], of one voice that something moves: eight frames fill a vector.
    #[inline(always)]
    fn low_of_one(&mut self, input: Signal<'_, V>, knobs: Knobs<'_, V>, low: &mut [V]) {
        if let Some(damping) = knobs.damping {
            let damping = Damping::of(V::Wide::splat(damping.sum()));
            return self.eights(
                #[inline(always)]
                |eight| turn(knobs.corner.eight(eight), damping, eight_of(input, eight)),
                low,
            );
        }
        self.eights(
            #[inline(always)]
            |eight| {
                let damping = Damping::of(damping_of(eight_of(knobs.resonance, eight)));
                turn(knobs.corner.eight(eight), damping, eight_of(input, eight))
            },
            low,
        );
    }

    /// Low from vectors of eight frames; those past the end of the call lead nowhere. What the
    /// integrators take is worked out while they still go through the eight frames before.
    #[inline(always)]
    fn eights(&mut self, turn: impl Fn(usize) -> Turn<V::Wide>, low: &mut [V]) {
        // Alternately, so that the integrators read what is in memory already.
        let mut turns = [turn(0); 2];
        let mut next = [self.band, self.low];
        let (eights, rest) = low.as_chunks_mut::<EIGHT>();
        let count = eights.len() + usize::from(!rest.is_empty());
        let mut outs = eights.iter_mut();
        for eight in 0..count {
            if eight + 1 < count {
                turns[(eight + 1) % 2] = turn(eight + 1);
            }
            let (ring, ratio, reach) = &turns[eight % 2];
            let (mut bands, mut lows) = ([next[0]; EIGHT + 1], [next[1]; EIGHT + 1]);
            for frame in 0..EIGHT {
                let ring = ring.each_ref().map(
                    #[inline(always)]
                    |row| V::splat(row.lane(frame)),
                );
                let reach = reach.each_ref().map(
                    #[inline(always)]
                    |row| V::splat(row.lane(frame)),
                );
                next = integrate(ring, drive(ring, reach, next[1]), next[0], next[1]);
                (bands[frame + 1], lows[frame + 1]) = (next[0], next[1]);
            }
            let (band, held) = (wide(&bands), wide(&lows));
            let drive = drive(*ring, *reach, held);
            let values = low_pass(low_shares(*ring, *ratio), *ring, drive, band, held);
            let mut last = [bands[EIGHT - 1], lows[EIGHT - 1]];
            if let Some(low) = outs.next() {
                for (frame, low) in low.iter_mut().enumerate() {
                    *low = V::splat(values.lane(frame));
                }
            } else {
                // Every place is named, as one that only turns out at run time has to lie in memory.
                for frame in 0..EIGHT {
                    if let Some(low) = rest.get_mut(frame) {
                        *low = V::splat(values.lane(frame));
                        last = [bands[frame], lows[frame]];
                        next = [bands[frame + 1], lows[frame + 1]];
                    }
                }
            }
            [self.last.band, self.last.low] = last;
        }
        [self.band, self.low] = next;
    }

    #[inline(always)]
    fn stage<const N: usize>(
        &mut self,
        wanted: Wanted,
        stage: &mut Stage<V, N>,
        at: impl Fn(&[[V; N]; RING], usize) -> Ring<V>,
        held: Option<Shares<V>>,
        bare: &mut [V; 2],
        [low, band, high, notch, all_pass]: Out<'_, V, 5>,
    ) {
        let count = low.len().min(N - 1);
        let Stage {
            rows,
            ratios,
            inputs,
            bands,
            lows,
        } = stage;
        let (mut next_band, mut next_low) = (self.band, self.low);
        (bands[0], lows[0]) = (next_band, next_low);
        for frame in 0..count {
            let ring = at(rows, frame);
            let drive = drive(ring, reach(ring, inputs[frame]), next_low);
            [next_band, next_low] = integrate(ring, drive, next_band, next_low);
            (bands[frame + 1], lows[frame + 1]) = (next_band, next_low);
        }
        (self.band, self.low) = (next_band, next_low);
        let last = count.saturating_sub(1);
        (self.last.band, self.last.low) = (bands[last], lows[last]);

        if wanted.has(LOW) {
            for (frame, out) in low[..count].iter_mut().enumerate() {
                let shares = match held {
                    Some(held) => held.low,
                    None => low_shares(at(rows, frame), column(ratios, frame)),
                };
                let ring = at(rows, frame);
                let drive = drive(ring, reach(ring, inputs[frame]), lows[frame]);
                *out = low_pass(shares, ring, drive, bands[frame], lows[frame]);
            }
        }
        if !wants_poles(wanted) {
            return;
        }
        let (mut scales, mut magnitudes) = ([V::splat(0.0); N], [V::splat(0.0); N]);
        for frame in 0..count {
            [scales[frame], magnitudes[frame]] = match held {
                Some(held) => held.poles,
                None => poles(at(rows, frame)),
            };
        }
        if wanted.has(BAND) {
            for (frame, out) in band[..count].iter_mut().enumerate() {
                let shares = match held {
                    Some(held) => held.band,
                    None => band_shares(at(rows, frame), [scales[frame], magnitudes[frame]]),
                };
                *out = band_pass(shares, pair(bands, frame));
            }
        }
        let mut highs = [bare[0]; N];
        if wanted.has(HIGH) || wanted.has(NOTCH) {
            for frame in 0..count {
                highs[frame + 1] = bare_high(
                    at(rows, frame),
                    [scales[frame], magnitudes[frame]],
                    inputs[frame],
                    bands[frame],
                    lows[frame],
                );
            }
            bare[0] = highs[count];
        }
        if wanted.has(HIGH) {
            for (frame, out) in high[..count].iter_mut().enumerate() {
                let taps = match held {
                    Some(held) => held.high,
                    None => high_taps(at(rows, frame), [scales[frame], magnitudes[frame]]),
                };
                *out = high_pass(taps, pair(&highs, frame));
            }
        }
        if wanted.has(NOTCH) {
            let mut notches = [bare[1]; N];
            for frame in 0..count {
                let share = match held {
                    Some(held) => held.notch_high,
                    None => notch_high(at(rows, frame)),
                };
                notches[frame + 1] = bare_notch(share, highs[frame + 1], pair(lows, frame));
            }
            bare[1] = notches[count];
            for (frame, out) in notch[..count].iter_mut().enumerate() {
                let tap = match held {
                    Some(held) => held.notch,
                    None => notch_tap(at(rows, frame), [scales[frame], magnitudes[frame]]),
                };
                *out = notch_of(tap, pair(&notches, frame));
            }
        }
        if wanted.has(ALL_PASS) {
            for (frame, out) in all_pass[..count].iter_mut().enumerate() {
                let share = match held {
                    Some(held) => held.all_pass,
                    None => phase_share(at(rows, frame), [scales[frame], magnitudes[frame]]),
                };
                *out = all_pass_of(share, inputs[frame], pair(bands, frame));
            }
        }
    }
}

/// Room for some frames on their way through the filter.
struct Stage<V, const N: usize> {
    /// Each part of the ring, frame by frame.
    rows: [[V; N]; RING],
    /// Both shares of [`Damping::low_ratio`], frame by frame, where low is read.
    ratios: [[V; N]; 2],
    inputs: [V; N],
    /// The integrators before each frame, and after the last.
    bands: [V; N],
    lows: [V; N],
}

impl<V: Lanes, const N: usize> Stage<V, N> {
    #[inline(always)]
    fn new() -> Self {
        let none = [V::splat(0.0); N];
        Stage {
            rows: [none; RING],
            ratios: [none; 2],
            inputs: none,
            bands: none,
            lows: none,
        }
    }

    /// Works out the ring of the `count` frames from `start`, and the ratios where low is read.
    #[inline(always)]
    fn tabulate(&mut self, wanted: Wanted, knobs: Knobs<'_, V>, start: usize, count: usize) {
        let count = count.min(N - 1);
        let [pulls, gains, pushes, corners, squares, sigmas] = &mut self.rows;
        let [bands, highs] = &mut self.ratios;
        knobs.corner.write(start, &mut corners[..count]);
        if let Some(damping) = knobs.damping {
            for frame in 0..count {
                let [pull, gain, push, _, square, sigma] = ring(corners[frame], damping);
                (pulls[frame], gains[frame], pushes[frame]) = (pull, gain, push);
                (squares[frame], sigmas[frame]) = (square, sigma);
            }
            if wanted.has(LOW) {
                let damping = Damping::of(damping);
                for frame in 0..count {
                    let ring = column(&self.rows, frame);
                    [bands[frame], highs[frame]] = damping.low_ratio(ring);
                }
            }
        } else {
            let mut dampings = [V::splat(0.0); N];
            copy(knobs.resonance, start, &mut dampings[..count]);
            for frame in 0..count {
                let damping = damping_of(dampings[frame]);
                let [pull, gain, push, _, square, sigma] = ring(corners[frame], damping);
                (pulls[frame], gains[frame], pushes[frame]) = (pull, gain, push);
                (squares[frame], sigmas[frame]) = (square, sigma);
                dampings[frame] = damping;
            }
            if wanted.has(LOW) {
                for frame in 0..count {
                    let ring = column(&self.rows, frame);
                    [bands[frame], highs[frame]] = Damping::of(dampings[frame]).low_ratio(ring);
                }
            }
        }
    }
}

/// How many frames of one voice fill a vector.
const EIGHT: usize = 8;

/// What eight frames of one voice come to before the integrators: the [`rooted`] and the [`reach`].
type Turn<V> = (Ring<V>, [V; 2], [V; 2]);

#[inline(always)]
fn turn<V: Lanes>(corner: V, damping: Damping<V>, input: V) -> Turn<V> {
    let (ring, ratio) = rooted((corner, damping));
    (ring, ratio, reach(ring, limited(input)))
}

/// The first eight frames of one voice in a vector.
#[inline(always)]
fn wide<V: Lanes>(frames: &[V; EIGHT + 1]) -> V::Wide {
    V::Wide::from_fn(
        #[inline(always)]
        |frame| frames[frame % EIGHT].sum(),
    )
}

/// Two frames in a row.
#[inline(always)]
fn pair<V: Lanes, const N: usize>(values: &[V; N], frame: usize) -> [V; 2] {
    [values[frame], values[frame + 1]]
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
