//! "I lost my phone": one button on every tab.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::DeviceState;
use registry::Registry;
use registry::lost::LostReason;
use signin::SignIn;
use web::{Form, Page, Refused, Visitor, Web};

use crate::devices::owned;
use crate::frame::{Asked, Tab, answer};
use crate::pages::LostPage;
use crate::texts::Texts;

const TAB: Tab = Tab::Lost;

/// `GET /account/lost`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let Some((page, frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let t = frame.t;
    let devices = registry.devices_of(&frame.username).await?;
    let devices = devices
        .into_iter()
        .map(|owned| owned.device)
        .filter(|device| matches!(device.state, DeviceState::Active | DeviceState::Suspended))
        .map(|device| {
            let shown = |text: &str| domain::text::shown(text, 60);
            (device.id.to_string(), shown(&device.name), shown(&device.platform))
        })
        .collect();
    let cookie = frame.cookie.clone();
    answer(&LostPage { page, frame, t, devices }, cookie.as_ref(), StatusCode::OK)
}

/// `POST /account/lost`. Needs no fresh proof: whoever is signed in may make the account safer.
pub async fn post(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let reason = form.get("how").and_then(LostReason::from_word);
    let reason = reason.ok_or(Refusal::Invalid { field: "how", why: "must be lost or stolen" })?;
    let note = form.get("note").map(str::trim).filter(|note| !note.is_empty());
    let deed = async {
        let (by, id) = owned(&asked, &form).await?;
        registry.lost_device(&by, &id, reason, note).await
    };
    match deed.await {
        Ok(stopped) => {
            let to = format!("/account/devices?done={}-{}", reason.as_str(), stopped.ended.len());
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, to)).finish())
        }
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}

/// What was done, from the word in the address: `lost-2`, `stolen-0`.
pub(crate) fn done(page: &Page, t: &Texts, word: &str) -> Option<String> {
    let (how, count) = word.split_once('-')?;
    let count = count.parse::<u16>().ok()?.to_string();
    let sentence = match LostReason::from_word(how)? {
        LostReason::Lost => &t.lost.done_lost,
        LostReason::Stolen => &t.lost.done_stolen,
    };
    Some(page.say(sentence, "count", &count))
}
