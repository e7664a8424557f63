//! Words to a person about their account: what happened, whether they saw it, and the mail that tells it.
//!
//! Owns: the kinds with their facts, which of them are listed, mailed and answered by one action. Not here: the
//! sentences (`web::texts`), sending (`registry::notices`), keeping (`store::notices`).
//! Never in a notice: passwords, codes, tokens, seeds.

use serde::{Deserialize, Serialize};

use crate::{AccountId, DeviceId, Method, NoticeId, RecoveryId, SessionId, Timestamp};

/// Who did what a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeBy {
    /// The account's owner, signed in.
    Owner,
    /// The owner's phone.
    Device,
    /// An administrator or the helpdesk.
    Admin,
    /// The server by itself: a time was over, a policy held.
    System,
}

/// What a notice tells, with the facts of its sentence. Texts in it are plain lines (`text::shown`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoticeKind {
    /// Somebody signed in: by a phone, or in a browser that this account had not used (SEC-043).
    NewSignIn {
        /// The session that began.
        session: SessionId,
        /// How.
        method: Method,
        /// Browser and system, as a label.
        browser: String,
        /// The address it began from.
        address: String,
        /// The place of the address in words, where something is known.
        place: Option<String>,
    },
    /// A sign-in was reported from a phone: this was not me.
    SignInReported {
        /// The browser that wanted to be signed in.
        browser: String,
        /// Its address.
        address: String,
    },
    /// A phone was enrolled; `is_pending` when it waits for an administrator.
    DeviceAdded {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: String,
        /// It waits for an administrator.
        is_pending: bool,
    },
    /// A waiting phone was let in.
    DeviceApproved {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// A waiting phone was turned away.
    DeviceRejected {
        /// Its name.
        name: String,
    },
    /// A phone has another name.
    DeviceChanged {
        /// Which.
        device: DeviceId,
        /// Its name now.
        name: String,
        /// Who changed it.
        by: NoticeBy,
    },
    /// A phone was stopped for the time being.
    DeviceSuspended {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: String,
        /// Who stopped it.
        by: NoticeBy,
        /// Why, in a plain line.
        reason: Option<String>,
    },
    /// A stopped phone may be used again.
    DeviceRestored {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: String,
        /// Who restored it.
        by: NoticeBy,
    },
    /// A phone was stopped for good.
    DeviceRevoked {
        /// Its name.
        name: String,
        /// Who revoked it.
        by: NoticeBy,
        /// Why, in a plain line.
        reason: Option<String>,
    },
    /// A new phone took the place of another.
    DeviceMoved {
        /// Which: it stays the same device.
        device: DeviceId,
        /// Its name, and what the new one is.
        name: String,
        /// Its name, and what the one before was.
        from: String,
    },
    /// A phone signs with a new key.
    DeviceKeyRotated {
        /// Which.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// An enrolment was made: somebody may add a phone or passkey to this account.
    EnrolmentMade {
        /// Who made it.
        by: NoticeBy,
    },
    /// A passkey was registered.
    PasskeyAdded {
        /// Its name.
        name: String,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// Its name.
        name: String,
        /// Who removed it.
        by: NoticeBy,
    },
    /// The password was changed.
    PasswordChanged {
        /// Who changed it.
        by: NoticeBy,
    },
    /// A code of an app is asked for at sign-in from now on.
    SecondFactorOn,
    /// No code of an app is asked for any more.
    SecondFactorOff {
        /// Who turned it off.
        by: NoticeBy,
    },
    /// Recovery codes were made; earlier ones do not count any more.
    RecoveryCodesMade {
        /// Who made them.
        by: NoticeBy,
    },
    /// A recovery code was used.
    RecoveryCodeUsed {
        /// How many are left.
        left: u32,
    },
    /// The helpdesk opened a recovery; it can be completed from `ready_at` on.
    RecoveryOpened {
        /// Which.
        recovery: RecoveryId,
        /// When it can be completed.
        ready_at: Timestamp,
    },
    /// A recovery was cancelled.
    RecoveryCancelled {
        /// Who cancelled it.
        by: NoticeBy,
    },
    /// A recovery was completed: the account has new ways in.
    RecoveryCompleted,
    /// The e-mail address is another.
    EmailChanged {
        /// The one before.
        from: Option<String>,
        /// The one now.
        to: Option<String>,
        /// Who changed it.
        by: NoticeBy,
    },
    /// What is known about the person is another: claims that they may set themselves.
    ProfileChanged {
        /// Who changed it.
        by: NoticeBy,
    },
    /// The account was stopped: locked down by its owner, or disabled.
    AccountLocked {
        /// Who did it.
        by: NoticeBy,
        /// Why, in a plain line.
        reason: Option<String>,
    },
    /// The account may be used again.
    AccountEnabled,
    /// A browser was signed out by somebody else than its own person there.
    SessionEnded {
        /// The browser's label.
        browser: String,
        /// Who ended it.
        by: NoticeBy,
    },
    /// An administrator took the consent to an application back.
    ConsentWithdrawn {
        /// The application's name.
        client: String,
    },
    /// Mail only: an address is to be confirmed by its link.
    ConfirmEmail {
        /// Which address.
        address: String,
    },
    /// Mail only: a link to choose a new password.
    PasswordResetAsked,
}

/// What the one link of a mail does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeAction {
    /// Ends this session.
    EndSession(SessionId),
    /// Stops this phone for the time being.
    SuspendDevice(DeviceId),
    /// Locks the account down: sessions, phones and passwords stop.
    LockDown,
    /// Confirms the address the mail went to.
    ConfirmEmail,
    /// Lets its owner choose a new password.
    ResetPassword,
}

