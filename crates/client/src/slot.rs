//! Which of a client's buffers a thread writes to, and whether it is writing already.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

/// Set in a thread's cell while it is inside of a client.
const INSIDE: usize = 1 << (usize::BITS - 1);

thread_local! {
    /// The number of the thread, from 1; 0 until it has one.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// A thread that is inside of a client. There is one of it for a thread at a time: a signal
/// handler that interrupts a call, or a user's own sink, cannot call again and wait for itself.
pub(crate) struct Slot {
    number: usize,
}

impl Slot {
    /// Enters, unless this thread is inside already.
    #[inline]
    pub(crate) fn enter() -> Option<Self> {
        let mut number = NUMBER.get();
        if number & INSIDE != 0 {
            return None;
        }
        if number == 0 {
            number = THREADS.fetch_add(1, Ordering::Relaxed) % (INSIDE - 1) + 1;
        }
        NUMBER.set(number | INSIDE);
        // A handler must see the mark before anything is locked.
        compiler_fence(Ordering::SeqCst);
        Some(Self { number })
    }

    /// The number of the thread: neighbours in time have neighbouring numbers.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        NUMBER.set(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::Slot;

    #[test]
    fn a_thread_is_inside_once_and_keeps_its_number() {
        let slot = Slot::enter().unwrap();
        assert!(Slot::enter().is_none());
        let number = slot.number();
        let other = std::thread::spawn(|| Slot::enter().unwrap().number()).join().unwrap();
        assert_ne!(other, number);
        drop(slot);
        assert_eq!(Slot::enter().unwrap().number(), number);
    }
}
