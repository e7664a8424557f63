//! Administrators who are signed in, without the way there.
//!
//! Owns: the account with its roles and the session with its proof, written where the server finds them; requests with
//! what a browser's script sends. Not here: signing in by passkey, which has its own tests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{
    Account, AccountId, AccountState, ApiKey, ApiKeyId, BrowserSession, Method, Permission, Proof, Role,
    SecretHash, SessionId, Timestamp, api_key,
};
use serde_json::Value;
use store::Store as _;

use crate::wire::{Answer, Request};
use crate::{Browser, Server, b64, random, sha256};

/// Somebody's signed-in browser at the admin API.
pub struct Administrator {
    /// The browser.
    pub browser: Browser,
    /// The account's id.
    pub account: String,
    /// The session's id.
    pub session: String,
}

impl Server {
    /// Somebody new with these roles (by their words), signed in by passkey just now.
    ///
    /// # Panics
    /// When the store refuses.
    pub async fn administrator(&self, name: &str, roles: &[&str]) -> Administrator {
        self.signed_in(name, roles, "passkey", Duration::from_secs(1)).await
    }

    /// The same, signed in by this method (by its word: `password`, `passkey` or `phone`), so long ago.
    ///
    /// # Panics
    /// When the store refuses, or for another word.
    pub async fn signed_in(&self, name: &str, roles: &[&str], method: &str, ago: Duration) -> Administrator {
        let methods = [Method::Password, Method::Passkey, Method::Phone];
        let method = methods.into_iter().find(|known| known.as_str() == method).expect("a method");
        let now = now();
        let account = Account {
            id: AccountId::from_random(random()),
            username: name.parse().expect("a user name"),
            state: AccountState::Active,
            claims: serde_json::Map::new(),
            webauthn_handle: random(),
            roles: roles.iter().map(|word| Role::from_word(word).expect("a role")).collect(),
            groups: Vec::new(),
            language: None,
            created_at: now,
            updated_at: now,
        };
        let store = self.store().await;
        let mut work = store.begin().await.expect("a unit");
        work.add_account(&account).await.expect("an account");
        work.commit().await.expect("kept");
        store.close().await;
        self.session_of(account.id, method, ago).await
    }

    /// Another browser of the same person, signed in by passkey so long ago.
    ///
    /// # Panics
    /// When the store refuses.
    pub async fn signed_in_again(&self, who: &Administrator, ago: Duration) -> Administrator {
        self.session_of(who.account.parse().expect("an account's id"), Method::Passkey, ago).await
    }

    async fn session_of(&self, account: AccountId, method: Method, ago: Duration) -> Administrator {
        let now = now();
        let (session_secret, browser_secret) = (random::<32>(), random::<32>());
        let session = BrowserSession {
            id: SessionId::from_random(random()),
            account,
            secret_hash: SecretHash(sha256(&session_secret)),
            proofs: vec![Proof { method, at: now.before(ago), known_browser: true }],
            device: None,
            browser: "Firefox on Linux".to_owned(),
            address: "127.0.0.1".to_owned(),
            created_at: now.before(ago),
            last_used_at: now,
            idle_seconds: 3600,
            expires_at: now.after(Duration::from_secs(24 * 3600)),
            ended: None,
        };
        let store = self.store().await;
        let mut work = store.begin().await.expect("a unit");
        work.add_session(&session, None).await.expect("a session");
        work.commit().await.expect("kept");
        store.close().await;
        let browser = self.browser();
        browser.set_cookie("__Host-lb_session", &b64(&session_secret));
        browser.set_cookie("__Host-lb_browser", &b64(&browser_secret));
        Administrator { browser, account: account.to_string(), session: session.id.to_string() }
    }

    /// An API key of the operator with these permissions (by their words) that lives so long; its text. The API itself
    /// makes none that lives for less than a day.
    ///
    /// # Panics
    /// When the store refuses.
    pub async fn api_key(&self, permissions: &[&str], life: Duration) -> String {
        let (secret, now) = (random::<32>(), now());
        let word = |word: &&str| Permission::from_word(word).expect("a permission");
        let key = ApiKey {
            id: ApiKeyId::from_random(random()),
            name: "of a test".to_owned(),
            account: None,
            permissions: permissions.iter().map(word).collect(),
            networks: Vec::new(),
            created_at: now,
            expires_at: now.after(life),
            last_used_at: None,
            last_address: None,
            revoked_at: None,
        };
        let store = self.store().await;
        let mut work = store.begin().await.expect("a unit");
        work.add_api_key(&key, &SecretHash(sha256(&secret))).await.expect("a key");
        work.commit().await.expect("kept");
        store.close().await;
        api_key::text(&key.id, &b64(&secret))
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a time"))
}

impl Administrator {
    /// A request to `/api/admin/v1` and `path`, as our own scripts make it.
    #[must_use]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Request {
        let request = api_request(method, path, body).header("lb-csrf", &self.browser.csrf());
        self.browser.same_origin(request)
    }

    /// Sends it.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.browser.send(self.request(method, path, body)).await
    }
}

/// A request to the admin API without anything that proves who sends it.
#[must_use]
pub fn api_request(method: &str, path: &str, body: Option<&Value>) -> Request {
    let target = format!("/api/admin/v1{path}");
    match body {
        Some(body) => Request { method: method.to_owned(), ..Request::json(&target, body) },
        None => Request::new(method, &target),
    }
}
