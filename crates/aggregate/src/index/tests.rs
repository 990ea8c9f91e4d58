//! Tests of the index, and its slow, obvious twin.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher as _};

use proptest::prelude::*;

use super::*;
use crate::SeriesKind;
use crate::fingerprint::Fingerprinter;

fn sweep_all(index: &mut Index, interval: u32, idle_max: u32) -> Vec<u32> {
    let mut retired = Vec::new();
    // Twice round, since a canonical alias goes after the others.
    let places = index.places.len() * Line::ALIASES;
    // What has not moved is not looked at.
    index.move_lines(places);
    index.sweep(2 * places, interval, [idle_max; 2], |slot| retired.push(slot));
    index.sweep(2 * places, interval, [idle_max; 2], |slot| retired.push(slot));
    retired
}

fn use_record(index: &mut Index, fingerprint: u128, interval: u32, record: u32) -> Option<u32> {
    index.use_record(fingerprint, interval, |_| record)
}

/// Row F90: names that share their place under a hash without a key, of which anybody can make as
/// many as they like, take no longer to be found than others.
#[test]
fn f90_names_that_are_chosen_to_collide_stand_as_far_apart_as_others() {
    let unkeyed = |name: &str| {
        let mut hasher = DefaultHasher::new();
        hasher.write(name.as_bytes());
        hasher.finish()
    };
    let names = (0..).map(|number: u32| format!("name.{number}"));
    let chosen = names.filter(|name| unkeyed(name).is_multiple_of(256)).take(2_000);
    let others = (0..2_000).map(|number| format!("other.{number}"));
    let [chosen, others] = [chosen.collect(), others.collect()].map(|names: Vec<String>| {
        let fingerprinter = Fingerprinter::new();
        let mut index = Index::new(10_000);
        let of = |name: &String| fingerprinter.of(SeriesKind::Counter, 0, name.as_bytes(), b"");
        for fingerprint in names.iter().map(of) {
            index.learn(fingerprint, fingerprint, 0, &mut |_| None);
        }
        index.move_lines(index.places.len());
        // How many lines are looked at to find each of them.
        let lines = |fingerprint| {
            let Place { line, .. } = find(&index.places, fingerprint).unwrap();
            index.places.distance(index.places.line_of(fingerprint), line) + 1
        };
        names.iter().map(of).map(lines).sum::<usize>()
    });
    assert!(chosen < 2 * others, "{chosen} {others}");
}

#[test]
fn what_was_used_in_one_interval_alone_may_expire_sooner() {
    let mut index = Index::new(10);
    for fingerprint in [1, 2] {
        index.learn(fingerprint, fingerprint, 0, &mut |_| None);
        index.use_record(fingerprint, 1, |_| 0);
    }
    index.use_record(2, 2, |_| 0);
    let places = index.places();
    let mut retired = Vec::new();
    for _ in 0..20 {
        index.sweep(2 * places, 5, [2, 60], |slot| retired.push(slot));
    }
    assert_eq!(retired, [0]);
    assert_eq!((index.use_record(1, 6, |_| 0), index.use_record(2, 6, |_| 7)), (None, Some(7)));
}

#[test]
fn an_index_does_not_move_into_as_many_lines_as_it_has() {
    for count in 0..40 {
        let mut index = Index::new(100);
        for fingerprint in 1..=40 {
            learn(&mut index, fingerprint);
        }
        sweep_all(&mut index, 100, 2);
        for fingerprint in 1..=count {
            learn(&mut index, fingerprint);
        }
        for _ in 0..10 {
            index.shrink();
            index.move_lines(100);
        }
        let lines = index.places.len();
        index.shrink();
        assert!(index.outgrown.is_none() && index.places.len() == lines, "{count} in {lines}");
    }
}

fn learn(index: &mut Index, fingerprint: u128) -> bool {
    matches!(index.learn(fingerprint, fingerprint, 0, &mut |_| None), Learned::Series(_))
}

