//! The second step of an enrolment: everything is proven, then kept in one unit.

use app::throttle::{self, Rule};
use app::{Change, Refusal, audit, meters, notices};
use domain::{
    Account, Actor, Attestation, AttestationWish, AuditEvent, ClientAddress, CredentialId, Device,
    DeviceKind, DeviceRecord, DeviceState, EnrolmentId, NoticeKind, Outcome, Passkey, SecretHash, Timestamp,
    text,
};
use qr::approval::{EnrolmentProof, KeyStatement};
use serde_json::Value;
use store::{ChangeNote, Work};

use super::attestation;
use super::ceremony::{self, Proven};
use super::{Enrolling, EnrollingSlot, slot_key};
use crate::Registry;
use crate::moves::Old;

/// Longest name of a phone or platform, in characters.
const LONGEST_TEXT: usize = 60;
/// Handles are 43 characters; what is longer is not worth a MAC.
const LONGEST_HANDLE: usize = 64;

/// How the phone verifies its user.
#[derive(Debug)]
pub enum Verification {
    /// By a new passkey: the answer of `navigator.credentials.create` (kind `web`).
    NewPasskey(Value),
    /// By a passkey of the account that the phone holds: the answer of `navigator.credentials.get` (kind
    /// `web`).
    KnownPasskey(Value),
    /// By its keystore before each use of the device key, or not at all (kind `app`).
    Keystore {
        /// The app says that it does.
        verifies: bool,
        /// What vouches for the key.
        attestation: Option<qr::wire::KeyAttestation>,
    },
}

/// What the phone sends in the second step.
#[derive(Debug)]
pub struct Completion {
    /// From the first step.
    pub handle: String,
    /// The device key.
    pub key: qr::Jwk,
    /// The owner's name for the phone.
    pub name: String,
    /// Operating system or model.
    pub platform: String,
    /// Model, if told apart.
    pub model: Option<String>,
    /// The owner agrees to future sign-ins by QR.
    pub agree: bool,
    /// By `key`, over `EnrolmentProof`; base64url.
    pub signature: String,
    /// How it verifies its user.
    pub verification: Verification,
    /// From where.
    pub address: ClientAddress,
}

impl Registry {
    /// Second step: registers the phone.
    ///
    /// # Errors
    /// `Gone` for every handle that is unknown, used or late, or whose session or account ended; `Invalid`
    /// names what is wrong with the rest (the right to enrol is kept then, for another try);
    /// `Conflict("device_key")` for a key that is known in the system (SEC-072), `Conflict("passkey")`
    /// likewise, `Conflict("device_limit")` at the owner's limit (SEC-074).
    pub async fn enrol_complete(&self, completion: Completion) -> Result<(Device, Account), Refusal> {
        self.app.throttle().hit(Rule::EnrolAddress, &throttle::network(completion.address)).await?;
        if completion.handle.len() > LONGEST_HANDLE {
            return Err(Refusal::Gone);
        }
        let now = self.app.now();
        let slots = self.app.slots::<EnrollingSlot>();
        let key = slot_key(&self.app, &completion.handle);
        let (enrolling, _) = slots.get(&key).await?.ok_or(Refusal::Gone)?;
        if now >= enrolling.expires_at {
            return Err(Refusal::Gone);
        }
        let end = self.app.mac("enrolment end", completion.handle.as_bytes());
        let checked = self.check(&enrolling, completion, now).await?;
        // Of two phones that both proved everything, one gets the right.
        slots.take(&key).await?.ok_or(Refusal::Gone)?;
        self.keep(checked, &end, now).await
    }

