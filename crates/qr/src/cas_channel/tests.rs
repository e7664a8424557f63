use std::net::{IpAddr, Ipv4Addr};

use domain::UserAgent;

use super::*;

const T0: Timestamp = Timestamp::from_seconds(1_800_000_000);
const BROWSER: SecretHash = SecretHash([3; 32]);
const HANDLE: SecretHash = SecretHash([4; 32]);
const ADA: SecretHash = SecretHash([5; 32]);
const OTHER: SecretHash = SecretHash([6; 32]);

fn at(seconds: u64) -> Timestamp {
    T0.after(Duration::from_secs(seconds))
}
fn journey() -> JourneyId {
    JourneyId::from_random([7; 16])
}
fn address() -> ClientAddress {
    ClientAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
fn created() -> Created {
    created_for(None)
}
fn created_for(person: Option<SecretHash>) -> Created {
    let seen = Seen { address: address(), agent: UserAgent::default(), mark: None };
    let client = "wiki".parse().unwrap();
    Created::open(Opening { browser: BROWSER, journey: journey(), client, person, seen }, T0)
}
fn approval() -> Approval {
    Approval {
        device: DeviceId::from_random([1; 16]),
        name: "myphone".into(),
        label: "My phone".into(),
        account: AccountId::from_random([2; 16]),
        username: "ada".into(),
        person: ADA,
        password_since: T0,
        address: address(),
        nonce: "nonce".into(),
        handle: HANDLE,
    }
}
fn approved() -> Approved {
    created().approve(approval(), at(10)).unwrap()
}
fn good() -> (SecretHash, JourneyId, SecretHash, &'static str) {
    (BROWSER, journey(), HANDLE, "myphone")
}
fn redeem(
    approved: Approved,
    (browser, journey, handle, device): &(SecretHash, JourneyId, SecretHash, &'static str),
    now: Timestamp,
) -> Result<Vouched, Refused> {
    approved.redeem(Redeeming { browser, journey, handle, device }, now)
}
fn failed(times: u8) -> CasChannel {
    let mut channel = CasChannel::Created(created());
    for _ in 0..times {
        let CasChannel::Created(created) = channel else { panic!("over") };
        channel = created.fail(at(1)).unwrap();
    }
    channel
}

#[test]
fn one_approval_gives_one_login_and_says_when_and_who() {
    let vouched = redeem(approved(), &good(), at(39)).unwrap();
    assert_eq!((vouched.at, vouched.until), (at(10), at(40)));
    assert_eq!(vouched.approval.account, AccountId::from_random([2; 16]));
    assert_eq!(vouched.alive(at(39)), Ok(()));
    assert_eq!(vouched.alive(at(40)), Err(Refused::Gone));
}

#[test]
fn sec_066_what_is_shown_is_good_for_a_minute_and_an_approval_for_half_of_one() {
    assert!(created().approve(approval(), at(59)).is_ok());
    assert_eq!(created().approve(approval(), at(60)), Err(Refused::Gone));
    assert!(created().fail(at(59)).is_ok());
    assert_eq!(created().fail(at(60)), Err(Refused::Gone));
    assert!(redeem(approved(), &good(), at(39)).is_ok());
    assert_eq!(redeem(approved(), &good(), at(40)), Err(Refused::Gone));
    // Whatever happens, it is over after two minutes.
    let last = created().approve(approval(), at(59)).unwrap();
    assert!(last.until <= T0.after(CHANNEL_LIFE));
}

#[test]
fn sec_066_five_failures_end_a_channel() {
    for times in 0..MAX_FAILURES {
        let channel = failed(times);
        assert_eq!(channel.failures(), times);
        let CasChannel::Created(created) = channel else { panic!("over") };
        assert!(created.approve(approval(), at(2)).is_ok());
    }
    let over = failed(MAX_FAILURES);
    assert_eq!((over.failures(), over.standing(at(2))), (MAX_FAILURES, CasState::Denied));
}

#[test]
fn sec_067_only_that_browser_with_that_handle_and_device_is_signed_in() {
    let (browser, id, handle, device) = good();
    let elsewhere = JourneyId::from_random([8; 16]);
    for (by, why) in [
        ((OTHER, id, handle, device), Refused::AnotherBrowser),
        ((browser, elsewhere, handle, device), Refused::AnotherBrowser),
        ((browser, id, OTHER, device), Refused::NotTheHandle),
        ((browser, id, handle, "otherphone"), Refused::NotTheHandle),
        ((browser, id, handle, ""), Refused::NotTheHandle),
    ] {
        assert_eq!(redeem(approved(), &by, at(11)), Err(why));
    }
}

#[test]
fn sec_068_whoever_was_named_in_the_browser_must_be_the_one_who_approves() {
    assert!(created_for(Some(ADA)).approve(approval(), at(1)).is_ok());
    assert_eq!(created_for(Some(OTHER)).approve(approval(), at(1)), Err(Refused::AnotherPerson));
    assert_eq!(created_for(Some(OTHER)).may_approve(&ADA, at(1)), Err(Refused::AnotherPerson));
}

#[test]
fn standings_follow_the_clock_alone() {
    let waiting = CasChannel::Created(created());
    assert_eq!(waiting.standing(T0), CasState::Waiting(at(60)));
    assert_eq!(waiting.standing(at(60)), CasState::Expired);
    let approved = CasChannel::Approved(approved());
    assert_eq!(approved.standing(at(11)), CasState::Approved(at(40)));
    assert_eq!(approved.standing(at(40)), CasState::Expired);
    assert_eq!(failed(MAX_FAILURES).standing(at(120)), CasState::Expired);
}

#[test]
fn a_state_survives_being_kept() {
    for channel in [failed(2), CasChannel::Approved(approved()), failed(MAX_FAILURES)] {
        let kept = serde_json::to_string(&channel).unwrap();
        assert_eq!(serde_json::from_str::<CasChannel>(&kept).unwrap(), channel);
        // Nothing of the other mode is read as one of this, nor the reverse (SEC-065).
        assert!(serde_json::from_str::<crate::Channel>(&kept).is_err());
    }
}
