//! The statistics of a timer by their own names, for protocols that put them into one record.

use super::writer::Writer;
use super::{Naming, Point};
use crate::{Series, State, Window};

impl Naming {
    /// What stands before the name of each series: it ends with a dot, or is empty.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Each statistic that is chosen of a timer, a histogram or a distribution, with the word that
    /// ends the names of its points: `mean`, `upper_90`. Nothing of other series.
    pub fn statistics(&self, series: &Series<'_>, window: Window, mut emit: impl FnMut(&str, f64)) {
        let State::Timer { values, count } = series.state else { return };
        let timers = self.timers(series.kind, series.settings);
        let mut writer = Writer::new(&self.layout, b"", |_: Point<'_>| ());
        let measures = writer.measure(&self.scheme, timers, values, count, window.seconds);
        timers.each(values, measures, |leaf, _, value| emit(&leaf[1..], value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Snapshot;

    #[test]
    fn the_statistics_of_a_timer_have_the_words_that_end_its_points() {
        let window = Window { timestamp: 0, seconds: 10.0 };
        let mut snapshot = Snapshot::new(window);
        snapshot.push_timer(b"t", &[1.0, 2.0, 6.0]);
        snapshot.push_counter(b"c", 1.0);
        let naming = Naming::gstatsd("app", 90.0, "");
        let mut found = Vec::new();
        for series in snapshot.series() {
            naming.statistics(&series, window, |word, value| found.push((word.to_owned(), value)));
        }
        let mut expected = Vec::new();
        naming.points(&snapshot, |point| {
            let name = String::from_utf8_lossy(point.name).into_owned();
            if let Some(leaf) = name.strip_prefix("stats.timers.app.t.") {
                let mut text = Vec::new();
                point.value.write(&mut text);
                let value = String::from_utf8(text).unwrap().parse().unwrap();
                expected.push((leaf.to_owned(), value));
            }
        });
        assert_eq!(found, expected);
        assert_eq!(found.len(), 5);
        assert_eq!(naming.prefix(), b"app.");
    }
}
