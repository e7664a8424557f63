//! A relying party: registered by its operator or by itself, asking for tokens in its own way.
//!
//! Owns: its metadata, its registration, authentication at the token endpoint. Not here: what it asks people for
//! (`flow`), whether answers are right (`check`).

use serde_json::{Map, Value, json};
use testkit::wire::{Answer, Request};
use testkit::{Browser, b64, basic, random};
use url::Url;

use super::check;
use super::flow::Module;
use super::keys::Key;

/// How it proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    Basic,
    Post,
    PrivateKeyJwt,
}

impl Auth {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }
}

/// What a registration answered.
#[derive(Debug, Clone)]
pub(crate) struct Registered(pub(crate) Value);

/// A relying party.
pub(crate) struct Party {
    pub(crate) id: String,
    pub(crate) redirect_uri: String,
    /// Its registration as it was answered.
    pub(crate) answer: Value,
    pub(crate) key: Key,
    pub(crate) line: Browser,
    pub(crate) auth: Auth,
    pub(crate) token_endpoint: Url,
}

impl Party {
    /// Another view of a registered client.
    pub(crate) fn new(m: &Module, auth: Auth, key: Key, answer: Value) -> Self {
        let word = |member: &Value| member.as_str().expect("text").to_owned();
        Self {
            id: word(&answer["client_id"]),
            redirect_uri: word(&answer["redirect_uris"][0]),
            answer,
            key,
            line: m.house.caller(),
            auth,
            token_endpoint: m.endpoint("token_endpoint"),
        }
    }

    pub(crate) fn secret(&self) -> Option<&str> {
        self.answer["client_secret"].as_str()
    }

    /// The algorithm of its ID tokens: what it registered, RS256 where nothing is said (OpenID Connect Dynamic Client
    /// Registration §2).
    pub(crate) fn id_token_alg(&self) -> &str {
        self.answer["id_token_signed_response_alg"].as_str().unwrap_or("RS256")
    }

    /// Claims of an assertion for this audience.
    pub(crate) fn assertion_claims(&self, audience: &str, now: i64) -> Value {
        json!({"iss": self.id, "sub": self.id, "aud": audience, "jti": b64(&random::<16>()),
               "iat": now, "exp": now + 60})
    }

    /// Sends a token request.
    pub(crate) async fn token(&self, m: &Module, fields: &[(&str, &str)]) -> Answer {
        let claims = self.assertion_claims(self.token_endpoint.as_str(), m.house.now());
        self.token_asserting(fields, &claims).await
    }

    /// The same with an assertion that says this, where it uses one.
    pub(crate) async fn token_asserting(&self, fields: &[(&str, &str)], claims: &Value) -> Answer {
        let mut fields = fields.to_vec();
        let secret = self.secret().unwrap_or_default();
        let path = self.token_endpoint.path();
        let request = match self.auth {
            Auth::Basic => Request::form(path, &fields).header("authorization", &basic(&self.id, secret)),
            Auth::Post => {
                fields.extend([("client_id", self.id.as_str()), ("client_secret", secret)]);
                Request::form(path, &fields)
            }
            Auth::PrivateKeyJwt => {
                let assertion = self.key.sign(claims);
                fields.push(("client_assertion", &assertion));
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                fields.push(("client_assertion_type", kind));
                Request::form(path, &fields)
            }
        };
        self.line.send(request).await
    }
}

/// The metadata that most modules register: like the official suite's.
pub(crate) fn metadata(m: &Module, auth: Auth, key: &Key, more: &Value) -> Map<String, Value> {
    let mut grants = Vec::new();
    if m.at.has_code() {
        grants.push("authorization_code");
    }
    if m.at.has_front_tokens() {
        grants.push("implicit");
    }
    let own = b64(&random::<6>());
    let all = json!({
        "client_name": format!("A relying party of the conformance rows, number {own}"),
        "contacts": ["certification@rp.example"],
        "redirect_uris": [m.house.site.url(&format!("/{own}/callback"))],
        "grant_types": grants,
        "response_types": [m.at.types],
        "jwks": key.set(),
        "token_endpoint_auth_method": auth.word(),
    });
    let mut all = all.as_object().cloned().unwrap_or_default();
    all.extend(more.as_object().cloned().unwrap_or_default());
    all.retain(|_, value| !value.is_null());
    all
}

impl Module {
    /// The relying party of this module.
    pub(crate) async fn party(&self) -> Party {
        self.party_with(Auth::Basic, &json!({})).await
    }

    /// One with other metadata.
    pub(crate) async fn party_with(&self, auth: Auth, more: &Value) -> Party {
        if self.at.dynamic { self.dynamic(auth, more).await } else { self.by_operator(auth, more).await }
    }

    /// Asks for a registration and answers what came.
    pub(crate) async fn register(&self, metadata: &Map<String, Value>) -> Answer {
        let path = self.endpoint("registration_endpoint");
        let body = Value::Object(metadata.clone());
        self.line.send(Request::json(path.path(), &body)).await
    }

    /// A client that registers itself (section 2, "Dynamic registration").
    pub(crate) async fn dynamic(&self, auth: Auth, more: &Value) -> Party {
        let key = Key::es256();
        let metadata = metadata(self, auth, &key, more);
        // What nobody knows is ignored (RFC 7591 §2).
        let mut sent = metadata.clone();
        sent.insert("https://rp.example/unknown".into(), json!({"is": ["ignored"]}));
        let answer = self.register(&sent).await;
        let registered = check::registration(&metadata, &answer);
        self.remember(&registered);
        Party::new(self, auth, key, registered)
    }

    /// A client that the operator registered; the same one each time for the same metadata, as known to the suite
    /// beforehand.
    async fn by_operator(&self, auth: Auth, more: &Value) -> Party {
        let name = format!("{} {} {more}", self.at.types, auth.word());
        let mut known = self.house.statics.lock().await;
        let registered = match known.get(&name) {
            Some(registered) => registered.clone(),
            None => {
                let mut metadata = metadata(self, auth, &Key::es256(), more);
                metadata.insert("scope".into(), "openid profile email address phone offline_access".into());
                let registered = Registered(self.created(&Value::Object(metadata)));
                known.insert(name, registered.clone());
                registered
            }
        };
        Party::new(self, auth, Key::es256(), registered.0)
    }

    fn created(&self, metadata: &Value) -> Value {
        let id = format!("static-{}", b64(&random::<9>()).replace(['-', '_'], "x"));
        let file = self.house.server.file(&format!("{id}.json"), &metadata.to_string());
        let file = file.to_string_lossy().into_owned();
        self.house
            .server
            .command(&["client", "create", "--file", &file, "--client-id", &id, "--json"])
            .done()
            .json()
    }
}
