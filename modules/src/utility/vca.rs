//! Amplifier whose level is a knob or a cable.

use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::kit::bend::Bend;
use crate::kit::switch::is_at;
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Silence, Spec, Voicing, audio, choice, unit};

const EXPONENTIAL: u8 = 1;

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
    const BRIEF: bool = true;

    fn new(_: &Setup) -> Self {
        Vca {
            exponential: Bend::new(V::splat(-1.0)),
        }
    }

    fn reset(&mut self) {}

    fn carry(&mut self, _: &mut Porter) {}

    #[inline(always)]
    fn process(
        &mut self,
        _: &Cx<'_>,
        [input]: In<'_, V, 1>,
        [level, response]: In<'_, V, 2>,
        [out]: Out<'_, V, 1>,
    ) {
        match response {
            Signal::Constant(response) if !is_at(response, EXPONENTIAL) => {
                input.multiply(level, out);
            }
            // A call of its own, so that a row of linear ones does not carry it along.
            _ => V::vectorize(
                #[inline(always)]
                move || self.bend(input, [level, response], out),
            ),
        }
    }
}

impl<V: Lanes> Vca<V> {
    /// The level is followed by loudness, in some frames at least.
    #[inline(always)]
    fn bend(&self, input: Signal<'_, V>, [level, response]: In<'_, V, 2>, out: &mut [V]) {
        let exponential = self.exponential;
        if let Signal::Constant(_) = response {
            input.join(
                level,
                out,
                #[inline(always)]
                |input, level| input * exponential.at(level),
            );
            return;
        }
        for (frame, out) in out.iter_mut().enumerate() {
            let level = match level.at(frame) {
                level if is_at(response.at(frame), EXPONENTIAL) => exponential.at(level),
                level => level,
            };
            *out = input.at(frame) * level;
        }
    }
}
