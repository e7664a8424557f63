//! The commands, one module each. A command reads its arguments, calls the admin API, prints.

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
