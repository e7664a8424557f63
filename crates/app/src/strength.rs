//! How strongly somebody has to have proven who they are to change what their account is protected by (SEC-042, SEC-070,
//! SEC-156, SEC-174).
//!
//! Owns: the rule, in one place for every door. Not here: making the proofs (`signin`), what is then done.

use std::time::Duration;

use domain::{AccountId, FirstEnrolment, Held, Method, Proof, Timestamp};
use journey::are_two_factors;
use store::SignedIn;

use crate::{App, Refusal};

/// A proof is fresh for so long.
pub const FRESH: Duration = Duration::from_secs(5 * 60);
/// The link of a recovery lets its owner set up something new for so long.
pub const RECOVERY_LIFE: Duration = Duration::from_secs(15 * 60);

/// Whether these proofs are enough to add a phone or a passkey: a passkey, or a password and another factor, or a
/// recovery; or a password alone where it is all there is, and where that may be enough.
#[must_use]
pub fn enough_to_enrol(held: &Held, proofs: &[Proof], first: FirstEnrolment, now: Timestamp) -> bool {
    let fresh = || proofs.iter().filter(|proof| is_within(proof, FRESH, now));
    if are_two_factors(fresh()) || is_recovering(proofs, now) {
        return true;
    }
    let is_first = held.other_since.is_none() && first == FirstEnrolment::Password;
    is_first && fresh().any(|proof| proof.method == Method::Password)
}

/// Whether these proofs are enough to change what protects the account, within `limit`: a passkey, or a password and
/// another factor, or a recovery; or the password where it was all there was. Less would let whoever has the password
/// alone set up, or take away, what a password alone must not pass by. A phone alone is never enough (SEC-042).
#[must_use]
pub fn enough_to_change(held: &Held, proofs: &[Proof], limit: Duration, now: Timestamp) -> bool {
    let fresh = || proofs.iter().filter(|proof| is_within(proof, limit, now));
    are_two_factors(fresh()) || is_recovering(proofs, now) || fresh().any(|proof| was_all(held, proof))
}

/// Whether somebody proved anew who they are, by whatever they sign in with: enough to give something up that counts
/// on as one that was there (a phone). An app made for CAS asks nobody anew (SEC-068).
#[must_use]
pub fn is_proven_anew(proofs: &[Proof], now: Timestamp) -> bool {
    proofs.iter().any(|proof| proof.method != Method::CasPhone && is_within(proof, FRESH, now))
}

/// Whoever proved the password and then set something up was asked for all there was.
fn was_all(held: &Held, proof: &Proof) -> bool {
    proof.method == Method::Password && held.was_password_all(proof.at)
}

/// Whether the session came from the link of a recovery, a moment ago.
#[must_use]
pub fn is_recovering(proofs: &[Proof], now: Timestamp) -> bool {
    proofs.iter().any(|proof| proof.method == Method::Recovery && is_within(proof, RECOVERY_LIFE, now))
}

/// Whether a passkey was shown within `limit`: what opens the administration, and within [`FRESH`] what lets its most
/// far-reaching deeds be done (SEC-182).
#[must_use]
pub fn has_passkey(proofs: &[Proof], limit: Duration, now: Timestamp) -> bool {
    proofs.iter().any(|proof| proof.method == Method::Passkey && is_within(proof, limit, now))
}

/// A proof of the future is as good as one of now while clocks differ by less than what is fresh.
fn is_within(proof: &Proof, limit: Duration, now: Timestamp) -> bool {
    now.since(proof.at) <= limit && proof.at <= now.after(limit)
}

impl App {
    /// Whether this session may add a phone (SEC-070).
    ///
    /// # Errors
    /// `StepUpNeeded`; the store failed.
    pub async fn strength_for_enrolment(&self, who: &SignedIn) -> Result<(), Refusal> {
        let held = self.held(&who.account.id).await?;
        let first = self.policies().now().await?.policies.devices.first_enrolment;
        let is_enough = enough_to_enrol(&held, &who.session.proofs, first, self.now());
        if is_enough { Ok(()) } else { Err(Refusal::StepUpNeeded) }
    }

