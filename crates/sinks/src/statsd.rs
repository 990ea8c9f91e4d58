//! StatsD: what was aggregated, as lines for another StatsD to aggregate.
//!
//! | series | lines |
//! |---|---|
//! | counter | `name:12\|c`: the sum of the interval |
//! | gauge | `name:4\|g`; below zero `name:0\|g` and `name:-4\|g` in one packet |
//! | set | `name:member\|s` for each member; of a sketch `name:123\|g`, their number |
//! | timer | `name:320\|ms` for each value, with `\|@0.1` where one stands for ten |
//! | timer with a sketch | the same for each bucket |
//! | our own metrics | `gstatsd.lines.metric:12\|g` |
//!
//! (To many a sign makes a change of a gauge, so that below zero it is told in two steps.)
//! So what the other makes of the lines of several of us is what it would make of all samples.

mod lines;

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use gstatsd_aggregate::{Naming, Snapshot};
use gstatsd_wire::TagStyle;

use crate::entry::{self, entries};
use crate::tcp::{Connection, Fault};
use crate::udp::{Datagrams, UdpSettings};
use crate::{Clock, Host, PointCounter, Receipt, SendError, Sink};
use lines::{Lines, Put};

/// Lines are gathered to about this many bytes before they are written to a connection.
const CHUNK: usize = 64 * 1024;

/// How lines of StatsD are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsdSettings {
    /// How tags are written. Only in that of DogStatsD there are events, service checks and
    /// samples with a second of their own.
    pub style: TagStyle,
    /// Whether the values of a timer share lines (`name:1:2:3|ms`), which not every StatsD reads.
    pub packed: bool,
    /// The longest line that values are packed into, and the longest datagram.
    pub packet_bytes: usize,
}

/// Sends snapshots to another StatsD.
///
/// Nothing answers, and a counter that came twice would count twice. So after an error it goes on
/// behind what the system took over UDP, unless nobody listens there, and behind what the peer's
/// kernel was seen to acknowledge over TCP; what those lose afterwards is lost.
#[derive(Debug)]
pub struct Statsd {
    settings: StatsdSettings,
    way: Way,
    /// The number of the snapshot that is under way.
    number: Option<u64>,
    done: Done,
}

/// How far a snapshot has come.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    /// Pieces over UDP, bytes over TCP.
    sent: u64,
    /// Points in datagrams that were too long.
    too_long: u64,
}

#[derive(Debug)]
enum Way {
    Udp(Box<Datagrams>),
    Tcp(Box<Stream>),
}

/// A connection, and how to make it anew.
#[derive(Debug)]
struct Stream {
    host: Host,
    peer: String,
    connect_timeout: Duration,
    write_timeout: Duration,
    clock: Clock,
    connection: Option<Connection>,
    chunk: Vec<u8>,
}

impl Statsd {
    /// Makes a sink that sends datagrams.
    #[must_use]
    pub fn udp(host: &str, port: u16, settings: StatsdSettings, clock: Clock) -> Self {
        let StatsdSettings { packet_bytes, .. } = settings;
        let udp = UdpSettings { host: host.to_owned(), port, packet_bytes };
        Self::new(settings, Way::Udp(Box::new(Datagrams::new(udp, clock))))
    }

    /// Makes a sink that writes to a connection, which may take so long to be made and may take
    /// nothing for so long.
    #[must_use]
    pub fn tcp(
        host: &str,
        port: u16,
        settings: StatsdSettings,
        timeouts: [Duration; 2],
        clock: Clock,
    ) -> Self {
        let [connect_timeout, write_timeout] = timeouts;
        let stream = Stream {
            host: Host::new(host, port),
            peer: crate::peer(host, port),
            connect_timeout,
            write_timeout,
            clock,
            connection: None,
            chunk: Vec::new(),
        };
        Self::new(settings, Way::Tcp(Box::new(stream)))
    }

    fn new(settings: StatsdSettings, way: Way) -> Self {
        Self { settings, way, number: None, done: Done::default() }
    }

