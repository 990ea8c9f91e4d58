//! What an interval brings to series that take any number of things: the values of timers, the
//! members of sets.

use super::registry::{Entry, NO_NAME, Record};
use crate::SeriesKind;
use crate::memory::{clear_large, vec_bytes};
use crate::sketched::Sketched;
use crate::snapshot::Span;

/// Things as they came, each with the series that it belongs to; grouped at the end.
#[derive(Debug)]
pub(super) struct Log<T, S> {
    /// One for each series, in the order of their first write.
    pub(super) groups: Vec<Group>,
    things: Vec<T>,
    /// The group of each thing.
    thing_groups: Vec<u32>,
    /// Of the groups that workers have made sketches of: what is not among the things.
    pub(super) sketches: Sketched<S>,
}

/// The things of each series side by side.
pub(super) struct Grouped<T> {
    /// The series that have any, in the order of their names' numbers.
    pub(super) spans: Vec<Span>,
    /// In the order of the series, and those of one in the order in which they came.
    pub(super) things: Vec<T>,
    /// The group of each series.
    pub(super) groups: Vec<u32>,
}

/// The things of one series.
#[derive(Debug)]
pub(super) struct Group {
    /// The number of the name of the series.
    name: u32,
    kind: SeriesKind,
    /// The number of its settings.
    settings: u16,
    /// The samples of a timer, each counted as often as its rate says.
    pub(super) samples: f64,
    /// How many things there are.
    count: usize,
    /// Whether there is a sketch beside them.
    is_sketched: bool,
    /// Whether the series comes out although there are none.
    is_idle: bool,
}

impl Group {
    /// A group without things.
    pub(super) fn new(entry: &Entry) -> Self {
        let &Entry { name, kind, settings, .. } = entry;
        Self { name, kind, settings, samples: 0.0, count: 0, is_sketched: false, is_idle: false }
    }

    /// One that comes out without things.
    pub(super) fn idle(entry: &Entry) -> Self {
        Self { is_idle: true, ..Self::new(entry) }
    }

    /// Whether nothing came.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && !self.is_sketched
    }

    /// Makes it the group of no series. Its things are to be dropped.
    pub(super) fn delete(&mut self) {
        (self.name, self.count) = (NO_NAME, 0);
        (self.is_sketched, self.is_idle) = (false, false);
    }
}

impl Record for Group {
    fn name(&self) -> u32 {
        self.name
    }
}

impl<T, S> Default for Log<T, S> {
    fn default() -> Self {
        let (groups, things, thing_groups) = (Vec::new(), Vec::new(), Vec::new());
        Self { groups, things, thing_groups, sketches: Sketched::default() }
    }
}

impl<T: Copy + Default, S: Default> Log<T, S> {
    /// Makes room for so many things more.
    pub(super) fn reserve(&mut self, more: usize) {
        self.things.reserve_exact(more);
        self.thing_groups.reserve_exact(more);
    }

    /// Appends a thing.
    pub(super) fn push(&mut self, group: u32, thing: T) {
        self.groups[group as usize].count += 1;
        self.things.push(thing);
        self.thing_groups.push(group);
    }

    /// The sketch of a group, which is made where it has none.
    pub(super) fn sketch(&mut self, group: u32) -> &mut S {
        self.groups[group as usize].is_sketched = true;
        self.sketches.of(group)
    }

