//! Clients that register themselves (RFC 7591), and look after their registration (RFC 7592).
//!
//! Owns: who may register, with which right; making id, secret and registration token; whether keys are sound and
//! sector documents list what they must. Not here: what a registration may say (`oidc::registration`), operators'
//! clients and making rights (`registry`).
//!
//! Invariants: a right is spent, the client kept and the deed noted in one unit; a registration token opens its own
//! client alone; who shows none, a wrong one, or one for another client cannot tell which clients there are.

use app::{App, Change, Refusal, Rule, Secret, audit, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    AuditEntry, AuditEvent, Client, ClientAddress, ClientAuthMethod, ClientId, Outcome, SecretHash,
};
use oidc::client_auth::secret_hash;
use oidc::registration::{Caller, Policy, read_json, to_client_json, to_json};
use serde_json::Value;
use store::StoreError;
use subtle::ConstantTimeEq as _;
use url::Url;
use zeroize::Zeroizing;

use oidc::registration::{BadRegistration, Registration};

use crate::Provider;
use crate::client_auth::CLIENT_SECRET;
use crate::documents::sector_document;

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Nobody: operators make clients.
    #[default]
    Off,
    /// Whoever shows a right that an operator gave away.
    Token,
    /// Anybody.
    Open,
}

/// How registration is set up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Who may register.
    pub mode: Mode,
    /// What they may have.
    pub policy: Policy,
}

/// A request at the registration or configuration endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
    /// Where it comes from.
    pub address: ClientAddress,
}

/// A registration was not made, shown, changed or deleted.
#[derive(Debug)]
pub enum RegistrationRefused {
    /// Clients cannot register themselves here.
    Off,
    /// No token was shown.
    NoToken,
    /// The token is not good for this.
    BadToken,
    /// What it says cannot be taken.
    Bad(BadRegistration),
    /// Too often, or a port failed.
    Later(Refusal),
}

impl From<BadRegistration> for RegistrationRefused {
    fn from(bad: BadRegistration) -> Self {
        Self::Bad(bad)
    }
}

impl From<Refusal> for RegistrationRefused {
    fn from(refusal: Refusal) -> Self {
        Self::Later(refusal)
    }
}

impl From<StoreError> for RegistrationRefused {
    fn from(error: StoreError) -> Self {
        Self::Later(error.into())
    }
}

/// What stands outside a registration: its keys are sound, and its sector document lists all redirect URIs (SEC-132).
///
/// # Errors
/// They do not. Why a document was not to be had is logged and not told (SEC-130).
pub async fn check_outside(app: &App, registration: &Registration) -> Result<(), BadRegistration> {
    if let Some(set) = registration.key_set() {
        jose::KeySet::parse(set.as_bytes())
            .map_err(|_| BadRegistration::member("jwks", "holds a key that is not sound"))?;
    }
    let Some(document) = registration.sector_document() else { return Ok(()) };
    let refused = |why| BadRegistration::member("sector_identifier_uri", why);
    let url = Url::parse(document).map_err(|_| refused("must be an https address"))?;
    match sector_document(app, &url).await {
        Ok(listed) => registration.is_listed(&listed),
        Err(error) => {
            tracing::info!(%error, "A sector identifier document was not to be had");
            Err(refused("cannot be fetched as a JSON array of addresses"))
        }
    }
}

/// Reads an operator's registration and looks at what stands outside it ([`check_outside`]).
///
/// # Errors
/// It cannot be taken.
pub async fn read_operators(app: &App, json: &Value) -> Result<Registration, BadRegistration> {
    let registration = Registration::parse(json)?;
    check_outside(app, &registration).await?;
    Ok(registration)
}

/// A client as its operator sees it (RFC 7591 §3.2.1); the secret only when it was just made.
#[must_use]
pub fn shown_to_operator(client: &Client, secret: Option<&str>) -> Value {
    to_json(client, secret)
}

impl Provider {
    /// Whether clients may register themselves.
    #[must_use]
    pub fn takes_registrations(&self) -> bool {
        self.settings().registration.mode != Mode::Off
    }

