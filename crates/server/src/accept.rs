//! Accepts connections: one thread for all listeners. A connection that is not refused goes to a
//! worker, which has it from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use socket2::{SockAddr, Socket, TcpKeepalive};

use self::greet::Greetings;
use crate::beats::Beat;
use crate::clock;
use crate::config::{Sources, Stream};
use crate::connections::{Connections, Ending, Refusal};
use crate::tls::Certificates;
use crate::work::{Connection, Control, ControlInbox, ListenerId};

mod greet;

/// How many connections are accepted from one listener before the next has its turn.
const TURN: usize = 64;
/// How many are accepted from one listener at the end, so that a flood does not hold us.
const LAST_TURN: usize = 65_536;
/// How often handshakes that take too long are looked for, in milliseconds.
const GREETING_CHECK: u16 = 100;
/// How often certificates are looked at, and the time to wait for that in milliseconds.
const CERTIFICATE_PAUSE: Duration = Duration::from_secs(1);
const SECOND_CHECK: u16 = 1_000;
/// How long to rest after a listener failed, so that it costs no CPU time.
const REST: Duration = Duration::from_millis(50);
/// A peer that is gone without a word is asked for after a minute without traffic, and given up
/// after another.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMES: u32 = 4;

/// A socket that connections come to.
#[derive(Debug)]
pub(crate) struct Listening {
    /// It; never waited for.
    pub(crate) socket: Socket,
    /// What holds for those who come.
    pub(crate) terms: Terms,
}

/// What holds for those who connect to a listener.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// How their connections are read.
    pub(crate) stream: Stream,
    /// Who may connect.
    pub(crate) sources: Sources,
    /// What connections are encrypted with, if they are.
    pub(crate) tls: Option<Certificates>,
}

/// What the thread is told.
enum Message {
    /// Accept from these sockets of a listener too.
    Open(ListenerId, Vec<Listening>),
    /// Take in a connection that another process had, and what it has read of a frame.
    Adopt(ListenerId, Socket, Vec<u8>),
    /// From now on this holds for those who come to a listener.
    Change(ListenerId, Box<Terms>),
    /// Accept what waits at a listener, and close it and its connections.
    Close(ListenerId),
    /// The same for all of them, and end. The workers close the connections.
    Stop,
}

/// The thread that accepts.
pub(crate) struct Accepting {
    thread: JoinHandle<()>,
    sender: Sender<Message>,
    wake: Arc<EventFd>,
}

impl Accepting {
    /// Starts the thread. Connections go to one of the workers, as the books say.
    ///
    /// # Errors
    /// The system has no descriptor left, or can start no thread.
    pub(crate) fn start(
        connections: Connections,
        workers: Vec<ControlInbox>,
        beat: Beat,
    ) -> io::Result<Self> {
        let wake = Arc::new(event()?);
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(wake.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        let spare = Some(event()?);
        let (sender, inbox) = channel();
        let acceptor = Acceptor {
            inbox,
            wake: Arc::clone(&wake),
            doors: BTreeMap::new(),
            greetings: Greetings::default(),
            next: 0,
            is_crowded: false,
            certificates_checked: clock::now(),
            connections,
            workers,
            epoll,
            spare,
            beat,
        };
        let thread = thread::Builder::new().name("accept".to_owned());
        Ok(Self { thread: thread.spawn(move || acceptor.run())?, sender, wake })
    }

    /// Accepts from these sockets of a listener too.
    pub(crate) fn open(&self, listener: ListenerId, sockets: Vec<Listening>) {
        self.tell(Message::Open(listener, sockets));
    }

    /// Takes in a connection that another process had, of a listener that is open; `begun` is what
    /// was read of a frame that is not whole.
    pub(crate) fn adopt(&self, listener: ListenerId, socket: Socket, begun: Vec<u8>) {
        self.tell(Message::Adopt(listener, socket, begun));
    }

    /// From now on this holds for those who come to a listener.
    pub(crate) fn change(&self, listener: ListenerId, terms: Terms) {
        self.tell(Message::Change(listener, Box::new(terms)));
    }

    /// Accepts what waits at a listener, and closes it. Then it tells the workers to close its
    /// connections.
    pub(crate) fn close(&self, listener: ListenerId) {
        self.tell(Message::Close(listener));
    }

    /// Accepts what waits, and ends. After that no worker gets another connection.
    ///
    /// # Errors
    /// It panicked.
    pub(crate) fn stop(self) -> thread::Result<()> {
        self.tell(Message::Stop);
        self.thread.join()
    }

    fn tell(&self, message: Message) {
        self.sender.send(message).ok();
        self.wake.write(1).ok();
    }
}

/// The event of a message; the others are numbers of doors.
const WAKE: u64 = u64::MAX;

struct Acceptor {
    inbox: Receiver<Message>,
    wake: Arc<EventFd>,
    /// By numbers that are never used again.
    doors: BTreeMap<u64, Door>,
    /// By numbers of the same sequence.
    greetings: Greetings,
    next: u64,
    /// Whether no more handshake may begin, and doors with TLS are not looked at.
    is_crowded: bool,
    certificates_checked: Instant,
    connections: Connections,
    workers: Vec<ControlInbox>,
    epoll: Epoll,
    /// A descriptor that can be given up, to accept and refuse when there is no other.
    spare: Option<EventFd>,
    beat: Beat,
}

/// A socket of a listener.
struct Door {
    listener: ListenerId,
    of: Listening,
}

impl Acceptor {
    fn run(mut self) {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            self.beat.advance(clock::now());
            // A signal that interrupts it is as good as no event.
            let ready = self.epoll.wait(&mut events, self.timeout()).unwrap_or(0);
            for event in events[..ready].iter().filter(|event| event.data() != WAKE) {
                match self.greetings.go_on(event.data(), &self.epoll) {
                    Some(connection) => self.hand_over(connection),
                    None => self.accept(event.data(), TURN),
                }
            }
            self.look_after_tls();
            self.wake.read().ok();
            loop {
                match self.inbox.try_recv() {
                    Ok(Message::Stop) | Err(TryRecvError::Disconnected) => {
                        let all: Vec<u64> = self.doors.keys().copied().collect();
                        return all.into_iter().for_each(|door| self.accept(door, LAST_TURN));
                    }
                    Ok(message) => self.obey(message),
                    Err(TryRecvError::Empty) => break,
                }
            }
        }
    }

