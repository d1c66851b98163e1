//! Gain and offset.

use core::marker::PhantomData;

use crate::contract::{Cx, In, Module, Out, Setup, Signal};
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Spec, Voicing, modulation, number};

/// Multiplies a signal and adds to it.
pub struct Scale<V> {
    lanes: PhantomData<V>,
}

impl<V: Lanes> Module<V, 1, 2, 1> for Scale<V> {
    const SPEC: Spec<1, 2, 1> = Spec {
        id: "scale",
        name: "Scale",
        category: Category::Utility,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Stretches, turns over and shifts a signal: in times gain, plus offset.",
        inputs: [modulation(
            "in",
            "Signal to scale; without a cable the offset alone comes out.",
        )],
        params: [
            number(
                "gain",
                -4.0,
                4.0,
                1.0,
                "What the signal is multiplied by; below 0 it is turned over.",
            ),
            number("offset", -4.0, 4.0, 0.0, "What is added after the gain."),
        ],
        outputs: [modulation("out", "The scaled signal.")],
    };
    const BRIEF: bool = true;

    fn new(_: &Setup) -> Self {
        Scale { lanes: PhantomData }
    }

    fn reset(&mut self) {}

    fn carry(&mut self, _: &mut Porter) {}

    #[inline(always)]
    fn process(
        &mut self,
        _: &Cx<'_>,
        [input]: In<'_, V, 1>,
        [gain, offset]: In<'_, V, 2>,
        [out]: Out<'_, V, 1>,
    ) {
        if let Signal::Constant(offset) = offset {
            input.join(
                gain,
                out,
                #[inline(always)]
                |input, gain| input.mul_add(gain, offset),
            );
            return;
        }
        for (frame, out) in out.iter_mut().enumerate() {
            *out = input.at(frame).mul_add(gain.at(frame), offset.at(frame));
        }
    }
}
