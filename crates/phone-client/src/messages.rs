//! The messages a phone signs, built for this library's callers.
//!
//! Each is text: a label, then `name=value` lines, each ended by a line feed. A value that holds a line
//! break is refused, so no value can add a line. The vectors in `testdata/messages.json` hold the form
//! still for every program that builds it (this library, the server, the web app).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::error::{PhoneError, Result};

pub(crate) struct Claiming<'a> {
    pub issuer: &'a str,
    pub channel: &'a str,
    pub device: &'a str,
    pub challenge: &'a str,
}

pub(crate) struct Approval<'a> {
    pub issuer: &'a str,
    pub channel: &'a str,
    pub nonce: &'a str,
    /// The exact text; its hash is signed.
    pub facts: &'a str,
    pub client: Option<&'a str>,
    pub account: &'a str,
    pub device: &'a str,
    pub decision: &'a str,
    pub uv: bool,
    pub code: Option<&'a str>,
    pub time: i64,
}

pub(crate) struct Enrolling<'a> {
    pub issuer: &'a str,
    pub enrolment: &'a str,
    pub nonce: &'a str,
    pub key: &'a str,
    pub name: &'a str,
    pub platform: &'a str,
}

pub(crate) struct Deed<'a> {
    pub issuer: &'a str,
    pub device: &'a str,
    pub challenge: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub body: &'a [u8],
}

pub(crate) fn claim(it: &Claiming<'_>) -> Result<String> {
    build(
        "latchbolt-claim-v1",
        &[("issuer", it.issuer), ("channel", it.channel), ("device", it.device), ("challenge", it.challenge)],
    )
}

pub(crate) fn approval(it: &Approval<'_>) -> Result<String> {
    build(
        "latchbolt-approval-v1",
        &[
            ("issuer", it.issuer),
            ("channel", it.channel),
            ("nonce", it.nonce),
            ("facts", &hash(it.facts.as_bytes())),
            ("client", it.client.unwrap_or("-")),
            ("account", it.account),
            ("device", it.device),
            ("decision", it.decision),
            ("uv", if it.uv { "true" } else { "false" }),
            ("code", it.code.unwrap_or("-")),
            ("time", &it.time.to_string()),
        ],
    )
}

pub(crate) fn enrolment(it: &Enrolling<'_>) -> Result<String> {
    build(
        "latchbolt-enrolment-v1",
        &[
            ("issuer", it.issuer),
            ("enrolment", it.enrolment),
            ("nonce", it.nonce),
            ("key", it.key),
            ("name", it.name),
            ("platform", it.platform),
            ("agree", "true"),
        ],
    )
}

pub(crate) fn deed(it: &Deed<'_>) -> Result<String> {
    let body = if it.body.is_empty() { "-".to_owned() } else { hash(it.body) };
    build(
        "latchbolt-device-v1",
        &[
            ("issuer", it.issuer),
            ("device", it.device),
            ("challenge", it.challenge),
            ("method", it.method),
            ("path", it.path),
            ("body", &body),
        ],
    )
}

fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))
}

fn build(label: &str, lines: &[(&str, &str)]) -> Result<String> {
    let mut text = String::with_capacity(512);
    text.push_str(label);
    text.push('\n');
    for (name, value) in lines {
        if value.contains(['\n', '\r']) {
            return Err(PhoneError::Nonsense(format!("a line break in {name}")));
        }
        text.push_str(name);
        text.push('=');
        text.push_str(value);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn text<'a>(given: &'a Value, name: &str) -> &'a str {
        given[name].as_str().unwrap_or_else(|| panic!("{name} in the vectors"))
    }

    fn built(kind: &str, given: &Value) -> Result<String> {
        let t = |name| text(given, name);
        match kind {
            "claim" => claim(&Claiming {
                issuer: t("issuer"),
                channel: t("channel"),
                device: t("device"),
                challenge: t("challenge"),
            }),
            "approval" => approval(&Approval {
                issuer: t("issuer"),
                channel: t("channel"),
                nonce: t("nonce"),
                facts: t("facts"),
                client: given["client"].as_str(),
                account: t("account"),
                device: t("device"),
                decision: t("decision"),
                uv: given["uv"].as_bool().unwrap(),
                code: given["code"].as_str(),
                time: given["time"].as_i64().unwrap(),
            }),
            "enrolment" => enrolment(&Enrolling {
                issuer: t("issuer"),
                enrolment: t("enrolment"),
                nonce: t("nonce"),
                key: t("key"),
                name: t("name"),
                platform: t("platform"),
            }),
            "device" => deed(&Deed {
                issuer: t("issuer"),
                device: t("device"),
                challenge: t("challenge"),
                method: t("method"),
                path: t("path"),
                body: t("body").as_bytes(),
            }),
            other => panic!("unknown kind {other}"),
        }
    }

    #[test]
    fn sec_030_the_messages_are_those_of_the_shared_vectors() {
        let vectors: Value = serde_json::from_str(include_str!("../testdata/messages.json")).unwrap();
        let messages = vectors["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 7);
        for vector in messages {
            let kind = vector["kind"].as_str().unwrap();
            assert_eq!(built(kind, &vector["given"]).unwrap(), vector["text"].as_str().unwrap(), "{kind}");
        }
    }

    #[test]
    fn sec_030_no_value_can_add_a_line() {
        let attack = Claiming { issuer: "i", channel: "c\ndevice=other", device: "d", challenge: "x" };
        assert!(claim(&attack).is_err());
    }
}
