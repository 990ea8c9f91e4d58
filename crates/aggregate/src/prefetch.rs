//! Asks the processor for memory before it is needed.
#![expect(unsafe_code, reason = "a hint to the processor is an intrinsic")]

/// Where the elements of some rows stand, each row of another type.
pub(crate) struct Rows<const N: usize>([(usize, usize); N]);

impl<const N: usize> Rows<N> {
    /// Rows of the given places, as [`row`] makes them.
    pub(crate) fn new(rows: [(usize, usize); N]) -> Self {
        Self(rows)
    }

    /// Begins to fetch an element of one of the rows, without a branch on which. A row that has
    /// moved meanwhile makes it a useless hint, not a wrong one.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: usize, index: usize) {
        let (start, stride) = self.0[row];
        prefetch_address(start.wrapping_add(index.wrapping_mul(stride)));
    }
}

/// Where a slice begins, and how far its elements stand apart.
pub(crate) fn row<T>(slice: &[T]) -> (usize, usize) {
    (slice.as_ptr().addr(), size_of::<T>())
}

/// Begins to fetch an element. A hint: nothing is read, and any index will do.
#[inline(always)]
pub(crate) fn prefetch<T>(slice: &[T], index: usize) {
    prefetch_address(slice.as_ptr().wrapping_add(index).addr());
}

#[inline(always)]
fn prefetch_address(address: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address at all is allowed, and SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::without_provenance(address)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
