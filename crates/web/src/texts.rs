//! Sentences shown to people, in their language.
//!
//! Owns: the shape of `themes/default/texts/*.toml` (one struct a section; a misspelt key does not compile, a
//! missing sentence does not start) and the choice of language. Another door keeps sentences of its own the
//! same way: `web::texts!` for the shape, [`Catalogue::parse`] for the files.

use serde::de::DeserializeOwned;

/// Declares sections of sentences: `texts! { /// doc Name { first, second } }`.
#[macro_export]
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(#[doc = concat!("The sentence `", stringify!($field), "`.")] pub $field: String,)+
        }
    )+};
}

texts! {
    /// Words that many pages use.
    Common {
        skip, cancel, back, unverified, verified, policy, terms, reference, provided_by, needs_script,
    }
    /// The page at `/`.
    Home {
        account, title, lead, sign_in, signed_in, sign_out, add_phone, add_passkey, apps, apps_lead, since, take_back,
        take_back_from, more,
    }
    /// Sign-in.
    Login {
        title, confirm_title, for_client, for_nobody, confirm_lead, username, password, show_password,
        hide_password, submit, or, passkey, passkey_wait, failed, passkey_failed, passkey_none, too_many, busy,
        phone_failed, expired, no_method, not_you, other_account,
    }
    /// The QR panel.
    Qr {
        title, lead, image, waiting, seconds, no_script, preparing, claimed, claimed_lead, code_label, approved,
        approved_lead, finish, denied, denied_lead, expired, expired_lead, offline, offline_lead, refresh,
        not_mine, no_phone, virtual_phone,
    }
    /// Consent.
    Consent {
        title, lead, signed_in_as, asks, choose, openid, profile, email, phone, address, offline_access, groups, other,
        already, essential, unknown, allow, deny,
    }
    /// What is known of a person.
    Claims {
        name, family_name, given_name, middle_name, nickname, preferred_username, profile, picture, website,
        gender, birthdate, zoneinfo, locale, updated_at, email, email_verified, address, phone_number,
        phone_number_verified, groups, yes, no,
    }
    /// Sign-out.
    Logout { title, lead, confirm, stay, done_title, done_lead, again, going_title, going_lead, go_on }
    /// Signed in here, with nowhere to go.
    Done { title, lead, method_password, method_passkey, method_phone, method_second_factor, method_recovery }
    /// The step after a right password.
    SecondFactor {
        title, lead, lead_recovery, code, hint, submit, failed, other_way, setup_title, setup_lead, scan, secret,
        image, setup_submit, unmet_title, unmet, stuck_title, stuck, stuck_out,
    }
    /// The way back that the helpdesk opened.
    Recover {
        title, lead, password, code, submit, failed, over, needs_script, help_title, help, help_running, help_sign_in,
        running_title, running, running_link, call_off,
    }
    /// Adding a passkey.
    Passkey {
        title, lead, name, add, wait, added_title, added_lead, failed, exists, unsupported, console,
    }
    /// The page that carries an answer to the one who asked.
    Response { title, lead, go_on }
    /// What mails lead to.
    Mailed {
        forgot, forgot_title, forgot_lead, forgot_name, forgot_submit, forgot_sent, forgot_off, open_title,
        open_lead, gone_title, gone_lead, session_title, session_lead, session_button, session_done_title,
        session_done_lead, device_title, device_lead, device_button, device_done_title, device_done_lead,
        lock_title, lock_lead, lock_button, lock_done_title, lock_done_lead, email_title, email_lead,
        email_button, email_done_title, email_done_lead, reset_title, reset_lead, reset_password,
        reset_button, reset_refused, reset_done_title, reset_done_lead,
    }
    /// Sign-in for services that speak CAS.
    Cas {
        refused_title, refused_lead, signed_in_title, signed_in_lead, sign_out, confirm_title, confirm_lead, confirm_yes,
        confirm_no, confirm_time, confirm_late, back_to, declined, app_title, app_lead, app_name_lead, app_show, app_image,
        app_waiting, app_channel, app_failed,
    }
    /// Refusals.
    Refused {
        title, unknown_client, invalid_redirect_uri, invalid_request, request_uri, not_found, gone, slow_down, busy, forbidden,
        cross_site, stale_form, no_cookie, too_large, server_error, login_required, other, what_now, start_again,
        go_on,
        try_again,
    }
}

