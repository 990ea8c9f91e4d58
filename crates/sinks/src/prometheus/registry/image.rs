//! A registry as bytes, for the process after this one, and back.
//!
//! ```text
//! form 1 | unit 1 | how many numbers, each 8 | how many series, then each in order:
//!     identity, created, idle flushes, value
//!     of a timer beside that: sum 8, and its numbers, 8 each, or its histogram
//! ```
//!
//! Our own metrics are left out: they come with each flush. What anybody could have written is
//! read: identities that are none, that come twice or are out of order are errors, and so are more
//! than there is room for.

use gstatsd_aggregate::DecodeError;
use gstatsd_aggregate::encoding::{Names, Reader, put, put_value};
use gstatsd_sketch::Histogram;

use super::super::identity::{self, Kind};
use super::super::timers::{self, TimerForm};
use super::{Registry, Series, identity_of};

/// For how many flushes a series can have been idle.
const IDLE_MAX: u32 = 1 << 30;
/// How timers are shown that have histograms.
const NATIVE: u8 = 2;

/// What the rows of timers hold.
struct Rows {
    /// Whether that is what this process keeps.
    is_ours: bool,
    width: usize,
    is_native: bool,
}

impl Registry {
    /// Appends all series that were not idle for `flushes_max` flushes. `seconds` is the unit of
    /// timers: those of another are others.
    pub(in super::super) fn encode(&self, seconds: bool, flushes_max: u32, out: &mut Vec<u8>) {
        out.extend(form_bytes(&self.form, seconds));
        let all = self.order.iter().map(|number| &self.series[*number as usize]);
        let all = all.filter(|series| self.idle_flushes(series) < flushes_max);
        let all = all.map(|series| (identity_of(&self.text, series), series));
        let all = all.filter(|(identity, _)| identity::read(identity).1 != Kind::Own);
        put(all.clone().count() as u64, out);
        let mut names = Names::default();
        for (identity, series) in all {
            names.put(identity, out);
            put(series.created.into(), out);
            put(self.idle_flushes(series).into(), out);
            put_value(series.value, out);
            if identity::read(identity).1 == Kind::Timer {
                let row = &self.rows[series.row as usize * self.width..][..self.width];
                row.iter().for_each(|number| out.extend(number.to_le_bytes()));
                if let Some(native) = self.native_of(series) {
                    native.encode(out);
                }
            }
        }
    }

    /// Becomes what [`Registry::encode`] wrote; without the timers, where they were shown in
    /// another way. Gives how many series there are.
    ///
    /// # Errors
    /// [`DecodeError`]; nothing has changed then.
    pub(in super::super) fn decode(
        &mut self,
        seconds: bool,
        reader: &mut Reader<'_>,
    ) -> Result<usize, DecodeError> {
        let rows = Rows::read(&form_bytes(&self.form, seconds), reader)?;
        let mut read = Self::new(&self.form, self.text_bytes_max);
        let mut last = Vec::new();
        for _ in 0..reader.count()? {
            let identity = reader.name()?;
            let is_sound = identity::is_sound(identity) && *identity > *last;
            last.clear();
            last.extend_from_slice(identity);
            reader.check(is_sound)?;
            read.decode_series(&last, &rows, reader)?;
        }
        reader.end()?;
        // When each was seen is told from the end, which was not known before.
        let idle_most = read.series.iter().map(|series| series.seen).max();
        read.flush = idle_most.map_or(0, |idle| idle + 1);
        read.series.iter_mut().for_each(|series| series.seen = read.flush - series.seen);
        read.is_sorted = true;
        let count = read.series.len();
        *self = read;
        Ok(count)
    }

    fn decode_series(
        &mut self,
        identity: &[u8],
        rows: &Rows,
        reader: &mut Reader<'_>,
    ) -> Result<(), DecodeError> {
        let created = u32::try_from(reader.number()?).ok();
        let created = reader.checked(created)?;
        let idle = u32::try_from(reader.number()?).ok().filter(|idle| *idle < IDLE_MAX);
        let idle = reader.checked(idle)?;
        let value = reader.value()?;
        let kind = identity::read(identity).1;
        reader.check(kind != Kind::Own)?;
        let (mut row, mut native) = (Vec::new(), None);
        if kind == Kind::Timer {
            for _ in 0..rows.width {
                row.push(f64::from_le_bytes(reader.array()?));
            }
            reader.check(row[0].is_finite())?;
            if rows.is_native {
                native = Some(reader.sketch(Histogram::decode)?);
            }
            if !rows.is_ours {
                return Ok(());
            }
        }
        let number = self.number_of(kind, identity, created);
        let Series { seen, value: total, row: place, .. } =
            &mut self.series[reader.checked(number)? as usize];
        (*seen, *total) = (idle, value);
        if kind == Kind::Timer {
            let place = *place as usize;
            self.rows[place * self.width..][..self.width].copy_from_slice(&row);
            if let Some(mut native) = native {
                native.coarsen_to(timers::SCALE_MAX);
                self.natives[place] = native;
            }
        }
        Ok(())
    }

    /// So many flushes passed of which nothing is known.
    pub(in super::super) fn pass(&mut self, flushes: u32) {
        self.flush = self.flush.saturating_add(flushes.min(IDLE_MAX));
    }
}

impl Rows {
    fn read(ours: &[u8], reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut bytes = vec![reader.byte()?];
        let is_native = bytes[0] == NATIVE;
        reader.check(bytes[0] <= NATIVE)?;
        bytes.push(reader.byte()?);
        let numbers = reader.count()?;
        put(numbers as u64, &mut bytes);
        for _ in 0..numbers {
            bytes.extend(reader.array::<8>()?);
        }
        Ok(Self { is_ours: bytes == ours, width: 1 + numbers, is_native })
    }
}

/// How timers are shown, as bytes.
fn form_bytes(form: &TimerForm, seconds: bool) -> Vec<u8> {
    let (tag, numbers): (u8, &[f64]) = match form {
        TimerForm::Summary(numbers) => (0, numbers),
        TimerForm::Histogram(numbers) => (1, numbers),
        TimerForm::Native => (NATIVE, &[]),
    };
    let mut bytes = vec![tag, u8::from(seconds)];
    put(numbers.len() as u64, &mut bytes);
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}
