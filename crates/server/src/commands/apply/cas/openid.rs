//! Definitions of OAuth 2 and OpenID Connect as registrations (RFC 7591). They keep their `client_id`.

use cas::Secret;
use cas::import::{Lost, PlannedLogout, PlannedOpenId};
use domain::{GrantType, ResponseType};
use serde_json::{Map, Value, json};

use super::services::{SECOND_FACTOR, lose};

/// As `registry` takes them.
const SHORTEST_SECRET: usize = 32;

/// The registration, or why there can be none. A secret that is too short is taken away.
pub(super) fn members(
    planned: &PlannedOpenId,
    wants_second_factor: bool,
    secret: &mut Option<Secret>,
    lost: &mut Vec<Lost>,
) -> Result<Map<String, Value>, String> {
    if planned.client_id.is_empty() {
        return Err("it has no clientId".to_owned());
    }
    let grants = grants(&planned.grant_types, lost);
    let is_machine = grants == [GrantType::ClientCredentials];
    if planned.redirect_uris.is_empty() && !is_machine {
        return Err("it has no address that is one and exact: name its redirect_uris by hand".to_owned());
    }
    let responses = responses(&planned.response_types, &grants, lost);
    let had_secret = secret.is_some() || lost.iter().any(|lost| lost.field == "clientSecret");
    if secret.as_ref().is_some_and(|secret| secret.expose().len() < SHORTEST_SECRET) {
        *secret = None;
        let why = "is shorter than 32 characters: a new one is made, to be set in the app";
        lose(lost, "clientSecret", "(hidden)", why);
    }
    let method = if had_secret || is_machine { "client_secret_basic" } else { "none" };
    if had_secret {
        let why = "is sent by HTTP Basic (client_secret_basic); where the app sends it in the body, say client_secret_post";
        lose(lost, "token_endpoint_auth_method", method, why);
    }
    let mut members = json!({
        "redirect_uris": planned.redirect_uris,
        "grant_types": grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>(),
        "response_types": responses.iter().map(|response| response.as_str()).collect::<Vec<_>>(),
        "token_endpoint_auth_method": method,
        "scope": scope(planned, is_machine, lost),
    });
    if let Some(url) = planned.logout_url.as_deref() {
        match planned.logout {
            PlannedLogout::Off => lose(lost, "logoutUrl", url, "is left out: logoutType is NONE"),
            PlannedLogout::Back => members["backchannel_logout_uri"] = url.into(),
            PlannedLogout::Front => members["frontchannel_logout_uri"] = url.into(),
        }
    }
    if wants_second_factor {
        members["default_acr_values"] = json!([SECOND_FACTOR.as_str()]);
        lost.push(Lost {
            field: "multifactorPolicy".to_owned(),
            value: SECOND_FACTOR.as_str().to_owned(),
            why: "becomes default_acr_values, which the app may ask to pass over".to_owned(),
            is_restriction: true,
        });
    }
    match members {
        Value::Object(members) => Ok(members),
        _ => Err("cannot be taken as a registration".to_owned()),
    }
}

fn grants(words: &[String], lost: &mut Vec<Lost>) -> Vec<GrantType> {
    let mut grants = Vec::new();
    for word in words {
        match GrantType::from_word(&word.to_lowercase()) {
            Some(grant) if !grants.contains(&grant) => grants.push(grant),
            Some(_) => {}
            None => lose(lost, "supportedGrantTypes", word, "is not given here"),
        }
    }
    if grants.is_empty() {
        grants.push(GrantType::AuthorizationCode);
    }
    grants
}

/// Those that go with the grants; what is missing is made of them.
fn responses(words: &[String], grants: &[GrantType], lost: &mut Vec<Lost>) -> Vec<ResponseType> {
    let mut responses = Vec::new();
    for word in words {
        let found = ResponseType::parse(&word.to_lowercase());
        let fits = found.is_some_and(|response| {
            let needs_code = !response.has_code() || grants.contains(&GrantType::AuthorizationCode);
            let has_tokens = response.has_id_token() || response.has_token();
            needs_code && (!has_tokens || grants.contains(&GrantType::Implicit))
        });
        match found {
            Some(response) if fits && !responses.contains(&response) => responses.push(response),
            Some(_) if fits => {}
            Some(_) => lose(lost, "supportedResponseTypes", word, "does not go with the grant types"),
            None => lose(lost, "supportedResponseTypes", word, "is not given here"),
        }
    }
    let has = |wanted: fn(ResponseType) -> bool| responses.iter().any(|response| wanted(*response));
    let code = grants.contains(&GrantType::AuthorizationCode) && !has(ResponseType::has_code);
    let token = grants.contains(&GrantType::Implicit) && !has(|one| one.has_id_token() || one.has_token());
    responses.extend(code.then_some(ResponseType::Code));
    responses.extend(token.then_some(ResponseType::IdToken));
    responses
}

fn scope(planned: &PlannedOpenId, is_machine: bool, lost: &mut Vec<Lost>) -> String {
    let mut scopes: Vec<&str> = planned.scopes.iter().map(String::as_str).collect();
    if is_machine {
        return scopes.join(" ");
    }
    if scopes.is_empty() {
        scopes = vec!["openid", "profile", "email"];
        lose(lost, "scopes", "(none)", "becomes openid profile email");
    } else if !scopes.contains(&"openid") {
        scopes.insert(0, "openid");
        lose(
            lost,
            "scopes",
            &planned.scopes.join(" "),
            "gets openid, which all that sign people in have here",
        );
    }
    scopes.join(" ")
}
