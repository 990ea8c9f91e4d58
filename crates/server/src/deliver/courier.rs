//! The thread of one sink.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gstatsd_sinks::{Receipt, SendError, Sink};

use super::queue::{Item, Phase, Queue};
use super::replay::Replay;
use super::spooling::Next;
use crate::{beats, clock};

/// The shortest and the longest wait before a snapshot is sent again.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The longest wait that a peer can ask for.
const ASKED_MAX: Duration = Duration::from_mins(5);
/// How often a failing sink is mentioned in the log.
const MENTION: Duration = Duration::from_secs(60);

/// The thread of one sink: takes snapshots to it, one after the other, until each has arrived.
pub(super) struct Courier<S> {
    pub(super) name: String,
    pub(super) sink: S,
    pub(super) queue: Arc<Queue>,
    pub(super) replay: Replay,
    /// When it was last said that not all arrived.
    pub(super) mentioned: Option<Instant>,
    /// When it was last said why nothing arrives.
    pub(super) mentioned_failure: Option<Instant>,
}

impl<S: Sink> Courier<S> {
    /// Runs until nothing more will come.
    pub(super) fn run(mut self) {
        let mut failures = 0;
        loop {
            if let Some(beat) = self.queue.lock().beat.take() {
                beat.follow_clock();
            }
            beats::now();
            self.sink.prepare();
            match self.queue.next() {
                Next::Nothing => {}
                Next::Item(item) => {
                    let receipt = self.send(&item);
                    self.queue.settle(&item, receipt);
                    self.mention(receipt);
                    self.send_again(&item);
                }
                Next::Backlog => failures = self.send_backlog(failures),
                Next::End => break,
            }
        }
        self.sink.end();
        self.queue.courier_has_ended();
    }

    /// Sends the oldest snapshot of the spool, once: in between there may be newer ones. Gives how
    /// often that has failed.
    fn send_backlog(&mut self, failures: u32) -> u32 {
        let queue = Arc::clone(&self.queue);
        let (Some(shelf), Some(naming)) = (&queue.shelf, queue.lock().naming.clone()) else {
            return failures;
        };
        let (spooled_items, since) = (queue.spooled_items(), clock::now());
        let Some(item) = shelf.lend(&queue, &naming) else {
            queue.no_backlog(spooled_items);
            return failures;
        };
        let sent = self.sink.send(&item.snapshot, &item.naming);
        queue.note(self.sink.stats(), self.sink.bytes());
        queue.set_failing(sent.is_err());
        let receipt = match sent {
            Ok(receipt) => receipt,
            Err(error) if error.is_final() => Receipt { rejected: item.points, unencodable: 0 },
            Err(error) => {
                shelf.release();
                queue.give_back_to_spool(item.points);
                let asked = error.retry_after();
                self.mention_failure(error);
                queue.back_off(wait(failures, asked));
                return failures.saturating_add(1);
            }
        };
        shelf.settle(&queue, &item, receipt);
        queue.pause_backlog(since);
        self.mention(receipt);
        self.send_again(&item);
        0
    }

    /// An item has arrived. Where that took another connection, what the one before may have lost
    /// is sent over it too, once.
    fn send_again(&mut self, item: &Item) {
        for lost in self.replay.due(self.sink.connections()) {
            if self.queue.lock().phase != Phase::Open {
                break;
            }
            if let Err(error) = self.sink.send(&lost.snapshot, &lost.naming) {
                // The next connection gets it.
                self.mention_failure(error);
                break;
            }
            self.queue.lock().books.replayed += lost.points;
        }
        self.replay.keep(item);
    }

    /// Says in the log, not too often, why nothing arrives.
    fn mention_failure(&mut self, error: SendError) {
        let now = clock::now();
        if self.mentioned_failure.is_none_or(|mentioned| now >= mentioned + MENTION) {
            self.mentioned_failure = Some(now);
            log::warn!("sink {}: {:#}", self.name, anyhow::Error::new(error));
        }
    }

