//! One budget of memory, in bytes, for all that grows with what is sent.
//!
//! ```text
//! Table, Part, Merger, Snapshot --> Lease::set    what it holds, at its leisure
//!                               --> Lease::cover  what it wants to hold: asked before, on the
//!                                                 way of a new series or of a vector that grows
//! Budget: the sum of all leases, and the steps that are taken as it rises
//! ```
//!
//! The sum is one number that all threads share. It is touched for 64 KiB at a time, and never
//! for a sample of a known series.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// How much is taken at once: so many threads seldom meet at the sum.
const CHUNK: usize = 64 << 10;
/// By how many hundredths of the budget less is held when a step ends than when it began.
const HYSTERESIS: u32 = 5;
/// Which part of the budget is kept at most as free room for the next interval, by parts and by
/// the merger. It is there beside what the interval needs itself; without it the system gives
/// pages anew, which costs a large block little.
const KEPT_SHARE: usize = 8;
/// For how many looks after the last denial the steps count what was denied as held.
const DENIAL_LOOKS: usize = 10;
/// From so many elements on a vector grows by a quarter and not to twice its size.
const LARGE: usize = 1 << 15;
/// From so many bytes on a block is one of the system's own, which moves it without a copy: the
/// most that the limit of the allocator of glibc rises to (`DEFAULT_MMAP_THRESHOLD_MAX`).
const MOVED_MIN: usize = 32 << 20;

/// What holds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Owner {
    /// What workers know of spellings.
    Tables,
    /// What workers have gathered, on its way to the flush and back.
    Parts,
    /// What the flush knows of series.
    Series,
    /// Snapshots, while any sink still needs them.
    Snapshots,
    /// What sinks remember from one snapshot to the next.
    Sinks,
    /// What waits to be passed on to other servers.
    Forwarding,
    /// Lines of connections that have begun.
    Connections,
    /// What the process has beyond all of that.
    Rest,
}

impl Owner {
    /// Every owner, indexed by its discriminant.
    pub const ALL: [Self; 8] = [
        Self::Tables,
        Self::Parts,
        Self::Series,
        Self::Snapshots,
        Self::Sinks,
        Self::Forwarding,
        Self::Connections,
        Self::Rest,
    ];

    /// What it is called in own metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Tables => "tables",
            Self::Parts => "parts",
            Self::Series => "series",
            Self::Snapshots => "snapshots",
            Self::Sinks => "sinks",
            Self::Forwarding => "forwarding",
            Self::Connections => "connections",
            Self::Rest => "rest",
        }
    }
}

/// What is done as the budget fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Spellings that came in one interval alone are forgotten a few intervals later.
    ExpireIdle,
    /// Timers and sets become sketches early.
    SketchEarly,
    /// New series are refused whose prefixes make the most of them.
    RefuseHeaviest,
    /// All new series are refused, and new connections. It is taken too where something that was
    /// asked for does not fit.
    RefuseNew,
}

impl Step {
    /// Every step, indexed by its discriminant.
    pub const ALL: [Self; 4] =
        [Self::ExpireIdle, Self::SketchEarly, Self::RefuseHeaviest, Self::RefuseNew];

    /// What it is called in own metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ExpireIdle => "expire_idle",
            Self::SketchEarly => "sketch_early",
            Self::RefuseHeaviest => "refuse_heaviest",
            Self::RefuseNew => "refuse_new",
        }
    }

    /// At how many hundredths of the budget it begins.
    #[must_use]
    pub const fn begins(self) -> u32 {
        match self {
            Self::ExpireIdle => 70,
            Self::SketchEarly => 80,
            Self::RefuseHeaviest => 90,
            Self::RefuseNew => 95,
        }
    }

    /// Below how many hundredths of the budget it ends.
    #[must_use]
    pub const fn ends(self) -> u32 {
        self.begins() - HYSTERESIS
    }
}

/// What memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A series that is new: it gets none of the last twentieth.
    NewSeries,
    /// Samples of series that are known.
    Samples,
}

/// The budget. A clone is the same.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: AtomicUsize,
    held: AtomicUsize,
    of_owners: [AtomicUsize; Owner::ALL.len()],
    /// The most that was denied at once lately.
    denied: AtomicUsize,
    /// Looks since something was denied or refused.
    looks: AtomicUsize,
    steps: [StepState; Step::ALL.len()],
}

#[derive(Debug, Default)]
struct StepState {
    is_taken: AtomicBool,
    begun: AtomicU64,
}

