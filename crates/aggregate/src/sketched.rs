//! The sketches of one interval, each of one record or one group.

use hashbrown::HashTable;

/// The sketches of those records that have one, by their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Sketched<S> {
    /// The places of the sketches.
    places: HashTable<u32>,
    sketches: Vec<(u32, S)>,
    /// The place that was asked for last: a busy series is asked for again and again.
    last: usize,
}

// By hand, as `S` need not have a default for this.
impl<S> Default for Sketched<S> {
    fn default() -> Self {
        Self { places: HashTable::new(), sketches: Vec::new(), last: 0 }
    }
}

impl<S> Sketched<S> {
    /// The sketch of a record, where it has one.
    pub(crate) fn find(&mut self, record: u32) -> Option<&mut S> {
        if self.sketches.get(self.last).is_none_or(|(last, _)| *last != record) {
            let is_it = |place: &u32| self.sketches[*place as usize].0 == record;
            self.last = *self.places.find(hash(record), is_it)? as usize;
        }
        self.sketches.get_mut(self.last).map(|(_, sketch)| sketch)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sketches.len()
    }

    /// Their memory in bytes, where each has at most so many of its own.
    pub(crate) fn bytes(&self, of_each: usize) -> usize {
        let places = crate::memory::table_bytes(self.places.capacity(), size_of::<u32>());
        places + crate::memory::vec_bytes(&self.sketches) + self.sketches.len() * of_each
    }

    /// Each of them with the number of its record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &S)> {
        self.sketches.iter().map(|(record, sketch)| (*record, sketch))
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.sketches.clear();
        self.last = 0;
    }
}

impl<S: Default> Sketched<S> {
    /// Takes out the sketch of a record, where it has one: an empty one is left.
    pub(crate) fn take(&mut self, record: u32) -> Option<S> {
        self.find(record).map(std::mem::take)
    }

    /// The sketch of a record, which is made where it has none.
    pub(crate) fn of(&mut self, record: u32) -> &mut S {
        if self.find(record).is_none() {
            self.last = self.sketches.len();
            let place = u32::try_from(self.last).expect("there are no more than records");
            let Self { places, sketches, .. } = self;
            sketches.push((record, S::default()));
            places.insert_unique(hash(record), place, |at| hash(sketches[*at as usize].0));
        }
        &mut self.sketches[self.last].1
    }
}

/// Nobody chooses the numbers of records.
fn hash(record: u32) -> u64 {
    u64::from(record).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_sketch_whatever_was_asked_for_before() {
        let mut sketched = Sketched::<u64>::default();
        for round in 1..=2 {
            assert_eq!(sketched.find(7), None);
            for record in (0..1_000).chain((0..1_000).rev()) {
                *sketched.of(record) += u64::from(record);
            }
            assert_eq!(sketched.len(), 1_000, "round {round}");
            assert!(sketched.iter().all(|(record, sum)| *sum == 2 * u64::from(record)));
            assert_eq!(sketched.find(7), Some(&mut 14));
            assert_eq!(sketched.find(1_000), None);
            assert_eq!((sketched.take(7), sketched.take(7)), (Some(14), Some(0)));
            sketched.clear();
        }
    }
}
