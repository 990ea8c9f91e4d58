//! Tests against what gstatsd 0.6 takes for a listener and for a sink.
