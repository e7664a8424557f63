use std::net::{IpAddr, Ipv4Addr};

use super::*;

const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ID: SecretHash = SecretHash([1; 32]);
const NEXT_ID: SecretHash = SecretHash([2; 32]);
const BROWSER: SecretHash = SecretHash([3; 32]);
const OTHER_BROWSER: SecretHash = SecretHash([4; 32]);

fn at(seconds: u64) -> Timestamp {
    T0.after(Duration::from_secs(seconds))
}
fn phone() -> DeviceId {
    DeviceId::from_random([5; 16])
}
fn ada() -> AccountId {
    AccountId::from_random([6; 16])
}
fn journey() -> JourneyId {
    JourneyId::from_random([7; 16])
}
fn code() -> CheckCode {
    CheckCode::parse("407").unwrap()
}
fn address() -> ClientAddress {
    ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn opening() -> Opening {
    Opening {
        browser: BROWSER,
        journey: journey(),
        asker: Asker {
            id: Some("shop".into()),
            name: "Shop".into(),
            host: "shop.example".into(),
            verified: true,
        },
        scopes: vec!["openid".into()],
        needs_code: true,
        same_country: false,
        seen: Seen { address: address(), agent: UserAgent::default(), mark: None },
    }
}

fn created() -> Created {
    Created::open(opening(), ID, T0)
}
fn claimant(id: SecretHash) -> Claimant {
    let claim = Claim {
        channel: id,
        device: phone(),
        account: ada(),
        nonce: "nonce".into(),
        facts: "facts".into(),
        known_browser: true,
        at: T0,
        address: address(),
    };
    Claimant { claim, is_active: true }
}
fn claimed() -> Claimed {
    created().claim(claimant(ID), code(), at(10)).unwrap()
}
fn signed(decision: Decision, typed: Option<&str>) -> SignedApproval {
    SignedApproval {
        decision,
        uv: decision == Decision::Approve,
        code: typed.and_then(CheckCode::parse),
        nonce: "nonce".into(),
        device: phone(),
    }
}
fn yes() -> SignedApproval {
    signed(Decision::Approve, Some("407"))
}
fn no() -> SignedApproval {
    signed(Decision::Deny, None)
}
fn passkey() -> UserVerification {
    UserVerification::Passkey
}
fn approved() -> Approved {
    match claimed().decide(&yes(), passkey, at(20)).unwrap() {
        Decided::Approved(approved) => approved,
        other => panic!("{other:?}"),
    }
}
fn denied() -> Denied {
    match claimed().decide(&no(), passkey, at(20)).unwrap() {
        Decided::Denied(denied) => denied,
        other => panic!("{other:?}"),
    }
}

/// Everything that can happen to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Rotate,
    Claim,
    Approve,
    ApproveWithWrongCode,
    Deny,
    Report,
    Redeem,
}

const EVENTS: [Event; 7] = [
    Event::Rotate,
    Event::Claim,
    Event::Approve,
    Event::ApproveWithWrongCode,
    Event::Deny,
    Event::Report,
    Event::Redeem,
];

/// What the use cases do with an event: `None` is "redeemed, and gone".
fn happen(channel: Channel, event: Event, now: Timestamp) -> Result<Option<Channel>, Refused> {
    let decision = match event {
        Event::Approve => Some(yes()),
        Event::ApproveWithWrongCode => Some(signed(Decision::Approve, Some("000"))),
        Event::Deny => Some(no()),
        Event::Report => Some(signed(Decision::Report, None)),
        _ => None,
    };
    match (channel, event, decision) {
        (Channel::Created(created), Event::Rotate, _) => {
            created.rotate(NEXT_ID, now).map(|c| Some(Channel::Created(c)))
        }
        (Channel::Created(created), Event::Claim, _) => {
            created.claim(claimant(ID), code(), now).map(|c| Some(Channel::Claimed(c)))
        }
        (Channel::Claimed(claimed), _, Some(signed)) => {
            claimed.decide(&signed, passkey, now).map(|decided| {
                Some(match decided {
                    Decided::Approved(approved) => Channel::Approved(approved),
                    Decided::Denied(denied) => Channel::Denied(denied),
                    Decided::WrongCode(claimed, _) => Channel::Claimed(claimed),
                })
            })
        }
        (Channel::Approved(approved), _, Some(signed)) => {
            approved.decide(&signed, now).map(|denied| Some(Channel::Denied(denied)))
        }
        (Channel::Approved(approved), Event::Redeem, _) => {
            approved.redeem(&BROWSER, &journey(), now).map(|_| None)
        }
        // The types of the other states have no such move.
        _ => Err(Refused::NotNow),
    }
}

