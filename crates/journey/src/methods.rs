//! The ways of proving oneself that may be offered.

use domain::{Method, Proof, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Need;

/// What the operator and the relying party allow, whatever is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodPolicy {
    /// User name and password.
    pub password: bool,
    /// A passkey.
    pub passkey: bool,
    /// A QR approval by an enrolled phone (SEC-040: a relying party can exclude it).
    pub phone: bool,
    /// An approval by an app made for CAS (SEC-065: operator and relying party must both have switched it on).
    #[serde(default)]
    pub cas_phone: bool,
}

impl MethodPolicy {
    /// Everything.
    pub const ALL: Self = Self { password: true, passkey: true, phone: true, cas_phone: true };
}

impl Default for MethodPolicy {
    fn default() -> Self {
        Self::ALL
    }
}

/// What is offered to the person: allowed by the policy and able to meet the need by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Methods {
    /// User name and password.
    pub password: bool,
    /// A passkey.
    pub passkey: bool,
    /// A QR approval by an enrolled phone.
    pub phone: bool,
    /// An approval by an app made for CAS (SEC-065).
    #[serde(default)]
    pub cas_phone: bool,
}

impl Methods {
    /// The methods of `policy` that can meet `need` when used at `now`. A phone is counted as if the browser
    /// were new, because nobody knows before the approval whose browser it is: where more than a QR class is
    /// essential it is not offered (SEC-039, SEC-040).
    ///
    /// Where two factors are needed, a password and a phone are offered because they meet it together.
    #[must_use]
    pub fn that_meet(need: &Need, policy: MethodPolicy, now: Timestamp) -> Self {
        let at = need.fresh_since.map_or(now, |t| t.max(now));
        let proof = |method| Proof { method, at, known_browser: false };
        let can = |method| {
            let other = match method {
                Method::Password => Some(Method::Phone),
                Method::Phone => Some(Method::Password),
                _ => None,
            };
            let other = other.filter(|_| need.two_factors).map(proof);
            need.met_by(&[proof(method)].into_iter().chain(other).collect::<Vec<_>>())
        };
        Self {
            password: policy.password && can(Method::Password),
            passkey: policy.passkey && can(Method::Passkey),
            phone: policy.phone && can(Method::Phone),
            cas_phone: policy.cas_phone && need.fresh_since.is_none() && can(Method::CasPhone),
        }
    }

    /// Whether this method is among them.
    #[must_use]
    pub const fn has(&self, method: Method) -> bool {
        match method {
            Method::Password => self.password,
            Method::Passkey => self.passkey,
            Method::Phone => self.phone,
            // Its own question, in its own mode (SEC-065).
            Method::CasPhone => self.cas_phone,
            // These follow a password; nobody chooses them.
            Method::Totp | Method::RecoveryCode | Method::Recovery => false,
        }
    }

    /// These without those that were proven already.
    #[must_use]
    pub const fn without(self, proven: Self) -> Self {
        Self {
            password: self.password && !proven.password,
            passkey: self.passkey && !proven.passkey,
            phone: self.phone && !proven.phone,
            cas_phone: self.cas_phone && !proven.cas_phone,
        }
    }

    /// Whether nothing can be offered: the need cannot be met here (`unmet_authentication_requirements`).
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.password && !self.passkey && !self.phone && !self.cas_phone
    }
}
