//! One signal, several voices: the lane types every module is generic over.
//!
//! A module is written once against [`Lanes`] and runs as [`Mono`] on mono cables and as eight or
//! sixteen voices side by side on poly ones. Each lane type belongs to one instruction set; the same
//! arithmetic gives the same bits in every lane type of that set, so a voice sounds alike alone or
//! among others. Fused multiply-add is used exactly where the instruction set has it.

use core::fmt::Debug;
use core::marker::PhantomData;
use core::ops::{
    Add, AddAssign, BitAnd, BitOr, BitXor, Div, Mul, MulAssign, Neg, Not, Sub, SubAssign,
};

use fearless_simd::prelude::*;
use fearless_simd::{f32x4, f32x8, f32x16, i32x8, i32x16, mask32x8, mask32x16, u32x8, u32x16};

/// A family of lane types that share one instruction set.
///
/// Implemented by zero-sized markers; [`crate::catalog::Level`] picks one at run time.
pub trait InstructionSet: Simd {
    /// Whether `a * b + c` rounds once on this instruction set.
    const FUSED: bool;
    /// The proof that this processor has the instruction set.
    ///
    /// Lane types of a set are only made by instances which the catalog created after it had
    /// checked the processor, so this is never reached on a lesser one.
    fn proof() -> Self;
    /// Interleaves two vectors within each half of four: their first pairs, and their last pairs.
    #[inline(always)]
    fn interleave_halves(self, one: f32x8<Self>, other: f32x8<Self>) -> [f32x8<Self>; 2] {
        let ((a, b), (c, d)) = (one.split(), other.split());
        [
            a.zip_low(c).combine(b.zip_low(d)),
            a.zip_high(c).combine(b.zip_high(d)),
        ]
    }
}

/// Rows as columns, of a square of four by four.
#[inline(always)]
pub fn transpose<S: Simd>([a, b, c, d]: [f32x4<S>; 4]) -> [f32x4<S>; 4] {
    let (low_even, high_even) = (a.zip_low(c), a.zip_high(c));
    let (low_odd, high_odd) = (b.zip_low(d), b.zip_high(d));
    [
        low_even.zip_low(low_odd),
        low_even.zip_high(low_odd),
        high_even.zip_low(high_odd),
        high_even.zip_high(high_odd),
    ]
}

#[cfg(target_arch = "x86_64")]
pub(crate) use fearless_simd::x86::{Avx2, Avx512, Sse2 as Baseline};

#[cfg(target_arch = "aarch64")]
pub(crate) use fearless_simd::aarch64::Neon as Baseline;

#[cfg(target_arch = "x86_64")]
mod sets {
    use core::arch::x86_64::{__m256, _mm256_unpackhi_ps, _mm256_unpacklo_ps};

    use super::InstructionSet;
    use fearless_simd::f32x8;
    use fearless_simd::prelude::*;
    use fearless_simd::x86::{Avx2, Avx512, Sse2};

    /// By the instructions that do so, which have no name beyond these sets.
    macro_rules! interleaves_halves {
        ($set:ident) => {
            #[inline(always)]
            fn interleave_halves(self, one: f32x8<Self>, other: f32x8<Self>) -> [f32x8<Self>; 2] {
                fearless_simd::kernel!(
                    #[inline(always)]
                    fn low(set: $set, one: __m256, other: __m256) -> __m256 {
                        _mm256_unpacklo_ps(one, other)
                    }
                );
                fearless_simd::kernel!(
                    #[inline(always)]
                    fn high(set: $set, one: __m256, other: __m256) -> __m256 {
                        _mm256_unpackhi_ps(one, other)
                    }
                );
                let [one, other] = [one.into(), other.into()];
                [
                    low(self, one, other).simd_into(self),
                    high(self, one, other).simd_into(self),
                ]
            }
        };
    }

    impl InstructionSet for Sse2 {
        const FUSED: bool = false;
        #[inline(always)]
        fn proof() -> Self {
            // SAFETY: SSE2 is part of every x86-64 processor.
            unsafe { Sse2::assume_supported() }
        }
    }

