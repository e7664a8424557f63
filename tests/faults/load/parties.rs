//! Relying parties: registered, agreed to, used, deleted.

use serde_json::json;

use super::people::SESSIONS;
use super::steps::{self, Code, Exchanged, Silent};
use crate::chance::Chance;
use crate::findings::{Check, Outcome};
use crate::ledger::Deed;
use crate::stage::Said;
use crate::visitor::{Reply, code_in};
use crate::watch::Dead;
use crate::world::World;

/// Registers a relying party.
pub async fn register(world: &World, client: &str, skips_consent: bool, alg: &str) -> bool {
    let metadata = json!({
        "client_name": format!("The {client}"),
        "redirect_uris": [world.party(client).redirect_uri],
        "scope": "openid profile email",
        "id_token_signed_response_alg": alg,
        "latchbolt_skip_consent": skips_consent,
    });
    let words = ["client", "create", "--file", "-", "--client-id", client];
    let deed = Deed::Client { client: client.to_owned() };
    match world.stage.command(&words, &metadata.to_string()).await {
        Said::Done(registered) => {
            world.ledger.certain(deed, &[]);
            world.keep_secret(client, registered["client_secret"].as_str().unwrap_or_default());
            true
        }
        Said::Failed(why) => {
            world.findings.note(&format!("client create: {why}"));
            world.ledger.maybe(deed, &[]);
            false
        }
    }
}

/// A relying party comes, is agreed to, gets tokens, and goes again.
pub async fn comes_and_goes(world: &World, chance: &mut Chance) -> Outcome {
    let client = world.name("party");
    let alg = if chance.percent(30) { "RS256" } else { "ES256" };
    if !register(world, &client, false, alg).await {
        return Outcome::Unknown;
    }
    let Some(living) = world.take_living(chance) else { return Outcome::Refused };
    let party = world.party(&client);
    let mut visitor = steps::browser(world, &living, chance);
    let mut access = None;
    let started = party.start();
    let page = visitor.follow(&started.url).await;
    if let Some(page) = page.filter(|page| page.find_form("consent").is_some()) {
        let reply = steps::submit(&mut visitor, &page, "consent", "consent-allow").await;
        let deed = Deed::Consent { account: living.account.clone(), client: client.clone() };
        let code = if let Reply::Answer(answer) = &reply { code_in(answer) } else { None };
        if let Some(code) = code {
            world.ledger.certain(deed, &visitor.trail);
            let code = Code { client: client.clone(), started, code, secret: living.secret.clone() };
            if let Exchanged::Tokens(tokens) = steps::exchange(&mut visitor, &code).await {
                access = Some(tokens.access);
            }
            // Remembered: nobody is asked again.
            if let Silent::Error(error) = steps::silent(&mut visitor, &party).await {
                world.findings.check(Check::LivingLives, false, || {
                    format!("after an acknowledged consent the client is told {error}: {:#?}", visitor.trail)
                });
            }
        } else if !matches!(reply, Reply::Unreached) {
            // An answer without a code may come after the consent was written.
            world.ledger.maybe(deed, &visitor.trail);
        }
    }
    let jar = living.jar.clone();
    world.keep_living(living, chance);
    if chance.percent(40) {
        return Outcome::Acknowledged;
    }
    let deed = Deed::ClientDeleted { client: client.clone() };
    let Said::Done(_) = world.stage.command(&["client", "delete", &client], "").await else {
        world.ledger.maybe(deed, &[]);
        return Outcome::Unknown;
    };
    world.ledger.certain(deed, &[]);
    world.graves.bury(Dead::Client { client, jar }, SESSIONS);
    if let Some(access) = access {
        world.graves.bury(Dead::Token { access }, SESSIONS);
    }
    Outcome::Acknowledged
}
