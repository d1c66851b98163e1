//! The host's audio.

use core::marker::PhantomData;

use crate::contract::{Cx, In, Module, Out, Setup};
use crate::kit::math::db_to_gain;
use crate::lanes::{LaneMask, Lanes};
use crate::spec::{Category, Spec, Voicing, audio, decibels};

/// The level at which nothing is let in, in decibels.
const OFF: f32 = -60.0;
/// Beyond any sound, and far from infinity.
const LOUDEST: f32 = 1e30;

/// The host's main and sidechain inputs, every lane alike.
///
/// A sample that is no finite number reads as 0, and so does every frame the host does not give.
pub struct AudioIn<V: Lanes>(PhantomData<fn() -> V>);

impl<V: Lanes> Module<V, 0, 2, 4> for AudioIn<V> {
    const SPEC: Spec<0, 2, 4> = Spec {
        id: "audio-in",
        name: "Audio In",
        category: Category::Io,
        version: 1,
        voicing: Voicing::HostInput,
        doc: "Brings the track's audio and the sidechain into the patch.",
        inputs: [],
        params: [
            decibels("gain", OFF, 24.0, 0.0, "Level of the main input."),
            decibels("side-gain", OFF, 24.0, 0.0, "Level of the sidechain."),
        ],
        outputs: [
            audio("left", "Main input, left."),
            audio("right", "Main input, right."),
            audio("side-left", "Sidechain, left."),
            audio("side-right", "Sidechain, right."),
        ],
    };

    fn new(_: &Setup) -> Self {
        AudioIn(PhantomData)
    }

    fn reset(&mut self) {}

    #[inline(always)]
    fn process(&mut self, cx: &Cx<'_>, _: In<'_, V, 0>, [main, side]: In<'_, V, 2>, outputs: Out<'_, V, 4>) {
        let off = V::splat(OFF);
        let gain = |level: V| level.le(off).select(V::splat(0.0), db_to_gain(level));
        let (mut main_scratch, mut side_scratch) = ([V::splat(0.0); crate::MAX_FRAMES], [V::splat(0.0); crate::MAX_FRAMES]);
        let main = main.map(&mut main_scratch, gain);
        let side = side.map(&mut side_scratch, gain);
        for ((out, heard), gain) in outputs.into_iter().zip(cx.audio_in).zip([main, main, side, side]) {
            for (frame, out) in out.iter_mut().enumerate() {
                let sample = heard.get(frame).copied().filter(|sample| sample.is_finite()).unwrap_or(0.0);
                // Limited so that no gain makes infinity of it.
                *out = V::splat(sample.clamp(-LOUDEST, LOUDEST)) * gain.at(frame);
            }
        }
    }
}
