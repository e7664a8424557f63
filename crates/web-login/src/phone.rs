//! The browser's requests about its QR channel.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use serde_json::json;
use signin::SignIn;
use web::{Form, Query, Refused, Visitor, Web, origin};

use crate::login::{Alert, Asked};
use crate::{answer, login};

/// `POST /login/qr`: opens a channel, or shows its next code. The picture is in the answer to this one request
/// and has no address (SEC-062).
pub async fn open(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> HttpResponse {
    let opened = async {
        let id = answer::checked_script(&req, &web, &visitor, &form)?;
        Ok::<_, Refused>(signin.phone_open(&id, &visitor).await?)
    };
    match opened.await {
        Ok(opened) => {
            let body = json!({
                "url": opened.url,
                "svg": opened.svg,
                "state": opened.state,
                "expires_in": opened.expires_in,
            });
            origin::with_token(HttpResponse::Ok().json(body), &visitor)
        }
        Err(refused) => origin::refuse_script(refused, &visitor),
    }
}

/// `POST /login/qr/cancel`.
pub async fn cancel(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> HttpResponse {
    let cancelled = async {
        let id = answer::checked_script(&req, &web, &visitor, &form)?;
        Ok::<_, Refused>(signin.phone_cancel(&id, &visitor).await?)
    };
    match cancelled.await {
        Ok(()) => origin::with_token(HttpResponse::Ok().json(json!({})), &visitor),
        Err(refused) => origin::refuse_script(refused, &visitor),
    }
}

/// `GET /login/code`: the check code, for the browser that shows it.
pub async fn code(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    origin::must_not_be_foreign(&req, &web)?;
    let id = answer::journey(query.get("journey"))?;
    let code = signin.phone_code(&id, &visitor).await?;
    Ok(origin::with_token(HttpResponse::Ok().json(json!({ "check_code": code.text() })), &visitor))
}

/// `POST /login/phone`: the browser signs in with what the phone approved (SEC-012).
pub async fn redeem(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let id = answer::checked_script(&req, &web, &visitor, &form)?;
    match signin.phone_redeem(&id, &visitor).await {
        Ok(progress) => answer::see_other(&req, &web, progress, &id),
        // The journey lives, its approval does not: the page is shown again, with a new code.
        Err(Refusal::SignInFailed | Refusal::Gone | Refusal::Conflict(_)) => {
            let asked = Asked { alert: Some(Alert::PhoneFailed), ..Asked::default() };
            login::again(&req, &web, &signin, &visitor, &id, asked).await
        }
        Err(other) => Err(answer::refused(other, &id)),
    }
}
