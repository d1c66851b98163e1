//! Random numbers that are a function of seed, lane and count, so they repeat and can be reached in
//! any order.

use crate::lanes::{LaneBits, Lanes};

/// Mixes 32 bits so that every output bit depends on every input bit.
///
/// Chris Wellons' `lowbias32` (nullprogram.com, "Prospecting for hash functions", 2018).
#[inline(always)]
pub fn hash<B: LaneBits>(bits: B) -> B {
    let bits = (bits ^ bits.shift_right(16)).wrapping_mul(B::splat(0x7feb_352d));
    let bits = (bits ^ bits.shift_right(15)).wrapping_mul(B::splat(0x846c_a68b));
    bits ^ bits.shift_right(16)
}

/// A different seed for each lane. One lane alone gets the seed of lane 0.
#[inline(always)]
pub fn lane_seeds<B: LaneBits>(seed: u32) -> B {
    B::from_fn(|lane| hash(seed.wrapping_add((lane as u32).wrapping_mul(0x9e37_79b9))))
}

/// The random bits that belong to a count.
#[inline(always)]
pub fn draw<B: LaneBits>(seeds: B, count: B) -> B {
    // The odd factor keeps neighbouring counts far apart before they are mixed.
    hash(
        count
            .wrapping_mul(B::splat(0x9e37_79b9))
            .wrapping_add(seeds),
    )
}

/// Random bits as an even spread over ±1.
#[inline(always)]
pub fn bipolar<V: Lanes>(bits: V::Bits) -> V {
    V::from_signed(bits) * (1.0 / 2_147_483_648.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{Baseline, Mono, Sixteen};

    #[test]
    fn draws_are_even_and_uncorrelated() {
        let count = 100_000u32;
        let seeds = lane_seeds::<u32>(7);
        let values: Vec<f64> = (0..count)
            .map(|n| f64::from(bipolar::<Mono<Baseline>>(draw(seeds, n)).lane(0)))
            .collect();
        let mean =
            |f: &dyn Fn(usize) -> f64| (0..values.len() - 1).map(f).sum::<f64>() / f64::from(count);
        assert!(mean(&|i| values[i]).abs() < 0.01);
        assert!((mean(&|i| values[i] * values[i]) - 1.0 / 3.0).abs() < 0.01);
        assert!(mean(&|i| values[i] * values[i + 1]).abs() < 0.01);
        assert!((mean(&|i| values[i].powi(4)) - 0.2).abs() < 0.01);
    }

    #[test]
    fn lanes_differ_and_the_first_is_the_lone_one() {
        type Wide = Sixteen<Baseline>;
        let seeds = lane_seeds::<<Wide as Lanes>::Bits>(3);
        assert_eq!(seeds.lane(0), lane_seeds::<u32>(3));
        assert!((1..16).all(|lane| seeds.lane(lane) != seeds.lane(lane - 1)));
        let wide = draw(seeds, LaneBits::splat(5));
        assert!((0..16).all(|lane| wide.lane(lane) == draw(seeds.lane(lane), 5u32)));
    }
}
