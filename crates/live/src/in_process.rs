//! Live state in this process.

/// Live state of a single node, in its own memory: lost with the process, by design.
pub struct InProcess;