fn name(channel: Option<&Channel>) -> &'static str {
    match channel {
        None => "redeemed",
        Some(Channel::Created(_)) => "created",
        Some(Channel::Claimed(_)) => "claimed",
        Some(Channel::Approved(_)) => "approved",
        Some(Channel::Denied(_)) => "denied",
    }
}

/// SEC-005: every event in every state; only the listed moves succeed.
#[test]
fn sec_005_every_event_in_every_state() {
    let states = [
        Channel::Created(created()),
        Channel::Claimed(claimed()),
        Channel::Approved(approved()),
        Channel::Denied(denied()),
    ];
    let moves = [
        ("created", Event::Rotate, "created"),
        ("created", Event::Claim, "claimed"),
        ("claimed", Event::Approve, "approved"),
        ("claimed", Event::ApproveWithWrongCode, "claimed"),
        ("claimed", Event::Deny, "denied"),
        ("claimed", Event::Report, "denied"),
        ("approved", Event::Deny, "denied"),
        ("approved", Event::Report, "denied"),
        ("approved", Event::Redeem, "redeemed"),
    ];
    for state in &states {
        for event in EVENTS {
            let expected = moves.iter().find(|(from, on, _)| *from == name(Some(state)) && *on == event);
            let result = happen(state.clone(), event, at(25));
            match (expected, &result) {
                (Some((_, _, to)), Ok(after)) => {
                    assert_eq!(name(after.as_ref()), *to, "{} on {event:?}", name(Some(state)));
                }
                (None, Err(_)) => {}
                _ => panic!("{} on {event:?}: {result:?}", name(Some(state))),
            }
        }
    }
}

/// All walks of up to six events: a denied channel never becomes another, none is redeemed without an
/// approval right before, and time ends every state.
#[test]
fn sec_005_terminal_states_stay_terminal_on_every_walk() {
    let mut walks = vec![(Channel::Created(created()), Vec::<Event>::new())];
    let mut redeemed = 0;
    for _ in 0..6 {
        let mut next = Vec::new();
        for (channel, so_far) in walks {
            for event in EVENTS {
                let mut path = so_far.clone();
                path.push(event);
                match happen(channel.clone(), event, at(20)) {
                    Ok(Some(after)) => {
                        assert!(!matches!(channel, Channel::Denied(_)), "{path:?}");
                        next.push((after, path));
                    }
                    Ok(None) => {
                        redeemed += 1;
                        assert_eq!(so_far.last(), Some(&Event::Approve), "{path:?}");
                        assert!(!path.contains(&Event::Deny) && !path.contains(&Event::Report), "{path:?}");
                    }
                    Err(_) => {}
                }
                assert_eq!(happen(channel.clone(), event, at(301)), Err(refused_late(&channel, event)));
            }
        }
        walks = next;
    }
    assert!(redeemed > 0);
}

fn refused_late(channel: &Channel, event: Event) -> Refused {
    let has_move = match channel {
        Channel::Created(_) => matches!(event, Event::Rotate | Event::Claim),
        Channel::Claimed(_) => !matches!(event, Event::Rotate | Event::Claim | Event::Redeem),
        Channel::Approved(_) => !matches!(event, Event::Rotate | Event::Claim),
        Channel::Denied(_) => false,
    };
    if has_move { Refused::Gone } else { Refused::NotNow }
}

#[test]
fn sec_004_an_id_is_good_for_sixty_seconds() {
    assert!(created().claim(claimant(ID), code(), at(59)).is_ok());
    assert_eq!(created().claim(claimant(ID), code(), at(60)), Err(Refused::Gone));
    assert_eq!(created().claim(claimant(ID), code(), at(66)), Err(Refused::Gone));
}

