//! The client of the lower level, below `gstatsd.client.StatsClient`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gstatsd_client::{Address, Builder, Reason, Rounding};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::address::address;
use crate::open::Open;
use crate::original::{Method, are_original};
use crate::raw::{set_attribute, utf8};
use crate::{sampling, tags};

/// Sends metrics to a StatsD. What does so stands in `methods`.
#[pyclass(frozen, subclass, module = "gstatsd._native")]
pub(crate) struct StatsClient {
    open: OnceLock<Open>,
    /// The object has an attribute of the name of one of its methods.
    shadowed: AtomicBool,
}

type Object<'py> = Bound<'py, PyAny>;

#[pymethods]
impl StatsClient {
    /// Whatever a subclass is made from: `_open` follows.
    #[new]
    #[pyo3(signature = (*_args, **_options))]
    fn new(_args: &Bound<'_, PyTuple>, _options: Option<&Bound<'_, PyDict>>) -> Self {
        Self { open: OnceLock::new(), shadowed: AtomicBool::new(false) }
    }

    /// Makes the client ready: called by `__init__`.
    #[expect(clippy::too_many_arguments, reason = "the options of a client")]
    fn _open(
        &self,
        py: Python<'_>,
        hostport: &Object<'_>,
        prefix: &str,
        tags: Option<&Object<'_>>,
        batch: bool,
        max_delay: f64,
        max_packet: Option<usize>,
        max_buffer: usize,
        own_metrics: &str,
    ) -> PyResult<()> {
        if self.open.get().is_some() {
            return Err(PyRuntimeError::new_err("the client is open already"));
        }
        let address = address(hostport)?;
        let direct = !batch && matches!(address, Address::Udp { .. } | Address::Unixgram(_));
        let delay = Duration::try_from_secs_f64(max_delay)
            .map_err(|error| PyValueError::new_err(format!("max_delay: {error}")))?;
        let mut builder = Builder::to(address).prefix(prefix).rounding(Rounding::Gstatsd);
        builder = builder.delay_max(delay).buffer_bytes_max(max_buffer).own_metrics(own_metrics);
        for (key, value) in tags::owned(tags)? {
            builder = builder.tag(&key, &value);
        }
        if let Some(bytes) = max_packet {
            builder = builder.packet_bytes_max(bytes);
        }
        if !batch {
            builder = builder.direct();
        }
        // It may wait a moment for the address of a host.
        let client = py.detach(|| builder.build());
        self.open.set(Open::new(client, direct)).ok();
        Ok(())
    }

    /// Sends a line as it stands, with its rate at the end where that is below 1; then it is sent
    /// by chance. All metrics go through here where a subclass overrides it.
    #[pyo3(
        signature = (data, sample_rate = None),
        text_signature = "($self, data, sample_rate=1)"
    )]
    fn _send(
        slf: &Bound<'_, Self>,
        data: &Object<'_>,
        sample_rate: Option<&Object<'_>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let rate = sampling::rate(sample_rate)?;
        let Some(rate) = sampling::draw(py, rate)? else { return Ok(()) };
        let mut line = match data.cast::<PyString>() {
            Ok(text) => utf8(text).into_owned().into_bytes(),
            Err(_) => data.extract::<Vec<u8>>()?,
        };
        if rate < 1.0
            && let Some(rate) = sample_rate
        {
            line.extend_from_slice(format!("|@{rate}").as_bytes());
        }
        slf.get().opened()?.send_line(py, &line);
        Ok(())
    }

    /// Sends what waits, for at most `timeout` seconds. `False` where that was not enough.
    #[pyo3(signature = (timeout = 1.0))]
    fn flush(&self, py: Python<'_>, timeout: f64) -> PyResult<bool> {
        let timeout = Duration::try_from_secs_f64(timeout)
            .map_err(|error| PyValueError::new_err(format!("timeout: {error}")))?;
        let client = self.opened()?.client();
        Ok(py.detach(|| client.flush(timeout)))
    }

    /// Sends what waits, for at most 100 ms, and ends the client: what comes later is dropped.
    /// `False` where not everything could be sent.
    fn close(&self, py: Python<'_>) -> bool {
        let client = self.open.get().map(Open::client);
        py.detach(|| client.is_none_or(gstatsd_client::StatsClient::close))
    }

    /// What became of the lines so far: `lines` that were to be sent are those that the system
    /// took (`sent`), those that wait (`waiting`), and those that were `dropped`, by reason.
    /// `packets` and `bytes` tell of what was sent. Calls that sampling left out are no lines.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.opened()?.client().counts();
        let dropped = PyDict::new(py);
        for reason in Reason::ALL {
            if counts.dropped(reason) > 0 {
                dropped.set_item(reason.label(), counts.dropped(reason))?;
            }
        }
        let all = PyDict::new(py);
        all.set_item("lines", counts.lines)?;
        all.set_item("sent", counts.sent)?;
        all.set_item("waiting", counts.waiting)?;
        all.set_item("dropped", dropped)?;
        all.set_item("packets", counts.packets)?;
        all.set_item("bytes", counts.bytes)?;
        Ok(all)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) {
        self.close(py);
    }

    fn __setattr__(
        slf: &Bound<'_, Self>,
        name: &Bound<'_, PyString>,
        value: &Object<'_>,
    ) -> PyResult<()> {
        if Method::is_named(name) {
            slf.get().shadowed.store(true, Ordering::Relaxed);
        }
        set_attribute(slf.as_any(), name, Some(value))
    }

    fn __delattr__(slf: &Bound<'_, Self>, name: &Bound<'_, PyString>) -> PyResult<()> {
        set_attribute(slf.as_any(), name, None)
    }
}

impl StatsClient {
    /// What it sends through.
    ///
    /// # Errors
    /// A subclass did not call `__init__`.
    #[inline]
    pub(crate) fn opened(&self) -> PyResult<&Open> {
        let missing = || PyRuntimeError::new_err("StatsClient.__init__ was not called");
        self.open.get().ok_or_else(missing)
    }

    /// Whether metrics that are sent by these methods reach [`Open::send`] unseen by anybody.
    ///
    /// # Errors
    /// The class cannot be asked.
    #[inline]
    pub(crate) fn is_plain(slf: &Bound<'_, Self>, methods: &[Method]) -> PyResult<bool> {
        if slf.get().shadowed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        are_original(slf, methods)
    }
}
