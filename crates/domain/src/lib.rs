//! The nouns: ids, accounts, devices, clients, grants, sessions, audit entries.
