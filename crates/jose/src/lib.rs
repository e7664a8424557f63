//! Keys, signatures and sealing over josekit; no I/O.
