//! What is asked about the interval while it is open, and deleting series from it.
//!
//! ```text
//! who asks --> flush: a request of this number
//!         \-> each worker: push early, for this number --> flush: the part
//!                                          when all have: merges the parts, and answers
//! ```
//!
//! Parts that were pushed early and merged come to the same at the end of the interval as if they
//! had waited.

use std::sync::mpsc::Sender;
use std::time::Instant;

use gstatsd_aggregate::{
    Deleted, Family, Merger, SeriesKind, SeriesName, SinkStats, Snapshot, Window,
};

use super::Flush;

/// Something that is asked.
pub(crate) struct Request {
    /// The number that workers push early with.
    pub(crate) number: u64,
    /// What it is.
    pub(crate) ask: Ask,
    /// Where the answer goes.
    pub(crate) reply: Sender<Answer>,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// What the series of a family have come to.
    Show(Family),
    /// To delete series of a family.
    Delete(Family, Vec<Meant>),
    /// How things stand.
    State,
}

/// The series that are meant by a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// That of this name.
    Name(Box<[u8]>),
    /// Those whose name begins so.
    Below(Box<[u8]>),
}

/// The answer to what was asked.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The series, and what was counted in the interval.
    Shown(Box<Snapshot>),
    /// What was deleted for each word.
    Deleted(Vec<Deletion>),
    /// How things stand.
    State(State),
}

/// What was deleted for a word.
#[derive(Debug)]
pub(crate) struct Deletion {
    /// The word.
    pub(crate) meant: Meant,
    /// The series.
    pub(crate) deleted: Deleted,
}

/// How things stand.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Lines and samples that were rejected since the start.
    pub(crate) rejected: u64,
    /// When lines were last received.
    pub(crate) last_lines: Option<Instant>,
    /// What sinks tell of themselves, by name.
    pub(crate) sinks: Vec<(String, SinkStats)>,
}

impl Meant {
    /// Whether a series is meant, by its name as it is shown.
    fn has(&self, shown: &[u8]) -> bool {
        match self {
            Self::Name(name) => shown == &**name,
            Self::Below(begin) => shown.starts_with(begin),
        }
    }
}

/// Appends the name of a series as it is shown: with its tags, and where a dialect keeps
/// histograms and distributions apart from timers, with the type that was sent.
pub(crate) fn write_shown(kind: SeriesKind, name: &[u8], out: &mut Vec<u8>) {
    SeriesName::of(name).write(out);
    out.extend_from_slice(match kind {
        SeriesKind::Distribution => b"|d",
        SeriesKind::Histogram => b"|h",
        SeriesKind::Counter | SeriesKind::Gauge | SeriesKind::Set | SeriesKind::Timer => b"",
    });
}

/// A request, and which workers have pushed for it.
pub(super) struct Asked {
    request: Request,
    heard: Vec<bool>,
}

impl Asked {
    pub(super) fn new(request: Request, workers: usize) -> Self {
        Self { request, heard: vec![false; workers] }
    }

    /// A worker has pushed for a request.
    pub(super) fn heard(&mut self, number: u64, worker: usize) {
        if number == self.request.number {
            self.heard[worker] = true;
        }
    }

    fn is_ready(&self) -> bool {
        self.heard.iter().all(|heard| *heard)
    }
}

impl Flush {
    /// Answers what was asked, once every worker has pushed for it and all are in one interval.
    pub(super) fn answer_if_ready(&mut self) {
        if !self.gathering.is_level() {
            return;
        }
        let Some(Asked { request, .. }) = self.asked.take_if(|asked| asked.is_ready()) else {
            return;
        };
        self.gathering.take_open().into_iter().for_each(|push| self.merge(push));
        let answer = match request.ask {
            Ask::Show(family) => {
                let window = Window { timestamp: 0, seconds: self.interval.as_secs_f64() };
                Answer::Shown(Box::new(self.merger.open(family, window)))
            }
            Ask::Delete(family, words) => {
                let delete = |meant| delete(&mut self.merger, family, meant);
                Answer::Deleted(words.into_iter().map(delete).collect())
            }
            Ask::State => Answer::State(self.state()),
        };
        // Who asked may have given up.
        request.reply.send(answer).ok();
    }

    fn state(&self) -> State {
        let rejected = [&self.totals, &self.counts].map(|counts| {
            let lines = counts.lines_rejected.iter().sum::<u64>();
            lines + counts.samples_rejected.iter().sum::<u64>()
        });
        let sinks = self.outlets.stats();
        State { rejected: rejected.iter().sum(), last_lines: self.last_lines, sinks }
    }
}

fn delete(merger: &mut Merger, family: Family, meant: Meant) -> Deletion {
    let mut shown = Vec::new();
    let deleted = merger.delete(family, |kind, name| {
        shown.clear();
        write_shown(kind, name, &mut shown);
        meant.has(&shown)
    });
    Deletion { meant, deleted }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, channel, sync_channel};
    use std::time::Duration;

    use gstatsd_aggregate::{IdlePolicy, Naming};

    use super::*;
    use crate::beats::Beats;
    use crate::clock::{self, Cadence};
    use crate::connections::{Connections, Limits};
    use crate::deliver::Outlets;
    use crate::flush::{Closes, Making, Push, inbox};
    use crate::senders::Senders;

    /// A flush of two workers that is asked something, and where the answer comes.
    fn asked(number: u64) -> (Flush, Receiver<Answer>) {
        let (interval, (_, messages)) = (Duration::from_secs(10), inbox(2));
        let cadence = Cadence::new(clock::now(), clock::wall(), interval, false);
        let naming = Arc::new(Naming::gstatsd("", 90.0, ""));
        let limits = gstatsd_aggregate::Limits::new(10, 10);
        let making = Making { naming, idle: IdlePolicy::vanish(), limits, frequent: None };
        let books = Connections::new(Limits { all: 1, per_address: 1, descriptors: 1 }, 2);
        let spares = (0..2).map(|_| sync_channel(1).0).collect();
        let outlets = Outlets::new(Beats::new().stage("", Duration::MAX)).unwrap();
        let mut flush = Flush::new(messages, spares, cadence, interval, outlets, making, books);
        let (reply, answers) = channel();
        flush.asked = Some(Asked::new(Request { number, ask: Ask::State, reply }, 2));
        (flush, answers)
    }

    fn push(worker: usize, interval: u64, closes: Closes) -> Push {
        let (part, senders) = (Box::default(), Senders::default());
        Push { worker, interval, closes, part, senders }
    }

    #[test]
    fn an_answer_waits_for_every_worker_and_until_all_are_in_one_interval() {
        let (mut flush, answers) = asked(7);
        let mut is_answered = |pushed: Push| {
            flush.take_in(pushed);
            while let Some(closed) = flush.gathering.close(flush.cadence) {
                flush.flush(closed, false);
            }
            flush.answer_if_ready();
            answers.try_recv().is_ok()
        };
        assert!(!is_answered(push(0, 0, Closes::Interval)));
        assert!(!is_answered(push(0, 1, Closes::Request(7))));
        assert!(!is_answered(push(1, 0, Closes::Request(6))), "of who has given up");
        assert!(!is_answered(push(1, 0, Closes::Request(7))), "worker 0 is ahead");
        assert!(is_answered(push(1, 0, Closes::Interval)));
        assert!(!is_answered(push(1, 1, Closes::Request(7))), "it was answered");
    }
}
