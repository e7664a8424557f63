//! What happened on the account.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use domain::Notice;
use registry::Registry;
use signin::SignIn;
use web::{Page, Query, Refused, Visitor, Web};

use crate::frame::{Asked, Tab, answer, time};
use crate::pages::{ActivityPage, Line};

const TAB: Tab = Tab::Activity;
const ROWS: u32 = 30;

/// `GET /account/activity?cursor=`. What is shown counts as seen.
pub async fn get(
    req: HttpRequest,
    web: Data<Web>,
    signin: Data<SignIn>,
    registry: Data<Registry>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<HttpResponse, Refused> {
    let asked = Asked { req: &req, web: &web, signin: &signin, visitor: &visitor };
    let Some((page, frame)) = asked.frame(TAB).await? else { return asked.sign_in(TAB).await };
    let account = signin.own_account(&visitor).await?;
    let cursor = query.get("cursor");
    let notices = registry.notices(&account.id, cursor, ROWS).await?;
    let lines: Vec<Line> = notices.items.iter().map(|notice| line(notice, &page)).collect();
    if lines.iter().any(|line| line.is_new) && cursor.is_none() {
        registry.see_notices(&account.id).await?;
    }
    let t = frame.t;
    let cookie = frame.cookie.clone();
    answer(&ActivityPage { page, frame, t, lines, more: notices.next }, cookie.as_ref(), StatusCode::OK)
}

/// A notice as one line.
#[must_use]
pub fn line(notice: &Notice, page: &Page) -> Line {
    let (at, at_text) = time(notice.created_at);
    Line { text: web::mail::line(&notice.kind, page), at, at_text, is_new: notice.seen_at.is_none() }
}
