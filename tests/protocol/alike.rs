//! Those who are known and those who are not take equally long and are told the same (SEC-165).
//!
//! Times are compared as medians of requests that take turns, so that a busy machine is busy for both; what counts as
//! told apart is told apart in each of three rounds, and in the same direction.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Administrator, Browser, DeviceKey, Kind, Page, Phone, RelyingParty, Server, Setup, b64};

const ROUNDS: usize = 3;

/// A median apart by more than this part of the smaller one, and by more than this, is told apart.
const PART: f64 = 0.25;
const LEAST: Duration = Duration::from_millis(3);

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// 1 or -1: the first took longer, or less long, than can be noise; 0: they look alike.
fn direction(one: Duration, other: Duration) -> i32 {
    let apart = one.abs_diff(other);
    let is_noise = apart < LEAST || apart.as_secs_f64() < PART * one.min(other).as_secs_f64();
    if is_noise {
        0
    } else if one > other {
        1
    } else {
        -1
    }
}

/// Asks in turns and compares each class with the first one.
async fn look_alike<F>(classes: &[&str], samples: usize, ask: F)
where
    F: AsyncFn(&str) -> Duration,
{
    let mut directions: Vec<Vec<i32>> = vec![Vec::new(); classes.len()];
    let mut medians = Vec::new();
    for _ in 0..ROUNDS {
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); classes.len()];
        for number in 0..samples {
            for step in 0..classes.len() {
                // Another one begins each turn.
                let at = (number + step) % classes.len();
                times[at].push(ask(classes[at]).await);
            }
        }
        let round: Vec<Duration> = times.into_iter().map(median).collect();
        for (at, one) in round.iter().enumerate() {
            directions[at].push(direction(*one, round[0]));
        }
        medians.push(round);
    }
    for (class, told) in classes.iter().zip(directions) {
        let is_apart = told.iter().all(|one| *one == 1) || told.iter().all(|one| *one == -1);
        assert!(!is_apart, "{class} is told apart from {}: {classes:?} {medians:?}", classes[0]);
    }
}

/// Without what differs between any two pages.
pub(crate) fn plain(html: &str, names: &[&str]) -> String {
    let mut text = html.to_owned();
    for mark in ["data-journey=\"", "nonce=\"", "value=\"", "journey=", "csrf\" content=\"", "id=\"ref\">"] {
        let mut parts = text.split(mark);
        let mut rest = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            rest.push_str(part.split_once(['"', '<']).map_or("", |(_, rest)| rest));
        }
        text = rest;
    }
    names.iter().fold(text, |text, name| text.replace(name, ""))
}

/// The names of the headers with the values that are no random ones.
pub(crate) fn headers(answer: &Answer) -> Vec<(String, String)> {
    let random =
        ["date", "content-security-policy", "content-length", "set-cookie", "lb-request", "x-request-id"];
    let mut all: Vec<(String, String)> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            let is_random = random.contains(&name.as_str());
            (name.clone(), if is_random { String::new() } else { value.clone() })
        })
        .collect();
    all.sort();
    all
}

struct Ground {
    server: Server,
    root: Administrator,
    shop: RelyingParty,
}

const NAMES: [&str; 5] = ["nobody", "ada", "stopped", "keyless", "no body"];

impl Ground {
    async fn new() -> Self {
        let setup = Setup::one_node()
            .set("limits.off", true)
            .set("mail.enabled", true)
            .set("mail.host", "localhost")
            .set("mail.port", 9)
            .set("mail.tls", "none")
            .set("mail.from", "sign-in@id.example");
        let server = setup.start().await;
        let root = server.administrator("root", &["superadmin"]).await;
        let shop = server.client("shop");
        let _ = server.user("ada");
        let _ = server.user("stopped");
        let _ = server.command(&["user", "disable", "stopped"]).done();
        let _ = server.command(&["user", "create", "keyless"]).done();
        Self { server, root, shop }
    }

    /// Wrong passwords are forgotten, so that nobody waits for them.
    async fn forgive(&self, name: &str) {
        let found =
            self.root.ask("GET", &format!("/users?q={}", name.replace(' ', "%20")), None).await.json();
        if let Some(id) = found["items"][0]["id"].as_str() {
            let answer = self.root.ask("POST", &format!("/users/{id}/unlock"), None).await;
            assert_eq!(answer.status, 204, "{}", answer.text());
        }
    }
}

async fn wrong(browser: &Browser, page: &Page, name: &str) -> (Duration, Answer) {
    let form = page.form("login").with("username", name).with("password", "a wrong one, and long");
    let since = Instant::now();
    let answer = browser.submit_once(page, &form).await;
    (since.elapsed(), answer)
}

