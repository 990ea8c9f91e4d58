//! The lines of each series.

use gstatsd_aggregate::{Naming, Number, Series, SeriesKind, SeriesName, State, Values};
use gstatsd_wire::TagStyle;

use super::StatsdSettings;
use crate::SendError;
use crate::entry::Entry;

/// What a bare tag is given in a style that knows none.
const NO_VALUE: &[u8] = b"true";

/// Takes lines that are to stay together, each with its newline, and the number of points that
/// have come whole with them.
pub(super) type Put<'p> = &'p mut dyn FnMut(&[u8], u64) -> Result<(), SendError>;

/// Writes lines, one series after the other.
pub(super) struct Lines<'n> {
    settings: StatsdSettings,
    naming: &'n Naming,
    /// What stands before the colon.
    stem: Vec<u8>,
    /// What stands behind the type.
    tail: Vec<u8>,
    line: Vec<u8>,
}

impl<'n> Lines<'n> {
    pub(super) fn new(settings: StatsdSettings, naming: &'n Naming) -> Self {
        Self { settings, naming, stem: Vec::new(), tail: Vec::new(), line: Vec::new() }
    }

    /// Puts the lines of an entry. Says whether there are such lines.
    pub(super) fn write(&mut self, entry: &Entry<'_>, put: Put<'_>) -> Result<bool, SendError> {
        match entry {
            Entry::Series(series) => {
                self.begin(self.naming.prefix(), series.name);
                self.series(series, put)
            }
            Entry::Dated(series, second) => {
                if self.settings.style != TagStyle::DogStatsd {
                    return Ok(false);
                }
                self.begin(self.naming.prefix(), series.name);
                let (value, kind) = match series.state {
                    State::Counter(value) => (value, "c"),
                    State::Gauge(value) => (value, "g"),
                    State::Set(_) | State::Timer { .. } => return Ok(false),
                };
                self.tail.extend_from_slice(format!("|T{second}").as_bytes());
                self.number(value, kind);
                put(&self.line, 1)?;
                Ok(true)
            }
            Entry::Own(own) => {
                self.begin(b"", own.name.as_bytes());
                self.line.clear();
                self.value(Number::Whole(own.value), "g");
                put(&self.line, 1)?;
                Ok(true)
            }
        }
    }

    fn series(&mut self, series: &Series<'_>, put: Put<'_>) -> Result<bool, SendError> {
        match series.state {
            State::Counter(sum) => {
                self.number(sum, "c");
                put(&self.line, 1)?;
            }
            State::Gauge(value) => {
                self.line.clear();
                // To many a sign makes a change of it.
                if value < 0.0 {
                    self.value(Number::Whole(0), "g");
                }
                self.value(Number::Short(value), "g");
                put(&self.line, 1)?;
            }
            State::Set(members) => {
                let (mut all, count) = (true, members.count());
                // There are no members any more; how many there were is known.
                if members.sketch().is_some() {
                    self.line.clear();
                    self.value(Number::Whole(count as u64), "g");
                    put(&self.line, 1)?;
                }
                for (place, member) in members.iter().enumerate() {
                    let points = u64::from(place + 1 == count);
                    if member.iter().any(|byte| b":|\n".contains(byte)) {
                        all = false;
                        continue;
                    }
                    self.values(member, "s", "");
                    put(&self.line, points)?;
                }
                return Ok(all);
            }
            State::Timer { values, count } => {
                let kind = match series.kind {
                    SeriesKind::Distribution => "d",
                    SeriesKind::Histogram => "h",
                    _ => "ms",
                };
                self.timer(values, count, kind, put)?;
            }
        }
        Ok(true)
    }

    /// Puts the values of a timer, which together stand for `count` samples.
    fn timer(
        &mut self,
        values: Values<'_>,
        count: f64,
        kind: &str,
        put: Put<'_>,
    ) -> Result<(), SendError> {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let each = (count / values.len() as f64).max(1.0);
        match values {
            Values::Exact(values) => {
                let rate = rate(each);
                // What a line has beside its values, with its newline.
                let rest = self.stem.len() + 2 + kind.len() + rate.len() + self.tail.len() + 1;
                let mut packed = Vec::new();
                for (place, &value) in values.iter().enumerate() {
                    let before = packed.len();
                    if before > 0 {
                        packed.push(b':');
                    }
                    Number::Short(value).write(&mut packed);
                    let is_long = rest + packed.len() > self.settings.packet_bytes;
                    if before > 0 && (is_long || !self.settings.packed) {
                        self.values(&packed[..before], kind, &rate);
                        put(&self.line, 0)?;
                        packed.drain(..=before);
                    }
                    if place + 1 == values.len() {
                        self.values(&packed, kind, &rate);
                        put(&self.line, 1)?;
                    }
                }
            }
            Values::Sketch(sketch) => {
                // One value stands for its bucket.
                let (mut text, mut bins) = (Vec::new(), sketch.bins().peekable());
                while let Some((value, samples)) = bins.next() {
                    text.clear();
                    Number::Short(value).write(&mut text);
                    #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
                    let rate = rate(samples as f64 * each);
                    self.values(&text, kind, &rate);
                    put(&self.line, u64::from(bins.peek().is_none()))?;
                }
            }
        }
        Ok(())
    }

