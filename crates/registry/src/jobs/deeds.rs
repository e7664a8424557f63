//! What the rows of imports and letters do.

use std::collections::HashMap;

use app::{Change, Mandate, Refusal, notices};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    Account, AccountId, Actor, AddedBy, AuditEntry, AuditEvent, Device, DeviceKind, DeviceRecord,
    DeviceState, EnrolmentKind, GroupId, Job, JobKind, JobRow, NoticeKind, Outcome, Roles, Timestamp, text,
};
use serde::de::DeserializeOwned;
use store::Work;

use super::Options;
use super::bulk::BulkInput;
use super::runner::Did;
use crate::Registry;
use crate::enrolments::{Drafted, MADE};
use crate::import::{CasDeviceInput, DeviceInput, LetterInput, UserInput};
use crate::letters::Sealed;
use crate::people::{NewPerson, PreparedPerson};
use crate::users::NewUser;

/// A row with everything done that needs no unit.
pub(super) enum Prepared {
    User(Box<PreparedPerson>, Vec<GroupId>),
    Device(Box<Device>),
    Letter(Box<Drafted>, String),
    Bulk(BulkInput),
    /// Field and reason.
    Broken(&'static str, &'static str),
}

/// What the rows of a unit need to know, found at its beginning.
pub(super) struct Known {
    accounts: HashMap<AccountId, Account>,
    /// Phones that each may hold.
    limits: HashMap<AccountId, u32>,
    groups: HashMap<GroupId, Roles>,
}

const NOT_READ: Prepared = Prepared::Broken("row", "cannot be read");

impl Options {
    /// Whether the work changes members of groups or who may sign in.
    pub(super) fn touches_people(&self, job: &Job) -> bool {
        use domain::BulkAction as A;
        job.kind == JobKind::ImportUsers
            || matches!(
                job.action,
                Some(A::DisableUsers | A::EnableUsers | A::AddToGroup | A::RemoveFromGroup)
            )
    }
}

impl Registry {
    pub(super) async fn prepare_rows(
        &self,
        job: &Job,
        by: &Mandate,
        rows: &[JobRow],
    ) -> Result<Vec<Prepared>, Refusal> {
        let now = self.app.now();
        let mut prepared = Vec::with_capacity(rows.len());
        let policy = self.app.policies().now().await?.policies.enrolments.clone();
        for row in rows {
            prepared.push(match job.kind {
                JobKind::ImportUsers => match read::<UserInput>(row) {
                    Some(input) => self.prepare_user_row(by, input).await?,
                    None => NOT_READ,
                },
                JobKind::ImportDevices => match (read::<DeviceInput>(row), read::<CasDeviceInput>(row)) {
                    (Some(input), _) => self.prepare_device_row(by, input, now),
                    (None, Some(input)) => self.prepare_cas_device_row(by, &input, now),
                    (None, None) => NOT_READ,
                },
                JobKind::BulkEnrol => match read::<LetterInput>(row) {
                    Some(input) => {
                        let letter = EnrolmentKind::Letter;
                        let drafted =
                            self.draft_enrolment(&input.account, letter, Some(job.id), &policy, now)?;
                        let sealed = self.seal_letter(&drafted)?;
                        Prepared::Letter(Box::new(drafted), URL_SAFE_NO_PAD.encode(sealed))
                    }
                    None => NOT_READ,
                },
                JobKind::BulkAction => read(row).map_or(NOT_READ, Prepared::Bulk),
            });
        }
        Ok(prepared)
    }

    async fn prepare_user_row(&self, by: &Mandate, input: UserInput) -> Result<Prepared, Refusal> {
        let groups = input.groups.clone();
        match self.prepare_person(by, input.into_person()).await {
            Ok(person) => Ok(Prepared::User(Box::new(person), groups)),
            Err(Refusal::Invalid { field, why }) => Ok(Prepared::Broken(field, why)),
            Err(Refusal::Forbidden) => {
                Ok(Prepared::Broken("groups", "may not be given by whoever started this"))
            }
            Err(other) => Err(other),
        }
    }

    fn prepare_device_row(&self, by: &Mandate, input: DeviceInput, now: Timestamp) -> Prepared {
        let Ok(key) = qr::Jwk::parse(&input.public_key) else {
            return Prepared::Broken("public_key", "is no public key of P-256 or Ed25519");
        };
        let added_by_account = match &by.actor {
            Actor::Account(id) => Some(*id),
            _ => None,
        };
        Prepared::Device(Box::new(Device {
            id: self.app.entropy().id(),
            account: input.account,
            kind: DeviceKind::App,
            name: input.name,
            platform: input.platform,
            key: Some(key.into_key()),
            cas_name: None,
            verifies_user: true,
            passkey: None,
            state: DeviceState::Active,
            added_by: AddedBy::Admin,
            agreed_at: None,
            created_at: now,
            last_used_at: None,
            record: DeviceRecord { added_by_account, ..DeviceRecord::new(now) },
        }))
    }

    fn prepare_cas_device_row(&self, by: &Mandate, input: &CasDeviceInput, now: Timestamp) -> Prepared {
        let mut device = self.cas_device(input.account, &input.cas_name, now);
        if let Actor::Account(id) = &by.actor {
            device.record.added_by_account = Some(*id);
        }
        Prepared::Device(Box::new(device))
    }

