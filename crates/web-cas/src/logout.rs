//! `/cas/logout`: browsers come here to sign out (cas-wire §14).
//!
//! Owns: who sent the browser, the question, the page that tells services by frames. Not here: who is believed
//! (`tickets::logout`), what the session led to (`app`).

use actix_web::http::StatusCode;
use actix_web::http::header::REFERER;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use cas::{LogoutAsked, Params, ServiceUrl};
use tickets::{LogoutOutcome, Source};
use web::{Refused, Visitor, Web, cookies, origin};

use crate::login::{content_type, unreadable};
use crate::pages::{LoggedOut, Logout, SigningOut};
use crate::{Cas, answer};

/// Our own page, where a browser goes that has nowhere else to go.
const HERE: &str = "/cas/logout";

pub(crate) async fn get(req: HttpRequest, cas: Data<Cas>, visitor: Visitor) -> Result<HttpResponse, Refused> {
    let params = Params::parse(req.query_string().as_bytes()).map_err(|_| unreadable())?;
    let asked = LogoutAsked::read(&params);
    let source = source(&req, Web::of(&req)?);
    let outcome = cas.tickets.logout(&asked, &visitor, &source).await?;
    answer(&req, &cas, &visitor, &asked, outcome).await
}

/// A yes in our form. What another site sends comes without our cookies (SameSite=Lax) and without our token: the
/// same as a GET has them.
pub(crate) async fn post(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(&req)?;
    if !cas::rest::is_form(content_type(&req)) {
        return Err(Refused::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let form = Params::parse(&body).map_err(|_| unreadable())?;
    let mut asked = LogoutAsked::read(&form);
    let Some(token) = form.get("csrf") else {
        let query = Params::parse(req.query_string().as_bytes()).map_err(|_| unreadable())?;
        let in_query = LogoutAsked::read(&query);
        asked.service = asked.service.or(in_query.service);
        asked.url = asked.url.or(in_query.url);
        return answer::see_other(&here(&asked));
    };
    origin::check_form(&req, web, visitor.browser.as_ref(), Some(token)).map_err(|refused| {
        if refused.code == "stale_form" { refused.onward(here(&asked)) } else { refused }
    })?;
    let outcome = cas.tickets.logout(&asked, &visitor, &Source::Person).await?;
    answer(&req, &cas, &visitor, &asked, outcome).await
}

/// Who sent the browser. What it says it was told by nobody but the browser: pages cannot forge these headers, only
/// leave `Referer` out. What is loaded into a page is nobody's word: what readers of a forum wrote can load pictures.
fn source(req: &HttpRequest, web: &Web) -> Source {
    let header = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok());
    if header("sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return Source::Unknown;
    }
    if matches!(header("sec-fetch-site"), Some("same-origin" | "none")) {
        return Source::Person;
    }
    match header(REFERER.as_str()).and_then(|text| ServiceUrl::parse(text).ok()) {
        Some(page) if is_ours(&page, web) => Source::Person,
        Some(page) => Source::Page(page),
        None => Source::Unknown,
    }
}

fn is_ours(page: &ServiceUrl, web: &Web) -> bool {
    url::Url::parse(page.as_str()).is_ok_and(|url| url.origin().ascii_serialization() == web.origin())
}

async fn answer(
    req: &HttpRequest,
    cas: &Cas,
    visitor: &Visitor,
    asked: &LogoutAsked,
    outcome: LogoutOutcome,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(req)?;
    let mut page = web.page(req, &[]);
    let (left, onward, link) = match outcome {
        LogoutOutcome::Ask { name, onward } => {
            let cookie = web.ensure_browser(visitor, &mut page);
            // The answer to the form may be a redirect to there.
            if let Some(onward) = &onward {
                page.policy.allow_form_to(onward);
                page.is_https &= !onward.starts_with("http:");
            }
            let mut answer = Logout { page, name, fields: fields(asked) }.answer(StatusCode::OK);
            if let Some(cookie) = cookie {
                answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
            }
            return Ok(answer::kept_by_nobody(answer));
        }
        LogoutOutcome::Out { left, onward, link } => (left, onward, link),
    };
    let frames = match &left {
        Some(left) => cas.told.frames(left).await?,
        None => Vec::new(),
    };
    let mut answer = if !frames.is_empty() {
        for frame in &frames {
            page.policy.allow_frame_of(frame.as_str());
            page.is_https &= frame.scheme() == "https";
        }
        let frames = frames.into_iter().map(String::from).collect();
        let onward = onward.unwrap_or_else(|| here(asked));
        SigningOut { page, frames, onward }.answer(StatusCode::OK)
    } else if let Some(onward) = onward {
        answer::see_other(&onward)?
    } else {
        let link = link.and_then(|address| {
            let host = url::Url::parse(&address).ok()?.host_str()?.to_owned();
            Some((address, host))
        });
        LoggedOut { page, link }.answer(StatusCode::OK)
    };
    if visitor.session.is_some() {
        for cookie in [cookies::forget(cookies::SESSION), cookies::forget_state()] {
            answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
        }
    }
    Ok(answer::kept_by_nobody(answer))
}

/// The request once more, as fields of a form.
fn fields(asked: &LogoutAsked) -> Vec<(&'static str, String)> {
    let all = [("service", &asked.service), ("url", &asked.url)];
    all.into_iter().filter_map(|(name, url)| Some((name, url.as_ref()?.as_str().to_owned()))).collect()
}

/// The request once more, as an address of ours.
fn here(asked: &LogoutAsked) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields(asked)).finish();
    if query.is_empty() { HERE.to_owned() } else { format!("{HERE}?{query}") }
}
