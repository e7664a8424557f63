//! Sentences of the phone's pages.
//!
//! Owns: the shape of `themes/default/phone/*.toml`, and which of them the app's scripts say.

use std::sync::OnceLock;

use serde::Deserialize;
use web::texts::{BadTexts, Catalogue};

web::texts! {
    /// The frame of the app.
    App { title, home_screen, opening, no_script, unsupported_title, unsupported, cancel, close, unknown }
    /// Enrolling.
    Enrol {
        title, lead, link_lead, scanned_first, replaces, username, password, name, name_hint, agree, submit,
        passkey_title, passkey_lead, passkey_go, done, no_account,
        code, code_hint, use_code, use_password,
    }
    /// The start page of an enrolled phone.
    Home {
        greeting, at, scan, scan_hint, camera_hint, paste, paste_label, paste_go, sessions, sessions_none,
        session_since, session_end, session_ended, pending, suspended, revoked, again, remove, remove_title,
        remove_lead, remove_sessions, remove_go, removed, install,
    }
    /// The scanner.
    Scan { title, lead, no_camera, foreign, not_ours }
    /// A sign-in that waits for the owner's decision.
    Claim {
        opening, title, title_own, warning, site, host, unverified, verified, provider, browser, system, known,
        known_yes, known_no, network, place, proximity, proximity_same_address, proximity_same_network,
        proximity_same_country, proximity_far, started, scopes, scopes_none, code, code_hint, code_missing,
        code_wrong, expires, approve, deny, report, verify, not_verified, sending, approved, approved_lead, denied,
        denied_lead, reported, reported_lead, expired, expired_lead, failed,
    }
    /// What can go wrong.
    Problem {
        offline, sign_in_failed, gone, slow_down, busy, forbidden, too_many_devices, key_known, passkey_failed,
        passkey_exists, agree_first, fill_in, other, step_up_needed, reverification_needed, attestation_required,
        device_state,
    }
    /// Waking a phone that was not used for long, and looking after the owner's other ones.
    Upkeep {
        reverify_lead, reverify_go, others, others_lead, lost, stolen, found, other_active, other_pending,
        other_suspended, other_revoked,
    }
    /// A new key in the place of this phone's present one.
    Renew { go, lead, why, submit, done, cut }
    /// A new phone takes an old one's place.
    Moving {
        go, lead, step_1, step_2, step_3, ask, warning, model, far_network, code, approve, approved, approved_lead,
        stop, moved, moved_lead, denied_lead, over_lead, other, new_title, new_step_1, new_step_2, new_image,
        new_link, new_number, new_number_hint, new_lead, new_denied, new_over, new_again,
    }
    /// `/s`
    Handover { title, lead, safe_title, safe_1, safe_2, safe_3, open, no_script }
    /// `/phone/add`
    Add {
        title, lead, image, link, copy, copied, expires, step_up, step_up_go, make, again, here,
    }
}

/// All of them in one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// The frame of the app.
    pub app: App,
    /// Enrolling.
    pub enrol: Enrol,
    /// The start page of an enrolled phone.
    pub home: Home,
    /// The scanner.
    pub scan: Scan,
    /// The decision.
    pub claim: Claim,
    /// What can go wrong.
    pub problem: Problem,
    /// Waking a phone, and the owner's other ones.
    pub upkeep: Upkeep,
    /// A new key for this phone.
    pub renew: Renew,
    /// A new phone takes an old one's place.
    pub moving: Moving,
    /// `/s`
    pub handover: Handover,
    /// `/phone/add`
    pub add: Add,
}

/// The files. The languages of `web::texts::BUILT_IN`.
pub const FILES: &[(&str, &str)] = &[
    ("en", include_str!("../../../themes/default/phone/en.toml")),
    ("de", include_str!("../../../themes/default/phone/de.toml")),
];

/// The sentences in this language, read once.
///
/// # Errors
/// A file is wrong; the same at every call.
pub fn of(language: &str) -> Result<&'static Texts, BadTexts> {
    static READ: OnceLock<Result<Catalogue<Texts>, BadTexts>> = OnceLock::new();
    match READ.get_or_init(|| Catalogue::parse(FILES)) {
        Ok(all) => Ok(all.of(language)),
        Err(bad) => Err(bad.clone()),
    }
}

impl Texts {
    /// What the scripts say, by the names under which they look for it.
    #[must_use]
    pub fn words(&self) -> Vec<(&'static str, &str)> {
        macro_rules! words {
            ($($section:ident { $($name:ident),+ })+) => {
                vec![$($((stringify!($name), self.$section.$name.as_str()),)+)+]
            };
        }
        words! {
            app { unknown }
            enrol { replaces }
            home { greeting, at, session_since, session_ended, pending, suspended, revoked }
            scan { no_camera, foreign, not_ours }
            claim {
                title, title_own, site, host, provider, browser, system, known, known_yes, known_no, network,
                place, proximity, proximity_same_address, proximity_same_network, proximity_same_country,
                proximity_far, started, scopes, scopes_none, code_missing, code_wrong, expires, verify,
                not_verified, sending
            }
            problem {
                offline, sign_in_failed, gone, slow_down, busy, forbidden, too_many_devices, key_known,
                passkey_failed, passkey_exists, agree_first, fill_in, other, step_up_needed,
                reverification_needed, attestation_required, device_state
            }
            upkeep { other_active, other_pending, other_suspended, other_revoked }
            renew { cut }
            moving { model, far_network, new_number }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_fills_every_sentence_alike() {
        assert_eq!(web::texts::differences(FILES), Vec::<String>::new());
        let languages: Vec<&str> = FILES.iter().map(|(language, _)| *language).collect();
        let built_in: Vec<&str> = web::texts::BUILT_IN.iter().map(|(language, _)| *language).collect();
        assert_eq!(languages, built_in);
        for language in languages {
            of(language).unwrap();
        }
    }

    #[test]
    fn every_word_that_a_script_says_is_in_the_page_under_one_name() {
        let words = of("en").unwrap().words();
        let mut names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        for script in
            ["app.js", "claim.js", "enrol.js", "home.js", "move.js", "offer.js", "renew.js", "upkeep.js"]
        {
            let text =
                std::str::from_utf8(web::assets::find(&format!("phone/{script}")).unwrap().plain).unwrap();
            for said in text.split("say(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let is_there = names.contains(&said) || ["proximity_", "other_"].contains(&said);
                assert!(is_there, "{script} says {said}");
            }
        }
    }
}
