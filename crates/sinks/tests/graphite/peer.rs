//! A Graphite that reads, closes, resets and stalls as a test wants.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{SockRef, Socket};

/// A listening socket on a free port.
pub(crate) struct Peer {
    listener: TcpListener,
}

impl Peer {
    pub(crate) fn on(address: &str) -> Self {
        Self { listener: TcpListener::bind((address, 0)).unwrap() }
    }

    /// A peer whose kernel acknowledges no more than a few thousand bytes before they are read.
    pub(crate) fn with_little_room() -> Self {
        let listener = Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
        listener.set_recv_buffer_size(4_096).unwrap();
        Self { listener: listener.into() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Accepts the next connection, in a thread, and does this with it.
    pub(crate) fn serve<T: Send + 'static>(
        &self,
        serve: impl FnOnce(TcpStream) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let listener = self.listener.try_clone().unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0))
    }

    /// Reads the next connection to its end, which must be an orderly one.
    pub(crate) fn read_connection(&self) -> JoinHandle<String> {
        self.serve(|mut stream| {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        })
    }

    /// Whether no connection waits to be accepted.
    pub(crate) fn nobody_else_connected(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        let refused = self.listener.accept().is_err();
        self.listener.set_nonblocking(false).unwrap();
        refused
    }
}

/// Reads this many bytes.
pub(crate) fn read(stream: &mut TcpStream, count: usize) -> String {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Ends a connection with a reset.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}
