//! What is short-lived, in PostgreSQL.
