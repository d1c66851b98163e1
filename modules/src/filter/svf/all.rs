//! The filter where other outputs than low are read, or nothing moves it.

use super::response::{
    Damping, RING, Ring, Shares, all_pass_of, band_pass, band_shares, bare_high, bare_notch,
    damping_of, drive, high_pass, high_taps, integrate, low_pass, low_shares, notch_high, notch_of,
    notch_tap, phase_share, poles, reach, ring, wants_poles,
};
use super::{ALL_PASS, BAND, HIGH, Knobs, LOW, NOTCH, Svf};
use crate::contract::{Out, Signal, Wanted};
use crate::kit::corner::{column, copy, copy_audio};
use crate::lanes::Lanes;

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

    /// All frames of a call, in stages of one frame less than `N`.
    ///
    /// Only the integrators go frame by frame. All else waits for no other frame: of one voice it
    /// fills the vectors with frames, and of many it overlaps.
    #[inline(always)]
    pub(super) fn run<const N: usize>(
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

/// Two frames in a row.
#[inline(always)]
fn pair<V: Lanes, const N: usize>(values: &[V; N], frame: usize) -> [V; 2] {
    [values[frame], values[frame + 1]]
}