    fn has_tls(&self) -> bool {
        self.doors.values().any(|door| door.of.terms.tls.is_some())
    }

    /// How long to wait for an event before something else has to be looked after.
    fn timeout(&self) -> EpollTimeout {
        // It is said once in a second that all is well, even if there is nothing to look after.
        let checks = if self.greetings.are_none() { SECOND_CHECK } else { GREETING_CHECK };
        checks.into()
    }

    /// Sees to handshakes that take too long, and to certificates that are rotated.
    fn look_after_tls(&mut self) {
        let now = clock::now();
        self.greetings.close_late(now);
        if self.is_crowded != self.greetings.are_full() {
            self.is_crowded = !self.is_crowded;
            let flags = if self.is_crowded { EpollFlags::empty() } else { EpollFlags::EPOLLIN };
            for (number, door) in &self.doors {
                if door.of.terms.tls.is_some() {
                    let mut event = EpollEvent::new(flags, *number);
                    self.epoll.modify(&door.of.socket, &mut event).ok();
                }
            }
        }
        if !self.has_tls() || now < self.certificates_checked + CERTIFICATE_PAUSE {
            return;
        }
        self.certificates_checked = now;
        let mut stale = BTreeSet::new();
        for Door { listener, of } in self.doors.values_mut() {
            let Some(certificates) = &mut of.terms.tls else { continue };
            certificates.refresh();
            if certificates.is_stale() {
                stale.insert(listener.0);
            }
        }
        self.connections.note_stale_certificates(stale.len() as u64);
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Open(listener, sockets) => {
                for of in sockets {
                    let event = EpollEvent::new(EpollFlags::EPOLLIN, self.next);
                    if let Err(error) = self.epoll.add(&of.socket, event) {
                        log::error!("cannot wait for connections: {error}");
                    }
                    self.doors.insert(self.next, Door { listener, of });
                    self.next += 1;
                }
            }
            Message::Adopt(listener, socket, begun) => self.adopt(listener, socket, begun),
            Message::Change(listener, terms) => {
                // Who came before finds what held before.
                self.doors_of(listener).for_each(|door| self.accept(door, LAST_TURN));
                for door in self.doors.values_mut().filter(|door| door.listener == listener) {
                    door.of.terms.clone_from(&terms);
                }
            }
            Message::Close(listener) => {
                for door in self.doors_of(listener) {
                    self.accept(door, LAST_TURN);
                    self.doors.remove(&door);
                }
                self.greetings.close(listener);
                self.workers.iter().for_each(|worker| worker.tell(Control::Close(listener)));
            }
            // It ends the loop that asks.
            Message::Stop => {}
        }
    }

    /// Takes in a connection that another process had. One that was not encrypted is not for a
    /// listener that is now.
    fn adopt(&self, listener: ListenerId, socket: Socket, begun: Vec<u8>) {
        let mut doors = self.doors.values();
        let door = doors.find(|door| door.listener == listener && door.of.terms.tls.is_none());
        let (Some(door), Ok(from)) = (door, socket.peer_addr()) else { return };
        if let Some(connection) = self.admit(door, socket, &from) {
            self.hand_over(Connection { begun, ..connection });
        }
    }

    fn doors_of(&self, listener: ListenerId) -> impl Iterator<Item = u64> + use<> {
        let doors = self.doors.iter().filter(|(_, door)| door.listener == listener);
        doors.map(|(number, _)| *number).collect::<Vec<_>>().into_iter()
    }

    /// Accepts what waits at a listener, though no more than so many.
    fn accept(&mut self, number: u64, most: usize) {
        for _ in 0..most {
            let Some(door) = self.doors.get(&number) else { return };
            if door.of.terms.tls.is_some() && self.greetings.are_full() {
                return;
            }
            match door.of.socket.accept() {
                Ok((socket, from)) => {
                    if let Some(connection) = self.admit(door, socket, &from) {
                        self.begin(connection);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It was gone before its turn came.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_out_of_descriptors(&error) => {
                    // Given up for a connection, so that it does not wait for ever, and the
                    // listener does not stay ready.
                    self.spare = None;
                    let refused = door.of.socket.accept().is_ok();
                    self.spare = event().ok();
                    if refused {
                        self.connections.refuse(Refusal::FdLimit);
                    } else {
                        thread::sleep(REST);
                        return;
                    }
                }
                Err(error) => {
                    log::warn!("cannot accept a connection: {error}");
                    thread::sleep(REST);
                    return;
                }
            }
        }
    }

    /// Makes a connection of what came in, or refuses it.
    fn admit(&self, door: &Door, socket: Socket, from: &SockAddr) -> Option<Connection> {
        let Door { listener, of: Listening { terms, .. } } = door;
        let address: Option<IpAddr> = from.as_socket().map(|address| address.ip());
        if address.is_some_and(|address| !terms.sources.admit(address)) {
            self.connections.refuse(Refusal::Denied);
            return None;
        }
        let place = self.connections.admit(address).ok()?;
        let tls = match &terms.tls {
            None => Ok(None),
            Some(certificates) => certificates.begin().map(Box::new).map(Some),
        };
        match (prepare(&socket, address.is_some()), tls) {
            (Ok(()), Ok(tls)) => {
                let (listener, stream) = (*listener, terms.stream);
                Some(Connection { listener, socket, tls, stream, begun: Vec::new(), place })
            }
            (prepared, _) => {
                log::debug!("a connection was gone at once: {prepared:?}");
                place.close(Ending::Broken);
                None
            }
        }
    }

    /// Begins with a connection: with its handshake, where it has one.
    fn begin(&mut self, connection: Connection) {
        let ready = match connection.tls {
            None => Some(connection),
            Some(_) => {
                let number = self.next;
                self.next += 1;
                self.greetings.begin(number, connection, &self.epoll, clock::now())
            }
        };
        if let Some(connection) = ready {
            self.hand_over(connection);
        }
    }

    fn hand_over(&self, connection: Connection) {
        let worker = connection.place.worker();
        self.workers[worker].tell(Control::Adopt(Box::new(connection)));
    }
}

fn prepare(socket: &Socket, is_tcp: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if is_tcp {
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_EVERY)
            .with_retries(KEEPALIVE_TIMES);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Something that a thread waits for, or a descriptor and nothing more.
fn event() -> io::Result<EventFd> {
    Ok(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn f34_a_peer_that_is_gone_without_a_word_is_given_up_after_two_minutes() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Socket::from(stream);
        prepare(&socket, true).unwrap();
        assert!(socket.keepalive().unwrap() && socket.nonblocking().unwrap());
        let (after, every) = (socket.tcp_keepalive_time(), socket.tcp_keepalive_interval());
        let times = socket.tcp_keepalive_retries().unwrap();
        let given_up = after.unwrap() + every.unwrap() * times;
        assert_eq!(given_up, Duration::from_secs(120));
    }
}
