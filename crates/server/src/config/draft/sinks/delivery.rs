//! What every sink has: what it gets, how often, and how much may wait for it.

use std::time::Duration;

use gstatsd_aggregate::Glob;

use super::{Draft, Typed};
use crate::config::{Delivery, SpoolOfSink, key::About, keys::sinks};

/// The keys of every sink.
pub(super) const KEYS: &[&str] = &["url", "name", "queue_bytes", "interval", "include", "exclude"];

/// The keys of every sink over a network beside those.
pub(super) const SPOOL_KEYS: &[&str] = &["spool_bytes", "spool_age", "spool_sync"];

impl Draft<'_> {
    pub(super) fn delivery(&mut self, typed: &Typed, flush: Duration) -> Delivery {
        let given = &typed.keys;
        let path = typed.path(&sinks::QUEUE_BYTES.about);
        let queue_bytes = self.whole_in_file(&sinks::QUEUE_BYTES, &path, given.queue_bytes);
        let interval = self.sink_interval(typed, flush);
        let include = self.globs(typed, &sinks::INCLUDE.about, given.include.as_deref());
        let exclude = self.globs(typed, &sinks::EXCLUDE.about, given.exclude.as_deref());
        let path = typed.path(&sinks::REPLAY.about);
        let replay = self.whole_in_file(&sinks::REPLAY, &path, given.replay);
        let spool = self.spool_of_sink(typed);
        Delivery { queue_bytes, interval, include, exclude, replay, spool }
    }

    fn spool_of_sink(&mut self, typed: &Typed) -> SpoolOfSink {
        let given = &typed.keys;
        let path = typed.path(&sinks::SPOOL_BYTES.about);
        let bytes = given.spool_bytes;
        let bytes = bytes.map(|_| self.whole_in_file(&sinks::SPOOL_BYTES, &path, bytes) as u64);
        let age = given.spool_age;
        let age = age.map(|_| self.sink_seconds(&sinks::SPOOL_AGE, typed, age));
        SpoolOfSink { bytes, age, sync: given.spool_sync }
    }

    /// A multiple of the flush interval.
    fn sink_interval(&mut self, typed: &Typed, flush: Duration) -> Duration {
        let interval = self.sink_seconds(&sinks::INTERVAL, typed, typed.keys.interval);
        let (seconds, flush) = (interval.as_secs_f64(), flush.as_secs_f64());
        let flushes = seconds / flush;
        if (flushes - flushes.round()).abs() > 1e-6 {
            let wrong = format!("{seconds} is no multiple of the flush interval, {flush} seconds");
            self.wrong_in_file(&typed.path(&sinks::INTERVAL.about), &wrong);
        }
        interval
    }

    fn globs(&mut self, typed: &Typed, about: &About, texts: Option<&[String]>) -> Vec<Glob> {
        let mut globs = Vec::new();
        for text in texts.unwrap_or_default() {
            match Glob::parse(text) {
                Ok(glob) => globs.push(glob),
                Err(why) => self.wrong_in_file(&typed.path(about), &format!("'{text}': {why}")),
            }
        }
        globs
    }
}
