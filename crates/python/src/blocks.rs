//! The `with` blocks of one timer that are open at once: of each thread, and of each asynchronous
//! task, its own.
//!
//! They stand in a context variable, as a chain of tuples `(timer, begun, the rest)`, innermost
//! first: whoever takes turns with others has a context of its own.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use crate::timer::{Begun, Timer};

/// Notes that a block of this timer begins.
///
/// # Errors
/// Those of memory.
pub(crate) fn push(timer: &Bound<'_, Timer>, begun: Begun) -> PyResult<()> {
    let py = timer.py();
    let blocks = blocks(py)?;
    let rest = blocks.call_method1(intern!(py, "get"), (py.None(),))?;
    blocks.call_method1(intern!(py, "set"), ((timer, begun, rest),))?;
    Ok(())
}

/// Takes the innermost block of this timer out, and says when it began.
///
/// # Errors
/// Those of memory.
pub(crate) fn pop<'py>(timer: &Bound<'py, Timer>) -> PyResult<Option<Bound<'py, Begun>>> {
    let py = timer.py();
    let blocks = blocks(py)?;
    let mut chain = blocks.call_method1(intern!(py, "get"), (py.None(),))?;
    let mut inner = Vec::new();
    while let Ok(block) = chain.cast_into::<PyTuple>() {
        let rest = block.get_item(2)?;
        if !block.get_item(0)?.is(timer) {
            inner.push(block);
            chain = rest;
            continue;
        }
        // Usually there are none: blocks end in the reverse order of their beginnings.
        let put_back = |rest, inner: Bound<'py, PyTuple>| -> PyResult<_> {
            Ok((inner.get_item(0)?, inner.get_item(1)?, rest).into_pyobject(py)?.into_any())
        };
        let rest = inner.into_iter().rev().try_fold(rest, put_back)?;
        blocks.call_method1(intern!(py, "set"), (rest,))?;
        return Ok(Some(block.get_item(1)?.cast_into()?));
    }
    Ok(None)
}

fn blocks(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static BLOCKS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || {
        let class = py.import("contextvars")?.getattr("ContextVar")?;
        class.call1(("gstatsd timers",)).map(Bound::unbind)
    };
    Ok(BLOCKS.get_or_try_init(py, make)?.bind(py))
}
