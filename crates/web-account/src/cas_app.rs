//! The person's own app that was made for CAS: the form on the page of phones, only where such apps may approve.
//!
//! Not here: listing and removing it, which is done as with any phone (`devices`), and what it is (`registry::cas_devices`).

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use registry::Registry;
use registry::cas_devices::NewCasDevice;
use signin::SignIn;
use web::{Form, Refused, Visitor, Web};

use crate::devices::show;
use crate::frame::{Asked, Tab, back_to};
use crate::pages::CasAppForm;
use crate::texts::Texts;

const TAB: Tab = Tab::Devices;
/// The word after which the form is open.
pub(crate) const PROVEN: &str = "proven";
/// Where whoever proved it comes back to.
const BACK: &str = "/account/devices?done=proven";
/// Letters of a field that are shown again.
const LONGEST: usize = 200;

/// The form as it was typed; it can be filled in once its owner proved anew who they are (SEC-070).
///
/// # Errors
/// The store.
pub(crate) async fn form(asked: &Asked<'_>, typed: CasAppForm) -> Result<Option<CasAppForm>, Refused> {
    if !asked.signin.has_cas_apps() {
        return Ok(None);
    }
    let is_proven = match asked.signin.strength_for_enrolment(asked.visitor).await {
        Ok(_) => true,
        Err(Refusal::StepUpNeeded) => false,
        Err(other) => return Err(other.into()),
    };
    Ok(Some(CasAppForm { is_proven, ..typed }))
}

/// `POST /account/devices/cas`: an app is registered, or, as the first step, its owner proves who they are.
pub async fn register(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    if form.get("step") == Some("prove") {
        return match signin.strength_for_enrolment(&visitor).await {
            Ok(_) => Ok(back_to(TAB, PROVEN)),
            Err(Refusal::StepUpNeeded) => asked.step_up_to(BACK).await,
            Err(refusal) => asked.refused(refusal, TAB).await,
        };
    }
    let cas_name = form.text("cas_name");
    let name = form.get("name").map(str::to_owned);
    let new = NewCasDevice { cas_name: cas_name.trim().to_owned(), name };
    let typed = |wrong: &'static str| CasAppForm {
        is_open: true,
        wrong,
        cas_name: domain::text::shown(cas_name, LONGEST),
        name: domain::text::shown(form.text("name"), LONGEST),
        ..CasAppForm::default()
    };
    let (alert, typed, status): (fn(&Texts) -> &str, _, _) = match registry
        .register_own_cas_device(&visitor, &new)
        .await
    {
        Ok(_) => return Ok(back_to(TAB, "cas-added")),
        Err(Refusal::Invalid { field: "cas_name", .. }) => {
            (|t| &t.devices.cas_bad_name, typed("cas_name"), StatusCode::BAD_REQUEST)
        }
        Err(Refusal::Invalid { .. }) => (|t| &t.devices.bad_name, typed("name"), StatusCode::BAD_REQUEST),
        Err(Refusal::Conflict("cas_name")) => {
            (|t| &t.devices.cas_taken, typed("cas_name"), StatusCode::CONFLICT)
        }
        Err(Refusal::Conflict("device_limit")) => (|t| &t.devices.cas_limit, typed(""), StatusCode::CONFLICT),
        Err(Refusal::Conflict("attestation_required")) => {
            (|t| &t.devices.cas_vouched, typed(""), StatusCode::CONFLICT)
        }
        Err(refusal) => return asked.refused(refusal, TAB).await,
    };
    show(&asked, &registry, "", Some(alert), typed, status).await
}
