//! The methods of a client that send something.

use gstatsd_client::Kind;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::fastcall::{Arguments, FastMethods, Method};
use crate::number::Amount;
use crate::sending::{Given, Options, count, no_key, send};
use crate::stats_client::StatsClient;

impl FastMethods for StatsClient {
    const METHODS: &'static [Method<Self>] = &[
        Method {
            name: c"timer",
            parameters: &["key", "timestamp", "sample_rate", "tags"],
            required: 2,
            doc: c"timer($self, key, timestamp, sample_rate=1, tags=None)\n--\n\n\
                A timing: `key` took `timestamp` milliseconds, which are rounded to whole ones.",
            body: |client, arguments| number(client, Kind::Timer, arguments),
        },
        Method {
            name: c"gauge",
            parameters: &["key", "value", "sample_rate", "tags"],
            required: 2,
            doc: c"gauge($self, key, value, sample_rate=1, tags=None)\n--\n\n\
                Set a gauge, in any unit. The value is rounded to six decimals.",
            body: |client, arguments| number(client, Kind::Gauge, arguments),
        },
        Method {
            name: c"increment",
            parameters: &["key", "sample_rate", "tags"],
            required: 1,
            doc: c"increment($self, key, sample_rate=1, tags=None)\n--\n\n\
                Add 1 to a counter.",
            body: |client, arguments| step(client, 1, arguments),
        },
        Method {
            name: c"decrement",
            parameters: &["key", "sample_rate", "tags"],
            required: 1,
            doc: c"decrement($self, key, sample_rate=1, tags=None)\n--\n\n\
                Take 1 from a counter.",
            body: |client, arguments| step(client, -1, arguments),
        },
        Method {
            name: c"counter",
            parameters: &["keys", "magnitude", "sample_rate", "tags"],
            required: 1,
            doc: c"counter($self, keys, magnitude=1, sample_rate=1, tags=None)\n--\n\n\
                Add `magnitude`, rounded to a whole number, to a counter, or to each of a list or\n\
                tuple of them.",
            body: counter,
        },
        Method {
            name: c"gauge_delta",
            parameters: &["key", "change", "sample_rate", "tags"],
            required: 2,
            doc: c"gauge_delta($self, key, change, sample_rate=1, tags=None)\n--\n\n\
                Change a gauge, where the service knows such: the statsd dialect does, those of\n\
                gstatsd and DogStatsD set the gauge to the number instead.",
            body: gauge_delta,
        },
        Method {
            name: c"set",
            parameters: &["key", "member", "sample_rate", "tags"],
            required: 2,
            doc: c"set($self, key, member, sample_rate=1, tags=None)\n--\n\n\
                Add a member, a string or a number, to a set, of which different ones are counted.",
            body: set,
        },
        Method {
            name: c"histogram",
            parameters: &["key", "value", "sample_rate", "tags"],
            required: 2,
            doc: c"histogram($self, key, value, sample_rate=1, tags=None)\n--\n\n\
                A value of a histogram, in any unit, as it is.",
            body: |client, arguments| number(client, Kind::Histogram, arguments),
        },
        Method {
            name: c"distribution",
            parameters: &["key", "value", "sample_rate", "tags"],
            required: 2,
            doc: c"distribution($self, key, value, sample_rate=1, tags=None)\n--\n\n\
                A value of a distribution, in any unit, as it is.",
            body: |client, arguments| number(client, Kind::Distribution, arguments),
        },
    ];
}

#[inline]
fn number<'a, 'py>(
    client: &'a Bound<'py, StatsClient>,
    kind: Kind,
    [key, value, sample_rate, tags]: &Arguments<'a, 'py>,
) -> PyResult<()> {
    let (Some(key), Some(value)) = (key, value) else { return Ok(()) };
    let value = Given::Number(Amount::of(value)?);
    send(client, kind, key, &value, options(sample_rate, tags))
}

#[inline]
fn step<'a, 'py>(
    client: &'a Bound<'py, StatsClient>,
    change: i64,
    [key, sample_rate, tags, _]: &Arguments<'a, 'py>,
) -> PyResult<()> {
    let Some(key) = key else { return Ok(()) };
    count(client, key, change, options(sample_rate, tags))
}

#[inline]
fn counter<'a, 'py>(
    client: &'a Bound<'py, StatsClient>,
    [keys, magnitude, sample_rate, tags]: &Arguments<'a, 'py>,
) -> PyResult<()> {
    let Some(keys) = keys else { return Ok(()) };
    let options = options(sample_rate, tags);
    let change = magnitude.as_deref().map_or(Ok(Amount::Whole(1)), Amount::of)?;
    let change = Given::Number(change);
    if keys.is_instance_of::<PyString>() {
        return send(client, Kind::Counter, keys, &change, options);
    }
    if !keys.is_instance_of::<PyList>() && !keys.is_instance_of::<PyTuple>() {
        return Err(no_key(keys));
    }
    for key in keys.try_iter()? {
        send(client, Kind::Counter, &key?, &change, options)?;
    }
    Ok(())
}

fn gauge_delta<'a, 'py>(
    client: &'a Bound<'py, StatsClient>,
    [key, change, sample_rate, tags]: &Arguments<'a, 'py>,
) -> PyResult<()> {
    let (Some(key), Some(change)) = (key, change) else { return Ok(()) };
    let change = Given::Change(Amount::of(change)?);
    send(client, Kind::Gauge, key, &change, options(sample_rate, tags))
}

fn set<'a, 'py>(
    client: &'a Bound<'py, StatsClient>,
    [key, member, sample_rate, tags]: &Arguments<'a, 'py>,
) -> PyResult<()> {
    let (Some(key), Some(member)) = (key, member) else { return Ok(()) };
    let member = Given::Member(match member.cast::<PyString>() {
        Ok(text) => text.to_owned(),
        Err(_) => member.str()?,
    });
    send(client, Kind::Set, key, &member, options(sample_rate, tags))
}

#[inline]
fn options<'s, 'py>(
    sample_rate: &'s Option<Borrowed<'_, 'py, PyAny>>,
    tags: &'s Option<Borrowed<'_, 'py, PyAny>>,
) -> Options<'s, 'py> {
    Options { sample_rate: sample_rate.as_deref(), tags: tags.as_deref() }
}
