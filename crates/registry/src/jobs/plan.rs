//! Planning: rows with their fates become work that is ready to be started.

use app::{Mandate, Refusal};
use domain::{
    Account, AccountId, Actor, AuditEvent, BulkAction, GroupId, Job, JobCounts, JobKind, JobRow, JobState,
    Permission, Permissions, Roles, RowFate, Timestamp, Username,
};
use serde::{Deserialize, Serialize};
use store::View;

use super::{entry, permission};
use crate::Registry;

/// Rows that are written at once.
const AT_ONCE: usize = 500;
/// Characters of a label.
const LABEL: usize = 100;

/// What is common to all rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Options {
    /// Roles that rows give or take by groups: whoever moves the work must hold them (SEC-181).
    #[serde(default)]
    pub(crate) needs: Roles,
    /// The group that people are put into or taken out of.
    #[serde(default)]
    pub(crate) group: Option<GroupId>,
    /// Why, in a plain line.
    #[serde(default)]
    pub(crate) reason: Option<String>,
    /// Who started it.
    #[serde(default)]
    pub(super) done_by: Option<Actor>,
    /// Who moved it last: started it, or has it undone.
    #[serde(default)]
    pub(super) actor: Option<Actor>,
    /// What they might, by its words.
    #[serde(default)]
    pub(super) permissions: Vec<String>,
}

impl Options {
    pub(crate) fn of(job: &Job) -> Result<Self, Refusal> {
        serde_json::from_str(&job.options)
            .map_err(|why| Refusal::Corrupt(format!("options of {}: {why}", job.id)))
    }

    pub(crate) fn text(&self) -> String {
        // It holds words and ids alone.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn started_by(self, by: &Mandate) -> Self {
        Self { done_by: Some(by.actor.clone()), ..self.moved_by(by) }
    }

    pub(crate) fn moved_by(self, by: &Mandate) -> Self {
        let permissions = by.permissions.iter().map(|one| one.as_str().to_owned()).collect();
        Self { actor: Some(by.actor.clone()), permissions, ..self }
    }

    /// The mandate that the work was started with, or is undone with.
    pub(crate) fn mandate(&self) -> Mandate {
        let permissions = self.permissions.iter().filter_map(|word| Permission::from_word(word));
        let actor = self.actor.clone().unwrap_or(Actor::System);
        let account = match &actor {
            Actor::Account(id) => Some(*id),
            _ => None,
        };
        Mandate {
            actor,
            account,
            permissions: permissions.fold(Permissions::NONE, Permissions::with),
            address: None,
            // Asked of whoever moved it (`Registry::mine`).
            is_fresh: true,
        }
    }
}

/// What an actor may now: the rights of an account that is stopped, a key that is revoked or a client that is gone are
/// none.
async fn held_now(view: &mut dyn View, actor: &Actor, now: Timestamp) -> Result<Permissions, Refusal> {
    let of = |account: Option<Account>| {
        account.filter(Account::is_active).map_or(Permissions::NONE, |account| Permissions::of(account.roles))
    };
    Ok(match actor {
        Actor::Operator => Permissions::all(),
        Actor::Account(id) => of(view.account(id).await?),
        Actor::ApiKey(id) => match view.api_key(id).await? {
            Some((key, _)) if key.revoked_at.is_none() && now < key.expires_at => {
                let held = match &key.account {
                    Some(id) => of(view.account(id).await?),
                    None => Permissions::all(),
                };
                key.permissions.common(held)
            }
            _ => Permissions::NONE,
        },
        Actor::Client(id) => view
            .client(id)
            .await?
            .filter(|client| client.is_enabled)
            .map_or(Permissions::NONE, |client| Permissions::of_scopes(&client.scopes.join(" "))),
        _ => Permissions::NONE,
    })
}

