//! The filter where low is all that is read, as nearly always.

use super::response::{
    Damping, GAIN, Ring, Shares, damping_of, drive, integrate, low_pass, low_shares, reach, rooted,
    up_to_root,
};
use super::{Knobs, Svf};
use crate::contract::{MAX_FRAMES, Signal};
use crate::kit::alike::{EIGHTS, alike};
use crate::kit::corner::{Corner, audio_at, copy_audio, eight_of, limited};
use crate::lanes::Lanes;

impl<V: Lanes> Svf<V> {
    /// All frames of a call in which low is all that is read. Of many voices each frame fills a
    /// vector.
    #[inline(always)]
    pub(super) fn low_of_many(
        &mut self,
        input: Signal<'_, V>,
        knobs: Knobs<'_, V>,
        held: Option<(Ring<V>, Shares<V>)>,
        low: &mut [V],
    ) {
        if let Some((ring, shares)) = held {
            let mut last = [self.last.band, self.last.low];
            let mut now = [self.band, self.low];
            let mut inputs = [V::splat(0.0); EIGHT];
            for (eight, low) in low.chunks_mut(EIGHT).enumerate() {
                copy_audio(input, eight * EIGHT, &mut inputs);
                for (low, input) in low.iter_mut().zip(inputs) {
                    last = now;
                    let drive = drive(ring, reach(ring, input), last[1]);
                    now = integrate(ring, drive, last[0], last[1]);
                    *low = low_pass(shares.low, ring, drive, last[0], last[1]);
                }
            }
            [self.band, self.low] = now;
            [self.last.band, self.last.low] = last;
        } else if let Some(damping) = knobs.damping {
            let damping = Damping::of(damping);
            self.low_of_moving(
                input,
                #[inline(always)]
                |frame| (knobs.corner.at(frame), damping),
                low,
            );
        } else if let Some(resonances) = alike(knobs.resonance) {
            self.low_of_many_alike(input, knobs.corner, resonances, low);
        } else {
            self.low_of_moving(
                input,
                #[inline(always)]
                |frame| {
                    let [corner, damping] = knobs.at(frame);
                    (corner, Damping::of(damping))
                },
                low,
            );
        }
    }

    /// As [`Svf::low_of_many`], where a knob moves the resonance of all: what is the same in all lanes is
    /// worked out for eight frames at once.
    #[inline(always)]
    pub(super) fn low_of_many_alike(
        &mut self,
        input: Signal<'_, V>,
        corner: Corner<'_, V>,
        resonances: [V::Wide; EIGHTS],
        low: &mut [V],
    ) {
        let mut dampings = [[0.0; MAX_FRAMES]; 6];
        for (eight, resonances) in resonances.into_iter().enumerate() {
            let parts = Damping::of(damping_of(resonances)).parts();
            for (row, part) in dampings.iter_mut().zip(parts) {
                row.as_chunks_mut::<EIGHT>().0[eight % EIGHTS].copy_from_slice(part.as_slice());
            }
        }
        self.low_of_moving(
            input,
            #[inline(always)]
            |frame| {
                let [half, first, second, third, damped, high] = &dampings;
                let at = frame % MAX_FRAMES;
                let damping = Damping {
                    half: V::splat(half[at]),
                    straight: [
                        V::splat(first[at]),
                        V::splat(second[at]),
                        V::splat(third[at]),
                    ],
                    damped: V::splat(damped[at]),
                    high: V::splat(high[at]),
                };
                (corner.at(frame), damping)
            },
            low,
        );
    }

    /// As [`Svf::low_of_many`], where the corner moves. What leads up to the root is worked out a
    /// frame ahead, so that little waits for it.
    #[inline(always)]
    fn low_of_moving(
        &mut self,
        input: Signal<'_, V>,
        at: impl Fn(usize) -> (V, Damping<V>),
        low: &mut [V],
    ) {
        let mut last = [self.last.band, self.last.low];
        let mut now = [self.band, self.low];
        let mut next = up_to_root(at(0));
        for (frame, low) in low.iter_mut().enumerate() {
            let (mut ring, ratio) = next;
            next = up_to_root(at(frame + 1));
            ring[GAIN] = ring[GAIN].sqrt();
            last = now;
            let drive = drive(ring, reach(ring, audio_at(input, frame)), last[1]);
            now = integrate(ring, drive, last[0], last[1]);
            *low = low_pass(low_shares(ring, ratio), ring, drive, last[0], last[1]);
        }
        [self.band, self.low] = now;
        [self.last.band, self.last.low] = last;
    }

