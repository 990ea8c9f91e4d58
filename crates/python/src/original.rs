//! Whether a method of a client is ours: users override and replace them, and then it is theirs
//! that has to be called.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyType};

use crate::stats_client::StatsClient;

/// A method through which others of the original package went.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    Counter,
    Decrement,
    Gauge,
    Increment,
    Send,
    Timer,
}

/// How many there are.
const COUNT: usize = 6;

impl Method {
    const ALL: [Self; COUNT] =
        [Self::Counter, Self::Decrement, Self::Gauge, Self::Increment, Self::Send, Self::Timer];

    /// Its name in Python.
    #[inline]
    pub(crate) fn name(self, py: Python<'_>) -> &Bound<'_, PyString> {
        match self {
            Self::Counter => intern!(py, "counter"),
            Self::Decrement => intern!(py, "decrement"),
            Self::Gauge => intern!(py, "gauge"),
            Self::Increment => intern!(py, "increment"),
            Self::Send => intern!(py, "_send"),
            Self::Timer => intern!(py, "timer"),
        }
    }

    /// Whether this is the name of one.
    pub(crate) fn is_named(name: &Bound<'_, PyString>) -> bool {
        Self::ALL.iter().any(|method| name.as_any().eq(method.name(name.py())).unwrap_or(true))
    }

    /// Whether the instances of a class have ours.
    ///
    /// # Errors
    /// The class cannot be asked.
    #[inline]
    pub(crate) fn is_original(self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        static ORIGINALS: PyOnceLock<[Py<PyAny>; COUNT]> = PyOnceLock::new();
        let py = class.py();
        let originals = ORIGINALS.get_or_try_init(py, || originals(py))?;
        Ok(class.getattr(self.name(py))?.is(&originals[self as usize]))
    }
}

fn originals(py: Python<'_>) -> PyResult<[Py<PyAny>; COUNT]> {
    let class = py.get_type::<StatsClient>();
    let mut originals = [const { None }; COUNT];
    for method in Method::ALL {
        originals[method as usize] = Some(class.getattr(method.name(py))?.unbind());
    }
    Ok(originals.map(|original| original.unwrap_or_else(|| py.None())))
}
