//! Our cookies (SEC-142).
//!
//! Owns: their names and attributes. Three hold secrets: `__Host-`, `Secure`, `HttpOnly`, `Path=/`, `SameSite=Lax`;
//! their values are random and say nothing. The fourth is no secret, opens nothing, and is there for a script of
//! ours in frames of other sites (OpenID Connect Session Management §3.2), so it is neither `HttpOnly` nor `Lax`.
//! Not here: what the secrets open (`app::sessions`, `signin`).

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::COOKIE;
use app::Secret;

/// Before sign-in: binds a journey and its channel to this browser (SEC-010).
pub const BROWSER: &str = "__Host-lb_browser";
/// After sign-in: opens the browser session.
pub const SESSION: &str = "__Host-lb_session";
/// "This browser was used before", for 400 days.
pub const KNOWN: &str = "__Host-lb_known";

/// The browser's state, for clients' pages to learn that it changed (`App::browser_state`).
pub const STATE: &str = "__Host-lb_state";

/// The cookie with the browser secret.
#[must_use]
pub fn browser(secret: &Secret) -> Cookie<'static> {
    build(BROWSER, secret, None)
}

/// The cookie with the session secret. It ends with the browser; the server ends the session itself.
#[must_use]
pub fn session(secret: &Secret) -> Cookie<'static> {
    build(SESSION, secret, None)
}

/// The cookie with the browser mark.
#[must_use]
pub fn known(secret: &Secret) -> Cookie<'static> {
    build(KNOWN, secret, Some(Duration::days(400)))
}

/// The cookie with the browser's state. It ends with the browser, as the session's does.
#[must_use]
pub fn state(value: &str) -> Cookie<'static> {
    shared(value.to_owned()).finish()
}

/// Takes the cookie with the browser's state away.
#[must_use]
pub fn forget_state() -> Cookie<'static> {
    shared(String::new()).max_age(Duration::ZERO).finish()
}

/// Takes a cookie away from the browser.
#[must_use]
pub fn forget(name: &'static str) -> Cookie<'static> {
    plain(name, String::new(), Some(Duration::ZERO))
}

fn shared(value: String) -> actix_web::cookie::CookieBuilder<'static> {
    Cookie::build(STATE, value).secure(true).http_only(false).path("/").same_site(SameSite::None)
}

fn build(name: &'static str, secret: &Secret, max_age: Option<Duration>) -> Cookie<'static> {
    plain(name, secret.text().to_string(), max_age)
}

fn plain(name: &'static str, value: String, max_age: Option<Duration>) -> Cookie<'static> {
    let cookie = Cookie::build(name, value).secure(true).http_only(true).path("/").same_site(SameSite::Lax);
    match max_age {
        Some(max_age) => cookie.max_age(max_age).finish(),
        None => cookie.finish(),
    }
}

/// The secret in a cookie. A malformed value counts as none (SEC-143). Read without actix's cookie jar, which
/// would copy every cookie.
#[must_use]
pub fn read(req: &HttpRequest, name: &str) -> Option<Secret> {
    req.headers()
        .get_all(COOKIE)
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
        .and_then(Secret::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn secret(byte: u8) -> Secret {
        use base64::Engine;
        Secret::parse(&base64::prelude::BASE64_URL_SAFE_NO_PAD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn sec_142_cookies_are_host_bound_and_hidden_from_scripts() {
        for cookie in [browser(&secret(1)), session(&secret(2)), known(&secret(3)), forget(SESSION)] {
            let text = cookie.to_string();
            assert!(text.starts_with("__Host-lb_"), "{text}");
            for part in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
                assert!(text.contains(part), "{text}: {part}");
            }
            assert!(!text.contains("Domain") && text.len() < 300);
        }
        assert!(known(&secret(3)).to_string().contains("Max-Age=34560000"));
    }

    #[test]
    fn the_browsers_state_is_for_scripts_in_frames_and_still_bound_to_the_host() {
        for cookie in [state("abc"), forget_state()] {
            let text = cookie.to_string();
            assert!(text.starts_with("__Host-lb_state="), "{text}");
            for part in ["; SameSite=None", "; Secure", "; Path=/"] {
                assert!(text.contains(part), "{text}: {part}");
            }
            assert!(!text.contains("HttpOnly") && !text.contains("Domain"), "{text}");
        }
        assert!(forget_state().to_string().contains("Max-Age=0"));
    }

    #[test]
    fn sec_143_a_malformed_cookie_is_none() {
        let good = secret(9).text().to_string();
        let seen = |line: String| {
            let req = TestRequest::default().insert_header((COOKIE, line)).to_http_request();
            read(&req, SESSION).map(|s| s.text().to_string())
        };
        assert_eq!(seen(format!("a=b; {SESSION}={good}; c=d")), Some(good.clone()));
        for bad in ["", "x", &good[1..], &format!("{good}A"), &"A".repeat(5000), "\"\""] {
            assert_eq!(seen(format!("{SESSION}={bad}")), None, "{bad}");
        }
        assert_eq!(seen(format!("x{SESSION}={good}")), None);
    }
}