    /// Registers a client and answers what RFC 7591 §3.2.1 names: the secret and the registration token this once.
    ///
    /// # Errors
    /// See [`RegistrationRefused`].
    pub async fn register(&self, asked: Asked<'_>, body: &[u8]) -> Result<Value, RegistrationRefused> {
        let network = throttle::network(asked.address);
        let right = match self.settings().registration.mode {
            Mode::Off => return Err(RegistrationRefused::Off),
            Mode::Open => {
                self.app().throttle().hit(Rule::RegisterAddress, &network).await?;
                None
            }
            Mode::Token => {
                self.app().throttle().hit(Rule::RegisterAddress, &network).await?;
                Some(self.right(asked).await?)
            }
        };
        let registration = self.read(body).await?;
        let token = self.app().entropy().secret();
        let id = self.new_client_id()?;
        let secret = registration.needs_secret().then(|| self.new_client_secret());
        let hash = secret.as_ref().map(|secret| secret_hash(secret.as_bytes()));
        let mut client = registration.into_client(id, hash, self.app().now());
        client.metadata.registration_token = Some(token.hash());
        let secret = secret.as_ref().map(|secret| secret.as_str());
        self.seal_secret(&mut client, secret)?;
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            if let Some(right) = &right
                && !work.spend_initial_token(right, self.app().now()).await?
            {
                return Ok(false);
            }
            work.add_client(&client).await?;
            work.audit(self.entry(AuditEvent::ClientCreated, &client.id, asked.address)).await?;
            work.commit().await?;
            Ok::<_, Refusal>(true)
        };
        if !self.app().repeatable(deed).await? {
            return Err(RegistrationRefused::BadToken);
        }
        self.app().tell(Change::Client(client.id.clone())).await;
        tracing::info!(client.id = %client.id, "A client registered itself");
        Ok(self.shown(&client, &token, secret))
    }

    /// A client's registration (RFC 7592 §2.1), without its secret, which is not kept.
    ///
    /// # Errors
    /// See [`RegistrationRefused`].
    pub async fn registration(&self, asked: Asked<'_>, id: &str) -> Result<Value, RegistrationRefused> {
        let (client, token) = self.of_token(asked, id).await?;
        Ok(self.shown(&client, &token, None))
    }

    /// Puts a registration in place of the one before (RFC 7592 §2.2). What is left out is back at its default.
    ///
    /// # Errors
    /// See [`RegistrationRefused`].
    pub async fn replace_registration(
        &self,
        asked: Asked<'_>,
        id: &str,
        body: &[u8],
    ) -> Result<Value, RegistrationRefused> {
        let (known, token) = self.of_token(asked, id).await?;
        self.app().throttle().hit(Rule::RegisterAddress, &throttle::network(asked.address)).await?;
        is_about(&read_json(body)?, &known)?;
        let registration = self.read(body).await?;
        let fresh = self.new_client_secret();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            // As it is now: an operator may have changed or deleted it meanwhile.
            let before = work.client(&known.id).await?.ok_or(Refusal::NotFound)?;
            let mut client = registration.clone().in_place_of(&before);
            let is_new = client.auth_method.has_secret() && client.secret_hash.is_none();
            if is_new {
                client.secret_hash = Some(secret_hash(fresh.as_bytes()));
                self.seal_secret(&mut client, Some(&fresh))?;
            }
            keep_what_operators_gave(&mut client, &before);
            work.update_client(&client).await?;
            work.audit(self.entry(AuditEvent::ClientChanged, &client.id, asked.address)).await?;
            work.commit().await?;
            Ok((client, is_new))
        };
        let (client, is_new) = match self.app().repeatable(deed).await {
            Err(Refusal::NotFound) => return Err(RegistrationRefused::BadToken),
            done => done?,
        };
        self.app().tell(Change::Client(client.id.clone())).await;
        tracing::info!(client.id = %client.id, "A client changed its registration");
        Ok(self.shown(&client, &token, Some(fresh.as_str()).filter(|_| is_new)))
    }

    /// Removes a client that no longer wants to be one (RFC 7592 §2.3), with its consents and grants.
    ///
    /// # Errors
    /// See [`RegistrationRefused`].
    pub async fn delete_registration(&self, asked: Asked<'_>, id: &str) -> Result<(), RegistrationRefused> {
        let (client, _) = self.of_token(asked, id).await?;
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            if !work.delete_client(&client.id, self.app().now()).await? {
                return Ok(false);
            }
            work.audit(self.entry(AuditEvent::ClientDeleted, &client.id, asked.address)).await?;
            work.commit().await?;
            Ok::<_, Refusal>(true)
        };
        if !self.app().repeatable(deed).await? {
            return Err(RegistrationRefused::BadToken);
        }
        self.app().tell(Change::Client(client.id.clone())).await;
        tracing::info!(client.id = %client.id, "A client deleted itself");
        Ok(())
    }

    async fn read(&self, body: &[u8]) -> Result<Registration, BadRegistration> {
        let policy = &self.settings().registration.policy;
        let registration = Registration::parse_for(&read_json(body)?, Caller::Itself(policy))?;
        check_outside(self.app(), &registration).await?;
        Ok(registration)
    }

    /// The right that was shown. It is looked at before anything is fetched for its holder, and spent later, in the
    /// unit that keeps the client.
    async fn right(&self, asked: Asked<'_>) -> Result<SecretHash, RegistrationRefused> {
        let right = bearer(asked.authorization)?.hash();
        let mut work = self.app().store().begin().await?;
        let is_good = work.spend_initial_token(&right, self.app().now()).await?;
        // Dropped, so undone.
        drop(work);
        if is_good { Ok(right) } else { Err(RegistrationRefused::BadToken) }
    }

    /// The client whose registration token was shown.
    async fn of_token(
        &self,
        asked: Asked<'_>,
        id: &str,
    ) -> Result<(std::sync::Arc<Client>, Secret), RegistrationRefused> {
        let network = throttle::network(asked.address);
        let key = throttle::key(&["registration", &network]);
        self.app().throttle().peek_or_alone(Rule::ClientAuthAddress, &key).await?;
        let token = bearer(asked.authorization);
        if let Ok(token) = &token
            && let Ok(id) = id.parse::<ClientId>()
            && let Some(client) = self.app().clients().find(&id).await?
            && client.is_enabled
            && let Some(kept) = &client.metadata.registration_token
            && bool::from(kept.0.ct_eq(&token.hash().0))
        {
            return Ok((client, token.clone()));
        }
        self.app().throttle().hit_or_alone(Rule::ClientAuthAddress, &key).await?;
        Err(token.err().unwrap_or(RegistrationRefused::BadToken))
    }

    fn shown(&self, client: &Client, token: &Secret, secret: Option<&str>) -> Value {
        let mut json = to_client_json(client, secret);
        json["registration_access_token"] = token.text().into();
        json["registration_client_uri"] = self.app().issuer().url(&format!("/register/{}", client.id)).into();
        json
    }

    fn new_client_id(&self) -> Result<ClientId, Refusal> {
        // A letter first: on a command line nobody takes it for an option.
        let random = format!("c{}", URL_SAFE_NO_PAD.encode(self.app().entropy().bytes::<16>()));
        random.parse().map_err(|_| Refusal::Corrupt("a random client id is none".to_owned()))
    }

    fn new_client_secret(&self) -> Zeroizing<String> {
        Zeroizing::new(self.app().entropy().secret().text())
    }

    /// A secret that checks an HMAC is kept so that it can be had again, sealed.
    fn seal_secret(&self, client: &mut Client, secret: Option<&str>) -> Result<(), Refusal> {
        client.metadata.sealed_secret = match secret {
            Some(secret) if client.auth_method == ClientAuthMethod::ClientSecretJwt => {
                let sealer = self.app().lasting_sealer(CLIENT_SECRET)?;
                Some(sealer.try_seal(client.id.as_str().as_bytes(), secret.as_bytes())?)
            }
            _ => None,
        };
        Ok(())
    }

    fn entry(&self, event: AuditEvent, id: &ClientId, address: ClientAddress) -> AuditEntry {
        AuditEntry {
            client: Some(id.clone()),
            detail: audit::detail("by itself"),
            ..audit::from(address, event, Outcome::Done, self.app().now())
        }
    }
}

