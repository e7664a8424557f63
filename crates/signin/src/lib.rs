//! Use cases of signing in: password, passkey, phone, sessions.
