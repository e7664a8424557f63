//! What the operator wants of phones, passwords, enrolments and recoveries.
//!
//! Owns: the policies, their limits, and how a group's wishes change them for its members. Not here: keeping them
//! (`store::people`), caching them (`app::policies`), obeying them (each use case).
//!
//! Invariant: a policy that was read from outside is within its limits ([`Policy::check`]).

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A field of a policy is out of its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {why}")]
pub struct OutOfLimits {
    /// Which.
    pub field: &'static str,
    /// "is a number from 1 to 100".
    pub why: &'static str,
}

/// One policy: kept as JSON under its name.
pub trait Policy: Serialize + DeserializeOwned {
    /// Its name.
    const NAME: &'static str;

    /// Whether every field is within its limits.
    ///
    /// # Errors
    /// The first that is not.
    fn check(&self) -> Result<(), OutOfLimits>;
}

fn within(is: bool, field: &'static str, why: &'static str) -> Result<(), OutOfLimits> {
    if is { Ok(()) } else { Err(OutOfLimits { field, why }) }
}

/// What a person without any other factor needs to enrol the first phone (SEC-070).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstEnrolment {
    /// The password is enough.
    Password,
    /// An administrator's enrolment.
    Admin,
}

/// What a phone has to show about where its key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttestationWish {
    /// It is not asked for.
    None,
    /// It is asked for, verified when it comes, and kept.
    Wanted,
    /// Without a valid one no phone is enrolled.
    Required,
}

/// Policy `devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicePolicy {
    /// Phones that one person may hold, revoked ones aside (SEC-074).
    pub per_user: u32,
    /// What the first phone needs.
    pub first_enrolment: FirstEnrolment,
    /// Whether a new phone waits for an administrator.
    pub approval: bool,
    /// What a phone has to show.
    pub attestation: AttestationWish,
    /// Certificates that attestations may lead to, each as PEM. None is built in: where attestation is required and the list is
    /// empty, nobody gets in.
    pub attestation_roots: Vec<String>,
    /// A phone unused for so many days is verified again; 0: never.
    pub reverify_days: u32,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        Self {
            per_user: 5,
            first_enrolment: FirstEnrolment::Password,
            approval: false,
            attestation: AttestationWish::None,
            attestation_roots: Vec::new(),
            reverify_days: 180,
        }
    }
}

impl Policy for DevicePolicy {
    const NAME: &'static str = "devices";

    fn check(&self) -> Result<(), OutOfLimits> {
        within((1..=100).contains(&self.per_user), "per_user", "is a number from 1 to 100")?;
        within(self.reverify_days <= 3650, "reverify_days", "is a number from 0 to 3650")?;
        let is_pem = |root: &String| root.len() <= 16_384 && root.contains("-----BEGIN CERTIFICATE-----");
        within(
            self.attestation_roots.len() <= 50 && self.attestation_roots.iter().all(is_pem),
            "attestation_roots",
            "is a list of at most 50 certificates, each as PEM",
        )
    }
}

/// Whether a password alone signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Whoever has set one up is asked for it.
    Optional,
    /// Everybody is, and who has none sets one up.
    Required,
}

/// Policy `passwords`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// The shortest that is taken, in characters (SEC-161).
    pub shortest: u32,
    /// The least strength that is taken, as zxcvbn counts it: 0 to 4 (SEC-162).
    pub least_strength: u32,
    /// Whether common passwords are refused (SEC-162).
    pub refuse_common: bool,
    /// Whether a password alone signs in.
    pub second_factor: SecondFactor,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self { shortest: 8, least_strength: 0, refuse_common: true, second_factor: SecondFactor::Optional }
    }
}

impl Policy for PasswordPolicy {
    const NAME: &'static str = "passwords";

    fn check(&self) -> Result<(), OutOfLimits> {
        within((8..=128).contains(&self.shortest), "shortest", "is a number from 8 to 128")?;
        within(self.least_strength <= 4, "least_strength", "is a number from 0 to 4")
    }
}

/// Policy `enrolments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnrolmentPolicy {
    /// An enrolment shown on a screen is good for so many minutes (SEC-071).
    pub screen_minutes: u32,
    /// One in a letter for so many days.
    pub letter_days: u32,
    /// Characters of a typed code.
    pub code_length: u32,
}

impl Default for EnrolmentPolicy {
    fn default() -> Self {
        Self { screen_minutes: 10, letter_days: 14, code_length: 12 }
    }
}

impl EnrolmentPolicy {
    /// How long an enrolment on a screen is good, whoever makes it and at whichever door: never longer than ten minutes
    /// (SEC-071).
    #[must_use]
    pub fn screen_life(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.screen_minutes.clamp(1, 10)))
    }
}

impl Policy for EnrolmentPolicy {
    const NAME: &'static str = "enrolments";