/// A row that was looked at.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) label: String,
    pub(crate) input: String,
    pub(crate) fate: RowFate,
    pub(crate) field: Option<String>,
    pub(crate) reason: Option<String>,
    /// Whose row it is ([`JobRow::about`]): until somebody says better, whoever has the label as a user name.
    pub(crate) about: Option<String>,
}

impl Planned {
    /// A row that can be done, or is done already.
    pub(crate) fn new(label: &str, fate: RowFate, input: &impl Serialize) -> Self {
        Self {
            label: domain::text::shown(label, LABEL),
            input: serde_json::to_string(input).unwrap_or_default(),
            fate,
            field: None,
            reason: None,
            about: named(label),
        }
    }

    /// The row is about this account.
    pub(crate) fn of(self, account: &AccountId) -> Self {
        Self { about: Some(account.to_string()), ..self }
    }

    /// A row that cannot be done.
    pub(crate) fn conflict(label: &str, field: &str, reason: impl Into<String>) -> Self {
        Self {
            label: domain::text::shown(label, LABEL),
            input: "{}".to_owned(),
            fate: RowFate::Conflict,
            field: Some(field.to_owned()),
            reason: Some(reason.into()),
            about: named(label),
        }
    }

    /// A row about somebody who may do more than whoever asks (SEC-181).
    pub(crate) fn above(label: &str) -> Self {
        Self::conflict(label, "roles", "allow more than you may yourself")
    }
}

fn named(label: &str) -> Option<String> {
    label.parse::<Username>().ok().map(|name| name.key().to_owned())
}

impl Registry {
    /// The mandate of work as far as whoever moved it holds it still: work outlives no role, account or key
    /// (SEC-153, SEC-181, SEC-184).
    pub(super) async fn mandate_of(&self, options: &Options) -> Result<Mandate, Refusal> {
        let by = options.mandate();
        let mut view = self.app.store().read().await?;
        let held = held_now(&mut *view, &by.actor, self.app.now()).await?;
        Ok(Mandate { permissions: by.permissions.common(held), ..by })
    }

    /// Writes the rows down. Until the last is written nobody sees the work.
    pub(crate) async fn plan(
        &self,
        by: &Mandate,
        kind: JobKind,
        action: Option<BulkAction>,
        options: &Options,
        rows: Vec<Planned>,
    ) -> Result<Job, Refusal> {
        by.must(permission(kind, action))?;
        by.must_hold(options.needs)?;
        let now = self.app.now();
        let mut job = Job {
            id: self.app.entropy().id(),
            kind,
            action,
            state: JobState::Draft,
            made_by: by.actor.clone(),
            options: options.text(),
            counts: JobCounts::default(),
            created_at: now,
            started_at: None,
            finished_at: None,
            undo_until: None,
            secrets_until: None,
        };
        for row in &rows {
            match row.fate {
                RowFate::Create | RowFate::Change => job.counts.to_do += 1,
                RowFate::Unchanged => job.counts.unchanged += 1,
                RowFate::Conflict => job.counts.conflict += 1,
            }
        }
        let rows: Vec<JobRow> = rows
            .into_iter()
            .zip(1..)
            .map(|(row, number)| JobRow {
                number,
                label: row.label,
                input: row.input,
                fate: row.fate,
                field: row.field,
                reason: row.reason,
                outcome: None,
                subject: None,
                about: row.about,
            })
            .collect();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_job(&job).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        for rows in rows.chunks(AT_ONCE) {
            let deed = || async {
                let mut work = self.app.store().begin().await?;
                work.add_job_rows(&job.id, rows).await?;
                Ok(work.commit().await?)
            };
            self.app.repeatable(deed).await?;
        }
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.ready_job(&job.id, job.counts).await? {
                return Err(Refusal::Gone);
            }
            work.audit(entry(by, AuditEvent::JobPlanned, &job, now)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!(job.id = %job.id, kind = kind.as_str(), rows = job.counts.total(), "Job planned");
        Ok(Job { state: JobState::Ready, ..job })
    }
}
