//! The pages every door shares.
//!
//! Owns: the refusal page and which sentence goes with which word, and the page that carries an answer to a
//! relying party by a form.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use app::FormPost;

use crate::page::Page;
use crate::refused::Refused;

crate::pages! {
    /// A refusal, shown to the person (`main#refused[data-error]`).
    RefusedPage {
        /// The public word.
        code: String,
        /// The sentence in the person's language.
        sentence: String,
        /// Where the person can go on; none: the start page.
        onward: Option<String>,
    } "pages/refused.html" samples_of;
    /// An answer on its way to a relying party (`form#response`, OAuth 2.0 Form Post Response Mode). It sends
    /// itself; who has no script presses the button.
    ResponsePage {
        /// Where to, and what.
        form: FormPost,
        /// The host people know the address by.
        host: String,
    } "pages/response.html" samples_of_response;
}

/// The page that carries an answer. Its form goes to that address, and on to where the one who asked
/// sends the browser from there.
#[must_use]
pub fn response(mut page: Page, form: FormPost) -> HttpResponse {
    page.policy.form_only_to(&form.action);
    let url = url::Url::parse(&form.action).ok();
    // Apps on loopback listen without TLS: the browser must not be told to come with it.
    page.is_https &= url.as_ref().is_none_or(|url| url.scheme() != "http");
    let host = url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    ResponsePage { page, form, host }.answer(StatusCode::OK)
}

/// The page for a refusal.
#[must_use]
pub fn refused(page: Page, refused: &Refused) -> HttpResponse {
    let sentence = sentence(&page, &refused.code).to_owned();
    let onward = refused.onward.as_deref().map(str::to_owned);
    RefusedPage { page, code: refused.code.to_string(), sentence, onward }.answer(refused.status)
}

fn sentence<'p>(page: &'p Page, code: &str) -> &'p str {
    let t = &page.t.refused;
    match code {
        "unknown_client" => &t.unknown_client,
        "invalid_redirect_uri" => &t.invalid_redirect_uri,
        "invalid_request" | "invalid_request_object" | "method_not_allowed" | "wrong_content_type" => {
            &t.invalid_request
        }
        "invalid_request_uri" => &t.request_uri,
        "not_found" => &t.not_found,
        "gone" => &t.gone,
        "slow_down" => &t.slow_down,
        "temporarily_unavailable" => &t.busy,
        "forbidden" | "access_denied" | "step_up_needed" => &t.forbidden,
        "cross_site" => &t.cross_site,
        "stale_form" => &t.stale_form,
        "no_cookie" => &t.no_cookie,
        "too_large" => &t.too_large,
        "server_error" => &t.server_error,
        "login_required" => &t.login_required,
        _ => &t.other,
    }
}

fn samples_of(page: &dyn Fn() -> Page) -> Vec<(&'static str, RefusedPage)> {
    [
        "unknown_client",
        "invalid_redirect_uri",
        "invalid_request_uri",
        "gone",
        "slow_down",
        "temporarily_unavailable",
        "stale_form",
        "<b>\"'",
    ]
    .into_iter()
    .map(|code| {
        let page = page();
        let sentence = sentence(&page, code).to_owned();
        let has_way = matches!(code, "stale_form" | "temporarily_unavailable");
        let onward = has_way.then(|| "/login".to_owned());
        let name = if code.starts_with('<') { "hostile" } else { code };
        (name, RefusedPage { page, code: code.to_owned(), sentence, onward })
    })
    .collect()
}

fn samples_of_response(page: &dyn Fn() -> Page) -> Vec<(&'static str, ResponsePage)> {
    let hostile = "\"><script>alert('1')</script>&amp;";
    let fields = [("code", "c0de"), ("state", hostile), ("iss", "https://id.example")];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let form = FormPost { action: "https://shop.example/cb?a=1&b=2".to_owned(), fields };
    vec![("hostile", ResponsePage { page: page(), form, host: "shop.example".to_owned() })]
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use app::FormPost;

    use crate::{Web, markup};

    #[actix_web::test]
    async fn sec_101_a_form_goes_to_the_one_who_asked_and_nowhere_else() {
        for (action, may_go, upgrades) in [
            ("https://shop.example:444/cb?x=1", "form-action https://shop.example:444 https:;", true),
            ("http://127.0.0.1:9/cb", "form-action http://127.0.0.1:9 http: https:;", false),
        ] {
            let fields = vec![("state".to_owned(), "\"><img src=x>'&".to_owned())];
            let form = FormPost { action: action.to_owned(), fields };
            let answer = super::response(Web::sample_page("en").unwrap(), form);
            let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
            let csp = header("content-security-policy");
            assert!(csp.contains(may_go), "{csp}");
            assert_eq!(csp.contains("upgrade-insecure-requests"), upgrades);
            assert_eq!(header("cache-control"), "no-store");
            let html = String::from_utf8(to_bytes(answer.into_body()).await.unwrap().to_vec()).unwrap();
            assert!(html.contains("<form id=\"response\" method=\"post\"") && !html.contains("<img src=x"));
        }
    }

    #[test]
    fn every_page_renders_in_every_language() {
        for lang in ["en", "de"] {
            for (name, html) in super::samples(&|| Web::sample_page(lang).unwrap()).unwrap() {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} ({lang})");
                let is_refusal = html.contains("id=\"refused\"") && html.contains("data-error=");
                assert!(is_refusal || html.contains("id=\"response\""), "{name}");
                assert!(!html.contains("<b>\"") && !html.contains("<script>"), "{name} escapes");
            }
        }
    }
}
