//! What happened to every datagram, line and sample: the backbone of the accounting.

use gstatsd_wire::Reason;

/// How many reasons there are.
const REASONS: usize = Reason::ALL.len();

/// What no count of an interval reaches.
const WORD_MAX: u64 = 1 << 56;

/// Why a good sample was not aggregated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shed {
    /// The worker holds as many timer samples and set members of this interval as it may.
    Memory,
    /// The series is new, and there is no memory for it.
    NewSeries,
    /// The series is new, and the worker holds as many keys as it may.
    SeriesLimit,
}

impl Shed {
    /// Every reason, indexed by its discriminant.
    pub const ALL: [Self; 3] = [Self::Memory, Self::NewSeries, Self::SeriesLimit];

    /// The label under which it is counted.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::NewSeries => "new_series",
            Self::SeriesLimit => "series_limit",
        }
    }
}

/// Counts of one worker over one interval, or of all workers since the start.
///
/// Two identities hold at every flush:
///
/// * `lines = metric_lines + events + service_checks + lines_relayed + lines_rejected`
/// * `samples_received = samples_aggregated + samples_passed_on + samples_dropped_rule +
///   samples_rejected + samples_shed`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams that were read.
    pub datagrams_received: u64,
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    pub datagrams_dropped_kernel: u64,
    /// Datagrams without a byte, among those received.
    pub datagrams_empty: u64,
    /// Datagrams from a source that may not send, among those received; they were not read.
    pub datagrams_denied: u64,
    /// Bytes that came over connections, without those of TLS.
    pub stream_bytes: u64,
    /// Lines that are not empty.
    pub lines: u64,
    /// Lines with a name and a colon.
    pub metric_lines: u64,
    /// Events.
    pub events: u64,
    /// Service checks.
    pub service_checks: u64,
    /// Events and service checks, among those, that no sink gets: they were too many to be held.
    pub notices_shed: u64,
    /// Lines that a relay passed on, in place of aggregating them.
    pub lines_relayed: u64,
    /// Rejected lines, by [`Reason`].
    pub lines_rejected: [u64; REASONS],
    /// Values of metric lines, good and bad.
    pub samples_received: u64,
    /// Samples that went into a series: counted where parts are merged, not where samples
    /// arrive, so that the identity proves the way between.
    pub samples_aggregated: u64,
    /// Samples with a time of their own, which go to the sinks with it; counted where parts are
    /// merged.
    pub samples_passed_on: u64,
    /// Good samples that a rule drops.
    pub samples_dropped_rule: u64,
    /// Rejected samples, by [`Reason`].
    pub samples_rejected: [u64; REASONS],
    /// Good samples that were not aggregated, by [`Shed`].
    pub samples_shed: [u64; Shed::ALL.len()],
    /// Tags that were left out because their key came again in the same line. Counted once for
    /// each spelling, when it is seen for the first time.
    pub tags_repeated: u64,
    /// Sums that left the range of a double and were held at its edge.
    pub overflows: u64,
}

