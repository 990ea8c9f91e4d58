//! Writes down now and then which names had the most samples.
//!
//! The flush counts, and asks when it is time; a thread of its own sorts and writes, so that a
//! slow disk delays nobody.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gstatsd_aggregate::{NameSamples, SeriesName};

/// What is written down, and when. Without it nothing is.
pub(crate) struct FrequentNames {
    interval: Duration,
    /// When it is time again.
    due: Instant,
    inbox: SyncSender<(SystemTime, NameSamples)>,
}

impl FrequentNames {
    /// Writes every `interval` from `now` on, so many of a hundred of all names, to a file or to
    /// standard output.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(
        now: Instant,
        interval: Duration,
        percent: f64,
        log: Option<PathBuf>,
    ) -> io::Result<Self> {
        // One may wait while another is written.
        let (inbox, taken) = sync_channel(1);
        let write = move || write_each(&taken, percent, log.as_deref());
        thread::Builder::new().name("frequent keys".to_owned()).spawn(write)?;
        Ok(Self { interval, due: now + interval, inbox })
    }

    /// The same in the place of another: the next time stays, unless the interval changes.
    pub(crate) fn in_place_of(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before.filter(|before| before.interval == self.interval) {
            self.due = before.due;
        }
        self
    }

    /// Whether it is time to tell what came since the last time.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.due;
        while self.due <= now {
            self.due += self.interval;
        }
        is_due
    }

    /// Tells it.
    pub(crate) fn tell(&self, wall: SystemTime, names: NameSamples) {
        if let Err(TrySendError::Full(_)) = self.inbox.try_send((wall, names)) {
            log::warn!("frequent_keys: what was told last is not yet written; left out");
        }
    }
}

fn write_each(taken: &Receiver<(SystemTime, NameSamples)>, percent: f64, log: Option<&Path>) {
    while let Ok((wall, names)) = taken.recv() {
        let text = text(wall, names, percent);
        let written = match log {
            None => io::stdout().write_all(&text),
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                file.and_then(|mut file| file.write_all(&text))
            }
        };
        if let Err(error) = written {
            let name = log.map_or("standard output".into(), Path::to_string_lossy);
            log::warn!("frequent_keys.log: {name}: {error}");
        }
    }
}

/// A line for each name: when, how many samples, and the name.
fn text(wall: SystemTime, names: NameSamples, percent: f64) -> Vec<u8> {
    let wall = humantime::format_rfc3339_seconds(wall);
    let (mut text, mut name) = (Vec::new(), Vec::new());
    for (series, samples) in names.most_frequent(percent) {
        name.clear();
        SeriesName::of(&series).write(&mut name);
        let line = format!("{wall} count={samples} key={}\n", name.escape_ascii());
        text.extend_from_slice(line.as_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn it_is_time_at_multiples_of_the_interval() {
        let start = clock::now();
        let ten = Duration::from_secs(10);
        let mut names = FrequentNames::start(start, ten, 100.0, None).unwrap();
        let due = [9, 10, 11, 20, 45, 49, 50]
            .map(|second| names.is_due(start + Duration::from_secs(second)));
        assert_eq!(due, [false, true, false, true, true, false, true]);
        // At 60 it is time again, whenever the configuration is read meanwhile.
        let later = start + Duration::from_secs(55);
        let same = FrequentNames::start(later, ten, 100.0, None).unwrap();
        let mut same = same.in_place_of(Some(&names));
        assert!(same.is_due(start + Duration::from_secs(60)));
        let twice = FrequentNames::start(later, 2 * ten, 100.0, None).unwrap();
        let mut twice = twice.in_place_of(Some(&names));
        assert!(!twice.is_due(start + Duration::from_secs(60)));
    }
}
