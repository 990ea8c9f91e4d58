//! The running threads: this is where the stages are put together.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use gstatsd_aggregate::Counts;

use super::outlet;
use crate::accept::{Accepting, Terms};
use crate::accounting::Board;
use crate::admin::{self, Admin, AdminSockets, Phase};
use crate::aggregation::{self, SettingsBook};
use crate::beats::Beats;
use crate::clock::{self, Cadence};
use crate::config::{Config, FrequentKeys, Listener, Transport};
use crate::connections::{ConnectionCounts, Connections, Limits};
use crate::deliver::{Books, Outlet, Outlets};
use crate::flush::{self, Flush, Inbox, Making, Message, Telling};
use crate::forward::{self, Forwarding, refuse_loops};
use crate::frequent::FrequentNames;
use crate::handover::{Given, Rest, Successor};
use crate::http::{Guard, HttpServers};
use crate::listen::{self, ManagementSockets, SocketFile, Sockets};
use crate::manage::{Managing, Subjects};
use crate::memory::{Memory, Watch, Watching};
use crate::notes::Notes;
use crate::state::{Keeping, Left};
use crate::sys::Resident;
use crate::systemd::Systemd;
use crate::tally::Tally;
use crate::work::{Control, ControlInbox, Leaving, ListenerId, Worker};

/// How long what receives may take from one batch to the next.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one flush may take: with millions of series it takes seconds.
const FLUSH_PATIENCE: Duration = Duration::from_mins(1);

/// The running threads.
pub(super) struct Service {
    /// Where commands are taken.
    managing: Option<Managing>,
    admin: Option<Admin>,
    phase: Phase,
    board: Board,
    beats: Beats,
    accepting: Accepting,
    memory: Memory,
    watching: Watching,
    connections: Connections,
    servers: HttpServers,
    workers: Vec<(JoinHandle<()>, ControlInbox)>,
    flush: JoinHandle<(Outlets, Counts)>,
    flush_inbox: Inbox,
    forwarding: Arc<Forwarding>,
    /// What rules have given to series since the start.
    settings: SettingsBook,
    /// What is listened on.
    listeners: Vec<Opened>,
    /// How many listeners were ever opened.
    listeners_opened: usize,
}

/// A listener that is open.
struct Opened {
    id: ListenerId,
    listener: Listener,
    /// What is listened on, as IP addresses.
    addresses: Vec<(Transport, SocketAddr)>,
    /// Removed when it is closed.
    files: Vec<SocketFile>,
}

/// What a reload changes, ready to be put to use: nothing of it can fail any more.
pub(super) struct Plan {
    /// Listeners that begin, bound.
    pub(super) opened: Vec<(Listener, Sockets)>,
    /// Listeners that stay where they are, with other settings.
    changed: Vec<(Listener, Terms)>,
    outlets: Vec<Outlet>,
    removed_sinks: Vec<String>,
    making: Making,
    settings: SettingsBook,
    /// Who may ask the admin server for what.
    guard: Guard,
}

