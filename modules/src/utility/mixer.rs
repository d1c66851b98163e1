//! Six-channel mixer.

use core::marker::PhantomData;

use crate::contract::{Cx, In, Module, Out, Setup, Signal, Wanted};
use crate::kit::gain::add_scaled;
use crate::kit::math::{cos_turns, db_to_gain, sin_turns};
use crate::kit::switch::is_on;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;
use crate::spec::{Category, ParamSpec, Silence, Spec, Voicing, audio, decibels, toggle, unit};

const CHANNELS: usize = 6;
/// The lowest level, which is silence.
const SILENCE: f32 = -60.0;
/// Seconds a mute takes, so that it does not click.
const MUTE_TIME: f32 = 0.005;

const fn level(id: &'static str, doc: &'static str) -> ParamSpec {
    decibels(id, SILENCE, 12.0, 0.0, doc)
}
const fn pan(id: &'static str, doc: &'static str) -> ParamSpec {
    unit(id, -1.0, 1.0, 0.0, doc)
}

/// Sums signals, in mono and panned.
///
/// Panning is of equal power: a quarter circle from left to right, 3 dB down on either side in the
/// middle.
pub struct Mixer<V> {
    lanes: PhantomData<V>,
    /// How far each channel is open; `None` before the first frame, when mutes act at once.
    open: [Option<f32>; CHANNELS],
    mute_step: f32,
}

#[inline(always)]
fn gain<V: Lanes>(decibels: V) -> V {
    let gain = db_to_gain(decibels);
    decibels.gt(V::splat(SILENCE)).select(gain, V::splat(0.0))
}

impl<V: Lanes> Module<V, 6, 19, 3> for Mixer<V> {
    const SPEC: Spec<6, 19, 3> = Spec {
        id: "mixer",
        name: "Mixer",
        category: Category::Utility,
        version: 1,
        voicing: Voicing::PerVoice,
        doc: "Sums six signals, each with level, pan and mute.",
        inputs: [
            audio("in-1", "Channel 1."),
            audio("in-2", "Channel 2."),
            audio("in-3", "Channel 3."),
            audio("in-4", "Channel 4."),
            audio("in-5", "Channel 5."),
            audio("in-6", "Channel 6."),
        ],
        params: [
            level("level", "Level of the whole mix; lowest is silence."),
            level("level-1", "Level of channel 1; lowest is silence."),
            level("level-2", "Level of channel 2; lowest is silence."),
            level("level-3", "Level of channel 3; lowest is silence."),
            level("level-4", "Level of channel 4; lowest is silence."),
            level("level-5", "Level of channel 5; lowest is silence."),
            level("level-6", "Level of channel 6; lowest is silence."),
            pan(
                "pan-1",
                "Place of channel 1 between left (-100 %) and right.",
            ),
            pan(
                "pan-2",
                "Place of channel 2 between left (-100 %) and right.",
            ),
            pan(
                "pan-3",
                "Place of channel 3 between left (-100 %) and right.",
            ),
            pan(
                "pan-4",
                "Place of channel 4 between left (-100 %) and right.",
            ),
            pan(
                "pan-5",
                "Place of channel 5 between left (-100 %) and right.",
            ),
            pan(
                "pan-6",
                "Place of channel 6 between left (-100 %) and right.",
            ),
            toggle("mute-1", false, "Silences channel 1."),
            toggle("mute-2", false, "Silences channel 2."),
            toggle("mute-3", false, "Silences channel 3."),
            toggle("mute-4", false, "Silences channel 4."),
            toggle("mute-5", false, "Silences channel 5."),
            toggle("mute-6", false, "Silences channel 6."),
        ],
        outputs: [
            audio("out", "The sum, without panning."),
            audio("left", "Left side of the panned mix."),
            audio("right", "Right side of the panned mix."),
        ],
    };
    const SILENCE: Silence = Silence::All(&["in-1", "in-2", "in-3", "in-4", "in-5", "in-6"]);

    fn new(setup: &Setup) -> Self {
        Mixer {
            lanes: PhantomData,
            open: [None; CHANNELS],
            mute_step: 1.0 / (MUTE_TIME * setup.sample_rate),
        }
    }

