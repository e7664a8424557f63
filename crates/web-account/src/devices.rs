//! The person's phones.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use app::Refusal;
use domain::{Actor, Device, DeviceId, DeviceState};
use registry::Registry;
use registry::devices::DeviceActor;
use signin::SignIn;
use web::{Form, Params, Query, Refused, Visitor, Web};

use crate::cas_app;
use crate::frame::{Asked, Tab, answer, back_to, time};
use crate::pages::{CasAppForm, DeviceLine, DevicesPage, Fact};
use crate::texts::Texts;

const TAB: Tab = Tab::Devices;

/// `GET /account/devices`
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let word = query.get("done").unwrap_or_default().to_owned();
    let typed = CasAppForm { is_open: word == cas_app::PROVEN, ..CasAppForm::default() };
    show(&asked, &registry, &word, None, typed, StatusCode::OK).await
}

/// The page: what was done or could not be, and the form for an app made for CAS as it was typed.
pub(crate) async fn show(
    asked: &Asked<'_>,
    registry: &Registry,
    done: &str,
    alert: Option<fn(&Texts) -> &str>,
    typed: CasAppForm,
    status: StatusCode,
) -> Result<HttpResponse, Refused> {
    let Some((page, mut frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let t = frame.t;
    frame.done = match done {
        "renamed" => Some(t.devices.renamed.clone()),
        "removed" => Some(t.devices.removed.clone()),
        "returned" => Some(t.devices.returned.clone()),
        "cas-added" => Some(t.devices.cas_added.clone()),
        _ => crate::lost::done(&page, t, done),
    };
    frame.alert = alert.map(|sentence| sentence(t).to_owned());
    let all = registry.devices_of(&frame.username).await?;
    let phones: Vec<&Device> = all.iter().map(|owned| &owned.device).collect();
    let stale = registry.is_reverification_due(&phones).await?;
    let (gone, devices): (Vec<DeviceLine>, Vec<DeviceLine>) = phones
        .into_iter()
        .zip(stale)
        .map(|(device, is_stale)| line(device, t, is_stale))
        .partition(|device| !device.is_held);
    let cookie = frame.cookie.clone();
    let cas = cas_app::form(asked, typed).await?;
    answer(&DevicesPage { page, frame, t, devices, gone, cas }, cookie.as_ref(), status)
}

fn line(device: &Device, t: &Texts, is_stale: bool) -> DeviceLine {
    let (state_text, tone) = match device.state {
        DeviceState::Pending => (&t.devices.pending, "warn"),
        DeviceState::Active => (&t.devices.active, "good"),
        DeviceState::Suspended => (&t.devices.suspended, "warn"),
        DeviceState::Revoked => (&t.devices.revoked, ""),
    };
    let record = &device.record;
    let by_owner = matches!(&record.changed_by, Some(Actor::Account(who)) if *who == device.account)
        || matches!(&record.changed_by, Some(Actor::Device(_)));
    let stale = (is_stale && device.is_active()).then(|| t.devices.reverify.clone());
    let why = record.changed_why.as_deref().filter(|_| device.state != DeviceState::Active);
    DeviceLine {
        id: device.id.to_string(),
        name: domain::text::shown(&device.name, 60),
        platform: platform(device, t),
        state: device.state.as_str(),
        state_text: state_text.clone(),
        tone,
        why: stale.or_else(|| why.map(|why| domain::text::shown(why, 120))),
        facts: facts(device, t),
        is_held: device.state != DeviceState::Revoked,
        may_return: device.state == DeviceState::Suspended && by_owner,
    }
}

/// What it runs; of an app made for CAS also what it calls itself, since its owner may have given it another name.
fn platform(device: &Device, t: &Texts) -> String {
    match &device.cas_name {
        Some(name) => format!("{} ({})", t.devices.cas, domain::text::shown(name, 128)),
        None => domain::text::shown(&device.platform, 60),
    }
}

fn facts(device: &Device, t: &Texts) -> Vec<Fact> {
    let moment = |name: &str, at: Option<domain::Timestamp>| {
        at.map(|at| {
            let (iso, shown) = time(at);
            (name.to_owned(), shown, Some(iso))
        })
    };
    let record = &device.record;
    let words = |name: &str, text: &Option<String>| {
        text.as_deref().map(|text| (name.to_owned(), domain::text::shown(text, 80), None))
    };
    [
        moment(&t.devices.added, Some(device.created_at)),
        moment(&t.devices.used, device.last_used_at),
        words(&t.devices.used_at, &record.last_place),
        words(&t.devices.approved, &record.last_browser),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The owner, and the phone that the form names. A foreign or made-up id is a phone that does not exist (SEC-083).
pub(crate) async fn owned(asked: &Asked<'_>, form: &Params) -> Result<(DeviceActor, DeviceId), Refusal> {
    let who = asked.signin.own_account(asked.visitor).await?;
    let id = form.get("device").and_then(|id| id.parse().ok()).ok_or(Refusal::NotFound)?;
    Ok((DeviceActor::owner(who.id, asked.visitor.address), id))
}

/// `POST /account/devices/rename`
pub async fn rename(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let deed = async {
        let (by, id) = owned(&asked, &form).await?;
        registry.rename_device(&by, &id, form.get("name").unwrap_or_default(), None).await
    };
    match deed.await {
        Ok(_) => Ok(back_to(TAB, "renamed")),
        Err(Refusal::Invalid { .. }) => {
            let alert: fn(&Texts) -> &str = |t| &t.devices.bad_name;
            show(&asked, &registry, "", Some(alert), CasAppForm::default(), StatusCode::BAD_REQUEST).await
        }
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}

/// `POST /account/devices/remove`: by whoever proved anew who they are, and not the last way in (SEC-174). A phone that is
/// lost is stopped without either (`lost`).
pub async fn remove(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let deed = async {
        let who = signin.proven_anew(&visitor).await?;
        let id = form.get("device").and_then(|id| id.parse().ok()).ok_or(Refusal::NotFound)?;
        registry.remove_device(&who.account.id, visitor.address, &id).await
    };
    match deed.await {
        Ok(_) => Ok(back_to(TAB, "removed")),
        Err(Refusal::StepUpNeeded) => asked.renew(TAB).await,
        Err(Refusal::Conflict("last_factor")) => {
            let alert: fn(&Texts) -> &str = |t| &t.security.last_factor;
            show(&asked, &registry, "", Some(alert), CasAppForm::default(), StatusCode::CONFLICT).await
        }
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}

/// `POST /account/devices/found`: lets a phone back that its owner had stopped; only after a strong proof.
pub async fn found(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, TAB)?;
    let deed = async {
        let (by, id) = owned(&asked, &form).await?;
        signin.strength_for_enrolment(&visitor).await?;
        registry.found_device(&by, &id).await
    };
    match deed.await {
        Ok(_) => Ok(back_to(TAB, "returned")),
        Err(refusal) => asked.refused(refusal, TAB).await,
    }
}
