//! From samples to snapshots: tables, series, the rules of each type, names.
