//! Tags as they are given in Python.

use std::borrow::Cow;

use gstatsd_client::Tags;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::raw::utf8;

/// A key, and its value where that is an object of its own.
type Tag<'py> = (Bound<'py, PyString>, Option<Bound<'py, PyString>>);

/// Hands over tags: a `dict` of keys and values, or strings of the form `key:value` or `key`.
///
/// # Errors
/// What is given is neither.
#[inline]
pub(crate) fn with<R>(
    given: Option<&Bound<'_, PyAny>>,
    then: impl FnOnce(Tags<'_>) -> R,
) -> PyResult<R> {
    match given {
        None => Ok(then(&[])),
        Some(given) => with_some(given, then),
    }
}

/// The same tags, to be kept.
///
/// # Errors
/// As [`with`].
pub(crate) fn owned(given: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<(String, String)>> {
    let owned = |tags: Tags<'_>| {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    with(given, owned)
}

fn with_some<R>(given: &Bound<'_, PyAny>, then: impl FnOnce(Tags<'_>) -> R) -> PyResult<R> {
    let objects = objects(given)?;
    let texts: Vec<(Cow<'_, str>, Option<Cow<'_, str>>)> =
        objects.iter().map(|(key, value)| (utf8(key), value.as_ref().map(utf8))).collect();
    let tags: Vec<(&str, &str)> = texts.iter().map(|(key, value)| parts(key, value)).collect();
    Ok(then(&tags))
}

fn parts<'a>(key: &'a str, value: &'a Option<Cow<'_, str>>) -> (&'a str, &'a str) {
    match value {
        Some(value) => (key, value),
        None => key.split_once(':').unwrap_or((key, "")),
    }
}

fn objects<'py>(given: &Bound<'py, PyAny>) -> PyResult<Vec<Tag<'py>>> {
    if given.is_none() {
        return Ok(Vec::new());
    }
    if let Ok(pairs) = given.cast::<PyDict>() {
        return pairs
            .iter()
            .map(|(key, value)| Ok((text(&key)?, Some(value_text(&value)?))))
            .collect();
    }
    if given.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("tags are a dict or a list of strings, not a string"));
    }
    given.try_iter()?.map(|tag| Ok((text(&tag?)?, None))).collect()
}

/// A key, or a whole tag.
fn text<'py>(tag: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    match tag.cast::<PyString>() {
        Ok(text) => Ok(text.clone()),
        Err(_) => Err(PyTypeError::new_err(format!("a tag is a string, not {}", tag.get_type()))),
    }
}

/// The value of a tag: `None` is a tag that is its key alone.
fn value_text<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text.clone()),
        Err(_) if value.is_none() => Ok(PyString::new(value.py(), "")),
        Err(_) => value.str(),
    }
}
