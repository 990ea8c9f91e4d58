//! What PyO3 has no safe call for, where the stable ABI of Python 3.9 is to be kept to.
#![expect(unsafe_code, reason = "calls of Python's own interface")]

use std::borrow::Cow;
use std::ffi::c_char;
use std::{slice, str};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

unsafe extern "C" {
    /// In every CPython from 3.3 on, and promised to stay from 3.10 on.
    fn PyUnicode_AsUTF8AndSize(
        text: *mut ffi::PyObject,
        bytes: *mut ffi::Py_ssize_t,
    ) -> *const c_char;
}

/// The text of a string, without a copy. The bytes of what is no text (a lone
/// surrogate) become U+FFFD.
#[inline]
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    let mut bytes = 0;
    // SAFETY: the object is a string, and we are attached, as the `Bound` proves.
    let start = unsafe { PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut bytes) };
    match usize::try_from(bytes) {
        Ok(bytes) if !start.is_null() => {
            // SAFETY: as many bytes of UTF-8 stand there, never change, and live as long as the
            // string, which the borrowed `Bound` keeps.
            Cow::Borrowed(unsafe {
                str::from_utf8_unchecked(slice::from_raw_parts(start.cast(), bytes))
            })
        }
        _ => {
            drop(PyErr::take(text.py()));
            text.to_string_lossy()
        }
    }
}

/// Sets an attribute of an object, or deletes it, as objects do who have no ideas of their own.
///
/// # Errors
/// There is no such attribute, or it cannot be set.
pub(crate) fn set_attribute(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let value = value.map_or(std::ptr::null_mut(), Bound::as_ptr);
    // SAFETY: all are objects, or null for a deletion, and we are attached.
    match unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(object.py())),
    }
}