    /// All things, grouped.
    ///
    /// Each thing is written once, to where the counts of the groups before say (counting sort).
    pub(super) fn grouped(&self) -> Grouped<T> {
        let groups = &self.groups;
        let count = u32::try_from(groups.len()).expect("no more groups than series");
        let mut by_name: Vec<u32> = (0..count).collect();
        by_name.sort_unstable_by_key(|&index| groups[index as usize].name);
        let mut spans = Vec::with_capacity(groups.len());
        // Where the next thing of each group goes.
        let mut next = vec![0; groups.len()];
        let mut end = 0;
        by_name.retain(|&index| {
            let group = &groups[index as usize];
            next[index as usize] = end;
            end += group.count;
            let comes_out = !group.is_empty() || group.is_idle;
            if comes_out {
                let &Group { name, kind, settings, samples, .. } = group;
                spans.push(Span { name, kind, settings, end, count: samples });
            }
            comes_out
        });
        let mut grouped = vec![T::default(); end];
        for (&thing, &group) in self.things.iter().zip(&self.thing_groups) {
            let next = &mut next[group as usize];
            grouped[*next] = thing;
            *next += 1;
        }
        Grouped { spans, things: grouped, groups: by_name }
    }

    /// The same with the sketches, and empties it. It keeps the room that it had use for, or none.
    pub(super) fn take_grouped(&mut self, keeps_room: bool) -> (Grouped<T>, Sketched<S>) {
        let grouped = self.grouped();
        clear_large(&mut self.groups, keeps_room);
        clear_large(&mut self.things, keeps_room);
        clear_large(&mut self.thing_groups, keeps_room);
        (grouped, std::mem::take(&mut self.sketches))
    }

    /// Its memory in bytes, where a sketch has at most so many of its own.
    pub(super) fn bytes(&self, of_sketch: usize) -> usize {
        let Self { groups, things, thing_groups, sketches } = self;
        vec_bytes(groups) + vec_bytes(things) + vec_bytes(thing_groups) + sketches.bytes(of_sketch)
    }

    /// What the things take once more when they are grouped, in bytes.
    pub(super) fn things_bytes(&self) -> usize {
        self.things.len() * size_of::<T>()
    }

    /// Drops the things of the groups that were deleted.
    pub(super) fn drop_deleted(&mut self) {
        let Self { groups, things, thing_groups, .. } = self;
        let mut kept = 0;
        for place in 0..things.len() {
            if groups[thing_groups[place] as usize].name != NO_NAME {
                (things[kept], thing_groups[kept]) = (things[place], thing_groups[place]);
                kept += 1;
            }
        }
        things.truncate(kept);
        thing_groups.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: u32) -> Group {
        Group::new(&Entry::new(name, SeriesKind::Timer, 0))
    }

    #[test]
    fn things_are_grouped_by_name_and_stay_in_order() {
        let mut log = Log::<char, u32>::default();
        for name in [30, 20, 10] {
            log.groups.push(group(name));
        }
        for (group, thing) in [(2, 'a'), (0, 'b'), (2, 'c'), (0, 'd'), (0, 'b')] {
            log.push(group, thing);
        }
        for _ in 0..2 {
            let (Grouped { spans, things, groups }, _) = log.take_grouped(true);
            assert_eq!(groups.len(), 2);
            let spans: Vec<_> = spans.iter().map(|span| (span.name, span.end)).collect();
            assert_eq!(spans, [(10, 2), (30, 5)]);
            assert_eq!(things, ['a', 'c', 'b', 'd', 'b']);
            // What is left must not come back.
            for name in [10, 30] {
                log.groups.push(group(name));
            }
            for (group, thing) in [(0, 'a'), (0, 'c'), (1, 'b'), (1, 'd'), (1, 'b')] {
                log.push(group, thing);
            }
        }
    }

    #[test]
    fn the_things_of_a_deleted_group_go_with_it() {
        let mut log = Log::<char, u32>::default();
        for name in [30, 20, 10] {
            log.groups.push(group(name));
        }
        for (group, thing) in [(2, 'a'), (0, 'b'), (2, 'c'), (1, 'd'), (0, 'e')] {
            log.push(group, thing);
        }
        log.groups[2].delete();
        log.drop_deleted();
        let Grouped { spans, things, .. } = log.grouped();
        let spans: Vec<_> = spans.iter().map(|span| (span.name, span.end)).collect();
        assert_eq!((spans, things), (vec![(20, 1), (30, 3)], vec!['d', 'b', 'e']));
    }
}
