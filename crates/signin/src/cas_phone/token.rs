//! The token of an app made for CAS (cas-wire §11, C-7; SEC-068, SEC-069).
//!
//! Owns: who gets one, and whether one counts still. It is 256 random bits and says nothing; its hash leads to what it
//! stands for. It is good for approvals and nothing else. Not here: trying the password (`password`).

use std::time::Duration;

use app::{Refusal, Secret, Visitor};
use cas::DeviceName;
use domain::{Account, AccountId, AuditEntry, Device, DeviceId, DeviceKind, Outcome, Timestamp, text};
use live::Slot;
use qr::Seen;
use qr::cas_channel::Approval;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{ApprovalNote, Work};

use super::{LONGEST_TOKEN_LIFE, bare};
use crate::SignIn;
use crate::password::entry;
use crate::rest::Alone;
use crate::way::name;

/// Tokens, by their hashes.
struct CasTokens;

impl Slot for CasTokens {
    const KIND: &'static str = "cas-token";
    const TTL: Duration = LONGEST_TOKEN_LIFE;
    // Whose token is displaced enters the password again.
    const MAKES_ROOM: bool = true;
    type Value = CasToken;
}

/// What a token stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CasToken {
    device: DeviceId,
    account: AccountId,
    /// When the password was set that it came from: another one ends it.
    password_since: Timestamp,
    /// Not at or after this.
    ends: Timestamp,
}

/// An app whose token is good, now.
pub(super) struct ActingApp {
    pub device: Device,
    pub account: Account,
    pub password_since: Timestamp,
}

impl SignIn {
    /// A token for an app, by its owner's user name and password. The app's device must be registered, active and
    /// theirs, and the password must be enough by itself. Tries count with those at the login page.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] while the mode is off; [`Refusal::SignInFailed`] for whatever is wrong, after the same work;
    /// otherwise as [`SignIn::rest_user`].
    pub async fn cas_token(
        &self,
        visitor: &Visitor,
        username: &str,
        password: &SecretString,
        device: &DeviceName,
    ) -> Result<cas::Secret, Refusal> {
        self.cas_is_on()?;
        let visitor = &bare(visitor);
        // Asked first, so that it is asked whoever is named.
        let found = self.app().store().read().await?.device_by_cas_name(device.as_str()).await?;
        let found = found.map(|(device, _)| device);
        let objection = |account: &Account| match &found {
            None => Some("no such device"),
            Some(device) if device.account != account.id => Some("another's device"),
            Some(device) if !may_act(device) => Some("device not active"),
            Some(_) => None,
        };
        let alone = self.password_alone(visitor, username, password, objection).await?;
        let device = found.as_ref().ok_or(Refusal::SignInFailed)?;
        self.keep_token(visitor, &alone, device).await
    }

    async fn keep_token(
        &self,
        visitor: &Visitor,
        Alone { account, kept, since }: &Alone,
        device: &Device,
    ) -> Result<cas::Secret, Refusal> {
        let app = self.app();
        let now = app.now();
        let mut work = app.store().begin().await?;
        let found = work.hold_device(&device.id).await?;
        let is_still = found.is_some_and(|device| device.account == account.id && may_act(&device));
        let (outcome, why) = match (is_still, kept.counts_still(&mut *work, account).await?) {
            (true, true) => (Outcome::Done, "token for a CAS app"),
            (false, _) => (Outcome::Refused, "device not active"),
            (true, false) => (Outcome::Refused, "password was replaced"),
        };
        if outcome == Outcome::Done {
            kept.tidy_up(&mut *work, account).await?;
        }
        let entry = entry(visitor, outcome, Some(account), Some(why), now);
        work.audit(AuditEntry { device: Some(device.id), ..entry }).await?;
        work.commit().await?;
        if outcome != Outcome::Done {
            return Err(Refusal::SignInFailed);
        }
        let token = app.entropy().secret();
        let life = self.settings().cas_phone.token_life.min(LONGEST_TOKEN_LIFE);
        let value = CasToken {
            device: device.id,
            account: account.id,
            password_since: *since,
            ends: now.after(life),
        };
        let (slots, key) = (app.slots::<CasTokens>(), name(&token.hash()));
        let version = slots.put(&key, &value).await?;
        // Not kept longer than it is good.
        let _ = slots.swap_for(&key, version, &value, life.max(Duration::from_secs(1))).await?;
        Ok(cas::Secret::new(token.text()))
    }

    /// Who acts with this token and this device's name, if they may, now. The same is read whatever is wrong (SEC-053).
    pub(super) async fn acting_app(
        &self,
        device: Option<&DeviceName>,
        token: Option<&cas::Secret>,
    ) -> Result<Option<ActingApp>, Refusal> {
        let app = self.app();
        let hash = token.and_then(|token| Secret::parse(token.expose())).map(|secret| secret.hash());
        let key = hash.as_ref().map_or_else(|| "none".to_owned(), name);
        let token = app.slots::<CasTokens>().get(&key).await?.map(|(token, _)| token);
        let mut view = app.store().read().await?;
        let found = view.device_by_cas_name(device.map_or("", DeviceName::as_str)).await?;
        let owner = found.as_ref().map(|(_, account)| account);
        let password = view.account_for_password(owner.map_or("", |owner| owner.username.key())).await?;
        let is_more = self.asks_more(&mut *view, owner).await?;
        drop(view);
        let (Some(token), Some((device, account)), Some((_, Some(password), _))) = (token, found, password)
        else {
            return Ok(None);
        };
        let fits = token.device == device.id
            && token.account == account.id
            && device.account == account.id
            && token.password_since == password.changed_at
            && app.now() < token.ends;
        let may = may_act(&device) && account.is_active() && !is_more;
        let password_since = password.changed_at;
        Ok((fits && may).then_some(ActingApp { device, account, password_since }))
    }

    /// Whether what an app vouched with counts still: its device, its owner's account, and the password that its token
    /// came from. Asked in the unit that relies on it; notes that the device was used, or with `seen` what it approved.
    pub(super) async fn vouches_still(
        &self,
        work: &mut dyn Work,
        approval: &Approval,
        seen: Option<&Seen>,
    ) -> Result<bool, Refusal> {
        let (device, account, now) = (&approval.device, &approval.account, self.app().now());
        // The device first: from here on whoever stops it, or its owner, waits for this unit.
        let is_active = match seen {
            None => work.device_used(device, account, now).await?,
            Some(seen) => {
                let place = self.settings().places.of(approval.address);
                let place = place.city.or(place.network).or(place.country).map(|it| text::shown(&it, 60));
                let browser = text::shown(&seen.agent.label(), 120);
                let note = ApprovalNote { key: None, place: place.as_deref(), browser: &browser };
                work.device_approved(device, account, &note, now).await?
                    && work.device_used(device, account, now).await?
            }
        };
        if !is_active {
            return Ok(false);
        }
        let Some(owner) = work.account(account).await? else { return Ok(false) };
        let found = work.account_for_password(owner.username.key()).await?;
        let password = found.and_then(|(_, password, _)| password);
        Ok(password.is_some_and(|password| password.changed_at == approval.password_since))
    }
}

/// A device of this mode that may act. Those of the other mode never may here (SEC-065).
fn may_act(device: &Device) -> bool {
    device.kind == DeviceKind::Cas && device.is_active()
}