impl Service {
    /// Starts the threads from the end of the path to its beginning, so that nothing is received
    /// that has nowhere to go. Nothing is received yet.
    pub(super) fn start(
        config: &Config,
        admin: AdminSockets,
        sandbox_level: u64,
        resident: Option<Resident>,
    ) -> anyhow::Result<Self> {
        let settings = SettingsBook::of(config);
        let rules = Arc::new(settings.rules(config));
        let making = making(config, &settings)?;
        let notes = Notes::default();
        notes.set("sandbox.level", sandbox_level);
        let servers = HttpServers::new(notes.clone());
        let (board, beats, phase) = (Board::default(), Beats::new(), Phase::default());
        let subjects =
            admin::Subjects { board: board.clone(), beats: beats.clone(), phase: phase.clone() };
        let admin = Admin::start(admin, config, subjects, &servers, &notes)?;
        let memory = Memory::new(config.memory_max);
        memory.warn(config.workers.get());
        let mut outlets = Outlets::new(beats.stage("prepare", FLUSH_PATIENCE))?;
        for sink in &config.sinks {
            outlets.add(outlet::open(sink, config, &servers, &beats, &memory)?);
        }
        let forwarding = Arc::new(Forwarding::start(config)?);
        let cadence =
            Cadence::new(clock::now(), clock::wall(), config.flush_interval, config.align);
        let (flush_inbox, messages) = flush::inbox(config.workers.get());
        let tally = config.state_directory.as_deref();
        let tally = tally.and_then(|dir| Tally::open(dir, config.workers.get()));
        let (mut spares, mut workers) = (Vec::new(), Vec::new());
        for index in 0..config.workers.get() {
            let (spare, returned) = sync_channel(1);
            let table = aggregation::table(config, &making.naming, &rules);
            let table = table.with_budget(&memory.budget);
            let inbox = flush_inbox.clone();
            let pinned = config.pin_workers;
            let (worker, control) = Worker::new(index, table, cadence, inbox, returned, pinned)?;
            let taking = tally.as_ref().map(|tally| tally.taking(index));
            workers.push((worker.counting(taking), control));
            spares.push(spare);
        }
        let connections = Connections::new(limits(config), config.workers.get());
        connections.bound_by(&memory.budget);
        let (interval, books) = (config.flush_interval, connections.clone());
        let flush = Flush::new(messages, spares, cadence, interval, outlets, making, books);
        let beat = beats.stage("flush", FLUSH_PATIENCE);
        let telling = Telling { board: board.clone(), notes, memory: memory.clone(), beat };
        let flush = flush.counting(Arc::clone(&forwarding)).telling(telling);
        let keeping = config.state_directory.clone().map(Keeping::new);
        let flush = flush.keeping(keeping, tally.clone());
        let flush = spawn("flush", move || flush.run())?;
        let workers = start_workers(workers, &forwarding, &beats)?;
        let inboxes = workers.iter().map(|(_, control)| control.clone()).collect();
        let accepting =
            Accepting::start(connections.clone(), inboxes, beats.stage("accept", PATIENCE))?;
        let beat = beats.stage("memory", PATIENCE);
        let watched = (Arc::clone(&forwarding), connections.clone());
        let watching = Watch::new(&memory, resident, watched, beat).start()?;
        Ok(Self {
            managing: None,
            admin,
            phase,
            board,
            beats,
            accepting,
            memory,
            watching,
            connections,
            servers,
            workers,
            flush,
            flush_inbox,
            forwarding,
            settings,
            listeners: Vec::new(),
            listeners_opened: 0,
        })
    }

    /// Says in the log how the books stood at the last flush.
    pub(super) fn tell_standing(&self) {
        for line in self.board.standing().lines() {
            log::info!("{line}");
        }
    }

    /// Begins to receive. `sockets` are those of the listeners, in their order.
    pub(super) fn listen(
        &mut self,
        config: &Config,
        sockets: Vec<Sockets>,
        management: ManagementSockets,
    ) -> anyhow::Result<()> {
        for (listener, sockets) in config.listeners.iter().zip(sockets) {
            self.open(listener.clone(), sockets);
        }
        self.take_commands(config, management)?;
        self.phase.receives();
        self.admin.iter().for_each(Admin::begin);
        Ok(())
    }

    /// Goes on with what the process before this one had: the open interval, and connections. Those
    /// whose listener is not there any more are closed.
    pub(super) fn adopt(&self, rest: Rest) {
        if let Some(bytes) = rest.interval {
            match Left::read(&bytes) {
                Some(left) => self.flush_inbox.tell(Message::Inherited(Box::new(left))),
                None => log::warn!("hand-over: the open interval cannot be read, and is lost"),
            }
        }
        for Given { listener, socket, begun } in rest.connections {
            let mut open = self.listeners.iter();
            if let Some(open) = open.find(|open| open.listener.endpoint.to_string() == listener) {
                self.accepting.adopt(open.id, socket, begun);
            }
        }
    }

