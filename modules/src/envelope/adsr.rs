//! Attack, decay, sustain, release.

use crate::contract::{Cx, In, Knob, Knobs, Module, Out, Setup};
use crate::kit::bend::Bending;
use crate::kit::edge::{Edges, is_high, next_turn};
use crate::kit::gain::hold;
use crate::kit::segment::{Course, Segment, Target, pulse, stands_at};
use crate::kit::settled::{any_differ, constants};
use crate::kit::switch::position;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{
    Category, Silence, Smoothing, Spec, Voicing, choice, gate, modulation, seconds, unit,
};

const IDLE: f32 = 0.0;
const ATTACK: f32 = 1.0;
const DECAY: f32 = 2.0;
const SUSTAIN: f32 = 3.0;
const RELEASE: f32 = 4.0;

// The outputs, in the order of the spec.
const OUT: usize = 0;
const END: usize = 1;

/// The third param.
const SUSTAIN_LEVEL: usize = 2;

const FROM_ZERO: usize = 1;
const LEGATO: usize = 2;

/// Envelope that rises while its gate is high and falls after it.
///
/// Every segment starts from the level it finds and takes the whole of its time, so a voice that is
/// stolen or retriggered does not jump. Levels are closed forms of the frames since the segment
/// began (see [`crate::kit::segment`]): ends are exact to the frame at any curve.
pub struct Adsr<V: Lanes> {
    stage: V,
    segment: Segment<V>,
    rise: Bending<V>,
    fall: Bending<V>,
    gate: Edges<V>,
    retrigger: Edges<V>,
    /// The times and curves of the last call in which a segment ran, if none of them moved in it.
    held: Option<[V; 5]>,
    /// The outputs, a bit each, that stood still in the last call.
    still: u32,
    sample_rate: f32,
}

/// The courses of the three timed stages at one frame.
struct Courses<V> {
    attack: Course<V>,
    decay: Course<V>,
    release: Course<V>,
}

impl<V: Lanes> Courses<V> {
    #[inline(always)]
    fn of(&self, stage: V) -> Course<V> {
        self.attack.select(
            stands_at(stage, ATTACK),
            self.decay.select(stands_at(stage, DECAY), self.release),
        )
    }
}

impl<V: Lanes> Adsr<V> {
    #[inline(always)]
    fn enter(&mut self, lanes: V::Mask, stage: f32) {
        self.stage = lanes.select(V::splat(stage), self.stage);
    }

    /// Moves on where a segment has ended; gives the lanes whose release is over.
    #[inline(always)]
    fn proceed(&mut self, courses: &Courses<V>) -> V::Mask {
        let mut released = V::Mask::splat(false);
        // A decay of no length ends in the frame in which the attack does.
        for _ in 0..2 {
            let ended = self.segment.ended();
            if !ended.any() {
                break;
            }
            let attacked = ended & stands_at(self.stage, ATTACK);
            let decayed = ended & stands_at(self.stage, DECAY);
            let done = ended & stands_at(self.stage, RELEASE);
            self.segment.rest(decayed | done);
            self.segment.start(attacked, V::splat(1.0), courses.decay);
            self.enter(attacked, DECAY);
            self.enter(decayed, SUSTAIN);
            self.enter(done, IDLE);
            released = released | done;
        }
        released
    }

    /// Where the level is bound for, save while it falls to or stands at the sustain level.
    #[inline(always)]
    fn target(&self) -> V {
        stands_at(self.stage, ATTACK).select(V::splat(1.0), V::splat(0.0))
    }

    /// Where the level is bound for the sustain level or stands there.
    #[inline(always)]
    fn sustains(&self) -> V::Mask {
        stands_at(self.stage, DECAY) | stands_at(self.stage, SUSTAIN)
    }
}

impl<V: Lanes> Module<V, 2, 7, 2> for Adsr<V> {
    const SPEC: Spec<2, 7, 2> = Spec {
        id: "adsr",
        name: "ADSR envelope",
        category: Category::Envelope,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Rises to full, falls to the sustain level while the gate is high, and fades out after it.",
        inputs: [
            gate(
                "gate",
                "Starts the attack when it goes high, the release when it goes low.",
            ),
            gate(
                "retrigger",
                "Starts the attack again while the gate is high.",
            ),
        ],
        params: [
            seconds(
                "attack",
                0.0,
                20.0,
                0.005,
                "Time to rise to full, from wherever the level is.",
            )
            .smoothed(Smoothing::None),
            seconds(
                "decay",
                0.0,
                20.0,
                0.25,
                "Time to fall from full to the sustain level.",
            )
            .smoothed(Smoothing::None),
            unit(
                "sustain",
                0.0,
                1.0,
                0.6,
                "Level held while the gate is high.",
            ),
            seconds(
                "release",
                0.0,
                20.0,
                0.3,
                "Time to fall to zero, from wherever the level is.",
            )
            .smoothed(Smoothing::None),
            unit(
                "attack-curve",
                0.0,
                1.0,
                0.2,
                "Bend of the attack: 0 is a straight line, 1 rises fast at first.",
            ),
            unit(
                "decay-curve",
                0.0,
                1.0,
                0.6,
                "Bend of decay and release: 0 is a straight line, 1 falls fast at first.",
            ),
            choice(
                "mode",
                &["from level", "from zero", "legato"],
                0,
                "What a new attack starts from. Legato ignores the retrigger input.",
            ),
        ],
        outputs: [
            modulation("out", "The envelope, 0 to 1."),
            gate("end", "A trigger when the release has reached zero."),
        ],
    };
    const HOLDS: bool = true;
    const SHARES: u32 = 1 << SUSTAIN_LEVEL;
    const SILENCE: Silence = Silence::All(&["gate"]);

