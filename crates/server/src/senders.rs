//! Who sends most: datagrams by address, of a sample of batches, in bounded memory.
//!
//! To ask the kernel for the address of each datagram would cost something for each, so it is
//! asked for a few batches. And there may be more addresses than we care to remember. So only some
//! are counted; when one more comes than there is room for, each that is known loses one (Misra and
//! Gries, "Finding repeated elements", 1982). Who sent more than a 33rd of what was looked at is
//! among those that remain, and no count is above the true one.

use std::net::IpAddr;

/// How many addresses are counted at once.
const ADDRESSES_MAX: usize = 32;
/// How many are told of.
const TOLD_MAX: usize = 3;

/// Counts of datagrams by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Senders {
    /// How many datagrams were looked at.
    seen: u64,
    /// In no order, none of them 0, at most [`ADDRESSES_MAX`].
    counts: Vec<(IpAddr, u64)>,
}

impl Senders {
    /// A datagram came from there.
    pub(crate) fn saw(&mut self, address: IpAddr) {
        self.seen += 1;
        self.count(address.to_canonical(), 1);
        if self.counts.len() > ADDRESSES_MAX {
            self.make_room();
        }
    }

    /// Adds what others have counted.
    pub(crate) fn add(&mut self, others: &Self) {
        self.seen += others.seen;
        for (address, count) in &others.counts {
            self.count(*address, *count);
        }
        if self.counts.len() > ADDRESSES_MAX {
            self.make_room();
        }
    }

    /// Who sent most, as `10.0.0.1 62 %, 10.0.0.2 30 %, of 640 datagrams looked at`. Nothing
    /// where no datagram was looked at.
    pub(crate) fn told(&self) -> Option<String> {
        let mut counts = self.counts.clone();
        counts.sort_unstable_by_key(|(address, count)| (u64::MAX - count, *address));
        counts.truncate(TOLD_MAX);
        let sum: u64 = self.counts.iter().map(|(_, count)| count).sum();
        // Where nothing was taken away, the counts are the true ones.
        let about = if sum == self.seen { "" } else { "at least " };
        let share = |(address, count): &(IpAddr, u64)| {
            format!("{address} {about}{} %", count * 100 / self.seen)
        };
        let shares: Vec<_> = counts.iter().map(share).collect();
        let told = format!("{}, of {} datagrams looked at", shares.join(", "), self.seen);
        (!shares.is_empty()).then_some(told)
    }

    /// Who sent most, the first one before the others, and how many of a hundred datagrams that
    /// were looked at each sent.
    pub(crate) fn heaviest(&self, count: usize) -> Vec<(IpAddr, u64)> {
        let mut counts = self.counts.clone();
        counts.sort_unstable_by_key(|(address, count)| (u64::MAX - count, *address));
        counts.truncate(count);
        let share = |(address, count): (IpAddr, u64)| (address, count * 100 / self.seen.max(1));
        counts.into_iter().map(share).filter(|(_, percent)| *percent > 0).collect()
    }

    fn count(&mut self, address: IpAddr, more: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == address) {
            Some((_, count)) => *count += more,
            None => self.counts.push((address, more)),
        }
    }

    /// Takes from all what the largest has of those that there is no room for.
    fn make_room(&mut self) {
        self.counts.sort_unstable_by_key(|(_, count)| u64::MAX - count);
        let taken = self.counts.get(ADDRESSES_MAX).map_or(0, |(_, count)| *count);
        self.counts.iter_mut().for_each(|(_, count)| *count = count.saturating_sub(taken));
        self.counts.retain(|(_, count)| *count > 0);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    #[test]
    fn few_senders_are_counted_exactly_and_the_first_three_are_told() {
        let mut senders = Senders::default();
        assert_eq!(senders.told(), None);
        for number in [1, 2, 2, 3, 3, 3, 4, 4, 4, 4] {
            senders.saw(address(number));
        }
        let told = "10.0.0.4 40 %, 10.0.0.3 30 %, 10.0.0.2 20 %, of 10 datagrams looked at";
        assert_eq!(senders.told().unwrap(), told);
        assert_eq!(senders.heaviest(2), [(address(4), 40), (address(3), 30)]);
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        senders.saw(mapped);
        assert!(senders.counts.contains(&(address(1), 2)));
    }

    #[test]
    fn among_many_who_sends_much_is_found_in_bounded_memory_and_also_in_parts() {
        let (mut one, mut other) = (Senders::default(), Senders::default());
        for number in 0..100_000 {
            let from = if number % 20 == 0 { 7 } else { 1_000 + number % 5_000 };
            let senders = if number % 3 == 0 { &mut one } else { &mut other };
            senders.saw(address(from));
            assert!(senders.counts.len() <= ADDRESSES_MAX);
        }
        one.add(&other);
        assert!(one.counts.len() <= ADDRESSES_MAX);
        let found = one.counts.iter().find(|(known, _)| *known == address(7));
        let (_, count) = found.expect("it sent a 20th");
        assert!((1..=5_000).contains(count), "{count}");
        let told = one.told().unwrap();
        assert!(told.starts_with("10.0.0.7 at least "), "{told}");
        assert!(told.ends_with("of 100000 datagrams looked at"), "{told}");
    }
}