impl Counts {
    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            datagrams_received,
            datagrams_dropped_kernel,
            datagrams_empty,
            datagrams_denied,
            stream_bytes,
            lines,
            metric_lines,
            events,
            service_checks,
            notices_shed,
            lines_relayed,
            lines_rejected,
            samples_received,
            samples_aggregated,
            samples_passed_on,
            samples_dropped_rule,
            samples_rejected,
            samples_shed,
            tags_repeated,
            overflows,
        } = other;
        self.datagrams_received += datagrams_received;
        self.datagrams_dropped_kernel += datagrams_dropped_kernel;
        self.datagrams_empty += datagrams_empty;
        self.datagrams_denied += datagrams_denied;
        self.stream_bytes += stream_bytes;
        self.lines += lines;
        self.metric_lines += metric_lines;
        self.events += events;
        self.service_checks += service_checks;
        self.notices_shed += notices_shed;
        self.lines_relayed += lines_relayed;
        self.samples_received += samples_received;
        self.samples_aggregated += samples_aggregated;
        self.samples_passed_on += samples_passed_on;
        self.samples_dropped_rule += samples_dropped_rule;
        self.tags_repeated += tags_repeated;
        self.overflows += overflows;
        add_each(&mut self.lines_rejected, lines_rejected);
        add_each(&mut self.samples_rejected, samples_rejected);
        add_each(&mut self.samples_shed, samples_shed);
    }

    /// All of them in a row, for [`Counts::from_words`].
    pub(crate) fn words(&self) -> Vec<u64> {
        let mut all = self.clone();
        all.fields().into_iter().map(|field| *field).collect()
    }

    /// Counts of such a row; `None` where it is of another length, or what it says cannot be.
    pub(crate) fn from_words(words: &[u64]) -> Option<Self> {
        let mut counts = Self::default();
        let fields = counts.fields();
        let is_sound = fields.len() == words.len() && words.iter().all(|word| *word < WORD_MAX);
        is_sound.then_some(())?;
        fields.into_iter().zip(words).for_each(|(field, word)| *field = *word);
        Some(counts)
    }

    /// Each of them, in a fixed order.
    fn fields(&mut self) -> Vec<&mut u64> {
        let mut fields = vec![
            &mut self.datagrams_received,
            &mut self.datagrams_dropped_kernel,
            &mut self.datagrams_empty,
            &mut self.datagrams_denied,
            &mut self.stream_bytes,
            &mut self.lines,
            &mut self.metric_lines,
            &mut self.events,
            &mut self.service_checks,
            &mut self.notices_shed,
            &mut self.lines_relayed,
            &mut self.samples_received,
            &mut self.samples_aggregated,
            &mut self.samples_passed_on,
            &mut self.samples_dropped_rule,
            &mut self.tags_repeated,
            &mut self.overflows,
        ];
        fields.extend(&mut self.lines_rejected);
        fields.extend(&mut self.samples_rejected);
        fields.extend(&mut self.samples_shed);
        fields
    }

    /// How far the identity of lines is from closing: 0 when every line is accounted for.
    #[must_use]
    pub fn lines_residual(&self) -> i128 {
        let accounted = self.metric_lines
            + self.events
            + self.service_checks
            + self.lines_relayed
            + self.lines_rejected.iter().sum::<u64>();
        i128::from(self.lines) - i128::from(accounted)
    }

    /// How far the identity of samples is from closing: 0 when every sample is accounted for.
    #[must_use]
    pub fn samples_residual(&self) -> i128 {
        let accounted = self.samples_aggregated
            + self.samples_passed_on
            + self.samples_dropped_rule
            + self.samples_rejected.iter().sum::<u64>()
            + self.samples_shed.iter().sum::<u64>();
        i128::from(self.samples_received) - i128::from(accounted)
    }

    /// Every count with its name, in a fixed order; reasons that never happened are left out.
    /// The names are part of the public contract: they are our own metrics.
    pub fn named(&self, mut emit: impl FnMut(&str, &str, u64)) {
        emit("datagrams.received", "", self.datagrams_received);
        emit("datagrams.dropped.kernel", "", self.datagrams_dropped_kernel);
        emit("datagrams.empty", "", self.datagrams_empty);
        emit("datagrams.denied", "", self.datagrams_denied);
        emit("streams.bytes", "", self.stream_bytes);
        emit("lines.received", "", self.lines);
        emit("lines.metric", "", self.metric_lines);
        emit("lines.events", "", self.events);
        emit("lines.service_checks", "", self.service_checks);
        emit("lines.relayed", "", self.lines_relayed);
        if self.notices_shed > 0 {
            emit("notices.shed.", "memory", self.notices_shed);
        }
        emit_reasons(&self.lines_rejected, "lines.rejected.", &mut emit);
        emit("samples.received", "", self.samples_received);
        emit("samples.aggregated", "", self.samples_aggregated);
        emit("samples.passed_on", "", self.samples_passed_on);
        emit("samples.dropped.rule", "", self.samples_dropped_rule);
        emit_reasons(&self.samples_rejected, "samples.rejected.", &mut emit);
        for (shed, &count) in Shed::ALL.iter().zip(&self.samples_shed) {
            if count > 0 {
                emit("samples.shed.", shed.label(), count);
            }
        }
        emit("tags.repeated", "", self.tags_repeated);
        emit("overflows", "", self.overflows);
    }
}

fn add_each<const N: usize>(to: &mut [u64; N], from: &[u64; N]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

fn emit_reasons(counts: &[u64; REASONS], stem: &str, emit: &mut impl FnMut(&str, &str, u64)) {
    for (reason, &count) in Reason::ALL.iter().zip(counts) {
        if count > 0 {
            emit(stem, reason.label(), count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_indexed_by_their_discriminant() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
        for (index, shed) in Shed::ALL.into_iter().enumerate() {
            assert_eq!(shed as usize, index);
        }
    }

    #[test]
    fn a_sum_of_counts_sums_every_field_and_names_it() {
        let mut one = Counts::default();
        for (index, field) in one.fields().into_iter().enumerate() {
            *field = index as u64 + 1;
        }
        let mut two = one.clone();
        two.add(&one);
        let doubled: Vec<u64> = one.fields().into_iter().map(|field| *field * 2).collect();
        let got: Vec<u64> = two.fields().into_iter().map(|field| *field).collect();
        assert_eq!(got, doubled);

        let mut named = Vec::new();
        two.named(|_, _, count| named.push(count));
        named.sort_unstable();
        assert_eq!(named, doubled);
    }
}