    async fn check(
        &self,
        enrolling: &Enrolling,
        given: Completion,
        now: Timestamp,
    ) -> Result<Checked, Refusal> {
        if !given.agree {
            return Err(Refusal::Invalid { field: "agree", why: "must be true: the owner has to agree" });
        }
        let proof = EnrolmentProof {
            issuer: self.app.issuer().as_str(),
            enrolment: &given.handle,
            nonce: &enrolling.nonce,
            key: &given.key.key().thumbprint,
            name: &given.name,
            platform: &given.platform,
        };
        let unsigned =
            || Refusal::Invalid { field: "signature", why: "is not the key's over this enrolment" };
        let message = proof.message().map_err(|_| unsigned())?;
        if !qr::key::is_signed(given.key.key(), &message, &given.signature) {
            return Err(unsigned());
        }
        let name = text::plain_line(&given.name, LONGEST_TEXT)
            .map_err(|_| Refusal::Invalid { field: "name", why: "1 to 60 plain characters" })?;
        let platform = text::plain_line(&given.platform, LONGEST_TEXT)
            .map_err(|_| Refusal::Invalid { field: "platform", why: "1 to 60 plain characters" })?;

        let model = given.model.as_deref().map(|model| crate::devices::plain("model", model)).transpose()?;

        let mut view = self.app.store().read().await?;
        let account =
            view.account(&enrolling.account).await?.filter(Account::is_active).ok_or(Refusal::Gone)?;
        if let Some(session) = &enrolling.session
            && !view.session(session).await?.is_some_and(|session| session.is_alive(now))
        {
            return Err(Refusal::Gone);
        }
        // The policy of its owner's groups says whether it has to wait for an administrator (SEC-075).
        let policy = self.app.policies().now().await?.devices_of(&account);
        let (kind, verifies_user, vouched, proven) = match given.verification {
            Verification::Keystore { verifies, attestation } => {
                let statement = KeyStatement {
                    issuer: self.app.issuer().as_str(),
                    enrolment: &given.handle,
                    nonce: &enrolling.nonce,
                    key: &given.key.key().thumbprint,
                };
                let message = statement.message().map_err(|_| unsigned())?;
                let roots = &policy.attestation_roots;
                let vouched = attestation
                    .filter(|_| policy.attestation != AttestationWish::None)
                    .and_then(|given| attestation::vouched_for(&given, &message, roots, self.app.wall()));
                (DeviceKind::App, verifies, vouched, None)
            }
            Verification::NewPasskey(answer) => {
                let ceremony = enrolling.ceremony.as_ref().ok_or_else(no_passkeys)?;
                let proven = ceremony::registered(self.app.issuer(), ceremony, answer, &policy)?;
                let vouched = match &proven {
                    Proven::New { vouched, .. } => vouched.clone(),
                    Proven::Known { .. } => None,
                };
                (DeviceKind::Web, true, vouched, Some(proven))
            }
            Verification::KnownPasskey(answer) => {
                let ceremony = enrolling.ceremony.as_ref().ok_or_else(no_passkeys)?;
                let passkeys = view.passkeys(&account.id).await?;
                let proven = ceremony::asserted(self.app.issuer(), ceremony, answer, &passkeys)?;
                (DeviceKind::Web, true, None, Some(proven))
            }
        };
        // The server's policy decides, whatever the phone was told or says (SEC-076).
        if policy.attestation == AttestationWish::Required && vouched.is_none() {
            return Err(Refusal::Conflict("attestation_required"));
        }
        let device = Device {
            id: self.app.entropy().id(),
            account: account.id,
            kind,
            name,
            platform,
            key: Some(given.key.into_key()),
            cas_name: None,
            verifies_user,
            passkey: None,
            state: if policy.approval { DeviceState::Pending } else { DeviceState::Active },
            added_by: enrolling.added_by,
            agreed_at: Some(now),
            created_at: now,
            last_used_at: None,
            record: DeviceRecord {
                model,
                attestation: if vouched.is_some() { Attestation::Verified } else { Attestation::None },
                attested_by: vouched,
                ..DeviceRecord::new(now)
            },
        };
        let (replaces, enrolment) = (enrolling.replaces.clone(), enrolling.enrolment);
        let (address, limit) = (given.address, policy.per_user);
        Ok(Checked { device, account, proven, replaces, enrolment, limit, address })
    }

