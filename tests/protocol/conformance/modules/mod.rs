//! The modules, each named as in the official suite: what a provider must do, and how providers usually fail.
//!
//! Every module is written once, for every response type, response mode and kind of client. Not here: which plan
//! runs which (`table`, `plans`).

mod clients;
mod codes;
mod discovery;
mod logout;
mod objects;
mod prompts;
mod redirects;
mod refresh;
mod registration;
mod requests;
mod rotation;
mod scopes;
mod server;

pub(crate) use clients::*;
pub(crate) use codes::*;
pub(crate) use discovery::*;
pub(crate) use logout::*;
pub(crate) use objects::*;
pub(crate) use prompts::*;
pub(crate) use redirects::*;
pub(crate) use refresh::*;
pub(crate) use registration::*;
pub(crate) use requests::*;
pub(crate) use rotation::*;
pub(crate) use scopes::*;
pub(crate) use server::*;