/// All sentences of the built-in pages in one language.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Words that many pages use.
    pub common: Common,
    /// The page at `/`.
    pub home: Home,
    /// Sign-in.
    pub login: Login,
    /// The QR panel.
    pub qr: Qr,
    /// Consent.
    pub consent: Consent,
    /// What is known of a person.
    pub claims: Claims,
    /// Sign-out.
    pub logout: Logout,
    /// Signed in, nowhere to go.
    pub done: Done,
    /// The step after a right password.
    pub second_factor: SecondFactor,
    /// The way back that the helpdesk opened.
    pub recover: Recover,
    /// Adding a passkey.
    pub passkey: Passkey,
    /// Carrying an answer to the one who asked.
    pub response: Response,
    /// What mails lead to.
    pub mailed: Mailed,
    /// Sign-in for services that speak CAS.
    pub cas: Cas,
    /// Refusals.
    pub refused: Refused,
}

/// The files of the built-in texts. English comes first: it is what a browser gets that asks for none of ours.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("en", include_str!("../../../themes/default/texts/en.toml")),
    ("de", include_str!("../../../themes/default/texts/de.toml")),
];

/// The same sentences in several languages.
#[derive(Debug, Clone)]
pub struct Catalogue<T>(Vec<(&'static str, T)>);

/// A file of sentences is wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[error("texts/{language}.toml: {why}")]
pub struct BadTexts {
    /// Which.
    pub language: &'static str,
    /// What is wrong, with the line.
    pub why: String,
}

impl<T: DeserializeOwned> Catalogue<T> {
    /// Reads the files; the first is the fall-back.
    pub fn parse(files: &[(&'static str, &str)]) -> Result<Self, BadTexts> {
        let mut all = Vec::with_capacity(files.len());
        for (language, text) in files {
            let texts =
                toml::from_str(text).map_err(|error| BadTexts { language, why: error.to_string() })?;
            all.push((*language, texts));
        }
        if all.is_empty() {
            return Err(BadTexts { language: "en", why: "is missing".to_owned() });
        }
        Ok(Self(all))
    }
}

impl<T> Catalogue<T> {
    /// The sentences in this language, else in the first.
    #[must_use]
    pub fn of(&self, language: &str) -> &T {
        let at = self.0.iter().position(|(other, _)| *other == language).unwrap_or(0);
        &self.0[at].1
    }

    /// The languages, the fall-back first.
    pub fn languages(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(language, _)| *language)
    }

    /// The best language: `ui_locales` first (OpenID Connect Core §3.1.2.1), then `Accept-Language`
    /// (RFC 9110 §12.5.4), then the fall-back.
    #[must_use]
    pub fn choose(&self, ui_locales: &[String], accept_language: &str) -> &'static str {
        let ours = |tag: &str| {
            let main = tag.split(['-', '_']).next().unwrap_or_default().trim();
            self.languages().find(|language| language.eq_ignore_ascii_case(main))
        };
        if let Some(language) = ui_locales.iter().find_map(|tag| ours(tag)) {
            return language;
        }
        let mut best: Option<(&'static str, f32)> = None;
        for item in accept_language.split(',').take(20) {
            let mut parts = item.split(';');
            let Some(language) = parts.next().and_then(ours) else { continue };
            let weight = parts
                .find_map(|p| p.trim().strip_prefix("q="))
                .map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(_, most)| weight > most) {
                best = Some((language, weight));
            }
        }
        best.map_or(self.0[0].0, |(language, _)| language)
    }
}

/// Puts values into a sentence: `fill("Sign in to {name}", &[("name", "Shop")])`. The result is plain text and
/// is escaped by the template like any other.
#[must_use]
pub fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            rest = &rest[before.len()..];
            break;
        };
        match values.iter().find(|(other, _)| *other == name) {
            Some((_, value)) => filled.push_str(value),
            None => {
                filled.push('{');
                filled.push_str(name);
                filled.push('}');
            }
        }
        rest = tail;
    }
    filled.push_str(rest);
    filled
}

