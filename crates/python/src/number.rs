//! Numbers of Python as they are sent.

use std::borrow::Cow;

use gstatsd_client::{IntoNumber as _, Number};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};

use crate::raw::utf8;

/// A number that was given by a caller: finite.
pub(crate) enum Amount<'py> {
    Float(f64),
    Whole(i64),
    /// The decimal digits of a larger one.
    Digits(Bound<'py, PyString>),
}

impl<'py> Amount<'py> {
    /// Reads an `int`, a `float`, or anything that says it can be one of them.
    ///
    /// # Errors
    /// `TypeError` for anything else, `ValueError` for what is not finite, `OverflowError` for an
    /// `int` that is larger than any `float`.
    #[inline]
    pub(crate) fn of(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        if !value.is_instance_of::<PyFloat>() {
            match value.extract() {
                Ok(whole) => return Ok(Self::Whole(whole)),
                Err(error) => {
                    if let Some(large) = large(value, &error)? {
                        return Ok(large);
                    }
                }
            }
        }
        let float: f64 = value.extract()?;
        if float.is_finite() {
            Ok(Self::Float(float))
        } else {
            Err(PyValueError::new_err(format!("not finite: {value}")))
        }
    }

    /// Hands the number over.
    #[inline]
    pub(crate) fn with<R>(&self, then: impl FnOnce(Number<'_>) -> R) -> R {
        match self {
            Self::Float(float) => then(float.into_number()),
            Self::Whole(whole) => then(whole.into_number()),
            Self::Digits(digits) => {
                let digits: Cow<'_, str> = utf8(digits);
                // They are digits, and were looked at.
                then(Number::from_digits(&digits).unwrap_or(f64::MAX.into_number()))
            }
        }
    }
}

/// The number, where it is a whole one that was too large; nothing where it is not a whole one.
#[cold]
fn large<'py>(value: &Bound<'py, PyAny>, error: &PyErr) -> PyResult<Option<Amount<'py>>> {
    let py = value.py();
    if error.is_instance_of::<PyTypeError>(py) {
        return Ok(None);
    }
    if !error.is_instance_of::<PyOverflowError>(py) {
        return Err(error.clone_ref(py));
    }
    let whole = py.import(intern!(py, "operator"))?.call_method1("index", (value,))?;
    // Raises an error where there is no double of that size.
    whole.call_method0(intern!(py, "__float__"))?;
    Ok(Some(Amount::Digits(whole.str()?)))
}
