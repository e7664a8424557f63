//! What a page may do: its Content-Security-Policy and Permissions-Policy (SEC-140, SEC-141).
//!
//! Owns: the two headers. A page starts with nothing allowed but its own scripts (by nonce), styles and
//! pictures, and asks for more by name.

use std::fmt::Write as _;

/// What one page needs beyond the rule.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    form_targets: Vec<String>,
    forms_leave: bool,
    images: Vec<String>,
    frames: Vec<String>,
    /// The page compiles WebAssembly (the scanner).
    pub wasm: bool,
    /// The page uses the camera.
    pub camera: bool,
    /// The name of the one trusted-types policy the page's scripts make; none: they make none.
    pub trusted_types: Option<&'static str>,
}

impl Policy {
    /// Lets forms of the page end at this origin, and at any that redirects from there. Needed where a POST is
    /// answered by a redirect to a relying party: browsers apply `form-action` to redirects too, and to those that
    /// the relying party makes, of which we cannot know (decision 020). Takes an address or an origin; what is no
    /// web or app address is ignored.
    pub fn allow_form_to(&mut self, address: &str) {
        let Some(source) = source_of(address) else { return };
        let onward: &[&str] = match source.split(':').next() {
            Some("https") => &["https:"],
            Some("http") => &["http:", "https:"],
            _ => &[],
        };
        self.form_to(source);
        onward.iter().for_each(|scheme| self.form_to((*scheme).to_owned()));
    }

    fn form_to(&mut self, source: String) {
        if !self.form_targets.contains(&source) {
            self.form_targets.push(source);
        }
    }

    /// The same, but not here: the page's form is the relying party's.
    pub fn form_only_to(&mut self, address: &str) {
        self.forms_leave = true;
        self.form_targets.clear();
        self.allow_form_to(address);
    }

    /// The same where only the host of the way back is known (`app::journeys::Shown::host`): a name without
    /// port, or the scheme of an app with its colon. Plain http counts for loopback hosts, and for an issuer that
    /// is itself without https.
    pub fn allow_form_to_host(&mut self, host: &str, is_https: bool) {
        let is_source = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if let Some(scheme) = host.strip_suffix(':') {
            if is_source(scheme) {
                self.allow_form_to(&format!("{scheme}:/"));
            }
            return;
        }
        let name = host.trim_matches(['[', ']']);
        let is_loopback = name == "localhost"
            || name.ends_with(".localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let schemes: &[&str] = if is_loopback || !is_https { &["https", "http"] } else { &["https"] };
        for scheme in schemes {
            // CSP's grammar has no IPv6 addresses; their scheme has to do.
            if host.starts_with('[') {
                self.form_to(format!("{scheme}:"));
            } else if is_source(host) && !host.is_empty() {
                self.form_to(format!("{scheme}://{host}:*"));
                self.form_to(format!("{scheme}:"));
            }
        }
    }

    /// Lets the page show a picture of this https origin: the operator's own. Pictures of clients come from us.
    pub fn allow_image_from(&mut self, address: &str) {
        if let Some(source) = source_of(address).filter(|source| source.starts_with("https://"))
            && !self.images.contains(&source)
        {
            self.images.push(source);
        }
    }

    /// Lets the page frame this origin.
    pub fn allow_frame_of(&mut self, address: &str) {
        if let Some(source) = source_of(address)
            && !self.frames.contains(&source)
        {
            self.frames.push(source);
        }
    }

    /// The Content-Security-Policy.
    #[must_use]
    pub fn content(&self, nonce: &str, is_https: bool) -> String {
        let mut csp = String::with_capacity(420);
        let wasm = if self.wasm { " 'wasm-unsafe-eval'" } else { "" };
        let _ = write!(
            csp,
            "default-src 'none'; script-src 'nonce-{nonce}'{wasm}; style-src 'nonce-{nonce}'; connect-src 'self'; img-src 'self'"
        );
        for image in &self.images {
            let _ = write!(csp, " {image}");
        }
        for (at, frame) in self.frames.iter().enumerate() {
            csp.push_str(if at == 0 { "; frame-src " } else { " " });
            csp.push_str(frame);
        }
        csp.push_str("; form-action");
        match (self.forms_leave, self.form_targets.is_empty()) {
            (true, true) => csp.push_str(" 'none'"),
            (true, false) => {}
            (false, _) => csp.push_str(" 'self'"),
        }
        for target in &self.form_targets {
            let _ = write!(csp, " {target}");
        }
        csp.push_str(
            "; manifest-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types ",
        );
        csp.push_str(self.trusted_types.unwrap_or("'none'"));
        if is_https {
            csp.push_str("; upgrade-insecure-requests");
        }
        csp
    }

    /// The Permissions-Policy.
    #[must_use]
    pub const fn permissions(&self) -> &'static str {
        if self.camera { WITH_CAMERA } else { PERMISSIONS }
    }
}

