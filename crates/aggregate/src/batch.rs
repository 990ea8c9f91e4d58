//! Packets that were received together, on their way into a table: the path of every sample.
//!
//! ```text
//! parse --> fingerprint --> fetch its place
//!                           64 of them --> where is the record? --> fetch it
//!                                          64 of them           --> write
//! ```

use arrayvec::ArrayVec;
use gstatsd_wire::{Kind, Line, Receiver, Rejection, Sample, Tags, Value};

use crate::prefetch::Row;
use crate::{Counts, Dialect, Part, SeriesKind, Shed, Table};

/// How many samples wait to be written at most.
const PENDING_MAX: usize = 64;

/// Packets that were received together, on their way into a table.
///
/// Samples are gathered by the dozen before they are written, so that the processor can fetch
/// what they need from memory meanwhile: first the places of their spellings, then their records.
/// They are written in the order in which they came. Dropping it writes the last ones.
pub struct Batch<'t, 'p> {
    table: &'t mut Table,
    dialect: Dialect,
    /// For each type of the protocol, the kind of series that it feeds.
    kinds: [SeriesKind; Kind::ALL.len()],
    /// The number of the listener's dialect.
    listener: u8,
    /// The metric line whose samples come.
    line: &'p [u8],
    /// Its number in the part.
    number: u32,
    pending: ArrayVec<Pending<'p>, PENDING_MAX>,
    members: ArrayVec<Member<'p>, PENDING_MAX>,
    /// Whether one of the samples changes a gauge.
    has_changes: bool,
    /// How many samples have been written.
    samples: usize,
    /// How many metric lines are not counted in the part yet.
    metric_lines: u64,
}

/// A sample that waits to be written: one cache line.
#[derive(Clone, Copy)]
pub(crate) struct Pending<'p> {
    pub(crate) fingerprint: u128,
    /// The line that it comes from; it begins with the name.
    pub(crate) line: &'p [u8],
    pub(crate) number: f64,
    pub(crate) rate: f64,
    pub(crate) kind: SeriesKind,
    pub(crate) listener: u8,
    /// Whether the number changes a gauge.
    is_change: bool,
}

impl<'p> Pending<'p> {
    /// What stands before the colon.
    pub(crate) fn name(&self) -> &'p [u8] {
        self.line.split(|byte| *byte == b':').next().unwrap_or_default()
    }
}

/// The member of a sample that is to be added to a set.
#[derive(Clone, Copy)]
struct Member<'p> {
    /// The place of the sample.
    place: usize,
    text: &'p [u8],
}

/// Where the record of each sample stands, or [`REFUSED`].
type Records = [u32; PENDING_MAX];

/// Stands for the record of a sample that is refused.
const REFUSED: u32 = u32::MAX;

impl<'t, 'p> Batch<'t, 'p> {
    pub(crate) fn new(table: &'t mut Table, listener: u8, number: u32) -> Self {
        let listener = table.ways.same[usize::from(listener)];
        let dialect = table.ways.dialects[usize::from(listener)];
        Self {
            table,
            dialect,
            kinds: Kind::ALL.map(|kind| dialect.series_kind(kind)),
            listener,
            line: &[],
            number,
            pending: ArrayVec::new(),
            members: ArrayVec::new(),
            has_changes: false,
            samples: 0,
            metric_lines: 0,
        }
    }

    /// Takes in one packet.
    #[inline]
    pub fn packet(&mut self, packet: &'p [u8]) {
        self.count_packet(packet);
        self.lines(packet);
    }