    impl InstructionSet for Avx2 {
        const FUSED: bool = true;
        #[inline(always)]
        fn proof() -> Self {
            // SAFETY: outside of tests, `catalog::with_set` is the only place that names this set, and it
            // does so only for a `Level` that detection returned.
            unsafe { Avx2::assume_supported() }
        }
        interleaves_halves!(Avx2);
    }

    impl InstructionSet for Avx512 {
        const FUSED: bool = true;
        #[inline(always)]
        fn proof() -> Self {
            // SAFETY: as for `Avx2`.
            unsafe { Avx512::assume_supported() }
        }
        interleaves_halves!(Avx512);
    }
}

#[cfg(target_arch = "aarch64")]
mod sets {
    use super::InstructionSet;
    use fearless_simd::aarch64::Neon;

    impl InstructionSet for Neon {
        const FUSED: bool = true;
        #[inline(always)]
        fn proof() -> Self {
            // SAFETY: NEON is part of every AArch64 processor.
            unsafe { Neon::assume_supported() }
        }
    }
}

/// A truth value per lane.
pub trait LaneMask<V>:
    Copy + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self>
{
    /// The same truth value in every lane.
    fn splat(value: bool) -> Self;
    /// Picks `yes` where the lane is true and `no` elsewhere.
    fn select(self, yes: V, no: V) -> V;
    /// Whether any lane is true.
    fn any(self) -> bool;
    /// Whether every lane is true.
    fn all(self) -> bool;
    /// One lane's truth value; lanes past the end are false.
    fn lane(self, index: usize) -> bool;
    /// One bit a lane, the first lane's lowest.
    fn bits(self) -> u64;
}

/// 32 unsigned bits per lane: phases, random states, floating-point encodings.
///
/// All arithmetic wraps.
pub trait LaneBits:
    Copy + Send + Sync + 'static + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self>
{
    /// The same bits in every lane.
    fn splat(bits: u32) -> Self;
    /// The bits `f` gives for each lane index.
    fn from_fn(f: impl FnMut(usize) -> u32) -> Self;
    /// One lane's bits; lanes past the end are 0.
    fn lane(&self, index: usize) -> u32;
    /// Adds, wrapping around.
    fn wrapping_add(self, other: Self) -> Self;
    /// Subtracts, wrapping around.
    fn wrapping_sub(self, other: Self) -> Self;
    /// Multiplies, wrapping around.
    fn wrapping_mul(self, other: Self) -> Self;
    /// Shifts towards the high bits, filling with zeros. `by` is below 32.
    fn shift_left(self, by: u32) -> Self;
    /// Shifts towards the low bits, filling with zeros. `by` is below 32.
    fn shift_right(self, by: u32) -> Self;
}

