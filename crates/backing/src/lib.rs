//! Servers that tests and benchmarks need, from the packages of the system.
