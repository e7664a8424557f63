//! The cross-device channel as typed states and the one approval message.
