//! `/cas/login`: browsers come here for a ticket, and forms bring credentials (cas-wire §13).
//!
//! The page that asks is the shared one at `/login`. A form that comes here names its journey, and shows that it is
//! ours, in the one field that CAS has for it: `execution`.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use app::{FormPost, Refusal};
use cas::login::{Posted, SERVICE_HEADER, TICKET_HEADER};
use cas::{LoginAsked, LoginPosted, Params};
use domain::JourneyId;
use secrecy::SecretString;
use signin::CasRedeemed;
use tickets::{Answer, LoginOutcome};
use web::{Refused, Visitor, Web, cookies, origin};

use crate::pages::{NotRegistered, SignedIn};
use crate::{Cas, answer, confirm};

const TICKET: HeaderName = HeaderName::from_static(TICKET_HEADER);
const SERVICE: HeaderName = HeaderName::from_static(SERVICE_HEADER);

pub(crate) async fn get(req: HttpRequest, cas: Data<Cas>, visitor: Visitor) -> Result<HttpResponse, Refused> {
    let asked = Params::parse(req.query_string().as_bytes()).map_err(|_| unreadable())?;
    ask(&req, &cas, &visitor, &asked).await
}

/// A request for a ticket: answered at once, or on the sign-in page.
async fn ask(
    req: &HttpRequest,
    cas: &Cas,
    visitor: &Visitor,
    params: &Params,
) -> Result<HttpResponse, Refused> {
    let web = Web::of(req)?;
    // An address that cannot be anybody's is no registered one.
    let Ok(asked) = LoginAsked::read(params) else { return Ok(not_registered(req, web, &[])) };
    let locales: Vec<String> = asked.locale.iter().cloned().collect();
    Ok(answer::kept_by_nobody(match cas.tickets.login(&asked, visitor).await? {
        LoginOutcome::Back(Answer::SeeOther(location)) => answer::see_other(&location)?,
        LoginOutcome::Back(Answer::Form { action, ticket }) => {
            let fields = vec![("ticket".to_owned(), ticket.text().to_owned())];
            web::pages::response(web.page(req, &locales), FormPost { action, fields })
        }
        LoginOutcome::Back(Answer::Headers { service, ticket }) => {
            let value =
                |text: &str| HeaderValue::from_str(text).map_err(|error| Refusal::Corrupt(error.to_string()));
            let mut headers = answer::plain(StatusCode::OK, "");
            headers.headers_mut().insert(TICKET, value(ticket.text())?);
            headers.headers_mut().insert(SERVICE, value(&service.location())?);
            headers
        }
        LoginOutcome::SignIn { url, browser } => {
            let mut answer = answer::see_other(&url)?;
            if let Some(secret) = browser {
                let cookie = cookies::browser(&secret);
                answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
            }
            answer
        }
        LoginOutcome::SignedIn { name } => {
            SignedIn { page: web.page(req, &locales), name }.answer(StatusCode::OK)
        }
        LoginOutcome::NotRegistered => not_registered(req, web, &locales),
    }))
}

/// A form of ours (§13.2), or of whoever knows nothing of our page: that one gets the page.
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
    let query = Params::parse(req.query_string().as_bytes()).map_err(|_| unreadable())?;
    let LoginPosted { execution, posted, .. } = LoginPosted::read(&form);
    let anew = || async {
        let is_asked_in_query = query.get("service").is_some();
        ask(&req, &cas, &visitor, if is_asked_in_query { &query } else { &form }).await
    };
    let Some(id) = journey(&req, web, &visitor, execution.as_deref())? else {
        // Out of date, because somebody signed in in another tab: the page once more, rather than a new beginning.
        let named = execution.as_deref().and_then(origin::read_execution);
        let named = named.and_then(|(id, _)| id.parse::<JourneyId>().ok());
        let is_asked_anew = query.get("service").or(form.get("service")).is_some();
        return match named.filter(|_| !is_asked_anew) {
            Some(id) => answer::see_other(&format!("/login?journey={id}")),
            None => anew().await,
        };
    };
    let page = |username, done| (cas.page)(req.clone(), id, username, done);
    let answered = match posted {
        Posted::Password { username, password } => {
            let password = SecretString::from(password.expose().to_owned());
            match cas.signin.password(&id, &visitor, &username, &password).await {
                Err(Refusal::Gone) => return anew().await,
                done => page(Some(username), done).await?,
            }
        }
        Posted::Phone { handle, device } if cas.offers.phones => {
            match cas.signin.cas_redeem(&id, &visitor, handle.expose(), &device).await {
                Ok(CasRedeemed::Done(progress)) => page(None, Ok(progress)).await?,
                Ok(CasRedeemed::Confirm(_)) => answer::see_other(&confirm::path(&id))?,
                Err(Refusal::Gone) => return anew().await,
                Err(refusal) => page(None, Err(refusal)).await?,
            }
        }
        Posted::Phone { .. } | Posted::Nothing => return anew().await,
    };
    Ok(answer::kept_by_nobody(answered))
}

/// The journey that a form of ours names; none: the form names none, or is out of date.
pub(crate) fn journey(
    req: &HttpRequest,
    web: &Web,
    visitor: &Visitor,
    execution: Option<&str>,
) -> Result<Option<JourneyId>, Refused> {
    let Some((id, token)) = execution.and_then(origin::read_execution) else { return Ok(None) };
    match origin::check_form(req, web, visitor.browser.as_ref(), Some(token)) {
        Ok(()) => Ok(id.parse().ok()),
        Err(refused) if refused.code == "cross_site" => Err(refused),
        Err(_) => Ok(None),
    }
}

pub(crate) fn content_type(req: &HttpRequest) -> Option<&str> {
    req.headers().get("content-type").and_then(|value| value.to_str().ok())
}

fn not_registered(req: &HttpRequest, web: &Web, locales: &[String]) -> HttpResponse {
    answer::kept_by_nobody(NotRegistered { page: web.page(req, locales) }.answer(StatusCode::FORBIDDEN))
}

pub(crate) fn unreadable() -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "invalid_request", "The parameters cannot be read.")
}
