//! Keeps fading tails from slowing the processor down.

use std::marker::PhantomData;

/// Treats denormal numbers as zero until dropped, on this thread.
///
/// The player has one for each block. Switching costs some 30 ns, so whoever plays many blocks may hold
/// one all along.
///
/// Realtime safety: yes.
pub struct FlushToZero {
    /// What to switch back to, if anything.
    before: Option<Control>,
    /// Each thread has flags of its own.
    stays: PhantomData<*const ()>,
}

#[cfg(target_arch = "x86_64")]
type Control = u32;
#[cfg(target_arch = "aarch64")]
type Control = u64;

/// Flush-to-zero and denormals-are-zero in MXCSR.
#[cfg(target_arch = "x86_64")]
const FLUSH: u32 = 1 << 15 | 1 << 6;
/// Flush-to-zero in FPCR.
#[cfg(target_arch = "aarch64")]
const FLUSH: u64 = 1 << 24;

fn read() -> Control {
    // Miri knows no assembly, and computes with denormals whatever a register says.
    if cfg!(miri) {
        return FLUSH;
    }
    #[cfg(target_arch = "x86_64")]
    {
        let mut control = 0u32;
        // SAFETY: stores the control register into a local of its size.
        unsafe { core::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack)) };
        control
    }
    #[cfg(target_arch = "aarch64")]
    {
        let control: u64;
        // SAFETY: reads a register that every thread may read.
        unsafe { core::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack)) };
        control
    }
}

fn write(control: Control) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: loads a value read before, with only the two flush bits changed. The generated code
    // relies on neither: results differ for denormals alone.
    unsafe {
        core::arch::asm!("ldmxcsr [{}]", in(reg) &raw const control, options(nostack, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("msr fpcr, {}", in(reg) control, options(nomem, nostack));
    }
}

impl FlushToZero {
    /// Switches flushing on.
    pub fn on() -> FlushToZero {
        let before = read();
        if before & FLUSH == FLUSH {
            return FlushToZero {
                before: None,
                stays: PhantomData,
            };
        }
        write(before | FLUSH);
        FlushToZero {
            before: Some(before),
            stays: PhantomData,
        }
    }
}

impl Drop for FlushToZero {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            write(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denormals_vanish_only_while_it_lives() {
        let tiny = std::hint::black_box(f32::MIN_POSITIVE);
        let halved =
            |x: f32| std::hint::black_box(std::hint::black_box(x) * std::hint::black_box(0.5));
        assert_ne!(halved(tiny), 0.0);
        {
            let _guard = FlushToZero::on();
            drop(FlushToZero::on());
            assert_eq!(halved(tiny), 0.0);
        }
        assert_ne!(halved(tiny), 0.0);
    }
}
