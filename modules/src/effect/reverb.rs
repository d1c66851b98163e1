//! Rooms.

mod diffuser;
mod mixing;
mod network;
mod tap;

use core::marker::PhantomData;

use self::diffuser::Diffuser;
use self::mixing::to_sides;
use self::network::{Network, Shape};
use self::tap::Tap;
use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup};
use crate::kit::delay_line::{DelayLine, MARGIN};
use crate::kit::math::exp2;
use crate::kit::random::{draw, lane_seeds};
use crate::kit::single::{One, Track};
use crate::kit::tone::{Tone, one_pole_share};
use crate::lanes::Lanes;
use crate::spec::{Category, Spec, Voicing, audio, hz, seconds, toggle, unit};

/// Lines of the network and channels of the diffuser.
const LINES: usize = 16;
/// Frames between two looks at the params that shape the room.
const PERIOD: usize = 64;
/// Indices of the params that are read at every frame.
const EARLY: usize = 8;
const LATE: usize = 9;
const WIDTH: usize = 13;
const MIX: usize = 14;
/// The longest pre-delay in seconds.
const PRE_DELAY: f32 = 0.5;
/// The furthest swing of a line in seconds.
const SWING: f32 = 0.001;
/// The smallest room's lines as a share of the largest's.
const SMALLEST: f32 = 0.12;
/// At these ends of their ranges the cuts let everything through.
const NO_LOW_CUT: f32 = 10.0;
const NO_HIGH_CUT: f32 = 20_000.0;
/// Beyond any sound; keeps strange input from growing into infinity.
const LOUDEST: f32 = 1e6;
/// Share of the way the room's door goes in one period when the tail is frozen or freed.
const DOOR: f32 = 0.2;
/// The tail's energy that counts as loud as the sound itself: about that of 2 s in a middling room.
const REFERENCE: f32 = 5.0;

/// Stereo reverb: a diffuser into a feedback delay network of sixteen lines.
///
/// The decay time is exact at middle frequencies at any size. Params that shape the room are looked at
/// every 64 frames; levels, width and mix at every frame.
pub struct Reverb<V: Lanes> {
    cores: Box<[Core]>,
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
            seconds("decay", 0.1, 60.0, 2.5, "How long the room takes to fall silent (by 60 dB)."),
            unit("damping", 0.0, 1.0, 0.5, "How much sooner the highs die: at 50 % in half the time."),
            hz("damping-from", 500.0, 16_000.0, 5_000.0, "Where the highs begin."),
            hz("low-cut", NO_LOW_CUT, 1_000.0, 60.0, "Keeps lows out of the room; off at its lowest."),
            hz("high-cut", 500.0, NO_HIGH_CUT, NO_HIGH_CUT, "Keeps highs out of the room; off at its highest."),
            seconds("pre-delay", 0.0, PRE_DELAY, 0.01, "How long before the room answers."),
            unit("diffusion", 0.0, 1.0, 0.8, "How soon echoes blur: low for single echoes, high for a cloud."),
            unit("early", 0.0, 1.0, 0.4, "Level of the first reflections."),
            unit("late", 0.0, 1.0, 1.0, "Level of the tail."),
            unit("mod-depth", 0.0, 1.0, 0.25, "How far the walls move: keeps long tails from ringing."),
            hz("mod-rate", 0.05, 5.0, 0.6, "How fast the walls move."),
            toggle("freeze", false, "Holds the tail for ever and lets nothing in."),
            unit("width", 0.0, 1.0, 1.0, "How wide the room stands."),
            unit("mix", 0.0, 1.0, 0.3, "0 % dry, 100 % room only."),
        ],
        outputs: [audio("left", "Left side."), audio("right", "Right side.")],
    };

    fn new(setup: &Setup) -> Self {
        Reverb { cores: (0..V::COUNT).map(|_| Core::new(setup.sample_rate)).collect(), lanes: PhantomData }
    }

    fn reset(&mut self) {
        self.cores.iter_mut().for_each(Core::reset);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        params: In<'_, V, 15>,
        [left, right]: Out<'_, V, 2>,
    ) {
        for (lane, core) in self.cores.iter_mut().enumerate() {
            let mut scratch = [[0.0; MAX_FRAMES]; 15];
            let mut tracks = [Track::Constant(0.0); 15];
            for ((track, param), scratch) in tracks.iter_mut().zip(params).zip(&mut scratch) {
                *track = Track::of(param, lane, scratch);
            }
            let mut start = 0;
            while start < cx.frames {
                let count = (PERIOD - core.clock).min(cx.frames - start);
                let mut sound = [[0.0; PERIOD]; 2];
                for (sound, input) in sound.iter_mut().zip(inputs) {
                    for (index, sound) in sound.iter_mut().take(count).enumerate() {
                        *sound = input.at(start + index).lane(lane).clamp(-LOUDEST, LOUDEST);
                    }
                }
                if V::COUNT == 1 {
                    core.process(&mut sound, &tracks, start, count);
                } else {
                    core.process_apart(&mut sound, &tracks, start, count);
                }
                for (out, sound) in [&mut *left, &mut *right].into_iter().zip(&sound) {
                    for (out, sound) in out.iter_mut().skip(start).zip(sound.iter().take(count)) {
                        out.set_lane(lane, *sound);
                    }
                }
                start += count;
            }
        }
    }
}

