//! The counters and gauges of the upper level: a client and a key, said once.

use std::sync::OnceLock;

use gstatsd_client::{Kind, Metric};
use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::fastcall::{FastMethods, Method as FastMethod};
use crate::number::Amount;
use crate::original::Method;
use crate::raw::utf8;
use crate::sending::Given;
use crate::stats_client::StatsClient;
use crate::{sampling, tags};

type Object<'py> = Bound<'py, PyAny>;

/// A client and what all calls to it have in common. The client can be any object with the
/// methods of one.
pub(crate) struct Binding {
    client: Py<PyAny>,
    key: Py<PyAny>,
    sample_rate: Py<PyAny>,
    tags: Option<Py<PyAny>>,
    quick: Option<Quick>,
}

/// The same for a client of ours, ready to be sent. There is none for what is not in order: its
/// methods say what is wrong.
struct Quick {
    client: Py<StatsClient>,
    name: String,
    rate: f64,
    tags: Vec<(String, String)>,
}

/// Adds to one counter.
#[pyclass(frozen, subclass, module = "gstatsd._native")]
pub(crate) struct Counter(OnceLock<Binding>);

/// Sets one gauge.
#[pyclass(frozen, subclass, module = "gstatsd._native")]
pub(crate) struct Gauge(OnceLock<Binding>);

#[pymethods]
impl Counter {
    /// Whatever a subclass is made from: `_bind` follows.
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    /// Says what is counted, and where: called by `__init__`.
    fn _bind(
        &self,
        client: Object<'_>,
        key: Object<'_>,
        sample_rate: Object<'_>,
        tags: Option<Object<'_>>,
    ) -> PyResult<()> {
        self.0.set(Binding::new(client, key, sample_rate, tags)).map_err(|_| bound_already())
    }

    /// Adds 1.
    fn increment(&self, py: Python<'_>) -> PyResult<()> {
        self.step(py, Method::Increment, 1)
    }

    /// Takes 1.
    fn decrement(&self, py: Python<'_>) -> PyResult<()> {
        self.step(py, Method::Decrement, -1)
    }

    #[getter]
    fn _client(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.0).map(|binding| &binding.client)
    }

    #[getter]
    fn _key(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.0).map(|binding| &binding.key)
    }

    #[getter]
    fn _sample_rate(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.0).map(|binding| &binding.sample_rate)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.get().map_or(Ok(()), |binding| binding.traverse(&visit))
    }
}

impl FastMethods for Counter {
    const METHODS: &'static [FastMethod<Self>] = &[FastMethod {
        name: c"add",
        parameters: &["val"],
        required: 1,
        doc: c"add($self, val)\n--\n\nAdd `val`, rounded to a whole number.",
        body: |counter, [val, ..]| val.as_deref().map_or(Ok(()), |val| counter.get().add(val)),
    }];
}

impl FastMethods for Gauge {
    const METHODS: &'static [FastMethod<Self>] = &[FastMethod {
        name: c"set",
        parameters: &["value"],
        required: 1,
        doc: c"set($self, value)\n--\n\nSet it, in any unit. The value is rounded to six decimals.",
        body: |gauge, [value, ..]| value.as_deref().map_or(Ok(()), |value| gauge.get().set(value)),
    }];
}

impl Counter {
    fn add(&self, val: &Object<'_>) -> PyResult<()> {
        let (py, binding) = (val.py(), binding(&self.0)?);
        if let Some(client) = binding.plain_client(py, &[Method::Counter])? {
            let change = Given::Number(Amount::of(val)?);
            return binding.send(client, Kind::Counter, &change);
        }
        binding.call(py, Method::Counter, (binding.key.bind(py), val, binding.sample_rate.bind(py)))
    }

    #[inline]
    fn step(&self, py: Python<'_>, method: Method, change: i64) -> PyResult<()> {
        let binding = binding(&self.0)?;
        if let Some(client) = binding.plain_client(py, &[method, Method::Counter])? {
            return binding.send(client, Kind::Counter, &Given::Number(Amount::Whole(change)));
        }
        binding.call(py, method, (binding.key.bind(py), binding.sample_rate.bind(py)))
    }
}

#[pymethods]
impl Gauge {
    /// Whatever a subclass is made from: `_bind` follows.
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    /// Says what is measured, and where it is sent: called by `__init__`.
    fn _bind(
        &self,
        client: Object<'_>,
        key: Object<'_>,
        sample_rate: Object<'_>,
        tags: Option<Object<'_>>,
    ) -> PyResult<()> {
        self.0.set(Binding::new(client, key, sample_rate, tags)).map_err(|_| bound_already())
    }

    #[getter]
    fn _client(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.0).map(|binding| &binding.client)
    }

    #[getter]
    fn _key(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.0).map(|binding| &binding.key)
    }

    #[getter]
    fn _sample_rate(&self) -> PyResult<&Py<PyAny>> {
        binding(&self.0).map(|binding| &binding.sample_rate)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.get().map_or(Ok(()), |binding| binding.traverse(&visit))
    }
}