/// An `f32` per lane with arithmetic that is the same in every lane type of an instruction set.
pub trait Lanes:
    Copy
    + Debug
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f32, Output = Self>
    + Sub<f32, Output = Self>
    + Mul<f32, Output = Self>
    + Div<f32, Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
{
    /// How many voices this type carries: 1, 8 or 16.
    const COUNT: usize;
    /// A truth value per lane.
    type Mask: LaneMask<Self>;
    /// 32 bits per lane.
    type Bits: LaneBits;
    /// Eight lanes of the same instruction set, for one voice's frames or channels side by side.
    type Wide: Halves;

    /// Runs `f` with the instruction set switched on. `f` and all it calls must be `#[inline(always)]`.
    fn vectorize<R>(f: impl FnOnce() -> R) -> R;
    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// The values `f` gives for each lane index.
    fn from_fn(f: impl FnMut(usize) -> f32) -> Self;
    /// The lanes as floats, `COUNT` of them.
    fn as_slice(&self) -> &[f32];
    /// The lanes as floats, `COUNT` of them.
    fn as_mut_slice(&mut self) -> &mut [f32];
    /// `self * factor + term`, rounded once where the instruction set fuses and twice elsewhere.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The smaller per lane; `other` where `self` is not a number.
    fn min(self, other: Self) -> Self;
    /// The larger per lane; `other` where `self` is not a number.
    fn max(self, other: Self) -> Self;
    /// The value without its sign.
    fn abs(self) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The largest integer not above the value.
    fn floor(self) -> Self;
    /// Whether `self < other`, per lane.
    fn lt(self, other: Self) -> Self::Mask;
    /// Whether `self <= other`, per lane.
    fn le(self, other: Self) -> Self::Mask;
    /// Whether `self > other`, per lane.
    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        other.lt(self)
    }
    /// Whether `self >= other`, per lane.
    #[inline(always)]
    fn ge(self, other: Self) -> Self::Mask {
        other.le(self)
    }
    /// The IEEE 754 encoding.
    fn to_bits(self) -> Self::Bits;
    /// The float with this IEEE 754 encoding.
    fn from_bits(bits: Self::Bits) -> Self;
    /// The float of each lane's bits read as a signed integer.
    fn from_signed(bits: Self::Bits) -> Self;
    /// Each lane rounded towards zero to a signed integer, for values within ±2^31. 2^31 itself wraps.
    fn to_signed(self) -> Self::Bits;
    /// As [`Lanes::to_signed`] and faster, for values of less than 2^31.
    fn truncate(self) -> Self::Bits;
    /// The sum of all lanes.
    fn sum(self) -> f32;
    /// The sums of four values, bit for bit those of [`Lanes::sum`] and faster.
    fn sums(values: &[Self; 4]) -> [f32; 4];

    /// Limits every lane to `low..=high`.
    #[inline(always)]
    fn clamp(self, low: f32, high: f32) -> Self {
        self.max(Self::splat(low)).min(Self::splat(high))
    }
    /// One lane's value; lanes past the end read as 0.
    #[inline(always)]
    fn lane(&self, index: usize) -> f32 {
        self.as_slice().get(index).copied().unwrap_or(0.0)
    }
    /// Sets one lane; lanes past the end are ignored.
    #[inline(always)]
    fn set_lane(&mut self, index: usize, value: f32) {
        if let Some(lane) = self.as_mut_slice().get_mut(index) {
            *lane = value;
        }
    }
    /// A cycle count (1 = one turn) as a phase of 2^32 steps a turn; whole turns drop out.
    ///
    /// An integer phase adds without rounding, so a voice stays in tune however long it sounds.
    #[inline(always)]
    fn to_phase(self) -> Self::Bits {
        let turns = self - (self + 0.5).floor();
        (turns * 4_294_967_296.0).to_signed()
    }
    /// A phase of 2^32 steps a turn as turns in `0..1`, exact to 24 bits.
    #[inline(always)]
    fn from_phase(phase: Self::Bits) -> Self {
        Self::from_signed(phase.shift_right(8)) * (1.0 / 16_777_216.0)
    }
}

/// Eight lanes as two halves of four.
pub trait Halves: Lanes {
    /// From both halves.
    #[inline(always)]
    fn from_halves(low: &[f32; 4], high: &[f32; 4]) -> Self {
        Self::from_fn(
            #[inline(always)]
            |lane| match lane {
                0..4 => low[lane],
                _ => high[lane % 4],
            },
        )
    }
    /// Both halves.
    #[inline(always)]
    fn halves(self) -> [[f32; 4]; 2] {
        [
            [self.lane(0), self.lane(1), self.lane(2), self.lane(3)],
            [self.lane(4), self.lane(5), self.lane(6), self.lane(7)],
        ]
    }
    /// Rows as columns, of a square of four by four in each half.
    fn transpose_halves(rows: [Self; 4]) -> [Self; 4];
}

/// One voice.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Mono<S>(f32, PhantomData<S>);

/// One lane's truth value.
#[derive(Clone, Copy, Debug)]
pub struct MonoMask(bool);

impl<S> Mono<S> {
    #[inline(always)]
    const fn new(value: f32) -> Self {
        Mono(value, PhantomData)
    }
}

impl BitAnd for MonoMask {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        MonoMask(self.0 & other.0)
    }
}
impl BitOr for MonoMask {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        MonoMask(self.0 | other.0)
    }
}
impl Not for MonoMask {
    type Output = Self;
    #[inline(always)]
    fn not(self) -> Self {
        MonoMask(!self.0)
    }
}

