//! `phone …`: a phone on the command line, over the same API as every other phone.

mod moves;

use std::path::PathBuf;

use phone_client::{
    Credentials, EnrolmentLink, Introduction, Options, Phone, Service, StateFile, read_qr_file,
};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::cli::{self, PhoneCommand};
use crate::failure::Failure;
use crate::output::{Output, secret_from_stdin};

/// Runs the command. Needs no configuration and no database: it is the other side.
///
/// # Errors
/// What the provider refuses, or a state file that cannot be used.
pub async fn run(command: cli::Phone, output: Output) -> Result<(), Failure> {
    let state = StateFile::at(match command.state {
        Some(path) => path,
        None => default_state()?,
    });
    let options = options(command.extra_ca)?;
    match command.command {
        PhoneCommand::Enrol { url, image, issuer, user, password_stdin, name, agree } => {
            let link = match (url, image) {
                (Some(url), _) => Some(url),
                (None, Some(image)) => Some(read_qr_file(&image)?),
                (None, None) => None,
            };
            let (issuer, credentials) = credentials(link, issuer, user, password_stdin)?;
            if !agree {
                return Err(Failure::new(
                    "Enrolling lets this phone sign its owner in by QR from now on. Say that the owner agrees: --agree.",
                ));
            }
            enrol(&state, &issuer, credentials, name, options, output).await
        }
        PhoneCommand::Scan { image, url } => {
            let text = match (url, image) {
                (Some(url), _) => url,
                (None, Some(image)) => read_qr_file(&image)?,
                (None, None) => return Err(Failure::new("There is nothing to scan. Give --image or --url.")),
            };
            scan(&state, &text, options, output).await
        }
        PhoneCommand::Approve { check_code } => approve(&state, check_code, options, output).await,
        PhoneCommand::Deny { not_me } => deny(&state, not_me, options, output).await,
        PhoneCommand::Renew => renew(&state, options, output).await,
        PhoneCommand::Move(command) => moves::run(&state, command, options, output).await,
        PhoneCommand::Status => {
            let phone = state.load(options)?;
            let standing = phone.standing().await?;
            let owner = &phone.owner().username;
            let json = json!({
                "device": standing.device, "state": standing.state, "name": standing.name,
                "issuer": phone.service().issuer(), "username": owner,
            });
            let text = format!(
                "{} of {owner} at {} is {}.",
                standing.name,
                phone.service().issuer(),
                standing.state
            );
            output.either(&json, &text);
            Ok(())
        }
    }
}

fn credentials(
    link: Option<String>,
    issuer: Option<String>,
    user: Option<String>,
    password_stdin: bool,
) -> Result<(String, Credentials), Failure> {
    if let Some(link) = link {
        let link = EnrolmentLink::parse(&link)?;
        return Ok((link.issuer, Credentials::Token(link.token)));
    }
    let (Some(issuer), Some(username)) = (issuer, user) else {
        return Err(Failure::new("Give an enrolment link with --url, or --issuer and --user."));
    };
    if !password_stdin {
        return Err(Failure::new("The password comes on standard input. Say so with --password-stdin."));
    }
    let password = secret_from_stdin("password")?.expose_secret().to_owned();
    Ok((issuer, Credentials::Password { username, password }))
}

async fn enrol(
    state: &StateFile,
    issuer: &str,
    credentials: Credentials,
    name: String,
    options: Options,
    output: Output,
) -> Result<(), Failure> {
    make_room(state)?;
    let introduction = Introduction { name, platform: std::env::consts::OS.to_owned(), agree: true };
    let phone = Phone::enrol(Service::with(issuer, options)?, credentials, introduction).await?;
    state.save(&phone)?;
    enrolled(state, &phone, output);
    Ok(())
}

/// Refuses to put one phone over another.
fn make_room(state: &StateFile) -> Result<(), Failure> {
    if state.path().exists() {
        let path = state.path().display();
        return Err(Failure::new(format!(
            "{path} holds an enrolled phone already. Name another file with --state, or remove it first."
        )));
    }
    if let Some(folder) = state.path().parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(format!(
                "Cannot make {}: {error}. Name another file with --state.",
                folder.display()
            ))
        })?;
    }
    Ok(())
}

