//! `gstatsd._native`: what the Python package does in Rust. The package gives it its shape.

use pyo3::prelude::*;

mod address;
mod blocks;
mod command;
mod fastcall;
mod handles;
mod methods;
mod number;
mod open;
mod original;
mod raw;
mod replaceable;
mod sampling;
mod sending;
mod stats_client;
mod tags;
mod timer;

/// The module, as Python imports it.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // Before anybody replaces it.
    replaceable::remember(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<stats_client::StatsClient>()?;
    module.add_class::<handles::Counter>()?;
    module.add_class::<handles::Gauge>()?;
    module.add_class::<timer::Timer>()?;
    fastcall::add::<stats_client::StatsClient>(module.py())?;
    fastcall::add::<handles::Counter>(module.py())?;
    fastcall::add::<handles::Gauge>(module.py())?;
    module.add_function(wrap_pyfunction!(open::flush_all, module)?)?;
    module.add_function(wrap_pyfunction!(command::main, module)?)
}
