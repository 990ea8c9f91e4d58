//! The datagram sockets of one worker, each read a batch at a time.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::gather::Gathering;
use super::{Brought, ListenerId, intake::Intake};
use crate::config::Sources;
use crate::sys::{Batch, dropped_datagrams};

/// How many datagrams are received at once. More would only leave the processor's caches.
const BATCH_PACKETS: usize = 64;
/// A batch that is full to at least this part is followed by the next one without a nap.
const MUCH_PART: usize = 2;
/// The same for unix sockets, which hold but few datagrams (`net.unix.max_dgram_qlen`), and then
/// hold up their senders.
const MUCH_OF_UNIX: usize = 4;
/// Above the longest datagram that UDP can carry, 65,507 bytes over IPv4 and 65,527 over IPv6.
const PACKET_BYTES_MAX: usize = 65_536;
/// How long to rest after a socket failed, so that a network that is down costs no CPU time.
const REST: Duration = Duration::from_millis(50);

/// A socket that receives datagrams.
#[derive(Debug)]
pub(crate) struct DatagramSocket {
    /// It; never waited for.
    pub(crate) socket: OwnedFd,
    /// Who may send.
    pub(crate) sources: Sources,
    /// Whether it is a unix socket.
    pub(crate) is_unix: bool,
}

/// The datagram sockets of one worker, or those of them that are to be closed.
pub(super) struct Datagrams {
    sockets: Vec<Socket>,
    batch: Batch,
    /// For sockets to which not everybody may send: the kernel writes down who did. The others
    /// are spared that.
    batch_with_sources: Option<Batch>,
}

struct Socket {
    listener: ListenerId,
    of: DatagramSocket,
    gathering: Gathering,
    /// The last reading of the kernel's count of what it dropped.
    dropped: u32,
}

impl Datagrams {
    /// No socket yet.
    pub(super) fn new() -> Self {
        let batch = Batch::new(BATCH_PACKETS, PACKET_BYTES_MAX);
        Self { sockets: Vec::new(), batch, batch_with_sources: None }
    }

    /// Receives from these too.
    pub(super) fn open(&mut self, listener: ListenerId, sockets: Vec<DatagramSocket>) {
        let socket = |of: DatagramSocket| {
            let gathering = if of.is_unix { Gathering::Never } else { Gathering::On { alone: 0 } };
            Socket { listener, of, gathering, dropped: 0 }
        };
        self.sockets.extend(sockets.into_iter().map(socket));
        self.make_room();
    }

    /// From now on these may send to a listener.
    pub(super) fn admit(&mut self, listener: ListenerId, sources: &Sources) {
        for socket in self.sockets.iter_mut().filter(|socket| socket.listener == listener) {
            socket.of.sources.clone_from(sources);
        }
        self.make_room();
    }

    /// Takes the sockets of a listener out.
    pub(super) fn take_out(&mut self, listener: ListenerId) -> Self {
        let is_taken = |socket: &mut Socket| socket.listener == listener;
        let sockets = self.sockets.extract_if(.., is_taken).collect();
        let mut taken = Self { sockets, ..Self::new() };
        taken.make_room();
        taken
    }

    fn make_room(&mut self) {
        if self.sockets.iter().any(|socket| !socket.of.sources.are_all()) {
            self.batch_with_sources
                .get_or_insert_with(|| Batch::with_sources(BATCH_PACKETS, PACKET_BYTES_MAX));
        }
    }

    /// What becomes readable when one of them has a datagram.
    pub(super) fn waiting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(|socket| socket.of.socket.as_fd())
    }

    /// Takes one batch from each socket.
    pub(super) fn receive(&mut self, intake: &mut Intake<'_>) -> Brought {
        let mut most = Brought::Nothing;
        for Socket { listener, of: socket, gathering, .. } in &mut self.sockets {
            gathering.before(&socket.socket, intake.now);
            let batch = match &mut self.batch_with_sources {
                Some(batch) if !socket.sources.are_all() => batch,
                _ => &mut self.batch,
            };
            let most_buffers = gathering.buffers_max(BATCH_PACKETS);
            match batch.receive(socket.socket.as_fd(), most_buffers) {
                Ok(0) => {}
                Ok(received) => {
                    let much = if socket.is_unix { MUCH_OF_UNIX } else { most_buffers / MUCH_PART };
                    let brought = if received >= much { Brought::Much } else { Brought::Something };
                    most = most.max(brought);
                    match socket.sources.are_all() {
                        true => intake.packets(*listener, batch.packets()),
                        false => take_in_admitted(*listener, intake, batch, &socket.sources),
                    }
                    let is_all = received < most_buffers;
                    let gathered = || batch.has_segments();
                    gathering.after(&socket.socket, received, gathered, is_all, intake.now);
                }
                Err(error) => {
                    log::debug!("worker {}: receive: {error}", intake.order.worker);
                    std::thread::sleep(REST);
                }
            }
        }
        most
    }

    /// How many datagrams the kernel has dropped since it was last asked.
    pub(super) fn count_drops(&mut self) -> u64 {
        let mut sum = 0;
        for socket in &mut self.sockets {
            // Kernels that cannot tell were told of at the start.
            if let Ok(dropped) = dropped_datagrams(socket.of.socket.as_fd()) {
                sum += u64::from(dropped.wrapping_sub(socket.dropped));
                socket.dropped = dropped;
            }
        }
        sum
    }
}