    /// Makes ready what is to change from one configuration to the next.
    ///
    /// # Errors
    /// A new address cannot be bound, or the system can start no thread. Nothing has changed
    /// then.
    pub(super) fn prepare(&self, now: &Config, next: &Config) -> anyhow::Result<Plan> {
        let is_new = |one: &&Listener| !now.listeners.iter().any(|other| one.is_in_place_of(other));
        let bind = |listener: &Listener| Ok((listener.clone(), listen::bind(listener, next)?));
        let opened = next.listeners.iter().filter(is_new).map(bind);
        let opened = opened.collect::<anyhow::Result<Vec<_>>>()?;
        // Relays and repeaters stay as they are until the next start, and the sinks are new.
        let open = opened.iter().map(|(_, sockets)| &sockets.addresses);
        let stay = self.listeners.iter().filter(|opened| stays(&opened.listener, next));
        let open: Vec<_> =
            open.chain(stay.map(|opened| &opened.addresses)).flatten().copied().collect();
        refuse_loops(&Config { sinks: next.sinks.clone(), ..now.clone() }, &open)?;
        let is_changed = |one: &&Listener| !is_new(one) && !now.listeners.contains(one);
        let changed = next.listeners.iter().filter(is_changed);
        let changed = changed.map(|listener| Ok((listener.clone(), listen::terms(listener)?)));
        let changed = changed.collect::<anyhow::Result<_>>()?;
        let removed = now.sinks.iter().filter(|sink| !next.sinks.contains(sink));
        let removed_sinks = removed.map(|sink| sink.name.clone()).collect();
        let added = next.sinks.iter().filter(|sink| !now.sinks.contains(sink));
        let mut settings = self.settings.clone();
        settings.learn_next(next);
        let making = making(next, &settings)?;
        let guard = admin::guard(next)?;
        // Last, so that no thread is left where something fails.
        let Self { servers, beats, memory, .. } = self;
        let outlets = added.map(|sink| outlet::open(sink, next, servers, beats, memory));
        let outlets = outlets.collect::<anyhow::Result<_>>()?;
        Ok(Plan { opened, changed, outlets, removed_sinks, making, settings, guard })
    }

    /// Puts what was made ready to use. New sockets are read before old ones are closed.
    pub(super) fn reload(&mut self, now: &Config, next: &Config, plan: Plan) {
        self.settings = plan.settings;
        let rules = Arc::new(self.settings.rules(next));
        let naming = Arc::clone(&plan.making.naming);
        // First, so that no sample that was read in the new way is named in the old one.
        self.flush_inbox.tell(Message::Reloaded(Box::new(flush::Reload {
            making: plan.making,
            opened: plan.outlets,
            removed: plan.removed_sinks,
            deadline: clock::now() + next.shutdown_timeout,
        })));
        if !aggregation::reads_alike(now, next) {
            for (_, control) in &self.workers {
                let table = aggregation::table(next, &naming, &rules);
                let table = table.with_budget(&self.memory.budget);
                control.tell(Control::Table(Box::new(table)));
            }
        }
        self.memory.budget.set_max(next.memory_max);
        self.connections.limit(limits(next));
        if let Some(managing) = &self.managing {
            managing.change(now, next);
        }
        if let Some(admin) = &self.admin {
            admin.change(next, plan.guard);
        }
        for (listener, sockets) in plan.opened {
            self.open(listener, sockets);
        }
        for (listener, terms) in plan.changed {
            self.change(&listener, &terms);
        }
        let closed = self.listeners.extract_if(.., |opened| !stays(&opened.listener, next));
        let closed: Vec<_> = closed.collect();
        closed.into_iter().for_each(|opened| self.close(opened));
    }

