//! How many samples the series of each name had.

use super::registry::Registry;
use crate::memory::vec_bytes;

/// The samples of each series since they were last told.
#[derive(Default)]
pub(super) struct Frequency {
    /// For each entry of the registry.
    samples: Vec<u64>,
    /// Of series that are gone.
    gone: Vec<(Box<[u8]>, u64)>,
}

impl Frequency {
    /// Counts samples of the series of an entry.
    pub(super) fn count(&mut self, entry: u32, samples: u64) {
        let entry = entry as usize;
        if self.samples.len() <= entry {
            self.samples.resize(entry + 1, 0);
        }
        self.samples[entry] += samples;
    }

    /// The series of an entry is gone; another may take its place.
    pub(super) fn bury(&mut self, entry: u32, name: &[u8]) {
        if let Some(samples @ 1..) = self.samples.get_mut(entry as usize) {
            self.gone.push((name.into(), std::mem::take(samples)));
        }
    }

    /// Its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let names: usize = self.gone.iter().map(|(name, _)| name.len()).sum();
        vec_bytes(&self.samples) + vec_bytes(&self.gone) + names
    }

    /// The samples of each name, and begins anew.
    pub(super) fn take(&mut self, registry: &Registry) -> NameSamples {
        let mut names = std::mem::take(&mut self.gone);
        let samples = std::mem::take(&mut self.samples);
        let samples = |index: u32| samples.get(index as usize).copied().unwrap_or(0);
        let living = registry
            .entries()
            .map(|(index, entry)| (registry.names().text(entry.name).into(), samples(index)));
        names.extend(living.filter(|(_, samples)| *samples > 0));
        NameSamples(names)
    }
}

/// How many samples each name had; a name may stand there several times.
#[derive(Debug, Default)]
pub struct NameSamples(Vec<(Box<[u8]>, u64)>);

impl NameSamples {
    /// The names with the most samples, the most frequent first: so many of a hundred of all
    /// names. Each is a text that [`SeriesName`](crate::SeriesName) reads. Kinds make no
    /// difference; names with as many samples are in order.
    #[must_use]
    pub fn most_frequent(self, percent: f64) -> Vec<(Box<[u8]>, u64)> {
        let Self(mut names) = self;
        names.sort_unstable();
        names.dedup_by(|(name, samples), (before, sum)| {
            let same = name == before;
            *sum += if same { *samples } else { 0 };
            same
        });
        names.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "there are fewer names than 2^53, and the percentage is positive"
        )]
        let told = (names.len() as f64 * percent / 100.0).ceil() as usize;
        names.truncate(told);
        names
    }
}
