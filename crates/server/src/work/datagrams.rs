//! The datagram sockets of one worker, each read a batch at a time.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::gather::Gathering;
use super::{Brought, ListenerId, intake::Intake};
use crate::config::Sources;
use crate::senders::Senders;
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
/// Of one in so many batches it is asked who sent the datagrams. Odd, so that two sockets that
/// take turns do so here, too.
const SAMPLE: u32 = 61;
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
    /// Whether it was another process's before, which has counted what the kernel dropped so far.
    pub(crate) is_inherited: bool,
}

impl DatagramSocket {
    /// A socket that was made for this process.
    pub(crate) fn new(socket: impl Into<OwnedFd>, sources: Sources, is_unix: bool) -> Self {
        Self { socket: socket.into(), sources, is_unix, is_inherited: false }
    }
}

/// The datagram sockets of one worker, or those of them that are to be closed.
pub(super) struct Datagrams {
    sockets: Vec<Socket>,
    batch: Batch,
    /// For sockets to which not everybody may send, and now and then for the others: the kernel
    /// writes down who did.
    batch_with_sources: Batch,
    /// Batches until it is asked again who sends.
    until_sample: u32,
    senders: Senders,
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
        let batch_with_sources = Batch::with_sources(BATCH_PACKETS, PACKET_BYTES_MAX);
        let (sockets, senders) = (Vec::new(), Senders::default());
        Self { sockets, batch, batch_with_sources, until_sample: 0, senders }
    }

    /// Receives from these too.
    pub(super) fn open(&mut self, listener: ListenerId, sockets: Vec<DatagramSocket>) {
        let socket = |of: DatagramSocket| {
            let gathering = if of.is_unix { Gathering::Never } else { Gathering::On { alone: 0 } };
            let before = || dropped_datagrams(of.socket.as_fd()).unwrap_or(0);
            let dropped = if of.is_inherited { before() } else { 0 };
            Socket { listener, of, gathering, dropped }
        };
        self.sockets.extend(sockets.into_iter().map(socket));
    }

    /// From now on these may send to a listener.
    pub(super) fn admit(&mut self, listener: ListenerId, sources: &Sources) {
        for socket in self.sockets.iter_mut().filter(|socket| socket.listener == listener) {
            socket.of.sources.clone_from(sources);
        }
    }

    /// Takes the sockets of a listener out.
    pub(super) fn take_out(&mut self, listener: ListenerId) -> Self {
        let is_taken = |socket: &mut Socket| socket.listener == listener;
        let sockets = self.sockets.extract_if(.., is_taken).collect();
        Self { sockets, ..Self::new() }
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
            let is_sample = self.until_sample == 0 && !socket.is_unix;
            let batch = match is_sample || !socket.sources.are_all() {
                true => &mut self.batch_with_sources,
                false => &mut self.batch,
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
                    if is_sample {
                        let sources = batch.packets_with_sources().filter_map(|(from, _)| from);
                        sources.for_each(|source| self.senders.saw(source));
                        self.until_sample = SAMPLE;
                    }
                    self.until_sample = self.until_sample.saturating_sub(1);
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

    /// Who sent most since it was last asked.
    pub(super) fn take_senders(&mut self) -> Senders {
        std::mem::take(&mut self.senders)
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
        Table::new(dialect, naming, Limits::new(10, 10))
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
    fn of_one_in_so_many_batches_it_is_known_who_sent_them() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let sources = Sources::default();
        let mut datagrams = Datagrams::new();
        let socket = DatagramSocket::new(socket, sources, false);
        datagrams.open(ListenerId(0), vec![socket]);
        let (mut table, dialects) = (table(), Dialects::default());
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut receive = |batches: u32| {
            for _ in 0..batches {
                sender.send_to(b"a:1|c", address).unwrap();
                datagrams.receive(&mut intake(&mut table, &dialects));
            }
            datagrams.take_senders().told()
        };
        let told = |count| Some(format!("127.0.0.1 100 %, of {count} datagrams looked at"));
        assert_eq!(receive(1), told(1));
        assert_eq!(receive(SAMPLE - 1), None);
        assert_eq!(receive(SAMPLE + 1), told(2));
        assert_eq!(table.counts_mut().datagrams_received, 2 * u64::from(SAMPLE) + 1);
    }

    #[test]
    fn what_comes_from_who_may_not_send_is_counted_and_not_read() {
        let one = |deny: &[&str]| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let address = socket.local_addr().unwrap();
            let deny = deny.iter().map(|text| text.parse().unwrap()).collect();
            let sources = Sources { deny, ..Sources::default() };
            (DatagramSocket::new(socket, sources, false), address)
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
