//! A whole patch gives way to another: both play side by side while they crossfade, and what rings in
//! the old one rings out.

use std::f32::consts::FRAC_PI_2;

use weft_modules::routing::Ramp;
use weft_modules::spec::Category;
use weft_modules::{Cx, MAX_FRAMES, NoteEvent, NoteKind, Voicing};

use super::compile::{Fresh, Recipe, places};
use super::graph::{Fade, Graph, Target, Unit};
use super::loads::LoadBoard;
use super::moves::Move;
use super::params::Changes;
use super::plan::Plan;
use super::splice::smootherstep;
use super::voices::NoteQueue;

/// Whether a replaced patch is still heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Sounding,
    Over,
}

/// Below this a tail is silence: -100 dB.
const INAUDIBLE: f32 = 1e-5;
/// Seconds of silence after which a tail is over. A delay may be silent between echoes for longer
/// than this only where it is nearly silent anyway.
const PATIENCE: f32 = 4.5;
/// Seconds in which a tail that must end fades.
const ENDING: f32 = 0.05;

/// The new plan, and one on which the old patch says farewell: its voices are released, what sounds
/// without end fades, effects ring out.
pub(super) struct Replacement {
    plan: Box<Plan>,
    farewell: Box<Plan>,
    into_farewell: Box<[Move]>,
    release: NoteQueue,
    changes: Changes,
    fade: u32,
    tail: u32,
    patience: u32,
    ending: u32,
    age: u32,
    silent: u32,
    ending_for: Option<u32>,
}

/// How a whole patch is replaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Manner {
    /// Frames of the crossfade.
    pub(super) fade: u32,
    /// Frames the old patch may ring after it.
    pub(super) tail: u32,
}

impl Replacement {
    /// Makes both plans. `live` and `live_units` are what plays now.
    pub(super) fn compile(
        (live, live_units): (&Graph, &[Unit]),
        (next, next_units): (&Graph, &[Unit]),
        sample_rate: f32,
        manner: Manner,
    ) -> Replacement {
        let recipe = |graph, fresh| Recipe {
            sample_rate,
            fresh,
            ..Recipe::of(graph)
        };
        let plan = recipe(next, Fresh::All).build(next_units);
        let farewell = recipe(&parting(live, live_units), Fresh::Nobody).build(live_units);
        let into_farewell = places(live_units).into_iter();
        let into_farewell = Move::join(into_farewell.map(|place| (place, place)).collect());
        let mut release = NoteQueue::new();
        for channel in 0..16 {
            for number in [SUSTAIN, ALL_NOTES_OFF] {
                release.push(NoteEvent {
                    frame: 0,
                    channel,
                    kind: NoteKind::Control { number, value: 0.0 },
                });
            }
        }
        let frames = |seconds: f32| (seconds * plan.sample_rate()) as u32;
        Replacement {
            into_farewell,
            release,
            changes: Changes::new(),
            fade: manner.fade.max(1),
            tail: manner.tail,
            patience: frames(PATIENCE),
            ending: frames(ENDING).max(1),
            age: 0,
            silent: 0,
            ending_for: None,
            plan: Box::new(plan),
            farewell: Box::new(farewell),
        }
    }

    /// Has what is made measure its modules here.
    pub(super) fn counting_loads(mut self, on: &LoadBoard) -> Replacement {
        self.plan.loads = on.clone();
        self
    }

    /// Makes the new plan live and takes the old patch in.
    ///
    /// Realtime safety: yes.
    pub(super) fn begin(&mut self, live: &mut Box<Plan>) {
        live.hand_over(&mut self.farewell, &self.into_farewell);
        std::mem::swap(live, &mut self.plan);
    }

    /// Lets the old patch end soon.
    ///
    /// Realtime safety: yes.
    pub(super) fn end(&mut self) {
        self.ending_for.get_or_insert(0);
    }

