//! The chances of sampling: fast, different in every thread and process, and of no use for
//! secrets.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};

use crate::fork;

thread_local! {
    static STATE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// A number in [0, 1), each as likely as any other.
pub(crate) fn uniform() -> f64 {
    let process = fork::process_number();
    STATE.with(|state| {
        let (seeded_in, mut x) = state.get();
        if seeded_in != process {
            // A child would go on as its parent does.
            x ^= RandomState::new().hash_one((process, std::process::id())) | 1;
        }
        // Marsaglia's xorshift64*: never 0, and its high bits are good.
        x = if x == 0 { 1 } else { x };
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set((process, x));
        let high = x.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        // 53 bits are exact in a double.
        high as f64 / (1_u64 << 53) as f64
    })
}

#[cfg(test)]
mod tests {
    use super::uniform;

    #[test]
    fn the_numbers_lie_evenly_in_their_range() {
        let numbers: Vec<f64> = (0..100_000).map(|_| uniform()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        for tenth in 1..10_u8 {
            let below = numbers.iter().filter(|number| **number < f64::from(tenth) / 10.0).count();
            assert!(below.abs_diff(usize::from(tenth) * 10_000) < 1_000, "{tenth}: {below}");
        }
    }

    #[test]
    fn threads_have_numbers_of_their_own() {
        let other = std::thread::spawn(uniform).join().unwrap();
        assert!(uniform().to_bits() != other.to_bits());
    }
}
