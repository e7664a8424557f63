//! Mails in words.
//!
//! Owns: the shape of `themes/default/mail/*.toml`, which sentences and facts tell which notice, and the two
//! templates (plain text and HTML). Not here: sending (`outbound-net`), when and to whom (`registry::notices`).
//!
//! Facts come from devices, browsers and clients: each is one plain, bounded line, escaped in the HTML (SEC-145).

use app::notices::MailWriter;
use app::{App, Refusal};
use askama::Template;
use domain::text::shown;
use domain::{Method, Notice, NoticeAction, NoticeBy, NoticeKind, NoticeMail, Timestamp};
use outbound::Mail;

use crate::Theme;
use crate::texts::{BadTexts, Catalogue, fill};

crate::texts! {
    /// Words that all mails share.
    Words {
        hello, hello_you, foot, when, account, phone, phone_before, passkey, browser, address, place, how, by,
        why, app, from, to, codes_left, from_then, waits, by_owner, by_device, by_admin, by_system, how_password,
        how_passkey, how_phone, how_code, how_recovery, none, advise_session, advise_device, advise_lock,
        advise_email, advise_reset, do_session, do_device, do_lock, do_email, do_reset, life_day, life_quarter,
        test_subject, test,
    }
    /// The words of one kind.
    KindWords { subject, lead }
}

macro_rules! kinds {
    ($($field:ident $pattern:pat,)+) => {
        /// The words of every kind.
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Kinds { $($field: KindWords,)+ }

        impl Kinds {
            const fn of(&self, kind: &NoticeKind) -> &KindWords {
                match kind { $($pattern => &self.$field,)+ }
            }
        }
    };
}

kinds! {
    new_sign_in NoticeKind::NewSignIn { .. },
    sign_in_reported NoticeKind::SignInReported { .. },
    device_added NoticeKind::DeviceAdded { .. },
    device_approved NoticeKind::DeviceApproved { .. },
    device_rejected NoticeKind::DeviceRejected { .. },
    device_changed NoticeKind::DeviceChanged { .. },
    device_suspended NoticeKind::DeviceSuspended { .. },
    device_restored NoticeKind::DeviceRestored { .. },
    device_revoked NoticeKind::DeviceRevoked { .. },
    device_moved NoticeKind::DeviceMoved { .. },
    device_key_rotated NoticeKind::DeviceKeyRotated { .. },
    enrolment_made NoticeKind::EnrolmentMade { .. },
    passkey_added NoticeKind::PasskeyAdded { .. },
    passkey_removed NoticeKind::PasskeyRemoved { .. },
    password_changed NoticeKind::PasswordChanged { .. },
    second_factor_on NoticeKind::SecondFactorOn,
    second_factor_off NoticeKind::SecondFactorOff { .. },
    recovery_codes_made NoticeKind::RecoveryCodesMade { .. },
    recovery_code_used NoticeKind::RecoveryCodeUsed { .. },
    recovery_opened NoticeKind::RecoveryOpened { .. },
    recovery_cancelled NoticeKind::RecoveryCancelled { .. },
    recovery_completed NoticeKind::RecoveryCompleted,
    email_changed NoticeKind::EmailChanged { .. },
    profile_changed NoticeKind::ProfileChanged { .. },
    account_locked NoticeKind::AccountLocked { .. },
    account_enabled NoticeKind::AccountEnabled,
    session_ended NoticeKind::SessionEnded { .. },
    consent_withdrawn NoticeKind::ConsentWithdrawn { .. },
    confirm_email NoticeKind::ConfirmEmail { .. },
    password_reset_asked NoticeKind::PasswordResetAsked,
}

/// A file of words.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MailTexts {
    mail: Words,
    kinds: Kinds,
}

/// The files; English is the fall-back.
const FILES: &[(&str, &str)] = &[
    ("en", include_str!("../../../themes/default/mail/en.toml")),
    ("de", include_str!("../../../themes/default/mail/de.toml")),
];

/// A fact has so many characters at most.
const LONGEST: usize = 120;

