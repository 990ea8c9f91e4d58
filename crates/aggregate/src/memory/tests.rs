//! Budgets, leases, steps, and what growth is reckoned to take.

use super::*;

const MIB: usize = 1 << 20;

#[test]
fn leases_share_one_budget_and_give_back_what_they_had() {
    let budget = Budget::new(100 * MIB);
    let (mut one, mut other) = (budget.lease(Owner::Tables), budget.lease(Owner::Parts));
    assert!(one.cover(60 * MIB, Ask::NewSeries));
    assert!(!other.cover(40 * MIB, Ask::NewSeries), "the last twentieth is not for new ones");
    assert!(other.cover(40 * MIB, Ask::Samples));
    assert!(!other.cover(41 * MIB, Ask::Samples));
    assert!(other.cover(1, Ask::Samples), "it has more");
    assert_eq!((budget.held(), budget.held_by(Owner::Parts)), (100 * MIB, 40 * MIB));
    other.set(50 * MIB);
    assert_eq!(budget.held(), 110 * MIB, "what is held is held");
    drop(other);
    assert_eq!((budget.held(), budget.held_by(Owner::Parts)), (60 * MIB, 0));
    let another = one.another(5);
    assert_eq!((budget.held_by(Owner::Tables), another.bytes()), (60 * MIB + 5, 5));
    assert!(Lease::default().cover(usize::MAX, Ask::NewSeries), "nobody bounds it");
}

#[test]
fn memory_is_taken_in_chunks() {
    let budget = Budget::new(MIB);
    let mut lease = budget.lease(Owner::Tables);
    assert!(lease.cover(1, Ask::NewSeries));
    assert_eq!((lease.bytes(), budget.held()), (CHUNK, CHUNK));
    lease.set(7);
    assert_eq!(budget.held(), 7);
}

#[test]
fn steps_begin_as_it_fills_and_end_five_hundredths_below() {
    let budget = Budget::new(1_000);
    let mut lease = budget.lease(Owner::Tables);
    let mut taken = |held: usize| {
        lease.set(held);
        Step::ALL.map(|step| u8::from(budget.takes(step)))
    };
    assert_eq!(taken(699), [0, 0, 0, 0]);
    assert_eq!(taken(700), [1, 0, 0, 0]);
    assert_eq!(taken(949), [1, 1, 1, 0]);
    assert_eq!(taken(950), [1, 1, 1, 1]);
    assert_eq!(taken(900), [1, 1, 1, 1]);
    assert_eq!(taken(899), [1, 1, 1, 0]);
    assert_eq!(taken(849), [1, 1, 0, 0]);
    assert_eq!(taken(650), [1, 0, 0, 0]);
    assert_eq!(taken(649), [0, 0, 0, 0]);
    assert_eq!(taken(949), [1, 1, 1, 0]);
    assert_eq!(Step::ALL.map(|step| budget.begun(step)), [2, 2, 2, 1]);
    budget.set_max(10_000);
    assert!(!budget.takes(Step::ExpireIdle));
}

#[test]
fn what_does_not_fit_counts_as_wanted_until_nobody_has_asked_for_a_while() {
    let budget = Budget::new(100 * MIB);
    let mut lease = budget.lease(Owner::Tables);
    lease.set(40 * MIB);
    assert!(!lease.cover(120 * MIB, Ask::NewSeries));
    assert_eq!(Step::ALL.map(|step| budget.takes(step)), [false, false, false, true]);
    for _ in 0..2 * DENIAL_LOOKS {
        budget.look();
        assert!(lease.refuses_new(), "as long as series are refused");
    }
    (0..DENIAL_LOOKS).for_each(|_| budget.look());
    assert!(budget.takes(Step::RefuseNew));
    budget.look();
    assert!(!lease.refuses_new());
    assert_eq!(budget.begun(Step::RefuseNew), 1);
    // What came back makes room for what was denied.
    assert!(!lease.cover(120 * MIB, Ask::NewSeries));
    lease.set(5 * MIB);
    assert!(!budget.takes(Step::RefuseNew));
}

#[test]
fn a_large_vector_grows_by_a_quarter_as_was_reckoned() {
    let (mut things, mut grown) = (Vec::new(), 0);
    for number in 0..10 * LARGE {
        let growth = large_growth(&things, 1);
        let before = vec_bytes(&things);
        push_large(&mut things, number);
        if vec_bytes(&things) != before {
            grown += 1;
            assert!((vec_bytes(&things)..=vec_bytes(&things) + 32).contains(&growth.max(32)));
        }
    }
    assert!((15..40).contains(&grown), "{grown}");
    things.truncate(10);
    trim(&mut things);
    assert_eq!(things.capacity(), 10);
}

#[test]
fn a_block_that_is_moved_without_a_copy_is_not_there_twice() {
    let mut things = vec![0_u64; MOVED_MIN / 8];
    assert_eq!(large_growth(&things, 1_024), MOVED_MIN / 4);
    let before = vec_bytes(&things);
    reserve_large(&mut things, 1_024);
    assert_eq!(vec_bytes(&things), before + MOVED_MIN / 4);
    assert_eq!(large_growth(&things, 1_024), 0);
    let things = vec![0_u64; MOVED_MIN / 8 - 1];
    assert_eq!(large_growth(&things, 1_024) / 8, things.len() + things.len() / 4);
}
