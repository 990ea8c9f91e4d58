//! The clock and the source of chances, which tests of users replace: whatever `time` and
//! `random` are in `gstatsd.client` at the moment of a call.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// `gstatsd.client`.
static CLIENT: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
/// `time.time`, as it was when this was first used.
static WALL_CLOCK: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A moment. The clock is the monotonic one, unless somebody replaced `time.time`, at its
/// beginning or at its end; so both are read.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    /// Seconds of `time.time`.
    wall: f64,
    /// Seconds of `time.monotonic`, where `time.time` is the real one.
    steady: Option<f64>,
}

impl Moment {
    /// Now.
    pub(crate) fn now(py: Python<'_>) -> PyResult<Self> {
        let time = client(py)?.getattr(intern!(py, "time"))?;
        let clock = time.getattr(intern!(py, "time"))?;
        let wall = clock.call0()?.extract()?;
        let is_real = clock.is(wall_clock(py)?.bind(py));
        let steady = match is_real {
            true => Some(time.call_method0(intern!(py, "monotonic"))?.extract()?),
            false => None,
        };
        Ok(Self { wall, steady })
    }

    /// The whole milliseconds between two moments, at least 0.
    pub(crate) fn millis_until(self, end: Self) -> i64 {
        let seconds = match (self.steady, end.steady) {
            (Some(start), Some(end)) => end - start,
            _ => end.wall - self.wall,
        };
        #[expect(clippy::cast_possible_truncation, reason = "cut to whole ones; held at the end")]
        let millis = (seconds * 1_000.0) as i64;
        millis.max(0)
    }
}

/// A number of `random.random`: in [0, 1).
pub(crate) fn chance(py: Python<'_>) -> PyResult<f64> {
    let random = client(py)?.getattr(intern!(py, "random"))?;
    random.call_method0(intern!(py, "random"))?.extract()
}

/// `gstatsd.client`, whose attributes can be replaced.
pub(crate) fn client(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    let import = || py.import("gstatsd.client").map(Bound::unbind);
    Ok(CLIENT.get_or_try_init(py, import)?.bind(py))
}

/// Remembers the real clock, before anybody has replaced it.
pub(crate) fn wall_clock(py: Python<'_>) -> PyResult<&Py<PyAny>> {
    WALL_CLOCK.get_or_try_init(py, || Ok(py.import("time")?.getattr("time")?.unbind()))
}
