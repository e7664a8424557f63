//! Latchbolt, the OpenID Connect provider: the one program.
//!
//! Owns: the command line, the configuration, the wiring of all crates, listening and stopping, the log,
//! and what happens by itself. Not here: any rule of the product.

pub mod adapters;
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
    let file = cli.config.as_deref();
    let load = || config::load(file).map_err(|problems| commands::check_config::refused(&problems));
    match cli.command {
        Command::CheckConfig(command) => commands::check_config::run(file, &command, output),
        Command::Serve => serve::run(&load()?, output).await,
        Command::Demo(command) => commands::demo::run(command, output).await,
        Command::Phone(command) => commands::phone::run(command, output).await,
        Command::Migrate(command) => commands::migrate::run(&load()?, &command, output).await,
        Command::User(command) => {
            let ground = wiring::ground_of_command(&load()?).await?;
            let done = commands::user::run(&ground, command, output).await;
            ground.close().await;
            done
        }
        Command::Client(command) => {
            let ground = wiring::ground_of_command(&load()?).await?;
            let done = commands::client::run(&ground, command, output).await;
            ground.close().await;
            done
        }
        Command::Device(command) => {
            let ground = wiring::ground_of_command(&load()?).await?;
            let done = commands::device::run(&ground, command, output).await;
            ground.close().await;
            done
        }
        Command::Audit(command) => {
            let ground = wiring::ground_of_command(&load()?).await?;
            let done = commands::audit::run(&ground, command, output).await;
            ground.close().await;
            done
        }
        Command::Keys(command) => {
            let ground = wiring::ground_of_command(&load()?).await?;
            let done = commands::keys::run(&ground, command, output).await;
            ground.close().await;
            done
        }
    }
}
