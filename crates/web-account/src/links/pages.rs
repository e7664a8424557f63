//! The pages of links, each with its samples.

use domain::text::shown;
use domain::{NoticeAction, NoticeKind};
use registry::notices::links::Link;
use web::Page;
use web::texts::fill;

web::pages! {
    /// Asking for a link: `ask`, `sent`, or `off` where no mail is sent.
    Forgot {
        /// Which of them.
        stage: String,
    } "pages/forgot.html" forgot_samples;
    /// A link's page: `open` (posts the token), `ask`, `done`, `gone`.
    LinkPage {
        /// Which of them.
        stage: String,
        /// Where its form goes.
        path: String,
        /// What it says.
        words: Words,
        /// The token, for the form that asks.
        token: String,
        /// A password is asked for.
        is_reset: bool,
        /// Whose, for the browser's list of passwords.
        username: String,
        /// What went wrong.
        alert: Option<String>,
    } "pages/link.html" link_samples;
}

/// What a link's page says.
#[derive(Debug, Clone)]
pub struct Words {
    /// The heading.
    pub title: String,
    /// The sentence.
    pub lead: String,
    /// On the button.
    pub button: String,
}

impl Words {
    /// Of these sentences.
    #[must_use]
    pub fn new(title: &str, lead: &str, button: &str) -> Self {
        Self { title: title.to_owned(), lead: lead.to_owned(), button: button.to_owned() }
    }

    /// What the link will do.
    #[must_use]
    pub fn asking(page: &Page, link: &Link) -> Self {
        let t = &page.t.mailed;
        let (title, lead, button) = match link.action {
            NoticeAction::EndSession(_) => (&t.session_title, &t.session_lead, &t.session_button),
            NoticeAction::SuspendDevice(_) => (&t.device_title, &t.device_lead, &t.device_button),
            NoticeAction::LockDown => (&t.lock_title, &t.lock_lead, &t.lock_button),
            NoticeAction::ConfirmEmail => (&t.email_title, &t.email_lead, &t.email_button),
            NoticeAction::ResetPassword => (&t.reset_title, &t.reset_lead, &t.reset_button),
        };
        let what = match &link.kind {
            NoticeKind::NewSignIn { browser, .. } => browser.as_str(),
            NoticeKind::DeviceAdded { name, .. }
            | NoticeKind::DeviceApproved { name, .. }
            | NoticeKind::DeviceRestored { name, .. }
            | NoticeKind::DeviceMoved { name, .. }
            | NoticeKind::DeviceKeyRotated { name, .. } => name,
            NoticeKind::ConfirmEmail { address } => address,
            _ => "",
        };
        let lead = fill(lead, &[("what", &shown(what, 254)), ("name", &shown(&link.username, 128))]);
        Self::new(title, &lead, button)
    }

    /// What it did.
    #[must_use]
    pub fn done(page: &Page, action: NoticeAction) -> Self {
        let t = &page.t.mailed;
        let (title, lead) = match action {
            NoticeAction::EndSession(_) => (&t.session_done_title, &t.session_done_lead),
            NoticeAction::SuspendDevice(_) => (&t.device_done_title, &t.device_done_lead),
            NoticeAction::LockDown => (&t.lock_done_title, &t.lock_done_lead),
            NoticeAction::ConfirmEmail => (&t.email_done_title, &t.email_done_lead),
            NoticeAction::ResetPassword => (&t.reset_done_title, &t.reset_done_lead),
        };
        Self::new(title, lead, "")
    }
}

/// The path of an action's links.
#[must_use]
pub const fn path_of(action: NoticeAction) -> &'static str {
    match action {
        NoticeAction::ConfirmEmail => "/account/email/verify",
        NoticeAction::ResetPassword => "/login/reset",
        NoticeAction::EndSession(_) | NoticeAction::SuspendDevice(_) | NoticeAction::LockDown => {
            "/account/notice"
        }
    }
}

impl LinkPage {
    /// Without a form of its own.
    #[must_use]
    pub fn new(page: Page, stage: &str, path: &str, words: Words) -> Self {
        Self {
            page,
            stage: stage.to_owned(),
            path: path.to_owned(),
            words,
            token: String::new(),
            is_reset: false,
            username: String::new(),
            alert: None,
        }
    }
}

fn forgot_samples(page: &dyn Fn() -> Page) -> Vec<(&'static str, Forgot)> {
    ["ask", "sent", "off"].map(|stage| (stage, Forgot { page: page(), stage: stage.to_owned() })).into()
}

fn link_samples(page: &dyn Fn() -> Page) -> Vec<(&'static str, LinkPage)> {
    let hostile = "\"><script>alert(1)</script>'&\u{202E}gnp";
    let asking = |kind: NoticeKind| {
        let action = kind.action().unwrap_or(NoticeAction::LockDown);
        let link = Link { kind, action, username: hostile.to_owned() };
        let page = page();
        let words = Words::asking(&page, &link);
        let mut asking = LinkPage::new(page, "ask", path_of(action), words);
        asking.token = "t0ken".to_owned();
        asking.is_reset = action == NoticeAction::ResetPassword;
        asking.username = shown(hostile, 128);
        asking.alert = asking.is_reset.then(|| asking.page.t.mailed.reset_refused.clone());
        asking
    };
    let plain = |stage: &'static str, words: fn(&Page) -> Words| {
        let page = page();
        let words = words(&page);
        LinkPage::new(page, stage, "/account/notice", words)
    };
    let device = domain::DeviceId::from_random([1; 16]);
    vec![
        ("open", plain("open", |page| Words::new(&page.t.mailed.open_title, &page.t.mailed.open_lead, ""))),
        ("gone", plain("gone", |page| Words::new(&page.t.mailed.gone_title, &page.t.mailed.gone_lead, ""))),
        ("done", plain("done", |page| Words::done(page, NoticeAction::LockDown))),
        ("device", asking(NoticeKind::DeviceKeyRotated { device, name: hostile.to_owned() })),
        ("email", asking(NoticeKind::ConfirmEmail { address: hostile.to_owned() })),
        ("reset", asking(NoticeKind::PasswordResetAsked)),
    ]
}

#[cfg(test)]
mod tests {
    use web::{Web, markup};

    #[test]
    fn every_page_renders_in_every_language() {
        for lang in ["en", "de"] {
            for (name, html) in super::samples(&|| Web::sample_page(lang).unwrap()).unwrap() {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} ({lang})");
                assert!(!html.contains("<script>") && !html.contains('\u{202E}'), "{name} escapes");
            }
        }
    }
}