#[test]
fn an_index_that_has_become_empty_gives_its_memory_back_and_still_knows_the_rest() {
    let mut index = Index::new(100_000);
    let mut interval = 1;
    let empty = index.bytes();
    for fingerprint in 1..=20_000_u128 {
        let spread = fingerprint.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let admit = &mut |bytes| (bytes < empty).then_some(Shed::NewSeries);
        let learned = index.learn_homed(spread, !spread, interval, admit);
        assert!(matches!(learned, Learned::Series(_)));
    }
    let full = index.bytes();
    drop(index.take_discarded());
    let of = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for _ in 0..50 {
        interval += 1;
        for number in 1..=10 {
            index.use_record(of(number), interval, |slot| slot);
        }
        index.sweep(1 << 20, interval, [2; 2], |_| {});
        index.shrink();
        drop(index.take_discarded());
    }
    assert!(index.bytes() < full / 20, "{} of {full}", index.bytes());
    for number in 1..=10 {
        let slot = u32::try_from(number).unwrap() - 1;
        assert_eq!(index.use_record(of(number), interval + 1, |slot| slot), Some(slot));
    }
    assert_eq!(index.use_record(of(11), interval + 1, |slot| slot), None);
    let again = index.learn_homed(of(11), !of(11), interval, &mut |_| None);
    assert!(matches!(again, Learned::Series(10..20_000)), "numbers of slots are used again");
    let refused = index.learn_homed(of(12), !of(12), interval, &mut |_| Some(Shed::NewSeries));
    assert_eq!(refused, Learned::Refused(Shed::NewSeries));
}

#[test]
fn two_spellings_of_a_series_share_its_record() {
    let mut index = Index::new(10);
    assert_eq!(index.learn(2, 1, 0, &mut |_| None), Learned::Series(0));
    assert_eq!(index.learn(3, 1, 0, &mut |_| None), Learned::Alias(1));
    assert_eq!(index.record(2, 1), None);
    assert_eq!(use_record(&mut index, 2, 1, 7), Some(7));
    assert_eq!(index.record(2, 1), Some(7));
    // The other spelling has not been used yet, and finds the same record.
    assert_eq!(index.record(3, 1), None);
    assert_eq!(use_record(&mut index, 3, 1, 8), Some(7));
    assert_eq!(index.record(3, 1), Some(7));
    assert_eq!(index.record(2, 2), None);
    assert_eq!(use_record(&mut index, 4, 1, 9), None);
}

#[test]
fn a_second_spelling_finds_the_record_of_the_first() {
    let mut index = Index::new(10);
    index.learn(1, 1, 0, &mut |_| None);
    assert_eq!(use_record(&mut index, 1, 1, 7), Some(7));
    assert_eq!(index.learn(2, 1, 0, &mut |_| None), Learned::Alias(1));
    assert_eq!(use_record(&mut index, 2, 1, 8), Some(7));
    // And the other way round in the next interval.
    assert_eq!(use_record(&mut index, 2, 2, 9), Some(9));
    assert_eq!(use_record(&mut index, 1, 2, 10), Some(9));
}

#[test]
fn without_room_a_known_series_is_found_and_a_new_one_refused() {
    let mut index = Index::new(1);
    assert_eq!(index.learn(1, 1, 0, &mut |_| None), Learned::Series(0));
    assert_eq!(index.learn(2, 1, 0, &mut |_| None), Learned::Alias(1));
    assert_eq!(index.learn(3, 3, 0, &mut |_| None), Learned::Refused(Shed::SeriesLimit));
    assert_eq!(index.count, 1);
    // Every spelling goes by the canonical one, and finds the one record of the interval.
    assert_eq!(use_record(&mut index, 1, 1, 7), Some(7));
    assert_eq!(use_record(&mut index, 1, 1, 8), Some(7));
    assert_eq!(use_record(&mut index, 1, 2, 9), Some(9));
}

#[test]
fn an_idle_slot_is_retired_and_its_number_used_again() {
    let mut index = Index::new(10);
    index.learn(2, 1, 0, &mut |_| None);
    use_record(&mut index, 1, 1, 0);
    use_record(&mut index, 2, 1, 0);
    assert_eq!(sweep_all(&mut index, 3, 2), []);
    assert_eq!(sweep_all(&mut index, 4, 2), [0]);
    assert_eq!(index.count, 0);
    assert_eq!(index.find(1), None);
    assert_eq!(index.learn(3, 3, 3, &mut |_| None), Learned::Series(0));
}

#[test]
fn an_idle_spelling_of_a_busy_series_expires_alone() {
    let mut index = Index::new(10);
    index.learn(2, 1, 0, &mut |_| None);
    use_record(&mut index, 1, 9, 0);
    assert_eq!(sweep_all(&mut index, 9, 2), []);
    assert_eq!(index.find(2), None);
    assert!(index.find(1).is_some());
}

#[test]
fn a_busy_spelling_keeps_the_canonical_one() {
    let mut index = Index::new(10);
    index.learn(2, 1, 0, &mut |_| None);
    use_record(&mut index, 2, 9, 0);
    // The slot was written at 9 by the other spelling; at 12 that one alone is still in use.
    use_record(&mut index, 2, 12, 0);
    assert_eq!(sweep_all(&mut index, 12, 2), []);
    assert_eq!(index.count, 2);
}