#[derive(Template)]
#[template(path = "mail/mail.txt")]
struct Plain<'a> {
    lines: &'a [String],
    facts: &'a [(String, String)],
    link: Option<&'a str>,
    advice: &'a str,
    life: &'a str,
    foot: &'a str,
}

#[derive(Template)]
#[template(path = "mail/mail.html")]
struct Html<'a> {
    lang: &'a str,
    subject: &'a str,
    provider: &'a str,
    accent: &'a str,
    lines: &'a [String],
    facts: &'a [(String, String)],
    link: Option<&'a str>,
    advice: &'a str,
    button: &'a str,
    life: &'a str,
    foot: &'a str,
}

/// Writes the mails of one provider.
#[derive(Debug, Clone)]
pub struct MailRoom {
    texts: Catalogue<MailTexts>,
    provider: String,
    host: String,
    accent: String,
}

/// A mail before it is rendered.
#[derive(Default)]
struct Draft {
    subject: String,
    lines: Vec<String>,
    facts: Vec<(String, String)>,
    link: Option<String>,
    advice: String,
    button: String,
    life: String,
}

impl MailRoom {
    /// With the name and the looks of the theme.
    ///
    /// # Errors
    /// A file of words is wrong.
    pub fn new(app: &App, theme: &Theme) -> Result<Self, BadTexts> {
        let host = app.issuer().host().to_owned();
        let provider = if theme.name.is_empty() { host.clone() } else { theme.name.clone() };
        Self::of(provider, host, theme)
    }

    pub(crate) fn of(provider: String, host: String, theme: &Theme) -> Result<Self, BadTexts> {
        Ok(Self { texts: Catalogue::parse(FILES)?, provider, host, accent: theme.accent.clone() })
    }

    fn language(&self, wanted: Option<&str>) -> &'static str {
        self.texts.choose(&wanted.map(str::to_owned).into_iter().collect::<Vec<_>>(), "")
    }

    fn filled(&self, sentence: &str) -> String {
        fill(sentence, &[("provider", &self.provider), ("host", &self.host)])
    }

    fn rendered(
        &self,
        language: &'static str,
        to: &NoticeMail,
        id: String,
        draft: &Draft,
    ) -> Result<Mail, Refusal> {
        let foot = self.filled(&self.texts.of(language).mail.foot);
        let Draft { subject, lines, facts, link, advice, button, life } = draft;
        let (link, broken) = (link.as_deref(), |error: askama::Error| Refusal::Corrupt(error.to_string()));
        let plain = Plain { lines, facts, link, advice, life, foot: &foot };
        let html = Html {
            lang: language,
            subject,
            provider: &self.provider,
            accent: &self.accent,
            lines,
            facts,
            link,
            advice,
            button,
            life,
            foot: &foot,
        };
        Ok(Mail {
            to: to.to.clone(),
            name: shown(&to.name, LONGEST),
            subject: subject.clone(),
            text: plain.render().map_err(broken)?,
            html: html.render().map_err(broken)?,
            id,
            language: language.to_owned(),
        })
    }
}

