//! Latchbolt, the OpenID Connect provider: the one program.