impl NoticeAction {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EndSession(_) => "end_session",
            Self::SuspendDevice(_) => "suspend_device",
            Self::LockDown => "lock_down",
            Self::ConfirmEmail => "confirm_email",
            Self::ResetPassword => "reset_password",
        }
    }

    /// How long its link works, in seconds (SEC-165: a reset at most 15 minutes).
    #[must_use]
    pub const fn life_seconds(self) -> u64 {
        match self {
            Self::ResetPassword => 15 * 60,
            _ => 24 * 3600,
        }
    }
}

impl NoticeKind {
    /// The word kept.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NewSignIn { .. } => "new_sign_in",
            Self::SignInReported { .. } => "sign_in_reported",
            Self::DeviceAdded { .. } => "device_added",
            Self::DeviceApproved { .. } => "device_approved",
            Self::DeviceRejected { .. } => "device_rejected",
            Self::DeviceChanged { .. } => "device_changed",
            Self::DeviceSuspended { .. } => "device_suspended",
            Self::DeviceRestored { .. } => "device_restored",
            Self::DeviceRevoked { .. } => "device_revoked",
            Self::DeviceMoved { .. } => "device_moved",
            Self::DeviceKeyRotated { .. } => "device_key_rotated",
            Self::EnrolmentMade { .. } => "enrolment_made",
            Self::PasskeyAdded { .. } => "passkey_added",
            Self::PasskeyRemoved { .. } => "passkey_removed",
            Self::PasswordChanged { .. } => "password_changed",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff { .. } => "second_factor_off",
            Self::RecoveryCodesMade { .. } => "recovery_codes_made",
            Self::RecoveryCodeUsed { .. } => "recovery_code_used",
            Self::RecoveryOpened { .. } => "recovery_opened",
            Self::RecoveryCancelled { .. } => "recovery_cancelled",
            Self::RecoveryCompleted => "recovery_completed",
            Self::EmailChanged { .. } => "email_changed",
            Self::ProfileChanged { .. } => "profile_changed",
            Self::AccountLocked { .. } => "account_locked",
            Self::AccountEnabled => "account_enabled",
            Self::SessionEnded { .. } => "session_ended",
            Self::ConsentWithdrawn { .. } => "consent_withdrawn",
            Self::ConfirmEmail { .. } => "confirm_email",
            Self::PasswordResetAsked => "password_reset_asked",
        }
    }

    /// Whether it stands in its owner's list. What only carries a link does not.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        !matches!(self, Self::ConfirmEmail { .. } | Self::PasswordResetAsked)
    }

    /// What one click does against it, or with it. None: there is nothing to undo.
    #[must_use]
    pub const fn action(&self) -> Option<NoticeAction> {
        Some(match self {
            Self::NewSignIn { session, .. } => NoticeAction::EndSession(*session),
            Self::DeviceAdded { device, .. }
            | Self::DeviceApproved { device, .. }
            | Self::DeviceMoved { device, .. }
            | Self::DeviceRestored { device, .. }
            | Self::DeviceKeyRotated { device, .. } => NoticeAction::SuspendDevice(*device),
            Self::EnrolmentMade { .. }
            | Self::PasskeyAdded { .. }
            | Self::PasskeyRemoved { .. }
            | Self::PasswordChanged { .. }
            | Self::SecondFactorOff { .. }
            | Self::RecoveryCodesMade { .. }
            | Self::RecoveryCodeUsed { .. }
            | Self::RecoveryOpened { .. }
            | Self::RecoveryCompleted
            | Self::EmailChanged { .. } => NoticeAction::LockDown,
            Self::ConfirmEmail { .. } => NoticeAction::ConfirmEmail,
            Self::PasswordResetAsked => NoticeAction::ResetPassword,
            _ => return None,
        })
    }
}

