//! Kinds of relying parties: registrations to begin from, and settings to copy.
//!
//! Owns: what well-known programs need, as their own documentation has it. Not here: registering (`clients`).

use domain::Client;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A kind of relying party.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Preset {
    /// Its word.
    #[schema(example = "grafana")]
    pub id: &'static str,
    /// Its name.
    pub title: &'static str,
    /// `web`, `spa`, `native`, `machine` or `cas`.
    pub kind: &'static str,
    /// A registration to begin from; `{host}` stands for where the program is.
    pub registration: Value,
    /// Settings to copy: `{issuer}`, `{client_id}`, `{redirect_uri}` and the rest are put in.
    #[serde(skip)]
    settings: &'static str,
}

impl Preset {
    /// The settings of this client, with a placeholder where the secret belongs. `service` is its address, if it speaks
    /// CAS.
    pub(super) fn settings_of(&self, client: &Client, issuer: &str, service: &str) -> String {
        let back = client.redirect_uris.first().map_or(service, String::as_str);
        let server = url::Url::parse(issuer).ok();
        let host = server.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        let port = server.as_ref().and_then(url::Url::port_or_known_default).unwrap_or(443).to_string();
        let origin = url::Url::parse(back).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        self.settings
            .replace("{issuer}", issuer)
            .replace("{host}", host)
            .replace("{port}", &port)
            .replace("{service}", service)
            .replace("{client_id}", client.id.as_str())
            .replace("{redirect_uri}", back)
            .replace("{origin}", &origin)
            .replace("{scope}", &client.scopes.join(" "))
    }
}

/// All of them.
pub(super) fn all() -> Vec<Preset> {
    PRESETS
        .iter()
        .map(|(id, title, kind, registration, settings)| Preset {
            id,
            title,
            kind,
            registration: serde_json::from_str(registration).unwrap_or_default(),
            settings,
        })
        .collect()
}

/// The one with this word.
pub(super) fn find(id: &str) -> Option<Preset> {
    all().into_iter().find(|preset| preset.id == id)
}