/// The memory of one holder. Without a budget it may hold anything. It gives back what it has when
/// it is dropped.
#[derive(Debug, Default)]
pub struct Lease {
    budget: Option<(Budget, Owner)>,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Shared {
            max: AtomicUsize::new(max),
            held: AtomicUsize::new(0),
            of_owners: Default::default(),
            denied: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            steps: Default::default(),
        }))
    }

    /// Makes it larger or smaller, from now on.
    pub fn set_max(&self, max: usize) {
        self.0.max.store(max, Ordering::Relaxed);
        self.step(self.held());
    }

    /// How many bytes may be held.
    #[must_use]
    pub fn max(&self) -> usize {
        self.0.max.load(Ordering::Relaxed)
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How many of them such owners hold.
    #[must_use]
    pub fn held_by(&self, owner: Owner) -> usize {
        self.0.of_owners[owner as usize].load(Ordering::Relaxed)
    }

    /// A lease of nothing yet.
    #[must_use]
    pub fn lease(&self, owner: Owner) -> Lease {
        Lease { budget: Some((self.clone(), owner)), bytes: 0 }
    }

    /// Whether a step is taken.
    #[must_use]
    pub fn takes(&self, step: Step) -> bool {
        self.0.steps[step as usize].is_taken.load(Ordering::Relaxed)
    }

    /// How often a step has begun.
    #[must_use]
    pub fn begun(&self, step: Step) -> u64 {
        self.0.steps[step as usize].begun.load(Ordering::Relaxed)
    }

    /// To be called about once in a second: forgets what was denied long ago.
    pub fn look(&self) {
        if self.0.looks.fetch_add(1, Ordering::Relaxed) >= DENIAL_LOOKS {
            self.0.denied.store(0, Ordering::Relaxed);
        }
        self.step(self.held());
    }

    /// Takes so many bytes more, where they fit.
    fn take(&self, owner: Owner, bytes: usize, ask: Ask) -> bool {
        let max = match ask {
            Ask::NewSeries => hundredths(self.max(), Step::RefuseNew.begins()),
            Ask::Samples => self.max(),
        };
        let more = |held: usize| held.checked_add(bytes).filter(|held| *held <= max);
        match self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(before) => {
                self.0.of_owners[owner as usize].fetch_add(bytes, Ordering::Relaxed);
                self.step(before + bytes);
                true
            }
            Err(held) => {
                if ask == Ask::NewSeries {
                    self.0.denied.fetch_max(bytes, Ordering::Relaxed);
                    self.0.looks.store(0, Ordering::Relaxed);
                    self.step(held);
                }
                false
            }
        }
    }

    fn change(&self, owner: Owner, from: usize, to: usize) {
        let Shared { held, of_owners, .. } = &*self.0;
        let of_owner = &of_owners[owner as usize];
        let after = if to >= from {
            of_owner.fetch_add(to - from, Ordering::Relaxed);
            held.fetch_add(to - from, Ordering::Relaxed) + (to - from)
        } else {
            of_owner.fetch_sub(from - to, Ordering::Relaxed);
            held.fetch_sub(from - to, Ordering::Relaxed) - (from - to)
        };
        self.step(after);
    }

    /// Begins and ends steps.
    fn step(&self, held: usize) {
        let (max, denied) = (self.max(), self.0.denied.load(Ordering::Relaxed));
        for (step, state) in Step::ALL.into_iter().zip(&self.0.steps) {
            let wanted = if step == Step::RefuseNew { held.saturating_add(denied) } else { held };
            let is_taken = state.is_taken.load(Ordering::Relaxed);
            if !is_taken && wanted >= hundredths(max, step.begins()) {
                if !state.is_taken.swap(true, Ordering::Relaxed) {
                    state.begun.fetch_add(1, Ordering::Relaxed);
                }
            } else if is_taken && wanted < hundredths(max, step.ends()) {
                state.is_taken.store(false, Ordering::Relaxed);
            }
        }
    }
}

impl Lease {
    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its holder has so many bytes, whether they fit or not.
    pub fn set(&mut self, bytes: usize) {
        if let Some((budget, owner)) = &self.budget
            && bytes != self.bytes
        {
            budget.change(*owner, self.bytes, bytes);
            self.bytes = bytes;
        }
    }

    /// Its holder would like to have so many bytes: says whether they fit. It keeps what it has
    /// where they are fewer.
    #[must_use]
    pub fn cover(&mut self, bytes: usize, ask: Ask) -> bool {
        let Some((budget, owner)) = &self.budget else { return true };
        if bytes <= self.bytes {
            return true;
        }
        let more = (bytes - self.bytes).next_multiple_of(CHUNK);
        let fits = budget.take(*owner, more, ask);
        if fits {
            self.bytes += more;
        }
        fits
    }

