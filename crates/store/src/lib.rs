//! What is kept on disk, and read back as if anybody could have written it.
//!
//! * [`Spool`]: a queue of records in segments, for what a peer does not take now.
//! * [`Slots`]: one small state in two files, of which one is always whole.
//! * [`Page`]: counters in a mapped file, which outlive the process that counts.
//!
//! Nothing here knows what the bytes mean, reads a clock or logs. Every call of the system goes
//! through [`Disk`], so that tests can make each of them fail.

mod disk;
mod page;
mod slots;
mod spool;

pub use disk::{Disk, FileId, Space, SystemDisk};
pub use page::{COUNTERS_MAX, Counting, Page, PageError, Previous, fuzz_page};
pub use slots::{Restored, Slots, fuzz_slots};
pub use spool::{
    Fold, Inspection, Losses, Opened, Pending, RECORD_BYTES_MAX, Record, Shortage, Spool,
    SpoolError, SpoolSettings, fuzz_segment, inspect,
};
