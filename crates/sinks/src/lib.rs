//! Where a snapshot goes: one file per protocol.