impl<S: InstructionSet> LaneMask<Mono<S>> for MonoMask {
    #[inline(always)]
    fn splat(value: bool) -> Self {
        MonoMask(value)
    }
    #[inline(always)]
    fn select(self, yes: Mono<S>, no: Mono<S>) -> Mono<S> {
        if self.0 { yes } else { no }
    }
    #[inline(always)]
    fn any(self) -> bool {
        self.0
    }
    #[inline(always)]
    fn all(self) -> bool {
        self.0
    }
    #[inline(always)]
    fn lane(self, index: usize) -> bool {
        index == 0 && self.0
    }
    #[inline(always)]
    fn bits(self) -> u64 {
        u64::from(self.0)
    }
}

impl LaneBits for u32 {
    #[inline(always)]
    fn splat(bits: u32) -> Self {
        bits
    }
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> u32) -> Self {
        f(0)
    }
    #[inline(always)]
    fn lane(&self, index: usize) -> u32 {
        if index == 0 { *self } else { 0 }
    }
    #[inline(always)]
    fn wrapping_add(self, other: Self) -> Self {
        u32::wrapping_add(self, other)
    }
    #[inline(always)]
    fn wrapping_sub(self, other: Self) -> Self {
        u32::wrapping_sub(self, other)
    }
    #[inline(always)]
    fn wrapping_mul(self, other: Self) -> Self {
        u32::wrapping_mul(self, other)
    }
    #[inline(always)]
    fn shift_left(self, by: u32) -> Self {
        u32::wrapping_shl(self, by)
    }
    #[inline(always)]
    fn shift_right(self, by: u32) -> Self {
        u32::wrapping_shr(self, by)
    }
}

macro_rules! binary_operators {
    ($type:ident, $($trait:ident $method:ident),*) => {$(
        impl<S: InstructionSet> $trait for $type<S> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                $type::new($trait::$method(self.0, other.0))
            }
        }
        impl<S: InstructionSet> $trait<f32> for $type<S> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: f32) -> Self {
                $type::new($trait::$method(self.0, other))
            }
        }
    )*};
}

macro_rules! assigning_operators {
    ($type:ident, $($trait:ident $method:ident $operator:tt),*) => {$(
        impl<S: InstructionSet> $trait for $type<S> {
            #[inline(always)]
            fn $method(&mut self, other: Self) {
                *self = *self $operator other;
            }
        }
    )*};
}

macro_rules! operators {
    ($type:ident) => {
        binary_operators!($type, Add add, Sub sub, Mul mul, Div div);
        assigning_operators!($type, AddAssign add_assign +, SubAssign sub_assign -, MulAssign mul_assign *);
        impl<S: InstructionSet> Neg for $type<S> {
            type Output = Self;
            #[inline(always)]
            fn neg(self) -> Self {
                $type::new(-self.0)
            }
        }
    };
}

operators!(Mono);

impl<S: InstructionSet> Lanes for Mono<S> {
    const COUNT: usize = 1;
    type Mask = MonoMask;
    type Bits = u32;
    type Wide = Eight<S>;

    #[inline(always)]
    fn vectorize<R>(f: impl FnOnce() -> R) -> R {
        S::proof().vectorize(f)
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Mono::new(value)
    }
    #[inline(always)]
    fn from_fn(mut f: impl FnMut(usize) -> f32) -> Self {
        Mono::new(f(0))
    }
    #[inline(always)]
    fn as_slice(&self) -> &[f32] {
        core::slice::from_ref(&self.0)
    }
    #[inline(always)]
    fn as_mut_slice(&mut self) -> &mut [f32] {
        core::slice::from_mut(&mut self.0)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        // Without hardware support `f32::mul_add` is a slow library call.
        Mono::new(if S::FUSED {
            self.0.mul_add(factor.0, term.0)
        } else {
            self.0 * factor.0 + term.0
        })
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Mono::new(if self.0 < other.0 { self.0 } else { other.0 })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Mono::new(if self.0 > other.0 { self.0 } else { other.0 })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Mono::new(self.0.abs())
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Mono::new(self.0.sqrt())
    }
    #[inline(always)]
    fn floor(self) -> Self {
        Mono::new(self.0.floor())
    }
    #[inline(always)]
    fn lt(self, other: Self) -> MonoMask {
        MonoMask(self.0 < other.0)
    }
    #[inline(always)]
    fn le(self, other: Self) -> MonoMask {
        MonoMask(self.0 <= other.0)
    }
    #[inline(always)]
    fn to_bits(self) -> u32 {
        self.0.to_bits()
    }
    #[inline(always)]
    fn from_bits(bits: u32) -> Self {
        Mono::new(f32::from_bits(bits))
    }
    #[inline(always)]
    fn from_signed(bits: u32) -> Self {
        Mono::new(bits as i32 as f32)
    }
    #[inline(always)]
    fn to_signed(self) -> u32 {
        self.0 as i64 as u32
    }
    #[inline(always)]
    fn truncate(self) -> u32 {
        self.0 as i32 as u32
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        self.0
    }
    #[inline(always)]
    fn sums(values: &[Self; 4]) -> [f32; 4] {
        [values[0].0, values[1].0, values[2].0, values[3].0]
    }
}

