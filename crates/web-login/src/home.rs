//! Pages of the provider itself: start, signed in.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::Method;
use signin::SignIn;
use web::{Query, Refused, Visitor, Web};

use crate::answer;
use crate::pages::{AppLine, Done, Home};

/// `GET /?after=`: with the apps that have access, for who is signed in.
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let name = web.person(&visitor).await?.map(|person| person.name);
    let after = query.get("after").and_then(|id| id.parse().ok());
    let given = signin.given(&visitor, after.as_ref()).await?;
    let mut page = web.page(&req, &[]);
    let mut cookie = None;
    if !given.consents.is_empty() {
        cookie = web.ensure_browser(&visitor, &mut page);
    }
    let apps: Vec<AppLine> =
        given.consents.iter().map(|(consent, client)| AppLine::of(consent, client, &page)).collect();
    let more = apps.last().filter(|_| given.has_more).map(|last| query_of(&last.client));
    let mut answer = Home { page, name, apps, more }.answer(StatusCode::OK);
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    }
    Ok(answer)
}

/// A client's id as a part of a query or path.
pub fn query_of(client: &str) -> String {
    url::form_urlencoded::byte_serialize(client.as_bytes()).collect()
}

/// `GET /login/done`: signed in, with nowhere else to go.
pub async fn done(req: HttpRequest, web: Data<Web>, visitor: Visitor) -> Result<HttpResponse, Refused> {
    let Some(person) = web.person(&visitor).await? else { return answer::redirect("/login") };
    let page = web.page(&req, &[]);
    let t = &page.t.done;
    let method = person.method.map(|method| match method {
        Method::Password => t.method_password.clone(),
        Method::Passkey => t.method_passkey.clone(),
        Method::Phone | Method::CasPhone => t.method_phone.clone(),
        Method::Totp | Method::RecoveryCode => t.method_second_factor.clone(),
        Method::Recovery => t.method_recovery.clone(),
    });
    Ok(Done { page, name: person.name, method }.answer(StatusCode::OK))
}