    fn reset(&mut self) {
        self.open = [None; CHANNELS];
    }

    fn carry(&mut self, porter: &mut Porter) {
        for open in &mut self.open {
            porter.shared(open);
        }
    }

    #[inline(always)]
    fn process(
        &mut self,
        cx: &Cx<'_>,
        inputs: In<'_, V, 6>,
        [master, params @ ..]: In<'_, V, 19>,
        [out, left, right]: Out<'_, V, 3>,
    ) {
        let wanted = cx.wanted;
        let mut outputs = [out, left, right];
        // Nothing stands in the outputs yet.
        let mut empty = true;
        for (channel, open) in self.open.iter_mut().enumerate() {
            let (input, level) = (inputs[channel], params[channel]);
            let (pan, mute) = (params[CHANNELS + channel], params[2 * CHANNELS + channel]);
            let unheard = input
                .constant()
                .is_some_and(|input| !input.abs().gt(V::splat(0.0)).any());
            if let (Some(level), Some(master), Some(pan), Some(open)) = (
                level.constant(),
                master.constant(),
                pan.constant(),
                settled(open, mute),
            ) {
                if !unheard {
                    let gains = gains(level, master, pan, V::splat(open), wanted);
                    for (index, (out, gain)) in outputs.iter_mut().zip(gains).enumerate() {
                        if wanted.has(index) {
                            add(out, input, gain, empty);
                        }
                    }
                    empty = false;
                }
                continue;
            }
            if empty && !unheard {
                outputs.iter_mut().for_each(
                    #[inline(always)]
                    |out| out.fill(V::splat(0.0)),
                );
                empty = false;
            }
            for frame in 0..cx.frames {
                let open = V::splat(fade(open, mute.at(frame), self.mute_step));
                if !unheard {
                    let (level, master) = (level.at(frame), master.at(frame));
                    let gains = gains(level, master, pan.at(frame), open, wanted);
                    let sound = input.at(frame);
                    for (out, gain) in outputs.iter_mut().zip(gains) {
                        out[frame] = sound.mul_add(gain, out[frame]);
                    }
                }
            }
        }
        if empty {
            outputs.iter_mut().for_each(
                #[inline(always)]
                |out| out.fill(V::splat(0.0)),
            );
        }
    }
}

/// Adds a channel to an output, or begins the output with it.
#[inline(always)]
fn add<V: Lanes>(out: &mut [V], input: Signal<'_, V>, gain: V, begin: bool) {
    if begin {
        input.join(
            Signal::Constant(gain),
            out,
            #[inline(always)]
            |input, gain| input.mul_add(gain, V::splat(0.0)),
        );
    } else {
        add_scaled(out, input, gain);
    }
}

/// What a channel is multiplied by on its way to the sum, to the left and to the right, as far as
/// they are wanted.
#[inline(always)]
fn gains<V: Lanes>(level: V, master: V, pan: V, open: V, wanted: Wanted) -> [V; 3] {
    let sum = gain(level) * gain(master) * open;
    if !wanted.has(1) && !wanted.has(2) {
        return [sum, V::splat(0.0), V::splat(0.0)];
    }
    let eighth = (pan + 1.0) * 0.125;
    [sum, sum * cos_turns(eighth), sum * sin_turns(eighth)]
}

#[inline(always)]
fn open_for(muted: bool) -> f32 {
    if muted { 0.0 } else { 1.0 }
}

/// How far a channel is open throughout the call, if its mute does not move.
#[inline(always)]
fn settled<V: Lanes>(open: &mut Option<f32>, mute: Signal<'_, V>) -> Option<f32> {
    let target = open_for(is_on(mute.constant()?));
    let now = *open.get_or_insert(target);
    (now == target).then_some(now)
}

/// How far a channel is open in its next frame.
#[inline(always)]
fn fade<V: Lanes>(open: &mut Option<f32>, mute: V, step: f32) -> f32 {
    let target = open_for(is_on(mute));
    let last = open.unwrap_or(target);
    let now = (last + (target - last).clamp(-step, step)).clamp(0.0, 1.0);
    *open = Some(now);
    now
}
