//! A recovery by the helpdesk that is running: its owner sees it on every tab, and calls it off (SEC-086).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::{Recovery, RecoveryState};
use registry::Registry;
use signin::SignIn;
use web::{Form, Page, Refused, Visitor, Web};

use crate::frame::{Asked, Tab, back_to, time};
use crate::texts::Texts;

/// What its owner is told: what was asked of the helpdesk, and until when they may object.
pub fn told(recovery: &Recovery, page: &Page, t: &Texts) -> String {
    let (sentence, at) = match recovery.state {
        RecoveryState::Completed => (&t.recovery.link, recovery.expires_at),
        _ => (&t.recovery.waiting, recovery.ready_at),
    };
    page.say(sentence, "time", &time(at).1)
}

/// `POST /account/recovery/cancel`. Needs no fresh proof: whoever is signed in may make the account safer.
pub async fn cancel(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Form(form): Form,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    asked.check(&form, Tab::Overview)?;
    let account = match signin.own_account(&visitor).await {
        Ok(account) => account,
        Err(refusal) => return asked.refused(refusal, Tab::Overview).await,
    };
    let was_running = registry.cancel_own_recovery(&account.id, Some(visitor.address)).await?;
    Ok(back_to(Tab::Overview, if was_running { "called-off" } else { "was-over" }))
}