/// Where a notice's mail stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeMail {
    /// The address.
    pub to: String,
    /// What its owner is called.
    pub name: String,
    /// The language: a tag that the themes have, or none for the provider's own.
    pub language: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next; none: sent, or given up.
    pub due_at: Option<Timestamp>,
    /// When a mail server took it.
    pub sent_at: Option<Timestamp>,
    /// When it was given up.
    pub failed_at: Option<Timestamp>,
    /// Why the last attempt failed, in a plain line.
    pub failure: Option<String>,
}

impl NoticeMail {
    /// A mail that is due at once.
    #[must_use]
    pub const fn new(to: String, name: String, language: Option<String>, now: Timestamp) -> Self {
        Self {
            to,
            name,
            language,
            attempts: 0,
            due_at: Some(now),
            sent_at: None,
            failed_at: None,
            failure: None,
        }
    }
}

/// One notice: an entry of its owner's list, a mail, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Not secret. Also the stable part of the mail's `Message-ID`.
    pub id: NoticeId,
    /// Whose.
    pub account: AccountId,
    /// What.
    pub kind: NoticeKind,
    /// It stands in its owner's list. A second mail about the same does not.
    pub is_listed: bool,
    /// When it happened.
    pub created_at: Timestamp,
    /// When its owner saw it in the list.
    pub seen_at: Option<Timestamp>,
    /// When its one action was taken.
    pub acted_at: Option<Timestamp>,
    /// The mail; none where there is no address, or no mail is sent.
    pub mail: Option<NoticeMail>,
}

/// Which mails are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailState {
    /// Not sent yet.
    Waiting,
    /// A mail server took them.
    Sent,
    /// Given up.
    Failed,
}

/// How many mails there are of each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailCounts {
    /// Not sent yet.
    pub waiting: u64,
    /// Of those, tried and put off.
    pub put_off: u64,
    /// A mail server took them, of the notices since the asked time.
    pub sent: u64,
    /// Given up, as long as their notices are kept.
    pub failed: u64,
    /// The oldest that waits was made then.
    pub oldest_waiting: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_word_in_code_and_json() {
        let device = DeviceId::from_random([1; 16]);
        let kinds = [
            NoticeKind::DeviceKeyRotated { device, name: "Ada's phone".to_owned() },
            NoticeKind::SecondFactorOn,
            NoticeKind::EmailChanged { from: None, to: None, by: NoticeBy::Owner },
            NoticeKind::PasswordResetAsked,
        ];
        for kind in kinds {
            let json = serde_json::to_value(&kind).unwrap();
            assert_eq!(json["kind"], kind.as_str());
            assert_eq!(serde_json::from_value::<NoticeKind>(json).unwrap(), kind);
        }
    }

    #[test]
    fn sec_165_a_reset_lives_a_quarter_of_an_hour() {
        let action = NoticeKind::PasswordResetAsked.action().unwrap();
        assert_eq!((action, action.life_seconds()), (NoticeAction::ResetPassword, 900));
        assert!(!NoticeKind::PasswordResetAsked.is_listed());
    }
}
