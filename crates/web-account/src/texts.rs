//! Sentences of the account pages.
//!
//! Owns: the shape of `themes/default/account/*.toml`.

use std::sync::OnceLock;

use serde::Deserialize;
use web::texts::{BadTexts, Catalogue};

web::texts! {
    /// The frame.
    Nav { label, signed_in, lost, sign_out, more, overview, devices, security, sessions, apps, activity, settings }
    /// A recovery that is running.
    Recovery { title, waiting, link, call_off, called_off, was_over }
    /// The first page.
    Overview {
        title, advice, all_well, no_phone, no_phone_do, no_passkey, no_passkey_do, no_codes, no_codes_do, few_codes,
        few_codes_do, factor_demanded, factor_demanded_do, phones, passkeys, password, password_set, password_none,
        totp, on, off, codes, news, no_news, all_news,
    }
    /// Phones.
    Devices {
        title, lead, none, add, change, name, rename, rename_this, remove, remove_this, remove_lead, found,
        found_this, found_lead, gone, cas, cas_add, cas_lead,
        cas_weak, cas_prove_lead, cas_prove, cas_name, cas_name_hint, cas_own_name, cas_submit, cas_added, cas_bad_name,
        cas_taken, cas_limit, cas_vouched, pending, active, suspended, revoked, added, used, used_at, approved, reverify,
        renamed, removed, returned, bad_name,
    }
    /// Passkeys, password, second factors.
    Security {
        title, passkeys, passkeys_lead, no_passkeys, add_passkey, change, remove_passkey, added_on, last_used,
        of_phone, passkey_renamed, passkey_removed, last_factor, password, password_since, password_none,
        change_password, set_password, current, new, rule, end_others, save_password, password_saved, wrong_password,
        too_short, too_common, too_long, totp, totp_on, totp_off, totp_begin, totp_remove, totp_added, totp_removed,
        totp_demanded, codes, codes_left, codes_none, codes_make, too_many,
    }
    /// Setting up codes from an app.
    Totp { title, scan, image, by_hand, code, confirm, wrong, over }
    /// Recovery codes, shown once.
    Codes { title, lead, keep, print, done }
    /// Sessions.
    Sessions {
        title, lead, this, end, end_this, end_others, by, by_password, by_passkey, by_phone, by_cas, by_code, by_recovery,
        since, used, from, ended, ended_others,
    }
    /// Apps with access.
    Apps { title, lead, none, since, withdraw, withdraw_this, withdrawn, scopes }
    /// What happened.
    Activity { title, lead, none }
    /// Language, and what is known.
    Settings {
        title, language, language_browser, language_lead, save, saved, known, known_lead, username, groups, email,
        email_none, email_confirmed, email_unconfirmed, email_waiting, email_change, email_new, email_lead, email_send,
        email_sent, email_bad, email_off, own, own_lead, own_save, own_bad, own_changed, own_too_large, hint_text,
        hint_number, hint_min, hint_max, hint_list, unsaid, yes, no,
    }
    /// A lost phone.
    Lost {
        title, lead, none, which, how, lost, lost_lead, stolen, stolen_lead, note, confirm, done_lost, done_stolen,
    }
}

/// All of them in one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The frame.
    pub nav: Nav,
    /// A recovery that is running.
    pub recovery: Recovery,
    /// The first page.
    pub overview: Overview,
    /// Phones.
    pub devices: Devices,
    /// Passkeys, password, second factors.
    pub security: Security,
    /// Setting up codes from an app.
    pub totp: Totp,
    /// Recovery codes, shown once.
    pub codes: Codes,
    /// Sessions.
    pub sessions: Sessions,
    /// Apps with access.
    pub apps: Apps,
    /// What happened.
    pub activity: Activity,
    /// Language, and what is known.
    pub settings: Settings,
    /// A lost phone.
    pub lost: Lost,
}

const BUILT_IN: &[(&str, &str)] = &[
    ("en", include_str!("../../../themes/default/account/en.toml")),
    ("de", include_str!("../../../themes/default/account/de.toml")),
];

/// The sentences in a language of the pages.
///
/// # Errors
/// A file of texts is wrong; a test reads them all.
pub fn of(language: &str) -> Result<&'static Texts, &'static BadTexts> {
    static ALL: OnceLock<Result<Catalogue<Texts>, BadTexts>> = OnceLock::new();
    ALL.get_or_init(|| Catalogue::parse(BUILT_IN)).as_ref().map(|all| all.of(language))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_language_has_every_sentence() {
        for language in ["en", "de"] {
            assert!(super::of(language).is_ok(), "{language}");
        }
    }
}
