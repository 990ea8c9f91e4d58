//! Asks the processor for memory before it is needed.
#![expect(unsafe_code, reason = "a hint to the processor is an intrinsic")]

/// Where the elements of a slice stand.
pub(crate) struct Row<T>(*const T);

impl<T> Row<T> {
    pub(crate) fn of(slice: &[T]) -> Self {
        Self(slice.as_ptr())
    }

    /// Begins to fetch an element. A slice that has moved meanwhile makes it a useless hint, not
    /// a wrong one.
    #[inline(always)]
    pub(crate) fn prefetch(&self, index: usize) {
        prefetch_address(self.0.wrapping_add(index).addr());
    }
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
