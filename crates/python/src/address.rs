//! Where a client sends, as it is given in Python.

use gstatsd_client::Address;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::raw::utf8;

/// Reads an address: `(host, port)`, as the original took it, or a string.
///
/// # Errors
/// `TypeError` for anything else, `ValueError` with what is wrong with the port or the string.
pub(crate) fn address(hostport: &Bound<'_, PyAny>) -> PyResult<Address> {
    if let Ok(text) = hostport.cast::<PyString>() {
        return utf8(text).parse().map_err(|error| PyValueError::new_err(format!("{error}")));
    }
    let Ok((host, port)) = hostport.extract::<(String, i64)>() else {
        let message = format!("an address is (host, port) or a string, not {}", hostport.repr()?);
        return Err(PyTypeError::new_err(message));
    };
    let Ok(port) = u16::try_from(port) else {
        return Err(PyValueError::new_err(format!("the port {port} is not one of 0 to 65535")));
    };
    // An empty host is this machine, over IPv4 as it was; so no name has to be resolved.
    Ok(Address::udp(if host.is_empty() { "127.0.0.1" } else { &host }, port))
}
