//! Sixteen-step sequencer.

use crate::contract::{Cx, In, MAX_LANES, Module, Out, Setup, Signal};
use crate::kit::bend::Bend;
use crate::kit::edge::{Edges, is_high, next_turn, to_gate};
use crate::kit::random::{draw, lane_seeds};
use crate::kit::segment::{Course, Segment, pulse};
use crate::kit::switch::position;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::{Carried, Porter};
use crate::spec::{Category, ParamSpec, Spec, Voicing, choice, gate, int, octaves, pitch, seconds};

const STEPS: usize = 16;

const STEP: &[&str] = &["rest", "play", "tie"];
const REST: usize = 0;
const PLAY: usize = 1;
const TIE: usize = 2;

const BACKWARD: usize = 1;
const PING_PONG: usize = 2;
const RANDOM: usize = 3;

const ALL_STEPS: usize = 1;

const fn note(id: &'static str, doc: &'static str) -> ParamSpec {
    octaves(id, -3.0, 3.0, 0.0, doc)
}

const fn kind(id: &'static str, doc: &'static str) -> ParamSpec {
    choice(id, STEP, PLAY, doc)
}

/// Plays a row of pitches, one a clock.
///
/// A rest keeps the pitch of the last note, so that its release does not jump. A reset that comes in
/// the same frame as a clock makes that clock play the first step.
pub struct Steps<V: Lanes> {
    voices: [Voice; MAX_LANES],
    /// The way from the last pitch to this one.
    glide: Segment<V>,
    /// 1 where the step is tied to the next.
    tied: V,
    /// 1 where the step plays.
    plays: V,
    clock: Edges<V>,
    reset: Edges<V>,
    seeds: V::Bits,
    sample_rate: f32,
}

#[derive(Clone, Copy, Default)]
struct Voice {
    /// Steps since the start of this pass; `None` before the first clock.
    place: Option<usize>,
    /// The step whose pitch sounds, if one has played.
    sounds: Option<usize>,
    /// Clocks so far; numbers the random steps.
    clocks: u32,
}

impl Carried for Voice {
    fn carry(&mut self, exchange: &mut impl FnMut(u64) -> u64) {
        let Voice {
            place,
            sounds,
            clocks,
        } = self;
        place.carry(exchange);
        sounds.carry(exchange);
        clocks.carry(exchange);
    }
}

/// What a clock did to a voice.
struct Advance {
    step: usize,
    starts_over: bool,
}

impl Voice {
    #[inline(always)]
    fn advance(&mut self, length: usize, direction: usize, seed: u32) -> Advance {
        let turning_back = length.saturating_sub(2);
        let pass = if direction == PING_PONG {
            length + turning_back
        } else {
            length
        };
        let next = self.place.map_or(0, |place| place + 1);
        let starts_over = next >= pass;
        let place = if starts_over { 0 } else { next };
        self.place = Some(place);
        self.clocks = self.clocks.wrapping_add(1);
        let step = match direction {
            BACKWARD => length.saturating_sub(1 + place),
            PING_PONG if place >= length => (2 * length).saturating_sub(2 + place),
            RANDOM => ((u64::from(draw(seed, self.clocks)) * length as u64) >> 32) as usize,
            _ => place,
        };
        Advance {
            step: step.min(STEPS - 1),
            starts_over,
        }
    }
}

