use domain::{Acr, Method};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(10_000);
/// Apps made for CAS are switched on by name.
const USUAL: MethodPolicy = MethodPolicy { cas_phone: false, ..MethodPolicy::ALL };
const ALL: Methods = Methods { password: true, passkey: true, phone: true, cas_phone: false };

fn ada() -> AccountId {
    AccountId::from_random([1; 16])
}
fn bob() -> AccountId {
    AccountId::from_random([2; 16])
}
fn proof(method: Method) -> Proof {
    Proof { method, at: NOW, known_browser: false }
}
fn old(method: Method) -> Proof {
    Proof { method, at: Timestamp::from_seconds(1), known_browser: false }
}
fn journey(need: Need) -> Journey {
    Journey::new(JourneyId::from_random([9; 16]), need, USUAL, NOW)
}
fn proved(account: AccountId, method: Method) -> Event {
    Event::Proved { account, proof: proof(method) }
}
fn found(account: AccountId, method: Method) -> Event {
    Event::SessionFound(Proven { account, proofs: vec![old(method)] })
}
fn scopes(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| (*s).to_owned()).collect()
}
fn walk(mut journey: Journey, events: impl IntoIterator<Item = Event>) -> Journey {
    for event in events {
        journey = journey.record(event, NOW).unwrap();
    }
    journey
}

/// Each row: what is needed, what happened, what comes next.
#[test]
fn the_dispatcher_by_table() {
    let fresh = || Need { fresh_since: Some(NOW), ..Need::default() };
    let phr = || Need { phishing_resistant: true, ..Need::default() };
    let only_passkey = Methods { password: false, passkey: true, phone: false, cas_phone: false };
    let rows: Vec<(&str, Need, Vec<Event>, Step)> = vec![
        ("nobody", Need::default(), vec![], Step::ChooseMethod(ALL)),
        ("password", Need::default(), vec![proved(ada(), Method::Password)], Step::Consent(vec![])),
        ("session", Need::default(), vec![found(ada(), Method::Password)], Step::Consent(vec![])),
        (
            "nothing to consent to",
            Need::default(),
            vec![found(ada(), Method::Password), Event::ConsentNotNeeded],
            Step::Done,
        ),
        (
            "consent asked",
            Need::default(),
            vec![found(ada(), Method::Phone), Event::ConsentAsked(scopes(&["openid"]))],
            Step::Consent(scopes(&["openid"])),
        ),
        (
            "consent given",
            Need::default(),
            vec![found(ada(), Method::Phone), Event::ConsentAsked(scopes(&["openid"])), Event::ConsentGiven],
            Step::Done,
        ),
        (
            "prompt=consent asks even if nothing is new",
            Need { consent: true, ..Need::default() },
            vec![found(ada(), Method::Phone), Event::ConsentNotNeeded],
            Step::Consent(vec![]),
        ),
        (
            "prompt=consent, answered",
            Need { consent: true, ..Need::default() },
            vec![found(ada(), Method::Phone), Event::ConsentNotNeeded, Event::ConsentGiven],
            Step::Done,
        ),
        (
            "asked again for the same after it was given",
            Need::default(),
            vec![
                found(ada(), Method::Phone),
                Event::ConsentAsked(scopes(&["openid"])),
                Event::ConsentGiven,
                Event::ConsentAsked(scopes(&["openid"])),
            ],
            Step::Done,
        ),
        (
            "asked for more after it was given",
            Need::default(),
            vec![
                found(ada(), Method::Phone),
                Event::ConsentAsked(scopes(&["openid"])),
                Event::ConsentGiven,
                Event::ConsentAsked(scopes(&["openid", "email"])),
            ],
            Step::Consent(scopes(&["openid", "email"])),
        ),
        ("stale session", fresh(), vec![found(ada(), Method::Passkey)], Step::StepUp(ALL)),
        (
            "stale session, proven anew",
            fresh(),
            vec![found(ada(), Method::Passkey), proved(ada(), Method::Password)],
            Step::Consent(vec![]),
        ),
        ("weak session", phr(), vec![found(ada(), Method::Phone)], Step::StepUp(only_passkey)),
        (
            "weak session, strengthened",
            phr(),
            vec![found(ada(), Method::Phone), proved(ada(), Method::Passkey), Event::ConsentNotNeeded],
            Step::Done,
        ),
        (
            "the wrong person's session",
            Need { account: Some(bob()), ..Need::default() },
            vec![found(ada(), Method::Passkey)],
            Step::ChooseMethod(ALL),
        ),
        (
            "another person signs in: consent is theirs to give",
            Need::default(),
            vec![
                found(ada(), Method::Password),
                Event::ConsentAsked(scopes(&["openid"])),
                Event::ConsentGiven,
                proved(bob(), Method::Password),
            ],
            Step::Consent(vec![]),
        ),
        (
            "another session appears",
            Need::default(),
            vec![found(ada(), Method::Password), Event::ConsentNotNeeded, found(bob(), Method::Password)],
            Step::Consent(vec![]),
        ),
        (
            "signed out in another tab",
            Need::default(),
            vec![found(ada(), Method::Password), Event::ConsentNotNeeded, Event::SessionGone],
            Step::ChooseMethod(ALL),
        ),
    ];
    for (name, need, events, expected) in rows {
        assert_eq!(walk(journey(need), events).next(NOW), expected, "{name}");
    }
}

