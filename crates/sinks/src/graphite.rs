//! Graphite over TCP: its plain text, `name value timestamp`, one line per point, or pickle.

mod datagrams;
mod pickle;

use std::sync::Arc;
use std::time::Duration;

use gstatsd_aggregate::{Naming, Point, SinkStats, Snapshot};

use crate::tcp::{Connection, Fault};
use crate::{Clock, Host, PointCounter, Receipt, SendError, Sink, Tls};

pub use datagrams::GraphiteUdp;

/// Lines are gathered to about this many bytes before they are written.
const CHUNK: usize = 64 * 1024;
/// Room for the line that makes a chunk full.
const LINE: usize = 4 * 1024;

/// How points are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GraphiteForm {
    /// A line for each.
    #[default]
    Text,
    /// Messages of pickle, about 64 KiB each, with values as exact as they are.
    Pickle,
}

/// Where a Graphite sink sends, and how patient it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphiteSettings {
    /// A name or an address, the latter without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How points are written.
    pub form: GraphiteForm,
    /// How long each address of the host may take to accept; greater than 0.
    pub connect_timeout: Duration,
    /// How long the peer may take nothing before it counts as stalled; greater than 0.
    pub write_timeout: Duration,
}

/// Sends snapshots to Graphite (carbon, go-carbon and the like) over one persistent connection.
///
/// The protocol has no answers, so a snapshot counts as sent when the peer's kernel has
/// acknowledged its last byte. What a peer has acknowledged but not read when it dies is lost.
///
/// After any error the connection is reset, and the next [`Sink::send`] makes a new one, where it
/// begins with the first line of its snapshot. Graphite may then see a line twice, which is
/// harmless: the same name and time have the same value. A reset rather than an orderly end
/// keeps it from taking the first half of a line for a whole one.
#[derive(Debug)]
pub struct Graphite {
    settings: GraphiteSettings,
    clock: Clock,
    /// Whom it trusts, where it encrypts.
    tls: Option<Tls>,
    /// What it tells of itself in the statsd dialect.
    stats: SinkStats,
    host: Host,
    /// `host:port`, as errors name it.
    peer: String,
    connection: Option<Connection>,
    /// How many there were.
    connections: u64,
    /// Whole lines; kept for its capacity.
    buffer: Vec<u8>,
}

impl Graphite {
    /// Makes a sink; it connects when there is something to send.
    #[must_use]
    pub fn new(settings: GraphiteSettings, clock: Clock) -> Self {
        let host = Host::new(&settings.host, settings.port);
        let peer = crate::peer(&settings.host, settings.port);
        let buffer = Vec::with_capacity(CHUNK + LINE);
        let stats = SinkStats::default();
        let (tls, connection, connections) = (None, None, 0);
        Self { settings, clock, tls, stats, host, peer, connection, connections, buffer }
    }

    /// The same with TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Connects. The name is resolved each time, as the host may have moved, and certificates are
    /// read again, as they may have been renewed.
    fn connect(&mut self) -> Result<Connection, SendError> {
        let GraphiteSettings { connect_timeout, write_timeout, .. } = &self.settings;
        let addresses = self
            .host
            .addresses(*connect_timeout)
            .map_err(|source| SendError::Resolve { peer: self.peer.clone(), source })?;
        let opened = Connection::open(addresses, *connect_timeout, *write_timeout);
        let opened = opened.and_then(|connection| match &mut self.tls {
            None => Ok(connection),
            Some(tls) => {
                tls.refresh();
                connection.secure(tls, *connect_timeout, self.clock)
            }
        });
        opened.map_err(|source| SendError::Connect { peer: self.peer.clone(), source })
    }

    fn transmit(
        &mut self,
        snapshot: &Snapshot,
        naming: &Naming,
        connection: &mut Connection,
    ) -> Result<(), Fault> {
        let mut page = Page::new(self.settings.form, snapshot.window.timestamp);
        let Self { buffer, clock, stats, .. } = self;
        buffer.clear();
        connection.begin()?;
        let mut written = Ok(());
        let (mut bytes, mut writing, mut both) = (0, Duration::ZERO, Duration::ZERO);
        clock.time(&mut both, || {
            let mut put = |point: Point<'_>, second: i64| {
                // Points cannot be cut short, but the rest of them costs little.
                if written.is_err() {
                    return;
                }
                page.push(point, second, buffer);
                if buffer.len() >= CHUNK {
                    page.end(buffer);
                    bytes += buffer.len() as u64;
                    written = clock.time(&mut writing, || connection.write(buffer));
                    buffer.clear();
                }
            };
            naming.points(snapshot, |point| put(point, snapshot.window.timestamp));
            naming.dated_points(snapshot, put);
        });
        written?;
        stats.calculation = both.saturating_sub(writing);
        naming.sink_points(stats, |point| page.push(point, snapshot.window.timestamp, buffer));
        page.end(buffer);
        stats.flush_bytes = bytes + buffer.len() as u64;
        connection.write(buffer)?;
        connection.finish()
    }

    fn try_send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<(), SendError> {
        // Taken out, so that whatever fails leaves none behind.
        let kept = self.connection.take();
        let kept = kept.and_then(|mut kept| kept.is_open().then_some(kept));
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                self.connections += 1;
                self.connect()?
            }
        };
        self.transmit(snapshot, naming, &mut connection).map_err(|fault| {
            let peer = self.peer.clone();
            match fault {
                Fault::Io(source) => SendError::Write { peer, source },
                Fault::Stalled(timeout) => SendError::Stalled { peer, timeout },
            }
        })?;
        self.connection = Some(connection);
        Ok(())
    }
}