#[test]
fn sec_004_a_replaced_id_is_good_for_five_seconds_more_and_never_for_longer_than_its_own_minute() {
    let rotated = |after| created().rotate(NEXT_ID, at(after)).unwrap();
    assert!(rotated(10).claim(claimant(ID), code(), at(14)).is_ok());
    assert_eq!(rotated(10).claim(claimant(ID), code(), at(15)), Err(Refused::Gone));
    assert!(rotated(10).claim(claimant(NEXT_ID), code(), at(15)).is_ok());
    assert!(rotated(58).claim(claimant(ID), code(), at(59)).is_ok());
    assert_eq!(rotated(58).claim(claimant(ID), code(), at(60)), Err(Refused::Gone));
    let twice = rotated(10).rotate(SecretHash([8; 32]), at(11)).unwrap();
    assert_eq!(twice.claim(claimant(ID), code(), at(12)), Err(Refused::Gone));
}

#[test]
fn sec_004_a_channel_lives_five_minutes_in_all_however_often_it_rotates() {
    let mut channel = created();
    for minute in 1..=5 {
        channel = channel.rotate(NEXT_ID, at(minute * 59)).unwrap();
    }
    assert!(channel.clone().claim(claimant(NEXT_ID), code(), at(299)).is_ok());
    assert_eq!(channel.clone().claim(claimant(NEXT_ID), code(), at(300)), Err(Refused::Gone));
    assert_eq!(channel.clone().rotate(NEXT_ID, at(300)), Err(Refused::Gone));
    assert_eq!(Channel::Created(channel).standing(at(300)).state, State::Expired);
}

#[test]
fn sec_004_a_claim_is_good_for_two_minutes() {
    assert!(matches!(claimed().decide(&yes(), passkey, at(129)), Ok(Decided::Approved(_))));
    assert_eq!(claimed().decide(&yes(), passkey, at(130)), Err(Refused::Gone));
    assert_eq!(claimed().decide(&yes(), passkey, at(131)), Err(Refused::Gone));
    assert_eq!(Channel::Claimed(claimed()).standing(at(130)).state, State::Expired);
}

#[test]
fn sec_017_an_approval_is_redeemed_within_thirty_seconds() {
    assert!(approved().redeem(&BROWSER, &journey(), at(49)).is_ok());
    assert_eq!(approved().redeem(&BROWSER, &journey(), at(50)), Err(Refused::Gone));
    assert_eq!(approved().redeem(&BROWSER, &journey(), at(51)), Err(Refused::Gone));
}

#[test]
fn sec_003_an_id_that_was_not_shown_claims_nothing() {
    assert_eq!(created().claim(claimant(SecretHash([9; 32])), code(), at(1)), Err(Refused::Gone));
}

#[test]
fn sec_020_an_inactive_device_claims_nothing() {
    let by = Claimant { is_active: false, ..claimant(ID) };
    assert_eq!(created().claim(by, code(), at(1)), Err(Refused::DeviceNotActive));
}

#[test]
fn sec_022_only_the_claiming_device_decides() {
    for decision in Decision::ALL {
        let other =
            SignedApproval { device: DeviceId::from_random([9; 16]), ..signed(*decision, Some("407")) };
        assert_eq!(claimed().decide(&other, passkey, at(20)), Err(Refused::AnotherDevice));
        assert_eq!(approved().decide(&other, at(25)), Err(Refused::AnotherDevice));
    }
}

#[test]
fn sec_032_a_decision_for_another_claim_is_refused() {
    let replayed = SignedApproval { nonce: "another".into(), ..yes() };
    assert_eq!(claimed().decide(&replayed, passkey, at(20)), Err(Refused::AnotherDevice));
}

#[test]
fn sec_023_the_right_code_is_needed() {
    for typed in [None, Some("408"), Some("000")] {
        let decided = claimed().decide(&signed(Decision::Approve, typed), passkey, at(20)).unwrap();
        assert!(matches!(decided, Decided::WrongCode(_, 2)), "{typed:?}");
    }
}

#[test]
fn sec_023_where_no_code_is_asked_for_none_is_needed() {
    let claimed = || {
        let opening = Opening { needs_code: false, ..opening() };
        Created::open(opening, ID, T0).claim(claimant(ID), code(), at(10)).unwrap()
    };
    assert_eq!(claimed().code_for(&BROWSER, at(11)), Ok(None));
    let without = claimed().decide(&signed(Decision::Approve, None), passkey, at(20)).unwrap();
    assert!(matches!(without, Decided::Approved(_)));
    let wrong = signed(Decision::Approve, Some("111"));
    assert!(matches!(claimed().decide(&wrong, passkey, at(20)), Ok(Decided::WrongCode(..))));
}

