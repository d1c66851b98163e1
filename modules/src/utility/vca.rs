//! Amplifier whose level is a knob or a cable.

use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::bend::Bend;
use crate::kit::switch::{from, position, stretches};
use crate::lanes::Lanes;
use crate::spec::{Category, Silence, Spec, Voicing, audio, choice, unit};

const EXPONENTIAL: usize = 1;

/// Multiplies a signal by a level.
///
/// The level is 0 until something opens it, so that an envelope alone decides what is heard. The
/// exponential response is `(1000^level - 1) / 999`: even steps of level are nearly even steps of
/// loudness over 60 dB, and 0 is silence.
pub struct Vca<V: Lanes> {
    exponential: Bend<V>,
}

impl<V: Lanes> Module<V, 1, 2, 1> for Vca<V> {
    const SPEC: Spec<1, 2, 1> = Spec {
        id: "vca",
        name: "VCA",
        category: Category::Utility,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Makes a signal louder and softer. Closed until its level is turned up or an envelope opens it.",
        inputs: [audio("in", "Signal to pass.")],
        params: [
            unit(
                "level",
                0.0,
                1.0,
                0.0,
                "How much passes: 0 is silence, 100 % the whole signal.",
            ),
            choice(
                "response",
                &["linear", "exponential"],
                0,
                "Linear follows the level as it is; exponential follows it by loudness.",
            ),
        ],
        outputs: [audio("out", "The signal at its level.")],
    };
    const SILENCE: Silence = Silence::Any(&["in", "level"]);

    fn new(_: &Setup) -> Self {
        Vca {
            exponential: Bend::new(V::splat(-1.0)),
        }
    }

    fn reset(&mut self) {}

    #[inline(always)]
    fn process(
        &mut self,
        _: &Cx<'_>,
        [input]: In<'_, V, 1>,
        [level, response]: In<'_, V, 2>,
        [out]: Out<'_, V, 1>,
    ) {
        match response {
            Signal::Constant(response) => self.run(position(response), input, level, out),
            Signal::Frames(_) => self.switch(response, input, level, out),
        }
    }
}

impl<V: Lanes> Vca<V> {
    /// A call in which the response may move, which is rare: kept apart, for it would cost every call.
    #[cold]
    #[inline(never)]
    fn switch(
        &self,
        response: Signal<'_, V>,
        input: Signal<'_, V>,
        level: Signal<'_, V>,
        out: &mut [V],
    ) {
        V::vectorize(
            #[inline(always)]
            || {
                for (stretch, response) in stretches(response, out.len()) {
                    let (input, level) = (from(input, stretch.start), from(level, stretch.start));
                    self.run(response, input, level, &mut out[stretch]);
                }
            },
        );
    }

    #[inline(always)]
    fn run(&self, response: usize, input: Signal<'_, V>, level: Signal<'_, V>, out: &mut [V]) {
        if response == EXPONENTIAL {
            let exponential = self.exponential;
            input.join(
                level,
                out,
                #[inline(always)]
                |input, level| input * exponential.at(level),
            );
        } else {
            input.join(
                level,
                out,
                #[inline(always)]
                |input, level| input * level,
            );
        }
    }
}
