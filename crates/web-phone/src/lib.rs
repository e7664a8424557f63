//! The phone web app and its API.
