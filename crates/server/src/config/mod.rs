//! The configuration: what was given, what it means, and what is wrong with it.
//!
//! Owns: reading the file and the environment (no other crate does), defaults, cross-checks, the
//! effective configuration without secrets, and the reference made from the declarations.
//! Not here: what settings do (the crates whose `Settings` a section resolves to).

mod reference;
pub mod section;
mod source;

pub mod cas;
pub mod cas_qr;
pub mod cas_rest;
pub mod database;
pub mod issuer;
pub mod keys;
pub mod limits;
pub mod live;
pub mod log;
pub mod mail;
pub mod networks;
pub mod outbound;
pub mod phones;
pub mod registration;
pub mod requests;
pub mod server;
pub mod sign_in;
pub mod theme;
pub mod tls;
pub mod tokens;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use reference::{as_markdown, as_toml};
pub use section::{Key, Section};
pub use source::{Fault, Origin, Problem};

/// Where the configuration is looked for when no `--config` is given.
pub const DEFAULT_FILE: &str = "config/latchbolt.toml";

macro_rules! sections {
    ($($name:ident),+ $(,)?) => {
        /// All sections as written, with defaults where nothing was.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Given {
            $(
                #[doc = concat!("`[", stringify!($name), "]`")]
                pub $name: $name::Given,
            )+
        }

        /// The tables of all sections, in the order of the reference.
        pub const SECTIONS: &[Section] = &[$($name::SECTION),+];
    };
}

sections!(
    issuer,
    server,
    tls,
    database,
    keys,
    live,
    sign_in,
    phones,
    tokens,
    requests,
    registration,
    limits,
    networks,
    theme,
    log,
    outbound,
    mail,
    cas,
    cas_rest,
    cas_qr
);

/// What it all means.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public address.
    pub issuer: String,
    /// How to listen.
    pub server: server::Settings,
    /// TLS by the program itself.
    pub tls: Option<tls::Settings>,
    /// Where things are kept.
    pub database: database::Settings,
    /// Where the wrapping key comes from, and how long a key signs.
    pub keys: keys::Settings,
    /// Where short-lived state is kept.
    pub live: live::Settings,
    /// How people may sign in.
    pub sign_in: sign_in::Settings,
    /// The registry of phones.
    pub phones: phones::Settings,
    /// Lives of codes and tokens.
    pub tokens: tokens::Settings,
    /// How relying parties may ask.
    pub requests: requests::Settings,
    /// Clients that register themselves.
    pub registration: registration::Settings,
    /// How often things may be tried.
    pub limits: app::Limits,
    /// Proxies and names of networks.
    pub networks: networks::Settings,
    /// The looks.
    pub theme: web::Theme,
    /// What is written, and how.
    pub log: log::Settings,
    /// What may be called; none: nothing.
    pub outbound: Option<outbound_net::Settings>,
    /// The mail server; none: no mail is sent.
    pub mail: Option<outbound_net::mail::Settings>,
    /// Relying parties that speak CAS.
    pub cas: cas::Settings,
    /// Tickets for programs with a password.
    pub cas_rest: bool,
    /// Apps made for CAS; none: not offered.
    pub cas_qr: Option<cas_qr::Settings>,
    /// What was given, for `check-config`.
    pub given: Given,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

/// Reads the configuration: from `file`, else from [`DEFAULT_FILE`] if it is there, else defaults; then
/// the environment over it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(file: Option<&Path>) -> Result<Config, Vec<Problem>> {
    let file = match file {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()),
    };
    load_from(file.as_deref(), &environment())
}

/// The environment's variables that are ours. One that is not Unicode cannot be.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("LATCHBOLT__"))
        .collect();
    variables.sort();
    variables
}

/// The same with the environment handed in.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_from(file: Option<&Path>, variables: &[(String, String)]) -> Result<Config, Vec<Problem>> {
    let read = source::read(file, variables)?;
    let mut problems = Vec::new();
    let resolved = resolve(&read.given, |section, fault| {
        problems.push(Problem {
            origin: read.origin(section, fault.key),
            key: Some(format!("{section}.{}", fault.key)),
            what: fault.what,
            nearest: None,
        });
    });
    match resolved {
        Some(mut config) if problems.is_empty() => {
            config.file = file.map(Path::to_owned);
            Ok(config)
        }
        _ => Err(problems),
    }
}

/// Resolves every section, so that all faults are told at once.
fn resolve(given: &Given, mut wrong: impl FnMut(&'static str, Fault)) -> Option<Config> {
    macro_rules! section {
        ($name:ident) => {
            given.$name.resolve().map_err(|fault| wrong($name::SECTION.name, fault)).ok()
        };
    }
    let issuer = section!(issuer);
    let server = section!(server);
    let tls = section!(tls);
    let database = section!(database);
    let keys = section!(keys);
    let mut live = section!(live);
    let sign_in = section!(sign_in);
    let phones = section!(phones);
    let tokens = section!(tokens);
    let registration = section!(registration);
    let mut limits = section!(limits);
    let networks = section!(networks);
    let theme = section!(theme);
    let log = section!(log);
    let outbound = section!(outbound);
    let mail = given
        .mail
        .resolve(|| given.outbound.authorities())
        .map_err(|fault| wrong(mail::SECTION.name, fault))
        .ok();
    let cas = section!(cas);
    let cas_rest =
        given.cas_rest.resolve(&given.cas).map_err(|fault| wrong(cas_rest::SECTION.name, fault)).ok();
    let cas_qr = given.cas_qr.resolve(&given.cas).map_err(|fault| wrong(cas_qr::SECTION.name, fault)).ok();
    if let Some(issuer) = &issuer {
        let is_loopback = app::Issuer::parse(issuer).is_ok_and(|issuer| issuer.is_loopback());
        if matches!(tls, Some(Some(_))) && issuer.starts_with("http:") {
            let what = "The program would speak TLS, but the issuer says http: write issuer.url with https.";
            wrong("tls", Fault::new("cert_file", what));
        }
        if given.limits.off && !is_loopback {
            let what =
                "Without limits passwords can be guessed: this is for an issuer on this computer only.";
            wrong("limits", Fault::new("off", what));
        }
    }
    if let (Some(database), Some(live)) = (&database, &mut live)
        && let Err(fault) = live.settle(database)
    {
        wrong("live", fault);
    }
    if let (Some(database), Some(keys)) = (&database, &keys)
        && matches!(keys.wrapping, keys::Source::File(None))
        && database.file().is_none()
    {
        wrong("keys", Fault::new("wrapping_key", keys::SHARED));
    }
    if let (Some(limits), Some(registration)) = (&mut limits, &registration)
        && !given.limits.off
    {
        limits.register_address = registration.limit;
    }
    Some(Config {
        issuer: issuer?,
        server: server?,
        tls: tls?,
        database: database?,
        keys: keys?,
        live: live?,
        sign_in: sign_in?,
        phones: phones?,
        tokens: tokens?,
        requests: given.requests.resolve(),
        registration: registration?,
        limits: limits?,
        networks: networks?,
        theme: theme?,
        log: log?,
        outbound: outbound?,
        mail: mail?,
        cas: cas?,
        cas_rest: cas_rest?,
        cas_qr: cas_qr?,
        given: given.clone(),
        file: None,
    })
}

/// Where programs keep a person's data: `$XDG_DATA_HOME`, else `~/.local/share`.
#[must_use]
pub fn data_home() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    named("XDG_DATA_HOME").or_else(|| named("HOME").map(|home| home.join(".local").join("share")))
}

#[cfg(test)]
mod tests;
