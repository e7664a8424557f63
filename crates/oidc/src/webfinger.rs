//! Finding the provider of an address (RFC 7033, OpenID Connect Discovery §2).
//!
//! Owns: reading the question, and whether it is about our host. The answer is the same for every name at it: it
//! says nothing about who has an account. Not here: serving it (`web-oidc`).

use serde_json::{Value, json};
use url::Url;

use crate::Params;

/// The relation that names an OpenID provider.
pub const ISSUER: &str = "http://openid.net/specs/connect/1.0/issuer";

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    resource: String,
    /// Host and port, in lower case; the port only where it was written.
    host: String,
    relations: Vec<String>,
}

/// A question is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadResource {
    /// There is no `resource`, more than one, or it names no host (RFC 7033 §4.2: 400).
    #[error("resource is missing or malformed")]
    Malformed,
    /// It is at another host (RFC 7033 §4.2: 404).
    #[error("resource is not here")]
    Foreign,
}

impl Asked {
    /// Reads the parameters `resource` and `rel`.
    ///
    /// # Errors
    /// [`BadResource::Malformed`].
    pub fn read(params: &Params) -> Result<Self, BadResource> {
        let resource = params.get("resource").filter(|_| !params.is_repeated("resource"));
        let resource = resource.ok_or(BadResource::Malformed)?;
        let host = host_of(resource).ok_or(BadResource::Malformed)?;
        let relations = params.all("rel").map(str::to_owned).collect();
        Ok(Self { resource: resource.to_owned(), host, relations })
    }

    /// The answer of this issuer (RFC 7033 §4.4).
    ///
    /// # Errors
    /// [`BadResource::Foreign`].
    pub fn answer(&self, issuer: &str) -> Result<Value, BadResource> {
        let ours = Url::parse(issuer).map_err(|_| BadResource::Foreign)?;
        let name = ours.host_str().ok_or(BadResource::Foreign)?;
        let with_port = ours.port_or_known_default().map(|port| format!("{name}:{port}"));
        if self.host != name && Some(&self.host) != with_port.as_ref() {
            return Err(BadResource::Foreign);
        }
        let is_asked = self.relations.is_empty() || self.relations.iter().any(|rel| rel == ISSUER);
        let links = if is_asked { json!([{ "rel": ISSUER, "href": issuer }]) } else { json!([]) };
        Ok(json!({ "subject": self.resource, "links": links }))
    }
}

/// The host of `acct:name@host`, of an https or http address, or of a bare `name@host` (OpenID Connect Discovery
/// §2.1.2).
fn host_of(resource: &str) -> Option<String> {
    if !resource.bytes().all(|b| (0x21..=0x7e).contains(&b)) {
        return None;
    }
    if resource.starts_with("https://") || resource.starts_with("http://") {
        let url = Url::parse(resource).ok()?;
        let host = url.host_str()?;
        return Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        });
    }
    let (name, host) = resource.strip_prefix("acct:").unwrap_or(resource).rsplit_once('@')?;
    // What is written with a scheme that is not read here is no address of ours.
    if name.is_empty() || name.contains("://") {
        return None;
    }
    let url = Url::parse(&format!("https://{host}/")).ok()?;
    let is_bare = !host.is_empty() && !host.contains(['/', '?', '#', '\\']) && url.username().is_empty();
    let name = url.host_str().filter(|_| is_bare)?;
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|_| !host.ends_with(']'));
    Some(port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str, issuer: &str) -> Result<Value, BadResource> {
        Asked::read(&Params::parse(query.as_bytes()).unwrap())?.answer(issuer)
    }

    fn about(resource: &str) -> Result<Value, BadResource> {
        let mut query = "resource=".to_owned();
        domain::form::percent_encode(resource, &mut query);
        ask(&query, "https://id.example")
    }

    #[test]
    fn everybody_at_our_host_has_this_provider() {
        for ours in [
            "acct:ada@id.example",
            "acct:nobody%40x@id.example",
            "acct:ada@ID.example:443",
            "ada@id.example",
            "https://id.example",
            "https://id.example/ada",
            "https://id.example:443/",
        ] {
            let found = about(ours).unwrap();
            assert_eq!(found["subject"], ours);
            assert_eq!(found["links"], json!([{"rel": ISSUER, "href": "https://id.example"}]));
        }
    }

    #[test]
    fn others_are_not_ours_and_nonsense_is_told() {
        for foreign in [
            "acct:ada@other.example",
            "acct:ada@id.example.evil",
            "acct:ada@id.example:8443",
            "https://other.example/@id.example",
            "https://id.example@evil.example/",
        ] {
            assert_eq!(about(foreign), Err(BadResource::Foreign), "{foreign}");
        }
        for bad in [
            "ada",
            "acct:ada",
            "acct:@id.example",
            "acct:ada@",
            "acct:ada@id.example/x",
            "mailto://a@b",
            "a b@id.example",
        ] {
            assert_eq!(about(bad), Err(BadResource::Malformed), "{bad}");
        }
        for bad in ["", "rel=x", "resource=", "resource=a%40id.example&resource=b%40id.example"] {
            assert_eq!(ask(bad, "https://id.example"), Err(BadResource::Malformed), "{bad}");
        }
    }

    #[test]
    fn relations_that_were_not_asked_for_are_left_out() {
        let about = "resource=acct%3Aada%40localhost%3A8400";
        let issuer = "http://localhost:8400";
        assert_eq!(ask(about, issuer).unwrap()["links"][0]["href"], issuer);
        assert_eq!(ask(&format!("{about}&rel=other"), issuer).unwrap()["links"], json!([]));
        let both = format!("{about}&rel=other&rel=http%3A%2F%2Fopenid.net%2Fspecs%2Fconnect%2F1.0%2Fissuer");
        assert_eq!(ask(&both, issuer).unwrap()["links"][0]["rel"], ISSUER);
    }
}