/// RFC 7592 §2.2: the client names itself, and may repeat its secret but not choose one.
fn is_about(json: &Value, client: &Client) -> Result<(), BadRegistration> {
    if json.get("client_id").and_then(Value::as_str) != Some(client.id.as_str()) {
        return Err(BadRegistration::member("client_id", "must be the one of this registration"));
    }
    if let Some(secret) = json.get("client_secret").filter(|secret| !secret.is_null()) {
        let said = secret.as_str().map(|text| secret_hash(text.as_bytes()));
        let is_same = said
            .zip(client.secret_hash.as_ref())
            .is_some_and(|(said, kept)| bool::from(said.0.ct_eq(&kept.0)));
        if !is_same {
            return Err(BadRegistration::member("client_secret", "must be the one it has, or be left out"));
        }
    }
    Ok(())
}

/// A client's own registration does not take away or undo what its operator said of it.
fn keep_what_operators_gave(client: &mut Client, before: &Client) {
    // An operator vouched for what was there; a new name, and a new address to send people to, is nobody's word.
    let goes_the_same_way = client.redirect_uris == before.redirect_uris;
    client.is_verified = before.is_verified
        && client.name == before.name
        && client.logo_uri == before.logo_uri
        && goes_the_same_way;
    client.is_enabled = before.is_enabled;
    client.requires_pkce |= before.requires_pkce;
    client.skips_consent = before.skips_consent && !client.is_public() && goes_the_same_way;
    client.requires_phishing_resistant = before.requires_phishing_resistant;
    client.skips_check_code = before.skips_check_code;
    client.requires_same_country = before.requires_same_country;
    client.metadata.access_token_format = before.metadata.access_token_format;
    client.metadata.resources.clone_from(&before.metadata.resources);
    client.metadata.serves.clone_from(&before.metadata.serves);
    client.metadata.cas.clone_from(&before.metadata.cas);
    client.metadata.takes_cas_apps = before.metadata.takes_cas_apps;
    let asks = |scope: &&String| client.scopes.contains(scope);
    client.metadata.optional_scopes = before.metadata.optional_scopes.iter().filter(asks).cloned().collect();
}

