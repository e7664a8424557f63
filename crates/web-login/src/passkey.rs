//! Passkeys: signing in with one, and adding one. JSON in, JSON out.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use serde::Deserialize;
use serde_json::{Value, json};
use signin::SignIn;
use web::{Refused, Visitor, Web, origin};

use crate::answer;
use crate::pages::PasskeyNew;

/// Where a person comes back to after confirming.
const NEW: &str = "/login/passkey/new";
/// Adding asks for a proof of this age at most (SEC-174); the page says so before the ceremony does.
const FRESH: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// `{"journey": …}`
#[derive(Deserialize)]
pub struct Ask {
    journey: String,
}

/// `{"journey": …, "credential": …}`
#[derive(Deserialize)]
pub struct Present {
    journey: String,
    credential: Value,
}

/// `{"credential": …, "name": …}`
#[derive(Deserialize)]
pub struct Add {
    credential: Value,
    #[serde(default)]
    name: String,
}

/// `POST /login/passkey/options`.
pub async fn options(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    body: Json<Ask>,
) -> HttpResponse {
    let options = async {
        origin::check_script(&req, &web, visitor.browser.as_ref(), None)?;
        let id = answer::journey(Some(&body.journey))?;
        Ok::<_, Refused>(signin.passkey_options(&id, &visitor).await?)
    };
    script(options.await.map(|options| HttpResponse::Ok().json(options)), &visitor)
}

/// `POST /login/passkey`.
pub async fn sign_in(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    body: Json<Present>,
) -> HttpResponse {
    let Present { journey, credential } = body.into_inner();
    let signed_in = async {
        origin::check_script(&req, &web, visitor.browser.as_ref(), None)?;
        let id = answer::journey(Some(&journey))?;
        let progress = signin.passkey(&id, &visitor, credential).await?;
        answer::location(progress, &id)
    };
    script(signed_in.await, &visitor)
}

/// `GET /login/passkey/new`.
pub async fn new_page(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let mut page = web.page(&req, &[]);
    let cookie = web.ensure_browser(&visitor, &mut page);
    let mut answer = match signin.freshly_proven(&visitor, FRESH).await {
        Ok(who) => {
            let is_admin = !who.account.roles.is_empty();
            PasskeyNew { page, label: visitor.agent.label(), is_admin }.answer(StatusCode::OK)
        }
        Err(Refusal::NotSignedIn | Refusal::StepUpNeeded) => return confirm(&signin, &visitor).await,
        Err(other) => return Err(other.into()),
    };
    if let Some(cookie) = cookie {
        answer.add_cookie(&cookie).map_err(|error| Refusal::Corrupt(error.to_string()))?;
    }
    Ok(answer)
}

/// A journey that asks for a strong and fresh proof, and comes back (SEC-042, SEC-174).
async fn confirm(signin: &SignIn, visitor: &Visitor) -> Result<HttpResponse, Refused> {
    let started = signin.strong_journey(visitor, NEW).await?;
    let mut answer = answer::redirect(&answer::login_path(&started.journey))?;
    answer::set_cookies(&mut answer, &started.cookies)?;
    Ok(answer)
}

/// `POST /login/passkey/new/options`.
pub async fn new_options(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    _: Json<Value>,
) -> HttpResponse {
    let options = async {
        origin::check_script(&req, &web, visitor.browser.as_ref(), None)?;
        Ok::<_, Refused>(signin.add_passkey_options(&visitor).await?)
    };
    script(options.await.map(|options| HttpResponse::Ok().json(options)), &visitor)
}

/// `POST /login/passkey/new`.
pub async fn add(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    visitor: Visitor,
    body: Json<Add>,
) -> HttpResponse {
    let Add { credential, name } = body.into_inner();
    let added = async {
        origin::check_script(&req, &web, visitor.browser.as_ref(), None)?;
        Ok::<_, Refused>(signin.add_passkey(&visitor, credential, &name).await?)
    };
    script(added.await.map(|()| HttpResponse::Created().json(json!({}))), &visitor)
}

fn script(result: Result<HttpResponse, Refused>, visitor: &Visitor) -> HttpResponse {
    result.unwrap_or_else(|refused| origin::refuse_script(refused, visitor))
}
