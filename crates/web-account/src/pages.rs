//! The account pages, each with its samples.

mod samples;

use crate::frame::Frame;
use crate::texts::Texts;

/// A fact: its name, its value, and the time for `datetime` where it is one.
pub type Fact = (String, String, Option<String>);

web::pages! {
    /// The first page.
    OverviewPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// What is worth doing: why, where, what.
        advice: Vec<(String, &'static str, String)>,
        /// How the account stands.
        facts: Vec<(String, String)>,
        /// What happened lately.
        news: Vec<Line>,
    } "account/overview.html" samples::overview;
    /// Phones.
    DevicesPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// Those that are not revoked.
        devices: Vec<DeviceLine>,
        /// Those that are.
        gone: Vec<DeviceLine>,
        /// How an app made for CAS is registered; none where such apps may not approve.
        cas: Option<CasAppForm>,
    } "account/devices.html" samples::devices;
    /// Passkeys, password, second factors.
    SecurityPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The passkeys.
        passkeys: Vec<PasskeyLine>,
        /// There is a password.
        has_password: bool,
        /// Its owner proved just now who they are: the current password is not asked.
        is_fresh: bool,
        /// How old the password is.
        password_about: String,
        /// The form is open, after a try.
        password_open: bool,
        /// What a new password has to be like.
        rule: String,
        /// Codes of an app are asked for.
        has_totp: bool,
        /// What that means.
        totp_about: String,
        /// How many recovery codes are left.
        codes_about: String,
    } "account/security.html" samples::security;
    /// Setting up codes from an app.
    TotpPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The QR code, made by us.
        svg: String,
        /// The same to type.
        secret: String,
    } "account/totp.html" samples::totp;
    /// Recovery codes, shown once.
    CodesPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The codes.
        codes: Vec<String>,
    } "account/codes.html" samples::codes;
    /// Sessions.
    SessionsPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The living ones.
        sessions: Vec<SessionLine>,
    } "account/sessions.html" samples::sessions;
    /// Apps with access.
    AppsPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The apps of this page.
        apps: Vec<AppLine>,
        /// The query of the next page.
        more: Option<String>,
    } "account/apps.html" samples::apps;
    /// What happened.
    ActivityPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The notices of this page.
        lines: Vec<Line>,
        /// The cursor of the next page.
        more: Option<String>,
    } "account/activity.html" samples::activity;
    /// Language, and what is known.
    SettingsPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// The language that was chosen; empty: the browser's.
        language: String,
        /// Those there are: tag and name.
        languages: Vec<(&'static str, &'static str)>,
        /// What is known about the person.
        facts: Vec<(String, String)>,
        /// The address in force.
        email: String,
        /// What is known of it.
        email_about: String,
        /// The address whose link was not used yet, in a sentence; empty: none.
        email_waiting: String,
        /// Links can be sent.
        has_mail: bool,
        /// What the person may set.
        own: Vec<OwnLine>,
        /// The version of the account that is shown.
        version: u32,
    } "account/settings.html" samples::settings;
    /// A lost phone.
    LostPage {
        /// The frame.
        frame: Frame,
        /// Its sentences.
        t: &'static Texts,
        /// Phones that can be stopped: id, name, platform.
        devices: Vec<(String, String, String)>,
    } "account/lost.html" samples::lost;
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Line {
    /// In a sentence.
    pub text: String,
    /// For `datetime`.
    pub at: String,
    /// When, in words.
    pub at_text: String,
    /// Its owner has not seen it.
    pub is_new: bool,
}

/// The form for an app made for CAS.
#[derive(Debug, Clone, Default)]
pub struct CasAppForm {
    /// Its owner proved just now who they are: it may be filled in.
    pub is_proven: bool,
    /// It is open, after a try.
    pub is_open: bool,
    /// The field that is wrong, if one is.
    pub wrong: &'static str,
    /// What the app calls itself, as it was typed.
    pub cas_name: String,
    /// The owner's name for it, as it was typed.
    pub name: String,
}

/// A phone.
#[derive(Debug, Clone)]
pub struct DeviceLine {
    /// Its id.
    pub id: String,
    /// The owner's name for it.
    pub name: String,
    /// Operating system or model.
    pub platform: String,
    /// The word of its state.
    pub state: &'static str,
    /// Its state in words.
    pub state_text: String,
    /// The badge's class.
    pub tone: &'static str,
    /// Why it is as it is.
    pub why: Option<String>,
    /// When it was added and used.
    pub facts: Vec<Fact>,
    /// It can be changed.
    pub is_held: bool,
    /// Its owner stopped it, and may let it back.
    pub may_return: bool,
}

/// A passkey.
#[derive(Debug, Clone)]
pub struct PasskeyLine {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was added and used.
    pub about: String,
    /// It belongs to a phone.
    pub is_phones: bool,
}

/// A signed-in browser.
#[derive(Debug, Clone)]
pub struct SessionLine {
    /// Its id.
    pub id: String,
    /// Browser and system.
    pub browser: String,
    /// It is the one that asks.
    pub is_this: bool,
    /// How, since when, from where.
    pub facts: Vec<Fact>,
}

/// A claim that its owner may set.
#[derive(Debug, Clone)]
pub struct OwnLine {
    /// The claim: also the name of its field, after `claim-`.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// `text`, `number`, `boolean` or `list`.
    pub kind: &'static str,
    /// As it is written in its field; for a boolean `yes`, `no` or nothing.
    pub value: String,
    /// What may stand there.
    pub hint: String,
    /// What was given does not fit.
    pub is_bad: bool,
}

/// An app with access.
#[derive(Debug, Clone)]
pub struct AppLine {
    /// Its id.
    pub client: String,
    /// Its name.
    pub name: String,
    /// An administrator vouches for it.
    pub is_verified: bool,
    /// What it may know.
    pub scopes: String,
    /// When it was allowed, for `datetime`.
    pub at: String,
    /// The same in words.
    pub since: String,
}

#[cfg(test)]
mod tests {
    use web::{Web, markup};

    #[test]
    fn every_sample_is_sound_markup_and_escapes_what_people_write() {
        for lang in ["en", "de"] {
            let samples = super::samples(&|| Web::sample_page(lang).unwrap()).unwrap();
            assert!(samples.len() > 15, "{}", samples.len());
            for (name, html) in samples {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} in {lang}");
                assert!(!html.contains("<b onmouseover"), "{name} in {lang}");
            }
        }
    }
}
