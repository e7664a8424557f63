//! The addresses that services ask: what a ticket is worth, and a ticket for another (cas-wire §15, §16).
//!
//! The status is 200 for failures as well: the Java client reads no other. Whatever goes wrong is an answer of the
//! protocol, never a page.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use cas::answer::PLAIN_TYPE;
use cas::{Endpoint, Failure, Format, Params, ProxyAsked, ProxyRefused, ValidateAsked, proxy as texts};
use domain::ClientAddress;
use web::{Refused, Web, address};

use crate::{Cas, answer};

pub(crate) async fn ask(req: HttpRequest, endpoint: Endpoint) -> Result<HttpResponse, Refused> {
    let params = Params::parse(req.query_string().as_bytes());
    let format = params.as_ref().map(Format::of).unwrap_or_default();
    let told = match params.map_err(|_| Failure::Unreadable).and_then(|it| ValidateAsked::read(endpoint, &it))
    {
        Ok(asked) => cas(&req)?.tickets.validate(endpoint, &asked, from(&req)?).await,
        Err(failure) => Err(failure),
    };
    let (content_type, text) = match (endpoint.is_plain(), format, told) {
        (true, _, Ok(told)) => (PLAIN_TYPE, told.plain()),
        (true, _, Err(failure)) => (PLAIN_TYPE, failure.plain().to_owned()),
        (false, Format::Xml, told) => {
            (Format::Xml.content_type(), told.map_or_else(Failure::xml, |told| told.xml()))
        }
        (false, Format::Json, told) => {
            (Format::Json.content_type(), told.map_or_else(Failure::json, |told| told.json()))
        }
    };
    Ok(answer::body(StatusCode::OK, content_type, text))
}

pub(crate) async fn proxy(req: HttpRequest) -> Result<HttpResponse, Refused> {
    let params = Params::parse(req.query_string().as_bytes()).map_err(|_| ProxyRefused::Unreadable);
    let granted = match params.and_then(|params| ProxyAsked::read(&params)) {
        Ok(asked) => cas(&req)?.tickets.proxy(&asked, from(&req)?).await,
        Err(refused) => Err(refused),
    };
    let text = granted.map_or_else(ProxyRefused::xml, |ticket| texts::granted(&ticket));
    Ok(answer::body(StatusCode::OK, Format::Xml.content_type(), text))
}

fn cas(req: &HttpRequest) -> Result<&Data<Cas>, Refused> {
    req.app_data::<Data<Cas>>()
        .ok_or_else(|| Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because("CAS is not mounted"))
}

fn from(req: &HttpRequest) -> Result<ClientAddress, Refused> {
    Ok(address::of(req, Web::of(req)?.trusted_proxies()))
}