    /// How many bytes all that are of its owner have together.
    pub(crate) fn of_owner(&self) -> usize {
        self.budget.as_ref().map_or(self.bytes, |(budget, owner)| budget.held_by(*owner))
    }

    /// Whether so many bytes of room may be kept empty from one interval to the next.
    pub(crate) fn may_keep(&self, bytes: usize) -> bool {
        self.budget.as_ref().is_none_or(|(budget, _)| bytes <= budget.max() / KEPT_SHARE)
    }

    /// Whether a step is taken.
    #[must_use]
    pub fn takes(&self, step: Step) -> bool {
        self.budget.as_ref().is_some_and(|(budget, _)| budget.takes(step))
    }

    /// Whether a new series is to be refused. That is remembered: as long as any are, what was
    /// denied before counts.
    pub(crate) fn refuses_new(&self) -> bool {
        let Some((budget, _)) = &self.budget else { return false };
        let refuses = budget.takes(Step::RefuseNew);
        if refuses && budget.0.looks.load(Ordering::Relaxed) > 0 {
            budget.0.looks.store(0, Ordering::Relaxed);
        }
        refuses
    }

    /// Whether there is a budget that it is of.
    pub(crate) fn is_bounded(&self) -> bool {
        self.budget.is_some()
    }

    /// Another one of the same budget and owner, of so many bytes.
    #[must_use]
    pub(crate) fn another(&self, bytes: usize) -> Self {
        let mut another = Self { budget: self.budget.clone(), bytes: 0 };
        another.set(bytes);
        another
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// So many hundredths of a number of bytes.
fn hundredths(bytes: usize, part: u32) -> usize {
    bytes / 100 * part as usize + bytes % 100 * part as usize / 100
}

/// The bytes of a vector, with the room that is free.
pub(crate) fn vec_bytes<T>(things: &Vec<T>) -> usize {
    things.capacity() * size_of::<T>()
}

/// The bytes that are allocated anew when a vector gets so many things more; what it has now is
/// there meanwhile.
pub(crate) fn vec_growth<T>(things: &Vec<T>, more: usize) -> usize {
    let wanted = things.len() + more;
    if wanted <= things.capacity() { 0 } else { wanted.max(things.capacity() * 2) * size_of::<T>() }
}

/// Makes room in a vector that may become large: then it grows by a quarter.
pub(crate) fn reserve_large<T>(things: &mut Vec<T>, more: usize) {
    if things.len() >= LARGE && things.capacity() - things.len() < more {
        things.reserve_exact(more.max(things.len() / 4));
    }
}

/// Appends to a vector that may become large.
pub(crate) fn push_large<T>(things: &mut Vec<T>, thing: T) {
    reserve_large(things, 1);
    things.push(thing);
}

/// The same as [`vec_growth`] of a vector that [`reserve_large`] makes room in.
pub(crate) fn large_growth<T>(things: &Vec<T>, more: usize) -> usize {
    let (length, capacity) = (things.len(), things.capacity());
    if length < LARGE || capacity - length >= more {
        return vec_growth(things, more);
    }
    let bytes = (length + more.max(length / 4)) * size_of::<T>();
    if vec_bytes(things) >= MOVED_MIN { bytes - vec_bytes(things) } else { bytes }
}

/// The bytes of a hash table with room for so many things of that size: so many places that are a
/// power of two, of which an eighth stays free, and a byte for each.
pub(crate) fn table_bytes(capacity: usize, thing: usize) -> usize {
    let places = if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two().max(4) };
    places * (thing + 1) + if places == 0 { 0 } else { 16 }
}

/// Gives back the room of a vector that is far more than it has things.
pub(crate) fn trim<T>(things: &mut Vec<T>) {
    if is_sparse(things.capacity(), things.len()) {
        things.shrink_to_fit();
    }
}

/// Empties a vector that may become large. It keeps the room that it had a use for, or none.
pub(crate) fn clear_large<T>(things: &mut Vec<T>, keeps_room: bool) {
    if keeps_room {
        trim(things);
        things.clear();
    } else {
        *things = Vec::new();
    }
}

/// Whether there is much more room than is used.
pub(crate) fn is_sparse(room: usize, used: usize) -> bool {
    room > 4 * used + SPARSE_MIN
}

/// So much room may be free whatever is used.
const SPARSE_MIN: usize = 4_096;

#[cfg(test)]
mod tests;
