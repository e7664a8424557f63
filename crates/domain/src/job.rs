//! Long work: imports, letters and bulk actions, row by row.
//!
//! Owns: the records, their words, and which step leads where. Not here: what a row does (`registry::jobs`), how
//! a file is read (`registry::import`).
//!
//! ```text
//! draft ─▶ ready ─start─▶ running ─▶ finished
//!            │               ├─cancel─▶ cancelled
//!          cancel            ╰─ bulk ─▶ undoable ─▶ (finalising) ─▶ finished
//!            ▼                             ╰─undo─▶ undoing ─▶ undone
//!         cancelled
//! ```
//! A row's outcome is written in the unit of its deed: what is written was done, once.

use serde::{Deserialize, Serialize};

use crate::{Actor, JobId, Timestamp};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$item_doc])* #[serde(rename = $word)] $item,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$item,)*];

            /// The word kept and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $word,)* }
            }

            /// The one with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|item| item.as_str() == word)
            }
        }
    };
}

words! {
    /// What kind of work.
    JobKind {
        /// People from a file.
        ImportUsers "import_users",
        /// Phones' public keys from a file.
        ImportDevices "import_devices",
        /// Letters that let phones in.
        BulkEnrol "bulk_enrol",
        /// One deed to many things.
        BulkAction "bulk_action",
    }
}

words! {
    /// A deed that can be done to many at once.
    BulkAction {
        /// Active phones stop for the time being.
        SuspendDevices "suspend_devices",
        /// Suspended phones act again.
        RestoreDevices "restore_devices",
        /// Phones stop for good, once the time to undo it is over.
        RevokeDevices "revoke_devices",
        /// Pending phones may act.
        ApproveDevices "approve_devices",
        /// Pending phones are refused for good, once the time to undo it is over.
        RejectDevices "reject_devices",
        /// Accounts stop.
        DisableUsers "disable_users",
        /// Accounts may sign in again.
        EnableUsers "enable_users",
        /// All sessions of accounts end.
        EndUserSessions "end_user_sessions",
        /// Accounts join a group.
        AddToGroup "add_to_group",
        /// Accounts leave a group.
        RemoveFromGroup "remove_from_group",
        /// Sessions end.
        EndSessions "end_sessions",
    }
}

/// What a bulk action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BulkSubject {
    /// Phones.
    Devices,
    /// Accounts.
    Users,
    /// Browser sessions.
    Sessions,
}

impl BulkAction {
    /// What it is done to.
    #[must_use]
    pub const fn subject(self) -> BulkSubject {
        match self {
            Self::SuspendDevices
            | Self::RestoreDevices
            | Self::RevokeDevices
            | Self::ApproveDevices
            | Self::RejectDevices => BulkSubject::Devices,
            Self::DisableUsers
            | Self::EnableUsers
            | Self::EndUserSessions
            | Self::AddToGroup
            | Self::RemoveFromGroup => BulkSubject::Users,
            Self::EndSessions => BulkSubject::Sessions,
        }
    }

    /// Whether it can be undone for a while.
    #[must_use]
    pub const fn is_undoable(self) -> bool {
        !matches!(self, Self::EndUserSessions | Self::EndSessions)
    }

    /// Whether it becomes final in a second step, when it can no longer be undone.
    #[must_use]
    pub const fn is_finalised(self) -> bool {
        matches!(self, Self::RevokeDevices | Self::RejectDevices)
    }
}

words! {
    /// Where the work stands.
    JobState {
        /// Its rows are being written; nobody is shown it.
        Draft "draft",
        /// Checked; nothing is changed yet.
        Ready "ready",
        /// Rows are being done.
        Running "running",
        /// Done, and may be undone for a while.
        Undoable "undoable",
        /// What could be undone becomes final.
        Finalising "finalising",
        /// Rows are being undone.
        Undoing "undoing",
        /// Done.
        Finished "finished",
        /// Stopped by somebody; rows done before stay done.
        Cancelled "cancelled",
        /// Taken back.
        Undone "undone",
    }
}

words! {
    /// What will become of a row, as checking it has shown.
    RowFate {
        /// Something new is made.
        Create "create",
        /// Something that is there changes.
        Change "change",
        /// Nothing is to be done: it is so already.
        Unchanged "unchanged",
        /// It cannot be done; the reason is told.
        Conflict "conflict",
    }
}

words! {
    /// What became of a row.
    RowOutcome {
        /// Done.
        Done "done",
        /// Not done; the reason is told.
        Failed "failed",
        /// Done for good, which cannot be undone.
        Final "final",
        /// Done and taken back.
        Undone "undone",
    }
}

/// Long work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What kind.
    pub kind: JobKind,
    /// What a bulk action does.
    pub action: Option<BulkAction>,
    /// Where it stands.
    pub state: JobState,
    /// Who wanted it.
    pub made_by: Actor,
    /// What is common to all rows, a JSON object of the kind's own.
    pub options: String,
    /// Its rows.
    pub counts: JobCounts,
    /// Made.
    pub created_at: Timestamp,
    /// Started.
    pub started_at: Option<Timestamp>,
    /// All rows were done, or the work was stopped.
    pub finished_at: Option<Timestamp>,
    /// May be undone until.
    pub undo_until: Option<Timestamp>,
    /// The secrets of its letters are kept until; none when there are none any more.
    pub secrets_until: Option<Timestamp>,
}

/// One row of long work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    /// From 1, in the order of the file.
    pub number: u32,
    /// What a person knows it by: a user name, a phone's name.
    pub label: String,
    /// What is to be done, a JSON object of the kind's own; no secrets.
    pub input: String,
    /// What will become of it.
    pub fate: RowFate,
    /// The field that is the reason.
    pub field: Option<String>,
    /// Why not, or why it failed: one plain sentence.
    pub reason: Option<String>,
    /// What became of it.
    pub outcome: Option<RowOutcome>,
    /// The id of what was made or changed.
    pub subject: Option<String>,
    /// Whose row it is: an account's id, or a folded user name while there is no account. Deleting a person empties
    /// their rows (SEC-199).
    pub about: Option<String>,
}

/// What became of a row, to be written in the unit of its deed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowDone {
    /// Which row.
    pub number: u32,
    /// What became of it.
    pub outcome: RowOutcome,
    /// The field that is the reason.
    pub field: Option<String>,
    /// Why not.
    pub reason: Option<String>,
    /// The id of what was made or changed.
    pub subject: Option<String>,
    /// What only a letter may tell: sealed, base64url.
    pub secret: Option<String>,
}

/// How many rows there are of each sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// To be made or changed, whether that is done already or not.
    pub to_do: u32,
    /// So already.
    pub unchanged: u32,
    /// Cannot be done.
    pub conflict: u32,
    /// Done, for good or not.
    pub done: u32,
    /// Failed.
    pub failed: u32,
    /// Taken back.
    pub undone: u32,
}

impl JobCounts {
    /// Rows in all.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.to_do + self.unchanged + self.conflict
    }
}

/// What is said of a row's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeFilter {
    /// To be done and not done yet.
    Waiting,
    /// This one.
    Is(RowOutcome),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back() {
        for kind in JobKind::ALL {
            assert_eq!(JobKind::from_word(kind.as_str()), Some(*kind));
        }
        for action in BulkAction::ALL {
            assert_eq!(BulkAction::from_word(action.as_str()), Some(*action));
            assert!(action.is_undoable() || !action.is_finalised(), "{action:?}");
        }
        for state in JobState::ALL {
            assert_eq!(JobState::from_word(state.as_str()), Some(*state));
        }
    }
}