#[tokio::test]
async fn sec_165_signing_in_tells_nobody_apart() {
    let ground = Ground::new().await;
    let browser = ground.server.browser();
    let page = browser.follow(&ground.shop.start().url).await;
    let mut shapes = Vec::new();
    for name in NAMES {
        let (_, answer) = wrong(&browser, &page, name).await;
        ground.forgive(name).await;
        shapes.push((answer.status, headers(&answer), plain(&answer.text(), &[name])));
    }
    for (name, shape) in NAMES.iter().zip(&shapes) {
        assert_eq!(shape, &shapes[0], "{name}");
    }
    look_alike(&NAMES[..4], 9, async |name| {
        let (took, answer) = wrong(&browser, &page, name).await;
        assert_eq!(answer.status, shapes[0].0, "{name}");
        ground.forgive(name).await;
        took
    })
    .await;
}

#[tokio::test]
async fn sec_165_asking_for_a_password_and_enrolling_tell_nobody_apart() {
    let ground = Ground::new().await;
    let browser = ground.server.browser();
    let page = browser.get("/login/forgot").await;
    let ask = async |name: &str| {
        let form = page.form("forgot-form").with("name", name);
        let since = Instant::now();
        let answer = browser.submit_once(&page, &form).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (since.elapsed(), answer)
    };
    let shape = async |name: &str| {
        let answer = ask(name).await.1;
        (headers(&answer), plain(&answer.text(), &[name]))
    };
    let first = shape("nobody").await;
    for name in ["ada", "stopped", "keyless", "ada@mail.example", "nobody@mail.example"] {
        assert_eq!(shape(name).await, first, "{name}");
    }
    look_alike(&NAMES[..4], 40, async |name| ask(name).await.0).await;

    // A phone that asks with a name and a code, and the link of a recovery that nobody opened.
    let begin = async |name: &str| {
        let body = json!({"username": name, "code": "2345-6789-ABCD"});
        let since = Instant::now();
        let answer = ground.server.browser().send(Request::json("/api/phone/v1/enrolments", &body)).await;
        assert_eq!(answer.status, 410, "{}", answer.text());
        (since.elapsed(), answer)
    };
    let without_id = |answer: &Answer| {
        let mut body: Value = answer.json();
        body.as_object_mut().unwrap().remove("id");
        (headers(answer), body)
    };
    let first = without_id(&begin("nobody").await.1);
    for name in ["ada", "stopped", "keyless"] {
        assert_eq!(without_id(&begin(name).await.1), first, "{name}");
    }
    look_alike(&NAMES[..4], 40, async |name| begin(name).await.0).await;
}

#[tokio::test]
async fn sec_165_phones_and_passkeys_tell_nobody_apart() {
    let ground = Ground::new().await;
    let password = ground.server.user("carol");
    let known = ground.server.phone("carol", &password, Kind::App).await;
    let unknown = Phone::of(
        ground.server.browser(),
        "dev_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        &known.account,
        DeviceKey::generate(),
    );
    // The known phone's id with a stranger's key: as a stranger would try it.
    let stranger = Phone::of(ground.server.browser(), &known.device, &known.account, DeviceKey::generate());
    let channel = b64(&[5; 16]);
    let claim = async |class: &str| {
        let phone = if class == "unknown" { &unknown } else { &stranger };
        let since = Instant::now();
        let answer = phone.try_scan(&channel).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        since.elapsed()
    };
    look_alike(&["unknown", "known"], 40, claim).await;

    // A passkey that nobody has, and somebody's with another's signature, are answered alike.
    let browser = ground.server.browser();
    let page = browser.follow(&ground.shop.start().url).await;
    let csrf = page.csrf().unwrap();
    let post = async |path: &str, body: &Value| {
        let request = browser.same_origin(Request::json(path, body)).header("x-csrf-token", &csrf);
        browser.send(request).await
    };
    let journey = Browser::journey(&page);
    let mut answers = Vec::new();
    for number in [1, 2] {
        let options = post("/login/passkey/options", &json!({"journey": journey})).await.json();
        let asked = json!({"rp": {"id": "localhost"}, "user": {"id": b64(&[number; 16])},
                           "challenge": options["publicKey"]["challenge"]});
        let (passkey, _) = testkit::SoftPasskey::create(&asked, &browser.origin());
        let credential = passkey.assert(&options, &browser.origin());
        let answer = post("/login/passkey", &json!({"journey": journey, "credential": credential})).await;
        let mut body = answer.json();
        body.as_object_mut().unwrap().remove("id");
        answers.push((answer.status, body));
    }
    assert!((400..500).contains(&answers[0].0), "{answers:?}");
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn what_is_noise_and_what_is_not() {
    let ms = Duration::from_millis;
    assert_eq!(direction(ms(40), ms(41)), 0);
    assert_eq!(direction(ms(1), ms(3)), 0);
    assert_eq!(direction(ms(40), ms(20)), 1);
    assert_eq!(direction(ms(2), ms(40)), -1);
    assert_eq!(median(vec![ms(3), ms(1), ms(900)]), ms(3));
}
