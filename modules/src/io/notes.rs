//! Notes from the host, played on voices.

mod channels;
mod gate;
mod glide;
mod keys;
mod note;
mod performer;
mod place;
mod settings;
mod values;
mod velocity;
mod voices;

use core::ops::Range;

use self::glide::Glide;
use self::performer::{Now, Performer};
use self::settings::{GLIDES, MODES, PRIORITIES, Settings, index, mode};
use self::values::Values;
use crate::contract::{Cx, In, MAX_LANES, Module, Out, Setup, Signal, Wanted};
use crate::kit::gain::{hold, scale};
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{
    Category, Spec, Unit, Voicing, cents, choice, gate, int, modulation, number, pitch, seconds,
    toggle, unit,
};

// The outputs, in the order of the spec.
const PITCH: usize = 0;
const GATE: usize = 1;
const TRIGGER: usize = 2;
const VELOCITY: usize = 3;
const RELEASE: usize = 4;
const PRESSURE: usize = 5;
const TIMBRE: usize = 6;
const BEND: usize = 7;
const WHEEL: usize = 8;
const RANDOM: usize = 9;
const SIDE: usize = 10;

/// Plays the host's notes on one, eight or sixteen voices, one per lane.
///
/// Which voice a note takes, and from whom, is told in `notes/voices.rs`. A note that takes a voice
/// over which still sounds starts with a gate that is down for one frame, so that envelopes start
/// again from where they are, and its values arrive within 2 ms. All other notes start on their very
/// frame.
///
/// With MPE on, the lower zone is played: channel 1 moves all notes, every other channel its own.
pub struct Notes<V: Lanes> {
    performer: Performer<V>,
    /// What holds until something happens, if no gate is about to move.
    held: Option<Held<V>>,
    /// The outputs, a bit each, that stood still in the last call.
    still: u32,
    /// Whether nothing happened in the last call, and nothing is under way.
    stands: bool,
    setup: Setup,
}

/// What a call finds in which nothing happens.
#[derive(Clone, Copy)]
struct Held<V> {
    /// The mode param as it stood last.
    mode: f32,
    gates: V,
}

