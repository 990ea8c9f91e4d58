//! What is made of a snapshot before it goes into a queue, on a thread of its own where that costs
//! time: so neither the flush nor another sink waits for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::{io, panic};

use gstatsd_aggregate::{Naming, Snapshot};

use super::feed::Feed;
use crate::beats::{self, Beat};
use crate::clock;

/// How many jobs may wait, each with a snapshot.
const JOBS_MAX: usize = 64;

/// The thread that prepares snapshots.
pub(super) struct Preparing {
    jobs: SyncSender<Job>,
    thread: JoinHandle<()>,
}

enum Job {
    /// Some of it may not be for the sink, or it may come as one with others.
    Take(Arc<Feed>, Arc<Snapshot>, Arc<Naming>),
    /// The queue is nearly full.
    Coalesce(Arc<Feed>),
    /// Nothing more will come.
    End(Arc<Feed>),
}

impl Preparing {
    pub(super) fn start(beat: Beat) -> io::Result<Self> {
        let (jobs, inbox) = sync_channel(JOBS_MAX);
        let thread =
            thread::Builder::new().name("prepare".to_owned()).spawn(move || run(&inbox, &beat))?;
        Ok(Self { jobs, thread })
    }

    /// Brings a snapshot on the way to a sink, and waits for nothing.
    pub(super) fn hand_over(
        &self,
        feed: &Arc<Feed>,
        snapshot: &Arc<Snapshot>,
        naming: &Arc<Naming>,
    ) {
        if !feed.is_plain() {
            feed.queue.expect();
            let job = Job::Take(Arc::clone(feed), Arc::clone(snapshot), Arc::clone(naming));
            if let Err(TrySendError::Full(_)) = self.jobs.try_send(job) {
                feed.refuse(snapshot, naming);
            }
            return;
        }
        feed.push(snapshot, naming, 0);
        if feed.queue.is_nearly_full() {
            // With no room for the job a later one comes.
            self.jobs.try_send(Job::Coalesce(Arc::clone(feed))).ok();
        }
    }

    /// Nothing more will come for this sink.
    pub(super) fn end(&self, feed: &Arc<Feed>) {
        match feed.is_plain() {
            true => feed.end(),
            false => drop(self.jobs.send(Job::End(Arc::clone(feed)))),
        }
    }

    /// Ends the thread, when all jobs are done.
    pub(super) fn stop(self) {
        let Self { jobs, thread } = self;
        drop(jobs);
        if let Err(panicked) = thread.join() {
            panic::resume_unwind(panicked);
        }
    }
}

fn run(jobs: &Receiver<Job>, beat: &Beat) {
    loop {
        beat.advance(clock::now());
        let job = match jobs.recv_timeout(beats::WAIT_MAX) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match job {
            Job::Take(feed, snapshot, naming) => {
                feed.take(&snapshot, &naming);
                feed.coalesce();
            }
            Job::Coalesce(feed) => feed.coalesce(),
            Job::End(feed) => feed.end(),
        }
    }
}
