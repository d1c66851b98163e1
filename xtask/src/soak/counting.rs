//! Counts what the audio thread allocates and frees, and how much the whole program holds.

use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

#[cfg(not(debug_assertions))]
use std::alloc::{GlobalAlloc, Layout, System};

// Debug builds have the plugin's own allocator, which ends the program where this one counts.
#[cfg(not(debug_assertions))]
#[global_allocator]
static COUNTING: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);
static HELD: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// Whether this thread is in its audio callback.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this build counts.
pub const fn is_on() -> bool {
    cfg!(not(debug_assertions))
}

/// Runs what must neither allocate nor free, and counts where it does.
pub fn watch<T>(run: impl FnOnce() -> T) -> T {
    WATCHED.set(true);
    let result = run();
    WATCHED.set(false);
    result
}

/// Allocations and frees inside [`watch`] so far.
pub fn counted() -> (u64, u64) {
    (
        ALLOCATIONS.load(Ordering::Relaxed),
        FREES.load(Ordering::Relaxed),
    )
}

/// Bytes the whole program has allocated and not freed.
pub fn held() -> i64 {
    HELD.load(Ordering::Relaxed)
}

/// Has the system's allocator keep what is freed for the next who wants memory, so that what is
/// resident is the most that was ever held: it grows if more and more is needed, and by nothing else.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_THRESHOLD: c_int = -3;
        unsafe extern "C" {
            fn mallopt(option: c_int, value: c_int) -> c_int;
        }
        for option in [TRIM_THRESHOLD, MMAP_THRESHOLD] {
            // SAFETY: any option may be set to any value at any time.
            unsafe { mallopt(option, 1 << 30) };
        }
    }
}

/// The system's allocator.
#[cfg(not(debug_assertions))]
struct Counting;

#[cfg(not(debug_assertions))]
impl Counting {
    fn note(counter: &AtomicU64, bytes: i64) {
        HELD.fetch_add(bytes, Ordering::Relaxed);
        if WATCHED.try_with(Cell::get).unwrap_or(false) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes on to the system's allocator as it came; counting touches nothing but
// atomics and a flag of this thread that needs no memory of its own.
#[cfg(not(debug_assertions))]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counting::note(&ALLOCATIONS, layout.size() as i64);
        // SAFETY: the caller keeps what `GlobalAlloc` asks of it.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Counting::note(&FREES, -(layout.size() as i64));
        // SAFETY: see above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Counting::note(&ALLOCATIONS, layout.size() as i64);
        // SAFETY: see above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Counting::note(&ALLOCATIONS, size as i64 - layout.size() as i64);
        // SAFETY: see above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_only_what_is_watched() {
        if !is_on() {
            return;
        }
        let before = counted();
        drop(std::hint::black_box(vec![1u8; 100]));
        assert_eq!(counted(), before);
        watch(|| drop(std::hint::black_box(vec![1u8; 100])));
        assert_eq!(counted(), (before.0 + 1, before.1 + 1));
    }
}
