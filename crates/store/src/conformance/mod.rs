//! The suite that is the meaning of the port; every adapter runs it.
