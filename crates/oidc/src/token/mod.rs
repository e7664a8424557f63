//! The token request (RFC 6749 §4.1.3, §4.4.2, §6), what an authorization code holds, and what a refresh token is.
//!
//! Owns: reading the request, all that a code is bound to, the text of refresh tokens. Not here: sealing codes,
//! spending codes and refresh tokens, signing tokens (`provider`).

mod authorization;
mod code;
mod refresh;
mod request;

pub use authorization::Authorization;
pub use code::{CODE_LIFE, CodeContent, is_challenge};
pub use refresh::{FamilyContent, RefreshToken};
pub use request::{ClientExchange, CodeExchange, Exchange, RefreshExchange};

use crate::{ErrorCode, OAuthError};

pub(crate) const MORE_SCOPE: OAuthError =
    OAuthError::new(ErrorCode::InvalidScope, "scope holds more than was granted");
pub(crate) const NO_SCOPE: OAuthError = OAuthError::new(ErrorCode::InvalidScope, "scope is empty");
pub(crate) const MORE_TARGETS: OAuthError =
    OAuthError::new(ErrorCode::InvalidTarget, "resource is not one that was granted");
