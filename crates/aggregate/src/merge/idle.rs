//! What becomes of series that an interval brings nothing to.
//!
//! ```text
//! flush       0  1  2  3  4        a gauge with a lifetime of 3
//! sample      5        .  +1
//! comes out   5  5  5  -  1        its value is forgotten with it
//! ```

use super::registry::{Entry, Registry};
use crate::SeriesKind;

/// Stands for "never written, or forgotten".
const NOT_KEPT: u32 = u32::MAX;

/// In how many flushes a series comes out after its last sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdlePolicy {
    /// For each kind, in how many flushes, that of its last sample included.
    lifetimes: [u32; SeriesKind::ALL.len()],
    /// The same for the series with settings of a rule, by the number of the settings less 1;
    /// `None` for that of the kind.
    of_rules: Vec<Option<u32>>,
    kept_max: usize,
}

impl IdlePolicy {
    /// A series never ends.
    pub const FOREVER: u32 = u32::MAX;

    /// Series vanish with their interval.
    #[must_use]
    pub fn vanish() -> Self {
        Self { lifetimes: [1; SeriesKind::ALL.len()], of_rules: Vec::new(), kept_max: 0 }
    }

    /// Each kind has a lifetime in flushes, that of the last sample included; 0 counts as 1. So
    /// has each number of settings from 1 on that has one of its own. Beside the series that
    /// workers hold, no more than `kept_max` are kept: those that were idle longest go first.
    #[must_use]
    pub fn new(
        lifetime: impl Fn(SeriesKind) -> u32,
        of_rules: Vec<Option<u32>>,
        kept_max: usize,
    ) -> Self {
        Self { lifetimes: SeriesKind::ALL.map(lifetime), of_rules, kept_max }
    }

    fn lifetime(&self, entry: &Entry) -> u32 {
        let rule = usize::from(entry.settings).checked_sub(1);
        let of_rule = rule.and_then(|rule| *self.of_rules.get(rule)?);
        of_rule.unwrap_or(self.lifetimes[entry.kind as usize])
    }

    fn keeps_any(&self) -> bool {
        self.lifetimes.iter().chain(self.of_rules.iter().flatten()).any(|&lifetime| lifetime > 1)
    }
}

/// What is known of idle series.
pub(super) struct Idle {
    policy: IdlePolicy,
    /// For each entry of the registry; empty while nothing is kept.
    kept: Vec<Kept>,
    forgotten: u64,
}

#[derive(Clone, Copy)]
struct Kept {
    /// How many flushes there were since that of the last sample.
    idle: u32,
    /// The last value of a gauge.
    value: f64,
}

impl Kept {
    const NONE: Self = Self { idle: NOT_KEPT, value: 0.0 };
}

impl Default for Idle {
    fn default() -> Self {
        Self { policy: IdlePolicy::vanish(), kept: Vec::new(), forgotten: 0 }
    }
}

impl Idle {
    /// Whether anything is kept, so that every entry has to be looked at.
    pub(super) fn keeps_any(&self) -> bool {
        self.policy.keeps_any()
    }

    /// Follows another policy from now on. What is kept stays as long as that allows.
    pub(super) fn set_policy(&mut self, policy: IdlePolicy, registry: &mut Registry) {
        self.policy = policy;
        if !self.keeps_any() {
            self.kept = Vec::new();
            registry.release_kept();
        }
    }

    /// How many series were forgotten because there were too many.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Begins to look at each of so many entries.
    pub(super) fn begin(&mut self, entries: usize) {
        // What has no place yet was never written, and the last ones may be gone.
        self.kept.resize(entries, Kept::NONE);
        crate::memory::trim(&mut self.kept);
    }

    /// Its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        crate::memory::vec_bytes(&self.kept)
    }

    /// The value of a gauge before the interval, 0 where it has none.
    pub(super) fn before(&self, index: usize, entry: &Entry) -> f64 {
        let kept = self.kept.get(index).copied();
        let Kept { idle, value } = kept.unwrap_or(Kept::NONE);
        // Its value ends with its lifetime, whether or not this interval has a sample.
        if idle != NOT_KEPT && idle + 1 < self.policy.lifetime(entry) { value } else { 0.0 }
    }

    /// A series was idle for so many flushes; `value` is that of a gauge.
    pub(super) fn restore(&mut self, index: usize, value: f64, idle: u32) {
        self.kept[index] = Kept { idle: idle.min(NOT_KEPT - 1), value };
    }

    /// The interval brought something to a series; `value` is that of a gauge.
    pub(super) fn wrote(&mut self, index: usize, value: f64) {
        self.kept[index] = Kept { idle: 0, value };
    }

    /// The interval brought nothing to a series. Whether it comes out all the same, with this
    /// value if it is a gauge.
    pub(super) fn again(&mut self, index: usize, entry: &Entry) -> Option<f64> {
        let lifetime = self.policy.lifetime(entry);
        let kept = &mut self.kept[index];
        if kept.idle == NOT_KEPT {
            return None;
        }
        kept.idle = (kept.idle + 1).min(NOT_KEPT - 1);
        if kept.idle < lifetime {
            return Some(kept.value);
        }
        kept.idle = NOT_KEPT;
        None
    }

    /// Whether the series of an entry is kept.
    pub(super) fn is_kept(&self, index: usize) -> bool {
        self.value(index).is_some()
    }

    /// The last value of a gauge whose series is kept, and anything of another kind.
    pub(super) fn value(&self, index: usize) -> Option<f64> {
        self.kept.get(index).filter(|kept| kept.idle != NOT_KEPT).map(|kept| kept.value)
    }

    /// Forgets the series of an entry. Says whether it was kept.
    pub(super) fn forget(&mut self, index: usize) -> bool {
        let was_kept = self.is_kept(index);
        if was_kept {
            self.kept[index] = Kept::NONE;
        }
        was_kept
    }

    /// Of the kept series that no worker holds, those that are too many; they are forgotten.
    pub(super) fn forget_surplus(&mut self, registry: &Registry) -> Vec<u32> {
        let surplus = registry.unheld().saturating_sub(self.policy.kept_max);
        if surplus == 0 || !self.keeps_any() {
            return Vec::new();
        }
        let unheld = registry.entries().filter(|(_, entry)| entry.is_unheld());
        let mut unheld: Vec<u32> = unheld.map(|(index, _)| index).collect();
        let idle = |index: &u32| self.kept[*index as usize].idle;
        // Those that were idle for as long go by their place, so that it is no matter of chance.
        unheld.select_nth_unstable_by_key(surplus - 1, |index| {
            (std::cmp::Reverse(idle(index)), *index)
        });
        unheld.truncate(surplus);
        for &index in &unheld {
            self.kept[index as usize].idle = NOT_KEPT;
        }
        self.forgotten += surplus as u64;
        unheld
    }
}
