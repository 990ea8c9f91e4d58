//! How the allocator gets large pieces of memory.
#![expect(unsafe_code, reason = "the allocator of glibc is told by a function of C")]

/// From this size on, in bytes.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 1 << 20;

/// Has large pieces mapped each on its own, now and later: so what is freed goes back to the
/// system, and what grows moves without being copied.
///
/// Otherwise glibc raises the size from which it does so with each large piece that is freed, up
/// to 32 MiB, and keeps what lies below.
pub(crate) fn map_large_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number of the allocator, which has a lock for it.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}
