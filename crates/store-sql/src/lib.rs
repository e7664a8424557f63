//! SQLite behind the store port: one writer with group commit, parallel readers.
