//! Musical time as gates and triggers.

use crate::contract::{Cx, In, MAX_LANES, Module, Out, Setup};
use crate::kit::beats::{DIVISIONS, cycles, division};
use crate::kit::edge::{Edges, is_high};
use crate::kit::switch::{is_on, position};
use crate::lanes::{LaneMask, Lanes};
use crate::porter::{Carried, Porter};
use crate::spec::{
    Category, Spec, Unit, Voicing, choice, gate, int, modulation, number, toggle, unit,
};

/// Pulses on the host's grid or at a tempo of its own.
///
/// Locked, every pulse is derived from the host's beat at its frame, never counted on from the last
/// one: tempo changes, loops and jumps leave no error behind. A pulse starts on the first frame on
/// or after its grid line. A jump into the middle of a step gives no pulse; the next line does.
pub struct Clock<V: Lanes> {
    voices: [Voice; MAX_LANES],
    reset: Edges<V>,
    minutes_per_frame: f64,
}

#[derive(Clone, Copy, Default)]
struct Voice {
    /// Quarter notes run through while not locked.
    free: f64,
    /// The host's beat at the last reset.
    origin: f64,
    /// What was seen one frame ago, if the clock ran.
    seen: Option<Seen>,
    open: bool,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    beat: f64,
    advance: f64,
    step: f64,
    bar: f64,
}

impl Carried for Voice {
    fn carry(&mut self, exchange: &mut impl FnMut(u64) -> u64) {
        let Voice {
            free,
            origin,
            seen,
            open,
        } = self;
        free.carry(exchange);
        origin.carry(exchange);
        seen.carry(exchange);
        open.carry(exchange);
    }
}

impl Carried for Seen {
    fn carry(&mut self, exchange: &mut impl FnMut(u64) -> u64) {
        let Seen {
            beat,
            advance,
            step,
            bar,
        } = self;
        for value in [beat, advance, step, bar] {
            value.carry(exchange);
        }
    }
}

/// One grid line and the way from it to the next.
struct Step {
    number: f64,
    /// Quarter notes.
    length: f64,
    /// Share of the step that has passed.
    passed: f64,
}

impl Step {
    /// The step at a beat. With swing the even steps take that share of each pair of steps.
    #[inline(always)]
    fn at(beat: f64, division: usize, swing: f64) -> Step {
        let pairs = cycles(division, beat) * 0.5;
        let pair = pairs.floor();
        let within = pairs - pair;
        let pair_length = crate::kit::beats::quarters(division) * 2.0;
        if within < swing {
            Step {
                number: pair * 2.0,
                length: pair_length * swing,
                passed: within / swing,
            }
        } else {
            let rest = 1.0 - swing;
            Step {
                number: pair * 2.0 + 1.0,
                length: pair_length * rest,
                passed: (within - swing) / rest,
            }
        }
    }
}

/// Whether a line was reached in this frame: it lies less than a frame back (or so, for the tempo
/// may just have changed), and was not seen before.
#[inline(always)]
fn reached(
    since_line: f64,
    number: f64,
    seen: Option<(f64, f64, f64)>,
    beat: f64,
    advance: f64,
) -> bool {
    match seen {
        Some((last_number, last_beat, last_advance)) => {
            since_line < 1.5 * advance.max(last_advance)
                && !(number == last_number && beat >= last_beat)
        }
        None => since_line < advance,
    }
}

/// What a voice gives in one frame.
#[derive(Default)]
struct Pulse {
    gate: bool,
    trigger: bool,
    bar: bool,
    ramp: f32,
}

impl Voice {
    #[inline(always)]
    fn tick(
        &mut self,
        beat: f64,
        advance: f64,
        division: usize,
        swing: f64,
        length: f64,
        bars: f64,
    ) -> Pulse {
        let step = Step::at(beat, division, swing);
        let bar = cycles(BAR, beat) / bars;
        let bar_number = bar.floor();
        let seen = self.seen;
        let trigger = reached(
            step.passed * step.length,
            step.number,
            seen.map(|seen| (seen.step, seen.beat, seen.advance)),
            beat,
            advance,
        );
        let bar = reached(
            (bar - bar_number) * bars * 4.0,
            bar_number,
            seen.map(|seen| (seen.bar, seen.beat, seen.advance)),
            beat,
            advance,
        );
        let jumped = seen.is_none_or(|seen| seen.step != step.number || beat < seen.beat);
        self.open = trigger || (self.open && !jumped);
        self.seen = Some(Seen {
            beat,
            advance,
            step: step.number,
            bar: bar_number,
        });
        // The last frame of a step is low however long the gate, so that the next one is a rise.
        let within = step.passed < length && (1.0 - step.passed) * step.length > advance;
        Pulse {
            gate: trigger || (self.open && within),
            trigger,
            bar,
            ramp: step.passed as f32,
        }
    }
}