fn enrolled(state: &StateFile, phone: &Phone, output: Output) {
    let json = json!({
        "device": phone.device(), "issuer": phone.service().issuer(),
        "username": phone.owner().username, "state_file": state.path().display().to_string(),
    });
    let text = format!(
        "Enrolled for {} at {}: {}.",
        phone.owner().username,
        phone.service().issuer(),
        phone.device()
    );
    output.either(&json, &text);
}

async fn renew(state: &StateFile, options: Options, output: Output) -> Result<(), Failure> {
    let mut phone = state.load(options)?;
    // Kept before it is sent: whatever happens in between, one of the two is this phone's.
    phone.prepare_renewal()?;
    state.save(&phone)?;
    let renewed = phone.renew().await;
    state.save(&phone)?;
    renewed?;
    let (device, thumbprint) = (phone.device(), phone.key().thumbprint());
    output.either(
        &json!({"device": device, "key": thumbprint}),
        &format!("{device} signs with a new key: {thumbprint}. The one before is dead."),
    );
    Ok(())
}

async fn scan(state: &StateFile, text: &str, options: Options, output: Output) -> Result<(), Failure> {
    let mut phone = state.load(options)?;
    let claim = phone.scan(text).await?;
    if output.json {
        let json = json!({
            "claim": claim.handle, "facts": claim.facts, "expires_at": claim.expires_at,
            "code_needed": claim.code_needed,
        });
        output.line(&json.to_string());
    } else {
        for (label, value) in claim.facts.in_words() {
            output.line(&format!("{label:18} {}", domain::text::shown(&value, 200)));
        }
        output.line(if claim.code_needed {
            "\nIf this is you: latchbolt phone approve --check-code NNN (the digits that the browser shows).\nIf not: latchbolt phone deny --not-me"
        } else {
            "\nIf this is you: latchbolt phone approve\nIf not: latchbolt phone deny --not-me"
        });
    }
    phone.claim = Some(claim);
    state.save(&phone)?;
    Ok(())
}

async fn approve(
    state: &StateFile,
    check_code: Option<String>,
    options: Options,
    output: Output,
) -> Result<(), Failure> {
    let (mut phone, claim) = claimed(state, options)?;
    let code = match check_code {
        Some(code) => code,
        None if claim.code_needed => {
            return Err(Failure::new(
                "This sign-in needs the three digits that the browser shows. Give --check-code.",
            ));
        }
        None => String::new(),
    };
    match phone.approve(&claim, &code).await {
        Ok(()) => {}
        // The claim stays for the next try.
        Err(
            error @ (phone_client::PhoneError::WrongCheckCode { left: 1.. }
            | phone_client::PhoneError::NotACheckCode),
        ) => {
            return Err(error.into());
        }
        Err(error) => {
            phone.claim = None;
            state.save(&phone)?;
            return Err(error.into());
        }
    }
    phone.claim = None;
    state.save(&phone)?;
    output.either(&json!({"decision": "approve", "claim": claim.handle}), "Approved: the browser moves on.");
    Ok(())
}

async fn deny(state: &StateFile, not_me: bool, options: Options, output: Output) -> Result<(), Failure> {
    let (mut phone, claim) = claimed(state, options)?;
    let answer = if not_me { phone.report(&claim).await } else { phone.deny(&claim).await };
    phone.claim = None;
    state.save(&phone)?;
    answer?;
    let word = if not_me { "report" } else { "deny" };
    let text = if not_me { "Denied and reported." } else { "Denied." };
    output.either(&json!({"decision": word, "claim": claim.handle}), text);
    Ok(())
}

fn claimed(state: &StateFile, options: Options) -> Result<(Phone, phone_client::Claim), Failure> {
    let phone = state.load(options)?;
    match phone.claim.clone() {
        Some(claim) => Ok((phone, claim)),
        None => Err(Failure::new("No sign-in was scanned. Scan one first: latchbolt phone scan.")),
    }
}

fn options(extra_ca: Option<PathBuf>) -> Result<Options, Failure> {
    let extra_ca = match extra_ca {
        None => None,
        Some(path) => Some(std::fs::read(&path).map_err(|error| {
            Failure::new(format!("Cannot read {}: {error}. Name a PEM file with --extra-ca.", path.display()))
        })?),
    };
    Ok(Options { extra_ca, ..Options::default() })
}

fn default_state() -> Result<PathBuf, Failure> {
    crate::config::data_home().map(|home| home.join("latchbolt").join("phone.json")).ok_or_else(|| {
        Failure::new("There is no home folder to keep the phone in. Name a file with --state.")
    })
}