    /// How loud the new patch is in a frame from now: the sine of an equal-power crossfade.
    pub(super) fn arrival(&self, frame: usize) -> f32 {
        (self.progress(frame) * FRAC_PI_2).sin()
    }

    fn progress(&self, frame: usize) -> f32 {
        smootherstep((self.age as usize + frame + 1) as f32 / self.fade as f32)
    }

    /// Whether the crossfade still goes on.
    pub(super) fn is_fading(&self) -> bool {
        self.age < self.fade
    }

    /// Plays the old patch on.
    ///
    /// Realtime safety: yes.
    pub(super) fn run(&mut self, cx: &Cx<'_>, onto: &mut [&mut [f32]; 2]) -> Stage {
        let frames = cx.frames.min(MAX_FRAMES);
        let mut ramp = [1.0; MAX_FRAMES];
        for (frame, value) in ramp.iter_mut().enumerate().take(frames) {
            *value = 1.0 - (self.progress(frame) * FRAC_PI_2).cos();
        }
        let mut cx = Cx {
            notes: self.release.events(),
            ..*cx
        };
        let mut heard = [[0.0; MAX_FRAMES]; 2];
        let [left, right] = &mut heard;
        let mut into = [
            left.get_mut(..frames).unwrap_or_default(),
            right.get_mut(..frames).unwrap_or_default(),
        ];
        self.farewell
            .run(&mut cx, &self.changes, Ramp::Moving(&ramp), &mut into);
        self.release.clear();

        if self.age >= self.fade.saturating_add(self.tail) {
            self.end();
        }
        let fading = self.ending_for;
        let gain = |frame: usize| {
            fading.map_or(1.0, |since| {
                1.0 - smootherstep((since as usize + frame + 1) as f32 / self.ending as f32)
            })
        };
        let mut loudest = 0.0f32;
        for (heard, onto) in heard.iter().zip(onto) {
            for (frame, (heard, onto)) in heard.iter().zip(onto.iter_mut()).enumerate() {
                loudest = loudest.max(heard.abs());
                *onto += heard * gain(frame);
            }
        }
        let frames = frames as u32;
        self.age = self.age.saturating_add(frames);
        self.silent = if loudest > INAUDIBLE {
            0
        } else {
            self.silent.saturating_add(frames)
        };
        self.ending_for = fading.map(|since| since.saturating_add(frames));
        let faded = self.ending_for.is_some_and(|since| since >= self.ending);
        let rung_out = !self.is_fading() && self.silent >= self.patience;
        if faded || rung_out {
            Stage::Over
        } else {
            Stage::Sounding
        }
    }
}

/// MIDI controller numbers.
const SUSTAIN: u8 = 64;
const ALL_NOTES_OFF: u8 = 123;

/// The graph on which a patch says farewell: cables fade out where sound without end would reach the
/// host or an effect. Voices end by themselves once they are released, and effects ring.
fn parting(live: &Graph, units: &[Unit]) -> Graph {
    let mut graph = live.clone();
    // The host moves the knobs of the new patch only.
    graph.slots.clear();
    let mut rings: Vec<bool> = graph
        .nodes
        .iter()
        .map(|node| !node.sources.is_empty() || node.entry.spec.category == Category::Effect)
        .collect();
    for unit in units {
        for _ in unit.members() {
            for wire in graph
                .wires
                .iter()
                .filter(|wire| unit.members().contains(&wire.to))
            {
                rings[wire.to] |= rings[wire.from] && matches!(wire.target, Target::Input(_));
            }
        }
    }
    for wire in &mut graph.wires {
        let to = &graph.nodes[wire.to];
        let is_last = to.sources.is_empty()
            && (rings[wire.to] || to.entry.spec.voicing == Voicing::HostOutput);
        if is_last && !rings[wire.from] && matches!(wire.target, Target::Input(_)) {
            wire.fade = Fade {
                start: wire.fade.gain,
                gain: 0.0,
            };
        }
    }
    graph
}
