use proptest::prelude::*;

use super::*;

const CHANNEL: &str = "5b6f0c0e-5a9e-4d5b-9d0a-0a8f3a1f7c11";

fn all(session: &mut Session) -> Vec<Out> {
    std::iter::from_fn(|| session.step()).collect()
}

fn connected() -> Session {
    let mut session = Session::new("s1");
    session.push(b"CONNECT\naccept-version:1.2,1.1,1.0\nheart-beat:4000,4000\n\n\0");
    assert_eq!(all(&mut session), [Out::Send("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\0".into())]);
    session
}

fn said(text: &str) -> Vec<Out> {
    let mut session = connected();
    session.push(text.as_bytes());
    all(&mut session)
}

#[track_caller]
fn refused(outs: &[Out]) {
    let [.., Out::Send(error), Out::Close(close)] = outs else { panic!("not refused: {outs:?}") };
    assert!(error.starts_with("ERROR\nmessage:") && error.contains("\ncontent-length:0\n\n\0"), "{error:?}");
    assert_eq!(close.code, 1002);
}

fn told() -> Told {
    Told::Success { handle: Secret::new("h4ndle"), device: DeviceName::parse("MyPhone").unwrap() }
}

#[test]
fn a_phone_approves_with_receipts() {
    let text = format!(
        "SEND\ndestination:/qr/accept\n{CHANNEL_HEADER}:{CHANNEL}\n{DEVICE_HEADER}:MyPhone\nreceipt:r1\ncontent-length:15\n\n{{\"token\":\"abc\"}}\0DISCONNECT\nreceipt:close-1\n\n\0"
    );
    let outs = said(&text);
    let wanted = Approval {
        channel: ChannelName::parse(CHANNEL).unwrap(),
        device: DeviceName::parse("myphone"),
        token: Some(Secret::new("abc")),
    };
    assert_eq!(
        outs,
        [
            Out::Accept(wanted),
            Out::Send("RECEIPT\nreceipt-id:r1\n\n\0".into()),
            Out::Send("RECEIPT\nreceipt-id:close-1\n\n\0".into()),
            Out::Close(Close { code: 1000 }),
        ]
    );
    assert!(!format!("{outs:?}").contains("abc"));
}

#[test]
fn connect_and_send_may_come_in_one_message_byte_by_byte() {
    let text = format!(
        "STOMP\n\n\0\nSEND\ndestination:/qr/accept\n{CHANNEL_HEADER}:{CHANNEL}\n{DEVICE_HEADER}:a\\b\n\n{{\"token\":\"abc\"}}\0"
    );
    let mut session = Session::new("s1");
    let mut outs = Vec::new();
    for byte in text.bytes() {
        session.push(&[byte]);
        outs.extend(all(&mut session));
    }
    assert_eq!(outs[0], Out::Send("CONNECTED\nversion:1.0\nheart-beat:0,0\n\n\0".into()));
    // 1.0 has no escapes; and this is no device.
    assert!(matches!(&outs[1..], [Out::Accept(Approval { device: None, token: Some(_), .. })]), "{outs:?}");
}

