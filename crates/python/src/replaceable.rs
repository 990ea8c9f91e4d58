//! The clock and the source of chances, which tests of users replace: whatever `time` and
//! `random` are in `gstatsd.client` at the moment of a call.

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

/// A moment. The clock is the monotonic one, unless somebody replaced `time.time`.
#[derive(Clone, Copy)]
pub(crate) enum Moment {
    /// Seconds of `time.monotonic`.
    Steady(f64),
    /// Seconds of a `time.time` that is not the real one.
    Wall(f64),
}

/// A module of Python's library as it was when this was loaded, and its attributes as they are.
struct Library {
    module: Py<PyModule>,
    attributes: Py<PyDict>,
    /// The attribute of the same name as the module.
    main: Py<PyAny>,
}

static TIME: PyOnceLock<Library> = PyOnceLock::new();
static RANDOM: PyOnceLock<Library> = PyOnceLock::new();

impl Moment {
    /// Now.
    ///
    /// # Errors
    /// Those of a clock that was replaced.
    pub(crate) fn now(py: Python<'_>) -> PyResult<Self> {
        let time = attribute(py, intern!(py, "time"))?;
        let real = time_library(py)?;
        if !time.is(&real.module) {
            return Ok(Self::Wall(time.call_method0(intern!(py, "time"))?.extract()?));
        }
        let clock = real.attribute(py, intern!(py, "time"))?;
        if !clock.is(&real.main) {
            return Ok(Self::Wall(clock.call0()?.extract()?));
        }
        Ok(Self::Steady(real.steady(py)?))
    }

    /// The whole milliseconds between two moments, at least 0.
    ///
    /// # Errors
    /// Those of a clock that was replaced.
    pub(crate) fn millis_until(self, end: Self, py: Python<'_>) -> PyResult<i64> {
        let seconds = match (self, end) {
            (Self::Steady(start), Self::Steady(end)) | (Self::Wall(start), Self::Wall(end)) => {
                end - start
            }
            // The clock was replaced in between: the real one tells how they belong together.
            (Self::Steady(start), Self::Wall(end)) => {
                end - real_time(py)? + real_steady(py)? - start
            }
            (Self::Wall(start), Self::Steady(_)) => real_time(py)? - start,
        };
        #[expect(clippy::cast_possible_truncation, reason = "cut to whole ones; held at the end")]
        let millis = (seconds * 1_000.0) as i64;
        Ok(millis.max(0))
    }
}

impl Library {
    fn load(py: Python<'_>, name: &Bound<'_, PyString>) -> PyResult<Self> {
        let module = py.import(name)?;
        let main = module.getattr(name)?;
        Ok(Self {
            attributes: module.dict().unbind(),
            main: main.unbind(),
            module: module.unbind(),
        })
    }

    fn attribute<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let missing = || PyAttributeError::new_err(name.clone().unbind());
        self.attributes.bind(py).get_item(name)?.ok_or_else(missing)
    }

    fn steady(&self, py: Python<'_>) -> PyResult<f64> {
        self.attribute(py, intern!(py, "monotonic"))?.call0()?.extract()
    }
}

/// A number of `random.random`: in [0, 1).
///
/// # Errors
/// Those of a source that was replaced.
pub(crate) fn chance(py: Python<'_>) -> PyResult<f64> {
    let name = intern!(py, "random");
    let (random, real) = (attribute(py, name)?, random_library(py)?);
    if random.is(&real.module) {
        real.attribute(py, name)?.call0()?.extract()
    } else {
        random.call_method0(name)?.extract()
    }
}

/// Remembers the real ones, before anybody has replaced them.
///
/// # Errors
/// Python's library is not there.
pub(crate) fn remember(py: Python<'_>) -> PyResult<()> {
    time_library(py)?;
    random_library(py)?;
    Ok(())
}

/// `gstatsd.client`, whose attributes can be replaced.
///
/// # Errors
/// The package is not there.
pub(crate) fn client(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    py.import(intern!(py, "gstatsd.client"))
}

/// An attribute of `gstatsd.client`.
fn attribute<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    static CLIENT: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let attributes =
        CLIENT.get_or_try_init(py, || client(py).map(|client| client.dict().unbind()))?;
    let missing = || PyAttributeError::new_err(name.clone().unbind());
    attributes.bind(py).get_item(name)?.ok_or_else(missing)
}

fn time_library(py: Python<'_>) -> PyResult<&Library> {
    TIME.get_or_try_init(py, || Library::load(py, intern!(py, "time")))
}

fn random_library(py: Python<'_>) -> PyResult<&Library> {
    RANDOM.get_or_try_init(py, || Library::load(py, intern!(py, "random")))
}

fn real_time(py: Python<'_>) -> PyResult<f64> {
    time_library(py)?.main.bind(py).call0()?.extract()
}

fn real_steady(py: Python<'_>) -> PyResult<f64> {
    time_library(py)?.steady(py)
}