    /// Which stages advance.
    pub(super) fn beats(&self) -> Beats {
        self.beats.clone()
    }

    /// Counts a reload that failed.
    pub(super) fn reload_failed(&self) {
        self.flush_inbox.tell(Message::ReloadFailed);
    }

    fn take_commands(&mut self, config: &Config, sockets: ManagementSockets) -> io::Result<()> {
        if sockets.sockets.is_empty() {
            return Ok(());
        }
        let subjects = Subjects {
            flush: self.flush_inbox.clone(),
            workers: self.workers.iter().map(|(_, control)| control.clone()).collect(),
            forwarding: Arc::clone(&self.forwarding),
            connections: self.connections.clone(),
        };
        self.managing = Some(Managing::start(sockets, config, subjects)?);
        Ok(())
    }

    fn open(&mut self, listener: Listener, sockets: Sockets) {
        let id = ListenerId(self.listeners_opened);
        self.listeners_opened += 1;
        let dialect = aggregation::dialect_number(listener.dialect);
        let Sockets { mut of_workers, listening, addresses, files, .. } = sockets;
        // The one worker that has all datagrams of a unix socket is not always the same.
        let workers = of_workers.len();
        of_workers.rotate_right(id.0 % workers);
        for ((_, control), sockets) in self.workers.iter().zip(of_workers) {
            control.tell(Control::Open(id, dialect, sockets));
        }
        self.accepting.open(id, listening);
        self.listeners.push(Opened { id, listener, addresses, files });
    }

    /// Gives a listener that stays where it is other settings.
    fn change(&mut self, listener: &Listener, terms: &Terms) {
        let same = self.listeners.iter_mut();
        for opened in same.filter(|opened| listener.is_in_place_of(&opened.listener)) {
            for (_, control) in &self.workers {
                let dialect = aggregation::dialect_number(listener.dialect);
                control.tell(Control::Change(opened.id, dialect, listener.sources.clone()));
            }
            self.accepting.change(opened.id, terms.clone());
            opened.listener.clone_from(listener);
        }
    }

    fn close(&self, Opened { id, listener, files, .. }: Opened) {
        log::info!("no longer listening on {}", listener.endpoint);
        // From now on a unix socket cannot be found, instead of being found deaf.
        drop(files);
        self.accepting.close(id);
    }

    /// Ends the threads in the order of the path, and says what became of everything. What is
    /// not received yet is left to a successor, which goes on as soon as nothing is received here.
    pub(super) fn stop(self, config: &Config, successor: Option<&Successor>) -> anyhow::Result<()> {
        self.phase.stops();
        let deadline = clock::now() + config.shutdown_timeout;
        if let Some(managing) = self.managing {
            managing.stop().ok().context("what takes commands panicked")?;
        }
        if let Some(heir) = successor.and_then(Successor::heir) {
            self.flush_inbox.tell(Message::HandedOver(Box::new(heir)));
        }
        let (sender, leaving) = channel();
        let end = || match successor {
            None => Control::Stop,
            Some(_) => Control::HandOver(sender.clone()),
        };
        let mut listeners = self.listeners;
        // The sockets go on without this process: the successor has them, or systemd.
        let is_kept = successor.is_some() || Systemd::keeps();
        if !is_kept {
            // From now on unix sockets cannot be found, instead of being found deaf.
            listeners.clear();
        }
        // A panic of a thread has ended the process already.
        self.accepting.stop().ok().context("what accepts connections panicked")?;
        for (_, worker) in &self.workers {
            worker.tell(end());
        }
        for (worker, _) in self.workers {
            worker.join().ok().context("a worker panicked")?;
        }
        let (outlets, counts) = self.flush.join().ok().context("the flush panicked")?;
        if let Some(successor) = successor {
            give(successor, &listeners, leaving.try_iter());
            successor.go();
        }
        if is_kept {
            // So do the files of unix sockets.
            std::mem::forget(listeners);
        }
        self.watching.stop().ok().context("what looks at the memory panicked")?;
        let peers = self.forwarding.close(deadline);
        log_accounting(&counts, self.connections.counts(), &outlets.close(deadline), &peers);
        if let Some(line) = self.forwarding.relay_accounting(counts.lines_relayed) {
            log::info!("accounting: {line}");
        }
        Ok(())
    }
}

