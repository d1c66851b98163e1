//! The transistor ladder.

use core::f32::consts::PI;

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::corner::{Corner, HIGHEST, STAGE, audio_at, column, gather, tabulate};
use crate::kit::halfband::{Downsampler, Upsampler};
use crate::kit::matched::one_minus_exp;
use crate::kit::math::{db_to_gain, polynomial};
use crate::kit::saturation::tanh;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, audio, choice, decibels, hz, pitch, unit};

/// Feedback at full resonance. The ladder rings by itself from 4.
const MOST_FEEDBACK: f32 = 4.5;
/// Feedback from which the ladder rings by itself.
const RINGING: f32 = 4.0;
/// The level at which the transistors bend: twice full scale.
const HEADROOM: f32 = 2.0;
/// What starts a ladder ringing in silence, as thermal noise does in the circuit: 100 dB down.
const SPARK: f32 = 1e-5;

/// Four-pole filter after R. A. Moog's transistor ladder (US patent 3,475,623, 1969).
///
/// With p = s / (2 pi cutoff), feedback k = 4.5 resonance and the input small, the ladder is (1 +
/// bass k) drive / ((1 + p)^4 + k), times the response of the mode: 1 for low 24, (1 + p) for low
/// 18, and so on. It follows that within 0.1 dB below a quarter of the frame rate and rings by
/// itself from k = 4 at the cutoff.
///
/// One curve, at the foot of the ladder where signal and feedback meet, stands for all transistors:
/// V. Välimäki and A. Huovilainen, *Oscillator and Filter Algorithms for Virtual Analog Synthesis*
/// (2006), found that it keeps the sound; unlike a curve in each stage it leaves the ringing in
/// tune however loud it is. It runs at twice the frame rate.
///
/// The four stages have the exact poles of the circuit. What they feed back is the voltage that the
/// circuit's top will have a half-frame later, predicted from all four. It hardly depends on what
/// enters meanwhile, because four stages answer an impulse at first with nothing but the cube of
/// the time. So the loop closes without delay and without an equation to solve.
pub struct Ladder<V: Lanes> {
    up: Upsampler<V>,
    down: Downsampler<V>,
    rungs: Rungs<V>,
    radians_per_hertz: f32,
}

/// As [`coefficients`] lists them.
type Coefficients<V> = [V; 14];

/// From the corner in radians per half-frame.
#[inline(always)]
fn coefficients<V: Lanes>(corner: V, resonance: V, drive: V, bass: V) -> Coefficients<V> {
    let one = V::splat(1.0);
    let step = one_minus_exp(corner);
    let square = step * step;
    let steps = [step, square, square * step, square * square];

    // 1/(1 + p)^4 one half-frame ahead as a mix of the four stages, by least squares on the complex
    // response up to a quarter of the frame rate: it errs by less than 6e-5 for corners below that
    // and by less than 3e-4 for all. The mix is 1 at 0 by construction.
    let angle = corner * corner;
    let first = angle * angle * polynomial(corner, [-0.016_911_27, 0.004_377_23]);
    let second = angle
        * polynomial(
            corner,
            [1.0 / 6.0, 0.010_585_23, 0.005_995_71, -0.001_040_86],
        );
    let third = corner
        * polynomial(
            corner,
            [-1.0, -0.5, -0.022_684_73, 0.050_078_53, -0.009_072_7],
        );
    let fourth = one - (first + second + third);
    // What the foot adds to that mix within the same half-frame.
    let reach = fourth.mul_add(
        steps[3],
        third.mul_add(steps[2], second.mul_add(steps[1], first * steps[0])),
    );

    // A stage as a low-pass that meets the circuit's magnitude, and what it leaves as a high-pass.
    let low = one
        - corner
            * polynomial(
                corner,
                [-0.094_417_98, -0.047_462_26, -0.009_770_95, -0.002_004_45],
            );
    let high = polynomial(
        corner,
        [
            1.000_022_9,
            0.499_135_33,
            0.172_311_72,
            0.032_360_5,
            0.015_506_55,
        ],
    );

    let feedback = resonance * MOST_FEEDBACK;
    let gain = db_to_gain(drive) * bass.mul_add(feedback, one) * (1.0 / HEADROOM);
    let spark = feedback
        .gt(V::splat(RINGING))
        .select(V::splat(SPARK), V::splat(0.0));
    let [step, square, cube, power] = steps;
    [
        step, square, cube, power, first, second, third, fourth, reach, low, -high, feedback, gain,
        spark,
    ]
}