    fn new(setup: &Setup) -> Self {
        Adsr {
            stage: V::splat(IDLE),
            segment: Segment::resting(),
            rise: Bending::new(),
            fall: Bending::new(),
            gate: Edges::new(),
            retrigger: Edges::new(),
            held: None,
            still: 0,
            sample_rate: setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.stage = V::splat(IDLE);
        self.segment = Segment::resting();
        self.gate = Edges::new();
        self.retrigger = Edges::new();
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.stage);
        self.segment.carry(porter);
        self.rise.carry(porter);
        self.fall.carry(porter);
        self.gate.carry(porter);
        self.retrigger.carry(porter);
        porter.forget(&mut self.held);
    }

    #[inline(always)]
    fn held(&self) -> u32 {
        self.still
    }

    #[inline(always)]
    fn stands(&self) -> bool {
        self.still != 0
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        [attack, decay, sustain, others @ ..]: In<'_, V, 7>,
        outputs: Out<'_, V, 2>,
    ) {
        self.run(cx, inputs, [attack, decay], sustain, others, outputs);
    }

    #[inline(always)]
    fn process_shared(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 2>,
        [attack, decay, sustain, others @ ..]: Knobs<'_, V, 7>,
        outputs: Out<'_, V, 2>,
    ) {
        let rise_and_fall = [attack.apart(), decay.apart()];
        let others = others.map(Knob::apart);
        if let Knob::Shared(sustain) = sustain {
            self.run(cx, inputs, rise_and_fall, sustain, others, outputs);
        }
    }
}

impl<V: Lanes> Adsr<V> {
    #[inline(always)]
    fn run(
        &mut self,
        cx: &Cx<'_>,
        [gate, retrigger]: In<'_, V, 2>,
        [attack, decay]: In<'_, V, 2>,
        sustain: impl Target<V>,
        [release, attack_curve, decay_curve, mode]: In<'_, V, 4>,
        [out, end]: Out<'_, V, 2>,
    ) {
        self.still = 0;
        let frames = cx.frames;
        let turns = self.gate.turns(gate, frames) | self.retrigger.turns(retrigger, frames);
        if cx.wanted.has(END) {
            end.fill(V::splat(0.0));
        }
        // Where a note is held long, which is nearly always, this is all there is to do. What rests takes no
        // notice of times and curves that move.
        if turns == 0 && self.segment.rests().all() {
            if let Some(sustain) = sustain.constant() {
                hold(out, self.sustains().select(sustain, self.target()));
                self.segment.pass(frames);
                self.still = 1 << OUT;
                if cx.wanted.has(END) {
                    self.still |= 1 << END;
                }
            } else {
                let (tracks, target) = (self.sustains(), self.target());
                self.segment.run(out, 0, target, tracks, sustain);
            }
            self.gate.finish(gate, frames);
            self.retrigger.finish(retrigger, frames);
            return;
        }
        let held = constants([attack, decay, release, attack_curve, decay_curve]);
        let still = held.is_some();
        // A segment knows the course it runs, unless that has moved since.
        let unmoved = match (&self.held, &held) {
            (Some(before), Some(now)) => !any_differ(before, now),
            _ => false,
        };
        self.held = held;
        let mut frame = 0;
        while frame < frames {
            let turning = turns >> frame & 1 == 1;
            if turning || !unmoved || self.segment.ended().any() {
                let rise = self.rise.way(attack_curve.at(frame));
                let fall = self.fall.way(decay_curve.at(frame));
                let courses = Courses {
                    attack: Course::new(attack.at(frame), rise, self.sample_rate),
                    decay: Course::new(decay.at(frame), fall, self.sample_rate),
                    release: Course::new(release.at(frame), fall, self.sample_rate),
                };
                if frame == 0 || !still {
                    self.segment.follow(courses.of(self.stage));
                }
                let mut released = self.proceed(&courses);
                if turning {
                    let level = self
                        .segment
                        .level(self.sustains().select(sustain.at(frame), self.target()));
                    let mode = position(mode.at(frame));
                    let mut attacks = self.gate.rises_at(gate, frame);
                    if mode != LEGATO {
                        attacks = attacks
                            | (self.retrigger.rises_at(retrigger, frame) & is_high(gate.at(frame)));
                    }
                    let from = if mode == FROM_ZERO {
                        V::splat(0.0)
                    } else {
                        level
                    };
                    self.segment.start(attacks, from, courses.attack);
                    self.enter(attacks, ATTACK);
                    let releases = self.gate.falls_at(gate, frame);
                    self.segment.start(releases, level, courses.release);
                    self.enter(releases, RELEASE);
                    released = released | self.proceed(&courses);
                }
                if cx.wanted.has(END) {
                    pulse(end, frame, released);
                }
            }

            // What rests takes no notice of times and curves that move.
            let next = if still || self.segment.rests().all() {
                next_turn(turns, frame + 1, frames)
            } else {
                frame + 1
            };
            let run = self.segment.frames_left(next - frame).max(1);
            let target = self.target();
            self.segment.run(
                &mut out[frame..frame + run],
                frame,
                target,
                self.sustains(),
                sustain,
            );
            frame += run;
        }
        self.gate.finish(gate, frames);
        self.retrigger.finish(retrigger, frames);
    }
}
