//! The login flow: what is needed, what was proven, what comes next.
