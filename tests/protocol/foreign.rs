//! A relying party that we did not write: the `openidconnect` crate discovers, registers, signs in, refreshes and
//! signs out.

use std::future::Future;
use std::io;
use std::pin::Pin;

use openidconnect::core::{
    CoreApplicationType, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreGrantType,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm,
    CoreJwsSigningAlgorithm, CoreRegisterErrorResponseType, CoreResponseType, CoreSubjectIdentifierType,
    CoreUserInfoClaims,
};
use openidconnect::registration::{
    AdditionalClientMetadata, ClientRegistrationRequest, EmptyAdditionalClientRegistrationResponse,
};
use openidconnect::{
    AuthorizationCode, ClientName, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, LocalizedClaim,
    LogoutRequest, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, Scope, TokenResponse as _, http,
};
use serde::{Deserialize, Serialize};
use testkit::wire::Request;
use testkit::{Browser, Page, Setup};

const CALLBACK: &str = "https://foreign.example/callback";
const BYE: &str = "https://foreign.example/bye";

/// What the crate's registration does not know by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct More {
    scope: String,
    post_logout_redirect_uris: Vec<String>,
}

impl AdditionalClientMetadata for More {}

type Registration = ClientRegistrationRequest<
    More,
    EmptyAdditionalClientRegistrationResponse,
    CoreApplicationType,
    CoreClientAuthMethod,
    CoreRegisterErrorResponseType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Sent = Pin<Box<dyn Future<Output = Result<HttpResponse, io::Error>> + Send>>;

/// The crate's requests, over our own wire.
fn wire(issuer: &str) -> impl Fn(HttpRequest) -> Sent {
    let issuer = issuer.to_owned();
    move |asked| {
        let line = Browser::new(&issuer);
        Box::pin(async move {
            let target = asked.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            let mut request = Request::new(asked.method().as_str(), target);
            for (name, value) in asked.headers() {
                request = request.header(name.as_str(), value.to_str().map_err(io::Error::other)?);
            }
            request.body.clone_from(asked.body());
            let answer = line.try_send(request).await?;
            let mut built = http::Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                built = built.header(name, value);
            }
            built.body(answer.body).map_err(io::Error::other)
        })
    }
}

/// Signs in and agrees.
async fn agree(browser: &Browser, start: &str, password: &str) -> Page {
    let page = browser.sign_in(start, "ada", password).await;
    let form = page.form("consent");
    browser.submit(&page, &testkit::press(&page, &form, "consent-allow")).await
}

#[tokio::test]
async fn the_openidconnect_crate_registers_signs_in_refreshes_and_signs_out() {
    let server = Setup::default().set("registration.mode", "open").start().await;
    let password = server.user("ada");
    let http = wire(&server.issuer);
    let issuer = IssuerUrl::new(server.issuer.clone()).unwrap();
    let metadata = ProviderMetadataWithLogout::discover_async(issuer, &http).await.unwrap();

    let callback = RedirectUrl::new(CALLBACK.to_owned()).unwrap();
    let more = More {
        scope: "openid profile email offline_access".to_owned(),
        post_logout_redirect_uris: vec![BYE.to_owned()],
    };
    let mut name = LocalizedClaim::new();
    name.insert(None, ClientName::new("Written by others".to_owned()));
    let registered = Registration::new(vec![callback.clone()], more)
        .set_client_name(Some(name))
        .set_grant_types(Some(vec![CoreGrantType::AuthorizationCode, CoreGrantType::RefreshToken]))
        .set_id_token_signed_response_alg(Some(CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256))
        .register_async(metadata.registration_endpoint().unwrap(), &http)
        .await
        .unwrap();
    let end_session = metadata.additional_metadata().end_session_endpoint.clone().unwrap();
    let client = CoreClient::from_provider_metadata(
        metadata,
        registered.client_id().clone(),
        registered.client_secret().cloned(),
    )
    .set_redirect_uri(callback);

    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state, nonce) = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("email".to_owned()))
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let browser = server.browser();
    let landed = agree(&browser, url.as_str(), &password).await;
    assert!(landed.url.as_str().starts_with(CALLBACK), "{} {}", landed.url, landed.html());
    assert_eq!(landed.query("state").as_deref(), Some(state.secret().as_str()));

    let code = AuthorizationCode::new(landed.query("code").unwrap());
    let tokens =
        client.exchange_code(code).unwrap().set_pkce_verifier(verifier).request_async(&http).await.unwrap();
    let id_token = tokens.id_token().unwrap();
    let claims = id_token.claims(&client.id_token_verifier(), &nonce).unwrap();
    let info: CoreUserInfoClaims = client
        .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
        .unwrap()
        .request_async(&http)
        .await
        .unwrap();
    assert_eq!(info.subject(), claims.subject());

    let refreshed = client
        .exchange_refresh_token(tokens.refresh_token().unwrap())
        .unwrap()
        .request_async(&http)
        .await
        .unwrap();
    let info: CoreUserInfoClaims = client
        .user_info(refreshed.access_token().clone(), Some(claims.subject().clone()))
        .unwrap()
        .request_async(&http)
        .await
        .unwrap();
    assert_eq!(info.subject(), claims.subject());

    let bye = LogoutRequest::from(end_session)
        .set_id_token_hint(id_token)
        .set_client_id(registered.client_id().clone())
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(BYE.to_owned()).unwrap())
        .set_state(CsrfToken::new("so long".to_owned()))
        .http_get_url();
    let gone = browser.follow(bye.as_str()).await;
    assert!(gone.url.as_str().starts_with(BYE), "{} {}", gone.url, gone.html());
    assert_eq!(gone.query("state").as_deref(), Some("so long"));
    assert!(!browser.is_signed_in(url.as_str()).await);
    // The refresh token went with the session (SEC-124).
    let again = client.exchange_refresh_token(refreshed.refresh_token().unwrap()).unwrap();
    assert!(again.request_async(&http).await.is_err());
}
