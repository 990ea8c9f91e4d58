//! The room of a table: how much it may hold in an interval, and the memory that it asks for.

use super::{Limits, Table};
use crate::memory::{Ask, Budget, Owner, Step};
use crate::{Newcomers, Part};

/// How many values of a timer and members of a set are kept then: so many take about as much
/// memory as a sketch.
const TIMER_VALUES_SHORT: u64 = 256;
const SET_MEMBERS_SHORT: usize = 512;
/// For so many values, members and changes memory is asked for at once.
const THINGS: usize = 1_024;

impl Table {
    /// The same table with a budget of memory, which it shares with others: what takes memory asks
    /// for it, and is refused where there is none. It may not have taken in anything.
    #[must_use]
    pub fn with_budget(mut self, budget: &Budget) -> Self {
        self.lease = budget.lease(Owner::Tables);
        self.lease.set(self.bytes());
        self.part.lease = budget.lease(Owner::Parts);
        self.begin_interval();
        self
    }

    /// The memory of all but the part, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.index.bytes() + self.detours_bytes()
    }

    pub(super) fn detours_bytes(&self) -> usize {
        self.dropped.bytes() + self.sources.bytes()
    }

    /// A part is pushed, and takes what it holds of the budget with it.
    pub(super) fn hand_over(&mut self, part: &mut Part) {
        part.newcomers = self.newcomers.clone();
        self.newcomers.fade();
        part.lease.set(part.bytes() + part.debt());
        if self.lease.is_bounded() && !self.part.lease.is_bounded() {
            self.part.lease = part.lease.another(0);
        }
        self.part.lease.set(self.part.bytes());
    }

    /// How much is kept of a series in the interval that begins.
    pub(super) fn begin_interval(&mut self) {
        let Limits { samples_max, timer_values_max, set_members_max, .. } = self.limits;
        self.timer_values_max = timer_values_max as u64;
        self.set_members_max = set_members_max;
        self.is_tight = false;
        self.things_max = if self.lease.is_bounded() { 0 } else { samples_max };
        if self.lease.takes(Step::SketchEarly) {
            self.keep_less();
        }
    }

    /// Makes sketches early, for the rest of the interval.
    pub(super) fn keep_less(&mut self) {
        self.timer_values_max = self.timer_values_max.min(TIMER_VALUES_SHORT);
        self.set_members_max = self.set_members_max.min(SET_MEMBERS_SHORT);
    }

    /// Whether so many values, members and changes more may be held.
    pub(crate) fn has_room(&mut self, things: usize) -> bool {
        self.room() >= things
            || self.things_max < self.limits.samples_max && self.ask_for_things(things)
    }

    /// How many more values, members and changes may be held.
    pub(crate) fn room(&self) -> usize {
        self.things_max.saturating_sub(self.pushed + self.part.things())
    }

    /// How many members of a set are kept in an interval.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn set_members_max(&self) -> f64 {
        self.set_members_max as f64
    }

    /// Asks for the memory of more values, members and changes. Says whether there is room for so
    /// many now.
    #[cold]
    fn ask_for_things(&mut self, things: usize) -> bool {
        if self.lease.takes(Step::SketchEarly) && self.timer_values_max > TIMER_VALUES_SHORT {
            self.keep_less();
            self.part.sketch_largest();
        }
        let part = &mut self.part;
        let bytes = part.bytes() + part.debt() + part.things_growth(THINGS);
        if part.lease.cover(bytes, Ask::Samples) {
            part.make_things(THINGS);
            let all = self.pushed + part.things() + THINGS;
            self.things_max = all.min(self.limits.samples_max);
        }
        self.room() >= things
    }

    /// Makes room for values: of the timers with the most there are sketches from now on, and for
    /// the rest of the interval fewer values of each are kept. Says whether there is room now.
    ///
    /// It looks at all that is held, so it is done for much room, or not again in this interval.
    #[cold]
    pub(crate) fn make_room(&mut self) -> bool {
        if self.is_tight {
            return false;
        }
        match self.part.sketch_largest() {
            Some(kept) => self.timer_values_max = self.timer_values_max.min(kept),
            None => self.is_tight = true,
        }
        self.has_room(1)
    }
}

/// Whether there is memory for a new series of this name, for which a part grows by so many bytes.
pub(super) fn admits(
    part: &mut Part,
    newcomers: &mut Newcomers,
    name: &[u8],
    growth: usize,
) -> bool {
    newcomers.saw(name);
    let is_heavy = || part.lease.takes(Step::RefuseHeaviest) && newcomers.is_heavy(name);
    if part.lease.refuses_new() || is_heavy() {
        return false;
    }
    let bytes = part.bytes() + part.debt() + growth;
    part.lease.cover(bytes, Ask::NewSeries)
}
