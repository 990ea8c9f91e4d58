//! The memory of the daemon: one budget, what is really there, and what is done as it fills.
//!
//! ```text
//!  held of the budget   step
//!  70 %                 expire_idle      spellings that came in one interval alone are forgotten 2
//!                                        intervals later
//!  80 %                 sketch_early     timers of more than 256 values and sets of more than 512
//!                                        members become sketches
//!  90 %                 refuse_heaviest  new series are refused whose prefixes make the most
//!  95 %                 refuse_new       all new series are refused, and new connections; queues
//!                                        keep what an eighth of the budget holds
//! ```
//!
//! Whoever holds memory says how much ([`Lease`]), and asks before it takes more for something
//! new. So a step is taken at once by the thread that finds that it is time, in the middle of an
//! interval too. The thread of this module only looks, once in a second: what the system says that
//! the process has beyond what is accounted for counts too, and what the allocator keeps of memory
//! that was given back goes back to the system.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gstatsd_aggregate::{Budget, Lease, Owner, Step};

use crate::beats::Beat;
use crate::clock;
use crate::connections::Connections;
use crate::forward::Forwarding;
use crate::sys::{Resident, give_back_memory};

/// How often to look.
const LOOK: Duration = Duration::from_secs(1);
/// What a connection takes, about: the begin of a line, and what TLS keeps.
const CONNECTION_BYTES: usize = 16 << 10;
/// From so many bytes on that are not accounted for the allocator is asked for what it keeps.
const GIVE_BACK_MIN: usize = 1 << 20;
/// What a daemon takes before anything is sent, and what each worker takes, in bytes, about.
const LEAST: usize = 8 << 20;
const LEAST_OF_WORKER: usize = 1 << 20;

/// The memory of the daemon. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) budget: Budget,
    /// What the system says that the process has, in bytes; 0 where it does not say.
    resident: Arc<AtomicU64>,
}

/// The thread that looks. It ends with this.
pub(crate) struct Watching {
    thread: JoinHandle<()>,
    end: Sender<()>,
}

/// What the thread looks at.
pub(crate) struct Watch {
    memory: Memory,
    resident: Option<Resident>,
    forwarding: (Arc<Forwarding>, Lease),
    connections: (Connections, Lease),
    rest: Lease,
    beat: Beat,
    /// How often each step had begun, and whether it was taken, when last told.
    told: [(u64, bool); Step::ALL.len()],
    /// What was not accounted for although the allocator had given back what it could.
    kept: usize,
}

impl Memory {
    /// A budget of so many bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self { budget: Budget::new(max), resident: Arc::default() }
    }

    /// What is held and done, with its names.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, u64)) {
        emit("memory.max", self.budget.max() as u64);
        emit("memory.held", self.budget.held() as u64);
        for owner in Owner::ALL {
            let held = self.budget.held_by(owner) as u64;
            emit(&format!("memory.held.{}", owner.label()), held);
        }
        emit("memory.resident", self.resident.load(Ordering::Relaxed));
        for step in Step::ALL {
            let (taken, begun) = (self.budget.takes(step), self.budget.begun(step));
            emit(&format!("memory.steps.{}.active", step.label()), u64::from(taken));
            emit(&format!("memory.steps.{}.begun", step.label()), begun);
        }
    }

    /// Says in the log where the budget is less than a daemon with so many workers needs.
    pub(crate) fn warn(&self, workers: usize) {
        let (max, least) = (self.budget.max(), LEAST + workers * LEAST_OF_WORKER);
        if max < 2 * least {
            log::warn!(
                "memory_max: {} MiB with {workers} workers leaves little for series: they need {} \
                 MiB before anything is sent",
                max >> 20,
                least >> 20,
            );
        }
    }
}

