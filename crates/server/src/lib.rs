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

use api::{Api, Remote};
use cli::{Cli, Command};
use failure::Failure;
use output::Output;

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
    if cli.server.is_some() && is_of_here(&cli.command) {
        return Err(api::only_here());
    }
    let file = cli.config.as_deref();
    let load = || config::load(file).map_err(|problems| commands::check_config::refused(&problems));
    match cli.command {
        Command::CheckConfig(command) => commands::check_config::run(file, &command, output),
        Command::Serve => serve::run(&load()?, output).await,
        Command::Demo(command) => commands::demo::run(command, output).await,
        Command::Phone(command) => commands::phone::run(command, output).await,
        Command::Migrate(command) => commands::migrate::run(&load()?, &command, output).await,
        command => {
            if let Some(server) = &cli.server {
                let api = Api::at(Remote::new(server, cli.server_ca.as_deref())?);
                return over_api(&api, command, output).await;
            }
            let config = load()?;
            let ground = wiring::ground_of_command(&config).await?;
            let done = match Api::new(&config, &ground).await {
                Ok(api) => over_api(&api, command, output).await,
                Err(failure) => Err(failure),
            };
            ground.close().await;
            done
        }
    }
}

/// Whether another computer's server can be asked for it.
const fn is_of_here(command: &Command) -> bool {
    matches!(
        command,
        Command::CheckConfig(_)
            | Command::Serve
            | Command::Demo(_)
            | Command::Phone(_)
            | Command::Migrate(_)
            | Command::Audit(_)
    )
}

/// Commands that call the admin API, here or elsewhere.
async fn over_api(api: &Api, command: Command, output: Output) -> Result<(), Failure> {
    match command {
        Command::User(command) => commands::user::run(api, command, output).await,
        Command::Client(command) => commands::client::run(api, command, output).await,
        Command::Device(command) => commands::device::run(api, command, output).await,
        Command::Audit(command) => commands::audit::run(api.ground()?, command, output).await,
        Command::Keys(command) => commands::keys::run(api, command, output).await,
        Command::Apply(command) => commands::apply::run(api, &command, output).await,
        Command::Import(cli::admin::Import::Cas(command)) => {
            commands::apply::cas::run(api, &command, output).await
        }
        Command::Export(command) => commands::apply::export(api, &command, output).await,
        command => commands::registry::run(api, command, output).await,
    }
}
