//! Apps that the person gave access to.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use signin::SignIn;
use web::{Form, Query, Refused, Visitor, Web};

use crate::frame::{Asked, Tab, answer, back_to, time};
use crate::pages::{AppLine, AppsPage};

const TAB: Tab = Tab::Apps;

/// `GET /account/apps?after=`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let after = query.get("after").and_then(|id| id.parse().ok());
    let given = signin.given(&visitor, after.as_ref()).await?;
    let t = frame.t;
    frame.done = (query.get("done") == Some("withdrawn")).then(|| t.apps.withdrawn.clone());
    let apps: Vec<AppLine> = given
        .consents
        .iter()
        .map(|(consent, client)| {
            let (iso, shown) = time(consent.given_at);
            AppLine {
                client: client.id.to_string(),
                name: domain::text::shown(&client.name, 80),
                is_verified: client.is_verified,
                scopes: page.say(
                    &t.apps.scopes,
                    "scopes",
                    &domain::text::shown(&consent.scopes.join(", "), 200),
                ),
                at: iso,
                since: page.say(&t.apps.since, "date", shown.get(..10).unwrap_or_default()),
            }
        })
        .collect();
    let next = |last: &AppLine| url::form_urlencoded::byte_serialize(last.client.as_bytes()).collect();
    let more = apps.last().filter(|_| given.has_more).map(next);
    let cookie = frame.cookie.clone();
    answer(&AppsPage { page, frame, t, apps, more }, cookie.as_ref(), StatusCode::OK)
}

/// `POST /account/apps/withdraw`
pub async fn withdraw(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let client = form.get("client").and_then(|id| id.parse().ok());
    let client = client.ok_or(Refusal::Invalid { field: "client", why: "is no client's id" })?;
    match signin.take_back(&visitor, &client).await {
        Ok(()) => Ok(back_to(TAB, "withdrawn")),
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}
