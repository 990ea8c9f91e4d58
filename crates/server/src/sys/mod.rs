//! What the operating system offers and no library wraps: the only `unsafe` of the server.

mod apart;
mod descriptors;
mod detach;
mod drops;
mod memory;
mod passed;
mod privileges;
mod receive;

pub(crate) use apart::{Stdio, run_apart};
pub(crate) use descriptors::{DESCRIPTORS_MAX, receive_message, send_message, sockets};
pub(crate) use detach::{Detached, detach};
pub(crate) use drops::dropped_datagrams;
pub(crate) use memory::{Resident, give_back_memory, map_large_memory};
pub(crate) use passed::{KEPT, inherit_passed, passed_names, passed_sockets};
pub(crate) use privileges::drop_privileges;
#[cfg(debug_assertions)]
pub(crate) use privileges::trace_us;
pub(crate) use receive::{Batch, Packet};