impl MailWriter for MailRoom {
    fn write(&self, notice: &Notice, to: &NoticeMail, link: Option<&str>) -> Result<Mail, Refusal> {
        let language = self.language(to.language.as_deref());
        let texts = self.texts.of(language);
        let (t, words) = (&texts.mail, texts.kinds.of(&notice.kind));
        // Whoever gets a mail to confirm an address may be a stranger: no words of the account in it.
        let is_stranger = matches!(notice.kind, NoticeKind::ConfirmEmail { .. });
        let hello = if is_stranger {
            t.hello_you.clone()
        } else {
            fill(&t.hello, &[("name", &shown(&to.name, LONGEST))])
        };
        let mut draft = Draft {
            subject: format!("{}: {}", self.provider, self.filled(&words.subject)),
            lines: vec![hello, self.filled(&words.lead)],
            ..Draft::default()
        };
        if matches!(notice.kind, NoticeKind::DeviceAdded { is_pending: true, .. }) {
            draft.lines.push(t.waits.clone());
        }
        if !is_stranger {
            draft.facts = facts(&notice.kind, t);
            draft.facts.push((t.when.clone(), time(notice.created_at)));
        }
        if let (Some(link), Some(action)) = (link, notice.kind.action()) {
            let (advice, button) = match action {
                NoticeAction::EndSession(_) => (&t.advise_session, &t.do_session),
                NoticeAction::SuspendDevice(_) => (&t.advise_device, &t.do_device),
                NoticeAction::LockDown => (&t.advise_lock, &t.do_lock),
                NoticeAction::ConfirmEmail => (&t.advise_email, &t.do_email),
                NoticeAction::ResetPassword => (&t.advise_reset, &t.do_reset),
            };
            let is_short = action == NoticeAction::ResetPassword;
            draft.link = Some(link.to_owned());
            draft.advice.clone_from(advice);
            draft.button.clone_from(button);
            draft.life.clone_from(if is_short { &t.life_quarter } else { &t.life_day });
        }
        self.rendered(language, to, notice.id.to_string(), &draft)
    }

    fn test(&self, to: &NoticeMail, id: String, now: Timestamp) -> Result<Mail, Refusal> {
        let language = self.language(to.language.as_deref());
        let t = &self.texts.of(language).mail;
        let draft = Draft {
            subject: self.filled(&t.test_subject),
            lines: vec![self.filled(&t.test)],
            facts: vec![(t.when.clone(), time(now))],
            ..Draft::default()
        };
        self.rendered(language, to, id, &draft)
    }
}

/// What a notice says on a page: what happened and what is known of it, in one line.
#[must_use]
pub fn line(kind: &NoticeKind, page: &crate::Page) -> String {
    static READ: std::sync::OnceLock<Option<Catalogue<MailTexts>>> = std::sync::OnceLock::new();
    let Some(texts) = READ.get_or_init(|| Catalogue::parse(FILES).ok()) else { return String::new() };
    let texts = texts.of(page.lang);
    let mut line = page.with_provider(&texts.kinds.of(kind).subject);
    let known: Vec<String> = facts(kind, &texts.mail).into_iter().map(|(_, value)| value).collect();
    if !known.is_empty() {
        line.push_str(": ");
        line.push_str(&known.join(", "));
    }
    line
}

/// In UTC, to the minute.
fn time(at: Timestamp) -> String {
    let text = at.rfc3339();
    let cut = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!("{cut} UTC")
}

