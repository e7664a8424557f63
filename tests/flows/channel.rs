//! Section 1.1: identifiers, lifetimes, states.

use std::collections::BTreeSet;

use testkit::wire::Request;
use testkit::{Browser, Kind, QrShown, Setup, b64, random, unb64};

use crate::clock::Timed;
use crate::given::{Scene, Waiting, refused, went_nowhere};

#[tokio::test]
async fn sec_001_channel_ids_are_random_and_unique() {
    let scene = Scene::with(Setup::default().set("limits.off", true)).await;
    let waiting = scene.waiting().await;
    let mut ids = BTreeSet::new();
    let mut ones = [0_u32; 128];
    let count = 1_500;
    for _ in 0..count {
        let qr = waiting.browser.show_qr(&waiting.page).await;
        let bytes = unb64(&qr.channel);
        assert!(bytes.len() >= 16, "{}", qr.channel);
        for (bit, sum) in ones.iter_mut().enumerate() {
            *sum += u32::from(bytes[bit / 8] >> (bit % 8) & 1);
        }
        assert!(ids.insert(bytes), "{} came twice", qr.channel);
    }
    // Each bit is one in half of all ids: 5.5 standard deviations of slack for 128 bits.
    let slack = 5.5 * f64::from(count).sqrt() / 2.0;
    for (bit, sum) in ones.iter().enumerate() {
        let off = (f64::from(*sum) - f64::from(count) / 2.0).abs();
        assert!(off < slack, "bit {bit} is one in {sum} of {count}");
    }
}

#[tokio::test]
async fn sec_002_a_channel_id_of_the_clients_choice_is_never_adopted() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let chosen = b64(&random::<16>());
    for member in ["id", "channel", "session", "state", "code", "secret"] {
        let mut request = waiting.browser.script_request(&waiting.page, "/login/qr");
        request.target = format!("/login/qr?{member}={chosen}");
        request.body.extend_from_slice(format!("&{member}={chosen}").as_bytes());
        let answer = waiting.browser.send(request.header("x-channel-id", &chosen)).await;
        assert!(answer.status < 500);
        if answer.status == 200 {
            assert_ne!(QrShown::read(&answer).channel, chosen, "{member}");
        }
        refused(&phone.try_scan(&chosen).await);
    }
    // A planted browser secret is not adopted either: the server gives its own.
    let planted = b64(&random::<32>());
    let browser = scene.server.browser();
    browser.set_cookie("__Host-lb_browser", &planted);
    let page = browser.follow(&scene.shop.start().url).await;
    assert_eq!(page.status(), 200);
    let page = browser.sign_in(&scene.shop.start().url, "ada", &scene.password).await;
    assert!(page.query("code").is_some());
    assert_ne!(browser.cookie("__Host-lb_browser"), Some(planted), "the planted secret outlived the sign-in");
}