impl Gauge {
    fn set(&self, value: &Object<'_>) -> PyResult<()> {
        let (py, binding) = (value.py(), binding(&self.0)?);
        if let Some(client) = binding.plain_client(py, &[Method::Gauge])? {
            let value = Given::Number(Amount::of(value)?);
            return binding.send(client, Kind::Gauge, &value);
        }
        binding.call(py, Method::Gauge, (binding.key.bind(py), value, binding.sample_rate.bind(py)))
    }
}

impl Binding {
    /// Binds a key and what goes with it to a client.
    pub(crate) fn new(
        client: Object<'_>,
        key: Object<'_>,
        sample_rate: Object<'_>,
        tags: Option<Object<'_>>,
    ) -> Self {
        let quick = Quick::new(&client, &key, &sample_rate, tags.as_ref());
        Self {
            client: client.unbind(),
            key: key.unbind(),
            sample_rate: sample_rate.unbind(),
            tags: tags.map(Bound::unbind),
            quick,
        }
    }

    /// The object that was given as the client.
    pub(crate) fn client(&self) -> &Py<PyAny> {
        &self.client
    }

    /// The object that was given as the key.
    pub(crate) fn key(&self) -> &Py<PyAny> {
        &self.key
    }

    /// The client, where it is one of ours and nobody wants to see calls of these methods.
    ///
    /// # Errors
    /// The class of the client cannot be asked.
    #[inline]
    pub(crate) fn plain_client<'py>(
        &self,
        py: Python<'py>,
        methods: &[Method],
    ) -> PyResult<Option<&Bound<'py, StatsClient>>> {
        let Some(quick) = &self.quick else { return Ok(None) };
        let client = quick.client.bind(py);
        Ok(StatsClient::is_plain(client, methods)?.then_some(client))
    }

    /// Sends a value through a client that [`Binding::plain_client`] gave.
    ///
    /// # Errors
    /// Those of a source of chances that was replaced.
    #[inline]
    pub(crate) fn send(
        &self,
        client: &Bound<'_, StatsClient>,
        kind: Kind,
        given: &Given<'_>,
    ) -> PyResult<()> {
        let (py, open) = (client.py(), client.get().opened()?);
        let Some(Quick { name, rate, tags, .. }) = &self.quick else { return Ok(()) };
        let Some(rate) = sampling::draw(py, *rate)? else { return Ok(()) };
        given.with(|value| {
            let metric = Metric { rate, ..Metric::new(kind, name, value) };
            if tags.is_empty() {
                return open.send(py, &metric);
            }
            let tags: Vec<_> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
            open.send(py, &Metric { tags: &tags, ..metric });
        });
        Ok(())
    }

    /// Calls a method of the client as it is.
    ///
    /// # Errors
    /// Those of the method.
    #[cold]
    pub(crate) fn call<'py>(
        &self,
        py: Python<'py>,
        method: Method,
        arguments: impl pyo3::call::PyCallArgs<'py>,
    ) -> PyResult<()> {
        let options = match &self.tags {
            None => None,
            Some(tags) => {
                let options = PyDict::new(py);
                options.set_item(intern!(py, "tags"), tags)?;
                Some(options)
            }
        };
        self.client.bind(py).call_method(method.name(py), arguments, options.as_ref())?;
        Ok(())
    }

    /// Shows the garbage collector what is held.
    ///
    /// # Errors
    /// Those of the collector.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.client)?;
        visit.call(&self.key)?;
        visit.call(&self.sample_rate)?;
        visit.call(&self.tags)?;
        self.quick.as_ref().map_or(Ok(()), |quick| visit.call(&quick.client))
    }
}

impl Quick {
    fn new(
        client: &Object<'_>,
        key: &Object<'_>,
        sample_rate: &Object<'_>,
        tags: Option<&Object<'_>>,
    ) -> Option<Self> {
        let client = client.cast::<StatsClient>().ok()?;
        client.get().opened().ok()?;
        Some(Self {
            client: client.clone().unbind(),
            name: utf8(key.cast::<PyString>().ok()?).into_owned(),
            rate: sampling::rate(Some(sample_rate)).ok()?,
            tags: tags::owned(tags).ok()?,
        })
    }
}

/// What a handle is bound to.
///
/// # Errors
/// A subclass did not call `__init__`.
#[inline]
pub(crate) fn binding(bound: &OnceLock<Binding>) -> PyResult<&Binding> {
    bound.get().ok_or_else(|| PyRuntimeError::new_err("__init__ was not called"))
}

/// What is wrong with a second call of `__init__`.
pub(crate) fn bound_already() -> PyErr {
    PyRuntimeError::new_err("__init__ was called already")
}