impl<V: Lanes> Module<V, 0, 17, 11> for Notes<V> {
    const HOLDS: bool = true;
    const SPEC: Spec<0, 17, 11> = Spec {
        id: "notes",
        name: "Notes",
        category: Category::Io,
        version: 1,
        voicing: Voicing::NoteSource,
        doc: "Plays the host's notes: pitch, gate and touch, one voice per note.",
        inputs: [],
        params: [
            choice(
                "mode",
                MODES,
                0,
                "Poly: a voice per note. Mono: one voice, each note starts anew. Legato: one voice, tied notes do not start anew. Unison: several voices on one note.",
            ),
            int(
                "voices",
                1,
                MAX_LANES as i32,
                MAX_LANES as i32,
                "How many notes can sound at once.",
            )
            .fixed(),
            int(
                "unison",
                1,
                MAX_LANES as i32,
                4,
                "How many voices play the note in unison mode.",
            ),
            cents(
                "detune",
                0.0,
                100.0,
                12.0,
                "How far the outermost unison voices are off pitch.",
            ),
            unit(
                "spread",
                0.0,
                1.0,
                1.0,
                "How far apart the voices stand at the spread output.",
            ),
            seconds(
                "glide",
                0.0,
                10.0,
                0.0,
                "How long the pitch takes from note to note.",
            ),
            choice(
                "glide-mode",
                GLIDES,
                0,
                "Always: every note glides. Legato: only notes played while another is held.",
            ),
            choice(
                "priority",
                PRIORITIES,
                0,
                "Which of several held keys sounds in mono, legato and unison.",
            ),
            int("octave", -4, 4, 0, "Moves all notes by octaves."),
            int("transpose", -24, 24, 0, "Moves all notes by semitones.")
                .measured_in(Unit::Semitones),
            cents("tune", -100.0, 100.0, 0.0, "Fine tuning of all notes."),
            int("bend-range", 0, 48, 2, "How far the pitch wheel bends.")
                .measured_in(Unit::Semitones),
            int(
                "channel",
                0,
                16,
                0,
                "The MIDI channel to play; 0 plays all. Has no effect with MPE.",
            ),
            toggle(
                "mpe",
                false,
                "Each finger on its own channel, with its own bend, pressure and timbre.",
            ),
            int("mpe-range", 0, 96, 48, "How far one finger bends with MPE.")
                .measured_in(Unit::Semitones),
            number(
                "velocity-curve",
                -1.0,
                1.0,
                0.0,
                "Above 0 soft playing is louder, below 0 softer.",
            ),
            seconds(
                "smooth",
                0.0,
                0.1,
                0.002,
                "How long bend, pressure, timbre and wheel take to reach a new value.",
            ),
        ],
        outputs: [
            pitch(
                "pitch",
                "Pitch of the note with bend, tuning, glide and detune.",
            ),
            gate("gate", "Up while the note is held by key or pedal."),
            gate(
                "trigger",
                "One frame at the start of every note, tied ones too.",
            ),
            modulation("velocity", "How hard the key was struck, 0..1."),
            modulation("release", "How fast the key was let go, 0..1."),
            modulation("pressure", "Aftertouch of the note or its channel, 0..1."),
            modulation("timbre", "Timbre of the note or its channel (CC 74), 0..1."),
            modulation("bend", "Pitch wheel, -1..1."),
            modulation("wheel", "Modulation wheel (CC 1), 0..1."),
            modulation("random", "A new value for each note, -1..1."),
            modulation("spread", "Where the voice stands, -1 left to 1 right."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Notes {
            performer: Performer::new(setup.seed, setup.sample_rate),
            held: None,
            still: 0,
            stands: false,
            setup: *setup,
        }
    }

    fn reset(&mut self) {
        self.performer = Performer::new(self.setup.seed, self.setup.sample_rate);
        self.held = None;
    }

    fn carry(&mut self, _: &mut Porter) {}

    #[inline(always)]
    fn held(&self) -> u32 {
        self.still
    }

    #[inline(always)]
    fn stands(&self) -> bool {
        self.stands
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        _: In<'_, V, 0>,
        params: In<'_, V, 17>,
        mut outputs: Out<'_, V, 11>,
    ) {
        (self.still, self.stands) = (0, false);
        if let (Some(held), Some(mode)) = (self.held, params[index::MODE].constant())
            && cx.notes.is_empty()
            && mode.lane(0) == held.mode
        {
            let starts = V::splat(0.0);
            self.stands = self.performer.values.are_still();
            self.write(cx, 0..cx.frames, held.gates, starts, &params, &mut outputs);
        } else {
            self.play(cx, params, outputs);
        }
    }
}

impl<V: Lanes> Notes<V> {
    /// A call in which something happens, which is rare: kept apart, for it would cost every call.
    #[cold]
    #[inline(never)]
    fn play(&mut self, cx: &Cx<'_>, params: In<'_, V, 17>, mut outputs: Out<'_, V, 11>) {
        V::vectorize(
            #[inline(always)]
            || {
                let mode_param = params[index::MODE];
                let mut events = cx.notes.iter().peekable();
                let mut frame = 0;
                while frame < cx.frames {
                    let absolute = cx.position.wrapping_add(frame as u64);
                    self.performer
                        .set_mode(mode(mode_param.at(frame).lane(0)), absolute);
                    // An event beyond the call happens at its end, one out of order at once.
                    let due = |event: &crate::NoteEvent| (event.frame as usize).min(cx.frames - 1);
                    while let Some(event) = events.next_if(|event| due(event) <= frame) {
                        let settings = Settings::at(&params, frame, self.setup.sample_rate);
                        self.performer.take(
                            event,
                            Now {
                                frame: absolute,
                                settings,
                                levels: cx.voice_levels,
                            },
                        );
                    }
                    let settled = self.performer.is_settled();
                    let end = if !settled || mode_param.constant().is_none() {
                        frame + 1
                    } else {
                        events.peek().map_or(cx.frames, |event| due(event))
                    };
                    let (gates, starts) = self.performer.gates();
                    self.write(cx, frame..end, gates, starts, &params, &mut outputs);
                    self.performer.step();
                    frame = end;
                }
                self.held = self.performer.is_settled().then(|| Held {
                    mode: mode_param.at(cx.frames - 1).lane(0),
                    gates: self.performer.gates().0,
                });
            },
        );
    }

    /// Writes frames in which nothing happens but what is under way.
    #[inline(always)]
    fn write(
        &mut self,
        cx: &Cx<'_>,
        range: Range<usize>,
        gates: V,
        starts: V,
        params: &In<'_, V, 17>,
        outputs: &mut Out<'_, V, 11>,
    ) {
        let [
            _,
            _,
            _,
            detune,
            spread,
            _,
            _,
            _,
            octave,
            transpose,
            tune,
            bend_range,
            _,
            _,
            mpe_range,
            _,
            _,
        ] = params;
        let [
            pitch,
            gate,
            trigger,
            velocity,
            release,
            pressure,
            timbre,
            bend,
            wheel,
            random,
            side,
        ] = outputs;
        let wanted = cx.wanted;
        let values = &mut self.performer.values;
        // What is written in parts may move from one to the next.
        let mut still = Still {
            wanted,
            is_whole: range.len() == cx.frames,
            outputs: 0,
        };
        let pitch = part(pitch, &range);
        let bend = part(bend, &range);
        let knobs = [detune, octave, transpose, tune, bend_range, mpe_range];
        if values.pitch_is_still() && knobs.iter().all(|knob| knob.constant().is_some()) {
            let pitches = pitch_at(values, params, range.start);
            still.hold(PITCH, pitch, pitches);
            still.hold(BEND, bend, values.bend.value() + values.finger.value());
        } else if !wanted.has(PITCH) && !wanted.has(BEND) {
            values.skip_pitch(range.len());
        } else {
            for (index, (pitch, bend)) in pitch.iter_mut().zip(bend.iter_mut()).enumerate() {
                *pitch = pitch_at(values, params, range.start + index);
                *bend = values.bend.value() + values.finger.value();
                values.step_pitch();
            }
        }
        still.hold(GATE, part(gate, &range), gates);
        still.hold(TRIGGER, part(trigger, &range), starts);
        let side = part(side, &range);
        still.emit(VELOCITY, &mut values.velocity, part(velocity, &range));
        still.emit(RELEASE, &mut values.release, part(release, &range));
        still.emit(PRESSURE, &mut values.pressure, part(pressure, &range));
        still.emit(TIMBRE, &mut values.timbre, part(timbre, &range));
        still.emit(WHEEL, &mut values.wheel, part(wheel, &range));
        still.emit(RANDOM, &mut values.random, part(random, &range));
        if wanted.has(SIDE) {
            values.place.fill(side);
            let spread = match spread {
                Signal::Constant(spread) => Signal::Constant(*spread),
                Signal::Frames(spread) => Signal::Frames(spread.get(range).unwrap_or_default()),
            };
            scale(side, spread);
        } else {
            values.place.skip(range.len());
        }
        self.still = still.outputs;
    }
}

/// Writes outputs, and remembers which stand still.
struct Still {
    wanted: Wanted,
    /// Whether what is written is the whole call.
    is_whole: bool,
    /// A bit each.
    outputs: u32,
}

impl Still {
    /// Writes frames of an output that are all alike, if somebody reads it.
    #[inline(always)]
    fn hold<V: Lanes>(&mut self, index: usize, out: &mut [V], value: V) {
        if self.wanted.has(index) {
            hold(out, value);
            self.outputs |= u32::from(self.is_whole) << index;
        }
    }

    /// Writes the frames of an output if somebody reads it, and moves its value on past them.
    #[inline(always)]
    fn emit<V: Lanes>(&mut self, index: usize, value: &mut Glide<V>, out: &mut [V]) {
        if value.is_still() {
            self.hold(index, out, value.value());
        } else if self.wanted.has(index) {
            value.fill(out);
        } else {
            value.skip(out.len());
        }
    }
}

/// The frames of an output that a range covers.
#[inline(always)]
fn part<'a, V>(out: &'a mut [V], range: &Range<usize>) -> &'a mut [V] {
    out.get_mut(range.clone()).unwrap_or_default()
}

/// The pitch of every voice: key, bends, tunings and detune.
#[inline(always)]
fn pitch_at<V: Lanes>(values: &Values<V>, params: &In<'_, V, 17>, frame: usize) -> V {
    let [
        _,
        _,
        _,
        detune,
        _,
        _,
        _,
        _,
        octave,
        transpose,
        tune,
        bend_range,
        _,
        _,
        mpe_range,
        _,
        _,
    ] = params;
    let bends =
        values.bend.value() * bend_range.at(frame) + values.finger.value() * mpe_range.at(frame);
    let semitones = bends + values.tuning.value() + transpose.at(frame);
    let cents = detune.at(frame) * values.fan.value() + tune.at(frame);
    values.key.value() + octave.at(frame) + semitones * (1.0 / 12.0) + cents * (1.0 / 1200.0)
}