macro_rules! wide_lanes {
    ($name:ident, $mask_name:ident, $bits_name:ident, $count:literal, $float:ident, $mask:ident, $bits:ident, $signed:ident) => {
        #[doc = concat!(stringify!($count), " voices side by side.")]
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub struct $name<S: InstructionSet>($float<S>);

        #[doc = concat!("Truth values of ", stringify!($count), " voices.")]
        #[derive(Clone, Copy)]
        pub struct $mask_name<S: InstructionSet>($mask<S>);

        #[doc = concat!("32 bits for each of ", stringify!($count), " voices.")]
        #[derive(Clone, Copy)]
        pub struct $bits_name<S: InstructionSet>($bits<S>);

        impl<S: InstructionSet> $name<S> {
            #[inline(always)]
            fn new(value: $float<S>) -> Self {
                $name(value)
            }
        }

        operators!($name);

        impl<S: InstructionSet> Debug for $name<S> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_list().entries(self.as_slice()).finish()
            }
        }

        impl<S: InstructionSet> BitAnd for $mask_name<S> {
            type Output = Self;
            #[inline(always)]
            fn bitand(self, other: Self) -> Self {
                $mask_name(self.0 & other.0)
            }
        }
        impl<S: InstructionSet> BitOr for $mask_name<S> {
            type Output = Self;
            #[inline(always)]
            fn bitor(self, other: Self) -> Self {
                $mask_name(self.0 | other.0)
            }
        }
        impl<S: InstructionSet> Not for $mask_name<S> {
            type Output = Self;
            #[inline(always)]
            fn not(self) -> Self {
                $mask_name(!self.0)
            }
        }

        impl<S: InstructionSet> LaneMask<$name<S>> for $mask_name<S> {
            #[inline(always)]
            fn splat(value: bool) -> Self {
                $mask_name($mask::splat(S::proof(), value))
            }
            #[inline(always)]
            fn select(self, yes: $name<S>, no: $name<S>) -> $name<S> {
                $name(self.0.select(yes.0, no.0))
            }
            #[inline(always)]
            fn any(self) -> bool {
                self.0.any_true()
            }
            #[inline(always)]
            fn all(self) -> bool {
                self.0.all_true()
            }
            #[inline(always)]
            fn lane(self, index: usize) -> bool {
                index < $count && self.bits() >> index & 1 == 1
            }
            #[inline(always)]
            fn bits(self) -> u64 {
                self.0.to_bitmask()
            }
        }

        impl<S: InstructionSet> BitAnd for $bits_name<S> {
            type Output = Self;
            #[inline(always)]
            fn bitand(self, other: Self) -> Self {
                $bits_name(self.0 & other.0)
            }
        }
        impl<S: InstructionSet> BitOr for $bits_name<S> {
            type Output = Self;
            #[inline(always)]
            fn bitor(self, other: Self) -> Self {
                $bits_name(self.0 | other.0)
            }
        }
        impl<S: InstructionSet> BitXor for $bits_name<S> {
            type Output = Self;
            #[inline(always)]
            fn bitxor(self, other: Self) -> Self {
                $bits_name(self.0 ^ other.0)
            }
        }

        impl<S: InstructionSet> LaneBits for $bits_name<S> {
            #[inline(always)]
            fn splat(bits: u32) -> Self {
                $bits_name($bits::splat(S::proof(), bits))
            }
            #[inline(always)]
            fn from_fn(f: impl FnMut(usize) -> u32) -> Self {
                $bits_name($bits::from_fn(S::proof(), f))
            }
            #[inline(always)]
            fn lane(&self, index: usize) -> u32 {
                self.0.as_slice().get(index).copied().unwrap_or(0)
            }
            #[inline(always)]
            fn wrapping_add(self, other: Self) -> Self {
                $bits_name(self.0 + other.0)
            }
            #[inline(always)]
            fn wrapping_sub(self, other: Self) -> Self {
                $bits_name(self.0 - other.0)
            }
            #[inline(always)]
            fn wrapping_mul(self, other: Self) -> Self {
                $bits_name(self.0 * other.0)
            }
            #[inline(always)]
            fn shift_left(self, by: u32) -> Self {
                $bits_name(self.0 << by)
            }
            #[inline(always)]
            fn shift_right(self, by: u32) -> Self {
                $bits_name(self.0 >> by)
            }
        }

        impl<S: InstructionSet> Lanes for $name<S> {
            const COUNT: usize = $count;
            type Mask = $mask_name<S>;
            type Bits = $bits_name<S>;
            type Wide = Eight<S>;

            #[inline(always)]
            fn vectorize<R>(f: impl FnOnce() -> R) -> R {
                S::proof().vectorize(f)
            }
            #[inline(always)]
            fn splat(value: f32) -> Self {
                $name($float::splat(S::proof(), value))
            }
            #[inline(always)]
            fn from_fn(f: impl FnMut(usize) -> f32) -> Self {
                $name($float::from_fn(S::proof(), f))
            }
            #[inline(always)]
            fn as_slice(&self) -> &[f32] {
                self.0.as_slice()
            }
            #[inline(always)]
            fn as_mut_slice(&mut self) -> &mut [f32] {
                self.0.as_mut_slice()
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                $name(if S::FUSED {
                    self.0.mul_add(factor.0, term.0)
                } else {
                    self.0 * factor.0 + term.0
                })
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                // The instruction of x86 is just this choice; others differ for what is no number.
                $name(if cfg!(target_arch = "x86_64") {
                    self.0.min(other.0)
                } else {
                    self.0.simd_lt(other.0).select(self.0, other.0)
                })
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                // As in `min`.
                $name(if cfg!(target_arch = "x86_64") {
                    self.0.max(other.0)
                } else {
                    self.0.simd_gt(other.0).select(self.0, other.0)
                })
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $name(self.0.abs())
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $name(self.0.sqrt())
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $name(self.0.floor())
            }
            #[inline(always)]
            fn lt(self, other: Self) -> Self::Mask {
                $mask_name(self.0.simd_lt(other.0))
            }
            #[inline(always)]
            fn le(self, other: Self) -> Self::Mask {
                $mask_name(self.0.simd_le(other.0))
            }
            #[inline(always)]
            fn to_bits(self) -> Self::Bits {
                $bits_name(self.0.bitcast())
            }
            #[inline(always)]
            fn from_bits(bits: Self::Bits) -> Self {
                $name(bits.0.bitcast())
            }
            #[inline(always)]
            fn from_signed(bits: Self::Bits) -> Self {
                let signed: $signed<S> = bits.0.bitcast();
                $name(signed.to_float())
            }
            #[inline(always)]
            fn to_signed(self) -> Self::Bits {
                // 2^31 itself becomes the most negative integer, which is the same phase.
                let wrapped = self
                    .0
                    .simd_lt(2_147_483_648.0)
                    .select(self.0, self.0 - 4_294_967_296.0);
                let signed: $signed<S> = wrapped.to_int();
                $bits_name(signed.bitcast())
            }
            #[inline(always)]
            fn truncate(self) -> Self::Bits {
                let signed: $signed<S> = self.0.to_int();
                $bits_name(signed.bitcast())
            }
            #[inline(always)]
            fn sum(self) -> f32 {
                self.0.as_slice().iter().sum()
            }
            #[inline(always)]
            fn sums(values: &[Self; 4]) -> [f32; 4] {
                // Lanes are added in order, so each addition takes the same lane of all four.
                let mut sums = f32x4::splat(S::proof(), -0.0);
                let quads = values.each_ref().map(
                    #[inline(always)]
                    |value| value.0.as_slice().as_chunks::<4>().0,
                );
                for quad in 0..$count / 4 {
                    let [one, two, three, four] = quads.map(
                        #[inline(always)]
                        |quads| f32x4::from_slice(S::proof(), &quads[quad]),
                    );
                    let (odd, even) = (one.zip_low(three), two.zip_low(four));
                    sums = sums + odd.zip_low(even) + odd.zip_high(even);
                    let (odd, even) = (one.zip_high(three), two.zip_high(four));
                    sums = sums + odd.zip_low(even) + odd.zip_high(even);
                }
                sums.into()
            }
        }
    };
}

