//! The demo relying party and the virtual phone.
