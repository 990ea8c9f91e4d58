//! Tests of the whole way from a file and flags to a configuration.
