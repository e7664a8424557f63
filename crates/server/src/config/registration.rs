//! `[registration]`: clients that register themselves.

use app::throttle::Limit;
use domain::{GrantType, ResponseType};
use oidc::registration::Policy;
use provider::registration::Mode;

use super::section::section;
use super::source::Fault;

section! {
    /// Relying parties that register themselves (RFC 7591). What they may have is here; what else they ask
    /// for is left out of their registration. They are always shown as not verified.
    "registration" {
        /// `off`: operators make clients with `latchbolt client create`. `token`: whoever shows a token made
        /// with `latchbolt client token create`. `open`: anybody.
        mode: String = "off".to_owned();
        /// Grant types they may have if they name them: `authorization_code`, `refresh_token`, `implicit`.
        grant_types: Vec<String> = words(&["authorization_code", "refresh_token", "implicit"]);
        /// Response types they may have if they name them. Those with `id_token` or `token` bring tokens through
        /// the browser's address bar and need the grant type `implicit`; leave them out where nobody needs them.
        response_types: Vec<String> = ResponseType::ALL.iter().map(|known| known.as_str().to_owned()).collect();
        /// Hosts that their redirect URIs may have, as `app.example.org` or `*.example.org`; empty: any.
        redirect_hosts: Vec<String> = Vec::new();
        /// Registrations and changes of registrations in an hour from one network.
        per_hour: u32 = 100;
    }
}

/// How clients register themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What the provider keeps to.
    pub provider: provider::registration::Settings,
    /// How often.
    pub limit: Limit,
}

impl Given {
    /// What it means.
    ///
    /// # Errors
    /// A word that is none of the known ones, or a host that is none.
    pub fn resolve(&self) -> Result<Settings, Fault> {
        let mode = match self.mode.as_str() {
            "off" => Mode::Off,
            "token" => Mode::Token,
            "open" => Mode::Open,
            _ => return Err(Fault::new("mode", "Write off, token or open.")),
        };
        let grant_types = self.grant_types.iter().map(|word| {
            // A client of nobody's that asks for itself alone has no scope it could ask for.
            GrantType::from_word(word).filter(|grant| *grant != GrantType::ClientCredentials).ok_or_else(
                || {
                    let what = format!("`{word}` is none of authorization_code, refresh_token, implicit.");
                    Fault::new("grant_types", what)
                },
            )
        });
        let grant_types: Vec<GrantType> = grant_types.collect::<Result<_, _>>()?;
        let response_types = self.response_types.iter().map(|words| {
            ResponseType::parse(words).ok_or_else(|| {
                let known: Vec<&str> = ResponseType::ALL.iter().map(|known| known.as_str()).collect();
                let what = format!("`{words}` is none of {}.", known.join(", "));
                Fault::new("response_types", what)
            })
        });
        let response_types: Vec<ResponseType> = response_types.collect::<Result<_, _>>()?;
        let has_front = response_types.iter().any(|r| r.has_id_token() || r.has_token());
        if has_front && !grant_types.contains(&GrantType::Implicit) {
            let what = "Response types with id_token or token need `implicit` in registration.grant_types.";
            return Err(Fault::new("response_types", what));
        }
        let hosts = self.redirect_hosts.iter().map(|host| {
            plain_host(host).ok_or_else(|| {
                let what = format!("`{host}` is no host: write app.example.org or *.example.org.");
                Fault::new("redirect_hosts", what)
            })
        });
        let redirect_hosts = hosts.collect::<Result<_, _>>()?;
        if self.per_hour == 0 {
            return Err(Fault::new("per_hour", "Take a number from 1, or write mode = \"off\"."));
        }
        Ok(Settings {
            provider: provider::registration::Settings {
                mode,
                policy: Policy { grant_types, response_types, redirect_hosts },
            },
            limit: Limit::new(self.per_hour, 3600),
        })
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A host as addresses have it: lower case, without port; `*.` may stand before it.
fn plain_host(text: &str) -> Option<String> {
    let (star, name) = match text.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", text),
    };
    let host = url::Host::parse(name).ok()?;
    let host = host.to_string();
    (!host.contains('*')).then(|| format!("{star}{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_131_registration_is_off_unless_somebody_says_so() {
        let ours = Given::default().resolve().unwrap();
        assert_eq!(ours.provider, provider::registration::Settings::default());
        assert_eq!(ours.provider.mode, Mode::Off);
        assert_eq!(ours.limit, app::Limits::default().register_address);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        let bad = [
            ("mode", Given { mode: "on".to_owned(), ..Given::default() }),
            ("grant_types", Given { grant_types: words(&["client_credentials"]), ..Given::default() }),
            ("grant_types", Given { grant_types: words(&["password"]), ..Given::default() }),
            ("response_types", Given { response_types: words(&["token"]), ..Given::default() }),
            ("response_types", Given { grant_types: words(&["authorization_code"]), ..Given::default() }),
            ("redirect_hosts", Given { redirect_hosts: words(&["https://a.example"]), ..Given::default() }),
            ("redirect_hosts", Given { redirect_hosts: words(&["a.*.example"]), ..Given::default() }),
            ("redirect_hosts", Given { redirect_hosts: words(&["*"]), ..Given::default() }),
            ("per_hour", Given { per_hour: 0, ..Given::default() }),
        ];
        for (key, given) in bad {
            assert_eq!(given.resolve().unwrap_err().key, key, "{given:?}");
        }
        let good = Given {
            mode: "open".to_owned(),
            grant_types: words(&["implicit", "authorization_code"]),
            response_types: words(&["token id_token code"]),
            redirect_hosts: words(&["App.Example.org", "*.example.com", "[::1]"]),
            ..Given::default()
        };
        let resolved = good.resolve().unwrap().provider;
        assert_eq!(resolved.policy.redirect_hosts, ["app.example.org", "*.example.com", "[::1]"]);
        assert_eq!(resolved.policy.response_types, [ResponseType::CodeIdTokenToken]);
    }
}
