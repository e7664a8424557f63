//! Which tests are about one process or one file by their nature.
//!
//! Everything else runs on the cluster, too (SEC-064). A row is a test's name and why it has no meaning there;
//! such a test gets one node with SQLite in both runs. A test of the flows program compares the list with what
//! exists.

/// Name of the test, and why it keeps to one node.
pub const ONE_NODE: &[(&str, &str)] = &[
    (
        "restart::a_restart_in_mid_login_leads_to_a_new_code_and_never_to_a_fault",
        "what is live dies with the one process; on the cluster it lives on, which tests/cluster shows",
    ),
    (
        "restart::a_locked_database_fails_what_needs_it_and_nothing_else",
        "holds the one write lock of the file; PostgreSQL has none, its loss is in tests/cluster",
    ),
    (
        "limits::sec_051_a_connection_sees_its_own_channel_and_there_are_two_listeners",
        "the seats for listeners bound the memory of one process and are counted there",
    ),
];

/// Whether the test that runs on this thread keeps to one node.
pub(crate) fn is_named() -> bool {
    std::thread::current().name().is_some_and(|name| ONE_NODE.iter().any(|(test, _)| *test == name))
}
