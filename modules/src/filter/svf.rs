//! The state-variable filter.

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::lanes::Lanes;
use crate::spec::{Category, Spec, Voicing, audio, hz, unit};

/// Placeholder body, replaced below.
pub struct Svf<V: Lanes> {
    low: V,
}

impl<V: Lanes> Module<V, 1, 2, 1> for Svf<V> {
    const SPEC: Spec<1, 2, 1> = Spec {
        id: "svf",
        name: "State-Variable Filter",
        category: Category::Filter,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "x",
        inputs: [audio("in", "Signal to filter.")],
        params: [hz("cutoff", 16.0, 20_000.0, 1_000.0, "Corner."), unit("resonance", 0.0, 1.0, 0.3, "res")],
        outputs: [audio("low", "Low-pass.")],
    };
    fn new(_: &Setup) -> Self {
        Svf { low: V::splat(0.0) }
    }
    fn reset(&mut self) {
        self.low = V::splat(0.0);
    }
    #[inline(always)]
    fn process(&mut self, _: &Cx<'_>, [x]: In<'_, V, 1>, [c, _r]: In<'_, V, 2>, [low]: Out<'_, V, 1>) {
        for (i, o) in low.iter_mut().enumerate() {
            self.low = self.low + (x.at(i) - self.low) * (c.at(i) * 1e-5);
            *o = self.low;
        }
    }
}
