//! Sessions: when a person is asked again, and when not.

use testkit::{b64, random};

use crate::conformance::flow::Module;
use crate::conformance::house::OTHER_USER;
use crate::conformance::visitor::{Met, Visitor};

/// What a provider may say that must not ask.
const NOT_SILENTLY: [&str; 4] =
    ["login_required", "interaction_required", "consent_required", "account_selection_required"];

pub(crate) async fn oidcc_prompt_login(m: &Module) {
    let (party, visitor) = (m.party().await, m.visitor());
    let first = m.flow(&visitor, &party, m.asked(&party)).await;
    m.house.advance(2);
    // The visitor panics when it is asked in circles.
    let second = m.flow(&visitor, &party, m.asked(&party).with("prompt", "login")).await;
    assert!(second.visit.met.contains(&Met::SignIn), "the session was used silently");
    assert!(second.number("auth_time") > first.number("auth_time"), "auth_time unchanged");
    assert_eq!(first.claims()["sub"], second.claims()["sub"]);
}

pub(crate) async fn oidcc_prompt_none_not_logged_in(m: &Module) {
    let party = m.party().await;
    let state = b64(&random::<96>());
    assert_eq!(state.len(), 128);
    // `+` and its like come back as they were sent.
    let long = b64(&random::<384>());
    for state in [state.as_str(), long.as_str(), "a+b%20c d&e=f\u{e9}'\"<&amp;"] {
        let asked = m.asked(&party).with("prompt", "none").with("state", state);
        let (visit, response) = m.respond(&m.visitor(), &party, &asked).await;
        response.is_error(&NOT_SILENTLY);
        response.is_error(&["login_required"]);
        visit.asked_nothing();
    }
}

pub(crate) async fn oidcc_prompt_none_logged_in(m: &Module) {
    let (party, visitor) = (m.party().await, m.visitor());
    let first = m.flow(&visitor, &party, m.asked(&party)).await;
    for _ in 0..2 {
        let again = m.flow(&visitor, &party, m.asked(&party).with("prompt", "none")).await;
        again.visit.asked_nothing();
        again.is_same_sign_in(&first);
    }
}

/// On the clock that moves: two seconds pass.
pub(crate) async fn oidcc_max_age_1(m: &Module) {
    let (party, visitor) = (m.party().await, m.visitor());
    let first = m.flow(&visitor, &party, m.asked(&party)).await;
    m.house.advance(2);
    let second = m.flow(&visitor, &party, m.asked(&party).with("max_age", "1")).await;
    assert!(second.visit.met.contains(&Met::SignIn), "two seconds old, and one was asked for");
    assert!(second.number("auth_time") > first.number("auth_time"));
    assert!((0..5).contains(&(m.house.now() - second.number("auth_time"))), "auth_time is not recent");
    m.house.advance(2);
    let asked = m.asked(&party).with("max_age", "1").with("prompt", "none");
    m.respond(&visitor, &party, &asked).await.1.is_error(&["login_required"]);
}

pub(crate) async fn oidcc_max_age_10000(m: &Module) {
    let (party, visitor) = (m.party().await, m.visitor());
    let first = m.flow(&visitor, &party, m.asked(&party).with("max_age", "15000")).await;
    let second = m.flow(&visitor, &party, m.asked(&party).with("max_age", "10000")).await;
    second.visit.asked_nothing();
    second.is_same_sign_in(&first);
}

/// On the clock that moves: the hint has expired.
pub(crate) async fn oidcc_id_token_hint(m: &Module) {
    let (party, visitor) = (m.party().await, m.visitor());
    let first = m.flow(&visitor, &party, m.asked(&party)).await;
    let silent = || m.asked(&party).with("prompt", "none").with("id_token_hint", first.id_token());
    let again = m.flow(&visitor, &party, silent()).await;
    again.visit.asked_nothing();
    again.is_same_sign_in(&first);
    m.house.advance(900);
    assert!(first.number("exp") < m.house.now(), "the hint is still good");
    let again = m.flow(&visitor, &party, silent()).await;
    again.is_same_sign_in(&first);
    // Of somebody else, or nobody at all: not this person.
    let other = Visitor::named(m.house, OTHER_USER);
    let theirs = m.flow(&other, &party, m.asked(&party)).await;
    assert_ne!(theirs.claims()["sub"], first.claims()["sub"]);
    m.respond(&other, &party, &silent()).await.1.is_error(&["login_required"]);
    let asked = m.asked(&party).with("prompt", "none").with("id_token_hint", "no.token.atall");
    m.respond(&visitor, &party, &asked).await.1.is_error(&["invalid_request", "login_required"]);
}
