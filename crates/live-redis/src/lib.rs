//! What is short-lived, in Redis.
