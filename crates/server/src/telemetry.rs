//! The log: lines on standard error, JSON or text, as the configuration says (SEC-187, SEC-193).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::log::{Format, Settings};

/// Begins to write the log. Commands other than `serve` and `demo` write none. A second call in one
/// process (tests) changes nothing.
pub fn start(settings: &Settings) {
    let filter = EnvFilter::new(format!("actix_server=warn,{}", settings.filter));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Err means that a log was begun before.
    let _ = match settings.format {
        Format::Json => log.json().flatten_event(true).try_init(),
        Format::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
    };
}
