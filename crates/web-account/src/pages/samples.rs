//! Samples of the account pages: what the gallery and the checks of markup look at.

use web::Page;

use super::{
    ActivityPage, AppLine, AppsPage, CasAppForm, CodesPage, DeviceLine, DevicesPage, Fact, Line, LostPage,
    OverviewPage, OwnLine, PasskeyLine, SecurityPage, SessionLine, SessionsPage, SettingsPage, TotpPage,
};
use crate::frame::{Frame, Tab};
use crate::texts::{self, Texts};

type Samples<P> = Vec<(&'static str, P)>;

/// A name that would break a page that escapes too little.
const HOSTILE: &str = "<b onmouseover=alert(1)>\"Ada\" & co.</b>";

fn frames(
    page: &dyn Fn() -> Page,
    here: Tab,
    heading: fn(&Texts) -> &str,
) -> Option<(Frame, &'static Texts)> {
    let t = texts::of(page().lang).ok()?;
    let frame = Frame {
        t,
        here,
        heading: heading(t).to_owned(),
        name: HOSTILE.to_owned(),
        username: "ada".to_owned(),
        unseen: 2,
        done: None,
        alert: None,
        recovery: None,
        cookie: None,
    };
    Some((frame, t))
}

fn fact(name: &str, value: &str) -> Fact {
    (name.to_owned(), value.to_owned(), None)
}

fn moment(name: &str) -> Fact {
    (name.to_owned(), "2026-11-22 09:14 UTC".to_owned(), Some("2026-11-22T09:14:00Z".to_owned()))
}

fn news(is_new: bool) -> Line {
    Line {
        text: format!("A phone was added: {HOSTILE}"),
        at: "2026-11-22T09:14:00Z".to_owned(),
        at_text: "2026-11-22 09:14 UTC".to_owned(),
        is_new,
    }
}

pub fn overview(page: &dyn Fn() -> Page) -> Samples<OverviewPage> {
    let Some((frame, t)) = frames(page, Tab::Overview, |t| &t.overview.title) else { return Vec::new() };
    let advice = vec![(t.overview.no_phone.clone(), "/phone/add", t.overview.no_phone_do.clone())];
    let facts = vec![(t.overview.phones.clone(), "0".to_owned())];
    let new =
        OverviewPage { page: page(), frame: frame.clone(), t, advice, facts: facts.clone(), news: vec![] };
    let sentence = page().say(&t.recovery.waiting, "time", "2026-11-22 09:14 UTC");
    let running = OverviewPage {
        page: page(),
        frame: Frame { recovery: Some(sentence), ..frame.clone() },
        t,
        advice: Vec::new(),
        facts: facts.clone(),
        news: vec![],
    };
    let (advice, news) = (Vec::new(), vec![news(true), news(false)]);
    vec![
        ("new", new),
        ("recovery", running),
        ("settled", OverviewPage { page: page(), frame, t, advice, facts, news }),
    ]
}

pub fn devices(page: &dyn Fn() -> Page) -> Samples<DevicesPage> {
    let Some((frame, t)) = frames(page, Tab::Devices, |t| &t.devices.title) else { return Vec::new() };
    let device = |state: &'static str, is_held, may_return: bool| DeviceLine {
        id: format!("dev_{state}"),
        name: HOSTILE.to_owned(),
        platform: "Android".to_owned(),
        state,
        state_text: t.devices.active.clone(),
        tone: "good",
        why: may_return.then(|| "lost".to_owned()),
        facts: vec![moment(&t.devices.added), fact(&t.devices.used_at, "Helsinki")],
        is_held,
        may_return,
    };
    let devices = vec![device("active", true, false), device("suspended", true, true)];
    let gone = vec![device("revoked", false, false)];
    let typed = CasAppForm {
        is_proven: true,
        is_open: true,
        wrong: "cas_name",
        cas_name: HOSTILE.to_owned(),
        name: HOSTILE.to_owned(),
    };
    let none =
        DevicesPage { page: page(), frame: frame.clone(), t, devices: vec![], gone: vec![], cas: None };
    let with = |cas| DevicesPage {
        page: page(),
        frame: frame.clone(),
        t,
        devices: devices.clone(),
        gone: gone.clone(),
        cas: Some(cas),
    };
    vec![("some", with(typed)), ("unproven", with(CasAppForm::default())), ("none", none)]
}

pub fn security(page: &dyn Fn() -> Page) -> Samples<SecurityPage> {
    let Some((frame, t)) = frames(page, Tab::Security, |t| &t.security.title) else { return Vec::new() };
    let passkey = |is_phones| PasskeyLine {
        id: format!("crd_{is_phones}"),
        name: HOSTILE.to_owned(),
        about: "2026-11-22".to_owned(),
        is_phones,
    };
    let sample = |frame, passkeys, has: bool| SecurityPage {
        page: page(),
        frame,
        t,
        passkeys,
        has_password: has,
        is_fresh: !has,
        password_about: t.security.password_none.clone(),
        password_open: has,
        rule: t.security.rule.clone(),
        has_totp: has,
        totp_about: t.security.totp_off.clone(),
        codes_about: t.security.codes_none.clone(),
    };
    let refused = Frame { alert: Some(t.security.wrong_password.clone()), ..frame.clone() };
    vec![
        ("much", sample(refused, vec![passkey(false), passkey(true)], true)),
        ("little", sample(frame, vec![], false)),
    ]
}

