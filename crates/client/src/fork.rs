//! In which process we are: a child of `fork` has no threads of its parent's, and its own life.
#![expect(unsafe_code, reason = "no library offers a page that the kernel wipes in a child")]

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::{process, ptr};

/// The number of the process among its ancestors. In a child it is 0, as the kernel wipes its
/// page, until it is asked for.
static PAGE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// The last number given; a child begins with its parent's.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A number that differs between this process and those it was forked from, and stays the same
/// in a process. It costs two reads of memory where the kernel can wipe pages in children
/// (Linux), and a call of it elsewhere.
#[inline]
pub(crate) fn process_number() -> u64 {
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return u64::from(process::id());
    }
    // SAFETY: `prepare` stored a page that lives as long as the process, is aligned, and is used
    // in no other way.
    let number = unsafe { &*page };
    match number.load(Ordering::Relaxed) {
        0 => renew(number),
        known => known,
    }
}

#[cold]
fn renew(number: &AtomicU64) -> u64 {
    let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match number.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        Err(known) => known,
    }
}

/// Gets the page, once. Where that fails nothing is lost but a little speed.
#[cfg(target_os = "linux")]
pub(crate) fn prepare() {
    const BYTES: usize = size_of::<AtomicU64>();
    if !PAGE.load(Ordering::Acquire).is_null() {
        return;
    }
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, of which nobody knows, touches no memory of anybody's.
    let page = unsafe { libc::mmap(ptr::null_mut(), BYTES, access, kind, -1, 0) };
    if page == libc::MAP_FAILED {
        return;
    }
    // SAFETY: the mapping is ours, and has nothing in it.
    let wiped = unsafe { libc::madvise(page, BYTES, libc::MADV_WIPEONFORK) } == 0;
    let (null, ours) = (ptr::null_mut(), page.cast());
    let order = Ordering::AcqRel;
    if !wiped || PAGE.compare_exchange(null, ours, order, Ordering::Acquire).is_err() {
        // SAFETY: nobody else has seen the mapping.
        unsafe { libc::munmap(page, BYTES) };
    }
}

/// There is no such page here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn prepare() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_process_stays() {
        prepare();
        let number = process_number();
        prepare();
        assert_eq!(process_number(), number);
        assert_ne!(number, 0);
    }
}