/// The parts of a sentence before and after a place, for a value that gets markup of its own.
#[must_use]
pub fn around<'s>(sentence: &'s str, place: &str) -> (&'s str, &'s str) {
    let whole = || (sentence, "");
    let Some((before, after)) = sentence.split_once('{') else { return whole() };
    match after.split_once('}') {
        Some((name, after)) if name == place => (before, after),
        _ => whole(),
    }
}

/// What is wrong between languages: sentences that are empty, or whose `{places}` differ. For the tests of
/// every crate with sentences.
#[must_use]
pub fn differences(files: &[(&'static str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut first: Option<Vec<(String, Vec<String>)>> = None;
    for (language, text) in files {
        let Ok(table) = text.parse::<toml::Table>() else {
            found.push(format!("{language}: is no TOML"));
            continue;
        };
        let mut all = Vec::new();
        flatten("", &table, &mut all);
        for (key, sentence) in &all {
            if sentence.trim().is_empty() {
                found.push(format!("{language}: {key} is empty"));
            }
        }
        let places: Vec<(String, Vec<String>)> =
            all.into_iter().map(|(key, sentence)| (key, places_of(&sentence))).collect();
        match &first {
            None => first = Some(places),
            Some(first) => {
                for (key, expected) in first {
                    let ours = places.iter().find(|(other, _)| other == key).map(|(_, places)| places);
                    if ours != Some(expected) {
                        found.push(format!("{language}: {key} is missing or has other places"));
                    }
                }
            }
        }
    }
    found
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut Vec<(String, String)>) {
    for (name, value) in table {
        match value {
            toml::Value::Table(inner) => flatten(&format!("{prefix}{name}."), inner, into),
            toml::Value::String(text) => into.push((format!("{prefix}{name}"), text.clone())),
            _ => {}
        }
    }
}

fn places_of(sentence: &str) -> Vec<String> {
    let mut places: Vec<String> = sentence
        .split('{')
        .skip(1)
        .filter_map(|p| p.split_once('}'))
        .map(|(name, _)| name.to_owned())
        .collect();
    places.sort();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_fills_every_sentence() {
        Catalogue::<Texts>::parse(BUILT_IN).unwrap();
        assert_eq!(differences(BUILT_IN), Vec::<String>::new());
    }

    #[test]
    fn the_language_is_chosen_by_request_then_browser() {
        let texts = Catalogue::<Texts>::parse(BUILT_IN).unwrap();
        let choose = |locales: &[&str], header: &str| {
            texts.choose(&locales.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>(), header)
        };
        assert_eq!(choose(&[], ""), "en");
        assert_eq!(choose(&[], "de-AT,en;q=0.5"), "de");
        assert_eq!(choose(&[], "en;q=0.5, de;q=0.9"), "de");
        assert_eq!(choose(&[], "fr, de;q=0, *;q=0.1"), "en");
        assert_eq!(choose(&["fr-CA", "de"], "en"), "de");
        assert_eq!(choose(&["xx"], "de"), "de");
    }

    #[test]
    fn places_are_filled_once_and_unknown_ones_stay() {
        assert_eq!(fill("a {x} b {y} {", &[("x", "{y}"), ("z", "1")]), "a {y} b {y} {");
    }

    #[test]
    fn a_missing_or_unknown_sentence_is_refused() {
        let mut text = BUILT_IN[0].1.replace("cancel =", "cansel =");
        assert!(Catalogue::<Texts>::parse(&[("en", &text)]).is_err());
        text = BUILT_IN[0].1.to_owned() + "\n[other]\na = \"b\"\n";
        assert!(Catalogue::<Texts>::parse(&[("en", &text)]).is_err());
    }
}
