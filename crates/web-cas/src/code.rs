//! `POST /cas/login/code`: the sign-in page's panel wants a channel for an app made for CAS.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::JourneyId;
use serde_json::json;
use web::{Form, Refused, Visitor, Web, origin};

use crate::{Cas, answer};

/// A new channel; the one that the page showed before ends.
pub(crate) async fn open(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::check_script(&req, Web::of(&req)?, visitor.browser.as_ref(), form.get("csrf"))?;
    let id: JourneyId = form.get("journey").and_then(|text| text.parse().ok()).ok_or(Refusal::Gone)?;
    let opened = cas.signin.cas_open(&id, &visitor, form.get("username")).await?;
    let shown = json!({
        "channel": opened.channel.as_str(),
        "svg": opened.svg,
        "expires_in": opened.expires_in,
    });
    Ok(answer::kept_by_nobody(HttpResponse::Ok().json(shown)))
}
