//! Login, consent and logout pages, and the waiting stream.
