//! The port to what lasts.