pub fn totp(page: &dyn Fn() -> Page) -> Samples<TotpPage> {
    let Some((frame, t)) = frames(page, Tab::Security, |t| &t.totp.title) else { return Vec::new() };
    let svg = "<svg viewBox=\"0 0 4 4\"><path d=\"M0 0h1v1\"/></svg>".to_owned();
    vec![("setup", TotpPage { page: page(), frame, t, svg, secret: "ABCD EFGH".to_owned() })]
}

pub fn codes(page: &dyn Fn() -> Page) -> Samples<CodesPage> {
    let Some((frame, t)) = frames(page, Tab::Security, |t| &t.codes.title) else { return Vec::new() };
    let codes = (0..10).map(|number| format!("abcd-efgh-{number:04}")).collect();
    vec![("shown", CodesPage { page: page(), frame, t, codes })]
}

pub fn sessions(page: &dyn Fn() -> Page) -> Samples<SessionsPage> {
    let Some((frame, t)) = frames(page, Tab::Sessions, |t| &t.sessions.title) else { return Vec::new() };
    let session = |is_this| SessionLine {
        id: format!("ses_{is_this}"),
        browser: HOSTILE.to_owned(),
        is_this,
        facts: vec![fact(&t.sessions.by, &t.sessions.by_phone), moment(&t.sessions.since)],
    };
    let sessions = vec![session(true), session(false)];
    vec![("two", SessionsPage { page: page(), frame, t, sessions })]
}

pub fn apps(page: &dyn Fn() -> Page) -> Samples<AppsPage> {
    let Some((frame, t)) = frames(page, Tab::Apps, |t| &t.apps.title) else { return Vec::new() };
    let app = AppLine {
        client: "shop".to_owned(),
        name: HOSTILE.to_owned(),
        is_verified: false,
        scopes: "profile, email".to_owned(),
        at: "2026-11-22T09:14:00Z".to_owned(),
        since: "2026-11-22".to_owned(),
    };
    let none = AppsPage { page: page(), frame: frame.clone(), t, apps: vec![], more: None };
    vec![
        ("some", AppsPage { page: page(), frame, t, apps: vec![app], more: Some("shop".to_owned()) }),
        ("none", none),
    ]
}

pub fn activity(page: &dyn Fn() -> Page) -> Samples<ActivityPage> {
    let Some((frame, t)) = frames(page, Tab::Activity, |t| &t.activity.title) else { return Vec::new() };
    let none = ActivityPage { page: page(), frame: frame.clone(), t, lines: vec![], more: None };
    let (lines, more) = (vec![news(true), news(false)], Some("x".to_owned()));
    vec![("some", ActivityPage { page: page(), frame, t, lines, more }), ("none", none)]
}

pub fn settings(page: &dyn Fn() -> Page) -> Samples<SettingsPage> {
    let Some((frame, t)) = frames(page, Tab::Settings, |t| &t.settings.title) else { return Vec::new() };
    let facts = vec![(t.settings.username.clone(), HOSTILE.to_owned())];
    let languages = vec![("en", "English"), ("de", "Deutsch")];
    let language = "de".to_owned();
    let without = SettingsPage {
        page: page(),
        frame: frame.clone(),
        t,
        language: String::new(),
        languages: languages.clone(),
        facts: Vec::new(),
        email: String::new(),
        email_about: t.settings.email_none.clone(),
        email_waiting: String::new(),
        has_mail: false,
        own: Vec::new(),
        version: 1,
    };
    let own = |name: &str, kind, value: &str, is_bad| OwnLine {
        name: name.to_owned(),
        label: HOSTILE.to_owned(),
        kind,
        value: value.to_owned(),
        hint: page().say(&t.settings.hint_text, "count", "200"),
        is_bad,
    };
    let own = vec![
        own("nickname_here", "text", HOSTILE, true),
        own("desk", "number", "7", false),
        own("vegetarian", "boolean", "yes", false),
        own("skills", "list", HOSTILE, false),
    ];
    let german = SettingsPage {
        page: page(),
        frame,
        t,
        language,
        languages,
        facts,
        email: HOSTILE.to_owned(),
        email_about: t.settings.email_unconfirmed.clone(),
        email_waiting: HOSTILE.to_owned(),
        has_mail: true,
        own,
        version: 7,
    };
    vec![("german", german), ("without mail", without)]
}

pub fn lost(page: &dyn Fn() -> Page) -> Samples<LostPage> {
    let Some((frame, t)) = frames(page, Tab::Lost, |t| &t.lost.title) else { return Vec::new() };
    let device = |id: &str| (id.to_owned(), HOSTILE.to_owned(), "Android".to_owned());
    let none = LostPage { page: page(), frame: frame.clone(), t, devices: vec![] };
    vec![
        ("two", LostPage { page: page(), frame, t, devices: vec![device("dev_a"), device("dev_b")] }),
        ("none", none),
    ]
}