type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const PRESETS: &[Row] = &[
    (
        "web",
        "Server-side web app",
        "web",
        r#"{"client_name": "", "redirect_uris": ["https://{host}/callback"], "latchbolt_require_pkce": true}"#,
        "issuer        = {issuer}\nclient_id     = {client_id}\nclient_secret = <the secret>\nredirect_uri  = {redirect_uri}\nscope         = {scope}\n",
    ),
    (
        "spa",
        "Single-page app",
        "spa",
        r#"{"client_name": "", "redirect_uris": ["https://{host}/"], "token_endpoint_auth_method": "none"}"#,
        "authority:     {issuer}\nclient_id:     {client_id}\nredirect_uri:  {redirect_uri}\nresponse_type: code\nscope:         {scope}\n",
    ),
    (
        "native",
        "Native app",
        "native",
        r#"{"client_name": "", "application_type": "native", "redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"}"#,
        "issuer:       {issuer}\nclient_id:    {client_id}\nredirect_uri: {redirect_uri}\nscope:        {scope}\nPKCE:         S256\n",
    ),
    (
        "machine",
        "Machine",
        "machine",
        r#"{"client_name": "", "grant_types": ["client_credentials"], "response_types": [], "redirect_uris": [], "scope": ""}"#,
        "token_endpoint = {issuer}/token\ngrant_type     = client_credentials\nclient_id      = {client_id}\nclient_secret  = <the secret>\nscope          = {scope}\n",
    ),
    (
        "mod-auth-openidc",
        "Apache mod_auth_openidc",
        "web",
        r#"{"client_name": "", "redirect_uris": ["https://{host}/oidc/callback"], "latchbolt_require_pkce": true}"#,
        "OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration\nOIDCClientID {client_id}\nOIDCClientSecret <the secret>\nOIDCRedirectURI {redirect_uri}\nOIDCScope \"{scope}\"\nOIDCPKCEMethod S256\nOIDCCryptoPassphrase <something long and random>\n\n<Location />\n    AuthType openid-connect\n    Require valid-user\n</Location>\n",
    ),
    (
        "grafana",
        "Grafana",
        "web",
        r#"{"client_name": "Grafana", "redirect_uris": ["https://{host}/login/generic_oauth"], "scope": "openid profile email", "latchbolt_require_pkce": true}"#,
        "[auth.generic_oauth]\nenabled = true\nname = Latchbolt\nclient_id = {client_id}\nclient_secret = <the secret>\nscopes = {scope}\nauth_url = {issuer}/authorize\ntoken_url = {issuer}/token\napi_url = {issuer}/userinfo\nuse_pkce = true\n",
    ),
    (
        "nextcloud",
        "Nextcloud (user_oidc)",
        "web",
        r#"{"client_name": "Nextcloud", "redirect_uris": ["https://{host}/apps/user_oidc/code"], "scope": "openid profile email"}"#,
        "occ user_oidc:provider latchbolt \\\n    --clientid='{client_id}' \\\n    --clientsecret='<the secret>' \\\n    --discoveryuri='{issuer}/.well-known/openid-configuration' \\\n    --scope='{scope}'\n",
    ),
    (
        "gitea",
        "Gitea, Forgejo",
        "web",
        r#"{"client_name": "Gitea", "redirect_uris": ["https://{host}/user/oauth2/latchbolt/callback"], "scope": "openid profile email"}"#,
        "gitea admin auth add-oauth --name latchbolt --provider openidConnect \\\n    --key '{client_id}' --secret '<the secret>' \\\n    --auto-discover-url '{issuer}/.well-known/openid-configuration' \\\n    --scopes '{scope}'\n",
    ),
    (
        "oauth2-proxy",
        "oauth2-proxy",
        "web",
        r#"{"client_name": "", "redirect_uris": ["https://{host}/oauth2/callback"], "scope": "openid profile email", "latchbolt_require_pkce": true}"#,
        "provider = \"oidc\"\noidc_issuer_url = \"{issuer}\"\nclient_id = \"{client_id}\"\nclient_secret = \"<the secret>\"\nredirect_url = \"{redirect_uri}\"\nscope = \"{scope}\"\ncode_challenge_method = \"S256\"\nemail_domains = [\"*\"]\n",
    ),
    (
        "mod-auth-cas",
        "Apache mod_auth_cas (CAS)",
        "cas",
        CAS_REGISTRATION,
        "CASVersion 2\nCASLoginURL {issuer}/cas/login\nCASValidateURL {issuer}/cas/p3/serviceValidate\nCASCookiePath /var/cache/apache2/mod_auth_cas/\nCASRootProxiedAs {origin}\nCASSSOEnabled On\nCASCertificatePath /etc/ssl/certs/ca-certificates.crt\n\n<Location />\n    AuthType CAS\n    CASAuthNHeader On\n    Require valid-user\n</Location>\n",
    ),
    (
        "spring-security-cas",
        "Spring Security (CAS)",
        "cas",
        CAS_REGISTRATION,
        "@Bean ServiceProperties serviceProperties() {\n    var properties = new ServiceProperties();\n    properties.setService(\"{origin}/login/cas\");\n    return properties;\n}\n\n@Bean CasAuthenticationEntryPoint entryPoint(ServiceProperties serviceProperties) {\n    var entryPoint = new CasAuthenticationEntryPoint();\n    entryPoint.setLoginUrl(\"{issuer}/cas/login\");\n    entryPoint.setServiceProperties(serviceProperties);\n    return entryPoint;\n}\n\n@Bean CasAuthenticationProvider casProvider(ServiceProperties serviceProperties, UserDetailsService users) {\n    var provider = new CasAuthenticationProvider();\n    provider.setServiceProperties(serviceProperties);\n    provider.setTicketValidator(new Cas30ServiceTicketValidator(\"{issuer}/cas\"));\n    provider.setUserDetailsService(users);\n    provider.setKey(\"<something long and random>\");\n    return provider;\n}\n",
    ),
    (
        "phpcas",
        "phpCAS",
        "cas",
        CAS_REGISTRATION,
        "phpCAS::client(CAS_VERSION_3_0, '{host}', {port}, '/cas', '{origin}');\nphpCAS::setCasServerCACert('/etc/ssl/certs/ca-certificates.crt');\nphpCAS::handleLogoutRequests(true, array('{host}'));\nphpCAS::forceAuthentication();\n$user = phpCAS::getUser();\n$attributes = phpCAS::getAttributes();\n\n# The server is {issuer}/cas\n",
    ),
    (
        "python-cas",
        "python-cas, django-cas-ng",
        "cas",
        CAS_REGISTRATION,
        "from cas import CASClient\n\nclient = CASClient(\n    version=3,\n    service_url='{service}',\n    server_url='{issuer}/cas/',\n)\n\n# django-cas-ng, in settings.py:\nCAS_SERVER_URL = '{issuer}/cas/'\nCAS_VERSION = '3'\n",
    ),
];

const CAS_REGISTRATION: &str = r#"{"client_name": "", "grant_types": [], "response_types": [], "redirect_uris": [], "token_endpoint_auth_method": "none", "scope": "", "latchbolt_cas": {"services": ["https://{host}/**"]}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_a_registration_once_its_host_is_known() {
        for preset in all() {
            let text = preset.registration.to_string().replace("{host}", "rp.example");
            let mut registration: Value = serde_json::from_str(&text).unwrap();
            assert!(registration.is_object(), "{}", preset.id);
            if registration["client_name"] == "" {
                registration["client_name"] = "Some name".into();
            }
            if registration["scope"] == "" && preset.kind != "cas" {
                registration["scope"] = "read".into();
            }
            let read = oidc::registration::Registration::parse(&registration);
            let id = "shop".parse().unwrap();
            let now = domain::Timestamp::from_seconds(1);
            let client = read.unwrap_or_else(|bad| panic!("{}: {bad}", preset.id)).into_client(id, None, now);
            assert_eq!(super::super::kind(&client), preset.kind, "{}", preset.id);
            let service = if preset.kind == "cas" { "https://rp.example/" } else { "" };
            let settings = preset.settings_of(&client, "https://id.example", service);
            let own = if preset.kind == "cas" { "rp.example" } else { "shop" };
            assert!(settings.contains("https://id.example") && settings.contains(own), "{settings}");
            for word in ["issuer", "client_id", "redirect_uri", "origin", "scope", "host", "port", "service"]
            {
                assert!(!settings.contains(&format!("{{{word}}}")), "{}: {settings}", preset.id);
            }
        }
    }
}