const BAR: usize = division("1 bar");

impl<V: Lanes> Module<V, 2, 7, 4> for Clock<V> {
    const SPEC: Spec<2, 7, 4> = Spec {
        id: "clock",
        name: "Clock",
        category: Category::Modulation,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Pulses in time with the song, or at a tempo of its own. It runs on while the song stands still.",
        inputs: [
            gate(
                "reset",
                "Starts counting anew: a pulse comes at once, and the grid moves here.",
            ),
            gate("stop", "Silences the clock while high."),
        ],
        params: [
            toggle(
                "sync",
                true,
                "Keeps time with the song instead of the tempo below.",
            ),
            number(
                "tempo",
                20.0,
                400.0,
                120.0,
                "Quarter notes a minute while sync is off.",
            )
            .measured_in(Unit::Tempo),
            choice(
                "division",
                DIVISIONS,
                division("1/16"),
                "Time from pulse to pulse.",
            ),
            unit(
                "swing",
                0.5,
                0.75,
                0.5,
                "Share of each pair of steps that the first takes; 50 % is straight.",
            ),
            unit(
                "gate-length",
                0.01,
                1.0,
                0.5,
                "Share of each step that the gate is high.",
            ),
            int(
                "bars",
                1,
                16,
                1,
                "Bars of four quarter notes from one bar pulse to the next.",
            ),
            toggle("play-only", false, "Runs only while the song plays."),
        ],
        outputs: [
            gate("gate", "High from each pulse for the gate length."),
            gate("trigger", "A trigger at each pulse."),
            gate(
                "bar",
                "A trigger at each bar, or every few; patch it to a sequencer's reset.",
            ),
            modulation("ramp", "Rises from 0 to 1 between pulses."),
        ],
    };

    fn new(setup: &Setup) -> Self {
        Clock {
            voices: [Voice::default(); MAX_LANES],
            reset: Edges::new(),
            minutes_per_frame: 1.0 / (60.0 * f64::from(setup.sample_rate)),
        }
    }

    fn reset(&mut self) {
        self.voices = [Voice::default(); MAX_LANES];
        self.reset = Edges::new();
    }

    fn carry(&mut self, porter: &mut Porter) {
        if let Some(voice) = self.voices.get_mut(porter.lane_index()) {
            porter.own(voice);
        }
        self.reset.carry(porter);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [reset, stop]: In<'_, V, 2>,
        [sync, tempo, division, swing, gate_length, bars, play_only]: In<'_, V, 7>,
        [gate, trigger, bar, ramp]: Out<'_, V, 4>,
    ) {
        let turns = self.reset.turns(reset, cx.frames);
        for frame in 0..cx.frames {
            let locked = is_on(sync.at(frame));
            let silent = is_on(play_only.at(frame)) && !cx.transport.playing;
            let division = position(division.at(frame));
            let bars = f64::from(bars.at(frame).lane(0)).max(1.0);
            let beat = cx.beat(frame);
            let resets = if turns >> frame & 1 == 1 {
                self.reset.rises_at(reset, frame)
            } else {
                V::Mask::splat(false)
            };
            let stops = is_high(stop.at(frame));
            let (tempo, swing, gate_length) =
                (tempo.at(frame), swing.at(frame), gate_length.at(frame));
            for (lane, voice) in self.voices.iter_mut().take(V::COUNT).enumerate() {
                if resets.lane(lane) {
                    voice.free = 0.0;
                    voice.origin = beat;
                    voice.seen = None;
                }
                let own_advance = f64::from(tempo.lane(lane)) * self.minutes_per_frame;
                let (place, advance) = if locked {
                    (beat - voice.origin, cx.transport.beats_per_frame)
                } else {
                    (voice.free, own_advance)
                };
                let pulse = if silent || stops.lane(lane) {
                    voice.open = false;
                    voice.seen = None;
                    Pulse::default()
                } else {
                    voice.free += own_advance;
                    let (swing, length) = (
                        f64::from(swing.lane(lane)),
                        f64::from(gate_length.lane(lane)),
                    );
                    voice.tick(place, advance, division, swing, length, bars)
                };
                let level = |high: bool| if high { 1.0 } else { 0.0 };
                gate[frame].set_lane(lane, level(pulse.gate));
                trigger[frame].set_lane(lane, level(pulse.trigger));
                bar[frame].set_lane(lane, level(pulse.bar));
                ramp[frame].set_lane(lane, pulse.ramp);
            }
        }
        self.reset.finish(reset, cx.frames);
    }
}
