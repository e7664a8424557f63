//! What is demanded of the person.

use domain::{AccountId, Acr, Method, Proof, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Methods;

/// What a protocol or a page demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Need {
    /// An essential class: this one or a stronger one, else `unmet_authentication_requirements`.
    pub acr: Option<Acr>,
    /// Classes the relying party would like (`acr_values`, a voluntary claim), most wanted first. They change
    /// what is offered first and refuse nothing (OpenID Connect Core §3.1.2.1).
    pub wanted_acr: Vec<Acr>,
    /// Proofs before this time do not count (`max_age`, `prompt=login`).
    pub fresh_since: Option<Timestamp>,
    /// Only this person will do (`id_token_hint`, a `sub` claim).
    pub account: Option<AccountId>,
    /// Consent is asked even if it is remembered (`prompt=consent`).
    pub consent: bool,
    /// Only phishing-resistant methods count: passkeys (SEC-040).
    pub phishing_resistant: bool,
    /// A passkey, or a password and something besides: a code, or a phone (SEC-070).
    #[serde(default)]
    pub two_factors: bool,
}

impl Need {
    /// Whether these proofs are enough: one of them that is fresh enough has the essential class and, where
    /// demanded, resists phishing. Stale proofs lend nothing to fresh ones, and a code says nothing without the
    /// password before it.
    #[must_use]
    pub fn met_by(&self, proofs: &[Proof]) -> bool {
        let is_fresh = |proof: &&Proof| self.fresh_since.is_none_or(|since| proof.at >= since);
        let has_strong_enough = proofs.iter().filter(is_fresh).any(|proof| {
            proof.method.stands_alone()
                && self.acr.is_none_or(|floor| proof.acr() >= floor)
                && (!self.phishing_resistant || proof.method == Method::Passkey)
                // An app made for CAS shows a token that may be hours old: nobody was asked anew (SEC-068).
                && (self.fresh_since.is_none() || proof.method != Method::CasPhone)
        });
        has_strong_enough && (!self.two_factors || are_two_factors(proofs.iter().filter(is_fresh)))
    }

    /// Which ways were proven freshly enough already.
    #[must_use]
    pub fn proven(&self, proofs: &[Proof]) -> Methods {
        let is_fresh = |proof: &&Proof| self.fresh_since.is_none_or(|since| proof.at >= since);
        let has = |method| proofs.iter().filter(is_fresh).any(|proof| proof.method == method);
        Methods {
            password: has(Method::Password),
            passkey: has(Method::Passkey),
            phone: has(Method::Phone),
            cas_phone: has(Method::CasPhone),
        }
    }

    /// Whether this person will do.
    #[must_use]
    pub fn allows(&self, account: &AccountId) -> bool {
        self.account.is_none_or(|only| only == *account)
    }

    /// Which of the offered methods gives the most wanted class, if any does.
    #[must_use]
    pub fn preferred(&self, offered: &Methods) -> Option<Method> {
        self.wanted_acr
            .iter()
            .map(|acr| match acr {
                Acr::Password => Method::Password,
                Acr::CasApp => Method::CasPhone,
                Acr::Qr | Acr::QrKnownBrowser => Method::Phone,
                Acr::Passkey => Method::Passkey,
            })
            .find(|method| offered.has(*method))
    }
}