    /// Takes in lines that came over a connection, and so in no packet.
    #[inline]
    pub fn lines(&mut self, lines: &'p [u8]) {
        let grammar = self.dialect.grammar;
        match self.is_plain() {
            true => gstatsd_wire::parse(lines, &grammar, &mut Reader::<'_, '_, '_, true>(self)),
            false => gstatsd_wire::parse(lines, &grammar, &mut Reader::<'_, '_, '_, false>(self)),
        }
    }

    /// Takes in a packet that was cut on its way: its broken last line is rejected.
    pub fn truncated_packet(&mut self, packet: &'p [u8]) {
        let grammar = self.dialect.grammar;
        self.count_packet(packet);
        gstatsd_wire::parse_truncated(packet, &grammar, &mut Reader::<'_, '_, '_, false>(self));
    }

    /// Whether a spelling is a name and nothing else: tags make no difference, and the listener
    /// has the dialect of the table. And no sample has a time of its own.
    fn is_plain(&self) -> bool {
        let grammar = &self.dialect.grammar;
        grammar.tags == Tags::Skip && !grammar.timestamps && self.listener == 0
    }

    /// What is counted of the interval.
    pub fn counts_mut(&mut self) -> &mut Counts {
        self.table.counts_mut()
    }

    /// Counts a packet that is not to be taken in; [`Batch::packet`] counts its own.
    pub fn count_packet(&mut self, packet: &[u8]) {
        let counts = &mut self.table.part.counts;
        counts.datagrams_received += 1;
        counts.datagrams_empty += u64::from(packet.is_empty());
    }

    /// Takes in a line that is no metric's.
    #[cold]
    fn other_line(&mut self, line: Line<'p>) {
        let part = &mut self.table.part;
        match line {
            // Counted with its samples.
            Line::Metric(_) => return,
            Line::Event(line) => {
                part.counts.events += 1;
                part.notice(line);
            }
            Line::ServiceCheck(line) => {
                part.counts.service_checks += 1;
                part.notice(line);
            }
            Line::Rejected(Rejection { reason, text }) => {
                part.counts.lines_rejected[reason as usize] += 1;
                part.example(reason, text);
            }
        }
        part.counts.lines += 1;
    }

    /// Takes in a sample with a time of its own, which waits for no other.
    #[cold]
    fn pass_on(&mut self, sample: &Sample<'p>, fingerprint: u128, second: u64) {
        let (Value::Number(number) | Value::Delta(number)) = sample.value else { return };
        let pending = Pending {
            fingerprint,
            line: self.line,
            number,
            rate: sample.rate,
            kind: self.kinds[sample.kind as usize],
            listener: self.listener,
            is_change: false,
        };
        self.table.part.counts.samples_received += 1;
        self.table.pass_on(&pending, self.number, second.cast_signed());
    }

    /// Writes what waits.
    #[inline(never)]
    fn settle(&mut self) {
        self.samples += self.pending.len();
        let table = &mut *self.table;
        let counts = &mut table.part.counts;
        counts.samples_received += self.pending.len() as u64;
        counts.lines += self.metric_lines;
        counts.metric_lines += std::mem::take(&mut self.metric_lines);
        let row = Row::of(&table.part.records);
        let mut records: Records = [REFUSED; PENDING_MAX];
        for (pending, record) in self.pending.iter().zip(&mut records) {
            *record = table.record(pending).unwrap_or(REFUSED);
            row.prefetch(*record as usize);
        }
        match !self.has_changes && table.has_room(PENDING_MAX) {
            true => self.write_all(&records),
            false => self.write_each(&records),
        }
        self.pending.clear();
        self.members.clear();
        self.has_changes = false;
    }

    /// Writes all that waits, in the same steps for every kind. No sample changes a gauge, and
    /// there is room for all of them.
    fn write_all(&mut self, records: &Records) {
        let (kept, members_kept) = (self.table.timer_values_max, self.table.set_members_max());
        let (part, fingerprinter) = (&mut *self.table.part, &self.table.fingerprinter);
        let mut members = ArrayVec::<_, PENDING_MAX>::new();
        for member in &self.members {
            let fingerprint = fingerprinter.of_member(records[member.place], member.text);
            part.members.prefetch(fingerprint);
            members.push(fingerprint);
        }
        let (mut timed, mut values, mut count) = ([0; PENDING_MAX], [0.0; PENDING_MAX], 0);
        let mut large = 0;
        for (pending, &index) in self.pending.iter().zip(records) {
            let Pending { number, rate, .. } = *pending;
            let Some(record) = part.records.get_mut(index as usize) else { continue };
            if !record.write(self.number, number, rate) {
                let overflow;
                (record.value, overflow) = record.weighted(number, rate);
                record.samples += 1;
                part.counts.overflows += u64::from(overflow);
            }
            // Every sample is put there, and only those of timers and the like stay.
            (timed[count % PENDING_MAX], values[count % PENDING_MAX]) = (index, number);
            count += record.kept();
            large |= record.kept() & usize::from(record.samples > kept);
        }
        if large == 0 {
            part.timed.extend_from_slice(&timed[..count]);
            part.values.extend_from_slice(&values[..count]);
        } else {
            part.take_values(&timed[..count], &values[..count], kept);
        }
        for (member, &fingerprint) in self.members.iter().zip(&members) {
            let record = records[member.place];
            if record != REFUSED {
                let member = (fingerprint, member.text);
                part.take_member(record, member, members_kept, usize::MAX);
            }
        }
    }

    /// Writes what waits one by one: the obvious twin of [`Self::write_all`], for any samples.
    #[cold]
    fn write_each(&mut self, records: &Records) {
        let mut members = self.members.iter();
        for (pending, &record) in self.pending.iter().zip(records) {
            let member = match pending.kind {
                SeriesKind::Set => members.next().map_or(&[][..], |member| member.text),
                _ => &[],
            };
            if record == REFUSED {
                continue;
            }
            if !self.table.has_room(1) {
                self.table.make_room();
            }
            let (room, kept) = (self.table.room(), self.table.timer_values_max);
            let members_kept = self.table.set_members_max();
            let fingerprint = self.table.fingerprinter.of_member(record, member);
            let part = &mut *self.table.part;
            let taken = match pending.kind {
                SeriesKind::Set => {
                    part.take_member(record, (fingerprint, member), members_kept, room)
                }
                SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                    let taken = part.take_value(record, pending.number, kept, room);
                    if taken {
                        write_sum(part, record, pending);
                    }
                    taken
                }
                _ => write_one(part, record, pending, (self.number, room > 0)),
            };
            part.records[record as usize].samples += u64::from(taken);
            part.counts.samples_shed[Shed::Memory as usize] += u64::from(!taken);
        }
    }
}

/// Adds a sample to what its record sums up.
fn write_sum(part: &mut Part, index: u32, pending: &Pending<'_>) {
    let record = &mut part.records[index as usize];
    let overflow;
    (record.value, overflow) = record.weighted(pending.number, pending.rate);
    part.counts.overflows += u64::from(overflow);
}

/// Writes a sample of a counter or a gauge to its record; says whether there was room for it.
fn write_one(
    part: &mut Part,
    index: u32,
    pending: &Pending<'_>,
    (batch, has_room): (u32, bool),
) -> bool {
    match pending.kind {
        SeriesKind::Counter => {
            write_sum(part, index, pending);
            true
        }
        SeriesKind::Gauge if !pending.is_change => {
            part.records[index as usize].set_gauge(batch, pending.number);
            true
        }
        SeriesKind::Gauge if has_room => {
            let overflow = part.change_gauge(index, batch, pending.number);
            part.counts.overflows += u64::from(overflow);
            true
        }
        _ => false,
    }
}

impl Drop for Batch<'_, '_> {
    fn drop(&mut self) {
        self.settle();
        self.table.end_batch(self.samples);
    }
}

/// Hands what is read to a batch. `PLAIN` says what [`Batch::is_plain`] does.
struct Reader<'b, 't, 'p, const PLAIN: bool>(&'b mut Batch<'t, 'p>);

impl<'p, const PLAIN: bool> Receiver<'p> for Reader<'_, '_, 'p, PLAIN> {
    // Always, as nearly every line is a metric's.
    #[inline(always)]
    fn line(&mut self, line: Line<'p>) {
        let Self(batch) = self;
        match line {
            Line::Metric(line) => {
                batch.line = line;
                batch.metric_lines += 1;
            }
            line => batch.other_line(line),
        }
    }

