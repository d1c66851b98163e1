//! Rooms from small to vast.

mod diffuser;
mod mixing;
mod network;
mod room;
mod tap;

use core::marker::PhantomData;

use self::room::Room;
use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::hush::Hush;
use crate::kit::random::{draw, lane_seeds};
use crate::kit::single::Track;
use crate::kit::switch::from;
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, audio, hz, seconds, toggle, unit};

/// Lines of the network and channels of the diffuser.
const LINES: usize = 16;
/// Frames between two looks at the params that shape the room.
const PERIOD: usize = 64;
/// The longest pre-delay in seconds.
const PRE_DELAY: f32 = 0.5;
/// The furthest swing of a line in seconds.
const SWING: f32 = 0.001;
/// At these ends of their ranges the cuts let everything through.
const NO_LOW_CUT: f32 = 10.0;
const NO_HIGH_CUT: f32 = 20_000.0;
/// Beyond any sound; keeps strange input from growing into infinity.
const LOUDEST: f32 = 1e6;
/// Stereo reverb: a diffuser into a feedback delay network of sixteen lines.
///
/// The decay time is exact at middle frequencies at any size. Params that shape the room are looked at
/// every 64 frames; levels, width and mix at every frame.
pub struct Reverb<V: Lanes> {
    rooms: Box<[Room]>,
    hush: Hush,
    /// Moving params of one call. Kept here because clearing it costs more than using it.
    scratch: Box<[[f32; MAX_FRAMES]; 15]>,
    lanes: PhantomData<fn() -> V>,
}

impl<V: Lanes> Module<V, 2, 15, 2> for Reverb<V> {
    const SPEC: Spec<2, 15, 2> = Spec {
        id: "reverb",
        name: "Reverb",
        category: Category::Effect,
        version: 1,
        voicing: Voicing::Mixdown,
        doc: "A smooth stereo room, from a cupboard to a cathedral, that can be frozen.",
        inputs: [audio("left", "Left side."), audio("right", "Right side.")],
        params: [
            unit("size", 0.0, 1.0, 0.6, "How large the room is."),
            seconds(
                "decay",
                0.1,
                60.0,
                2.5,
                "How long the room takes to fall silent (by 60 dB).",
            ),
            unit(
                "damping",
                0.0,
                1.0,
                0.5,
                "How much sooner the highs die: at 50 % in half the time.",
            ),
            hz(
                "damping-from",
                500.0,
                16_000.0,
                5_000.0,
                "Where the highs begin.",
            ),
            hz(
                "low-cut",
                NO_LOW_CUT,
                1_000.0,
                60.0,
                "Keeps lows out of the room; off at its lowest.",
            ),
            hz(
                "high-cut",
                500.0,
                NO_HIGH_CUT,
                NO_HIGH_CUT,
                "Keeps highs out of the room; off at its highest.",
            ),
            seconds(
                "pre-delay",
                0.0,
                PRE_DELAY,
                0.01,
                "How long before the room answers.",
            ),
            unit(
                "diffusion",
                0.0,
                1.0,
                0.8,
                "How soon echoes blur: low for single echoes, high for a cloud.",
            ),
            unit("early", 0.0, 1.0, 0.4, "Level of the first reflections."),
            unit("late", 0.0, 1.0, 1.0, "Level of the tail."),
            unit(
                "mod-depth",
                0.0,
                1.0,
                0.25,
                "How far the walls move: keeps long tails from ringing.",
            ),
            hz("mod-rate", 0.05, 5.0, 0.6, "How fast the walls move."),
            toggle(
                "freeze",
                false,
                "Holds the tail for ever and lets nothing in.",
            ),
            unit("width", 0.0, 1.0, 1.0, "How wide the room stands."),
            unit("mix", 0.0, 1.0, 0.3, "0 % dry, 100 % room only."),
        ],
        outputs: [audio("left", "Left side."), audio("right", "Right side.")],
    };

    fn new(setup: &Setup) -> Self {
        Reverb {
            rooms: (0..V::COUNT)
                .map(|_| Room::new(setup.sample_rate))
                .collect(),
            scratch: Box::new([[0.0; MAX_FRAMES]; 15]),
            hush: Hush::new(setup.sample_rate),
            lanes: PhantomData,
        }
    }

    fn reset(&mut self) {
        self.rooms.iter_mut().for_each(Room::reset);
        self.hush.reset();
    }

    fn carry(&mut self, _: &mut Porter) {}

    fn rests(&mut self) -> bool {
        let rooms = &self.rooms;
        self.hush.rests(|| rooms.iter().all(Room::is_forgotten))
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        params: In<'_, V, 15>,
        [left, right]: Out<'_, V, 2>,
    ) {
        for (lane, room) in (0..V::COUNT).zip(&mut self.rooms) {
            let mut tracks = [Track::Constant(0.0); 15];
            for ((track, param), scratch) in tracks.iter_mut().zip(params).zip(&mut *self.scratch) {
                *track = Track::of(param, lane, scratch);
            }
            let mut start = 0;
            while start < cx.frames {
                let count = room.period_left().min(cx.frames - start);
                let mut sound = [[0.0; PERIOD]; 2];
                for (sound, input) in sound.iter_mut().zip(inputs) {
                    let sound = &mut sound[..count];
                    match from(input, start) {
                        Signal::Constant(value) => {
                            sound.fill(value.lane(lane).clamp(-LOUDEST, LOUDEST));
                        }
                        Signal::Frames(frames) => {
                            for (sound, frame) in sound.iter_mut().zip(frames) {
                                *sound = frame.lane(lane).clamp(-LOUDEST, LOUDEST);
                            }
                        }
                    }
                }
                room.process::<V::Wide>(&mut sound, &tracks, start, count);
                for (out, sound) in [&mut *left, &mut *right].into_iter().zip(&sound) {
                    for (out, sound) in out.iter_mut().skip(start).zip(sound.iter().take(count)) {
                        out.set_lane(lane, *sound);
                    }
                }
                start += count;
            }
        }
        self.hush.hear([left, right]);
    }
}

/// A number within 0..1 that is the same in every room.
fn even(index: usize) -> f32 {
    (draw(lane_seeds::<u32>(16), index as u32) >> 8) as f32 / 16_777_216.0
}
