//! Our keys while the server runs: rotated under load, retired, sealed anew (SEC-190, SEC-191).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::Request;
use testkit::{Browser, RelyingParty, Server, Setup, verify_by};

const ALGS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];

/// The key set once all keys are made: some seconds after the first start.
async fn jwks(browser: &Browser) -> Value {
    for _ in 0..600 {
        let keys = browser.send(Request::get("/jwks")).await.json();
        if keys["keys"].as_array().unwrap().len() >= 10 {
            return keys;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("keys are missing");
}

/// The keys of one algorithm by where they stand.
fn listed(server: &Server, alg: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in server.command(&["keys", "list", "--json"]).done().json().as_array().unwrap() {
        if key["alg"] == alg {
            let state = key["state"].as_str().unwrap().to_owned();
            found.entry(state).or_default().push(key["kid"].as_str().unwrap().to_owned());
        }
    }
    found
}

/// Waits until the running server publishes, or no longer publishes, a key.
async fn published(browser: &Browser, kid: &str, wanted: bool) {
    for _ in 0..150 {
        let keys = browser.send(Request::get("/jwks")).await.json();
        if keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid) == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{kid} published: still not {wanted}");
}

#[tokio::test]
async fn sec_136_the_key_set_has_each_key_once_and_public_members_alone() {
    let server = Server::start().await;
    let browser = server.browser();
    jwks(&browser).await;
    let _ = server.command(&["keys", "rotate", "--force", "--json"]).done();
    // The one that is rotated last: who has it has all.
    let last = listed(&server, "ECDH-ES")["current"][0].clone();
    published(&browser, &last, true).await;
    let answer = browser.send(Request::get("/jwks")).await;
    let keys = answer.json()["keys"].as_array().unwrap().clone();
    let names: BTreeSet<_> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(names.len(), keys.len(), "every name once");
    let mut seen = BTreeSet::new();
    for key in &keys {
        let members: BTreeSet<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: &[&str] = match key["kty"].as_str().unwrap() {
            "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            "OKP" => &["alg", "crv", "kid", "kty", "use", "x"],
            _ => &["alg", "e", "kid", "kty", "n", "use"],
        };
        assert_eq!(members, expected.iter().copied().collect(), "no private member, and no other");
        assert!(seen.insert((key["kid"].to_string(), key["alg"].to_string(), key["use"].to_string())));
    }
    for alg in ALGS {
        assert_eq!(keys.iter().filter(|key| key["alg"] == alg).count(), 3, "{alg}: current, next, retired");
    }
    // An old copy of a key that decrypts is not to be used any more.
    for alg in ["ECDH-ES", "RSA-OAEP-256"] {
        assert_eq!(keys.iter().filter(|key| key["alg"] == alg && key["use"] == "enc").count(), 1, "{alg}");
    }
    let tag = answer.header("etag").unwrap().to_owned();
    let again = browser.send(Request::get("/jwks").header("if-none-match", &tag)).await;
    assert_eq!(again.status, 304);
}

/// One visitor of one client, again and again, whose client keeps the keys it once fetched.
struct Visits {
    shop: RelyingParty,
    browser: Browser,
    keys: Value,
    goes_on: Arc<AtomicBool>,
    made: Arc<AtomicU32>,
}

impl Visits {
    /// Answers the names of the keys that signed, and how often the kept keys did not do.
    async fn run(self) -> (BTreeSet<String>, u32) {
        let (mut signed, mut fetched) = (BTreeSet::new(), 0);
        let mut access = Vec::new();
        while self.goes_on.load(Ordering::Relaxed) {
            let started = self.shop.start();
            let landed = self.browser.follow(&started.url).await;
            let answer = self.shop.redeem(&started, &self.shop.code(&started, &landed)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let tokens = answer.json();
            let token = tokens["id_token"].as_str().unwrap();
            let (header, _) = match verify_by(&self.keys, token) {
                Some(verified) => verified,
                None => {
                    fetched += 1;
                    self.shop.verify(token).await
                }
            };
            signed.insert(header["kid"].as_str().unwrap().to_owned());
            access.push(tokens["access_token"].as_str().unwrap().to_owned());
            self.made.fetch_add(1, Ordering::Relaxed);
        }
        // What the retired keys signed is as good as what the new ones did.
        for token in [access.first(), access.last()].into_iter().flatten() {
            assert_eq!(self.shop.userinfo(token).await.status, 200);
        }
        (signed, fetched)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sec_191_a_rotation_under_load_fails_nobody_who_keeps_the_keys() {
    let server = Server::start().await;
    let password = server.user("ada");
    let keys = jwks(&server.browser()).await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let made = Arc::new(AtomicU32::new(0));
    let mut visits = Vec::new();
    for alg in ALGS {
        let shop = server.client_with(&alg.to_lowercase(), &json!({ "id_token_signed_response_alg": alg }));
        let browser = server.browser();
        let landed = browser.sign_in(&shop.start().url, "ada", &password).await;
        assert!(landed.query("code").is_some(), "{}", landed.html());
        let (goes_on, made) = (Arc::clone(&goes_on), Arc::clone(&made));
        visits.push(tokio::spawn(Visits { shop, browser, keys: keys.clone(), goes_on, made }.run()));
    }
    let until = async |count: u32| {
        for _ in 0..600 {
            if made.load(Ordering::Relaxed) >= count
                || visits.iter().any(tokio::task::JoinHandle::is_finished)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("only {} sign-ins", made.load(Ordering::Relaxed));
    };
    until(12).await;
    let rotated =
        tokio::task::block_in_place(|| server.command(&["keys", "rotate", "--force", "--json"])).done();
    let fresh = rotated.json();
    let is_next = |key: &&Value| key["alg"] == "EdDSA" && key["state"] == "next";
    let next = fresh.as_array().unwrap().iter().find(is_next).unwrap()["kid"].as_str().unwrap().to_owned();
    published(&server.browser(), &next, true).await;
    until(made.load(Ordering::Relaxed) + 16).await;
    goes_on.store(false, Ordering::Relaxed);
    for visit in visits {
        let (signed, fetched) = visit.await.unwrap();
        assert_eq!(fetched, 0, "the next keys were among the kept ones");
        assert_eq!(signed.len(), 2, "both keys signed: {signed:?}");
    }
}

#[tokio::test]
async fn a_key_that_was_just_made_takes_over_only_when_forced() {
    let server = Server::start().await;
    jwks(&server.browser()).await;
    let early = server.command(&["keys", "rotate", "--alg", "ES256"]);
    assert_eq!(early.code, 1);
    assert!(early.err.contains("--force"), "{}", early.err);
    let before = listed(&server, "ES256");
    assert_eq!((before["current"].len(), before["next"].len(), before.get("retired")), (1, 1, None));
    let _ = server.command(&["keys", "rotate", "--alg", "ES256", "--force"]).done();
    let after = listed(&server, "ES256");
    assert_eq!((&after["current"], &after["retired"]), (&before["next"], &before["current"]));
    assert!(!listed(&server, "RS256").contains_key("retired"), "only the one algorithm");
    let odd = server.command(&["keys", "rotate", "--alg", "HS256"]);
    assert!(odd.code == 1 && odd.err.contains("EdDSA"), "{}", odd.err);
}

#[tokio::test]
async fn sec_191_a_stolen_key_is_out_at_once_and_what_it_signed_with_it() {
    let scene = crate::given::Scene::new().await;
    let line = scene.server.browser();
    jwks(&line).await;
    let old = scene.tokens().await;
    let kid = listed(&scene.server, "ES256")["current"][0].clone();
    assert_eq!(scene.shop.userinfo(&old.access_token).await.status, 200);
    let gone = scene.server.command(&["keys", "retire", &kid, "--force", "--json"]).done();
    assert!(!gone.out.contains(&kid));
    published(&line, &kid, false).await;
    assert_eq!(scene.shop.userinfo(&old.access_token).await.status, 401);
    let new = scene.tokens().await;
    assert_ne!(new.header["kid"], kid.as_str());
    assert_eq!(scene.shop.userinfo(&new.access_token).await.status, 200);
    let none = scene.server.command(&["keys", "retire", &kid]);
    assert!(none.code == 1 && none.err.contains("keys list"), "{}", none.err);
}

#[tokio::test]
async fn sec_190_after_another_wrapping_key_all_that_lasts_is_as_before() {
    let mut server = Setup::one_node().start().await;
    let password = server.user("ada");
    let shop = server.client_with(
        "shop",
        &json!({
            "subject_type": "pairwise",
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid offline_access",
        }),
    );
    let shop = RelyingParty { scope: "openid offline_access".to_owned(), ..shop };
    let browser = server.browser();
    let started = shop.start();
    let landed = browser.sign_in(&started.url, "ada", &password).await;
    let old = shop.exchange(&started, &landed).await;
    let keys = jwks(&browser).await;
    let refresh = async |token: &Value| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
        shop.line.send(shop.authenticated(Request::form("/token", &fields))).await
    };

    let file = server.folder().join("new.key");
    let told =
        server.command(&["keys", "rewrap", "--new-key-file", &file.to_string_lossy(), "--json"]).done();
    assert_eq!(told.json()["keys"], 10);
    assert_eq!(told.json()["made"], true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // The running node serves on with what it loaded.
    let next = refresh(&old.all["refresh_token"]).await;
    assert_eq!(next.status, 200, "{}", next.text());
    assert_eq!(browser.send(Request::get("/jwks")).await.json(), keys);

    server.stop().await;
    let refused = server.nodes[0].try_serve();
    assert!(refused.code != 0 && refused.err.contains("wrapping key"), "{}", refused.err);
    std::fs::rename(&file, server.folder().join("latchbolt.key")).unwrap();
    server.run_again().await;
    assert_eq!(browser.send(Request::get("/jwks")).await.json(), keys, "the same keys");
    shop.verify(old.all["id_token"].as_str().unwrap()).await;
    let last = refresh(&next.json()["refresh_token"]).await;
    assert_eq!(last.status, 200, "{}", last.text());
    let started = shop.start();
    let landed = browser.follow(&started.url).await;
    let new = shop.exchange(&started, &landed).await;
    assert_eq!(new.claims["sub"], old.claims["sub"], "the same pairwise subject");
    let again = server.command(&["keys", "rotate", "--force", "--json"]).done();
    assert!(again.json().as_array().unwrap().len() > 10);
}