/// Nothing but passkeys of our own.
pub const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)";
const WITH_CAMERA: &str = "accelerometer=(), camera=(self), display-capture=(), geolocation=(), gyroscope=(), hid=(), microphone=(), midi=(), payment=(), serial=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)";

/// The end of the policy of a page that any site may frame, because it shows nothing and does nothing for anybody.
pub const FRAMED_BY_ALL: &str = "; frame-ancestors *";

/// The policy of whatever is no page.
pub const NO_PAGE: &str =
    "default-src 'none'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A source expression (CSP 3 §2.3.1) for the origin of an address: `https://shop.example:8443`, or the scheme
/// alone for an app (`com.example.app:`) and for a host that the grammar cannot say (IPv6).
fn source_of(address: &str) -> Option<String> {
    let url = url::Url::parse(address).ok()?;
    let scheme = url.scheme();
    if matches!(scheme, "javascript" | "data" | "blob" | "file" | "vbscript" | "about") {
        return None;
    }
    if !matches!(scheme, "http" | "https") {
        return Some(format!("{scheme}:"));
    }
    match url.host()? {
        url::Host::Ipv6(_) => Some(format!("{scheme}:")),
        host => Some(match url.port() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_140_a_page_may_do_little() {
        let csp = Policy::default().content("abc", true);
        for part in [
            "default-src 'none'",
            "script-src 'nonce-abc'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self';",
            "require-trusted-types-for 'script'",
        ] {
            assert!(csp.contains(part), "{part}");
        }
        assert!(!csp.contains("unsafe"));
    }

    #[test]
    fn a_page_frames_only_the_origins_it_names() {
        assert!(!Policy::default().content("n", true).contains("frame-src"));
        let mut policy = Policy::default();
        for address in ["https://a.example/out?x=1", "https://b.example:8443/", "https://a.example/other"] {
            policy.allow_frame_of(address);
        }
        policy.allow_frame_of("javascript:alert(1)");
        let csp = policy.content("n", true);
        assert!(csp.contains("; frame-src https://a.example https://b.example:8443; "), "{csp}");
    }

    #[test]
    fn origins_become_sources_and_nothing_else_slips_in() {
        for (address, expected) in [
            ("https://shop.example/cb?x=1", Some("https://shop.example")),
            ("http://localhost:8401/cb", Some("http://localhost:8401")),
            ("http://[::1]:9000/cb", Some("http:")),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("javascript:alert(1)", None),
            ("https://a.example; script-src *", None),
            ("nothing", None),
        ] {
            assert_eq!(source_of(address).as_deref(), expected, "{address}");
        }
        for (host, is_https, expected) in [
            ("shop.example", true, "form-action 'self' https://shop.example:* https:;"),
            ("localhost", true, "form-action 'self' https://localhost:* https: http://localhost:* http:;"),
            ("127.0.0.1", true, "form-action 'self' https://127.0.0.1:* https: http://127.0.0.1:* http:;"),
            ("[::1]", true, "form-action 'self' https: http:;"),
            ("com.example.app:", true, "form-action 'self' com.example.app:;"),
            (
                "shop.example",
                false,
                "form-action 'self' https://shop.example:* https: http://shop.example:* http:;",
            ),
            ("a; script-src *", true, "form-action 'self';"),
            ("javascript:", true, "form-action 'self';"),
            ("", true, "form-action 'self';"),
        ] {
            let mut policy = Policy::default();
            policy.allow_form_to_host(host, is_https);
            assert!(
                policy.content("n", is_https).contains(expected),
                "{host}: {}",
                policy.content("n", is_https)
            );
        }
        for (address, expected) in [
            ("https://shop.example:8443/cb?x=1", "form-action https://shop.example:8443 https:;"),
            ("javascript:alert(1)", "form-action 'none';"),
        ] {
            let mut policy = Policy::default();
            policy.form_only_to(address);
            assert!(policy.content("n", true).contains(expected), "sec_101: {address}");
        }
        let mut policy = Policy::default();
        policy.allow_form_to("https://shop.example/cb");
        policy.allow_image_from("http://plain.example/logo.png");
        policy.allow_image_from("https://cdn.example/logo.png");
        let csp = policy.content("n", false);
        assert!(csp.contains("form-action 'self' https://shop.example https:;"));
        assert!(csp.contains("img-src 'self' https://cdn.example;") && !csp.contains("plain.example"));
    }
}