    /// Sends what comes after what is done. Gives the number of points without a form.
    fn go_on(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<u64, SendError> {
        let Self { settings, way, done, .. } = self;
        let before = *done;
        match way {
            Way::Udp(datagrams) => {
                datagrams.begin()?;
                let mut piece = 0;
                let sent = each(settings, snapshot, naming, &mut |lines, points| {
                    piece += 1;
                    if piece > before.sent { datagrams.push(lines, points) } else { Ok(()) }
                });
                let sent = sent.and_then(|without| {
                    datagrams.finish()?;
                    Ok(without)
                });
                // Where nobody listens, nobody had what the system took of this attempt.
                if !sent.as_ref().is_err_and(is_refused) {
                    done.sent = before.sent + datagrams.taken();
                    done.too_long = before.too_long + datagrams.too_long();
                }
                sent.map(|without| without + done.too_long)
            }
            Way::Tcp(stream) => {
                let mut connection = stream.open()?;
                let start = connection.acknowledged();
                // Where in the text of the snapshot this transmission begins: on a line.
                let mut first = None;
                let sent = stream.transmit(&mut connection, |put| {
                    let mut end = 0;
                    each(settings, snapshot, naming, &mut |lines, _| {
                        let begin = end;
                        end += lines.len() as u64;
                        if end <= before.sent {
                            return Ok(());
                        }
                        first.get_or_insert(begin);
                        put(lines)
                    })
                });
                let acknowledged = connection.acknowledged() - start;
                done.sent = first.unwrap_or(before.sent) + acknowledged;
                if sent.is_ok() {
                    stream.connection = Some(connection);
                }
                sent
            }
        }
    }
}

fn is_refused(error: &SendError) -> bool {
    let SendError::Write { source, .. } = error else { return false };
    source.kind() == ErrorKind::ConnectionRefused
}

/// Makes the lines of a snapshot, those that are to stay together at once. Gives the number of
/// points that have no form.
fn each(
    settings: &StatsdSettings,
    snapshot: &Snapshot,
    naming: &Naming,
    put: Put<'_>,
) -> Result<u64, SendError> {
    let mut lines = Lines::new(*settings, naming);
    let mut without_form = 0;
    for entry in entries(snapshot) {
        if !lines.write(&entry, put)? {
            without_form += 1;
        }
    }
    if settings.style == TagStyle::DogStatsd {
        for notice in snapshot.notices() {
            put(&[notice, b"\n"].concat(), 0)?;
        }
    }
    Ok(without_form)
}

impl Stream {
    fn open(&mut self) -> Result<Connection, SendError> {
        let kept = self.connection.take();
        if let Some(kept) = kept.and_then(|mut kept| kept.is_open().then_some(kept)) {
            return Ok(kept);
        }
        let addresses = self
            .host
            .addresses(self.connect_timeout)
            .map_err(|source| SendError::Resolve { peer: self.peer.clone(), source })?;
        Connection::open(addresses, self.connect_timeout, self.write_timeout)
            .map_err(|source| SendError::Connect { peer: self.peer.clone(), source })
    }

    /// Writes what `each` puts, until the peer's kernel has it.
    fn transmit<T>(
        &mut self,
        connection: &mut Connection,
        each: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), SendError>) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        let Self { peer, chunk, clock, .. } = self;
        let failed = |fault: Fault| {
            let peer = peer.clone();
            match fault {
                Fault::Io(source) => SendError::Write { peer, source },
                Fault::Stalled(timeout) => SendError::Stalled { peer, timeout },
            }
        };
        chunk.clear();
        connection.begin().map_err(failed)?;
        let put = each(&mut |lines| {
            chunk.extend_from_slice(lines);
            if chunk.len() >= CHUNK {
                connection.write(chunk).map_err(failed)?;
                // Whoever owns the clock sees that it goes on, however slowly.
                (clock.now)();
                chunk.clear();
            }
            Ok(())
        })?;
        connection.write(chunk).map_err(failed)?;
        connection.finish().map_err(failed)?;
        Ok(put)
    }
}

impl Sink for Statsd {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| entry::count(snapshot))
    }

    fn carries_notices(&self) -> bool {
        self.settings.style == TagStyle::DogStatsd
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        if self.number != Some(snapshot.number) {
            (self.number, self.done) = (Some(snapshot.number), Done::default());
        }
        let unencodable = self.go_on(snapshot, naming)?;
        self.number = None;
        Ok(Receipt { unencodable, ..Receipt::default() })
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        // Showing cannot fail, so nothing is left out.
        each(&self.settings, snapshot, naming, &mut |lines, _| {
            String::from_utf8_lossy(lines).lines().for_each(&mut *show);
            Ok(())
        })
        .ok();
    }
}

#[cfg(test)]
mod tests;