    // Always, so that the sample is taken apart in registers: a call would pass it by memory.
    #[inline(always)]
    fn sample(&mut self, sample: Sample<'p>) {
        let Self(batch) = self;
        let Sample { name, value, rate, .. } = sample;
        let kind = batch.kinds[sample.kind as usize];
        let (listener, tags, origin) = match PLAIN || batch.dialect.grammar.tags == Tags::Skip {
            true => (if PLAIN { 0 } else { batch.listener }, &[][..], &[][..]),
            false => (batch.listener, sample.tags, sample.origin),
        };
        let fingerprinter = &batch.table.fingerprinter;
        let mut fingerprint = fingerprinter.of(kind, listener, name, tags);
        if !origin.is_empty() {
            fingerprint = fingerprinter.with_origin(fingerprint, origin);
        }
        if !PLAIN && let Some(second) = sample.timestamp {
            batch.pass_on(&sample, fingerprint, second);
            return;
        }
        batch.table.index.prefetch(fingerprint);
        let number = match value {
            Value::Number(number) | Value::Delta(number) => number,
            Value::Member(text) => {
                batch.members.push(Member { place: batch.pending.len(), text });
                0.0
            }
        };
        let is_change = matches!(value, Value::Delta(_));
        batch.has_changes |= is_change;
        let line = batch.line;
        batch.pending.push(Pending { fingerprint, line, number, rate, kind, listener, is_change });
        if batch.pending.is_full() {
            batch.settle();
        }
    }

    fn reject(&mut self, rejection: Rejection<'p>) {
        let Self(batch) = self;
        let part = &mut batch.table.part;
        part.counts.samples_received += 1;
        part.counts.samples_rejected[rejection.reason as usize] += 1;
        // The value alone would not say whose it is.
        part.example(rejection.reason, batch.line);
    }
}

#[cfg(test)]
mod tests;