    /// As [`Svf::low_of_many`], of one voice that something moves: eight frames fill a vector.
    #[inline(always)]
    pub(super) fn low_of_one(&mut self, input: Signal<'_, V>, knobs: Knobs<'_, V>, low: &mut [V]) {
        if let Some(damping) = knobs.damping {
            let damping = Damping::of(V::Wide::splat(damping.sum()));
            return self.eights(
                #[inline(always)]
                |eight| turn(knobs.corner.eight(eight), damping, eight_of(input, eight)),
                low,
            );
        }
        self.eights(
            #[inline(always)]
            |eight| {
                let damping = Damping::of(damping_of(eight_of(knobs.resonance, eight)));
                turn(knobs.corner.eight(eight), damping, eight_of(input, eight))
            },
            low,
        );
    }

    /// Low from vectors of eight frames; those past the end of the call lead nowhere. What the
    /// integrators take is worked out while they still go through the eight frames before.
    #[inline(always)]
    fn eights(&mut self, turn: impl Fn(usize) -> Turn<V::Wide>, low: &mut [V]) {
        // Alternately, so that the integrators read what is in memory already.
        let mut turns = [turn(0); 2];
        let mut next = [self.band, self.low];
        let (eights, rest) = low.as_chunks_mut::<EIGHT>();
        let count = eights.len() + usize::from(!rest.is_empty());
        let mut outs = eights.iter_mut();
        for eight in 0..count {
            if eight + 1 < count {
                turns[(eight + 1) % 2] = turn(eight + 1);
            }
            let (ring, ratio, reach) = &turns[eight % 2];
            let (mut bands, mut lows) = ([next[0]; EIGHT + 1], [next[1]; EIGHT + 1]);
            for frame in 0..EIGHT {
                let ring = ring.each_ref().map(
                    #[inline(always)]
                    |row| V::splat(row.lane(frame)),
                );
                let reach = reach.each_ref().map(
                    #[inline(always)]
                    |row| V::splat(row.lane(frame)),
                );
                next = integrate(ring, drive(ring, reach, next[1]), next[0], next[1]);
                (bands[frame + 1], lows[frame + 1]) = (next[0], next[1]);
            }
            let (band, held) = (wide(&bands), wide(&lows));
            let drive = drive(*ring, *reach, held);
            let values = low_pass(low_shares(*ring, *ratio), *ring, drive, band, held);
            let mut last = [bands[EIGHT - 1], lows[EIGHT - 1]];
            if let Some(low) = outs.next() {
                for (frame, low) in low.iter_mut().enumerate() {
                    *low = V::splat(values.lane(frame));
                }
            } else {
                // Every place is named, as one that only turns out at run time has to lie in memory.
                for frame in 0..EIGHT {
                    if let Some(low) = rest.get_mut(frame) {
                        *low = V::splat(values.lane(frame));
                        last = [bands[frame], lows[frame]];
                        next = [bands[frame + 1], lows[frame + 1]];
                    }
                }
            }
            [self.last.band, self.last.low] = last;
        }
        [self.band, self.low] = next;
    }
}

/// How many frames of one voice fill a vector.
const EIGHT: usize = 8;

/// What eight frames of one voice come to before the integrators: the [`rooted`] and the [`reach`].
type Turn<V> = (Ring<V>, [V; 2], [V; 2]);

#[inline(always)]
fn turn<V: Lanes>(corner: V, damping: Damping<V>, input: V) -> Turn<V> {
    let (ring, ratio) = rooted((corner, damping));
    (ring, ratio, reach(ring, limited(input)))
}

/// The first eight frames of one voice in a vector.
#[inline(always)]
fn wide<V: Lanes>(frames: &[V; EIGHT + 1]) -> V::Wide {
    V::Wide::from_fn(
        #[inline(always)]
        |frame| frames[frame % EIGHT].sum(),
    )
}
