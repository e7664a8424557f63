//! `phone move …`: a new phone in the place of an old one, both sides.

use std::time::Duration;

use phone_client::{
    Introduction, MoveOffer, MoveStanding, Options, Phone, PhoneError, Service, StateFile, read_qr_file,
};
use serde_json::json;

use super::{enrolled, make_room};
use crate::cli::PhoneMove;
use crate::failure::Failure;
use crate::output::Output;
use crate::terminal_qr;

/// How often the new phone asks where its offer stands.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(
    state: &StateFile,
    command: PhoneMove,
    options: Options,
    output: Output,
) -> Result<(), Failure> {
    match command {
        PhoneMove::Begin { issuer, agree } => {
            if !agree {
                return Err(Failure::new(
                    "Moving lets this phone sign its owner in by QR from now on. Say that the owner agrees: --agree.",
                ));
            }
            begin(state, &issuer, options, output).await
        }
        PhoneMove::Scan { image, url } => {
            let text = match (url, image) {
                (Some(url), _) => url,
                (None, Some(image)) => read_qr_file(&image)?,
                (None, None) => return Err(Failure::new("There is nothing to scan. Give --image or --url.")),
            };
            scan(state, &text, options, output).await
        }
        PhoneMove::Approve { number } => {
            let (mut phone, offer) = scanned(state, options)?;
            match phone.approve_move(&offer, &number).await {
                // The offer stays for the next try.
                Err(error @ (PhoneError::WrongCheckCode { left: 1.. } | PhoneError::NotACheckCode)) => {
                    return Err(failure(error));
                }
                answer => forget(state, &mut phone, answer)?,
            }
            output.either(
                &json!({"decision": "approve"}),
                "Agreed: the new phone takes this one's place, and this one's key is dead then.",
            );
            Ok(())
        }
        PhoneMove::Deny => {
            let (mut phone, offer) = scanned(state, options)?;
            let answer = phone.deny_move(&offer).await;
            forget(state, &mut phone, answer)?;
            output.either(&json!({"decision": "deny"}), "Denied: this phone stays.");
            Ok(())
        }
    }
}

/// The new phone.
async fn begin(state: &StateFile, issuer: &str, options: Options, output: Output) -> Result<(), Failure> {
    make_room(state)?;
    let platform = std::env::consts::OS.to_owned();
    let service = Service::with(issuer, options)?;
    let offer = MoveOffer::open(service.clone(), &platform).await?;
    if output.json {
        output.line(&json!({"url": offer.url, "expires_in": offer.expires_in}).to_string());
    } else {
        output.line(&format!(
            "On the old phone: latchbolt phone move scan --url '{}' (or scan this).\n",
            offer.url
        ));
        if let Some(symbol) = terminal_qr::draw(&offer.url) {
            output.line(&symbol);
        }
    }
    let mut is_shown = false;
    loop {
        match offer.standing().await {
            Ok(MoveStanding::Waiting) => {}
            Ok(MoveStanding::Claimed { number, username }) => {
                if !is_shown {
                    output.either(
                        &json!({"number": number, "username": username}),
                        &format!("{username} types this number on the old phone: {number}"),
                    );
                }
                is_shown = true;
            }
            Ok(MoveStanding::Approved) => break,
            Ok(MoveStanding::Denied) => {
                return Err(Failure::new("The owner of the old phone did not agree. Nothing was changed."));
            }
            // Somebody else asks a lot from here; the offer lives on.
            Err(PhoneError::TooMany { .. }) => {}
            Err(error) => return Err(failure(error)),
        }
        tokio::time::sleep(LOOK).await;
    }
    let introduction = Introduction { name: "Command line".to_owned(), platform, agree: true };
    let phone = Phone::enrol(service, offer.credentials(), introduction).await?;
    state.save(&phone)?;
    enrolled(state, &phone, output);
    Ok(())
}

/// The old phone.
async fn scan(state: &StateFile, text: &str, options: Options, output: Output) -> Result<(), Failure> {
    let mut phone = state.load(options)?;
    let newcomer = phone.scan_move(text).await.map_err(failure)?;
    let json = json!({
        "platform": newcomer.platform, "model": newcomer.model, "same_network": newcomer.same_network,
        "expires_in": newcomer.expires_in,
    });
    let what = newcomer.model.as_ref().unwrap_or(&newcomer.platform);
    let place = if newcomer.same_network { "the same network" } else { "ANOTHER NETWORK" };
    output.either(
        &json,
        &format!(
            "A new phone ({}, from {place}) wants to take this one's place.\nIf it is yours: latchbolt phone move approve --number NNN (the digits that it shows).\nIf not: latchbolt phone move deny",
            domain::text::shown(what, 60)
        ),
    );
    phone.moving = Some(newcomer.offer);
    state.save(&phone)?;
    Ok(())
}

fn scanned(state: &StateFile, options: Options) -> Result<(Phone, String), Failure> {
    let phone = state.load(options)?;
    match phone.moving.clone() {
        Some(offer) => Ok((phone, offer)),
        None => Err(Failure::new("No new phone was scanned. Scan it first: latchbolt phone move scan.")),
    }
}

/// What was decided is decided once; what did not arrive can be tried again.
fn forget(state: &StateFile, phone: &mut Phone, answer: Result<(), PhoneError>) -> Result<(), Failure> {
    let is_open = matches!(
        answer,
        Err(PhoneError::Unreachable(_) | PhoneError::TooMany { .. } | PhoneError::Nonsense(_))
    );
    if !is_open {
        phone.moving = None;
        state.save(phone)?;
    }
    answer.map_err(failure)
}

fn failure(error: PhoneError) -> Failure {
    match error {
        PhoneError::Gone => Failure::new("This offer is over. Begin again on the new phone."),
        other => other.into(),
    }
}
