//! Echoes on both sides.

mod echoes;
mod head;

use core::marker::PhantomData;

use self::echoes::Echoes;
use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::beats::{DIVISIONS, division};
use crate::kit::hush::Hush;
use crate::kit::single::Track;
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Smoothing, Spec, Voicing, audio, choice, hz, seconds, toggle, unit};

/// The longest echo in seconds.
const LONGEST: f32 = 4.0;
/// The furthest swing in seconds.
const SWING: f32 = 0.01;
/// The shelf of note lengths starts here: longer ones seldom fit.
const FIRST_DIVISION: usize = division("1 bar");
/// The note lengths on offer.
const LENGTHS: &[&str] = DIVISIONS.split_at(FIRST_DIVISION).1;
/// At these ends of their ranges the cuts let everything through.
const NO_LOW_CUT: f32 = 10.0;
const NO_HIGH_CUT: f32 = 20_000.0;

const MODES: &[&str] = &["stereo", "ping-pong", "mono"];
const TRAVELS: &[&str] = &["tape", "fade"];

/// Stereo delay.
///
/// The loop is safe at any feedback: what goes round is kept within ±1 by a limiter, which does nothing below
/// that. A limiter is a gain, so a loop that sings does not alias.
///
/// A beat-synced time that would be longer than the line is halved until it fits. Without modulation
/// an echo of a whole number of frames is exact.
pub struct Delay<V: Lanes> {
    echoes: Box<[Echoes]>,
    hush: Hush,
    /// Moving params of one call. Kept here because clearing it costs more than using it.
    scratch: Box<[[f32; MAX_FRAMES]; 16]>,
    lanes: PhantomData<fn() -> V>,
}

impl<V: Lanes> Module<V, 2, 16, 2> for Delay<V> {
    const SPEC: Spec<2, 16, 2> = Spec {
        id: "delay",
        name: "Delay",
        category: Category::Effect,
        version: 1,
        voicing: Voicing::Mixdown,
        doc: "Stereo echoes, free or on the beat, with tone and movement in the loop.",
        inputs: [audio("left", "Left side."), audio("right", "Right side.")],
        params: [
            choice(
                "mode",
                MODES,
                0,
                "Stereo: each side has its own echoes. Ping-pong: both sides together bounce from left to right. Mono: the left input goes to both sides.",
            ),
            seconds(
                "time-left",
                0.001,
                LONGEST,
                0.375,
                "Time between echoes on the left.",
            )
            .smoothed(Smoothing::None),
            seconds(
                "time-right",
                0.001,
                LONGEST,
                0.25,
                "Time between echoes on the right.",
            )
            .smoothed(Smoothing::None),
            toggle("link", false, "The right side takes the left side's time."),
            toggle("sync", false, "Times are note lengths at the host's tempo."),
            choice(
                "length-left",
                LENGTHS,
                division("1/8 dotted") - FIRST_DIVISION,
                "Note length on the left with sync.",
            ),
            choice(
                "length-right",
                LENGTHS,
                division("1/8") - FIRST_DIVISION,
                "Note length on the right with sync.",
            ),
            unit(
                "feedback",
                0.0,
                1.1,
                0.35,
                "How much of each echo comes back; at 100 % and above it never ends.",
            ),
            hz(
                "low-cut",
                NO_LOW_CUT,
                2_000.0,
                NO_LOW_CUT,
                "Takes the lows out of the echoes; off at its lowest.",
            ),
            hz(
                "high-cut",
                200.0,
                NO_HIGH_CUT,
                10_000.0,
                "Takes the highs out of the echoes; off at its highest.",
            ),
            seconds(
                "mod-depth",
                0.0,
                SWING,
                0.0,
                "How far the times swing, for tape flutter and chorus.",
            ),
            hz("mod-rate", 0.01, 10.0, 0.5, "How fast the times swing."),
            choice(
                "change",
                TRAVELS,
                0,
                "Tape: a new time bends the pitch. Fade: it fades in.",
            ),
            seconds(
                "glide",
                0.005,
                2.0,
                0.2,
                "How long the way to a new time takes.",
            ),
            unit("width", 0.0, 1.0, 1.0, "How wide the echoes stand."),
            unit("mix", 0.0, 1.0, 0.3, "0 % dry, 100 % echoes only."),
        ],
        outputs: [audio("left", "Left side."), audio("right", "Right side.")],
    };

    fn new(setup: &Setup) -> Self {
        Delay {
            echoes: (0..V::COUNT)
                .map(|_| Echoes::new(setup.sample_rate))
                .collect(),
            scratch: Box::new([[0.0; MAX_FRAMES]; 16]),
            hush: Hush::new(setup.sample_rate),
            lanes: PhantomData,
        }
    }

    fn reset(&mut self) {
        self.echoes.iter_mut().for_each(Echoes::reset);
        self.hush.reset();
    }

    fn carry(&mut self, _: &mut Porter) {}

    fn rests(&mut self) -> bool {
        let echoes = &self.echoes;
        self.hush.rests(|| echoes.iter().all(Echoes::is_forgotten))
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        params: In<'_, V, 16>,
        [left, right]: Out<'_, V, 2>,
    ) {
        let mut outputs = [left, right];
        if let (1, [Signal::Frames(in_left), Signal::Frames(in_right)], [echoes]) =
            (V::COUNT, inputs, &mut *self.echoes)
        {
            let inputs = [in_left, in_right];
            if (echoes.process_plainly(cx, inputs, &params, &mut outputs)).is_some() {
                let [left, right] = outputs;
                self.hush.hear([left, right]);
                return;
            }
        }
        let [left, right] = outputs;
        for (lane, echoes) in (0..V::COUNT).zip(&mut self.echoes) {
            let mut tracks = [Track::Constant(0.0); 16];
            for ((track, param), scratch) in tracks.iter_mut().zip(&params).zip(&mut *self.scratch)
            {
                *track = Track::of(*param, lane, scratch);
            }
            let mut sound = [[0.0; MAX_FRAMES]; 2];
            for (sound, input) in sound.iter_mut().zip(inputs) {
                match input {
                    Signal::Constant(value) => sound.fill(value.lane(lane)),
                    Signal::Frames(frames) => {
                        for (sound, frame) in sound.iter_mut().zip(frames) {
                            *sound = frame.lane(lane);
                        }
                    }
                }
            }
            echoes.process(cx, &mut sound, &tracks);
            for (out, sound) in [&mut *left, &mut *right].into_iter().zip(&sound) {
                for (out, sound) in out.iter_mut().zip(sound) {
                    out.set_lane(lane, *sound);
                }
            }
        }
        self.hush.hear([left, right]);
    }
}
