//! The workloads, and what is aimed at with each.

/// What is sent, and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Workload {
    /// What the packets are like.
    pub(crate) shape: Shape,
    /// The number of different keys.
    pub(crate) keys: u32,
    /// Packets per second at most; less if the server would have no room for its flush beside.
    pub(crate) packets_per_second_max: u32,
    /// The bare counter's CPU time over ours that is aimed at.
    pub(crate) aim: f64,
    /// Whether a bare counter that blocks is measured too.
    pub(crate) blocking: bool,
}

/// What the packets of a workload are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One metric a datagram.
    Single,
    /// Datagrams of up to 1,432 bytes.
    Packed,
    /// The same in the dialect of DogStatsD, and a quarter of the keys has tags.
    Tagged,
    /// Packed, and all are timers.
    Timers,
}

/// All of them, in the order of the tables. The rates keep the samples of an interval within the
/// bound that the server is given.
pub(crate) const WORKLOADS: [Workload; 9] = [
    Workload { blocking: true, ..workload(Shape::Single, 1_000, 0.92) },
    workload(Shape::Single, 100_000, 0.87),
    workload(Shape::Single, 1_000_000, 0.78),
    workload(Shape::Packed, 1_000, 0.40),
    workload(Shape::Packed, 100_000, 0.40),
    workload(Shape::Packed, 1_000_000, 0.22),
    workload(Shape::Tagged, 100_000, 0.33),
    workload(Shape::Timers, 100, 0.35),
    workload(Shape::Timers, 100_000, 0.30),
];

impl Workload {
    /// Its name.
    pub(crate) fn title(&self) -> String {
        let keys = match self.keys {
            1_000_000.. => format!("{}M", self.keys / 1_000_000),
            1_000.. => format!("{}k", self.keys / 1_000),
            _ => self.keys.to_string(),
        };
        format!("{}, {keys} keys", self.shape.title())
    }

    /// The dialect of the server.
    pub(crate) fn dialect(&self) -> &'static str {
        match self.shape {
            Shape::Tagged => "dogstatsd",
            _ => "gstatsd",
        }
    }

    /// The flags with which `gstatsd-load feed` sends it.
    pub(crate) fn flags(&self) -> Vec<String> {
        // Enough that a key does not come up in a fixed rhythm.
        let samples = (u64::from(self.keys) * 4).clamp(200_000, 2_000_000);
        let kinds = match self.shape {
            Shape::Timers => "ms=1",
            _ => "c=9,ms=7,g=3,s=1",
        };
        let mut flags = format!("--keys {} --samples {samples} --kinds {kinds}", self.keys);
        if self.shape != Shape::Timers {
            flags.push_str(" --sampled 0.2");
        }
        if self.shape != Shape::Single {
            flags.push_str(" --packed 1432");
        }
        if self.shape == Shape::Tagged {
            flags.push_str(" --tagged 0.25");
        }
        flags.split_whitespace().map(str::to_owned).collect()
    }
}

impl Shape {
    /// Its name.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Packed => "packed",
            Self::Tagged => "packed, a quarter with tags, dogstatsd",
            Self::Timers => "packed, timers only",
        }
    }
}

const fn workload(shape: Shape, keys: u32, aim: f64) -> Workload {
    let packets_per_second_max = match shape {
        Shape::Single => 200_000,
        Shape::Packed | Shape::Tagged => 60_000,
        Shape::Timers => 50_000,
    };
    Workload { shape, keys, packets_per_second_max, aim, blocking: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_has_a_title_and_the_flags_that_it_says() {
        let titles: Vec<_> = WORKLOADS.iter().map(Workload::title).collect();
        assert_eq!(titles[0], "single, 1k keys");
        assert_eq!(titles[5], "packed, 1M keys");
        assert_eq!(titles[7], "packed, timers only, 100 keys");
        let flags = WORKLOADS[6].flags().join(" ");
        assert_eq!(
            flags,
            "--keys 100000 --samples 400000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2 \
             --packed 1432 --tagged 0.25"
        );
        assert_eq!(
            WORKLOADS[7].flags().join(" "),
            "--keys 100 --samples 200000 --kinds ms=1 --packed 1432"
        );
        assert_eq!((WORKLOADS[6].dialect(), WORKLOADS[7].dialect()), ("dogstatsd", "gstatsd"));
    }
}
