//! kill -9 of a node at any moment of a sign-in by phone.

use std::time::Duration;

use testkit::wire::{Answer, Request};
use testkit::{Browser, Claim, Phone, Setup};

use crate::given::{Login, Scene, gives_session};

/// The requests of a sign-in, in their order.
const STEPS: [&str; 7] = ["authorize", "page", "qr", "claim", "decision", "redeem", "token"];

/// Sends to node 0 while it is killed; without an answer once more to node 1, as browsers and phones do.
async fn in_peril(
    scene: &mut Scene,
    line: &Browser,
    request: Request,
    after: Duration,
) -> (Option<Answer>, Answer) {
    line.go_to(scene.port(0));
    let first = {
        let node = &mut scene.server.nodes[0];
        let killing = async {
            tokio::time::sleep(after).await;
            node.kill();
        };
        tokio::join!(line.try_send(request.clone()), killing).0.ok()
    };
    line.go_to(scene.port(1));
    let answer = match &first {
        Some(answer) => answer.clone(),
        None => line.try_send(request).await.expect("node 1 answers"),
    };
    for answer in first.iter().chain([&answer]) {
        assert!(answer.status < 500, "{} {}", answer.status, answer.text());
    }
    (first, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_at_any_step_costs_at_most_a_new_start() {
    let mut scene = Scene::with(Setup::cluster(2).set("limits.off", true)).await;
    let phone = scene.phone().await;
    let (mut signed_in, mut again) = (0, 0);
    for (at, step) in STEPS.iter().enumerate() {
        for after in [0, 700, 2_500, 8_000] {
            let before = scene.server.audit("session.started").await.len();
            let after = Duration::from_micros(after);
            let is_done = run(&mut scene, &phone, at, after).await;
            let sessions = scene.server.audit("session.started").await.len() - before;
            assert!(sessions <= 1, "{step} after {after:?}: {sessions} sessions of one channel");
            if is_done {
                signed_in += 1;
            } else {
                // Started again, from the relying party: it always works.
                again += 1;
                phone.line.go_to(scene.port(1));
                let login = scene.shown_by(1).await;
                login.finish(&phone, &scene.shop_at(1)).await;
            }
            scene.server.nodes[0].start().await;
        }
    }
    println!("{} kills: {signed_in} ended signed in, {again} were started again", signed_in + again);
    assert!(signed_in > 0);
}

/// One sign-in with node 0 killed at one step; whether it ended with tokens.
async fn run(scene: &mut Scene, phone: &Phone, peril: usize, after: Duration) -> bool {
    let browser = scene.server.browser_at(1);
    let started = scene.shop.start();
    let path = started.url.split_once("/authorize").map(|(_, rest)| format!("/authorize{rest}")).unwrap();

    // The browser goes to the login page: a redirect, then a page.
    let request = Request::get(&path).header("accept", "text/html");
    let answer = match peril {
        0 => in_peril(scene, &browser, request, after).await.1,
        _ => browser.send(request).await,
    };
    let to =
        answer.header("location").unwrap_or_else(|| panic!("{} {}", answer.status, answer.text())).to_owned();
    let target = to.strip_prefix(browser.issuer()).unwrap_or(&to).to_owned();
    if peril == 1 {
        in_peril(scene, &browser, Request::get(&target).header("accept", "text/html"), after).await;
    }
    let page = browser.get(&target).await;
    assert_eq!(page.status(), 200, "{}", page.html());

    let request = browser.script_request(&page, "/login/qr");
    let shown = match peril {
        2 => in_peril(scene, &browser, request, after).await.1,
        _ => browser.send(request).await,
    };
    assert_eq!(shown.status, 200, "{}", shown.text());
    let login = Login { qr: testkit::QrShown::read(&shown), browser, started, page };

    phone.line.go_to(scene.port(1));
    let challenge = phone.challenge().await;
    let request = Request::json("/api/phone/v1/claims", &phone.claim_body(&login.qr.channel, &challenge));
    let claimed = match peril {
        3 => in_peril(scene, &phone.line, request, after).await.1,
        _ => phone.line.send(request).await,
    };
    if claimed.status >= 300 {
        // The claim was made and its answer lost: the code is used up, the person asks for a new one.
        return false;
    }
    let claim = Claim::read(&claimed, &login.qr.channel);
    let code = login.browser.check_code(&login.page).await;
    let draft = phone.draft(&claim, "approve", Some(&code));
    let mut body = draft.body.clone();
    body["signature"] = phone.key.sign(&draft.message()).into();
    let request = Request::json(&format!("/api/phone/v1/claims/{}/decision", claim.claim), &body);
    if peril == 4 {
        in_peril(scene, &phone.line, request, after).await;
    } else {
        phone.line.send(request).await;
    }
    let state = login.browser.poll(&login.page).await.word("state");
    if state != "approved" {
        return false;
    }

    let request = login.browser.script_request(&login.page, "/login/phone").header("accept", "text/html");
    let redeemed = match peril {
        5 => in_peril(scene, &login.browser, request, after).await.1,
        _ => login.browser.send(request).await,
    };
    let Some(landed) = redeemed.header("location").and_then(|to| url::Url::parse(to).ok()) else {
        assert!(!gives_session(&redeemed));
        return false;
    };
    let landed = testkit::Page { url: landed, answer: Answer::default() };
    if landed.query("code").is_none() {
        return false;
    }

    let code = scene.shop.code(&login.started, &landed);
    let shop = scene.shop_at(1);
    let form = shop.authenticated(Request::form(
        "/token",
        &[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &shop.redirect_uri),
            ("code_verifier", &login.started.verifier),
        ],
    ));
    let answer = match peril {
        6 => in_peril(scene, &shop.line, form, after).await.1,
        _ => shop.line.send(form).await,
    };
    if answer.status != 200 {
        // Redeemed, and the tokens lost on their way: a second use is refused.
        assert_eq!(answer.word("error"), "invalid_grant");
        return false;
    }
    shop.check(&login.started, &answer).await;
    true
}
