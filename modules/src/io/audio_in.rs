//! The host's audio.

use core::marker::PhantomData;

use crate::contract::{Cx, In, MAX_FRAMES, Module, Out, Setup, Signal};
use crate::kit::gain::scale;
use crate::kit::math::db_to_gain;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
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

    fn carry(&mut self, _: &mut Porter) {}

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        _: In<'_, V, 0>,
        [main, side]: In<'_, V, 2>,
        [left, right, side_left, side_right]: Out<'_, V, 4>,
    ) {
        carry(cx.audio_in[0], main, left);
        carry(cx.audio_in[1], main, right);
        carry(cx.audio_in[2], side, side_left);
        carry(cx.audio_in[3], side, side_right);
    }
}

#[inline(always)]
fn carry<V: Lanes>(heard: &[f32], level: Signal<'_, V>, out: &mut [V]) {
    let mut scratch = [V::splat(0.0); MAX_FRAMES];
    let gain = level.map(
        &mut scratch,
        #[inline(always)]
        |level| {
            level
                .le(V::splat(OFF))
                .select(V::splat(0.0), db_to_gain(level))
        },
    );
    for (out, sample) in out.iter_mut().zip(heard) {
        // Limited so that no gain makes infinity of it.
        *out = V::splat(if sample.is_finite() {
            sample.clamp(-LOUDEST, LOUDEST)
        } else {
            0.0
        });
    }
    if let Some(unheard) = out.get_mut(heard.len()..) {
        unheard.fill(V::splat(0.0));
    }
    scale(out, gain);
}
