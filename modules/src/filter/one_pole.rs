//! The one-pole filter.

use core::f32::consts::TAU;

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::corner::{Corner, HIGHEST, STAGE, audio_at, column, gather_audio, tabulate};
use crate::kit::matched::{MEETING, one_minus_exp, taps};
use crate::lanes::Lanes;
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
    radians_per_hertz: f32,
}

/// The loss of the charge in a frame, the share of the rise in `low`, and those of this and the
/// last rise in `high`.
type Coefficients<V> = [V; 4];

#[inline(always)]
fn coefficients<V: Lanes>(corner: V) -> Coefficients<V> {
    let loss = one_minus_exp(corner);
    let decay = V::splat(1.0) - loss;
    let square = corner * corner;
    // What the pole takes from the prototype's squared magnitudes where they are met.
    let scale = decay.mul_add(decay, V::splat(1.0)) / (square + MEETING * MEETING);
    let straight = loss * 0.5;
    let skewed = (square * scale * 0.5 - straight * straight)
        .max(V::splat(0.0))
        .sqrt();
    let [high, last_high] = taps(loss / corner, scale * (0.5 * MEETING * MEETING));
    [loss, straight + skewed, high, last_high]
}

/// Low and high, from the charge before the frame and the rises of the last frame and this one.
#[inline(always)]
fn outputs<V: Lanes>([_, share, now, before]: Coefficients<V>, charge: V, rises: [V; 2]) -> [V; 2] {
    [
        share.mul_add(rises[1], charge),
        now.mul_add(rises[1], before * rises[0]),
    ]
}

impl<V: Lanes> OnePole<V> {
    /// Lets the charge follow the input; gives the charge before it and the rise.
    #[inline(always)]
    fn follow(&mut self, [loss, ..]: Coefficients<V>, input: V) -> [V; 2] {
        let charge = self.charge;
        let rise = input - charge;
        self.charge = loss.mul_add(rise, charge);
        [charge, rise]
    }

    /// One frame; for voices side by side, which fill the vectors by themselves.
    #[inline(always)]
    fn step(&mut self, coefficients: Coefficients<V>, input: V) -> [V; 2] {
        let [charge, rise] = self.follow(coefficients, input);
        let rises = [self.last_rise, rise];
        self.last_rise = rise;
        outputs(coefficients, charge, rises)
    }

    /// A stage of one voice: only the charge goes frame by frame, the rest fills vectors with
    /// frames.
    #[inline(always)]
    fn stage(
        &mut self,
        inputs: &[V; STAGE],
        at: impl Fn(usize) -> Coefficients<V>,
        [low, high]: Out<'_, V, 2>,
    ) {
        let count = low.len().min(STAGE);
        let mut charges = [V::splat(0.0); STAGE];
        let mut rises = [V::splat(0.0); STAGE + 1];
        rises[0] = self.last_rise;
        for frame in 0..count {
            let [charge, rise] = self.follow(at(frame), inputs[frame]);
            (charges[frame], rises[frame + 1]) = (charge, rise);
        }
        self.last_rise = rises[count];
        let mut results = [[V::splat(0.0); STAGE]; 2];
        for frame in 0..STAGE {
            [results[0][frame], results[1][frame]] =
                outputs(at(frame), charges[frame], [rises[frame], rises[frame + 1]]);
        }
        low.copy_from_slice(&results[0][..count]);
        high.copy_from_slice(&results[1][..count]);
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

    fn new(setup: &Setup) -> Self {
        OnePole {
            charge: V::splat(0.0),
            last_rise: V::splat(0.0),
            radians_per_hertz: TAU / setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.charge = V::splat(0.0);
        self.last_rise = V::splat(0.0);
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
            held = Some(coefficients(corner));
        }
        if V::COUNT > 1 {
            for frame in 0..cx.frames {
                let coefficients = match held {
                    Some(held) => held,
                    None => coefficients(corner.at(frame)),
                };
                [low[frame], high[frame]] = self.step(coefficients, audio_at(input, frame));
            }
            return;
        }
        let mut start = 0;
        while start < cx.frames {
            let end = cx.frames.min(start + STAGE);
            let inputs = gather_audio(input, start);
            let outputs = [&mut low[start..end], &mut high[start..end]];
            if let Some(held) = held {
                self.stage(
                    &inputs,
                    #[inline(always)]
                    |_| held,
                    outputs,
                );
            } else {
                let corners = corner.stage(start);
                let table = tabulate(
                    #[inline(always)]
                    |frame| coefficients(corners[frame]),
                );
                self.stage(
                    &inputs,
                    #[inline(always)]
                    |frame| column(&table, frame),
                    outputs,
                );
            }
            start = end;
        }
    }
}