wide_lanes!(
    Eight, EightMask, EightBits, 8, f32x8, mask32x8, u32x8, i32x8
);
wide_lanes!(
    Sixteen,
    SixteenMask,
    SixteenBits,
    16,
    f32x16,
    mask32x16,
    u32x16,
    i32x16
);

impl<S: InstructionSet> Halves for Eight<S> {
    #[inline(always)]
    fn transpose_halves([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let set = S::proof();
        let [low_even, high_even] = set.interleave_halves(a.0, c.0);
        let [low_odd, high_odd] = set.interleave_halves(b.0, d.0);
        let [a, b] = set.interleave_halves(low_even, low_odd);
        let [c, d] = set.interleave_halves(high_even, high_odd);
        [Eight(a), Eight(b), Eight(c), Eight(d)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncating_is_rounding_towards_zero_to_a_signed_integer() {
        fn check<V: Lanes>() {
            for value in [
                0.0,
                -0.0,
                0.9,
                -0.9,
                1.5,
                -7.5,
                2_147_483_520.0,
                -2_147_483_648.0,
            ] {
                let value = V::splat(value);
                for lane in 0..V::COUNT {
                    let want = value.lane(lane) as i32 as u32;
                    assert_eq!(value.truncate().lane(lane), want, "{value:?}");
                    assert_eq!(value.to_signed().lane(lane), want, "{value:?}");
                }
            }
        }
        check::<Mono<Baseline>>();
        check::<Eight<Baseline>>();
        check::<Sixteen<Baseline>>();
    }

    #[test]
    fn four_sums_are_those_of_one_at_a_time() {
        fn check<V: Lanes>() {
            for step in 0..100 {
                let values = [0, 1, 2, 3].map(|value| {
                    V::from_fn(|lane| match (step, value) {
                        (0, 0) => -0.0,
                        _ => ((step * 64 + value * 16 + lane) as f32 * 12.9898).sin() * 43_758.5,
                    })
                });
                assert_eq!(
                    V::sums(&values).map(f32::to_bits),
                    values.map(|value| value.sum().to_bits())
                );
            }
        }
        check::<Mono<Baseline>>();
        check::<Eight<Baseline>>();
        check::<Sixteen<Baseline>>();
    }
    #[test]
    fn rows_become_columns_in_each_half() {
        fn check<W: Halves>() {
            let half = |half: usize, row: usize| {
                [0, 1, 2, 3].map(|column| (100 * half + 10 * row + column) as f32)
            };
            let rows = [0, 1, 2, 3].map(|row| W::from_halves(&half(0, row), &half(1, row)));
            for (index, column) in W::transpose_halves(rows).into_iter().enumerate() {
                let expected = [0, 1]
                    .map(|half| [0, 1, 2, 3].map(|row| (100 * half + 10 * row + index) as f32));
                assert_eq!(column.halves(), expected);
            }
        }
        check::<Eight<Baseline>>();
        #[cfg(target_arch = "x86_64")]
        {
            let level = fearless_simd::Level::new();
            if level.as_avx2().is_some() {
                check::<Eight<Avx2>>();
            }
            if level.as_avx512().is_some() {
                check::<Eight<Avx512>>();
            }
        }
    }
}
