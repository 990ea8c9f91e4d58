//! The parser and the writer, held against tables, against a twin, and against recorded traffic.

mod captures;
mod faults;
mod grammar;
mod log;
mod notices;
mod property;
mod tags;
mod twin;
mod usual;
mod words;
mod write;