impl Sink for Graphite {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, naming| naming.point_count(snapshot) + naming.sink_point_count())
    }

    fn takes_any_order(&self) -> bool {
        true
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        let (clock, mut took) = (self.clock, Duration::ZERO);
        let before = self.stats;
        let sent = clock.time(&mut took, || self.try_send(snapshot, naming));
        // What it tells of is the last snapshot that arrived.
        self.stats = match &sent {
            Ok(()) => SinkStats { flush: took, last_flush: clock.seconds(), ..self.stats },
            Err(_) => SinkStats { last_exception: clock.seconds(), ..before },
        };
        sent.map(|()| Receipt::default())
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        preview(snapshot, naming, show);
    }

    fn connections(&self) -> u64 {
        self.connections
    }

    fn stats(&self) -> Option<SinkStats> {
        Some(self.stats)
    }
}

/// Points on their way into a buffer, in one form.
struct Page {
    form: GraphiteForm,
    /// The second of the snapshot, and what ends its lines.
    second: i64,
    end: String,
}

impl Page {
    fn new(form: GraphiteForm, second: i64) -> Self {
        Self { form, second, end: format!(" {second}\n") }
    }

    fn push(&mut self, point: Point<'_>, second: i64, out: &mut Vec<u8>) {
        match self.form {
            GraphiteForm::Text if second == self.second => write_line(point, &self.end, out),
            GraphiteForm::Text => write_line(point, &format!(" {second}\n"), out),
            GraphiteForm::Pickle => {
                if out.is_empty() {
                    pickle::begin(out);
                }
                pickle::push(point, second, out);
            }
        }
    }

    /// Ends what is to be written at once.
    fn end(&self, out: &mut Vec<u8>) {
        if self.form == GraphiteForm::Pickle && !out.is_empty() {
            pickle::end(out);
        }
    }
}

/// Shows the lines of a snapshot.
fn preview(snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
    let mut line = Vec::new();
    let mut put = |point: Point<'_>, second: i64| {
        line.clear();
        write_line(point, &format!(" {second}"), &mut line);
        show(&String::from_utf8_lossy(&line));
    };
    naming.points(snapshot, |point| put(point, snapshot.window.timestamp));
    naming.dated_points(snapshot, put);
}

/// Appends a line. A byte that would end the name or the line becomes `_`.
fn write_line(point: Point<'_>, end: &str, out: &mut Vec<u8>) {
    let safe = |&byte: &u8| if byte <= b' ' || byte == 0x7f { b'_' } else { byte };
    out.extend(point.name.iter().map(safe));
    out.push(b' ');
    point.value.write(out);
    out.extend_from_slice(end.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::TcpListener;
    use std::thread;

    use gstatsd_aggregate::{Number, Window};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
    const CLOCK: Clock = Clock { now: std::time::Instant::now, wall: std::time::SystemTime::now };

    #[test]
    fn a_name_breaks_neither_its_line_nor_the_next() {
        let mut out = Vec::new();
        let value = Number::Fixed(1.5);
        write_line(Point { name: b"a b\nc\td\0e\x7ff\xc3\xa9", value }, " -1\n", &mut out);
        assert_eq!(out, b"a_b_c_d_e_f\xc3\xa9 1.500000 -1\n");
    }

    #[test]
    fn a_large_snapshot_needs_no_more_memory_than_a_small_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let reading = thread::spawn(move || {
            io::copy(&mut listener.accept().unwrap().0, &mut io::sink()).unwrap()
        });
        let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
        for index in 0..10_000 {
            // Longer parts between dots are shortened.
            let name = [index; 4].map(|index| format!("{index:0250}")).join(".");
            snapshot.push_counter(name.as_bytes(), 1.0);
        }

        let patience = Duration::from_mins(1);
        let host = "127.0.0.1".to_owned();
        let (connect_timeout, write_timeout) = (patience, patience);
        let form = GraphiteForm::Text;
        let settings = GraphiteSettings { host, port, form, connect_timeout, write_timeout };
        let mut graphite = Graphite::new(settings, CLOCK);
        let naming = Naming::gstatsd("", 90.0, "");
        assert_eq!(graphite.send(&snapshot, &naming).unwrap(), Receipt::default());
        assert_eq!(graphite.buffer.capacity(), CHUNK + LINE);
        drop(graphite);
        assert!(reading.join().unwrap() > 20_000_000);
    }
}
