//! Clients that are services of CAS: what only `cas` can say of them, and which of them stand in one another's way.
//!
//! Not here: the JSON of a service (`oidc::registration`), which service an address is (`tickets`).

use app::Refusal;
use cas::ServicePattern;
use cas::answer::is_attribute_name;
use domain::{CasService, Client, ClientId};

use super::ClientRefused;
use crate::Registry;

/// Services that are looked at.
const MOST: u32 = 10_000;
/// Overlaps that are told.
const MOST_TOLD: usize = 20;

/// An address may be two services at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The pattern of the client that was looked at.
    pub service: String,
    /// The other client.
    pub with: ClientId,
    /// Its pattern.
    pub its_service: String,
    /// Whether the other one is taken where both fit.
    pub is_it_first: bool,
}

/// What a service says in the words of `cas`: its patterns, and what it calls its attributes.
pub(super) fn check(client: &Client) -> Result<(), ClientRefused> {
    let Some(service) = &client.metadata.cas else { return Ok(()) };
    patterns("latchbolt_cas.services", &service.services)?;
    for pattern in patterns("latchbolt_cas.proxy_callbacks", &service.proxy_callbacks)? {
        if !pattern.is_https() {
            return Err(wrong("latchbolt_cas.proxy_callbacks", pattern.as_str(), "is not https"));
        }
    }
    match service.attributes.keys().find(|name| !is_attribute_name(name)) {
        Some(name) => Err(wrong(
            "latchbolt_cas.attributes",
            name,
            "is no name for an attribute: letters, digits and _ . - with a letter or _ first, and none of CAS's own",
        )),
        None => Ok(()),
    }
}

fn patterns(member: &'static str, texts: &[String]) -> Result<Vec<ServicePattern>, ClientRefused> {
    let read = |text: &String| {
        // Somebody's regular expression: the stars in it are not what is wrong.
        if !["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(wrong(member, text, "is neither http:// nor https://"));
        }
        ServicePattern::parse(text).map_err(|why| wrong(member, text, &why.to_string()))
    };
    texts.iter().map(read).collect()
}

fn wrong(member: &'static str, what: &str, why: &str) -> ClientRefused {
    ClientRefused::Service { member, why: format!("{} {why}", domain::text::shown(what, 100)) }
}

impl Registry {
    /// An address of a service, for settings and trials; none for a client that is no service.
    #[must_use]
    pub fn example_address(&self, client: &Client) -> Option<String> {
        let services = &client.metadata.cas.as_ref()?.services;
        let patterns = services.iter().filter_map(|text| ServicePattern::parse(text).ok());
        let example = |pattern: ServicePattern| pattern.example().map(|address| address.as_str().to_owned());
        patterns.into_iter().find_map(example)
    }

    /// Where the addresses of a service may be another client's, too: the first 20. Nothing for a client that is no
    /// service.
    ///
    /// # Errors
    /// The store.
    pub async fn service_overlaps(&self, client: &Client) -> Result<Vec<Overlap>, Refusal> {
        let Some(service) = &client.metadata.cas else { return Ok(Vec::new()) };
        let others = self.app.store().read().await?.cas_services(MOST).await?;
        Ok(overlaps(client, service, &others))
    }
}

