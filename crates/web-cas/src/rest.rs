//! `/cas/v1`: tickets for programs that have a person's password (cas-wire §12).
//!
//! Owns: statuses, and where the answers' words come from. Not here: what is read from where (`cas::rest`), trying
//! passwords (`signin`, counted with the sign-in page: SEC-069).
//!
//! Nothing of these requests is written down but their route (SEC-069): the log has no query of any address.

use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, HeaderValue, LOCATION};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use cas::rest::{
    BadRequest, Created, Credentials, JSON_TYPE, NO_SESSION, NO_TICKET, NOT_AUTHENTICATED, PLAIN_TYPE,
    Request, ServiceTicketAsked, TicketAsked, UserAsked, is_form, user_json,
};
use cas::{Params, ServiceUrl, Ticket};
use secrecy::SecretString;
use tickets::TicketStatus;
use web::{Refused, Visitor};

use crate::login::content_type;
use crate::{Cas, answer};

/// A request that cannot be read.
enum Unread {
    /// Its body is no form.
    NotAForm,
    /// Its parameters are broken.
    Broken,
}

impl Unread {
    fn answer(&self) -> HttpResponse {
        match self {
            Self::NotAForm => answer::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be a form"),
            Self::Broken => answer::plain(StatusCode::BAD_REQUEST, "The parameters cannot be read"),
        }
    }
}

/// Body and query. A body of nothing is a form where none is needed.
fn read(req: &HttpRequest, body: &[u8], needs_body: bool) -> Result<(Params, Params), Unread> {
    let is_empty = body.is_empty() && !needs_body;
    if !is_empty && !is_form(content_type(req)) {
        return Err(Unread::NotAForm);
    }
    let params = |text: &[u8]| Params::parse(text).map_err(|_| Unread::Broken);
    Ok((params(body)?, params(req.query_string().as_bytes())?))
}

fn bad(why: BadRequest) -> HttpResponse {
    answer::plain(StatusCode::BAD_REQUEST, why.text())
}

