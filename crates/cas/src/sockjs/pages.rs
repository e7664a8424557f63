//! The texts that SockJS answers outside of sessions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The bare path's answer, `text/plain;charset=UTF-8`.
pub const GREETING: &str = "Welcome to SockJS!\n";
/// The answer to `htmlfile` without a good callback, status 500.
pub const NO_CALLBACK: &str = "\"callback\" parameter required";

/// `/info` (§6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Fresh randomness.
    pub entropy: i32,
}

impl Info {
    /// `Content-Type`.
    pub const CONTENT_TYPE: &'static str = "application/json;charset=UTF-8";

    /// The body.
    #[must_use]
    pub fn json(self) -> String {
        format!(r#"{{"entropy":{},"origins":["*:*"],"cookie_needed":true,"websocket":true}}"#, self.entropy)
    }
}

/// What the frame's page does itself: the public suite of SockJS demands these words.
const START: &str = "
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  ";

/// The page of the iframe transports: it loads a script that names itself `SockJS`, and starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IframePage {
    /// The whole text, `text/html;charset=UTF-8`.
    pub text: String,
    /// The source expression that lets the page's own line run (CSP 3 §2.3.1): `'sha256-…'`.
    pub inline_source: String,
}

impl IframePage {
    /// The page for a script at this address, which is the server's own.
    #[must_use]
    pub fn new(script: &str) -> Self {
        let script = script.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        let text = format!(
            r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{script}"></script>
  <script>{START}</script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#
        );
        let inline_source = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(START.as_bytes())));
        Self { text, inline_source }
    }
}

/// Whether `c=` names a function that a page may call: `[0-9A-Za-z_.]+`.
#[must_use]
pub fn is_callback(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

/// What an `htmlfile` answer begins with, for a good callback: at least 1024 bytes. `nonce` lets its script run.
#[must_use]
pub fn htmlfile_head(callback: &str, nonce: &str) -> Option<String> {
    if !is_callback(callback) {
        return None;
    }
    let mut head = format!(
        r#"<!doctype html>
<html><head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
</head><body><h2>Don't panic!</h2>
  <script nonce="{nonce}">
    document.domain = document.domain;
    var c = parent.{callback};
    c.start();
    function p(d) {{c.message(d);}};
    window.onload = c.stop;
  </script>"#
    );
    let missing = 1024usize.saturating_sub(head.len());
    head.push_str(&" ".repeat(missing));
    head.push_str("\r\n\r\n");
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_has_the_four_members() {
        let info: serde_json::Value = serde_json::from_str(&Info { entropy: -5 }.json()).unwrap();
        assert_eq!((info["entropy"].as_i64(), info["websocket"].as_bool()), (Some(-5), Some(true)));
        assert_eq!(info["origins"][0], "*:*");
    }

    #[test]
    fn the_iframe_page_loads_a_script_and_starts_it() {
        let page = IframePage::new("/cas/a.js?x=\"&y");
        assert!(page.text.contains(r#"<script src="/cas/a.js?x=&quot;&amp;y"></script>"#));
        let inline = page.text.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
        assert!(inline.contains("SockJS.bootstrap_iframe();"));
        let hash = STANDARD.encode(Sha256::digest(inline.as_bytes()));
        assert_eq!(page.inline_source, format!("'sha256-{hash}'"));
    }

    #[test]
    fn only_names_are_callbacks() {
        let head = htmlfile_head("_jp.abc_1", "a1").unwrap();
        assert!(
            head.contains("<script nonce=\"a1\">")
                && head.contains("var c = parent._jp.abc_1;")
                && head.len() == 1028
                && head.ends_with("\r\n\r\n")
        );
        for bad in ["", "a;b", "a</script>", "a b", "a-b", "ä", &"a".repeat(101)] {
            assert_eq!(htmlfile_head(bad, "a1"), None, "{bad}");
        }
    }
}