    fn check(&self) -> Result<(), OutOfLimits> {
        within((1..=10).contains(&self.screen_minutes), "screen_minutes", "is a number from 1 to 10")?;
        within((1..=90).contains(&self.letter_days), "letter_days", "is a number from 1 to 90")?;
        within((8..=24).contains(&self.code_length), "code_length", "is a number from 8 to 24")
    }
}

/// Policy `recovery`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecoveryPolicy {
    /// A recovery by the helpdesk waits so many hours.
    pub waiting_hours: u32,
    /// Recovery codes that a person gets at a time.
    pub codes: u32,
}

impl Default for RecoveryPolicy {
    fn default() -> Self {
        Self { waiting_hours: 24, codes: 10 }
    }
}

impl Policy for RecoveryPolicy {
    const NAME: &'static str = "recovery";

    fn check(&self) -> Result<(), OutOfLimits> {
        within(self.waiting_hours <= 720, "waiting_hours", "is a number from 0 to 720")?;
        within((4..=20).contains(&self.codes), "codes", "is a number from 4 to 20")
    }
}

/// All policies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policies {
    /// Of phones.
    pub devices: DevicePolicy,
    /// Of passwords.
    pub passwords: PasswordPolicy,
    /// Of enrolments.
    pub enrolments: EnrolmentPolicy,
    /// Of recoveries.
    pub recovery: RecoveryPolicy,
}

impl Policies {
    /// The names of all policies.
    pub const NAMES: &'static [&'static str] =
        &[DevicePolicy::NAME, PasswordPolicy::NAME, EnrolmentPolicy::NAME, RecoveryPolicy::NAME];
}

/// What a group wants for its members in place of the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overrides {
    /// In place of [`DevicePolicy::per_user`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_user: Option<u32>,
    /// In place of [`DevicePolicy::approval`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<bool>,
    /// In place of [`PasswordPolicy::second_factor`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactor>,
}

impl Overrides {
    /// Whether it wants nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every wish is within the policy's limits.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), OutOfLimits> {
        within(
            self.per_user.is_none_or(|count| (1..=100).contains(&count)),
            "per_user",
            "is a number from 1 to 100",
        )
    }

    /// Two groups' wishes for one person: the stricter of each.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        fn both<T>(one: Option<T>, other: Option<T>, choose: impl FnOnce(T, T) -> T) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(choose(one, other)),
                (one, other) => one.or(other),
            }
        }
        Self {
            per_user: both(self.per_user, other.per_user, u32::min),
            approval: both(self.approval, other.approval, |one, other| one || other),
            second_factor: both(self.second_factor, other.second_factor, SecondFactor::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_default_and_what_is_unknown_is_refused() {
        let some: DevicePolicy = serde_json::from_str(r#"{"per_user":2}"#).unwrap();
        assert_eq!(some, DevicePolicy { per_user: 2, ..DevicePolicy::default() });
        assert!(serde_json::from_str::<DevicePolicy>(r#"{"per_usr":2}"#).is_err());
        assert!(serde_json::from_str::<DevicePolicy>(r#"{"per_user":-1}"#).is_err());
        assert!(serde_json::from_str::<PasswordPolicy>(r#"{"second_factor":"never"}"#).is_err());
    }

    #[test]
    fn policies_have_limits() {
        let all = Policies::default();
        assert_eq!(all.devices.check(), Ok(()));
        assert_eq!(all.passwords.check(), Ok(()));
        assert_eq!(all.enrolments.check(), Ok(()));
        assert_eq!(all.recovery.check(), Ok(()));
        for per_user in [0, 101] {
            let refused = DevicePolicy { per_user, ..all.devices.clone() }.check();
            assert_eq!(refused.map_err(|why| why.field), Err("per_user"));
            assert!(Overrides { per_user: Some(per_user), ..Overrides::default() }.check().is_err());
        }
        let bad_root = DevicePolicy { attestation_roots: vec!["x".into()], ..all.devices };
        assert_eq!(bad_root.check().map_err(|why| why.field), Err("attestation_roots"));
        assert!(EnrolmentPolicy { screen_minutes: 11, ..all.enrolments }.check().is_err());
        assert!(PasswordPolicy { shortest: 7, ..all.passwords }.check().is_err());
        assert!(RecoveryPolicy { codes: 0, ..all.recovery }.check().is_err());
    }

    #[test]
    fn of_two_groups_the_stricter_wish_counts() {
        let one = Overrides { per_user: Some(10), approval: Some(false), second_factor: None };
        let other = Overrides {
            per_user: Some(2),
            approval: Some(true),
            second_factor: Some(SecondFactor::Required),
        };
        let both = Overrides {
            per_user: Some(2),
            approval: Some(true),
            second_factor: Some(SecondFactor::Required),
        };
        assert_eq!(one.stricter(other), both);
        assert_eq!(other.stricter(one), both);
        assert_eq!(one.stricter(Overrides::default()), one);
        assert_eq!(serde_json::to_string(&Overrides::default()).unwrap(), "{}");
    }
}