fn overlaps(client: &Client, service: &CasService, others: &[Client]) -> Vec<Overlap> {
    let read = |service: &CasService| -> Vec<ServicePattern> {
        service.services.iter().filter_map(|text| ServicePattern::parse(text).ok()).collect()
    };
    let own = read(service);
    let mut all = Vec::new();
    for other in others.iter().filter(|other| other.id != client.id) {
        let Some(its) = &other.metadata.cas else { continue };
        let is_it_first = (its.order, other.id.as_str()) < (service.order, client.id.as_str());
        for theirs in read(its) {
            for pattern in own.iter().filter(|own| own.overlaps(&theirs)) {
                all.push(Overlap {
                    service: pattern.as_str().to_owned(),
                    with: other.id.clone(),
                    its_service: theirs.as_str().to_owned(),
                    is_it_first,
                });
                if all.len() == MOST_TOLD {
                    return all;
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use domain::{ClientAuthMethod, ClientMetadata, SigningAlg, Timestamp};

    use super::*;

    fn client(id: &str, order: u32, services: &[&str]) -> Client {
        let cas = CasService {
            services: services.iter().map(ToString::to_string).collect(),
            order,
            ..CasService::default()
        };
        Client {
            id: id.parse().unwrap(),
            name: id.to_owned(),
            is_verified: true,
            is_enabled: true,
            redirect_uris: Vec::new(),
            is_native: false,
            auth_method: ClientAuthMethod::None,
            secret_hash: None,
            scopes: Vec::new(),
            id_token_alg: SigningAlg::ES256,
            requires_pkce: true,
            skips_consent: false,
            requires_phishing_resistant: false,
            skips_check_code: false,
            requires_same_country: false,
            default_max_age: None,
            logo_uri: None,
            client_uri: None,
            policy_uri: None,
            tos_uri: None,
            created_at: Timestamp::from_seconds(1),
            metadata: ClientMetadata { grant_types: Vec::new(), cas: Some(cas), ..ClientMetadata::default() },
        }
    }

    fn why(change: impl FnOnce(&mut CasService)) -> String {
        let mut client = client("a", 0, &["https://a.example/**"]);
        change(client.metadata.cas.as_mut().unwrap());
        check(&client).map_or_else(|refused| refused.to_string(), |()| String::new())
    }

    #[test]
    fn a_service_is_refused_by_the_member_that_is_wrong() {
        assert_eq!(why(|_| {}), "");
        for (bad, says) in [
            ("https://*.example/", "star in its host"),
            ("^https://a\\.example/.*", "is neither http:// nor https://"),
            ("https://a@b.example/", "plain host"),
            ("https://a.example/***", "too many stars"),
            ("https://a.example/../*", "dot segments"),
            ("https://a.example/#x", "fragment"),
            ("ftp://a.example/", "neither http"),
        ] {
            let said = why(|cas| cas.services.push(bad.to_owned()));
            assert!(said.starts_with("latchbolt_cas.services: ") && said.contains(says), "{bad}: {said}");
            let said = why(|cas| cas.proxy_callbacks.push(bad.to_owned()));
            assert!(said.starts_with("latchbolt_cas.proxy_callbacks: "), "{bad}: {said}");
        }
        assert!(why(|cas| cas.proxy_callbacks.push("http://a.example/".to_owned())).contains("not https"));
        for name in ["user", "Proxies", "isFromNewLogin", "credentialtype", "a b", "1a", "a:b", "é", ""] {
            let said = why(|cas| {
                cas.attributes.insert(name.to_owned(), "email".to_owned());
            });
            assert!(said.starts_with("latchbolt_cas.attributes: "), "{name}: {said}");
        }
        let said = why(|cas| {
            cas.attributes.insert("eduPerson.mail-1_x".to_owned(), "email".to_owned());
        });
        assert_eq!(said, "");
    }

    #[test]
    fn overlaps_say_who_is_taken() {
        let one = client("b", 5, &["https://a.example/app/**", "https://b.example/"]);
        let others = [
            one.clone(),
            client("a", 5, &["https://a.example/**"]),
            client("c", 9, &["https://a.example/app/x", "https://c.example/"]),
            client("d", 0, &["https://d.example/**"]),
        ];
        let found = overlaps(&one, one.metadata.cas.as_ref().unwrap(), &others);
        let short: Vec<_> = found.iter().map(|one| (one.with.as_str(), one.is_it_first)).collect();
        assert_eq!(short, [("a", true), ("c", false)]);
        assert_eq!(found[0].service, "https://a.example/app/**");
    }
}
