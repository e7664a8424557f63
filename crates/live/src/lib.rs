//! The port to what is short-lived, and its in-process adapter.