/// Whether a listener is in the next configuration too.
fn stays(listener: &Listener, next: &Config) -> bool {
    next.listeners.iter().any(|other| other.is_in_place_of(listener))
}

fn limits(config: &Config) -> Limits {
    let (all, per_address) = (config.connections_max, config.connections_per_address_max);
    let limits = Limits::new(all, per_address, config.workers.get());
    let has_connections =
        config.listeners.iter().any(|listener| listener.endpoint.has_connections());
    if has_connections && limits.descriptors < all {
        log::warn!(
            "connections_max: the system gives this process file descriptors for {} of {all} \
             connections: raise its limit (ulimit -n)",
            limits.descriptors,
        );
    }
    limits
}

/// Gives connections to the next process.
fn give(successor: &Successor, listeners: &[Opened], leaving: impl Iterator<Item = Leaving>) {
    for Leaving { listener, socket, begun } in leaving {
        let Some(opened) = listeners.iter().find(|opened| opened.id == listener) else { continue };
        let address = opened.listener.endpoint.to_string();
        if !successor.give(&address, socket.as_fd(), &begun) {
            log::warn!("a connection to {address} could not be handed over, and is closed");
        }
    }
}

/// What is made of what the workers push.
fn making(config: &Config, settings: &SettingsBook) -> io::Result<Making> {
    let naming = Arc::new(aggregation::naming(config, settings));
    let FrequentKeys { interval, percent, log } = config.frequent_keys.clone();
    let start =
        || FrequentNames::start(clock::now(), Duration::from_secs_f64(interval), percent, log);
    let frequent = (interval > 0.0).then(start).transpose()?;
    let (idle, limits) = (aggregation::idle_policy(config, settings), aggregation::limits(config));
    Ok(Making { naming, idle, limits, frequent })
}

/// Starts the threads of the workers.
fn start_workers(
    workers: Vec<(Worker, ControlInbox)>,
    forwarding: &Forwarding,
    beats: &Beats,
) -> io::Result<Vec<(JoinHandle<()>, ControlInbox)>> {
    let start = |(index, (worker, control)): (usize, (Worker, ControlInbox))| {
        let name = format!("worker {index}");
        let worker = worker.passing_on(forwarding.forwarder());
        let worker = worker.beating(beats.stage(&name, PATIENCE));
        Ok((spawn(&name, move || worker.run())?, control))
    };
    workers.into_iter().enumerate().map(start).collect()
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// The books at the end, with the residual of each identity.
fn log_accounting(
    counts: &Counts,
    connections: ConnectionCounts,
    sinks: &BTreeMap<String, Books>,
    peers: &[(String, forward::Books)],
) {
    let mut line = String::new();
    let mut add = |stem: &str, reason: &str, count: u64| {
        line.push_str(&format!(" {stem}{reason}={count}"));
    };
    counts.named(&mut add);
    connections.named(&mut add);
    log::info!(
        "accounting:{line} lines.residual={} samples.residual={} connections.residual={}",
        counts.lines_residual(),
        counts.samples_residual(),
        connections.residual()
    );
    for (name, books) in sinks {
        let mut line = String::new();
        books.named(|stem, reason, count| line.push_str(&format!(" {stem}{reason}={count}")));
        log::info!("accounting: sink {name}:{line} points.residual={}", books.residual());
    }
    for (name, books) in peers {
        let mut line = String::new();
        books.named(|stem, reason, count| line.push_str(&format!(" {stem}{reason}={count}")));
        log::info!("accounting: peer {name}:{line} residual={}", books.residual());
    }
}
