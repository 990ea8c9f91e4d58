//! Where packets go instead of a socket: a sink of the user's, and one for tests.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes packets instead of a socket. Without [direct sending](crate::Builder::direct) it is
/// called by one thread of the client's own.
pub trait Sink: Send + Sync + 'static {
    /// Takes a packet: lines with newlines between them, and none at the end.
    ///
    /// It may not call the client: what is sent from inside is dropped.
    ///
    /// # Errors
    ///
    /// The packet is counted as dropped then, and not given again.
    fn send(&self, packet: &[u8]) -> io::Result<()>;
}

/// A sink that forgets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NopSink;

impl Sink for NopSink {
    fn send(&self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A sink that remembers, for tests of programs that send metrics. Clones share what they know.
///
/// ```
/// use gstatsd_client::StatsClient;
///
/// let (client, spy) = StatsClient::spy();
/// client.increment("logins");
/// assert_eq!(spy.take(), ["logins:1|c"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spy {
    packets: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Spy {
    /// One that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines so far, without those that were taken.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        lines(&self.packets())
    }

    /// The packets so far, without those that were taken.
    #[must_use]
    pub fn packets(&self) -> Vec<Vec<u8>> {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines since the last call.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        lines(&self.take_packets())
    }

    /// The packets since the last call.
    #[must_use]
    pub fn take_packets(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.packets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Spy {
    fn send(&self, packet: &[u8]) -> io::Result<()> {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).push(packet.to_vec());
        Ok(())
    }
}

fn lines(packets: &[Vec<u8>]) -> Vec<String> {
    let lines = packets.iter().flat_map(|packet| packet.split(|byte| *byte == b'\n'));
    lines.map(|line| String::from_utf8_lossy(line).into_owned()).collect()
}
