//! A spool against a queue in memory.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Append(u32, usize),
    Take,
    Release,
    /// Kill it, or end it in order, and open it again.
    Reopen(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..50_u32, 0..6_000_usize).prop_map(|(points, fill)| Step::Append(points, fill)),
        4 => Just(Step::Take),
        1 => Just(Step::Release),
        1 => any::<bool>().prop_map(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn property_test_a_spool_is_a_queue_that_outlives_its_process(
        steps in prop::collection::vec(step(), 0..120)
    ) {
        let dir = Dir::new("model");
        let mut twin = VecDeque::new();
        let (mut spool, _) = open(&dir, MANY);
        // Small segments, so that there are many.
        spool.settings.bytes_max = 8 * 20_000;
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(points, fill) => {
                    spool.settings.bytes_max = MANY;
                    let record = record(at as i64, points, fill);
                    append(&mut spool, &record);
                    twin.push_back(record);
                }
                Step::Take => {
                    let lent = spool.lend();
                    prop_assert_eq!(lent.as_ref(), twin.front());
                    spool.confirm();
                    twin.pop_front();
                }
                Step::Release => {
                    let lent = spool.lend();
                    prop_assert_eq!(lent.as_ref(), twin.front());
                    spool.release();
                }
                Step::Reopen(in_order) => {
                    match in_order {
                        true => spool.close(),
                        false => drop(spool),
                    }
                    let opened;
                    (spool, opened) = open(&dir, MANY);
                    prop_assert_eq!((opened.lost_points, opened.is_damaged), (0, false));
                }
            }
            let Pending { records, points, .. } = spool.pending();
            let expected: u64 = twin.iter().map(|record| u64::from(record.points)).sum();
            prop_assert_eq!((records, points), (twin.len() as u64, expected));
        }
        prop_assert_eq!(drain(&mut spool), Vec::from(twin));
        prop_assert_eq!(spool.take_losses(), Losses::default());
    }
}
