//! `POST /cas/login/code`: the sign-in page's panel wants a channel for an app made for CAS.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::JourneyId;
use serde_json::json;
use signin::CasOpened;
use web::{Form, Params, Refused, Visitor, Web, origin};

use crate::{Cas, answer};

/// A new channel; the one that the page showed before ends.
pub(crate) async fn open(
    req: HttpRequest,
    cas: Data<Cas>,
    visitor: Visitor,
    Form(form): Form,
) -> HttpResponse {
    let answered = match opened(&req, &cas, &visitor, &form).await {
        Ok(opened) => {
            let shown = json!({
                "channel": opened.channel.as_str(),
                "svg": opened.svg,
                "expires_in": opened.expires_in,
            });
            // The form that redeems an approval is sent without another request.
            origin::with_token(HttpResponse::Ok().json(shown), &visitor)
        }
        Err(refused) => origin::refuse_script(refused, &visitor),
    };
    answer::kept_by_nobody(answered)
}

async fn opened(
    req: &HttpRequest,
    cas: &Cas,
    visitor: &Visitor,
    form: &Params,
) -> Result<CasOpened, Refused> {
    origin::check_script(req, Web::of(req)?, visitor.browser.as_ref(), form.get("csrf"))?;
    let id: JourneyId = form.get("journey").and_then(|text| text.parse().ok()).ok_or(Refusal::Gone)?;
    Ok(cas.signin.cas_open(&id, visitor, form.get("username")).await?)
}
