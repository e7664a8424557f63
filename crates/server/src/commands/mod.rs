//! The commands, one module each. A command reads its arguments, calls one use case, prints.

pub mod apply;
pub mod audit;
pub mod check_config;
pub mod client;
pub mod demo;
pub mod device;
pub mod keys;
pub mod migrate;
pub mod phone;
pub mod registry;
pub mod user;

use ::registry::Paging;

/// The paging that walks a whole list: the biggest page after `last`.
pub(crate) fn next_page(last: Option<String>) -> Paging {
    Paging { after: last, limit: 500 }
}
