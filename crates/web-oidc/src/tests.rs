//! The endpoints over HTTP, as actix-web answers them.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::test::{TestRequest, call_service, init_service};
use app::{App, Clock, Entropy, FrontChannels, HashSettings, Issuer, Limits, Parts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{
    Account, AccountState, BrowserSession, Client, ClientAuthMethod, Method, Proof, SigningAlg, Timestamp,
};
use jose::seal::MasterKey;
use oidc::Params;
use provider::{Provider, Settings, keys};
use serde_json::Value;
use web::{Theme, Web};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SECRET: &str = "a-secret-of-more-than-32-characters";
const CALLBACK: &str = "https://shop.example/cb";

struct World {
    app: App,
    provider: Provider,
    web: Web,
    cookie: String,
}

async fn world() -> World {
    let store = store_sql::SqlStore::open(store_sql::Settings::temporary()).await.unwrap();
    let app = App::new(Parts {
        issuer: Issuer::parse("https://id.example").unwrap(),
        store: Arc::new(store),
        live: Arc::new(live::InProcess::default()),
        outbound: Arc::new(outbound::Closed),
        mailer: None,
        clock: Clock::manual(START),
        entropy: Entropy::system(),
        hashing: HashSettings::default(),
        master_key: MasterKey::new([7; 32]),
        limits: Limits::default(),
    });
    let account = Account {
        id: app.entropy().id(),
        username: "ada".parse().unwrap(),
        state: AccountState::Active,
        claims: serde_json::Map::new(),
        webauthn_handle: [1; 16],
        roles: domain::Roles::NONE,
        groups: Vec::new(),
        language: None,
        created_at: START,
        updated_at: START,
    };
    let secret = app.entropy().secret();
    let session = BrowserSession {
        id: app.entropy().id(),
        account: account.id,
        secret_hash: secret.hash(),
        proofs: vec![Proof { method: Method::Password, at: START, known_browser: false }],
        device: None,
        browser: String::new(),
        address: String::new(),
        created_at: START,
        last_used_at: START,
        idle_seconds: 3_600,
        expires_at: START.after(Duration::from_secs(36_000)),
        ended: None,
    };
    let mut work = app.store().begin().await.unwrap();
    work.add_account(&account).await.unwrap();
    work.add_session(&session, None).await.unwrap();
    work.add_client(&shop()).await.unwrap();
    work.commit().await.unwrap();
    keys::ensure(&app).await.unwrap();
    let provider = Provider::new(&app, Settings::default()).unwrap();
    let web = Web::new(
        &app,
        web::Settings { trusted_proxies: Vec::new(), theme: Theme::built_in().unwrap(), virtual_phone: None },
    )
    .unwrap();
    let cookie = format!("{}={}", web::cookies::SESSION, secret.text());
    World { app, provider, web, cookie }
}

fn shop() -> Client {
    Client {
        id: "shop".parse().unwrap(),
        name: "Shop".to_owned(),
        is_verified: true,
        is_enabled: true,
        redirect_uris: vec![CALLBACK.to_owned()],
        is_native: false,
        auth_method: ClientAuthMethod::ClientSecretBasic,
        secret_hash: Some(oidc::client_auth::secret_hash(SECRET.as_bytes())),
        scopes: vec!["openid".to_owned()],
        id_token_alg: SigningAlg::ES256,
        requires_pkce: false,
        skips_consent: true,
        requires_phishing_resistant: false,
        skips_check_code: false,
        requires_same_country: false,
        default_max_age: None,
        logo_uri: None,
        client_uri: None,
        policy_uri: None,
        tos_uri: None,
        metadata: domain::ClientMetadata::default(),
        created_at: START,
    }
}

/// What came back, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Parameters of the address it points to.
    fn told(&self) -> Params {
        let query = self.header("location").split_once('?').unwrap().1;
        Params::parse(query.trim_end_matches('#').as_bytes()).unwrap()
    }
}

macro_rules! service {
    ($world:expr) => {{
        let world = &$world;
        init_service(
            actix_web::App::new()
                .wrap(from_fn(web::shell::shell))
                .configure(|cfg| web::mount(cfg, &world.web))
                .configure(|cfg| {
                    crate::mount(
                        cfg,
                        &world.provider,
                        &FrontChannels::new(vec![Arc::new(world.provider.clone())]),
                    )
                }),
        )
        .await
    }};
}

/// Sends a request and reads the answer.
macro_rules! send {
    ($service:expr, $request:expr) => {
        whole(call_service($service, $request.to_request()).await).await
    };
}

