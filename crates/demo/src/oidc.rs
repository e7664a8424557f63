//! The demo's OpenID Connect client: the `openidconnect` crate over `reqwest`.
//!
//! Owns: discovery, the authorization request, the exchange with its checks (state is the caller's).

use std::future::Future;
use std::pin::Pin;

use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AuthenticationContextClass, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse as _,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _, http,
};
use serde_json::Value;

use crate::{CALLBACK, DemoError, Settings};

type Found = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The client and how it reaches the issuer.
#[derive(Debug, Clone)]
pub(crate) struct Oidc {
    http: reqwest::Client,
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    redirect_uri: String,
}

/// A request under way: kept on the server, never in the browser.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) state: String,
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    client: Box<Found>,
}

/// What the issuer said about a person.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) subject: String,
    pub(crate) name: Option<String>,
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) userinfo: Option<Value>,
}

/// What else is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish {
    /// Ask again, although signed in.
    pub(crate) again: bool,
    /// A passkey is wanted.
    pub(crate) passkey: bool,
}

impl Oidc {
    pub(crate) fn new(settings: &Settings) -> Result<Self, DemoError> {
        // Only the first call in a process installs it; a provider that is there already is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed = |why: reqwest::Error| DemoError::Client(why.to_string());
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(std::time::Duration::from_secs(20));
        if let Some(pem) = &settings.extra_ca {
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?);
        }
        let url =
            url::Url::parse(&settings.issuer).map_err(|_| DemoError::BadAddress(settings.issuer.clone()))?;
        if let (Some(address), Some(host)) = (settings.connect_to, url.host_str()) {
            builder = builder.resolve(host, address);
        }
        Ok(Self {
            http: builder.build().map_err(failed)?,
            issuer: settings.issuer.clone(),
            client_id: settings.client_id.clone(),
            client_secret: settings.client_secret.clone(),
            redirect_uri: format!("{}{CALLBACK}", settings.base),
        })
    }

    fn http(
        &self,
    ) -> impl Fn(HttpRequest) -> Pin<Box<dyn Future<Output = Result<HttpResponse, reqwest::Error>> + Send>>
    {
        let client = self.http.clone();
        move |request| Box::pin(send(client.clone(), request))
    }

    async fn find(&self) -> Result<Found, String> {
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(|why| why.to_string())?;
        let metadata = CoreProviderMetadata::discover_async(issuer, &self.http())
            .await
            .map_err(|why| format!("The provider could not be found: {}", chain(&why)))?;
        let redirect_uri = RedirectUrl::new(self.redirect_uri.clone()).map_err(|why| why.to_string())?;
        Ok(CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(self.client_id.clone()),
            self.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(redirect_uri))
    }

    /// A new request: where to send the browser, and what to keep.
    pub(crate) async fn start(&self, wish: Wish) -> Result<(String, Pending), String> {
        let client = self.find().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge);
        if wish.again {
            request = request.add_prompt(CoreAuthPrompt::Login);
        }
        if wish.passkey {
            request = request.add_auth_context_value(AuthenticationContextClass::new("phr".to_owned()));
        }
        let (url, state, nonce) = request.url();
        let state = state.secret().clone();
        Ok((url.into(), Pending { state, nonce, verifier, client: Box::new(client) }))
    }

    /// Code to identity: the exchange, the ID token's signature and claims, userinfo.
    pub(crate) async fn finish(&self, pending: Pending, code: String) -> Result<Identity, String> {
        let client = pending.client;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|why| why.to_string())?
            .set_pkce_verifier(pending.verifier)
            .request_async(&self.http())
            .await
            .map_err(|why| format!("The code was not taken: {}", chain(&why)))?;
        let id_token = tokens.id_token().ok_or("The provider sent no ID token.")?;
        let claims = id_token
            .claims(&client.id_token_verifier(), &pending.nonce)
            .map_err(|why| format!("The ID token was not accepted: {}", chain(&why)))?;
        let userinfo = match client.user_info(tokens.access_token().clone(), Some(claims.subject().clone())) {
            Ok(request) => request.request_async(&self.http()).await.ok(),
            Err(_) => None,
        };
        let userinfo: Option<CoreUserInfoClaims> = userinfo;
        let name = |claims: &CoreUserInfoClaims| {
            let whole = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
            whole.or_else(|| claims.preferred_username().map(|name| name.to_string()))
        };
        let (header, decoded) = decode(&id_token.to_string());
        Ok(Identity {
            subject: claims.subject().to_string(),
            name: userinfo.as_ref().and_then(name),
            header,
            claims: decoded,
            userinfo: userinfo.and_then(|claims| serde_json::to_value(claims).ok()),
        })
    }
}

async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let answer = client.execute(request.try_into()?).await?;
    let mut out = http::Response::new(Vec::new());
    *out.status_mut() = answer.status();
    *out.headers_mut() = answer.headers().clone();
    *out.body_mut() = answer.bytes().await?.to_vec();
    Ok(out)
}

/// An error with its causes.
fn chain(why: &dyn std::error::Error) -> String {
    let mut out = why.to_string();
    let mut next = why.source();
    while let Some(why) = next {
        out.push_str(": ");
        out.push_str(&why.to_string());
        next = why.source();
    }
    out
}

/// Header and claims of a token whose signature was checked before.
fn decode(token: &str) -> (Value, Value) {
    use base64::Engine as _;
    let part = |part: Option<&str>| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part.unwrap_or_default());
        bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null)
    };
    let mut parts = token.split('.');
    let header = part(parts.next());
    (header, part(parts.next()))
}