    /// Whether an account may add a phone by its password alone: it has nothing else, and the policy lets it. Asked
    /// after the password was right.
    ///
    /// # Errors
    /// `StepUpNeeded`; the store failed.
    pub async fn may_enrol_by_password(&self, account: &AccountId) -> Result<(), Refusal> {
        let held = self.held(account).await?;
        let first = self.policies().now().await?.policies.devices.first_enrolment;
        let is_first = held.other_since.is_none() && first == FirstEnrolment::Password;
        if is_first { Ok(()) } else { Err(Refusal::StepUpNeeded) }
    }

    /// What an account holds.
    ///
    /// # Errors
    /// `NotFound`; the store failed.
    pub async fn held(&self, account: &AccountId) -> Result<Held, Refusal> {
        self.store().read().await?.factors_held(account).await?.ok_or(Refusal::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Method::{Passkey, Password, Phone, Recovery, RecoveryCode, Totp};

    const NOW: Timestamp = Timestamp::from_seconds(100_000);

    fn proofs(all: &[(Method, i64)]) -> Vec<Proof> {
        let proof = |&(method, ago): &(Method, i64)| Proof {
            method,
            at: Timestamp::from_seconds(100_000 - ago),
            known_browser: true,
        };
        all.iter().map(proof).collect()
    }
    fn nothing() -> Held {
        Held { password_since: Some(NOW), ..Held::default() }
    }

    #[test]
    fn sec_070_a_phone_is_added_by_strong_and_fresh_proof_alone() {
        // Stopped since, or not: one was there.
        let has_phone = Held { other_since: Some(NOW.before(Duration::from_secs(1000))), ..nothing() };
        type Row = (&'static [(Method, i64)], bool, bool);
        let rows: &[Row] = &[
            // proofs, enough with a phone there, enough for the first
            (&[], false, false),
            (&[(Password, 10)], false, true),
            (&[(Password, 301)], false, false),
            (&[(Phone, 10)], false, false),
            (&[(Passkey, 299)], true, true),
            (&[(Passkey, 301)], false, false),
            (&[(Password, 10), (Totp, 9)], true, true),
            (&[(Password, 10), (RecoveryCode, 9)], true, true),
            (&[(Password, 10), (Phone, 200)], true, true),
            (&[(Password, 10), (Phone, 400)], false, true),
            (&[(Password, 400), (Totp, 10)], false, false),
            (&[(Totp, 10)], false, false),
            (&[(Recovery, 800)], true, true),
            (&[(Recovery, 901)], false, false),
        ];
        for (given, with_phone, first) in rows {
            let given = proofs(given);
            let enough = |held: &Held, first| enough_to_enrol(held, &given, first, NOW);
            assert_eq!(enough(&has_phone, FirstEnrolment::Password), *with_phone, "{given:?}");
            assert_eq!(enough(&nothing(), FirstEnrolment::Password), *first, "first: {given:?}");
            assert_eq!(enough(&nothing(), FirstEnrolment::Admin), *with_phone, "by admin only: {given:?}");
        }
    }

    #[test]
    fn sec_068_an_app_made_for_cas_proves_nothing_anew() {
        assert!(is_proven_anew(&proofs(&[(Phone, 10)]), NOW));
        assert!(!is_proven_anew(&proofs(&[(Method::CasPhone, 10)]), NOW));
        assert!(!is_proven_anew(&proofs(&[(Password, 301), (Method::CasPhone, 10)]), NOW));
    }

    #[test]
    fn sec_174_changes_need_a_fresh_proof_and_what_stands_beside_the_password() {
        let more = Held { other_since: Some(NOW.before(Duration::from_secs(1000))), ..nothing() };
        let just_now = Held { other_since: Some(NOW), ..nothing() };
        assert!(enough_to_change(&just_now, &proofs(&[(Password, 10)]), FRESH, NOW));
        for (given, plain, with_more) in [
            (&[(Password, 10)][..], true, false),
            (&[(Password, 10), (Totp, 10)], true, true),
            (&[(Password, 10), (Phone, 10)], true, true),
            (&[(Password, 500), (Phone, 10)], false, false),
            (&[(Passkey, 10)], true, true),
            (&[(Phone, 10)], false, false),
            (&[(Password, 500)], false, false),
            (&[(Recovery, 500)], true, true),
        ] {
            let given = proofs(given);
            assert_eq!(enough_to_change(&nothing(), &given, FRESH, NOW), plain, "{given:?}");
            assert_eq!(enough_to_change(&more, &given, FRESH, NOW), with_more, "{given:?}");
        }
    }
}