/// Takes in what comes from those who may send. The rest is counted and not read.
fn take_in_admitted(
    listener: ListenerId,
    intake: &mut Intake<'_>,
    batch: &Batch,
    sources: &Sources,
) {
    let mut denied = 0;
    let packets = batch.packets_with_sources().filter_map(|(source, packet)| {
        let is_admitted = source.is_some_and(|source| sources.admit(source));
        denied += u64::from(!is_admitted);
        is_admitted.then_some(packet)
    });
    intake.packets(listener, packets);
    let counts = intake.table.counts_mut();
    counts.datagrams_received += denied;
    counts.datagrams_denied += denied;
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use gstatsd_aggregate::{Dialect, Limits, Naming, Order, Table};
    use gstatsd_wire::Reason;

    use super::super::intake::Dialects;
    use super::*;

    fn table() -> Table {
        let dialect = Dialect::GSTATSD;
        let naming = Naming::gstatsd("", 90.0, "");
        Table::new(dialect, naming, Limits { series_max: 10, samples_max: 10 })
    }

    fn intake<'a>(table: &'a mut Table, dialects: &'a Dialects) -> Intake<'a> {
        let (order, now) = (Order::default(), crate::clock::now());
        Intake { table, dialects, forwarder: None, order, now }
    }

    #[test]
    fn f28_of_a_truncated_packet_the_broken_last_line_is_not_aggregated() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for packet in ["a:1|c\nb:123|c", "a:1|c", "a:1|c\n123456"] {
            sender.send_to(packet.as_bytes(), receiver.local_addr().unwrap()).unwrap();
        }
        let mut table = table();
        // Too small for the first and the third.
        let mut batch = Batch::new(4, 10);
        batch.receive(receiver.as_fd(), 4).unwrap();
        intake(&mut table, &Dialects::default()).packets(ListenerId(0), batch.packets());
        let counts = table.rotate(Box::default()).counts;
        assert_eq!(counts.datagrams_received, 3);
        assert_eq!(counts.lines_rejected[Reason::Truncated as usize], 2);
        assert_eq!((counts.lines, counts.samples_received), (5, 3));
    }

    #[test]
    fn what_comes_from_who_may_not_send_is_counted_and_not_read() {
        let one = |deny: &[&str]| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = socket.local_addr().unwrap();
            let deny = deny.iter().map(|text| text.parse().unwrap()).collect();
            let sources = Sources { deny, ..Sources::default() };
            (DatagramSocket { socket: socket.into(), sources, is_unix: false }, address)
        };
        let (denying, denied_at) = one(&["127.0.0.1"]);
        let (other, other_at) = one(&["10.0.0.0/8"]);
        let (open, open_at) = one(&[]);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (to, packet) in [(denied_at, "a:1|c"), (other_at, "a:1|c\nb:1|c"), (open_at, "c:1|c")] {
            sender.send_to(packet.as_bytes(), to).unwrap();
        }
        let mut datagrams = Datagrams::new();
        datagrams.open(ListenerId(0), vec![denying, other, open]);
        let mut table = table();
        let dialects = Dialects::default();
        let brought = datagrams.receive(&mut intake(&mut table, &dialects));
        assert_eq!(brought, Brought::Something);
        let counts = table.rotate(Box::default()).counts;
        assert_eq!((counts.datagrams_received, counts.datagrams_denied), (3, 1));
        assert_eq!((counts.lines, counts.samples_received), (3, 3));
    }
}
