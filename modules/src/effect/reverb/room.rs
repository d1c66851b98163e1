//! One room, from its door to its walls.

use super::diffuser::Diffuser;
use super::mixing::{Channels, to_sides};
use super::network::{Network, Shape};
use super::tap::Tap;
use super::{LINES, NO_HIGH_CUT, NO_LOW_CUT, PERIOD, PRE_DELAY, SWING, even};
use crate::kit::delay_line::{DelayLine, MARGIN};
use crate::kit::math::exp2;
use crate::kit::single::{One, Track};
use crate::kit::tone::{Tone, one_pole_share};
use crate::lanes::Lanes;

/// Indices of the params that are read at every frame.
const EARLY: usize = 8;
const LATE: usize = 9;
const WIDTH: usize = 13;
const MIX: usize = 14;
/// The smallest room's lines as a share of the largest's.
const SMALLEST: f32 = 0.12;
/// Share of the way the room's door goes in one period when the tail is frozen or freed.
const DOOR: f32 = 0.2;
/// The tail's energy that counts as loud as the sound itself: about that of 2 s in a middling room.
const REFERENCE: f32 = 5.0;

/// Eight channels a side; together they have the side's energy, with signs that keep them unlike.
fn share(index: usize) -> f32 {
    let sign = if even(300 + index) < 0.5 { 1.0 } else { -1.0 };
    sign * Diffuser::SCALE / (LINES as f32 / 2.0).sqrt()
}

/// A reverb for one lane.
pub(super) struct Room {
    tone: [Tone; 2],
    pre_delay: [DelayLine; 2],
    pre_tap: Tap,
    /// What each channel of the diffuser gets of its side.
    shares: [f32; LINES],
    diffuser: Diffuser,
    network: Network,
    /// What goes through the diffuser in one call. Kept here because clearing it costs more than using it.
    cloud: Box<Channels>,
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

impl Room {
    pub(super) fn new(sample_rate: f32) -> Self {
        let longest = (PRE_DELAY * sample_rate).ceil() as usize + 8;
        Room {
            tone: [Tone::default(); 2],
            pre_delay: [DelayLine::new(longest), DelayLine::new(longest)],
            pre_tap: Tap::NEW,
            shares: core::array::from_fn(share),
            diffuser: Diffuser::new(sample_rate),
            network: Network::new(sample_rate, SWING),
            cloud: Box::new([[0.0; PERIOD]; LINES]),
            clock: 0,
            door: (0.0, 0.0),
            door_end: 0.0,
            started: false,
            cuts: (0.0, 1.0),
            sample_rate,
        }
    }

    pub(super) fn reset(&mut self) {
        self.tone = [Tone::default(); 2];
        self.pre_delay.iter_mut().for_each(DelayLine::clear);
        self.pre_tap = Tap::NEW;
        self.diffuser.reset();
        self.network.reset();
        self.clock = 0;
        self.started = false;
    }

    /// Whether nothing is left between the walls.
    pub(super) fn is_forgotten(&self) -> bool {
        self.pre_delay.iter().all(DelayLine::is_forgotten)
            && self.diffuser.is_forgotten()
            && self.network.is_forgotten()
    }

    /// How many frames of the period are left, 1 or more.
    pub(super) fn period_left(&self) -> usize {
        PERIOD - self.clock
    }

    /// Begins a period with the params of one frame.
    #[inline(always)]
    fn steer(&mut self, params: &[Track<'_>; 15], frame: usize) {
        let [
            size,
            decay,
            damping,
            damping_from,
            low_cut,
            high_cut,
            pre_delay,
            diffusion,
            _,
            _,
            depth,
            rate,
            freeze,
            _,
            _,
        ] = now(params, frame);
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
        self.pre_tap.steer(
            f64::from(pre_delay) * f64::from(self.sample_rate) + margin,
            0.0,
            margin,
        );
        self.cuts = (
            if low_cut <= NO_LOW_CUT {
                0.0
            } else {
                one_pole_share(low_cut, self.sample_rate)
            },
            if high_cut >= NO_HIGH_CUT {
                1.0
            } else {
                one_pole_share(high_cut, self.sample_rate)
            },
        );
        // Half of what a longer tail adds in loudness is taken back where the sound goes in, so that
        // turning the decay leaves the sounding tail alone.
        let open = (REFERENCE / self.network.energy(shape)).sqrt().sqrt() / REFERENCE.sqrt();
        let target = if frozen { 0.0 } else { open };
        let start = if self.started { self.door_end } else { target };
        self.started = true;
        let way = target - start;
        self.door_end = if way.abs() < 1e-5 {
            target
        } else {
            start + DOOR * way
        };
        self.door = (start, (self.door_end - start) / PERIOD as f32);
    }

    /// Turns frames that lie within one period into what is heard. The params are those of the spec,
    /// `start` is the first frame in them; `W` has eight lanes.
    #[inline(always)]
    pub(super) fn process<W: Lanes>(
        &mut self,
        sound: &mut [[f32; PERIOD]; 2],
        params: &[Track<'_>; 15],
        start: usize,
        count: usize,
    ) {
        if self.clock == 0 {
            self.steer(params, start);
        }
        let first = self.clock;
        let mut sent = *sound;
        let [sent_left, sent_right] = &mut sent;
        let [left_tone, right_tone] = &mut self.tone;
        Tone::pair(
            [left_tone, right_tone],
            [&mut sent_left[..count], &mut sent_right[..count]],
            self.cuts.0,
            self.cuts.1,
        );
        for (sent, line) in sent.iter_mut().zip(&mut self.pre_delay) {
            line.push(&sent[..count]);
            self.pre_tap.read(line, count, first, &mut sent[..count]);
        }
        let cloud = &mut *self.cloud;
        for (index, (channel, share)) in cloud.iter_mut().zip(self.shares).enumerate() {
            for (channel, sent) in channel.iter_mut().zip(&sent[index % 2]) {
                *channel = share * sent;
            }
        }
        self.diffuser.process::<W>(cloud, first, count);
        let mut gains = [0.0; PERIOD];
        for (index, gain) in gains.iter_mut().enumerate() {
            *gain = self.door.0 + self.door.1 * (first + index) as f32;
        }
        let tail = self.network.process::<W>(cloud, &gains, first, count);
        let early = to_sides::<W>(cloud, count);
        let late = to_sides::<W>(tail, count);

        let mut levels = [[0.0; PERIOD]; 4];
        for (level, param) in
            levels
                .iter_mut()
                .zip([params[EARLY], params[LATE], params[WIDTH], params[MIX]])
        {
            param.write(start, level);
        }
        let [early_level, late_level, width, mix] = &levels;
        let [left, right] = sound;
        for index in 0..PERIOD {
            let wet_left =
                early_level[index] * early[0][index] + late_level[index] * late[0][index];
            let wet_right =
                early_level[index] * early[1][index] + late_level[index] * late[1][index];
            let narrow = (wet_left - wet_right) * (0.5 - 0.5 * width[index]);
            left[index] += mix[index] * (wet_left - narrow - left[index]);
            right[index] += mix[index] * (wet_right + narrow - right[index]);
        }
        self.clock = (self.clock + count) % PERIOD;
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
