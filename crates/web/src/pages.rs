//! The pages every door shares.
//!
//! Owns: the refusal page and which sentence goes with which word.

use actix_web::HttpResponse;

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
        "invalid_request" | "method_not_allowed" | "wrong_content_type" => &t.invalid_request,
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

#[cfg(test)]
mod tests {
    use crate::{Web, markup};

    #[test]
    fn every_page_renders_in_every_language() {
        for lang in ["en", "de"] {
            for (name, html) in super::samples(&|| Web::sample_page(lang).unwrap()).unwrap() {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} ({lang})");
                assert!(html.contains("id=\"refused\"") && html.contains("data-error="), "{name}");
                assert!(!html.contains("<b>\""), "{name} escapes");
            }
        }
    }
}