/// The token of the header `Authorization` (RFC 6750 §2.1).
fn bearer(authorization: Option<&str>) -> Result<Secret, RegistrationRefused> {
    let Some((scheme, token)) = authorization.and_then(|header| header.split_once(' ')) else {
        return Err(RegistrationRefused::NoToken);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(RegistrationRefused::NoToken);
    }
    Secret::parse(token.trim_start_matches(' ')).ok_or(RegistrationRefused::BadToken)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::json;

    use super::*;

    #[test]
    fn sec_131_what_an_operator_vouched_for_is_not_carried_to_other_names_and_addresses() {
        let client = |name: &str, uri: &str| {
            let json = json!({"client_name": name, "redirect_uris": [uri]});
            let read = Registration::parse_for(&json, Caller::Itself(&Policy::default())).unwrap();
            read.into_client("shop".parse().unwrap(), None, Timestamp::default())
        };
        let before =
            Client { is_verified: true, skips_consent: true, ..client("Shop", "https://shop.example/cb") };
        for (name, uri, stays) in [
            ("Shop", "https://shop.example/cb", (true, true)),
            ("Bank", "https://shop.example/cb", (false, true)),
            ("Shop", "https://evil.example/cb", (false, false)),
        ] {
            let mut after = client(name, uri);
            keep_what_operators_gave(&mut after, &before);
            assert_eq!((after.is_verified, after.skips_consent), stays, "{name} {uri}");
        }
    }
}