/// The four stages and what they are about to feed back.
#[derive(Clone, Copy)]
struct Rungs<V> {
    stages: [V; 4],
    /// The next feedback is `settled + reach * foot`.
    settled: V,
    reach: V,
    foot: V,
}

impl<V: Lanes> Rungs<V> {
    #[inline(always)]
    fn new() -> Self {
        let zero = V::splat(0.0);
        Rungs {
            stages: [zero; 4],
            settled: zero,
            reach: zero,
            foot: zero,
        }
    }

    /// One half-frame: the foot and the four stages.
    ///
    /// From one foot to the next lie only one multiplication and the curve; everything else is
    /// computed meanwhile.
    #[inline(always)]
    fn step(&mut self, coefficients: Coefficients<V>, input: V) -> [V; 5] {
        let [
            step,
            square,
            cube,
            power,
            first,
            second,
            third,
            fourth,
            reach,
            _,
            _,
            feedback,
            ..,
        ] = coefficients;
        let open = (-feedback).mul_add(self.settled, input);
        let foot = tanh((-(feedback * self.reach)).mul_add(self.foot, open));

        // The stages as they would be without this foot.
        let [a, b, c, d] = self.stages;
        let a = (-step).mul_add(a, a);
        let b = step.mul_add(a - b, b);
        let c = step.mul_add(b - c, c);
        let d = step.mul_add(c - d, d);
        self.settled = first.mul_add(a, second * b) + third.mul_add(c, fourth * d);
        self.reach = reach;
        self.foot = foot;
        self.stages = [
            step.mul_add(foot, a),
            square.mul_add(foot, b),
            cube.mul_add(foot, c),
            power.mul_add(foot, d),
        ];
        let [a, b, c, d] = self.stages;
        [foot, a, b, c, d]
    }
}

/// What one stage of a mode does with the signal.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Low,
    High,
    Pass,
}

/// A response over the ladder: four stages and a gain.
struct Mode {
    stages: [Stage; 4],
    gain: f32,
}

const MODE_NAMES: &[&str] = &[
    "low 24", "low 18", "low 12", "low 6", "band 24", "band 12", "high 24", "high 12",
];

/// The modes in the order of [`MODE_NAMES`]; bands have the gain that lets their middle pass at its
/// level.
const MODES: [Mode; 8] = {
    use Stage::{High, Low, Pass};
    [
        Mode {
            stages: [Low, Low, Low, Low],
            gain: 1.0,
        },
        Mode {
            stages: [Low, Low, Low, Pass],
            gain: 1.0,
        },
        Mode {
            stages: [Low, Low, Pass, Pass],
            gain: 1.0,
        },
        Mode {
            stages: [Low, Pass, Pass, Pass],
            gain: 1.0,
        },
        Mode {
            stages: [High, Low, High, Low],
            gain: 4.0,
        },
        Mode {
            stages: [High, Low, Pass, Pass],
            gain: 2.0,
        },
        Mode {
            stages: [High, High, High, High],
            gain: 1.0,
        },
        Mode {
            stages: [High, High, Pass, Pass],
            gain: 1.0,
        },
    ]
};

/// A mode as numbers: each stage keeps this much of the signal before it, and adds a share of the
/// step to the signal after it.
#[derive(Clone, Copy)]
struct Mix {
    keep: [f32; 4],
    low: [f32; 4],
    high: [f32; 4],
    gain: f32,
}

impl Mix {
    /// The mix of a mode by its index; the first for what is no index.
    #[inline(always)]
    fn of(mode: f32) -> Mix {
        let mode = MODES.get(mode as usize).unwrap_or(&MODES[0]);
        let weight = |yes: bool| if yes { 1.0 } else { 0.0 };
        let mut mix = Mix {
            keep: [0.0; 4],
            low: [0.0; 4],
            high: [0.0; 4],
            gain: mode.gain * HEADROOM,
        };
        for (index, stage) in mode.stages.into_iter().enumerate() {
            mix.keep[index] = weight(stage != Stage::High);
            mix.low[index] = weight(stage == Stage::Low);
            mix.high[index] = weight(stage == Stage::High);
        }
        mix
    }

    #[inline(always)]
    fn apply<V: Lanes>(&self, coefficients: Coefficients<V>, mut taps: [V; 5]) -> V {
        let [.., low, high, _, _, _] = coefficients;
        for stage in 0..4 {
            let share = low * self.low[stage] + high * self.high[stage];
            for tap in 0..4 - stage {
                taps[tap] = share.mul_add(taps[tap + 1] - taps[tap], taps[tap] * self.keep[stage]);
            }
        }
        taps[0] * self.gain
    }
}