#[test]
fn a_series_that_no_spelling_names_is_known_by_its_first_one() {
    let mut index = Index::new(10);
    assert_eq!(index.learn_homed(2, 1, 0, &mut |_| None), Learned::Series(0));
    assert_eq!((index.count, index.find(1)), (1, None));
    assert_eq!(use_record(&mut index, 2, 1, 7), Some(7));
    assert_eq!(index.learn_homed(3, 1, 0, &mut |_| None), Learned::Alias(2));
    assert_eq!(use_record(&mut index, 3, 1, 8), Some(7));
    // The first one stays as long as another leads to the slot.
    use_record(&mut index, 3, 12, 0);
    assert_eq!(sweep_all(&mut index, 12, 2), []);
    assert_eq!(index.count, 2);
    assert_eq!(sweep_all(&mut index, 15, 2), [0]);
    assert_eq!(index.learn_homed(3, 1, 14, &mut |_| None), Learned::Series(0));
    assert_eq!(index.learn_homed(2, 1, 14, &mut |_| None), Learned::Alias(3));
}

#[test]
fn without_room_a_series_that_no_spelling_names_is_found_by_its_first_one() {
    let mut index = Index::new(1);
    assert_eq!(index.learn_homed(2, 1, 0, &mut |_| None), Learned::Series(0));
    assert_eq!(index.learn_homed(3, 1, 0, &mut |_| None), Learned::Alias(2));
    assert_eq!(index.learn_homed(5, 4, 0, &mut |_| None), Learned::Refused(Shed::SeriesLimit));
    assert_eq!((index.count, index.homes.len()), (1, 1));
    assert_eq!(use_record(&mut index, 3, 1, 7), None);
    assert_eq!(use_record(&mut index, 2, 1, 7), Some(7));
}

#[derive(Clone, Debug)]
enum Step {
    /// A spelling is used: its canonical one is the next lower multiple of 4. Of each second one
    /// the canonical one is never used itself.
    Use(u128),
    Sweep(usize),
    NextInterval,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Few low bits, so that most of them want the same places; some far apart.
        20 => (1..40_u128, 0..3_u128).prop_map(|(low, high)| Step::Use(low | high << 64)),
        2 => (0..3_000_usize).prop_map(Step::Sweep),
        1 => Just(Step::NextInterval),
    ]
}

/// Every alias is found, and stands once.
fn check(index: &mut Index) -> Result<(), TestCaseError> {
    prop_assert!(index.count <= index.places.len());
    let moving = index.outgrown.iter().flat_map(|outgrown| outgrown.places.iter());
    let aliases = index.places.iter().chain(moving).flat_map(|line| line.0);
    let known: BTreeSet<_> = aliases.map(|alias| alias.fingerprint).filter(|&it| it != 0).collect();
    prop_assert_eq!(known.len(), index.count);
    for fingerprint in &known {
        // A copy, so that nothing moves.
        let found = find(&index.places, *fingerprint)
            .is_some_and(|place| index.alias(place).fingerprint == *fingerprint);
        let moving = index.outgrown.as_ref();
        let waits = moving.is_some_and(|outgrown| {
            find(&outgrown.places, *fingerprint).is_some_and(|place| place.line >= outgrown.next)
        });
        prop_assert!(found || waits, "lost {fingerprint}");
    }
    Ok(())
}

proptest! {
    /// The twin is a plain map from canonical spelling to record, which forgets nothing that was
    /// used in the last interval.
    #[test]
    fn property_test_an_index_equals_a_plain_map(
        steps in prop::collection::vec(step(), 0..400)
    ) {
        let mut index = Index::new(1_000);
        let (mut interval, mut records) = (1, 0);
        let mut twin = BTreeMap::new();
        for step in steps {
            match step {
                Step::Use(fingerprint) => {
                    let canonical = (fingerprint & !3).max(1);
                    let mut used = index.record(fingerprint, interval);
                    for _ in 0..2 {
                        if used.is_none() {
                            used = index.use_record(fingerprint, interval, |_| {
                                records += 1;
                                records
                            });
                        }
                        if used.is_none() && fingerprint & 4 == 0 {
                            index.learn(fingerprint, canonical, interval - 1, &mut |_| None);
                        } else if used.is_none() {
                            let home = canonical ^ 1 << 100;
                            index.learn_homed(fingerprint, home, interval - 1, &mut |_| None);
                        }
                    }
                    let record = used.expect("it was learned");
                    prop_assert_eq!(*twin.entry(canonical).or_insert(record), record);
                }
                Step::Sweep(budget) => index.sweep(budget, interval, [1; 2], |_| {}),
                Step::NextInterval => {
                    interval += 1;
                    twin.clear();
                }
            }
            check(&mut index)?;
        }
    }
}
