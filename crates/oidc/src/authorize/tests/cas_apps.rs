//! Approvals by apps made for CAS, in a session that another relying party may have taken them for.

use super::*;

const ALL: &[&str] = &["openid"];

fn taking() -> Client {
    let mut client = client();
    client.metadata.takes_cas_apps = true;
    client
}

#[test]
fn sec_065_what_one_client_takes_from_an_app_signs_nobody_in_for_another() {
    let by_app = session(&[(Method::CasPhone, 9_995)]);
    let then = |client: &Client, changes: &[(&str, &str)]| then(client, changes, Some(&by_app), ALL);
    assert_eq!(then(&taking(), &[]), Then::Issue);
    assert_eq!(then(&client(), &[]), Then::SignIn);
    // It demanded no class: what it is told is that somebody has to sign in.
    assert_eq!(then(&client(), &[("prompt", "none")]), Then::Refuse(ErrorCode::LoginRequired));
    let both = session(&[(Method::Password, 9_990), (Method::CasPhone, 9_995)]);
    assert_eq!(super::then(&client(), &[], Some(&both), ALL), Then::Issue);
}

#[test]
fn sec_068_an_app_is_no_fresh_sign_in() {
    let by_app = session(&[(Method::CasPhone, 9_995)]);
    let both = session(&[(Method::Password, 9_990), (Method::CasPhone, 9_995)]);
    for (max_age, session, expected) in
        [("60", &by_app, Then::SignIn), ("60", &both, Then::Issue), ("7", &both, Then::SignIn)]
    {
        assert_eq!(then(&taking(), &[("max_age", max_age)], Some(session), ALL), expected, "{max_age}");
    }
    let stated = |changes: &[(&str, &str)]| {
        let stated = check(changes).unwrap().request.stated(&both).unwrap();
        (stated.auth_time.seconds(), stated.amr)
    };
    assert_eq!(stated(&[("max_age", "60")]), (9_990, vec!["pwd"]));
    assert_eq!(stated(&[]).0, 9_995);
}
