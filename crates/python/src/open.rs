//! Clients that are open: what they send through, and that nothing is left when Python ends.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use gstatsd_client::{Builder, Metric, NopSink, Rounding, StatsClient};
use pyo3::prelude::*;

/// How long the end of the process may wait, all clients together.
const END_MAX: Duration = Duration::from_millis(100);

/// The open clients of the process, in the order in which they were opened. It is locked only
/// by threads that are attached to the interpreter and stay so, one at a time; so a fork, which
/// happens in such a thread, never finds it locked.
static CLIENTS: Mutex<Registry> = Mutex::new(Registry { last: 0, clients: BTreeMap::new() });

struct Registry {
    last: u64,
    clients: BTreeMap<u64, StatsClient>,
}

/// What an open client sends through.
pub(crate) struct Open {
    client: StatsClient,
    number: u64,
    /// Whether a call hands its line to the system itself.
    direct: bool,
}

impl Open {
    /// Takes a client that is ready. `direct` says whether its calls hand lines to the system.
    pub(crate) fn new(client: StatsClient, direct: bool) -> Self {
        let mut registry = registry();
        registry.last += 1;
        let number = registry.last;
        registry.clients.insert(number, client.clone());
        Self { client, number, direct }
    }

    /// The client.
    pub(crate) fn client(&self) -> &StatsClient {
        &self.client
    }

    /// Sends a metric as it stands, whatever its rate.
    #[inline]
    pub(crate) fn send(&self, py: Python<'_>, metric: &Metric<'_>) {
        let client = &self.client;
        if self.direct {
            py.detach(|| client.send(metric));
        } else {
            // It is a copy into a buffer; to let others run for it would cost more.
            client.send(metric);
        }
    }

    /// Sends a line as it stands.
    pub(crate) fn send_line(&self, py: Python<'_>, line: &[u8]) {
        let client = &self.client;
        if self.direct {
            py.detach(|| client.send_line(line));
        } else {
            client.send_line(line);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        registry().clients.remove(&self.number);
        // It waits until what it has is sent, and others may run meanwhile.
        let last = mem::replace(&mut self.client, nobody().clone());
        Python::try_attach(move |py| py.detach(move || drop(last)));
    }
}

/// A client that formats as ours do, and sends nothing.
pub(crate) fn nobody() -> &'static StatsClient {
    static NOBODY: OnceLock<StatsClient> = OnceLock::new();
    let make = || Builder::to_sink(NopSink).rounding(Rounding::Gstatsd).direct().build();
    NOBODY.get_or_init(make)
}

/// Sends what the clients of this process still have, for at most 100 ms: at the end of the
/// process.
#[pyfunction]
pub(crate) fn flush_all(py: Python<'_>) {
    let clients: Vec<StatsClient> = registry().clients.values().cloned().collect();
    py.detach(|| {
        #[expect(clippy::disallowed_methods, reason = "a limit for all clients together")]
        let start = Instant::now();
        // All begin at once, so that none has to wait for another's receiver.
        for client in &clients {
            client.flush(Duration::ZERO);
        }
        for client in &clients {
            client.flush(END_MAX.saturating_sub(start.elapsed()));
        }
    });
}

fn registry() -> MutexGuard<'static, Registry> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}
