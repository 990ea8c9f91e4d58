//! The memory of an index: places for aliases, two in each cache line.
//!
//! ```text
//! line of the processor's cache   | alias | alias |
//!                                 ^ named by the fingerprint; the next lines, where it is full
//! ```
//!
//! It comes from the system and not from the allocator: so it is empty without being written, and
//! a large table costs nothing before it is used, page by page.
#![expect(unsafe_code, reason = "memory from the system, and an index that needs no check")]

use std::alloc::{Layout, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;

use crate::prefetch::prefetch;

/// From this size on, in bytes, large pages are asked for.
const LARGE: usize = 4 << 20;

/// What is known of a spelling. All zero, it is a free place.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Alias {
    /// 0 where the place is free.
    pub(super) fingerprint: u128,
    pub(super) slot: u32,
    /// The interval in which it was last used.
    pub(super) interval: u32,
    /// Where the record of that interval stands.
    pub(super) record: u32,
    pub(super) canonical: bool,
    /// Whether other spellings lead to the slot too, or have done so. As long as there is but
    /// the canonical one, it alone knows the record, and the slot need not be known.
    pub(super) shared: bool,
    /// In how many intervals it was used, as far as that can be counted.
    pub(super) uses: u8,
}

/// A cache line of places.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [Alias; Self::ALIASES]);

impl Line {
    pub(super) const ALIASES: usize = 2;

    /// Whether no place of it is free.
    pub(super) fn is_full(&self) -> bool {
        self.0.iter().all(|alias| alias.fingerprint != 0)
    }

    /// Which place of it has this fingerprint; finds it without a branch on which.
    #[inline(always)]
    pub(super) fn find(&self, fingerprint: u128) -> Option<usize> {
        let at = usize::from(self.0[1].fingerprint == fingerprint);
        (self.0[at].fingerprint == fingerprint).then_some(at)
    }
}

/// Lines that are all free at first; their number is a power of two.
#[derive(Debug)]
pub(super) struct Places {
    start: NonNull<Line>,
    lines: usize,
}

// SAFETY: it owns its memory alone, like a box.
unsafe impl Send for Places {}

impl Places {
    /// So many lines, a power of two.
    pub(super) fn new(lines: usize) -> Self {
        assert!(lines.is_power_of_two(), "a mask finds the line");
        let layout = Layout::array::<Line>(lines).expect("a table fits into memory");
        // SAFETY: it asks for fresh memory, which nothing else points to.
        let start = unsafe {
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            libc::mmap(ptr::null_mut(), layout.size(), access, kind, -1, 0)
        };
        if start == libc::MAP_FAILED {
            handle_alloc_error(layout);
        }
        // Miri, which checks this file, knows no such call.
        if layout.size() >= LARGE && !cfg!(miri) {
            // A wish: where the kernel has none, small pages do.
            // SAFETY: it is our memory, and its contents stay as they are.
            unsafe { libc::madvise(start, layout.size(), libc::MADV_HUGEPAGE) };
        }
        let start = NonNull::new(start.cast()).expect("mapped memory has an address");
        Self { start, lines }
    }

    /// How much memory so many lines take.
    pub(super) const fn bytes_of(lines: usize) -> usize {
        lines * size_of::<Line>()
    }

    /// Its memory, used or not.
    pub(super) fn bytes(&self) -> usize {
        Self::bytes_of(self.lines)
    }

    /// The number of the line that a fingerprint names.
    #[inline(always)]
    pub(super) fn line_of(&self, fingerprint: u128) -> usize {
        fingerprint as usize & (self.lines - 1)
    }

    /// The line that a fingerprint names.
    #[inline(always)]
    pub(super) fn line(&self, fingerprint: u128) -> &Line {
        // SAFETY: `line_of` is less than the number of lines, a power of two; they are valid as
        // `deref` says.
        unsafe { self.start.add(self.line_of(fingerprint)).as_ref() }
    }

    /// Begins to fetch the line that a fingerprint names.
    #[inline(always)]
    pub(super) fn prefetch(&self, fingerprint: u128) {
        prefetch(self, self.line_of(fingerprint));
    }

    /// The line after another, in a circle.
    pub(super) fn next(&self, line: usize) -> usize {
        (line + 1) & (self.lines - 1)
    }

    /// How many lines it is from one to another, in a circle.
    pub(super) fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.lines - 1)
    }
}

impl Deref for Places {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: `new` mapped so many lines, in pages, which are aligned; a line of zeros is
        // valid, and so is everything that was written since. They live as long as `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.lines) }
    }
}

impl DerefMut for Places {
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as in `deref`; `self` is borrowed mutably.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.lines) }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        // SAFETY: `new` mapped exactly this, and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), size_of_val::<[Line]>(self)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_free_at_first_and_stay_as_they_are_written() {
        for lines in [1, 2, 1 << 17] {
            let mut places = Places::new(lines);
            assert!(places.iter().all(|line| line.0.iter().all(|alias| alias.fingerprint == 0)));
            let last = places.line_of(u128::MAX);
            assert_eq!(last, lines - 1);
            places[last].0[1].fingerprint = u128::MAX;
            assert_eq!(places.line(u128::MAX).find(u128::MAX), Some(1));
            assert_eq!(places.line(u128::MAX).find(1), None);
            assert!(!places[last].is_full());
            places[last].0[0].fingerprint = 1;
            assert!(places[last].is_full());
            assert_eq!((places.line(u128::MAX).find(1), places.next(last)), (Some(0), 0));
            places.prefetch(u128::MAX);
        }
    }
}
