//! Latchbolt, the OpenID Connect provider: the one program.
//!
//! Owns: the command line, the configuration, the wiring of all crates, listening and stopping, the log,
//! and what happens by itself. Not here: any rule of the product.

pub mod adapters;
pub mod api;
pub mod cli;
pub mod clockwork;
pub mod commands;
pub mod config;
pub mod failure;
pub mod health;
pub mod keyfile;
pub mod nodes;
pub mod output;
pub mod serve;
pub mod setup_page;
pub mod telemetry;
pub mod terminal_qr;
pub mod wiring;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;

use api::Api;
use cli::{Cli, Command};
use config::Config;
use failure::Failure;
use output::Output;
use wiring::Ground;

/// Runs the program with the arguments of the process: 0 done, 1 failed, 2 wrong usage.
#[must_use]
pub fn run() -> ExitCode {
    // One TLS provider for everything in this process, before anything could choose another.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // clap prints and leaves with 2 by itself.
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match actix_web::rt::System::new().block_on(obey(cli, output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(cli: Cli, output: Output) -> Result<(), Failure> {
    let file = cli.config.as_deref();
    let load = || config::load(file).map_err(|problems| commands::check_config::refused(&problems));
    match cli.command {
        Command::CheckConfig(command) => commands::check_config::run(file, &command, output),
        Command::Serve => serve::run(&load()?, output).await,
        Command::Demo(command) => commands::demo::run(command, output).await,
        Command::Phone(command) => commands::phone::run(command, output).await,
        Command::Migrate(command) => commands::migrate::run(&load()?, &command, output).await,
        command => {
            let config = load()?;
            let ground = wiring::ground_of_command(&config).await?;
            let done = on_ground(&config, &ground, command, output).await;
            ground.close().await;
            done
        }
    }
}

/// Commands that work on what is kept.
async fn on_ground(
    config: &Config,
    ground: &Ground,
    command: Command,
    output: Output,
) -> Result<(), Failure> {
    let api = Api::new(config, ground).await?;
    match command {
        Command::User(command) => commands::user::run(ground, &api, command, output).await,
        Command::Client(command) => commands::client::run(ground, command, output).await,
        Command::Device(command) => commands::device::run(ground, &api, command, output).await,
        Command::Audit(command) => commands::audit::run(ground, command, output).await,
        Command::Keys(command) => commands::keys::run(ground, command, output).await,
        Command::Apply(command) => commands::apply::run(&api, &command, output).await,
        Command::Export(command) => commands::apply::export(&api, &command, output).await,
        command => commands::registry::run(&api, command, output).await,
    }
}
