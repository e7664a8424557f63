//! The harness of our tests: clock, entropy, fixtures, the real server, and actors.