/// Whether these proofs are a passkey, or a password and something that a stranger with the password would lack
/// (SEC-070). A phone alone is not: it approves what is shown to it (SEC-042).
pub fn are_two_factors<'a>(proofs: impl IntoIterator<Item = &'a Proof>) -> bool {
    let (mut has_password, mut has_other) = (false, false);
    for proof in proofs {
        match proof.method {
            Method::Passkey => return true,
            Method::Password => has_password = true,
            method => has_other |= method.adds_to_password(),
        }
    }
    has_password && has_other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MethodPolicy;

    /// Apps made for CAS are switched on by name.
    const USUAL: MethodPolicy = MethodPolicy { cas_phone: false, ..MethodPolicy::ALL };
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn proof(method: Method, at: i64, known_browser: bool) -> Proof {
        Proof { method, at: Timestamp::from_seconds(at), known_browser }
    }

    fn floor(acr: Acr) -> Need {
        Need { acr: Some(acr), ..Need::default() }
    }

    /// Every floor against every proof: met exactly when the proof's class reaches the floor.
    #[test]
    fn the_essential_class_is_a_floor() {
        let proofs = [
            (proof(Method::CasPhone, 1, true), 0),
            (proof(Method::Password, 1, false), 1),
            (proof(Method::Phone, 1, false), 2),
            (proof(Method::Phone, 1, true), 3),
            (proof(Method::Passkey, 1, false), 4),
        ];
        for (rank, acr) in Acr::ALL.iter().enumerate() {
            for (proof, reaches) in proofs {
                assert_eq!(floor(*acr).met_by(&[proof]), reaches >= rank, "{acr:?} by {proof:?}");
            }
        }
        assert!(!Need::default().met_by(&[]), "nobody is signed in by nothing");
    }

    #[test]
    fn freshness_counts_and_stale_proofs_lend_nothing() {
        let need = Need { fresh_since: Some(Timestamp::from_seconds(100)), ..Need::default() };
        assert!(!need.met_by(&[proof(Method::Passkey, 99, false)]));
        assert!(need.met_by(&[proof(Method::Password, 100, false)]));
        let strong_and_fresh = Need { acr: Some(Acr::Passkey), ..need };
        assert!(
            !strong_and_fresh
                .met_by(&[proof(Method::Passkey, 99, false), proof(Method::Password, 100, false)])
        );
        assert!(
            strong_and_fresh
                .met_by(&[proof(Method::Password, 99, false), proof(Method::Passkey, 100, false)])
        );
    }

    #[test]
    fn sec_040_phishing_resistance_is_met_by_a_passkey_alone() {
        let need = Need { phishing_resistant: true, ..Need::default() };
        for method in [Method::Password, Method::Phone] {
            assert!(!need.met_by(&[proof(method, 1, true)]), "{method:?}");
        }
        assert!(need.met_by(&[proof(Method::Passkey, 1, false)]));
    }

    #[test]
    fn sec_039_a_phone_is_not_offered_where_more_than_qr_is_essential() {
        let offered = |need: &Need| Methods::that_meet(need, USUAL, NOW);
        let all = Methods { password: true, passkey: true, phone: true, cas_phone: false };
        let strong = Methods { passkey: true, phone: true, ..Methods::default() };
        let passkey = Methods { passkey: true, ..Methods::default() };
        for (need, expected) in [
            (Need::default(), all),
            (floor(Acr::Password), all),
            (floor(Acr::Qr), strong),
            (floor(Acr::QrKnownBrowser), passkey),
            (floor(Acr::Passkey), passkey),
            (Need { phishing_resistant: true, ..Need::default() }, passkey),
            (Need { wanted_acr: vec![Acr::Passkey], ..Need::default() }, all),
            (Need { fresh_since: Some(Timestamp::from_seconds(1_001)), ..Need::default() }, all),
        ] {
            assert_eq!(offered(&need), expected, "{need:?}");
        }
    }

    #[test]
    fn sec_156_a_code_meets_nothing_without_its_password() {
        for method in [Method::Totp, Method::RecoveryCode, Method::Recovery] {
            assert!(!Need::default().met_by(&[proof(method, 1, false)]), "{method:?}");
            let fresh = Need { fresh_since: Some(Timestamp::from_seconds(50)), ..Need::default() };
            let stale_password = [proof(Method::Password, 1, false), proof(method, 60, false)];
            assert!(!fresh.met_by(&stale_password), "{method:?}");
            assert!(!floor(Acr::Qr).met_by(&[proof(Method::Password, 60, false), proof(method, 60, false)]));
        }
    }

    #[test]
    fn sec_070_two_factors_are_a_passkey_or_a_password_and_something_besides() {
        let need =
            Need { two_factors: true, fresh_since: Some(Timestamp::from_seconds(50)), ..Need::default() };
        use Method::{Passkey, Password, Phone, Recovery, RecoveryCode, Totp};
        for (proofs, is_met) in [
            (&[(Passkey, 60)][..], true),
            (&[(Password, 60), (Totp, 61)], true),
            (&[(Password, 60), (RecoveryCode, 61)], true),
            (&[(Phone, 55), (Password, 60)], true),
            (&[(Password, 60)], false),
            (&[(Phone, 60)], false),
            (&[(Totp, 60)], false),
            (&[(Password, 60), (Recovery, 60)], false),
            (&[(Password, 60), (Totp, 40)], false),
            (&[(Password, 40), (Totp, 60)], false),
            (&[(Passkey, 40), (Password, 60)], false),
        ] {
            let proofs: Vec<_> = proofs.iter().map(|(method, at)| proof(*method, *at, false)).collect();
            assert_eq!(need.met_by(&proofs), is_met, "{proofs:?}");
        }
        let all = Methods { password: true, passkey: true, phone: true, cas_phone: false };
        assert_eq!(Methods::that_meet(&need, USUAL, NOW), all);
        let proven = need.proven(&[proof(Password, 60, false), proof(Phone, 40, false)]);
        assert_eq!(all.without(proven), Methods { password: false, ..all });
    }

    #[test]
    fn sec_068_an_app_made_for_cas_renews_nothing() {
        let need = Need { fresh_since: Some(Timestamp::from_seconds(900)), ..Need::default() };
        let app = proof(Method::CasPhone, 950, true);
        assert!(!need.met_by(&[app]));
        assert!(!need.met_by(&[proof(Method::Password, 800, true), app]));
        assert!(need.met_by(&[app, proof(Method::Password, 900, true)]));
        assert!(Need::default().met_by(&[app]));
    }

    #[test]
    fn sec_068_an_app_made_for_cas_meets_what_asks_for_nothing() {
        let offers = |need: &Need| Methods::that_meet(need, MethodPolicy::ALL, NOW).cas_phone;
        assert!(offers(&Need::default()));
        assert!(!Methods::that_meet(&Need::default(), USUAL, NOW).cas_phone);
        for acr in Acr::ASKED {
            assert!(!offers(&floor(*acr)), "{acr:?}");
        }
        let fresh = Need { fresh_since: Some(NOW), ..Need::default() };
        let strong = Need { phishing_resistant: true, ..Need::default() };
        let two = Need { two_factors: true, ..Need::default() };
        assert!(!offers(&fresh) && !offers(&strong) && !offers(&two));
        // Nor does it make a second factor of a password.
        let proofs = [proof(Method::Password, 1_000, false), proof(Method::CasPhone, 1_000, true)];
        assert!(!are_two_factors(&proofs) && !two.met_by(&proofs));
    }

    #[test]
    fn the_policy_takes_away_and_never_adds() {
        for bits in 0..16u8 {
            let policy = MethodPolicy {
                password: bits & 1 != 0,
                passkey: bits & 2 != 0,
                phone: bits & 4 != 0,
                cas_phone: bits & 8 != 0,
            };
            let offered = Methods::that_meet(&floor(Acr::Qr), policy, NOW);
            let expected = Methods { passkey: policy.passkey, phone: policy.phone, ..Methods::default() };
            assert_eq!(offered, expected);
            assert_eq!(offered.is_empty(), !policy.passkey && !policy.phone);
        }
    }

    #[test]
    fn the_most_wanted_class_that_is_offered_comes_first() {
        let need = Need { wanted_acr: vec![Acr::Passkey, Acr::Qr], ..Need::default() };
        let all = Methods { password: true, passkey: true, phone: true, cas_phone: false };
        assert_eq!(need.preferred(&all), Some(Method::Passkey));
        assert_eq!(need.preferred(&Methods { passkey: false, ..all }), Some(Method::Phone));
        assert_eq!(need.preferred(&Methods { password: true, ..Methods::default() }), None);
    }
}