    /// Makes a line of values that stand side by side.
    fn values(&mut self, values: &[u8], kind: &str, rate: &str) {
        self.line.clear();
        self.text(values, kind, rate);
    }

    fn number(&mut self, value: f64, kind: &str) {
        self.line.clear();
        self.value(Number::Short(value), kind);
    }

    /// Appends a line.
    fn value(&mut self, value: Number, kind: &str) {
        let mut text = Vec::new();
        value.write(&mut text);
        self.text(&text, kind, "");
    }

    fn text(&mut self, value: &[u8], kind: &str, rate: &str) {
        let parts = [&self.stem, &b":"[..], value, b"|", kind.as_bytes(), rate.as_bytes()];
        parts.iter().for_each(|part| self.line.extend_from_slice(part));
        self.line.extend_from_slice(&self.tail);
        self.line.push(b'\n');
    }

    /// Goes on with the lines of this series.
    fn begin(&mut self, prefix: &[u8], series: &[u8]) {
        let style = self.settings.style;
        let Self { stem, tail, .. } = self;
        stem.clear();
        tail.clear();
        let name = SeriesName::of(series);
        for part in [prefix, name.name()] {
            stem.extend(part.iter().map(|&byte| safe_in_name(style, byte)));
        }
        if style == TagStyle::Lyft {
            while let Some(place) = stem.windows(3).position(|bytes| bytes == b".__") {
                stem[place + 1] = b'-';
            }
        }
        // That would be an event.
        if stem.starts_with(b"_e{") {
            stem[2] = b'_';
        }
        let [first, between, end]: [&[u8]; 3] = match style {
            TagStyle::DogStatsd => [b"|#", b",", b""],
            TagStyle::Graphite => [b";", b";", b""],
            TagStyle::Influx => [b",", b",", b""],
            TagStyle::Librato => [b"#", b",", b""],
            TagStyle::SignalFx => [b"[", b",", b"]"],
            TagStyle::Lyft => [b".__", b".__", b""],
        };
        let out = if style == TagStyle::DogStatsd { tail } else { stem };
        for (place, tag) in name.tags().enumerate() {
            out.extend_from_slice(if place == 0 { first } else { between });
            let value = tag.value.or((style != TagStyle::DogStatsd).then_some(NO_VALUE));
            let is_bare = value.is_none();
            push_tag(style, tag.key, true, out);
            if let Some(value) = value {
                out.push(if style == TagStyle::DogStatsd { b':' } else { b'=' });
                push_tag(style, value, is_bare, out);
            }
        }
        if name.has_tags() {
            out.extend_from_slice(end);
        }
    }
}

/// The field that says for how many samples a value stands.
fn rate(samples: f64) -> String {
    let mut rate = Vec::new();
    if samples > 1.0 {
        rate.extend_from_slice(b"|@");
        Number::Short(1.0 / samples).write(&mut rate);
    }
    String::from_utf8_lossy(&rate).into_owned()
}

fn push_tag(style: TagStyle, text: &[u8], is_key: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend(text.iter().map(|&byte| safe_in_tag(style, byte, is_key)));
    if style == TagStyle::Lyft {
        while let Some(place) = out[start..].windows(2).position(|bytes| bytes == b"__") {
            out[start + place] = b'-';
        }
    }
    if style == TagStyle::Graphite && !is_key && out.get(start) == Some(&b'~') {
        out[start] = b'_';
    }
}

/// What stands for a byte in a name: what would end it, or begin its tags, becomes `_`.
fn safe_in_name(style: TagStyle, byte: u8) -> u8 {
    let is_mark = match style {
        TagStyle::DogStatsd | TagStyle::Lyft => false,
        TagStyle::Graphite => byte == b';',
        TagStyle::Influx => byte == b',',
        TagStyle::Librato => byte == b'#',
        TagStyle::SignalFx => matches!(byte, b'[' | b']'),
    };
    match byte {
        b':' | b'|' | b'\n' | b'\r' => b'_',
        _ if is_mark => b'_',
        byte => byte,
    }
}

/// The same within a tag. A key ends at the first separator, a value holds more of them.
fn safe_in_tag(style: TagStyle, byte: u8, is_key: bool) -> u8 {
    let is_mark = match style {
        TagStyle::DogStatsd => byte == b',' || (is_key && byte == b':'),
        TagStyle::Graphite => {
            matches!(byte, b';' | b':') || (is_key && matches!(byte, b'=' | b'!' | b'^'))
        }
        TagStyle::Influx | TagStyle::Librato => {
            matches!(byte, b',' | b':') || (is_key && byte == b'=')
        }
        TagStyle::SignalFx => matches!(byte, b',' | b':' | b'[' | b']') || (is_key && byte == b'='),
        TagStyle::Lyft => matches!(byte, b'.' | b':') || (is_key && byte == b'='),
    };
    match byte {
        b'|' | b'\n' | b'\r' => b'_',
        _ if is_mark => b'_',
        byte => byte,
    }
}
