//! Ways from 0 to 1 that are straight or bent like the charge of a capacitor.

use crate::kit::math::{exp2_minus_1, exp2_minus_1_within};
use crate::kit::settled::differ;
use crate::lanes::{LaneMask, Lanes};
use crate::porter::Porter;

/// How many octaves a full bend's exponential falls from start to end: 60 dB.
const OCTAVES: f32 = 9.965_784;

/// A way from 0 to 1 with a bend in -1..1.
///
/// At 0 it is straight. At 1 it is the charge of a capacitor that has come within 60 dB of its
/// target, `(1 - 1000^-t) / (1 - 1000^-1)`: fast at first, slow at the end. At -1 it is slow at
/// first. It starts at 0 and ends at 1 whatever the bend.
#[derive(Clone, Copy, Debug)]
pub struct Bend<V> {
    octaves: V,
    norm: V,
}

impl<V: Lanes> Bend<V> {
    /// The way with this bend. Divides once; keep it while the bend does not move.
    #[inline(always)]
    pub fn new(bend: V) -> Self {
        let octaves = bend * -OCTAVES;
        let straight = octaves.abs().le(V::splat(1e-6));
        let zero = V::splat(0.0);
        Bend {
            octaves: straight.select(zero, octaves),
            norm: straight.select(zero, V::splat(1.0) / exp2_minus_1(octaves)),
        }
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.octaves);
        porter.lane(&mut self.norm);
    }

    /// The straight way.
    #[inline(always)]
    pub fn straight() -> Self {
        Bend {
            octaves: V::splat(0.0),
            norm: V::splat(0.0),
        }
    }

    /// Takes this way in the chosen lanes and the other elsewhere.
    #[inline(always)]
    pub fn select(self, lanes: V::Mask, other: Self) -> Self {
        Bend {
            octaves: lanes.select(self.octaves, other.octaves),
            norm: lanes.select(self.norm, other.norm),
        }
    }

    /// Where this way is bent otherwise than another.
    #[inline(always)]
    pub fn differs(self, other: Self) -> V::Mask {
        self.octaves.lt(other.octaves) | self.octaves.gt(other.octaves)
    }

    /// Whether the way is straight in every lane; then [`Bend::at`] gives back what it gets.
    #[inline(always)]
    pub fn is_straight(self) -> bool {
        !self.octaves.abs().gt(V::splat(0.0)).any()
    }

    /// How far the way has come at a share of its time, 0..1.
    #[inline(always)]
    pub fn at(self, time: V) -> V {
        self.bent(time, exp2_minus_1(self.octaves * time))
    }

    /// [`Bend::at`] for what cannot lie far outside 0..1, which is faster.
    #[inline(always)]
    pub fn within(self, time: V) -> V {
        self.bent(time, exp2_minus_1_within(self.octaves * time))
    }

    #[inline(always)]
    fn bent(self, time: V, risen: V) -> V {
        let bent = risen * self.norm;
        self.octaves.abs().gt(V::splat(0.0)).select(bent, time)
    }
}

/// A bend that seldom moves, with its way.
#[derive(Clone, Copy, Debug)]
pub struct Bending<V> {
    bend: V,
    way: Bend<V>,
}

impl<V: Lanes> Bending<V> {
    /// A bend of 0.
    pub fn new() -> Self {
        Bending {
            bend: V::splat(0.0),
            way: Bend::straight(),
        }
    }

    /// See [`crate::contract::Module::carry`].
    pub fn carry(&mut self, porter: &mut Porter) {
        porter.lane(&mut self.bend);
        self.way.carry(porter);
    }

    /// The way with this bend, computed anew only where it has moved.
    #[inline(always)]
    pub fn way(&mut self, bend: V) -> Bend<V> {
        if differ(bend, self.bend) {
            *self = Bending {
                bend,
                way: Bend::new(bend),
            };
        }
        self.way
    }
}

impl<V: Lanes> Default for Bending<V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Eight, Mono};

    type One = Mono<Baseline>;

    #[test]
    fn small_powers_keep_their_precision() {
        for step in -3000..3000 {
            let x = f64::from(step) * 0.01 * f64::from(step).abs().sqrt() * 1e-3;
            let x = x as f32;
            if x == 0.0 {
                continue;
            }
            let got = f64::from(exp2_minus_1(One::splat(x)).lane(0));
            let want = (f64::from(x) * std::f64::consts::LN_2).exp_m1();
            assert!(
                ((got - want) / want).abs() < 1e-6,
                "at {x}: {got} for {want}"
            );
        }
    }

    #[test]
    fn a_bend_that_moves_has_its_own_way() {
        type Wide = Eight<Baseline>;
        let mut bending = Bending::<Wide>::new();
        for bend in [0.0f32, 0.3, 0.3, -1.0, 0.0] {
            let bend = Wide::from_fn(|lane| if lane == 5 { bend } else { 0.1 });
            let (way, want) = (bending.way(bend), Bend::new(bend));
            assert!(!way.differs(want).any());
            let half = Wide::splat(0.5);
            assert_eq!(way.at(half).lane(5), want.at(half).lane(5));
        }
        let (bent, straight) = (Bend::new(Wide::splat(0.3)), Bend::straight());
        assert!(bent.differs(straight).all() && straight.differs(bent).all());
    }

    #[test]
    fn bends_follow_their_closed_form() {
        for bend in [-1.0f32, -0.5, -1e-4, 0.0, 1e-7, 1e-4, 0.3, 1.0] {
            let way = Bend::new(One::splat(bend));
            let k = f64::from(bend) * 1000f64.ln();
            for step in 0..=1000 {
                let time = step as f32 / 1000.0;
                let t = f64::from(time);
                let want = if k.abs() < 1e-5 {
                    t
                } else {
                    (-k * t).exp_m1() / (-k).exp_m1()
                };
                let got = f64::from(way.at(One::splat(time)).lane(0));
                assert!(
                    (got - want).abs() < 2e-6,
                    "bend {bend} at {t}: {got} for {want}"
                );
            }
        }
        assert!(
            Bend::new(One::splat(0.0)).is_straight() && !Bend::new(One::splat(0.01)).is_straight()
        );
    }
}
