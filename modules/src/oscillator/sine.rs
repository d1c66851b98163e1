//! A sine wave.

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::math::{exp2, sin_turns, MIDDLE_C};
use crate::lanes::{LaneBits, Lanes};
use crate::spec::{Category, Spec, Voicing, audio, cents, modulation, octaves, phase};

/// Sine oscillator with phase modulation.
pub struct Sine<V: Lanes> {
    phase: V::Bits,
    sample_period: f32,
}

impl<V: Lanes> Module<V, 1, 3, 1> for Sine<V> {
    const SPEC: Spec<1, 3, 1> = Spec {
        id: "sine",
        name: "Sine",
        category: Category::Oscillator,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "A pure tone.",
        inputs: [modulation("phase-mod", "Shifts the phase; 1 is a whole turn.")],
        params: [
            octaves("pitch", -6.0, 6.0, 0.0, "Pitch in octaves from middle C."),
            cents("fine", -100.0, 100.0, 0.0, "Fine tuning."),
            phase("phase", 0.0, "Where in its cycle the wave starts."),
        ],
        outputs: [audio("out", "The wave.")],
    };

    fn new(setup: &Setup) -> Self {
        Sine { phase: V::Bits::splat(0), sample_period: 1.0 / setup.sample_rate }
    }

    fn reset(&mut self) {
        self.phase = V::Bits::splat(0);
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        [phase_mod]: In<'_, V, 1>,
        [pitch, fine, start]: In<'_, V, 3>,
        [out]: Out<'_, V, 1>,
    ) {
        let mut scratch = [V::splat(0.0); crate::MAX_FRAMES];
        let scale = MIDDLE_C * self.sample_period;
        let steps = pitch.map_with(fine, &mut scratch, cx.frames, |pitch, fine| {
            (exp2(pitch + fine * (1.0 / 1200.0)) * scale).min(V::splat(0.5))
        });
        for (frame, out) in out.iter_mut().enumerate() {
            *out = sin_turns(V::from_phase(self.phase) + start.at(frame) + phase_mod.at(frame));
            self.phase = self.phase.wrapping_add(steps.at(frame).to_phase());
        }
    }
}