async fn whole<B: MessageBody>(response: ServiceResponse<B>) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let body = actix_web::test::read_body(response).await;
    Answer { status, headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn authorize(changes: &[(&str, &str)]) -> Params {
    let good = [
        ("client_id", "shop"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "a+b c%20&ü"),
    ];
    let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.chain(changes).copied().collect()
}

fn form(uri: &str, body: String) -> TestRequest {
    TestRequest::post()
        .uri(uri)
        .insert_header(("content-type", "application/x-www-form-urlencoded"))
        .set_payload(body)
}

fn basic(secret: &str) -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(format!("shop:{secret}"))))
}

#[actix_web::test]
async fn a_relying_party_gets_from_request_to_claims() {
    let world = world().await;
    let service = service!(world);
    let uri = format!("/authorize?{}", authorize(&[]).to_query());
    let get = TestRequest::get().uri(&uri).insert_header(("cookie", world.cookie.clone()));
    let answer = send!(&service, get);
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let told = answer.told();
    assert_eq!(told.get("state"), Some("a+b c%20&ü"));
    let code = told.get("code").unwrap();

    let redeem = || {
        let params: Params =
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]
                .into_iter()
                .collect();
        form("/token", params.to_query()).insert_header(basic(SECRET))
    };
    let answer = send!(&service, redeem());
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(
        (answer.header("cache-control"), answer.header("content-type")),
        ("no-store", "application/json")
    );
    let tokens = answer.json();
    let token = tokens["access_token"].as_str().unwrap();

    let bearer = ("authorization", format!("Bearer {token}"));
    for request in [
        TestRequest::get().uri("/userinfo").insert_header(bearer.clone()),
        TestRequest::post().uri("/userinfo").insert_header(bearer.clone()),
        form("/userinfo", String::new()).insert_header(bearer),
        form("/userinfo", format!("access_token={token}")),
    ] {
        let answer = send!(&service, request);
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(answer.json()["sub"].as_str().unwrap().starts_with("acc_"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let again = send!(&service, redeem());
    assert_eq!((again.status, &again.json()["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));
}

#[actix_web::test]
async fn a_form_is_sent_round_by_303_with_the_same_parameters() {
    let world = world().await;
    let service = service!(world);
    let params = authorize(&[("nonce", "ü ö+%")]);
    let answer = send!(&service, form("/authorize", params.to_query()));
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("location").starts_with("https://id.example/authorize?"));
    assert_eq!(answer.told(), params);
    let both = send!(&service, form("/authorize?a=b", params.to_query()));
    assert_eq!(both.status, StatusCode::BAD_REQUEST);
    let json = TestRequest::post().uri("/authorize").set_json("x");
    assert_eq!(send!(&service, json).status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = form("/authorize", "a".repeat(65 * 1024));
    assert_eq!(send!(&service, large).status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn sec_102_a_bad_request_is_a_page_and_never_a_redirect() {
    let world = world().await;
    let service = service!(world);
    for (query, word) in [
        (authorize(&[("client_id", "nobody")]).to_query(), "unknown_client"),
        (authorize(&[("redirect_uri", "https://evil.test/")]).to_query(), "invalid_redirect_uri"),
        (format!("{}&client_id=shop", authorize(&[]).to_query()), "invalid_request"),
        ("state=%ff".to_owned(), "invalid_request"),
        (format!("{}&x={}", authorize(&[]).to_query(), "x".repeat(9000)), "invalid_request"),
        (String::new(), "unknown_client"),
    ] {
        let answer = send!(&service, TestRequest::get().uri(&format!("/authorize?{query}")));
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.header("location"), "");
        assert!(answer.body.contains(&format!("data-error=\"{word}\"")), "{word}: {}", answer.body);
        assert!(answer.header("content-type").starts_with("text/html"));
        assert!(!answer.body.contains("evil.test"));
    }
}

#[actix_web::test]
async fn without_a_session_the_browser_is_sent_to_sign_in_with_a_cookie() {
    let world = world().await;
    let service = service!(world);
    let uri = format!("/authorize?{}", authorize(&[]).to_query());
    let answer = send!(&service, TestRequest::get().uri(&uri));
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.header("location").starts_with("https://id.example/login?journey=jrn_"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-lb_browser=") && cookie.contains("HttpOnly"), "{cookie}");
    let uri = format!("/authorize?{}", authorize(&[("prompt", "none")]).to_query());
    let answer = send!(&service, TestRequest::get().uri(&uri));
    assert_eq!(answer.told().get("error"), Some("login_required"));
    assert_eq!(answer.told().get("iss"), Some("https://id.example"));
}

#[actix_web::test]
async fn token_errors_are_json_with_the_right_status() {
    let world = world().await;
    let service = service!(world);
    let good = "grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fshop.example%2Fcb";
    let with = |body: &str| form("/token", body.to_owned());
    let post = format!("{good}&client_id=shop&client_secret={SECRET}");
    let both = format!("{good}&client_secret={SECRET}");
    for (request, status, error) in [
        (with(good).insert_header(basic(SECRET)), 400, "invalid_grant"),
        (with(good).insert_header(basic("wrong")), 401, "invalid_client"),
        (with(good), 401, "invalid_client"),
        (with(&post), 401, "invalid_client"),
        (with(&both).insert_header(basic(SECRET)), 400, "invalid_request"),
        (with("grant_type=password").insert_header(basic(SECRET)), 400, "unsupported_grant_type"),
        (with("code=x").insert_header(basic(SECRET)), 400, "invalid_request"),
        (with(&format!("{good}&code=y")).insert_header(basic(SECRET)), 400, "invalid_request"),
        (with("a=%zz").insert_header(basic(SECRET)), 400, "invalid_request"),
        (form("/token?code=x", good.to_owned()).insert_header(basic(SECRET)), 400, "invalid_request"),
        (
            TestRequest::post().uri("/token").set_json(good).insert_header(basic(SECRET)),
            400,
            "invalid_request",
        ),
    ] {
        let answer = send!(&service, request);
        assert_eq!(answer.status.as_u16(), status, "{error}: {}", answer.body);
        assert_eq!(answer.json()["error"], error);
        assert_eq!(answer.header("cache-control"), "no-store");
        let text = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(text.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b'"' && b != b'\\'));
    }
    let answer = send!(&service, with(good).insert_header(basic("wrong")));
    assert!(answer.header("www-authenticate").starts_with("Basic realm="));
    let answer = send!(&service, with(&post));
    assert_eq!(answer.header("www-authenticate"), "");
}

#[actix_web::test]
async fn userinfo_says_how_to_ask() {
    let world = world().await;
    let service = service!(world);
    let none = send!(&service, TestRequest::get().uri("/userinfo"));
    assert_eq!((none.status.as_u16(), none.header("www-authenticate")), (401, "Bearer realm=\"latchbolt\""));
    let bad = TestRequest::get().uri("/userinfo").insert_header(("authorization", "Bearer nonsense"));
    let bad = send!(&service, bad);
    assert_eq!(bad.status, StatusCode::UNAUTHORIZED);
    assert!(bad.header("www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(bad.json()["error"], "invalid_token");
    let query = send!(&service, TestRequest::get().uri("/userinfo?access_token=x"));
    assert_eq!(query.status, StatusCode::BAD_REQUEST);
    assert!(query.header("www-authenticate").contains("error=\"invalid_request\""));
}

#[actix_web::test]
async fn discovery_and_keys_are_ready_cacheable_and_open_to_scripts() {
    let world = world().await;
    let service = service!(world);
    for (path, member) in [("/.well-known/openid-configuration", "issuer"), ("/jwks", "keys")] {
        let answer = send!(&service, TestRequest::get().uri(path));
        assert!(answer.status.is_success() && answer.json().get(member).is_some());
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert!(answer.header("cache-control").starts_with("public"));
        let etag = answer.header("etag").to_owned();
        let again = TestRequest::get().uri(path).insert_header(("if-none-match", etag));
        let again = send!(&service, again);
        assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
    let discovery = send!(&service, TestRequest::get().uri("/.well-known/openid-configuration")).json();
    for (name, value) in discovery.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            assert!(value.as_str().unwrap().starts_with(world.app.issuer().as_str()), "{name}");
        }
    }
}

#[actix_web::test]
async fn other_methods_are_refused_by_name() {
    let world = world().await;
    let service = service!(world);
    for (path, allow) in [
        ("/token", "POST"),
        ("/authorize", "GET, HEAD, POST"),
        ("/userinfo", "GET, HEAD, POST"),
        ("/jwks", "GET, HEAD"),
    ] {
        let answer = send!(&service, TestRequest::delete().uri(path));
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, allow), "{path}");
    }
    let get = send!(&service, TestRequest::get().uri("/token"));
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
}