impl<V: Lanes> Steps<V> {
    /// The pitch each lane is bound for at a frame.
    #[inline(always)]
    fn target(&self, pitches: &[Signal<'_, V>; STEPS], frame: usize) -> V {
        V::from_fn(|lane| {
            let voice = self.voices.get(lane).copied().unwrap_or_default();
            let step = voice.sounds.unwrap_or(0);
            pitches
                .get(step)
                .map_or(0.0, |pitch| pitch.at(frame).lane(lane))
        })
    }
}

impl<V: Lanes> Module<V, 2, 37, 4> for Steps<V> {
    const SPEC: Spec<2, 37, 4> = Spec {
        id: "steps",
        name: "Step sequencer",
        category: Category::Modulation,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Plays up to sixteen pitches in a row, one step a clock.",
        inputs: [
            gate(
                "clock",
                "Plays the next step when it goes high. Notes last as long as it is high.",
            ),
            gate("reset", "Makes the next clock play the first step."),
        ],
        params: [
            int(
                "length",
                1,
                STEPS as i32,
                STEPS as i32,
                "How many steps are played.",
            ),
            choice(
                "direction",
                &["forward", "backward", "ping-pong", "random"],
                0,
                "The order of the steps. Ping-pong plays the outer steps once.",
            ),
            octaves(
                "transpose",
                -4.0,
                4.0,
                0.0,
                "Moves all pitches; patch a keyboard's pitch here to play in its key.",
            ),
            seconds("glide", 0.0, 5.0, 0.0, "Time to slide to a new pitch."),
            choice(
                "glide-mode",
                &["tied steps", "all steps"],
                0,
                "Slide only out of tied steps, or into every note.",
            ),
            note("step-1", "Pitch of step 1, from middle C."),
            note("step-2", "Pitch of step 2, from middle C."),
            note("step-3", "Pitch of step 3, from middle C."),
            note("step-4", "Pitch of step 4, from middle C."),
            note("step-5", "Pitch of step 5, from middle C."),
            note("step-6", "Pitch of step 6, from middle C."),
            note("step-7", "Pitch of step 7, from middle C."),
            note("step-8", "Pitch of step 8, from middle C."),
            note("step-9", "Pitch of step 9, from middle C."),
            note("step-10", "Pitch of step 10, from middle C."),
            note("step-11", "Pitch of step 11, from middle C."),
            note("step-12", "Pitch of step 12, from middle C."),
            note("step-13", "Pitch of step 13, from middle C."),
            note("step-14", "Pitch of step 14, from middle C."),
            note("step-15", "Pitch of step 15, from middle C."),
            note("step-16", "Pitch of step 16, from middle C."),
            kind(
                "gate-1",
                "Whether step 1 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-2",
                "Whether step 2 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-3",
                "Whether step 3 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-4",
                "Whether step 4 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-5",
                "Whether step 5 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-6",
                "Whether step 6 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-7",
                "Whether step 7 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-8",
                "Whether step 8 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-9",
                "Whether step 9 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-10",
                "Whether step 10 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-11",
                "Whether step 11 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-12",
                "Whether step 12 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-13",
                "Whether step 13 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-14",
                "Whether step 14 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-15",
                "Whether step 15 rests, plays, or plays and lasts into the next.",
            ),
            kind(
                "gate-16",
                "Whether step 16 rests, plays, or plays and lasts into the next.",
            ),
        ],
        outputs: [
            pitch("pitch", "Pitch of the step."),
            gate("gate", "High while a note sounds."),
            gate(
                "trigger",
                "A trigger at each new note; tied notes give none.",
            ),
            gate("end", "A trigger when the row starts over."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Steps {
            voices: [Voice::default(); MAX_LANES],
            glide: Segment::resting(),
            tied: V::splat(0.0),
            plays: V::splat(0.0),
            clock: Edges::new(),
            reset: Edges::new(),
            seeds: lane_seeds(setup.seed),
            sample_rate: setup.sample_rate,
        }
    }

    fn reset(&mut self) {
        self.voices = [Voice::default(); MAX_LANES];
        self.glide = Segment::resting();
        self.tied = V::splat(0.0);
        self.plays = V::splat(0.0);
        self.clock = Edges::new();
        self.reset = Edges::new();
    }

    fn carry(&mut self, porter: &mut Porter) {
        if let Some(voice) = self.voices.get_mut(porter.lane_index()) {
            porter.own(voice);
        }
        self.glide.carry(porter);
        porter.lane(&mut self.tied);
        porter.lane(&mut self.plays);
        self.clock.carry(porter);
        self.reset.carry(porter);
        porter.bits(&mut self.seeds);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [clock, reset]: In<'_, V, 2>,
        [length, direction, transpose, glide, glide_mode, rest @ ..]: In<'_, V, 37>,
        [pitch, gate, trigger, end]: Out<'_, V, 4>,
    ) {
        let frames = cx.frames;
        let pitches: [Signal<'_, V>; STEPS] = core::array::from_fn(|step| rest[step]);
        let kinds: [Signal<'_, V>; STEPS] = core::array::from_fn(|step| rest[STEPS + step]);
        let turns = self.clock.turns(clock, frames) | self.reset.turns(reset, frames);
        let still =
            glide.constant().is_some() && pitches.iter().all(|pitch| pitch.constant().is_some());
        trigger.fill(V::splat(0.0));
        end.fill(V::splat(0.0));

        let mut frame = 0;
        let mut target = self.target(&pitches, 0);
        while frame < frames {
            let course = Course::new(glide.at(frame), Bend::straight(), self.sample_rate);
            if frame == 0 || !still {
                self.glide.follow(course);
                target = self.target(&pitches, frame);
            }
            self.glide.rest(self.glide.ended());

            if turns >> frame & 1 == 1 {
                let clocks = self.clock.rises_at(clock, frame);
                let resets = self.reset.rises_at(reset, frame);
                let length = position(length.at(frame)).clamp(1, STEPS);
                let direction = position(direction.at(frame));
                let level = self.glide.level(target);
                let was_tied = is_high(self.tied);
                let glides_always = position(glide_mode.at(frame)) == ALL_STEPS;
                let (mut notes, mut begins, mut slides, mut over) =
                    (V::splat(0.0), V::splat(0.0), V::splat(0.0), V::splat(0.0));
                for (lane, voice) in self.voices.iter_mut().take(V::COUNT).enumerate() {
                    if resets.lane(lane) {
                        voice.place = None;
                    }
                    if !clocks.lane(lane) {
                        continue;
                    }
                    let Advance { step, starts_over } =
                        voice.advance(length, direction, self.seeds.lane(lane));
                    let kind = kinds
                        .get(step)
                        .map_or(REST, |kind| position(kind.at(frame)));
                    self.plays
                        .set_lane(lane, if kind == REST { 0.0 } else { 1.0 });
                    self.tied
                        .set_lane(lane, if kind == TIE { 1.0 } else { 0.0 });
                    over.set_lane(lane, if starts_over { 1.0 } else { 0.0 });
                    if kind != REST {
                        let tied = was_tied.lane(lane);
                        let slide = voice.sounds.is_some() && (tied || glides_always);
                        voice.sounds = Some(step);
                        notes.set_lane(lane, 1.0);
                        begins.set_lane(lane, if tied { 0.0 } else { 1.0 });
                        slides.set_lane(lane, if slide { 1.0 } else { 0.0 });
                    }
                }
                target = self.target(&pitches, frame);
                self.glide.rest(is_high(notes) & !is_high(slides));
                self.glide.start(is_high(slides), level, course);
                self.glide.rest(self.glide.ended());
                pulse(trigger, frame, is_high(begins));
                pulse(end, frame, is_high(over));
            }

            let next = if still {
                next_turn(turns, frame + 1, frames)
            } else {
                frame + 1
            };
            let run = frame..frame + self.glide.frames_left(next - frame).max(1);
            let open = is_high(self.plays) & (is_high(clock.at(frame)) | is_high(self.tied));
            gate[run.clone()].fill(to_gate(open));
            let nowhere = V::Mask::splat(false);
            self.glide.run(
                &mut pitch[run.clone()],
                0,
                target,
                nowhere,
                Signal::Constant(target),
            );
            for frame in run.clone() {
                pitch[frame] += transpose.at(frame);
            }
            frame = run.end;
        }
        self.clock.finish(clock, frames);
        self.reset.finish(reset, frames);
    }
}
