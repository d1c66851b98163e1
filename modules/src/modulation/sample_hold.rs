//! Sample and hold, track and hold.

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::edge::{Edges, is_high};
use crate::kit::random::{bipolar, draw, lane_seeds};
use crate::kit::switch::position;
use crate::lanes::{LaneBits, LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, choice, gate, modulation};

const TRACK: usize = 1;
const NOISE: usize = 1;

/// Keeps the value a signal had when a trigger came.
pub struct SampleHold<V: Lanes> {
    held: V,
    trigger: Edges<V>,
    seeds: V::Bits,
    /// Frames so far; numbers the noise.
    count: u32,
}

impl<V: Lanes> Module<V, 2, 2, 1> for SampleHold<V> {
    const SPEC: Spec<2, 2, 1> = Spec {
        id: "sample-hold",
        name: "Sample and hold",
        category: Category::Modulation,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Catches the value of a signal, or of noise, at each trigger.",
        inputs: [
            modulation("in", "What is caught."),
            gate(
                "trigger",
                "Catches when it goes high; while tracking, lets through as long as it is high.",
            ),
        ],
        params: [
            choice(
                "mode",
                &["sample and hold", "track and hold"],
                0,
                "Catch one value at each rise of the trigger, or follow while it is high and hold the last.",
            ),
            choice(
                "source",
                &["input", "noise"],
                0,
                "Catch the input, or noise from -1 to 1.",
            ),
        ],
        outputs: [modulation("out", "The value held.")],
    };

    fn new(setup: &Setup) -> Self {
        SampleHold {
            held: V::splat(0.0),
            trigger: Edges::new(),
            seeds: lane_seeds(setup.seed),
            count: 0,
        }
    }

    fn reset(&mut self) {
        self.held = V::splat(0.0);
        self.trigger = Edges::new();
        self.count = 0;
    }

    fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.held);
        self.trigger.carry(porter);
        porter.bits(&mut self.seeds);
        porter.shared(&mut self.count);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [input, trigger]: In<'_, V, 2>,
        [mode, source]: In<'_, V, 2>,
        [out]: Out<'_, V, 1>,
    ) {
        let turns = self.trigger.turns(trigger, cx.frames);
        for (frame, out) in out.iter_mut().enumerate() {
            let tracks = position(mode.at(frame)) == TRACK;
            if tracks || turns >> frame & 1 == 1 {
                let catches = if tracks {
                    is_high(trigger.at(frame))
                } else {
                    self.trigger.rises_at(trigger, frame)
                };
                let value = if position(source.at(frame)) == NOISE {
                    bipolar(draw(
                        self.seeds,
                        V::Bits::splat(self.count.wrapping_add(frame as u32)),
                    ))
                } else {
                    input.at(frame)
                };
                self.held = catches.select(value, self.held);
            }
            *out = self.held;
        }
        self.trigger.finish(trigger, cx.frames);
        self.count = self.count.wrapping_add(cx.frames as u32);
    }
}