    /// Says in the log, not too often, that not all arrived.
    fn mention(&mut self, Receipt { rejected, unencodable }: Receipt) {
        let (name, now) = (&self.name, clock::now());
        if rejected + unencodable > 0
            && self.mentioned.is_none_or(|mentioned| now >= mentioned + MENTION)
        {
            self.mentioned = Some(now);
            log::warn!(
                "sink {name}: {rejected} points refused, {unencodable} without a form there"
            );
        }
    }

    /// Sends until the snapshot need be sent no more: it has arrived, or the sink refuses it for
    /// good, or the end has come.
    fn send(&mut self, item: &Item) -> Receipt {
        let mut failures = 0;
        loop {
            let sent = self.sink.send(&item.snapshot, &item.naming);
            self.queue.note(self.sink.stats(), self.sink.bytes());
            self.queue.set_failing(sent.is_err());
            let error = match sent {
                Ok(receipt) => {
                    if failures > 0 {
                        self.mentioned_failure = None;
                        log::info!("sink {}: delivers again", self.name);
                    }
                    return receipt;
                }
                Err(error) => error,
            };
            let (is_final, asked) = (error.is_final(), error.retry_after());
            self.mention_failure(error);
            if is_final || self.queue.is_closed() {
                return Receipt { rejected: item.points, unencodable: 0 };
            }
            self.queue.back_off(wait(failures, asked));
            failures += 1;
        }
    }
}

/// How long to wait after so many failures: what the peer asks for, within reason, and where it
/// asks for nothing or for less, the backoff.
fn wait(failures: u32, asked: Option<Duration>) -> Duration {
    backoff(failures).max(asked.unwrap_or_default().min(ASKED_MAX))
}

/// How long to wait after so many failures, when the peer asks for nothing: by chance anything up
/// to a limit that doubles each time, so that many daemons do not come back at the same moment.
fn backoff(failures: u32) -> Duration {
    let longest = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(failures + 1)).min(BACKOFF_MAX);
    BACKOFF_MIN + (longest - BACKOFF_MIN).mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_asks_for_time_gets_it_within_reason() {
        let second = Duration::from_secs(1);
        assert!(wait(0, None) <= second);
        assert_eq!(wait(0, Some(7 * second)), 7 * second);
        assert_eq!(wait(0, Some(1_000_000 * second)), ASKED_MAX);
        assert!(wait(20, Some(Duration::ZERO)) >= BACKOFF_MIN);
    }

    #[test]
    fn waits_grow_to_their_limit_and_are_not_all_alike() {
        for failures in 0..40 {
            let waits: Vec<_> = (0..200).map(|_| backoff(failures)).collect();
            let longest = waits.iter().max().unwrap();
            assert!(waits.iter().all(|wait| (BACKOFF_MIN..=BACKOFF_MAX).contains(wait)));
            assert!(*longest <= BACKOFF_MIN * 2_u32.saturating_pow(failures + 1));
            assert!(waits.iter().any(|wait| wait != longest));
        }
    }

    /// Row F57: the peer of a thousand daemons is there for 3 s and away for 3 s, for an hour.
    #[test]
    fn f57_a_thousand_daemons_come_back_one_by_one() {
        const DAEMONS: usize = 1_000;
        const HALF: u128 = 3_000;
        const CYCLES: usize = 600;
        let hour = Duration::from_hours(1);
        // How many connections there are in each hundredth of a second of the cycle.
        let mut at_once = vec![0_usize; CYCLES];
        for _ in 0..DAEMONS {
            let (mut attempts, mut at, mut failures) = (0_u64, Duration::ZERO, 0);
            while at < hour {
                let phase = at.as_millis() % (2 * HALF);
                if phase < HALF {
                    // Connected until the peer goes, which the next flush finds out.
                    at += Duration::from_millis(u64::try_from(HALF - phase).unwrap());
                    failures = 0;
                    continue;
                }
                at += backoff(failures);
                failures += 1;
                attempts += 1;
                let place = at.as_millis() % (2 * HALF) / 10;
                at_once[usize::try_from(place).unwrap()] += 1;
            }
            assert!(attempts <= hour.as_secs(), "{attempts} in an hour");
        }
        let most = at_once.iter().max().unwrap() / CYCLES;
        assert!(most < DAEMONS / 20, "{most} within a hundredth of a second");
    }
}
