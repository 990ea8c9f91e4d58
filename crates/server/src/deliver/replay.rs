//! What a peer may have lost that its system had acknowledged: the last snapshots that it got, to
//! be sent again over the next connection. For protocols alone where a repetition changes nothing.

use std::collections::VecDeque;

use super::queue::Item;

/// How much is kept, in bytes.
const BYTES_MAX: usize = 8 << 20;

/// The last snapshots that arrived.
pub(super) struct Replay {
    window: VecDeque<Item>,
    bytes: usize,
    flushes_max: usize,
    /// How many connections there were when the last one arrived.
    connections: u64,
}

impl Replay {
    /// Keeps so many snapshots.
    pub(super) fn new(flushes_max: usize) -> Self {
        Self { window: VecDeque::new(), bytes: 0, flushes_max, connections: 0 }
    }

    /// What is to be sent again, oldest first, now that there were so many connections.
    pub(super) fn due(&mut self, connections: u64) -> Vec<Item> {
        let is_another = std::mem::replace(&mut self.connections, connections) != connections;
        if is_another { self.window.iter().cloned().collect() } else { Vec::new() }
    }

    /// An item has arrived. One that is too large alone is not kept.
    pub(super) fn keep(&mut self, item: &Item) {
        if item.bytes > BYTES_MAX {
            return;
        }
        self.bytes += item.bytes;
        self.window.push_back(item.clone());
        while self.window.len() > self.flushes_max || self.bytes > BYTES_MAX {
            let Some(oldest) = self.window.pop_front() else { return };
            self.bytes -= oldest.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gstatsd_aggregate::{Naming, Snapshot, Window};

    use super::*;

    fn item(timestamp: i64, bytes: usize) -> Item {
        let snapshot = Arc::new(Snapshot::new(Window { timestamp, seconds: 10.0 }));
        Item { bytes, ..Item::of(snapshot, Arc::new(Naming::gstatsd("", 90.0, "")), 1) }
    }

    fn due(replay: &mut Replay, connections: u64) -> Vec<i64> {
        let due = replay.due(connections);
        due.iter().map(|item| item.snapshot.window.timestamp).collect()
    }

    #[test]
    fn the_last_snapshots_are_due_once_for_each_connection() {
        let mut replay = Replay::new(2);
        assert!(due(&mut replay, 1).is_empty());
        (1..4).for_each(|timestamp| replay.keep(&item(timestamp, 100)));
        assert!(due(&mut replay, 1).is_empty());
        assert_eq!(due(&mut replay, 2), [2, 3]);
        assert!(due(&mut replay, 2).is_empty());
        assert_eq!(due(&mut replay, 3), [2, 3]);
        let mut off = Replay::new(0);
        off.keep(&item(1, 100));
        assert!(due(&mut off, 1).is_empty());
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut replay = Replay::new(100);
        (1..6).for_each(|timestamp| replay.keep(&item(timestamp, BYTES_MAX / 3)));
        replay.keep(&item(6, BYTES_MAX + 1));
        assert_eq!(due(&mut replay, 1), [3, 4, 5]);
        assert_eq!(replay.bytes, BYTES_MAX / 3 * 3);
        replay.keep(&item(7, BYTES_MAX));
        assert_eq!(due(&mut replay, 2), [7]);
    }
}
