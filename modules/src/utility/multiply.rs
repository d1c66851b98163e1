//! Ring modulation.

use core::marker::PhantomData;

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::gain::scale;
use crate::lanes::Lanes;
use crate::porter::Porter;
use crate::spec::{Category, Silence, Spec, Voicing, audio, unit};

/// Multiplies two signals.
///
/// The product is exact and comes at once, so that it also serves gates and envelopes. Two sounds
/// give the sums and differences of their frequencies; sums above half the sample rate fold back.
pub struct Multiply<V> {
    lanes: PhantomData<V>,
}

impl<V: Lanes> Module<V, 2, 1, 1> for Multiply<V> {
    const SPEC: Spec<2, 1, 1> = Spec {
        id: "multiply",
        name: "Multiply",
        category: Category::Utility,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Multiplies two signals: a ring modulator for sounds, a gate or scaler for movement.",
        inputs: [
            audio("a", "One signal."),
            audio("b", "The other; without a cable nothing comes out."),
        ],
        params: [unit(
            "amount",
            0.0,
            1.0,
            1.0,
            "From signal a unchanged, over amplitude modulation at 50 %, to the pure product.",
        )],
        outputs: [audio("out", "The product.")],
    };
    const SILENCE: Silence = Silence::All(&["a"]);
    const BRIEF: bool = true;

    fn new(_: &Setup) -> Self {
        Multiply { lanes: PhantomData }
    }

    fn reset(&mut self) {}

    fn carry(&mut self, _: &mut Porter) {}

    #[inline(always)]
    fn process(
        &mut self,
        _: &Cx<'_>,
        [a, b]: In<'_, V, 2>,
        [amount]: In<'_, V, 1>,
        [out]: Out<'_, V, 1>,
    ) {
        let one = V::splat(1.0);
        b.join(
            amount,
            out,
            #[inline(always)]
            |b, amount| b.mul_add(amount, one - amount),
        );
        scale(out, a);
    }
}