#[test]
fn a_journey_ends_with_its_time_whatever_was_proven() {
    let done = walk(journey(Need::default()), [found(ada(), Method::Passkey), Event::ConsentNotNeeded]);
    let end = NOW.after(JOURNEY_LIFE);
    assert_eq!(done.next(end.before(Duration::from_millis(1))), Step::Done);
    assert_eq!(done.next(end), Step::StartOver);
    assert_eq!(done.record(Event::SessionGone, end), Err(Refused::Expired));
}

#[test]
fn sec_040_a_method_that_is_not_offered_does_not_count() {
    for (need, policy) in [
        (Need { phishing_resistant: true, ..Need::default() }, USUAL),
        (Need { acr: Some(Acr::QrKnownBrowser), ..Need::default() }, USUAL),
        (Need::default(), MethodPolicy { phone: false, ..USUAL }),
    ] {
        let journey = Journey { methods: policy, ..journey(need) };
        assert_eq!(journey.record(proved(ada(), Method::Phone), NOW), Err(Refused::MethodNotOffered));
    }
}

#[test]
fn only_the_person_asked_for_may_sign_in() {
    let journey = journey(Need { account: Some(bob()), ..Need::default() });
    assert_eq!(journey.clone().record(proved(ada(), Method::Passkey), NOW), Err(Refused::AnotherAccount));
    assert!(journey.record(proved(bob(), Method::Passkey), NOW).is_ok());
}

#[test]
fn sec_108_consent_is_asked_last_and_never_given_unasked() {
    let consent = [Event::ConsentAsked(scopes(&["openid"])), Event::ConsentNotNeeded, Event::ConsentGiven];
    for event in consent {
        assert_eq!(journey(Need::default()).record(event.clone(), NOW), Err(Refused::NotNow));
        let weak = walk(
            journey(Need { phishing_resistant: true, ..Need::default() }),
            [found(ada(), Method::Phone)],
        );
        assert_eq!(weak.record(event, NOW), Err(Refused::NotNow));
    }
    let unasked = walk(journey(Need::default()), [found(ada(), Method::Passkey)]);
    assert_eq!(unasked.record(Event::ConsentGiven, NOW), Err(Refused::NotNow));
}

#[test]
fn proofs_of_one_person_add_up() {
    let journey =
        walk(journey(Need::default()), [found(ada(), Method::Password), proved(ada(), Method::Phone)]);
    let who = journey.signed_in.unwrap();
    assert_eq!(who.proofs, [old(Method::Password), proof(Method::Phone)]);
}

#[test]
fn a_journey_survives_being_kept() {
    let journey = walk(
        journey(Need { acr: Some(Acr::Qr), account: Some(ada()), consent: true, ..Need::default() }),
        [proved(ada(), Method::Phone), Event::ConsentAsked(scopes(&["openid"]))],
    );
    let kept = serde_json::to_string(&journey).unwrap();
    assert_eq!(serde_json::from_str::<Journey>(&kept).unwrap(), journey);
}

fn half(account: AccountId, at: Timestamp, asks: SecondFactors) -> Event {
    let proof = Proof { method: Method::Password, at, known_browser: false };
    Event::HalfProved(Half { account, proof, password_since: Timestamp::from_seconds(1), asks })
}

/// A right password that waits for its code signs nobody in, and waits a few minutes only.
#[test]
fn sec_156_half_a_sign_in_is_none() {
    let asks = SecondFactors { totp: true, ..SecondFactors::default() };
    let waiting = walk(journey(Need::default()), [half(ada(), NOW, asks)]);
    assert_eq!(waiting.next(NOW), Step::SecondFactor(asks));
    assert!(waiting.signed_in.is_none());
    for event in [Event::ConsentNotNeeded, Event::ConsentAsked(scopes(&["openid"])), Event::ConsentGiven] {
        assert_eq!(waiting.clone().record(event, NOW), Err(Refused::NotNow));
    }
    let later = NOW.after(HALF_LIFE);
    assert_eq!(waiting.next(later), Step::ChooseMethod(ALL));
    // A session that is not enough changes nothing; one that is, goes on.
    let fresh = walk(
        journey(Need { fresh_since: Some(NOW), ..Need::default() }),
        [found(ada(), Method::Password), half(ada(), NOW, asks)],
    );
    assert_eq!(fresh.next(NOW), Step::SecondFactor(asks));
    let done = walk(waiting, [proved(ada(), Method::Passkey)]);
    assert_eq!((done.next(NOW), done.half), (Step::Consent(vec![]), None));
}

#[test]
fn half_a_sign_in_is_refused_where_the_whole_would_be() {
    let asks = SecondFactors::default();
    let only_bob = journey(Need { account: Some(bob()), ..Need::default() });
    assert_eq!(only_bob.record(half(ada(), NOW, asks), NOW), Err(Refused::AnotherAccount));
    let strong = journey(Need { acr: Some(Acr::Qr), ..Need::default() });
    assert_eq!(strong.record(half(ada(), NOW, asks), NOW), Err(Refused::MethodNotOffered));
}

/// Where two factors are needed, a session's fresh password is not asked for again.
#[test]
fn sec_070_what_was_proven_freshly_is_not_asked_again() {
    let need = Need { two_factors: true, fresh_since: Some(Timestamp::from_seconds(1)), ..Need::default() };
    let stepping = walk(journey(need), [found(ada(), Method::Password)]);
    assert_eq!(stepping.next(NOW), Step::StepUp(Methods { password: false, ..ALL }));
    let done = walk(stepping, [proved(ada(), Method::Phone)]);
    assert_eq!(done.next(NOW), Step::Consent(vec![]));
}
