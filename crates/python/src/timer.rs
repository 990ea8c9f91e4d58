//! The stopwatch of the upper level.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use gstatsd_client::Kind;
use pyo3::exceptions::PyUserWarning;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::blocks;
use crate::handles::{Binding, binding, bound_already};
use crate::number::Amount;
use crate::original::Method;
use crate::replaceable::Moment;
use crate::sending::Given;

/// What the original said.
const NOT_STARTED: &str = "you must call start() before stop(). ignoring.";

/// Measures how long things take.
#[pyclass(frozen, subclass, module = "gstatsd._native")]
pub(crate) struct Timer {
    binding: OnceLock<Binding>,
    /// Locked only for a moment.
    running: Mutex<Running>,
}

/// The measurements that run.
#[derive(Default)]
struct Running {
    /// Since `start`.
    watch: Option<Moment>,
    /// Since the beginning of a `with` block, where no other was open then.
    block: Option<Moment>,
    /// How many others are open; they stand in `blocks`.
    blocks: usize,
}

/// When a measurement began that knows nothing of others.
#[pyclass(frozen, module = "gstatsd._native")]
pub(crate) struct Begun(Moment);

impl Running {
    /// Notes the beginning of a block, or else that there is one more.
    fn has_room_for(&mut self, block: Moment) -> bool {
        let has_room = self.block.is_none() && self.blocks == 0;
        if has_room {
            self.block = Some(block);
        } else {
            self.blocks += 1;
        }
        has_room
    }
}

#[pymethods]
impl Timer {
    /// Whatever a subclass is made from: `_bind` follows.
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { binding: OnceLock::new(), running: Mutex::default() }
    }

    /// Says what is measured, and where it is sent: called by `__init__`.
    fn _bind(
        &self,
        py: Python<'_>,
        client: Bound<'_, PyAny>,
        key: Bound<'_, PyAny>,
        tags: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let rate = 1_u8.into_pyobject(py)?.into_any();
        let binding = Binding::new(client, key, rate, tags);
        self.binding.set(binding).map_err(|_| bound_already())
    }

    /// Starts it, anew where it runs.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let now = Moment::now(py)?;
        self.running().watch = Some(now);
        Ok(())
    }

    /// Stops it, and sends the milliseconds since its start, cut to whole ones. A `UserWarning`
    /// is raised where it was not started.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let watch = self.running().watch;
        let Some(start) = watch else { return Err(PyUserWarning::new_err(NOT_STARTED)) };
        self.send(py, start)?;
        self.running().watch = None;
        Ok(())
    }

    /// Begins a measurement that knows nothing of others.
    fn _begin(&self, py: Python<'_>) -> PyResult<Begun> {
        Moment::now(py).map(Begun)
    }

    /// Ends it, and sends it.
    fn _end(&self, py: Python<'_>, begun: &Bound<'_, Begun>) -> PyResult<()> {
        self.send(py, begun.get().0)
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let now = Moment::now(slf.py())?;
        if !slf.get().running().has_room_for(now) {
            blocks::push(&slf, Begun(now))?;
        }
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        let (py, timer) = (slf.py(), slf.get());
        let blocks = timer.running().blocks;
        if blocks > 0
            && let Some(begun) = blocks::pop(slf)?
        {
            timer.running().blocks -= 1;
            return timer.send(py, begun.get().0);
        }
        let block = timer.running().block.take();
        match block {
            Some(start) => timer.send(py, start),
            None => Err(PyUserWarning::new_err(NOT_STARTED)),
        }
    }

    #[getter]
    fn _client(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.binding).map(Binding::client)
    }

    #[getter]
    fn _key(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.binding).map(Binding::key)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.binding.get().map_or(Ok(()), |binding| binding.traverse(&visit))
    }
}

impl Timer {
    fn send(&self, py: Python<'_>, start: Moment) -> PyResult<()> {
        let millis = start.millis_until(Moment::now(py)?, py)?;
        let binding = binding(&self.binding)?;
        if let Some(client) = binding.plain_client(py, &[Method::Timer])? {
            return binding.send(client, Kind::Timer, &Given::Number(Amount::Whole(millis)));
        }
        binding.call(py, Method::Timer, (binding.key().bind(py), millis))
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
