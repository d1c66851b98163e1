//! Attack and decay, once or round and round.

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::bend::Bending;
use crate::kit::edge::{Edges, next_turn};
use crate::kit::segment::{Course, Segment, pulse, stands_at};
use crate::kit::switch::{is_on, position};
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{
    Category, Silence, Smoothing, Spec, Voicing, choice, gate, modulation, seconds, toggle, unit,
};

const IDLE: f32 = 0.0;
const ATTACK: f32 = 1.0;
const DECAY: f32 = 2.0;

const FROM_ZERO: usize = 1;
const IGNORE: usize = 2;

/// Envelope of a trigger; looped, a low-frequency function with times for its two slopes.
pub struct Ad<V: Lanes> {
    stage: V,
    segment: Segment<V>,
    rise: Bending<V>,
    fall: Bending<V>,
    trigger: Edges<V>,
    sample_rate: f32,
}

impl<V: Lanes> Ad<V> {
    #[inline(always)]
    fn enter(&mut self, lanes: V::Mask, stage: f32) {
        self.stage = lanes.select(V::splat(stage), self.stage);
    }

    /// Moves on where a segment has ended, and out of idleness while looping; gives the lanes whose
    /// decay is over.
    #[inline(always)]
    fn proceed(&mut self, attack: Course<V>, decay: Course<V>, looping: bool) -> V::Mask {
        let mut over = V::Mask::splat(false);
        // A decay lasts at least a frame, so an attack of no length is all that can follow one.
        for _ in 0..2 {
            let ended = self.segment.ended();
            let decayed = ended & stands_at(self.stage, DECAY);
            let again = (decayed | stands_at(self.stage, IDLE)) & V::Mask::splat(looping);
            if !(ended | again).any() {
                break;
            }
            let attacked = ended & stands_at(self.stage, ATTACK);
            self.segment.rest(decayed);
            self.enter(decayed, IDLE);
            self.segment.start(again, V::splat(0.0), attack);
            self.enter(again, ATTACK);
            self.segment.start(attacked, V::splat(1.0), decay);
            self.enter(attacked, DECAY);
            over = over | decayed;
        }
        over
    }

    #[inline(always)]
    fn target(&self) -> V {
        stands_at(self.stage, ATTACK).select(V::splat(1.0), V::splat(0.0))
    }
}

impl<V: Lanes> Module<V, 1, 6, 2> for Ad<V> {
    const SPEC: Spec<1, 6, 2> = Spec {
        id: "ad",
        name: "AD envelope",
        category: Category::Envelope,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Rises and falls once for each trigger, or round and round by itself.",
        inputs: [gate("trigger", "Starts the attack when it goes high.")],
        params: [
            seconds(
                "attack",
                0.0,
                20.0,
                0.002,
                "Time to rise to full, from wherever the level is.",
            )
            .smoothed(Smoothing::None),
            seconds(
                "decay",
                0.0,
                20.0,
                0.3,
                "Time to fall from full to zero, a frame at least.",
            )
            .smoothed(Smoothing::None),
            unit(
                "attack-curve",
                -1.0,
                1.0,
                0.0,
                "Bend of the attack: 0 is a straight line, 1 rises fast at first, -1 fast at last.",
            ),
            unit(
                "decay-curve",
                -1.0,
                1.0,
                0.6,
                "Bend of the decay: 0 is a straight line, 1 falls fast at first, -1 fast at last.",
            ),
            choice(
                "mode",
                &["from level", "from zero", "ignore"],
                0,
                "What a trigger during a run does: start again from the level it finds, from zero, or nothing.",
            ),
            toggle("loop", false, "Starts again at every end, and by itself."),
        ],
        outputs: [
            modulation("out", "The envelope, 0 to 1."),
            gate("end", "A trigger when the decay has reached zero."),
        ],
    };
    const SILENCE: Silence = Silence::All(&["trigger", "loop"]);

    fn new(setup: &Setup) -> Self {
        Ad {
            stage: V::splat(IDLE),
            segment: Segment::resting(),
            rise: Bending::new(),
            fall: Bending::new(),
            trigger: Edges::new(),
            sample_rate: setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.stage = V::splat(IDLE);
        self.segment = Segment::resting();
        self.trigger = Edges::new();
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.stage);
        self.segment.carry(porter);
        self.rise.carry(porter);
        self.fall.carry(porter);
        self.trigger.carry(porter);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [trigger]: In<'_, V, 1>,
        [attack, decay, attack_curve, decay_curve, mode, looping]: In<'_, V, 6>,
        [out, end]: Out<'_, V, 2>,
    ) {
        let frames = cx.frames;
        let turns = self.trigger.turns(trigger, frames);
        let still = [attack, decay, attack_curve, decay_curve, looping]
            .iter()
            .all(|param| param.constant().is_some());
        end.fill(V::splat(0.0));
        let mut frame = 0;
        while frame < frames {
            let (rise, fall) = (
                self.rise.way(attack_curve.at(frame)),
                self.fall.way(decay_curve.at(frame)),
            );
            let rise = Course::new(attack.at(frame), rise, self.sample_rate);
            let fall = Course::new(decay.at(frame), fall, self.sample_rate).at_least_a_frame();
            let looping = is_on(looping.at(frame));
            if frame == 0 || !still {
                self.segment
                    .follow(rise.select(stands_at(self.stage, ATTACK), fall));
            }
            let mut over = self.proceed(rise, fall, looping);
            if turns >> frame & 1 == 1 {
                let mode = position(mode.at(frame));
                let mut starts = self.trigger.rises_at(trigger, frame);
                if mode == IGNORE {
                    starts = starts & stands_at(self.stage, IDLE);
                }
                let from = if mode == FROM_ZERO {
                    V::splat(0.0)
                } else {
                    self.segment.level(self.target())
                };
                self.segment.start(starts, from, rise);
                self.enter(starts, ATTACK);
                over = over | self.proceed(rise, fall, looping);
            }
            pulse(end, frame, over);

            let next = if still {
                next_turn(turns, frame + 1, frames)
            } else {
                frame + 1
            };
            let run = self.segment.frames_left(next - frame).max(1);
            let target = self.target();
            let out = &mut out[frame..frame + run];
            self.segment.run(
                out,
                0,
                target,
                V::Mask::splat(false),
                crate::contract::Signal::Constant(target),
            );
            frame += run;
        }
        self.trigger.finish(trigger, frames);
    }
}