#[tokio::test]
async fn sec_003_an_id_the_server_did_not_issue_is_of_no_use() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let made_up = b64(&random::<16>());
    refused(&phone.try_scan(&made_up).await);
    let mut draft = phone.draft(&claim, "approve", Some(&code));
    draft.sign_other("channel", &made_up);
    for handle in [made_up.clone(), b64(&random::<32>()), claim.channel.clone()] {
        let mut foreign = claim.clone();
        foreign.claim = handle;
        refused(&phone.send(&foreign, &draft).await);
    }
    for path in ["/login/state", "/login/code", "/login/wait"] {
        refused(&waiting.browser.send(Request::get(&format!("{path}?journey={made_up}"))).await);
    }
    for path in ["/login/phone", "/login/qr"] {
        let csrf = waiting.page.csrf().unwrap();
        let request = Request::form(path, &[("journey", &made_up), ("csrf", &csrf)]);
        refused(&waiting.browser.send(waiting.browser.same_origin(request)).await);
    }
    assert_eq!(waiting.state().await, "claimed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_004_a_code_is_good_for_a_minute_and_replaced_ones_for_seconds() {
    let timed = Timed::new().await;
    let scene = &timed.scene;
    let phone = scene.phone(Kind::App).await;
    let (late, too_late) = (scene.waiting().await, scene.waiting().await);
    assert!((1..=60).contains(&late.qr.expires_in), "{:?}", late.qr);
    timed.advance(59);
    phone.scan(&late.qr.url).await;
    timed.advance(7);
    refused(&phone.try_scan(&too_late.qr.url).await);

    // Replaced: the new one is good at once, the old one for five seconds more.
    let (soon, later) = (scene.waiting().await, scene.waiting().await);
    let new = soon.browser.show_qr(&soon.page).await;
    let newest = later.browser.show_qr(&later.page).await;
    assert!(new.channel != soon.qr.channel && newest.channel != later.qr.channel);
    timed.advance(6);
    refused(&phone.try_scan(&later.qr.url).await);
    phone.scan(&newest.url).await;
    drop(soon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_004_a_channel_lives_five_minutes_in_all() {
    let timed = Timed::new().await;
    let waiting = timed.scene.waiting().await;
    let phone = timed.scene.phone(Kind::App).await;
    let mut newest = waiting.qr.clone();
    for _ in 0..5 {
        timed.advance(50);
        newest = waiting.browser.show_qr(&waiting.page).await;
    }
    // The last code was shown at 250 seconds: at 301 its channel is over, whatever its own minute says.
    assert!(newest.expires_in <= 50, "{newest:?}");
    timed.advance(51);
    refused(&phone.try_scan(&newest.url).await);
    let fresh = waiting.browser.show_qr(&waiting.page).await;
    phone.scan(&fresh.url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_004_a_claim_lives_two_minutes() {
    let timed = Timed::new().await;
    let phone = timed.scene.phone(Kind::App).await;
    let waiting = timed.scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    timed.advance(121);
    refused(&phone.decide(&claim, "approve", Some(&code)).await);
    assert_eq!(waiting.state().await, "expired");
    refused(&waiting.browser.ask_code(&waiting.page).await);
}

#[tokio::test]
async fn sec_005_ended_channels_stay_ended() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    for end in ["deny", "report", "redeem", "cancel"] {
        let waiting = scene.waiting().await;
        let (claim, code) = waiting.claimed_by(&phone).await;
        match end {
            "redeem" => {
                phone.approve(&claim, &code).await;
                scene.shop.code(&waiting.started, &waiting.redeem().await);
            }
            "cancel" => {
                let request = waiting.browser.script_request(&waiting.page, "/login/qr/cancel");
                let answer = waiting.browser.send(request).await;
                assert!(answer.status < 400, "{}", answer.text());
            }
            verb => assert_eq!(phone.decide(&claim, verb, None).await.status, 204),
        }
        refused(&phone.try_scan(&waiting.qr.url).await);
        refused(&phone.decide(&claim, "approve", Some(&code)).await);
        let denial = phone.decide(&claim, "deny", None).await;
        assert!(denial.status < 500, "{}", denial.text());
        refused(&waiting.browser.ask_code(&waiting.page).await);
        went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    }
}

#[tokio::test]
async fn sec_006_a_channel_gives_one_session_ever() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    phone.approve(&claim, &code).await;
    // The same request from a hundred connections, each with the cookies of before.
    let request = waiting.browser.script_request(&waiting.page, "/login/phone");
    let jar: Vec<String> = waiting.browser.cookies().iter().map(|(n, v)| format!("{n}={v}")).collect();
    let request = request.header("cookie", &jar.join("; "));
    let (issuer, bytes) = (scene.server.issuer.clone(), &request);
    let tries = (0..100).map(|_| {
        let browser = Browser::new(&issuer);
        let request = bytes.clone();
        tokio::spawn(async move { browser.send(request).await })
    });
    let mut sessions = 0;
    for one in tries.collect::<Vec<_>>() {
        let answer = one.await.unwrap();
        assert!(answer.status < 500, "{}", answer.text());
        sessions += answer.all("set-cookie").filter(|line| line.starts_with("__Host-lb_session=")).count();
    }
    assert_eq!(sessions, 1);
    refused(&phone.try_scan(&waiting.qr.url).await);
    refused(&phone.decide(&claim, "approve", Some(&code)).await);
    assert_eq!(scene.server.audit("session.started").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_007_expiry_needs_no_sweeper() {
    // Only the clock moves: no time has passed for anything that cleans up.
    let timed = Timed::new().await;
    let scene = &timed.scene;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    timed.advance(61);
    refused(&phone.try_scan(&waiting.qr.url).await);
    let qr = waiting.browser.show_qr(&waiting.page).await;
    let claim = phone.scan(&qr.url).await;
    let code = waiting.browser.check_code(&waiting.page).await;
    phone.approve(&claim, &code).await;
    timed.advance(31);
    went_nowhere(&waiting.browser.redeem_once(&waiting.page).await);
    assert!(!scene.is_signed_in(&waiting.browser).await);
    // The journey itself: half an hour, then its page starts over.
    timed.advance(31 * 60);
    assert!(waiting.browser.poll(&waiting.page).await.status >= 400);
    refused(&waiting.browser.ask_qr(&waiting.page).await);
    let page = waiting.browser.get(waiting.page.url.as_str()).await;
    assert!(page.status() < 500, "{}", page.status());
}

#[tokio::test]
async fn sec_008_parallel_starts_share_nothing() {
    let scene = Scene::with(Setup::default().set("limits.off", true)).await;
    let starts = (0..200).map(|_| {
        let browser = scene.server.browser();
        let started = scene.shop.start_with(&[("login_hint", "ada")]);
        tokio::spawn(async move {
            let waiting = Waiting::start_at(browser, started).await;
            (waiting.qr.channel, waiting.browser.cookie("__Host-lb_browser"), Browser::journey(&waiting.page))
        })
    });
    let (mut ids, mut secrets, mut journeys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for start in starts.collect::<Vec<_>>() {
        let (id, secret, journey) = start.await.unwrap();
        assert!(ids.insert(id) && secrets.insert(secret.unwrap()) && journeys.insert(journey));
    }
    assert_eq!((ids.len(), secrets.len(), journeys.len()), (200, 200, 200));
}

#[tokio::test]
async fn sec_008_check_codes_are_drawn_for_each_claim() {
    let scene = Scene::with(Setup::default().set("limits.off", true)).await;
    let phone = scene.phone(Kind::App).await;
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let waiting = scene.waiting().await;
        let (claim, code) = waiting.claimed_by(&phone).await;
        seen.insert(code);
        assert_eq!(phone.decide(&claim, "deny", None).await.status, 204);
    }
    // 40 draws out of 1000: more than eight equal ones happen less than once in a million runs.
    assert!(seen.len() >= 32, "{seen:?}");
}

#[tokio::test]
async fn sec_009_neither_channel_id_nor_browser_secret_is_stored() {
    let scene = Scene::new().await;
    let phone = scene.phone(Kind::App).await;
    let waiting = scene.waiting().await;
    let (claim, code) = waiting.claimed_by(&phone).await;
    let mut secrets = vec![waiting.qr.channel.clone(), waiting.browser.cookie("__Host-lb_browser").unwrap()];
    let is_stored = |secrets: &[String]| {
        let bytes = scene.server.database_bytes();
        assert!(bytes.len() > 4096);
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        secrets.iter().find(|secret| holds(secret.as_bytes()) || holds(&unb64(secret))).cloned()
    };
    assert_eq!(is_stored(&secrets), None);
    phone.approve(&claim, &code).await;
    scene.shop.code(&waiting.started, &waiting.redeem().await);
    secrets.extend(
        ["__Host-lb_session", "__Host-lb_browser"].iter().filter_map(|name| waiting.browser.cookie(name)),
    );
    assert_eq!(is_stored(&secrets), None);
    // What was searched for would have been found: the user name is there.
    assert!(scene.server.database_bytes().windows(3).any(|window| window == b"ada"));
}