/// All params at one frame.
#[inline(always)]
fn now(params: &[Track<'_>; 15], frame: usize) -> [f32; 15] {
    let mut values = [0.0; 15];
    for (value, param) in values.iter_mut().zip(params) {
        *value = param.at(frame);
    }
    values
}

/// A number within 0..1 that is the same in every room.
fn even(index: usize) -> f32 {
    (draw(lane_seeds::<u32>(16), index as u32) >> 8) as f32 / 16_777_216.0
}

/// Eight channels a side; together they have the side's energy, with signs that keep them unlike.
fn share(index: usize) -> f32 {
    let sign = if even(300 + index) < 0.5 { 1.0 } else { -1.0 };
    sign * Diffuser::SCALE / (LINES as f32 / 2.0).sqrt()
}

struct Core {
    tone: [Tone; 2],
    pre_delay: [DelayLine; 2],
    pre_tap: Tap,
    /// What each channel of the diffuser gets of its side.
    shares: [f32; LINES],
    diffuser: Diffuser,
    network: Network,
    /// Frames since the period began, below [`PERIOD`].
    clock: usize,
    /// What reaches the network: at the start of the period, and what each frame adds.
    door: (f32, f32),
    /// What will reach it at the end of the period.
    door_end: f32,
    started: bool,
    cuts: (f32, f32),
    sample_rate: f32,
}

impl Core {
    fn new(sample_rate: f32) -> Self {
        let longest = (PRE_DELAY * sample_rate).ceil() as usize + 8;
        Core {
            tone: [Tone::default(); 2],
            pre_delay: [DelayLine::new(longest), DelayLine::new(longest)],
            pre_tap: Tap::NEW,
            shares: core::array::from_fn(share),
            diffuser: Diffuser::new(sample_rate),
            network: Network::new(sample_rate, SWING),
            clock: 0,
            door: (0.0, 0.0),
            door_end: 0.0,
            started: false,
            cuts: (0.0, 1.0),
            sample_rate,
        }
    }

    fn reset(&mut self) {
        self.tone = [Tone::default(); 2];
        self.pre_delay.iter_mut().for_each(DelayLine::clear);
        self.pre_tap = Tap::NEW;
        self.diffuser.reset();
        self.network.reset();
        self.clock = 0;
        self.started = false;
    }

    /// Begins a period with the params of one frame.
    #[inline(always)]
    fn steer(&mut self, params: &[Track<'_>; 15], frame: usize) {
        let [size, decay, damping, damping_from, low_cut, high_cut, pre_delay, diffusion, _, _, depth, rate, freeze, _, _] =
            now(params, frame);
        let frozen = freeze >= 0.5;
        let scale = exp2(One::splat(SMALLEST.log2() * (1.0 - size))).sum();
        let shape = Shape {
            scale,
            decay,
            high_decay: (1.0 - damping).max(0.05),
            high_from: damping_from,
            depth: depth * depth * SWING * self.sample_rate,
            rate,
            frozen,
        };
        self.network.steer(shape);
        self.diffuser.steer(f64::from(scale * diffusion));
        let margin = f64::from(MARGIN);
        self.pre_tap.steer(f64::from(pre_delay) * f64::from(self.sample_rate) + margin, 0.0, margin);
        self.cuts = (
            if low_cut <= NO_LOW_CUT { 0.0 } else { one_pole_share(low_cut, self.sample_rate) },
            if high_cut >= NO_HIGH_CUT { 1.0 } else { one_pole_share(high_cut, self.sample_rate) },
        );
        // Half of what a longer tail adds in loudness is taken back where the sound goes in, so that
        // turning the decay leaves the sounding tail alone.
        let open = (REFERENCE / self.network.energy(shape)).sqrt().sqrt() / REFERENCE.sqrt();
        let target = if frozen { 0.0 } else { open };
        let start = if self.started { self.door_end } else { target };
        self.started = true;
        let way = target - start;
        self.door_end = if way.abs() < 1e-5 { target } else { start + DOOR * way };
        self.door = (start, (self.door_end - start) / PERIOD as f32);
    }

    /// [`Core::process`] for lane types no patch runs this module on, compiled once for all of them.
    #[inline(never)]
    fn process_apart(&mut self, sound: &mut [[f32; PERIOD]; 2], params: &[Track<'_>; 15], start: usize, count: usize) {
        self.process(sound, params, start, count);
    }

    #[inline(always)]
    fn process(&mut self, sound: &mut [[f32; PERIOD]; 2], params: &[Track<'_>; 15], start: usize, count: usize) {
        if self.clock == 0 {
            self.steer(params, start);
        }
        let first = self.clock;
        let mut sent = [[0.0; PERIOD]; 2];
        for (((sent, sound), tone), line) in
            sent.iter_mut().zip(&*sound).zip(&mut self.tone).zip(&mut self.pre_delay)
        {
            for (sent, sound) in sent.iter_mut().zip(&sound[..count]) {
                *sent = tone.next(*sound, self.cuts.0, self.cuts.1);
            }
            line.push(&sent[..count]);
            self.pre_tap.read(line, count, first, &mut sent[..count]);
        }
        let mut cloud = [[0.0; PERIOD]; LINES];
        for (index, (channel, share)) in cloud.iter_mut().zip(self.shares).enumerate() {
            for (channel, sent) in channel.iter_mut().zip(&sent[index % 2]) {
                *channel = share * sent;
            }
        }
        self.diffuser.process(&mut cloud, first, count);
        let mut gains = [0.0; PERIOD];
        for (index, gain) in gains.iter_mut().enumerate() {
            *gain = self.door.0 + self.door.1 * (first + index) as f32;
        }
        let tail = self.network.process(&cloud, &gains, first, count);
        let (early, late) = (to_sides(&cloud), to_sides(&tail));

        let mut levels = [[0.0; PERIOD]; 4];
        for (level, param) in levels.iter_mut().zip([params[EARLY], params[LATE], params[WIDTH], params[MIX]]) {
            param.write(start, level);
        }
        let [early_level, late_level, width, mix] = &levels;
        let [left, right] = sound;
        for index in 0..PERIOD {
            let wet_left = early_level[index] * early[0][index] + late_level[index] * late[0][index];
            let wet_right = early_level[index] * early[1][index] + late_level[index] * late[1][index];
            let narrow = (wet_left - wet_right) * (0.5 - 0.5 * width[index]);
            left[index] += mix[index] * (wet_left - narrow - left[index]);
            right[index] += mix[index] * (wet_right + narrow - right[index]);
        }
        self.clock = (self.clock + count) % PERIOD;
    }
}