#[test]
fn what_a_phone_leaves_out_is_silent_and_what_it_sends_wrong_fails() {
    let send =
        |headers: &str, body: &str| said(&format!("SEND\ndestination:/qr/accept\n{headers}\n{body}\0"));
    let channel = format!("{CHANNEL_HEADER}:{CHANNEL}\n");
    let device = format!("{DEVICE_HEADER}:p1\n");
    let good = r#"{"token":"abc"}"#;
    assert_eq!(send(&device, good), [Out::Ignored(Ignored::NoChannel)]);
    assert_eq!(send(&format!("{device}{CHANNEL_HEADER}:**\n"), good), [Out::Ignored(Ignored::NoChannel)]);
    assert_eq!(send(&channel, good), [Out::Ignored(Ignored::NoDevice)]);
    for bad in [
        "",
        "abc",
        "{}",
        r#"{"token":null}"#,
        r#"{"token":1}"#,
        r#"{"token":""}"#,
        r#"{"token":"a b"}"#,
        r#"["token"]"#,
        r#"{"token":"a","token":"b"}"#,
    ] {
        let outs = send(&format!("{channel}{device}"), bad);
        assert!(
            matches!(&outs[..], [Out::Accept(Approval { token: None, device: Some(_), .. })]),
            "{bad}: {outs:?}"
        );
    }
    let extra =
        send(&format!("{channel}{device}content-type:application/json\n"), r#"{"token":"abc","x":"y"}"#);
    assert!(matches!(&extra[..], [Out::Accept(Approval { token: Some(_), .. })]));
}

#[test]
fn sec_067_a_browser_hears_its_channel_once_it_is_allowed_to() {
    let mut session = connected();
    assert!(!session.deliver(&told()));
    session.push(
        format!("SUBSCRIBE\nid:sub-0\ndestination:/qrtopic/{CHANNEL}/verify\nreceipt:r\n\n\0").as_bytes(),
    );
    assert_eq!(session.step(), Some(Out::Subscribe(ChannelName::parse(CHANNEL).unwrap())));
    session.allow();
    assert!(session.deliver(&Told::Failure) && session.deliver(&told()));
    let outs = all(&mut session);
    assert_eq!(
        outs,
        [
            Out::Send("RECEIPT\nreceipt-id:r\n\n\0".into()),
            Out::Send(format!(
                "MESSAGE\ndestination:/qrtopic/{CHANNEL}/verify\ncontent-type:application/json\nsubscription:sub-0\nmessage-id:s1-0\ncontent-length:29\n\n{{\"error\":\"cas.authn.qr.fail\"}}\0"
            )),
            Out::Send(format!(
                "MESSAGE\ndestination:/qrtopic/{CHANNEL}/verify\ncontent-type:application/json\nsubscription:sub-0\nmessage-id:s1-1\ncontent-length:56\n\n{{\"success\":\"true\",\"token\":\"h4ndle\",\"deviceId\":\"myphone\"}}\0"
            )),
        ]
    );
    session.end();
    assert_eq!(all(&mut session), [Out::Close(Close { code: 1000 })]);
    assert!(!session.deliver(&told()) && session.step().is_none());
}

#[test]
fn sec_067_an_unanswered_or_refused_subscription_closes() {
    let subscribe = format!(
        "SUBSCRIBE\nid:0\ndestination:/qrtopic/{CHANNEL}/verify\n\n\0SEND\ndestination:/qr/accept\n\n\0"
    );
    let mut session = connected();
    session.push(subscribe.as_bytes());
    let outs = all(&mut session);
    assert_eq!(outs.len(), 3);
    refused(&outs);
    let mut session = connected();
    session.push(subscribe.as_bytes());
    session.step();
    session.refuse();
    refused(&all(&mut session));
    session.push(subscribe.as_bytes());
    assert!(session.step().is_none() && !session.deliver(&told()));
}

#[test]
fn sec_067_patterns_foreign_topics_and_selectors_are_refused() {
    let topic = format!("/qrtopic/{CHANNEL}/verify");
    for destination in [
        "/qrtopic/**",
        "/qrtopic/*/verify",
        "/**",
        "/qr/accept",
        "/topic/accept",
        "/user/queue/x",
        "",
        &format!("{topic}/"),
        &format!("{topic}\nselector:a=b"),
    ] {
        refused(&said(&format!("SUBSCRIBE\nid:0\ndestination:{destination}\n\n\0")));
    }
    refused(&said(&format!("SUBSCRIBE\ndestination:{topic}\n\n\0")));
    refused(&said("SUBSCRIBE\nid:0\n\n\0"));
    let mut session = connected();
    for id in 0..2 {
        session.push(format!("SUBSCRIBE\nid:{id}\ndestination:{topic}\n\n\0").as_bytes());
        if let Some(Out::Subscribe(_)) = session.step() {
            session.allow();
        } else {
            assert_eq!(id, 1);
        }
    }
    assert!(session.is_over());
}

#[test]
fn sec_067_nobody_publishes_to_a_topic() {
    for destination in [&format!("/qrtopic/{CHANNEL}/verify"), "/qrtopic", "/topic/accept", "/qr", ""] {
        refused(&said(&format!("SEND\ndestination:{destination}\n\n{{\"success\":\"true\"}}\0")));
    }
    refused(&said("SEND\n\n\0"));
    assert_eq!(said("SEND\ndestination:/qr/other\n\n\0"), [Out::Ignored(Ignored::Elsewhere)]);
}

#[test]
fn frames_out_of_turn_close() {
    refused(&said("CONNECT\naccept-version:1.2\n\n\0"));
    refused(&said("SHOUT\n\n\0"));
    refused(&said("SEND\na:\\x\n\n\0"));
    refused(&said(&format!("SEND\n\n{}", "x".repeat(9000))));
    let mut session = Session::new("s1");
    session.push(b"SEND\ndestination:/qr/accept\n\n\0");
    refused(&all(&mut session));
    let mut session = Session::new("s1");
    session.push(b"CONNECT\naccept-version:3.0\n\n\0");
    refused(&all(&mut session));
    assert!(!session.is_connected());
}

#[test]
fn an_error_names_the_receipt_that_will_not_come() {
    let outs = said("SEND\ndestination:/topic/x\nreceipt:r9\n\n\0");
    assert!(matches!(&outs[0], Out::Send(error) if error.contains("\nreceipt-id:r9\n")), "{outs:?}");
}

#[test]
fn other_frames_are_silent_and_unsubscribe_frees_the_place() {
    assert_eq!(
        said("ACK\nid:1\n\n\0NACK\n\n\0BEGIN\n\n\0COMMIT\n\n\0ABORT\n\n\0UNSUBSCRIBE\nid:0\n\n\0"),
        []
    );
    assert_eq!(said("BEGIN\nreceipt:b\n\n\0"), [Out::Send("RECEIPT\nreceipt-id:b\n\n\0".into())]);
    let mut session = connected();
    let subscribe = format!("SUBSCRIBE\nid:a\ndestination:/qrtopic/{CHANNEL}/verify\n\n\0");
    session.push(subscribe.as_bytes());
    session.step();
    session.allow();
    session.push(b"UNSUBSCRIBE\nid:b\n\n\0");
    assert!(session.step().is_none() && session.channel().is_some());
    session.push(b"UNSUBSCRIBE\nid:a\n\n\0");
    assert!(session.step().is_none() && session.channel().is_none() && !session.deliver(&told()));
    session.push(subscribe.as_bytes());
    assert!(matches!(session.step(), Some(Out::Subscribe(_))));
}

proptest! {
    #[test]
    fn sec_067_whatever_is_said_nothing_is_fed_without_leave(
        frames in prop::collection::vec(prop_oneof![
            Just("SUBSCRIBE\nid:0\ndestination:/qrtopic/5b6f0c0e-5a9e-4d5b-9d0a-0a8f3a1f7c11/verify\n\n\0".to_owned()),
            Just("SUBSCRIBE\nid:0\ndestination:/qrtopic/**\n\n\0".to_owned()),
            Just("UNSUBSCRIBE\nid:0\n\n\0".to_owned()),
            Just("SEND\ndestination:/qrtopic/x\n\nx\0".to_owned()),
            Just("DISCONNECT\n\n\0".to_owned()),
            "[A-Z]{1,4}\n[a-z:\n]{0,10}\n\u{0}".prop_map(String::from),
        ], 0..8),
    ) {
        let mut session = connected();
        session.push(frames.concat().as_bytes());
        let mut closes = 0;
        while let Some(out) = session.step() {
            prop_assert_eq!(closes, 0);
            prop_assert!(!session.deliver(&told()));
            closes += usize::from(matches!(out, Out::Close(_)));
        }
    }
}