#[test]
fn sec_024_three_wrong_codes_deny() {
    let wrong = signed(Decision::Approve, Some("111"));
    let mut claimed = claimed();
    for left in [2, 1] {
        match claimed.decide(&wrong, || panic!("the user is not asked for a wrong code"), at(20)).unwrap() {
            Decided::WrongCode(after, count) => {
                assert_eq!(count, left);
                claimed = after;
            }
            other => panic!("{other:?}"),
        }
    }
    // The right code comes too late after a third wrong one.
    match claimed.decide(&wrong, passkey, at(21)).unwrap() {
        Decided::Denied(denied) => assert_eq!(denied.why, WhyDenied::WrongCodes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sec_024_the_code_is_told_to_its_own_browser_alone() {
    assert_eq!(claimed().code_for(&BROWSER, at(11)), Ok(Some(code())));
    assert_eq!(claimed().code_for(&OTHER_BROWSER, at(11)), Err(Refused::AnotherBrowser));
    assert_eq!(claimed().code_for(&BROWSER, at(130)), Err(Refused::Gone));
}

#[test]
fn sec_031_the_user_is_verified_for_this_very_approval() {
    let unverified = SignedApproval { uv: false, ..yes() };
    assert_eq!(claimed().decide(&unverified, passkey, at(20)), Err(Refused::UserNotVerified));
    assert_eq!(claimed().decide(&yes(), || UserVerification::None, at(20)), Err(Refused::UserNotVerified));
    assert!(claimed().decide(&yes(), || UserVerification::Keystore, at(20)).is_ok());
}

#[test]
fn sec_029_declining_needs_neither_user_verification_nor_code() {
    let never = || panic!("a denial asks for no verification");
    for (decision, why) in [(Decision::Deny, WhyDenied::Declined), (Decision::Report, WhyDenied::Reported)] {
        match claimed().decide(&signed(decision, None), never, at(20)).unwrap() {
            Decided::Denied(denied) => assert_eq!(denied.why, why),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn sec_037_a_denial_after_the_approval_wins() {
    let denied = approved().decide(&no(), at(25)).unwrap();
    assert_eq!(Channel::Denied(denied).standing(at(25)).state, State::Denied);
    assert_eq!(approved().decide(&yes(), at(25)), Err(Refused::NotNow));
}

#[test]
fn sec_010_only_the_browser_that_asked_redeems() {
    assert_eq!(approved().redeem(&OTHER_BROWSER, &journey(), at(25)), Err(Refused::AnotherBrowser));
}

#[test]
fn sec_014_only_for_the_request_it_was_opened_for() {
    let other = JourneyId::from_random([9; 16]);
    assert_eq!(approved().redeem(&BROWSER, &other, at(25)), Err(Refused::AnotherBrowser));
}

#[test]
fn sec_034_who_signs_in_is_the_claim_s_account() {
    let vouched = approved().redeem(&BROWSER, &journey(), at(25)).unwrap();
    assert_eq!(vouched, Vouched { account: ada(), device: phone(), at: at(20), known_browser: true });
}

#[test]
fn the_countdown_counts_to_the_end_of_what_is_shown() {
    let seconds = |channel: Channel, now| channel.standing(now).expires_in.as_secs();
    assert_eq!(seconds(Channel::Created(created()), at(10)), 50);
    assert_eq!(seconds(Channel::Created(created()), at(70)), 0);
    assert_eq!(Channel::Created(created()).standing(at(70)).state, State::Waiting);
    assert_eq!(seconds(Channel::Claimed(claimed()), at(10)), 120);
    assert_eq!(seconds(Channel::Approved(approved()), at(20)), 30);
    assert_eq!(Channel::Claimed(claimed()).standing(at(10)).changes_at, Some(at(130)));
    assert_eq!(Channel::Denied(denied()).standing(at(20)).changes_at, None);
}

#[test]
fn a_state_survives_being_kept() {
    for channel in [
        Channel::Created(created()),
        Channel::Claimed(claimed()),
        Channel::Approved(approved()),
        Channel::Denied(denied()),
    ] {
        let kept = serde_json::to_string(&channel).unwrap();
        assert_eq!(serde_json::from_str::<Channel>(&kept).unwrap(), channel);
    }
}

#[test]
fn sec_009_what_is_kept_of_a_waiting_channel_is_small_and_holds_hashes_only() {
    let kept = serde_json::to_string(&Channel::Created(created())).unwrap();
    assert!(kept.len() < 1024, "{}", kept.len());
}