/// What is wrong, in the words of the protocol.
fn refused(refusal: &Refusal) -> HttpResponse {
    if let Some(cause) = refusal.cause() {
        tracing::error!(cause, "A request of the REST protocol was not served");
    }
    let answer = match refusal {
        Refusal::SignInFailed | Refusal::StepUpNeeded => {
            answer::body(StatusCode::UNAUTHORIZED, JSON_TYPE, NOT_AUTHENTICATED)
        }
        Refusal::Invalid { .. } => bad(BadRequest::NoCredentials),
        Refusal::NotFound => answer::plain(StatusCode::NOT_FOUND, NO_SESSION),
        Refusal::Forbidden => answer::plain(StatusCode::FORBIDDEN, "This is not allowed"),
        Refusal::TooMany { .. } => answer::body(
            StatusCode::LOCKED,
            JSON_TYPE,
            r#"{"authentication_exceptions":["FailedLoginException: Too many tries."]}"#,
        ),
        Refusal::Busy { .. } | Refusal::Contended(_) | Refusal::Unavailable(_) => {
            answer::plain(StatusCode::SERVICE_UNAVAILABLE, "Try again later")
        }
        _ => answer::plain(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong"),
    };
    answer::later(answer, refusal)
}

fn secret(credentials: &Credentials) -> SecretString {
    SecretString::from(credentials.password.expose().to_owned())
}

/// Whether a service may be named in a request; none is no question.
async fn is_known(cas: &Cas, service: Option<&ServiceUrl>) -> Result<bool, Refusal> {
    match service {
        None => Ok(true),
        Some(url) => Ok(cas.tickets.service(url).await?.is_some()),
    }
}

/// `POST /cas/v1/tickets`: a session, or an app's token.
pub(crate) async fn sign_in(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    body: Bytes,
) -> Result<HttpResponse, Refused> {
    let (body, query) = match read(&req, &body, true) {
        Ok(both) => both,
        Err(unread) => return Ok(unread.answer()),
    };
    let token = req.headers().get("token").and_then(|value| value.to_str().ok());
    let asked = match TicketAsked::read(Request { body: &body, query: &query }, token) {
        Ok(asked) => asked,
        Err(why) => return Ok(bad(why)),
    };
    let (name, password) = (&asked.credentials.username, secret(&asked.credentials));
    match is_known(&cas, asked.service.as_ref()).await {
        Ok(true) => {}
        Ok(false) => return Ok(bad(BadRequest::NoService)),
        Err(refusal) => return Ok(refused(&refusal)),
    }
    if let Some(device) = &asked.device {
        if !cas.offers.phones {
            return Err(Refused::no_such_page());
        }
        return Ok(match cas.signin.cas_token(&visitor, name, &password, device).await {
            Ok(token) => answer::body(StatusCode::CREATED, PLAIN_TYPE, token.expose()),
            Err(refusal) => refused(&refusal),
        });
    }
    if !cas.offers.rest {
        return Err(Refused::no_such_page());
    }
    let ticket = cas.tickets.new_granting_ticket();
    if let Err(refusal) = cas.signin.rest_session(&visitor, name, &password, &ticket.hash()).await {
        return Ok(refused(&refusal));
    }
    let location = format!("{}/{}", cas.tickets.rest_url(), ticket.text());
    Ok(created(&req, &ticket, &location))
}

fn created(req: &HttpRequest, ticket: &Ticket, location: &str) -> HttpResponse {
    let accept = req.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    let Created { content_type, body } = Created::new(ticket, location, accept);
    let mut answer = answer::body(StatusCode::CREATED, content_type, body.expose());
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

/// `POST /cas/v1/tickets/<TGT>`: a service ticket.
pub(crate) async fn service_ticket(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    ticket: Path<String>,
    body: Bytes,
) -> HttpResponse {
    let (body, query) = match read(&req, &body, false) {
        Ok(both) => both,
        Err(unread) => return unread.answer(),
    };
    let asked = match ServiceTicketAsked::read(Request { body: &body, query: &query }) {
        Ok(asked) => asked,
        Err(why) => return bad(why),
    };
    granted(&cas, &visitor, &ticket, &asked).await.unwrap_or_else(|refusal| refused(&refusal))
}

async fn granted(
    cas: &Cas,
    visitor: &Visitor,
    ticket: &str,
    asked: &ServiceTicketAsked,
) -> Result<HttpResponse, Refusal> {
    let who = cas.tickets.holder(ticket).await?.ok_or(Refusal::NotFound)?;
    if let Some(credentials) = &asked.renew {
        let (name, password) = (&credentials.username, secret(credentials));
        let account = cas.signin.rest_user(visitor, name, &password).await?;
        // Somebody else's password does not make this session fresh.
        if account.id != who.account.id {
            return Err(Refusal::SignInFailed);
        }
    }
    let ticket = cas.tickets.service_ticket(ticket, &asked.service, asked.renew.is_some()).await?;
    Ok(answer::plain(StatusCode::OK, ticket.text()))
}

/// `GET /cas/v1/tickets/<ticket>`: whether it is good.
pub(crate) async fn status(cas: Data<Cas>, ticket: Path<String>) -> HttpResponse {
    match cas.tickets.status(&ticket).await {
        Ok(TicketStatus::Good) => answer::plain(StatusCode::OK, &ticket),
        Ok(TicketStatus::NotFound) => answer::plain(StatusCode::NOT_FOUND, NO_TICKET),
        Err(refusal) => refused(&refusal),
    }
}

/// `DELETE /cas/v1/tickets/<TGT>`: ends the session; 200 also where there is none.
pub(crate) async fn end(cas: Data<Cas>, visitor: Visitor, ticket: Path<String>) -> HttpResponse {
    match cas.tickets.end(&ticket, visitor.address).await {
        Ok(()) => answer::plain(StatusCode::OK, ""),
        Err(refusal) => refused(&refusal),
    }
}

/// `POST /cas/v1/users`: whether credentials are good; there is no session of it.
pub(crate) async fn user(req: HttpRequest, cas: Data<Cas>, visitor: Visitor, body: Bytes) -> HttpResponse {
    let (body, query) = match read(&req, &body, true) {
        Ok(both) => both,
        Err(unread) => return unread.answer(),
    };
    let asked = match UserAsked::read(Request { body: &body, query: &query }) {
        Ok(asked) => asked,
        Err(why) => return bad(why),
    };
    let (name, password) = (&asked.credentials.username, secret(&asked.credentials));
    match is_known(&cas, asked.service.as_ref()).await {
        Ok(true) => {}
        Ok(false) => return bad(BadRequest::NoService),
        Err(refusal) => return refused(&refusal),
    }
    let account = match cas.signin.rest_user(&visitor, name, &password).await {
        Ok(account) => account,
        Err(refusal) => return refused(&refusal),
    };
    match cas.tickets.told_of(&account, asked.service.as_ref()).await {
        Ok((user, attributes, method, at)) => {
            answer::body(StatusCode::OK, JSON_TYPE, user_json(&user, &attributes, method, at))
        }
        Err(refusal) => refused(&refusal),
    }
}