/// What is known, in lines.
fn facts(kind: &NoticeKind, t: &Words) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |label: &str, value: &str| {
        let value = shown(value, LONGEST);
        if !value.is_empty() {
            all.push((label.to_owned(), value));
        }
    };
    match kind {
        NoticeKind::NewSignIn { method, browser, address, place, .. } => {
            add(&t.how, how(*method, t));
            add(&t.browser, browser);
            add(&t.address, address);
            add(&t.place, place.as_deref().unwrap_or_default());
        }
        NoticeKind::SignInReported { browser, address } => {
            add(&t.browser, browser);
            add(&t.address, address);
        }
        NoticeKind::DeviceAdded { name, .. }
        | NoticeKind::DeviceApproved { name, .. }
        | NoticeKind::DeviceRejected { name }
        | NoticeKind::DeviceKeyRotated { name, .. } => add(&t.phone, name),
        NoticeKind::DeviceChanged { name, by, .. } | NoticeKind::DeviceRestored { name, by, .. } => {
            add(&t.phone, name);
            add(&t.by, who(*by, t));
        }
        NoticeKind::DeviceSuspended { name, by, reason, .. }
        | NoticeKind::DeviceRevoked { name, by, reason } => {
            add(&t.phone, name);
            add(&t.by, who(*by, t));
            add(&t.why, reason.as_deref().unwrap_or_default());
        }
        NoticeKind::DeviceMoved { name, from, .. } => {
            add(&t.phone, name);
            add(&t.phone_before, from);
        }
        NoticeKind::PasskeyAdded { name } => add(&t.passkey, name),
        NoticeKind::PasskeyRemoved { name, by } => {
            add(&t.passkey, name);
            add(&t.by, who(*by, t));
        }
        NoticeKind::EnrolmentMade { by }
        | NoticeKind::PasswordChanged { by }
        | NoticeKind::SecondFactorOff { by }
        | NoticeKind::RecoveryCodesMade { by }
        | NoticeKind::RecoveryCancelled { by }
        | NoticeKind::ProfileChanged { by } => add(&t.by, who(*by, t)),
        NoticeKind::RecoveryCodeUsed { left } => add(&t.codes_left, &left.to_string()),
        NoticeKind::RecoveryOpened { ready_at, .. } => add(&t.from_then, &time(*ready_at)),
        NoticeKind::EmailChanged { from, to, by } => {
            add(&t.from, from.as_deref().unwrap_or(&t.none));
            add(&t.to, to.as_deref().unwrap_or(&t.none));
            add(&t.by, who(*by, t));
        }
        NoticeKind::AccountLocked { by, reason } => {
            add(&t.by, who(*by, t));
            add(&t.why, reason.as_deref().unwrap_or_default());
        }
        NoticeKind::SessionEnded { browser, by } => {
            add(&t.browser, browser);
            add(&t.by, who(*by, t));
        }
        NoticeKind::ConsentWithdrawn { client } => add(&t.app, client),
        NoticeKind::SecondFactorOn
        | NoticeKind::RecoveryCompleted
        | NoticeKind::AccountEnabled
        | NoticeKind::ConfirmEmail { .. }
        | NoticeKind::PasswordResetAsked => {}
    }
    all
}

fn who(by: NoticeBy, t: &Words) -> &str {
    match by {
        NoticeBy::Owner => &t.by_owner,
        NoticeBy::Device => &t.by_device,
        NoticeBy::Admin => &t.by_admin,
        NoticeBy::System => &t.by_system,
    }
}

