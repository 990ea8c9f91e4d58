//! Whether a method of a client is ours: users override and replace them, and then it is theirs
//! that has to be called.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyMapping, PyString, PyType};

use crate::replaceable;
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
    fn is_original(self, class: &Bound<'_, PyType>) -> PyResult<bool> {
        static ORIGINALS: PyOnceLock<[Py<PyAny>; COUNT]> = PyOnceLock::new();
        let py = class.py();
        let originals = ORIGINALS.get_or_try_init(py, || originals(py))?;
        Ok(class.getattr(self.name(py))?.is(&originals[self as usize]))
    }
}

/// Whether the instances of the class of an object have ours of these methods, and of `_send`.
///
/// # Errors
/// The class cannot be asked.
#[inline]
pub(crate) fn are_original(object: &Bound<'_, StatsClient>, methods: &[Method]) -> PyResult<bool> {
    match USUAL.get(object.py()) {
        Some(usual) if usual.is_untouched_class_of(object)? => Ok(true),
        _ => are_original_in(&object.get_type(), methods),
    }
}

fn are_original_in(class: &Bound<'_, PyType>, methods: &[Method]) -> PyResult<bool> {
    let py = class.py();
    USUAL.get_or_try_init(py, || Usual::new(py))?;
    for method in methods {
        if !method.is_original(class)? {
            return Ok(false);
        }
    }
    Method::Send.is_original(class)
}

/// The class that most clients have, `gstatsd.client.StatsClient`. It inherits all those methods,
/// so whoever replaces one adds an attribute to it; and to count attributes is much faster than to
/// look some up.
struct Usual {
    class: Py<PyType>,
    attributes: Py<PyMapping>,
    /// How many there were when all methods were ours.
    count: Option<usize>,
}

static USUAL: PyOnceLock<Usual> = PyOnceLock::new();

impl Usual {
    fn new(py: Python<'_>) -> PyResult<Self> {
        let class = replaceable::client(py)?.getattr(intern!(py, "StatsClient"))?;
        let class = class.cast_into::<PyType>()?;
        let attributes = class.getattr(intern!(py, "__dict__"))?.cast_into::<PyMapping>()?;
        let mut are_ours = true;
        for method in Method::ALL {
            are_ours &= method.is_original(&class)? && !attributes.contains(method.name(py))?;
        }
        let count = if are_ours { Some(attributes.len()?) } else { None };
        Ok(Self { class: class.unbind(), attributes: attributes.unbind(), count })
    }

    /// Whether this is the class of an object, and nobody replaced a method of it.
    #[inline]
    fn is_untouched_class_of(&self, object: &Bound<'_, StatsClient>) -> PyResult<bool> {
        if object.get_type_ptr() != self.class.bind(object.py()).as_type_ptr() {
            return Ok(false);
        }
        Ok(self.count == Some(self.attributes.bind(object.py()).len()?))
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
