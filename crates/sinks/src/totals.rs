//! Totals that go on from one process to the next.
//!
//! ```text
//! a snapshot is taken in --> TotalsKeeper::keep --> only then anybody sees what it came to
//! ```
//!
//! A total that somebody saw must not fall back while its start time stays: who reads it takes that
//! for a counter that began anew, and counts all of it once more. So the totals are kept before
//! they are shown or sent; and where the last that were kept are older than the last that were
//! seen, nothing of them is used: all begin anew, with a new start time.

use std::fmt::Debug;

use gstatsd_aggregate::encoding::{Reader, put, put_signed};
use gstatsd_aggregate::{DecodeError, Snapshot};

const VERSION: u8 = 1;

/// Where the totals of one sink are kept for the process after this one. What is kept is bytes
/// here, which [`read`](TotalsKeeper::begin) may refuse.
pub trait TotalsKeeper: Debug + Send {
    /// Has `read` take in what the process before left, where that is what was seen last; it gives
    /// the number of series. Says whether this is over: it is not while the process before has its
    /// totals still, which `wait` waits for, within reason.
    fn begin(
        &mut self,
        wait: bool,
        read: &mut dyn FnMut(&[u8]) -> Result<usize, DecodeError>,
    ) -> bool;

    /// More is going to be seen: keeps what `write` appends, unless that would cost too much now.
    fn keep(&mut self, write: &mut dyn FnMut(&mut Vec<u8>));

    /// Nothing more will be seen: keeps what `write` appends, so that it outlives the machine too.
    fn end(&mut self, write: &mut dyn FnMut(&mut Vec<u8>));
}

/// What the totals are of: bytes of one kind mean nothing to another.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Totalled {
    Page = 1,
    Otlp,
}

/// The totals of a sink beside those in its memory; or nothing, where they are not kept.
#[derive(Debug)]
pub(crate) struct Kept {
    of: Totalled,
    keeper: Option<Box<dyn TotalsKeeper>>,
    is_begun: bool,
    /// The last snapshot that the process before took in. It may come again: one that was on its
    /// way at the end of that process is sent by this one.
    before: Option<Taken>,
    last: Option<Taken>,
}

/// Which snapshot. Of its number half outlives a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    timestamp: i64,
    number: u32,
}

impl Kept {
    /// Not kept, so far.
    pub(crate) fn new(of: Totalled) -> Self {
        Self { of, keeper: None, is_begun: false, before: None, last: None }
    }

    /// Keeps them there.
    pub(crate) fn keep_with(&mut self, keeper: Box<dyn TotalsKeeper>) {
        (self.keeper, self.is_begun) = (Some(keeper), false);
    }

    /// Reads what the process before left, once that is possible; `read` gives how many series
    /// there are, and takes in all that is there or nothing.
    pub(crate) fn begin(
        &mut self,
        wait: bool,
        mut read: impl FnMut(&mut Reader<'_>) -> Result<usize, DecodeError>,
    ) {
        let Self { of, keeper, is_begun, before, last } = self;
        let Some(keeper) = keeper.as_mut().filter(|_| !*is_begun) else { return };
        *is_begun = keeper.begin(wait, &mut |bytes| {
            let mut reader = Reader::new(bytes);
            let Some(taken) = read_head(*of, &mut reader)? else { return Ok(0) };
            let series = read(&mut reader)?;
            (*before, *last) = (Some(taken), Some(taken));
            Ok(series)
        });
    }

    /// The timestamp of the last snapshot that the process before took in.
    pub(crate) fn before(&self) -> Option<i64> {
        self.before.map(|taken| taken.timestamp)
    }

    /// Whether this snapshot is yet to be taken in: the process before has not done so. Only one
    /// that outlived it can be the same.
    pub(crate) fn take(&mut self, snapshot: &Snapshot) -> bool {
        let (timestamp, number) = (snapshot.window.timestamp, snapshot.number);
        #[expect(clippy::cast_possible_truncation, reason = "the half that outlives a process")]
        let taken = Taken { timestamp, number: number as u32 };
        let outlived = snapshot.number & Snapshot::OUTLIVED != 0;
        let is_new = !outlived || self.before != Some(taken);
        if is_new {
            self.last = Some(taken);
        }
        is_new
    }

    /// Keeps what `write` appends: what was taken in is going to be seen.
    pub(crate) fn keep(&mut self, write: impl Fn(&mut Vec<u8>)) {
        let (of, last) = (self.of, self.last);
        if let Some(keeper) = self.keeper.as_mut().filter(|_| self.is_begun) {
            keeper.keep(&mut |out| write_all(of, last, &write, out));
        }
    }

    /// The same at the end.
    pub(crate) fn end(&mut self, write: impl Fn(&mut Vec<u8>)) {
        let (of, last) = (self.of, self.last);
        if let Some(mut keeper) = self.keeper.take().filter(|_| self.is_begun) {
            keeper.end(&mut |out| write_all(of, last, &write, out));
        }
    }
}

fn write_all(of: Totalled, last: Option<Taken>, write: impl Fn(&mut Vec<u8>), out: &mut Vec<u8>) {
    out.extend([VERSION, of as u8, u8::from(last.is_some())]);
    if let Some(Taken { timestamp, number }) = last {
        put_signed(timestamp, out);
        put(u64::from(number), out);
        write(out);
    }
}

/// Which snapshot was taken in last; nothing where there was none, or what follows is of another
/// kind.
fn read_head(of: Totalled, reader: &mut Reader<'_>) -> Result<Option<Taken>, DecodeError> {
    let version = reader.byte()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    if reader.byte()? != of as u8 || reader.byte()? == 0 {
        return Ok(None);
    }
    let (timestamp, number) = (reader.signed()?, u32::try_from(reader.number()?).ok());
    Ok(Some(Taken { timestamp, number: reader.checked(number)? }))
}

/// Any bytes are read as totals of each kind, or refused; and what is read is written as the same.
#[doc(hidden)]
pub fn fuzz_totals(bytes: &[u8]) {
    crate::prometheus::fuzz(bytes);
    crate::otlp::fuzz(bytes);
}

#[cfg(test)]
pub(crate) mod tests;
