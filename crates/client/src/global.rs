//! One client for the whole program, and macros that send through it.

use std::sync::OnceLock;

use crate::StatsClient;

static GLOBAL: OnceLock<StatsClient> = OnceLock::new();

/// Makes a client the one that the macros send through. It lives until the end of the program:
/// call [`StatsClient::close`] before, so that the lines of the last moment are sent.
///
/// # Errors
///
/// The client, where there is one already.
pub fn set_global(client: StatsClient) -> Result<(), StatsClient> {
    GLOBAL.set(client)
}

/// The client that the macros send through; none, and they do nothing, until one was set.
#[must_use]
pub fn global() -> Option<&'static StatsClient> {
    GLOBAL.get()
}

/// Adds to a counter of the [global client](crate::set_global): `counter!("name", number)`, with
/// tags as `"key" => "value"` after it.
///
/// ```
/// use gstatsd_client::{StatsClient, counter, increment, set_global};
///
/// let (client, spy) = StatsClient::spy();
/// set_global(client).unwrap();
/// counter!("bytes", 1_452);
/// let route = String::from("/home");
/// increment!("hits", "route" => route, "cached" => "");
/// assert_eq!(spy.take(), ["bytes:1452|c", "hits:1|c|#route:/home,cached"]);
/// ```
#[macro_export]
macro_rules! counter {
    ($name:expr, $change:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(counter, $name, ($change) $(, $key => $value)*)
    };
}

/// Adds one to a counter of the [global client](crate::set_global). See
/// [`counter!`](crate::counter).
#[macro_export]
macro_rules! increment {
    ($name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(counter, $name, (1) $(, $key => $value)*)
    };
}

/// Takes one from a counter of the [global client](crate::set_global). See
/// [`counter!`](crate::counter).
#[macro_export]
macro_rules! decrement {
    ($name:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(counter, $name, (-1) $(, $key => $value)*)
    };
}

/// A timing, as a duration or in milliseconds, of the [global client](crate::set_global). See
/// [`counter!`](crate::counter).
#[macro_export]
macro_rules! timer {
    ($name:expr, $time:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(timer, $name, ($time) $(, $key => $value)*)
    };
}

/// Sets a gauge of the [global client](crate::set_global). See [`counter!`](crate::counter).
#[macro_export]
macro_rules! gauge {
    ($name:expr, $value_of_gauge:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(gauge, $name, ($value_of_gauge) $(, $key => $value)*)
    };
}

/// Adds a member to a set of the [global client](crate::set_global). See
/// [`counter!`](crate::counter).
#[macro_export]
macro_rules! set {
    ($name:expr, $member:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(set, $name, (::core::convert::AsRef::<str>::as_ref(&$member))
            $(, $key => $value)*)
    };
}

/// A value of a histogram of the [global client](crate::set_global). See
/// [`counter!`](crate::counter).
#[macro_export]
macro_rules! histogram {
    ($name:expr, $number:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(histogram, $name, ($number) $(, $key => $value)*)
    };
}

/// A value of a distribution of the [global client](crate::set_global). See
/// [`counter!`](crate::counter).
#[macro_export]
macro_rules! distribution {
    ($name:expr, $number:expr $(, $key:expr => $value:expr)* $(,)?) => {
        $crate::__send!(distribution, $name, ($number) $(, $key => $value)*)
    };
}

/// What the other macros have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! __send {
    ($method:ident, $name:expr, ($argument:expr) $(, $key:expr => $value:expr)*) => {
        if let ::core::option::Option::Some(client) = $crate::global() {
            client
                .tags(&[$((
                    ::core::convert::AsRef::<str>::as_ref(&$key),
                    ::core::convert::AsRef::<str>::as_ref(&$value),
                )),*])
                .$method(::core::convert::AsRef::<str>::as_ref(&$name), $argument);
        }
    };
}