impl<V: Lanes> Ladder<V> {
    #[inline(always)]
    fn step(&mut self, coefficients: Coefficients<V>, mix: &Mix, input: V) -> V {
        let [.., gain, spark] = coefficients;
        let [early, late] = self.up.step(input);
        let early = self.rungs.step(coefficients, gain.mul_add(early, spark));
        let late = self.rungs.step(coefficients, gain.mul_add(late, spark));
        self.down.step([
            mix.apply(coefficients, early),
            mix.apply(coefficients, late),
        ])
    }
}

impl<V: Lanes> Module<V, 2, 6, 1> for Ladder<V> {
    const SPEC: Spec<2, 6, 1> = Spec {
        id: "ladder",
        name: "Ladder Filter",
        category: Category::Filter,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "The four-pole transistor ladder: warm when driven, a sine oscillator at full resonance.",
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
                "Corner frequency, and the pitch at which the ladder rings.",
            ),
            unit(
                "resonance",
                0.0,
                1.0,
                0.3,
                "Feedback around the ladder. It rings by itself from 89 %.",
            ),
            decibels(
                "drive",
                -24.0,
                36.0,
                0.0,
                "Level into the ladder, which bends what comes near twice full scale.",
            ),
            choice(
                "mode",
                MODE_NAMES,
                0,
                "Which frequencies pass, and the slope in dB per octave.",
            ),
            unit(
                "bass",
                0.0,
                1.0,
                0.5,
                "Gives back the low end that resonance takes: 0 is the circuit, 100 % all of it.",
            ),
            unit(
                "track",
                0.0,
                1.0,
                1.0,
                "How much of the pitch input the corner follows.",
            ),
        ],
        outputs: [audio("out", "The filtered signal.")],
    };
    const RECURSIVE: bool = true;

    fn new(setup: &Setup) -> Self {
        Ladder {
            up: Upsampler::default(),
            down: Downsampler::default(),
            rungs: Rungs::new(),
            radians_per_hertz: PI / setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.up = Upsampler::default();
        self.down = Downsampler::default();
        self.rungs = Rungs::new();
    }

    fn carry(&mut self, porter: &mut Porter) {
        self.up.carry(porter);
        self.down.carry(porter);
        let Rungs {
            stages,
            settled,
            reach,
            foot,
        } = &mut self.rungs;
        porter.lanes(stages);
        porter.lane(settled);
        porter.lane(reach);
        porter.lane(foot);
    }

    #[inline(always)]
    fn process(
        &mut self,
        _: &Cx<'_>,
        [input, pitch]: In<'_, V, 2>,
        [cutoff, resonance, drive, mode, bass, track]: In<'_, V, 6>,
        [out]: Out<'_, V, 1>,
    ) {
        let corner = Corner::new(cutoff, pitch, track, self.radians_per_hertz, HIGHEST * 0.5);
        let held = match (
            corner.constant(),
            resonance.constant(),
            drive.constant(),
            bass.constant(),
        ) {
            (Some(corner), Some(resonance), Some(drive), Some(bass)) => {
                Some(coefficients(corner, resonance, drive, bass))
            }
            _ => None,
        };
        let mut mix = Mix::of(mode.at(0).lane(0));
        if V::COUNT > 1 || held.is_some() {
            for (frame, out) in out.iter_mut().enumerate() {
                if mode.constant().is_none() {
                    mix = Mix::of(mode.at(frame).lane(0));
                }
                let coefficients = match held {
                    Some(held) => held,
                    None => coefficients(
                        corner.at(frame),
                        resonance.at(frame),
                        drive.at(frame),
                        bass.at(frame),
                    ),
                };
                *out = self.step(coefficients, &mix, audio_at(input, frame));
            }
            return;
        }
        // The coefficients of one voice fill vectors with frames.
        for (stage, out) in out.chunks_mut(STAGE).enumerate() {
            let start = stage * STAGE;
            let corners = corner.stage(start);
            let resonances = gather(resonance, start);
            let drives = gather(drive, start);
            let basses = gather(bass, start);
            let table = tabulate(
                #[inline(always)]
                |frame| {
                    coefficients(
                        corners[frame],
                        resonances[frame],
                        drives[frame],
                        basses[frame],
                    )
                },
            );
            for (frame, out) in out.iter_mut().enumerate() {
                if mode.constant().is_none() {
                    mix = Mix::of(mode.at(start + frame).lane(0));
                }
                *out = self.step(column(&table, frame), &mix, audio_at(input, start + frame));
            }
        }
    }
}
