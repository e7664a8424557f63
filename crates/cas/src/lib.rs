//! The CAS protocol 1 to 3, its REST tickets, its QR socket and its files.
//!
//! Owns: reading the requests and writing the answers to the letter ([`login`], [`logout`], [`validate`],
//! [`proxy`], [`rest`], [`answer`], [`single_logout`]), what a service's address is and which pattern takes it
//! ([`service`]), the form of tickets ([`ticket`]), the names of the QR mode ([`channel`]), its two framings
//! ([`stomp`], [`sockjs`]), and reading what a CAS server was configured with ([`import`]).
//! Not here: who may have a ticket (`tickets`), the channel and its approval (`signin::cas_phone`), paths and
//! sockets (`web-cas`).
//!
//! Invariant: no function of this crate reads a clock, a socket or a store, or makes anything random.
//! Sections (`§`) without a name are those of the project's CAS wire reference; W- and C-numbers are its lists of
//! weaknesses and rules.

pub mod answer;
pub mod channel;
pub mod import;
pub mod login;
pub mod logout;
pub mod params;
pub mod proxy;
pub mod rest;
mod secret;
pub mod service;
pub mod single_logout;
pub mod sockjs;
pub mod stomp;
pub mod ticket;
pub mod validate;

pub use answer::{Attributes, Failure, Validated, Value};
pub use channel::{ChannelName, DeviceName, Told};
pub use login::{LoginAsked, LoginPosted, Method, Posted};
pub use logout::LogoutAsked;
pub use params::{BadParams, Params};
pub use proxy::{ProxyAsked, ProxyCallback, ProxyRefused};
pub use secret::Secret;
pub use service::{BadPattern, BadService, ServicePattern, ServiceUrl};
pub use ticket::{Kind, Ticket};
pub use validate::{Endpoint, Format, ValidateAsked};
