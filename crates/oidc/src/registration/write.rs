//! A client as JSON (RFC 7591 §3.2.1).
//!
//! Owns: what an operator is shown, and what the client itself is shown, which has nothing of ours. Whatever is
//! written here is read again as the same client. Not here: addresses and tokens of RFC 7592 (`provider`).

use domain::{
    AccessTokenFormat, Acr, AssertionAlg, Client, ClientKeys, Encryption, GrantType, LogoutUri,
    RequestObjectAlg, ResponseType, SigningAlg, SubjectType,
};
use serde_json::{Map, Value};

use super::service;

/// A client as its operator sees it; `secret` only when it was just made.
#[must_use]
pub fn to_json(client: &Client, secret: Option<&str>) -> Value {
    let mut json = Json::of(client, secret);
    json.set("latchbolt_verified", client.is_verified);
    json.set("latchbolt_enabled", client.is_enabled);
    json.set("latchbolt_require_pkce", client.requires_pkce);
    json.set("latchbolt_skip_consent", client.skips_consent);
    json.set("latchbolt_phishing_resistant_only", client.requires_phishing_resistant);
    json.set("latchbolt_skip_check_code", client.skips_check_code);
    json.set("latchbolt_same_country_only", client.requires_same_country);
    let metadata = &client.metadata;
    json.set(
        "latchbolt_access_token_format",
        match metadata.access_token_format {
            AccessTokenFormat::Jwt => "jwt",
            AccessTokenFormat::Opaque => "opaque",
        },
    );
    json.list("latchbolt_resources", &metadata.resources);
    json.list("latchbolt_serves", &metadata.serves);
    json.list("latchbolt_optional_scopes", &metadata.optional_scopes);
    json.set("latchbolt_cas_apps", metadata.takes_cas_apps);
    json.maybe("latchbolt_cas", metadata.cas.as_ref().map(service::written));
    Value::Object(json.0)
}

/// A client as it sees itself.
#[must_use]
pub fn to_client_json(client: &Client, secret: Option<&str>) -> Value {
    Value::Object(Json::of(client, secret).0)
}

struct Json(Map<String, Value>);

impl Json {
    fn of(client: &Client, secret: Option<&str>) -> Self {
        let metadata = &client.metadata;
        let mut json = Self(Map::new());
        json.set("client_id", client.id.as_str());
        json.set("client_id_issued_at", client.created_at.seconds());
        if let Some(secret) = secret {
            json.set("client_secret", secret);
            json.set("client_secret_expires_at", 0);
        }
        json.set("client_name", client.name.as_str());
        json.set("application_type", if client.is_native { "native" } else { "web" });
        json.set("redirect_uris", client.redirect_uris.clone());
        json.words("grant_types", &metadata.grant_types, GrantType::as_str);
        json.words("response_types", &metadata.response_types, ResponseType::as_str);
        json.set("token_endpoint_auth_method", client.auth_method.as_str());
        json.maybe("token_endpoint_auth_signing_alg", metadata.assertion_alg.map(AssertionAlg::as_str));
        json.set("id_token_signed_response_alg", client.id_token_alg.as_str());
        json.encryption("id_token_encrypted_response", metadata.id_token_encryption);
        json.maybe("userinfo_signed_response_alg", metadata.userinfo_alg.map(SigningAlg::as_str));
        json.encryption("userinfo_encrypted_response", metadata.userinfo_encryption);
        json.maybe("introspection_signed_response_alg", metadata.introspection_alg.map(SigningAlg::as_str));
        json.maybe("request_object_signing_alg", metadata.request_object_alg.map(RequestObjectAlg::as_str));
        json.encryption("request_object_encryption", metadata.request_object_encryption);
        json.list("request_uris", &metadata.request_uris);
        json.set("require_signed_request_object", metadata.requires_signed_request);
        json.set("require_pushed_authorization_requests", metadata.requires_par);
        json.set("dpop_bound_access_tokens", metadata.requires_dpop);
        json.set("scope", client.scopes.join(" "));
        json.set(
            "subject_type",
            match metadata.subject {
                SubjectType::Public => "public",
                SubjectType::Pairwise { .. } => "pairwise",
            },
        );
        json.maybe("sector_identifier_uri", metadata.sector_identifier_uri.as_deref());
        json.keys(metadata.keys.as_ref());
        json.list("contacts", &metadata.contacts);
        json.maybe("default_max_age", client.default_max_age);
        json.set("require_auth_time", metadata.requires_auth_time);
        if !metadata.default_acr.is_empty() {
            json.words("default_acr_values", &metadata.default_acr, Acr::as_str);
        }
        json.maybe("initiate_login_uri", metadata.initiate_login_uri.as_deref());
        json.list("post_logout_redirect_uris", &metadata.post_logout_redirect_uris);
        json.logout("frontchannel_logout", metadata.frontchannel_logout.as_ref());
        json.logout("backchannel_logout", metadata.backchannel_logout.as_ref());
        json.maybe("logo_uri", client.logo_uri.as_deref());
        json.maybe("client_uri", client.client_uri.as_deref());
        json.maybe("policy_uri", client.policy_uri.as_deref());
        json.maybe("tos_uri", client.tos_uri.as_deref());
        json.maybe("software_id", metadata.software_id.as_deref());
        json.maybe("software_version", metadata.software_version.as_deref());
        json
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn maybe(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A list that may be empty, and is then not written.
    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.set(name, values.to_vec());
        }
    }

    fn words<T: Copy>(&mut self, name: &str, values: &[T], word: fn(T) -> &'static str) {
        self.set(name, values.iter().map(|value| word(*value)).collect::<Vec<_>>());
    }

    fn encryption(&mut self, name: &str, encryption: Option<Encryption>) {
        if let Some(Encryption { alg, enc }) = encryption {
            self.set(&format!("{name}_alg"), alg.as_str());
            self.set(&format!("{name}_enc"), enc.as_str());
        }
    }

    fn keys(&mut self, keys: Option<&ClientKeys>) {
        match keys {
            // It was JSON when it was kept.
            Some(ClientKeys::Jwks(set)) => self.maybe("jwks", serde_json::from_str::<Value>(set).ok()),
            Some(ClientKeys::JwksUri(uri)) => self.set("jwks_uri", uri.as_str()),
            None => {}
        }
    }

    fn logout(&mut self, name: &str, logout: Option<&LogoutUri>) {
        if let Some(LogoutUri { uri, session_required }) = logout {
            self.set(&format!("{name}_uri"), uri.as_str());
            self.set(&format!("{name}_session_required"), *session_required);
        }
    }
}
