//! From a call to a line: what the methods of a client have in common.

use gstatsd_client::{Kind, Metric, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::number::Amount;
use crate::open::nobody;
use crate::original::Method;
use crate::raw::utf8;
use crate::stats_client::StatsClient;
use crate::{sampling, tags};

type Object<'py> = Bound<'py, PyAny>;

/// A value as it was given.
pub(crate) enum Given<'py> {
    Change(Amount<'py>),
    Member(Bound<'py, PyString>),
    Number(Amount<'py>),
}

/// What calls have in common.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a, 'py> {
    pub(crate) sample_rate: Option<&'a Bound<'py, PyAny>>,
    pub(crate) tags: Option<&'a Bound<'py, PyAny>>,
}

impl Given<'_> {
    /// Hands the value over.
    #[inline]
    pub(crate) fn with<R>(&self, then: impl FnOnce(Value<'_>) -> R) -> R {
        match self {
            Self::Change(amount) => amount.with(|number| then(Value::Delta(number))),
            Self::Member(member) => then(Value::Member(&utf8(member))),
            Self::Number(amount) => amount.with(|number| then(Value::Number(number))),
        }
    }
}

/// Adds to one counter, as `increment` does.
#[inline]
pub(crate) fn count(
    slf: &Bound<'_, StatsClient>,
    key: &Object<'_>,
    change: i64,
    options: Options<'_, '_>,
) -> PyResult<()> {
    if StatsClient::is_plain(slf, &[Method::Counter])? {
        let change = Given::Number(Amount::Whole(change));
        return send_plain(slf, Kind::Counter, key, &change, options);
    }
    call_counter(slf, key, change, options)
}

/// Calls a `counter` that is not ours, or may not be.
#[cold]
fn call_counter(
    slf: &Bound<'_, StatsClient>,
    key: &Object<'_>,
    change: i64,
    options: Options<'_, '_>,
) -> PyResult<()> {
    let (py, name) = (slf.py(), Method::Counter.name(slf.py()));
    let rate = options.rate_object(py)?;
    match options.tags {
        None => slf.call_method1(name, (key, change, rate))?,
        Some(tags) => slf.call_method1(name, (key, change, rate, tags))?,
    };
    Ok(())
}

/// Sends one metric, or has `_send` do it.
#[inline]
pub(crate) fn send(
    slf: &Bound<'_, StatsClient>,
    kind: Kind,
    key: &Object<'_>,
    given: &Given<'_>,
    options: Options<'_, '_>,
) -> PyResult<()> {
    if StatsClient::is_plain(slf, &[])? {
        send_plain(slf, kind, key, given, options)
    } else {
        call_send(slf, kind, key, given, options)
    }
}

/// Sends one metric.
#[inline]
fn send_plain(
    slf: &Bound<'_, StatsClient>,
    kind: Kind,
    key: &Object<'_>,
    given: &Given<'_>,
    options: Options<'_, '_>,
) -> PyResult<()> {
    let Ok(name) = key.cast::<PyString>() else { return Err(no_key(key)) };
    let name = &*utf8(name);
    let rate = sampling::rate(options.sample_rate)?;
    let Some(rate) = sampling::draw(slf.py(), rate)? else { return Ok(()) };
    let open = slf.get().opened()?;
    given.with(|value| {
        tags::with(options.tags, |tags| {
            open.send(slf.py(), &Metric { rate, tags, ..Metric::new(kind, name, value) });
        })
    })
}

/// Formats a metric and calls a `_send` that is not ours, or may not be.
#[cold]
fn call_send(
    slf: &Bound<'_, StatsClient>,
    kind: Kind,
    key: &Object<'_>,
    given: &Given<'_>,
    options: Options<'_, '_>,
) -> PyResult<()> {
    let Ok(name) = key.cast::<PyString>() else { return Err(no_key(key)) };
    let (py, name) = (slf.py(), &*utf8(name));
    sampling::rate(options.sample_rate)?;
    let mut line = Vec::new();
    let written = given.with(|value| {
        tags::with(options.tags, |tags| {
            let metric = Metric { tags, ..Metric::new(kind, name, value) };
            let client = match slf.get().opened() {
                Ok(open) => open.client(),
                // A subclass that sends elsewhere need not have called `__init__`.
                Err(_) => nobody(),
            };
            let written = client.write(&metric, &mut line).is_ok();
            if !written {
                // Counts it.
                client.send(&metric);
            }
            written
        })
    })?;
    if written {
        let line = String::from_utf8_lossy(&line);
        slf.call_method1(Method::Send.name(py), (line, options.rate_object(py)?))?;
    }
    Ok(())
}

impl<'py> Options<'_, 'py> {
    /// The rate as it was given: a method that is not ours gets the same object.
    fn rate_object(self, py: Python<'py>) -> PyResult<Object<'py>> {
        match self.sample_rate {
            Some(rate) => Ok(rate.clone()),
            None => Ok(1_u8.into_pyobject(py)?.into_any()),
        }
    }
}

#[cold]
pub(crate) fn no_key(key: &Object<'_>) -> PyErr {
    let class = key.get_type();
    let class = class.name().map_or_else(|_| "that".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("a key is a string, not {class}"))
}
