//! Pages of the provider itself: start, signed in, sign-out.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::Method;
use signin::SignIn;
use web::{Form, Refused, Visitor, Web, cookies, origin};

use crate::answer;
use crate::pages::{Done, Home, LoggedOut, Logout};

/// `GET /`.
pub async fn get(req: HttpRequest, web: Data<Web>, visitor: Visitor) -> Result<HttpResponse, Refused> {
    let name = web.person(&visitor).await?.map(|person| person.name);
    Ok(Home { page: web.page(&req, &[]), name }.answer(StatusCode::OK))
}

/// `GET /login/done`: signed in, with nowhere else to go.
pub async fn done(req: HttpRequest, web: Data<Web>, visitor: Visitor) -> Result<HttpResponse, Refused> {
    let Some(person) = web.person(&visitor).await? else { return answer::redirect("/login") };
    let page = web.page(&req, &[]);
    let t = &page.t.done;
    let method = person.method.map(|method| match method {
        Method::Password => t.method_password.clone(),
        Method::Passkey => t.method_passkey.clone(),
        Method::Phone => t.method_phone.clone(),
    });
    Ok(Done { page, name: person.name, method }.answer(StatusCode::OK))
}

/// `GET /logout`: asks; nothing ends by a GET.
pub async fn logout_page(
    req: HttpRequest,
    web: Data<Web>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let mut page = web.page(&req, &[]);
    let Some(person) = web.person(&visitor).await? else {
        return Ok(LoggedOut { page }.answer(StatusCode::OK));
    };
    let cookie = web.ensure_browser(&visitor, &mut page);
    let mut answer = Logout { page, name: person.name }.answer(StatusCode::OK);
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    }
    Ok(answer)
}

/// `POST /logout`.
pub async fn logout(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    origin::check_form(&req, &web, visitor.browser.as_ref(), form.get("csrf")).map_err(|refused| {
        if refused.code == "stale_form" { refused.onward("/logout".to_owned()) } else { refused }
    })?;
    signin.sign_out(&visitor).await?;
    let mut answer = answer::redirect("/logout")?;
    answer
        .add_cookie(&cookies::forget(cookies::SESSION))
        .map_err(|error| Refusal::Corrupt(error.to_string()))?;
    Ok(answer)
}