    /// One unit: the device (at most so many, each key once), its passkey, both in the audit trail. The right ends
    /// there as well, so that a live store that forgets its last moments brings none back (SEC-071, decision 011).
    async fn keep(
        &self,
        checked: Checked,
        end: &SecretHash,
        now: Timestamp,
    ) -> Result<(Device, Account), Refusal> {
        let Checked { mut device, account, proven, replaces, enrolment, limit, address } = checked;
        let passkey: Option<CredentialId> = proven.as_ref().map(|proven| match proven {
            Proven::New { .. } => self.app.entropy().id(),
            Proven::Known { id, .. } => *id,
        });
        device.passkey = passkey;
        let mut work = self.app.store().begin().await?;
        if !work.end_channel(end, now).await? {
            return Err(Refusal::Gone);
        }
        let moved = match &replaces {
            Some(old) => Some(self.take_place(&mut *work, &mut device, old, now).await?),
            None if !work.add_device(&device, limit).await? => {
                return Err(Refusal::Conflict("device_limit"));
            }
            None => None,
        };
        if let (Some(id), Some(proven)) = (passkey, proven) {
            keep_passkey(&mut *work, id, proven, &device, now).await?;
        }
        let event = if moved.is_some() { AuditEvent::DeviceMoved } else { AuditEvent::DeviceAdded };
        let mut entry = audit::from(address, event, Outcome::Done, now);
        entry.account = Some(account.id);
        entry.device = Some(device.id);
        entry.detail = Some(format!("{} by {}", device.kind.as_str(), device.added_by.as_str()));
        work.audit(entry).await?;
        if let Some(enrolment) = &enrolment {
            work.complete_enrolment(enrolment, &device.id, now).await?;
        }
        let is_added = moved.is_none();
        let id = device.id;
        let kind = match moved {
            Some(from) => NoticeKind::DeviceMoved { device: id, name: made_as(&device), from },
            None => NoticeKind::DeviceAdded {
                device: id,
                name: domain::text::shown(&device.name, LONGEST_TEXT),
                is_pending: device.state == DeviceState::Pending,
            },
        };
        notices::post(&self.app, &mut *work, &account, kind, now).await?;
        work.commit().await?;
        if is_added {
            self.app.meters().count(meters::Event::Enrolled);
        }
        self.app.tell(Change::Device(device.id)).await;
        tracing::info!(device.id = %device.id, account.id = %account.id, kind = device.kind.as_str(), "Phone enrolled");
        Ok((device, account))
    }
}

impl Registry {
    /// Puts the new phone in the old one's place, whose owner agreed to that with the key that it had then. The
    /// name that its owner gave the device, its state and its age stay; model and system become the new phone's. Answers
    /// what the old phone was.
    async fn take_place(
        &self,
        work: &mut dyn Work,
        device: &mut Device,
        old: &Old,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let held = work.hold_device(&old.device).await?.filter(Device::is_active).ok_or(Refusal::Gone)?;
        // Nothing is raised by moving: who could not verify its user before cannot now (SEC-077).
        if held.account != device.account || !held.verifies_user || !device.verifies_user {
            return Err(Refusal::Gone);
        }
        device.id = held.id;
        if !work.rebind_device(device, &old.key, now).await? {
            return Err(Refusal::Gone);
        }
        // The name is its owner's and stays; model and system are the new phone's (decision 024).
        let by = Actor::Device(held.id);
        work.note_device_change(&held.id, &ChangeNote { by: &by, why: Some("moved to a new phone") }, now)
            .await?;
        let before = made_as(&held);
        *device = work.device(&held.id).await?.ok_or(Refusal::Gone)?;
        Ok(before)
    }
}

/// A phone by its name and what it is: after a move the name alone would say nothing.
fn made_as(device: &Device) -> String {
    let of = device.record.model.as_deref().unwrap_or(&device.platform);
    domain::text::shown(&format!("{} ({of})", device.name), LONGEST_TEXT * 2)
}

struct Checked {
    device: Device,
    account: Account,
    proven: Option<Proven>,
    replaces: Option<Old>,
    enrolment: Option<EnrolmentId>,
    /// Phones that the account may hold.
    limit: u32,
    address: ClientAddress,
}

async fn keep_passkey(
    work: &mut dyn Work,
    id: CredentialId,
    proven: Proven,
    device: &Device,
    now: Timestamp,
) -> Result<(), Refusal> {
    match proven {
        Proven::Known { passkey, .. } => {
            if !work.passkey_used(&id, &passkey, now).await? {
                return Err(Refusal::Gone);
            }
        }
        Proven::New { credential_id, passkey, .. } => {
            let passkey = Passkey {
                id,
                account: device.account,
                device: Some(device.id),
                credential_id,
                passkey,
                name: device.name.clone(),
                created_at: now,
                last_used_at: None,
            };
            work.add_passkey(&passkey).await?;
            let mut entry = domain::AuditEntry::new(AuditEvent::PasskeyAdded, Outcome::Done, now);
            entry.account = Some(device.account);
            entry.device = Some(device.id);
            work.audit(entry).await?;
        }
    }
    Ok(())
}

fn no_passkeys() -> Refusal {
    Refusal::Invalid { field: "kind", why: "no passkeys are possible at this issuer's address" }
}