fn how(method: Method, t: &Words) -> &str {
    match method {
        Method::Password => &t.how_password,
        Method::Passkey => &t.how_passkey,
        Method::Phone | Method::CasPhone => &t.how_phone,
        Method::Totp | Method::RecoveryCode => &t.how_code,
        Method::Recovery => &t.how_recovery,
    }
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, DeviceId, NoticeId, SessionId};

    use super::*;

    const HOSTILE: &str = "\"><script>alert(1)</script>\r\nBcc: eve@example.org\u{202E}";

    fn room() -> MailRoom {
        MailRoom::of("Corner <ID>".to_owned(), "id.example".to_owned(), &Theme::built_in().unwrap()).unwrap()
    }

    fn written(kind: NoticeKind, language: &str, link: Option<&str>) -> Mail {
        let now = Timestamp::from_seconds(1_795_338_956);
        let mail =
            NoticeMail::new("ada@example.org".to_owned(), HOSTILE.to_owned(), Some(language.to_owned()), now);
        let notice = Notice {
            id: NoticeId::from_random([1; 16]),
            account: AccountId::from_random([2; 16]),
            is_listed: true,
            kind,
            created_at: now,
            seen_at: None,
            acted_at: None,
            mail: Some(mail.clone()),
        };
        room().write(&notice, &mail, link).unwrap()
    }

    fn all() -> Vec<NoticeKind> {
        let (device, session) = (DeviceId::from_random([3; 16]), SessionId::from_random([4; 16]));
        let (name, by) = (HOSTILE.to_owned(), NoticeBy::Admin);
        let reason = Some(HOSTILE.to_owned());
        vec![
            NoticeKind::NewSignIn {
                session,
                method: Method::Phone,
                browser: HOSTILE.repeat(9),
                address: "192.0.2.1".to_owned(),
                place: reason.clone(),
            },
            NoticeKind::SignInReported { browser: name.clone(), address: name.clone() },
            NoticeKind::DeviceAdded { device, name: name.clone(), is_pending: true },
            NoticeKind::DeviceApproved { device, name: name.clone() },
            NoticeKind::DeviceRejected { name: name.clone() },
            NoticeKind::DeviceChanged { device, name: name.clone(), by },
            NoticeKind::DeviceSuspended { device, name: name.clone(), by, reason: reason.clone() },
            NoticeKind::DeviceRestored { device, name: name.clone(), by },
            NoticeKind::DeviceRevoked { name: name.clone(), by, reason: reason.clone() },
            NoticeKind::DeviceMoved { device, name: name.clone(), from: name.clone() },
            NoticeKind::DeviceKeyRotated { device, name: name.clone() },
            NoticeKind::EnrolmentMade { by },
            NoticeKind::PasskeyAdded { name: name.clone() },
            NoticeKind::PasskeyRemoved { name: name.clone(), by },
            NoticeKind::PasswordChanged { by },
            NoticeKind::SecondFactorOn,
            NoticeKind::SecondFactorOff { by },
            NoticeKind::RecoveryCodesMade { by },
            NoticeKind::RecoveryCodeUsed { left: 3 },
            NoticeKind::RecoveryOpened {
                recovery: domain::RecoveryId::from_random([5; 16]),
                ready_at: Timestamp::from_seconds(1_795_425_356),
            },
            NoticeKind::RecoveryCancelled { by },
            NoticeKind::RecoveryCompleted,
            NoticeKind::EmailChanged { from: Some(name.clone()), to: None, by },
            NoticeKind::AccountLocked { by, reason },
            NoticeKind::AccountEnabled,
            NoticeKind::SessionEnded { browser: name.clone(), by },
            NoticeKind::ConsentWithdrawn { client: name.clone() },
            NoticeKind::ConfirmEmail { address: name },
            NoticeKind::PasswordResetAsked,
        ]
    }

    #[test]
    fn every_language_has_the_same_sentences() {
        assert_eq!(crate::texts::differences(FILES), Vec::<String>::new());
    }

    #[test]
    fn sec_145_nothing_from_outside_is_markup_or_a_line_of_its_own() {
        for language in ["en", "de"] {
            for kind in all() {
                let word = kind.as_str();
                let mail = written(kind, language, Some("https://id.example/account/notice#t0ken"));
                assert!(
                    !mail.html.contains("<script>") && mail.html.contains("Corner &#60;ID&#62;"),
                    "{word}"
                );
                for text in [&mail.text, &mail.html] {
                    assert!(!text.contains("\nBcc") && !text.contains('\u{202E}'), "{word}: {text}");
                    assert!(text.contains("id.example"), "{word}");
                }
                assert!(!mail.subject.contains(char::is_control) && !mail.name.contains(char::is_control));
                assert!(mail.html.matches("<html").count() == 1 && mail.language == language, "{word}");
            }
        }
    }

    #[test]
    fn a_mail_says_what_to_do_with_one_link_that_works_once() {
        let link = "https://id.example/account/notice#t0ken";
        let by = NoticeBy::Owner;
        let mail = written(NoticeKind::PasswordChanged { by }, "en", Some(link));
        assert!(mail.subject.starts_with("Corner <ID>: "));
        for text in [&mail.text, &mail.html] {
            assert_eq!(text.matches(link).count(), 1);
            assert!(text.contains("Was it not you?") && text.contains("2026-11-22 09:15 UTC"), "{text}");
        }
        let without = written(NoticeKind::PasswordChanged { by }, "en", None);
        assert!(!without.text.contains("http"));
        assert!(written(NoticeKind::PasswordResetAsked, "de", Some(link)).text.contains("15 Minuten"));
        assert_eq!(written(NoticeKind::AccountEnabled, "xx", None).language, "en");
    }

    #[test]
    fn sec_145_a_stranger_reads_no_words_of_the_account() {
        let mail = written(
            NoticeKind::ConfirmEmail { address: "a@example.org".to_owned() },
            "en",
            Some("https://x"),
        );
        assert!(!mail.text.contains("alert(1)") && !mail.html.contains("alert(1)"));
    }
}
