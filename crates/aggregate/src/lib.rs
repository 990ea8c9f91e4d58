//! From samples to snapshots: tables, series, the rules of each type, names and statistics.
//!
//! ```text
//! packet --> Table::packet --> Part --> Merger --> Snapshot --> Naming::points
//!            a worker          pushed   merges     immutable    what a sink writes
//! ```
//!
//! Everything here is pure: no clock, no socket, no file, no thread, no log. Bad data is not an
//! error but a count with a reason, in [`Counts`].

mod agreement;
mod batch;
mod counts;
mod dated;
mod detours;
mod dialect;
mod fingerprint;
mod fold;
mod gauge;
mod index;
mod large;
mod members;
mod memory;
mod merge;
mod names;
mod naming;
mod newcomers;
mod notices;
mod number;
mod part;
mod prefetch;
mod rules;
mod series;
mod sketched;
mod snapshot;
mod sum;
mod table;
mod tags;
mod timer;

#[doc(hidden)]
pub use agreement::{agree, fuzz_ingest, fuzz_snapshot};
pub use batch::Batch;
pub use counts::{Counts, Shed};
pub use dated::DatedReading;
pub use dialect::{Dialect, Sanitising};
pub use fold::{TagTemplate, TagTemplateError};
pub use gauge::Order;
pub use memory::{Ask, Budget, Lease, Owner, Step};
pub use merge::{Deleted, Family, IdlePolicy, Merger, NameSamples};
pub use names::ConstantTag;
pub use naming::{
    CounterValue, Namespace, Naming, NamingSettings, Point, Scheme, SeriesSettings, SinkStats,
    TimerSummary,
};
pub use newcomers::Newcomers;
pub use number::Number;
pub use part::{Example, Part};
pub use rules::{
    Captures, Effect, Glob, GlobError, KindSet, Match, Pattern, Rule, Rules, Template,
    TemplateError,
};
pub use series::SeriesKind;
pub use snapshot::encoding;
pub use snapshot::{
    DecodeError, FlushTimes, OwnPoint, Series, SetMembers, Snapshot, State, Values, Window,
};
pub use table::{Limits, Table};
pub use tags::{SeriesName, write_series};
