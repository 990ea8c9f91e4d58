//! Totals as bytes, for the process after this one, and back.
//!
//! ```text
//! key 16 | how many rows, then each:
//!     fingerprint 12 | start 4 | seen 4 | what 1 | total 8, or the sketch of a timer
//! ```
//!
//! Numbers have their little end first. What anybody could have written is read: a series that
//! comes twice is an error, and so is more than there is room for.

use gstatsd_aggregate::DecodeError;
use gstatsd_aggregate::encoding::{Reader, put};
use gstatsd_sketch::Histogram;

use super::{Row, TIMER, Totals};

/// What a row is of: a counter, one that fell, or a timer.
const COUNTER: u8 = 0;
const FALLEN: u8 = 1;
const SKETCH: u8 = 2;

impl Totals {
    /// Appends all of them.
    pub(in super::super) fn encode(&self, out: &mut Vec<u8>) {
        self.key.iter().for_each(|half| out.extend(half.to_le_bytes()));
        put(self.rows.len() as u64, out);
        for Row { fingerprint: (high, low), start, seen, extra, total } in &self.rows {
            out.extend(high.to_le_bytes());
            out.extend(low.to_le_bytes());
            out.extend(start.to_le_bytes());
            out.extend(seen.to_le_bytes());
            if extra & TIMER == 0 {
                out.push(if *extra == 0 { COUNTER } else { FALLEN });
                out.extend(total.to_le_bytes());
            } else {
                out.push(SKETCH);
                out.extend_from_slice(&self.sketches[(extra & !TIMER) as usize]);
            }
        }
    }

    /// Becomes what [`Totals::encode`] wrote. Gives how many series there are.
    ///
    /// # Errors
    /// [`DecodeError`]; nothing has changed then.
    pub(in super::super) fn decode(
        &mut self,
        reader: &mut Reader<'_>,
    ) -> Result<usize, DecodeError> {
        let mut read = Self { bytes_max: self.bytes_max, ..Self::new() };
        for half in &mut read.key {
            *half = u64::from_le_bytes(reader.array()?);
        }
        for _ in 0..reader.count()? {
            let fingerprint =
                (u64::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?));
            let [start, seen] = [reader.array()?, reader.array()?].map(u32::from_le_bytes);
            let what = reader.byte()?;
            reader.check(what <= SKETCH)?;
            let mut row = Row { fingerprint, start, seen, extra: what.into(), total: 0.0 };
            if what == SKETCH {
                let mut sketch = Vec::new();
                reader.sketch(Histogram::decode)?.encode(&mut sketch);
                let number = u32::try_from(read.sketches.len()).ok();
                row.extra = TIMER | reader.checked(number.filter(|number| *number < TIMER))?;
                read.sketch_bytes += sketch.len();
                read.sketches.push(sketch.into_boxed_slice());
            } else {
                row.total = reader.double()?;
            }
            let number = reader.checked(u32::try_from(read.rows.len()).ok())?;
            let Self { table, rows, .. } = &mut read;
            let is_it = |number: &u32| rows[*number as usize].fingerprint == fingerprint;
            reader.check(table.find(fingerprint.0, is_it).is_none())?;
            rows.push(row);
            table.insert_unique(fingerprint.0, number, |number| {
                rows[*number as usize].fingerprint.0
            });
            // One more than there is room for has its place in an honest one.
            reader.check(read.bytes() <= read.bytes_max.saturating_add(1 << 16))?;
        }
        reader.end()?;
        let count = read.rows.len();
        *self = read;
        Ok(count)
    }
}

/// Any bytes are read as totals, or refused.
pub(in super::super) fn fuzz(bytes: &[u8]) {
    let mut totals = Totals { bytes_max: 1 << 20, ..Totals::new() };
    let mut reader = Reader::new(bytes);
    let Ok(series) = totals.decode(&mut reader) else { return };
    assert_eq!(totals.rows.len(), series);
    let mut written = Vec::new();
    totals.encode(&mut written);
    let mut again = Totals { bytes_max: 1 << 20, ..Totals::new() };
    assert_eq!(again.decode(&mut Reader::new(&written)), Ok(series));
    let mut twice = Vec::new();
    again.encode(&mut twice);
    assert_eq!(twice, written);
}
