//! The meaning of the port, as tests that every adapter runs.
