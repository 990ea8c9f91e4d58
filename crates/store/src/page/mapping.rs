//! A file mapped into memory as words that several threads count in.
#![expect(unsafe_code, reason = "memory of a file")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// Words of a file, shared with the page cache.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    bytes: usize,
}

// SAFETY: the memory is reached through atomics alone, and stays mapped until the drop.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first bytes of a file, which must have them.
    pub(super) fn new(file: &File, bytes: usize) -> io::Result<Self> {
        let Some(length) = NonZeroUsize::new(bytes) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at a place that the system chooses touches no memory of ours.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, 0)? };
        Ok(Self { start, bytes })
    }

    /// A word, by its number from 0.
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.bytes / size_of::<AtomicU64>(), "there is no word {index}");
        // SAFETY: it lies within the mapping, which begins at a page and so is aligned, lives as
        // long as `self`, and is reached through atomics alone.
        unsafe { AtomicU64::from_ptr(self.start.cast::<u64>().add(index).as_ptr()) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped so, and no reference to it outlives `self`.
        unsafe { munmap(self.start, self.bytes) }.ok();
    }
}
