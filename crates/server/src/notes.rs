//! Own metrics of what is no stage on the path of a metric: a number for each name.
//!
//! Who has something to tell writes it down here, and each flush reads all of it. Nobody on the
//! path of a sample locks it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The numbers by their names, which stand below that of the own metrics. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Notes {
    /// Adds to a number, which was 0 before it was first heard of.
    pub(crate) fn add(&self, name: &'static str, more: u64) {
        *self.lock().entry(name).or_default() += more;
    }

    /// Sets a number.
    pub(crate) fn set(&self, name: &'static str, number: u64) {
        self.lock().insert(name, number);
    }

    /// All of them.
    pub(crate) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        // A panic of another thread ends the process.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_write_into_the_same_numbers() {
        let notes = Notes::default();
        notes.clone().add("a", 2);
        notes.add("a", 3);
        notes.set("b", 7);
        notes.set("b", 1);
        assert_eq!(Vec::from_iter(notes.all()), [("a", 5), ("b", 1)]);
    }
}