impl Watch {
    /// A watch over the memory, which asks these how much they hold.
    pub(crate) fn new(
        memory: &Memory,
        resident: Option<Resident>,
        (forwarding, connections): (Arc<Forwarding>, Connections),
        beat: Beat,
    ) -> Self {
        let lease = |owner| memory.budget.lease(owner);
        Self {
            memory: memory.clone(),
            resident,
            forwarding: (forwarding, lease(Owner::Forwarding)),
            connections: (connections, lease(Owner::Connections)),
            rest: lease(Owner::Rest),
            beat,
            told: [(0, false); Step::ALL.len()],
            kept: 0,
        }
    }

    /// Looks once in a second, on a thread of its own.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(mut self) -> io::Result<Watching> {
        self.look();
        let (end, ended) = channel();
        let thread =
            thread::Builder::new().name("memory".to_owned()).spawn(move || self.run(&ended))?;
        Ok(Watching { thread, end })
    }

    fn run(mut self, ended: &Receiver<()>) {
        while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            self.beat.advance(clock::now());
            self.look();
        }
    }

    fn look(&mut self) {
        let (forwarding, lease) = &mut self.forwarding;
        lease.set(forwarding.queued_bytes());
        let (connections, lease) = &mut self.connections;
        lease.set(connections.open() * CONNECTION_BYTES);
        let budget = &self.memory.budget;
        let accounted = budget.held() - self.rest.bytes();
        let resident = self.resident.as_ref();
        if let Some((mut all, mut own)) = resident.and_then(Resident::bytes) {
            let rest = own.saturating_sub(accounted);
            self.kept = self.kept.min(rest);
            // Not again and again for what stays.
            if rest > GIVE_BACK_MIN && rest > self.kept / 4 * 5 {
                give_back_memory();
                (all, own) = resident.and_then(Resident::bytes).unwrap_or((all, own));
                self.kept = own.saturating_sub(accounted);
            }
            self.memory.resident.store(all as u64, Ordering::Relaxed);
            self.rest.set(own.saturating_sub(accounted));
        }
        self.memory.budget.look();
        self.tell();
    }

    /// Says in the log which steps have begun and ended.
    fn tell(&mut self) {
        let Self { memory: Memory { budget, .. }, told, .. } = self;
        for (step, told) in Step::ALL.into_iter().zip(told) {
            let (begun, is_taken) = (budget.begun(step), budget.takes(step));
            let (held, max, name) = (budget.held() >> 10, budget.max() >> 10, step.label());
            if begun > told.0 {
                let what = doing(step);
                log::warn!("memory: {held} of {max} KiB are held: {name} begins: {what}");
            }
            if !is_taken && (told.1 || begun > told.0) {
                log::info!("memory: {held} of {max} KiB are held: {name} has ended");
            }
            *told = (begun, is_taken);
        }
    }
}

impl Watching {
    /// Ends the thread. Gives an error where it has panicked.
    pub(crate) fn stop(self) -> thread::Result<()> {
        drop(self.end);
        self.thread.join()
    }
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::ExpireIdle => "what came in one interval alone is forgotten early",
        Step::SketchEarly => "timers and sets become sketches early",
        Step::RefuseHeaviest => "new series are refused whose prefixes make the most of them",
        Step::RefuseNew => "new series and new connections are refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_and_done_is_told() {
        let memory = Memory::new(1_000);
        let mut lease = memory.budget.lease(Owner::Snapshots);
        lease.set(960);
        lease.set(860);
        let mut told = Vec::new();
        memory.named(|name, number| told.push(format!("{name}={number}")));
        for expected in [
            "memory.max=1000",
            "memory.held=860",
            "memory.held.snapshots=860",
            "memory.held.rest=0",
            "memory.steps.expire_idle.active=1",
            "memory.steps.refuse_heaviest.active=1",
            "memory.steps.refuse_new.active=0",
            "memory.steps.refuse_new.begun=1",
        ] {
            assert!(told.iter().any(|one| one == expected), "no {expected} in {told:?}");
        }
    }
}
