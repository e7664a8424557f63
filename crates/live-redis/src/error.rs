//! What goes wrong, in words.

use live::LiveError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why the live store cannot be used: one sentence that names the setting to change. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// The error of a command whose outcome nobody may rely on.
pub(crate) fn unavailable(cause: impl std::fmt::Display) -> LiveError {
    LiveError::Unavailable(cause.to_string())
}

/// Whether the connection is of no use after this.
pub(crate) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly))
}

/// Whether the server says that this node of the cluster cannot answer for the key now. Nothing was done.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, MasterDown, Moved, ReadOnly};
    matches!(error.kind(), ErrorKind::Server(Ask | ClusterDown | MasterDown | Moved | ReadOnly))
}

/// Whether the script is not known to this server yet. Nothing was done.
pub(crate) fn is_unknown_script(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::NoScript))
}