    fn seal_letter(&self, drafted: &Drafted) -> Result<Vec<u8>, Refusal> {
        let sealed = Sealed {
            url: drafted.url.clone().unwrap_or_default(),
            code: drafted.code.as_ref().map(domain::EnrolmentCode::text).unwrap_or_default(),
            expires_at: drafted.enrolment.expires_at,
        };
        let plain = serde_json::to_vec(&sealed).map_err(|why| Refusal::Corrupt(why.to_string()))?;
        let aad = drafted.enrolment.id.to_string();
        self.app.lasting_sealer(crate::letters::PURPOSE)?.try_seal(aad.as_bytes(), &plain)
    }

    /// The accounts and groups of all rows, in two statements and one for each group.
    pub(super) async fn known(
        &self,
        work: &mut dyn Work,
        options: &Options,
        prepared: &[Prepared],
    ) -> Result<Known, Refusal> {
        let mut ids = Vec::new();
        let mut groups = HashMap::new();
        for row in prepared {
            match row {
                Prepared::User(_, named) => groups.extend(named.iter().map(|id| (*id, Roles::NONE))),
                Prepared::Device(device) => ids.push(device.account.to_string()),
                Prepared::Letter(drafted, _) => ids.push(drafted.enrolment.account.to_string()),
                Prepared::Bulk(_) | Prepared::Broken(..) => {}
            }
        }
        let decisions = self.app.policies().now().await?;
        let mut known = Known { accounts: HashMap::new(), limits: HashMap::new(), groups: HashMap::new() };
        if !ids.is_empty() {
            for found in work.accounts_with_ids(&ids).await? {
                known.limits.insert(found.account.id, decisions.devices_of(&found.account).per_user);
                known.accounts.insert(found.account.id, found.account);
            }
        }
        for id in groups.keys() {
            let found = work.group(id).await?.map(|(group, _)| group.roles);
            // What the group allows is no more than it was when whoever started this was asked for it (SEC-181).
            if let Some(roles) = found.filter(|roles| options.needs.cover(*roles)) {
                known.groups.insert(*id, roles);
            }
        }
        Ok(known)
    }

    pub(super) async fn do_import(
        &self,
        work: &mut dyn Work,
        by: &Mandate,
        known: &Known,
        row: &Prepared,
        now: Timestamp,
    ) -> Result<Did, Refusal> {
        match row {
            Prepared::User(person, groups) => {
                // Asked before anything is written: a row is done as a whole or not at all.
                if groups.iter().any(|id| !known.groups.contains_key(id)) {
                    return Err(Refusal::Invalid {
                        field: "groups",
                        why: "name a group that is not there any more, or allows more by now",
                    });
                }
                self.add_person(work, by, person).await?;
                Ok(Did { subject: Some(person.account().id.to_string()), ..Did::default() })
            }
            Prepared::Device(device) => {
                let owner = known.accounts.get(&device.account).ok_or(Refusal::NotFound)?;
                // Whoever holds the key signs in as its owner (SEC-181).
                by.must_hold(owner.roles)?;
                let limit = known.limits.get(&device.account).copied().unwrap_or_default();
                if !work.add_device(device, limit).await? {
                    return Err(Refusal::Conflict("device_limit"));
                }
                work.audit(AuditEntry {
                    account: Some(owner.id),
                    device: Some(device.id),
                    detail: Some(format!("{} by import", device.kind.as_str())),
                    ..by.entry(AuditEvent::DeviceAdded, Outcome::Done, now)
                })
                .await?;
                let name = text::shown(&device.name, 60);
                let kind = NoticeKind::DeviceAdded { device: device.id, name, is_pending: false };
                notices::post(&self.app, work, owner, kind, now).await?;
                let change = Some(Change::Device(device.id));
                Ok(Did { subject: Some(device.id.to_string()), change, ..Did::default() })
            }
            Prepared::Letter(drafted, sealed) => {
                let enrolment = &drafted.enrolment;
                let owner = known.accounts.get(&enrolment.account).ok_or(Refusal::NotFound)?;
                // So does whoever reads the letter.
                by.must_hold(owner.roles)?;
                if !owner.is_active() {
                    return Err(Refusal::Invalid { field: "username", why: "is disabled" });
                }
                work.add_enrolment(enrolment).await?;
                work.audit(AuditEntry {
                    account: Some(owner.id),
                    detail: Some(format!("letter {}", enrolment.id)),
                    ..by.entry(AuditEvent::EnrolmentCreated, Outcome::Done, now)
                })
                .await?;
                notices::post(&self.app, work, owner, MADE, now).await?;
                let subject = Some(enrolment.id.to_string());
                Ok(Did { subject, secret: Some(sealed.clone()), ..Did::default() })
            }
            Prepared::Bulk(_) | Prepared::Broken(..) => Err(Refusal::Conflict("row")),
        }
    }
}

impl UserInput {
    /// The person that this row makes.
    pub(crate) fn into_person(self) -> NewPerson {
        NewPerson {
            user: NewUser { username: self.username, claims: self.claims, ..NewUser::default() },
            language: self.language,
            roles: Roles::NONE,
            groups: self.groups,
        }
    }
}

fn read<T: DeserializeOwned>(row: &JobRow) -> Option<T> {
    serde_json::from_str(&row.input).ok()
}
