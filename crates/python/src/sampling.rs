//! Rates: which calls are sent.

use pyo3::prelude::*;

use crate::replaceable;

/// The rate of a call: 1 where nothing else is said.
///
/// # Errors
/// `TypeError` for what is no number.
#[inline]
pub(crate) fn rate(given: Option<&Bound<'_, PyAny>>) -> PyResult<f64> {
    match given {
        Some(given) if !given.is_none() => given.extract(),
        _ => Ok(1.0),
    }
}

/// The rate that is written, where a call with this rate is sent: from 1 on always, and from 0
/// down never.
///
/// # Errors
/// Those of a source of chances that was replaced.
#[inline]
pub(crate) fn draw(py: Python<'_>, rate: f64) -> PyResult<Option<f64>> {
    // What is not a number is sent, as it was.
    if rate >= 1.0 || rate.is_nan() {
        return Ok(Some(1.0));
    }
    Ok((rate > 0.0 && replaceable::chance(py)? < rate).then_some(rate))
}
