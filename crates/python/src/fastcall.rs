//! Methods that Python calls without making a tuple of their arguments.
//!
//! PyO3 does so only where the stable ABI promises it, from Python 3.10 on, and ours is that of
//! 3.9. CPython itself has called functions in this way since 3.7.
#![expect(unsafe_code, reason = "a way of calling that PyO3 has not got for Python 3.9")]

use std::any::Any;
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{mem, ptr, slice};

use pyo3::exceptions::PyTypeError;
use pyo3::panic::PanicException;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use pyo3::{Borrowed, PyClass, ffi};

/// The most parameters of a method.
pub(crate) const PARAMETERS_MAX: usize = 4;
/// The most methods of a class.
const METHODS_MAX: usize = 9;
/// `METH_FASTCALL` and `METH_KEYWORDS`.
const FLAGS: c_int = 0x0080 | 0x0002;

/// The arguments of a call, in the order of the parameters.
pub(crate) type Arguments<'a, 'py> = [Option<Borrowed<'a, 'py, PyAny>>; PARAMETERS_MAX];

/// A class with such methods.
pub(crate) trait FastMethods: PyClass {
    /// The methods.
    const METHODS: &'static [Method<Self>];
}

/// A method, which returns nothing.
pub(crate) struct Method<T: 'static> {
    /// What it is called.
    pub(crate) name: &'static CStr,
    /// What its parameters are called.
    pub(crate) parameters: &'static [&'static str],
    /// How many of them, from the first on, need an argument.
    pub(crate) required: usize,
    /// Its signature and what it is for, in the form in which Python wants them.
    pub(crate) doc: &'static CStr,
    /// What it does.
    pub(crate) body: for<'a, 'py> fn(&'a Bound<'py, T>, &Arguments<'a, 'py>) -> PyResult<()>,
}

type Function = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// Gives a class its methods.
///
/// # Errors
/// Those of memory.
pub(crate) fn add<T: FastMethods>(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<T>();
    for (method, function) in T::METHODS.iter().zip(functions::<T>()) {
        // SAFETY: with these flags Python calls a pointer of this type as what it was.
        let pointer = unsafe { mem::transmute::<Function, ffi::PyCFunctionWithKeywords>(function) };
        // It lives as long as the class, which is never dropped.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: method.name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionWithKeywords: pointer },
            ml_flags: FLAGS,
            ml_doc: method.doc.as_ptr(),
        }));
        // SAFETY: both live on, and the result is a new reference or null.
        let descriptor = unsafe {
            let descriptor = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
            Bound::from_owned_ptr_or_err(py, descriptor)?
        };
        class.setattr(PyString::from_bytes(py, method.name.to_bytes())?, descriptor)?;
    }
    Ok(())
}

/// One function for each method: Python does not say which one it calls.
const fn functions<T: FastMethods>() -> [Function; METHODS_MAX] {
    const { assert!(T::METHODS.len() <= METHODS_MAX) };
    [
        call::<T, 0>,
        call::<T, 1>,
        call::<T, 2>,
        call::<T, 3>,
        call::<T, 4>,
        call::<T, 5>,
        call::<T, 6>,
        call::<T, 7>,
        call::<T, 8>,
    ]
}

/// What Python calls. A descriptor sees to it that `this` is an instance of the class.
unsafe extern "C" fn call<T: FastMethods, const METHOD: usize>(
    this: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let work = || {
            let Some(method) = T::METHODS.get(METHOD) else { return Ok(()) };
            // SAFETY: an instance of the class, which the caller holds.
            let this = unsafe { Borrowed::from_ptr(py, this).cast_unchecked::<T>() };
            // SAFETY: an array of arguments, and after them those that have `names`, which is a
            // tuple or null. The caller holds them.
            let arguments = unsafe {
                let names = Borrowed::from_ptr_or_opt(py, names);
                let names = names.map(|names| names.cast_unchecked::<PyTuple>());
                let count = usize::try_from(count).unwrap_or(0);
                place(py, method, arguments, count, names)?
            };
            (method.body)(&this, &arguments)
        };
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => py.None().into_ptr(),
            Ok(Err(error)) => fail(py, error),
            Err(panic) => fail(py, PanicException::new_err(text(&*panic))),
        }
    })
}

/// Puts each argument to its parameter.
///
/// # Safety
/// `given` is an array of `count` objects, and of one more for each of `names`; they live for `'a`.
#[inline(always)]
unsafe fn place<'a, 'py, T>(
    py: Python<'py>,
    method: &Method<T>,
    given: *const *mut ffi::PyObject,
    count: usize,
    names: Option<Borrowed<'a, 'py, PyTuple>>,
) -> PyResult<Arguments<'a, 'py>> {
    let mut arguments = [None; PARAMETERS_MAX];
    if count > method.parameters.len() {
        return Err(wrong(
            method,
            &format!("takes {} arguments, not {count}", method.parameters.len()),
        ));
    }
    // SAFETY: as above.
    let positional = unsafe { slice::from_raw_parts(given, count) };
    for (argument, given) in arguments.iter_mut().zip(positional) {
        // SAFETY: an object, which the caller holds.
        *argument = Some(unsafe { Borrowed::from_ptr(py, *given) });
    }
    if let Some(names) = names {
        for (index, name) in names.iter_borrowed().enumerate() {
            // SAFETY: there is one for each name.
            let given = unsafe { Borrowed::from_ptr(py, *given.add(count + index)) };
            *parameter(method, &mut arguments, name)? = Some(given);
        }
    }
    match arguments[..method.required].iter().position(Option::is_none) {
        None => Ok(arguments),
        Some(at) => Err(wrong(method, &format!("needs '{}'", method.parameters[at]))),
    }
}

/// The place of an argument that was given by name.
fn parameter<'s, 'a, 'py, T>(
    method: &Method<T>,
    arguments: &'s mut Arguments<'a, 'py>,
    name: Borrowed<'_, 'py, PyAny>,
) -> PyResult<&'s mut Option<Borrowed<'a, 'py, PyAny>>> {
    let name = name.cast::<PyString>()?;
    let name = crate::raw::utf8(&name);
    let Some(at) = method.parameters.iter().position(|parameter| *parameter == name) else {
        return Err(wrong(method, &format!("has no parameter '{name}'")));
    };
    if arguments[at].is_some() {
        return Err(wrong(method, &format!("got '{name}' twice")));
    }
    Ok(&mut arguments[at])
}

#[cold]
fn wrong<T>(method: &Method<T>, what: &str) -> PyErr {
    PyTypeError::new_err(format!("{}() {what}", method.name.to_string_lossy()))
}

#[cold]
fn fail(py: Python<'_>, error: PyErr) -> *mut ffi::PyObject {
    error.restore(py);
    ptr::null_mut()
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "panic".to_owned(),
    }
}
