//! What the links in mails do: end a session, stop a phone, lock an account, confirm an address.
//!
//! Owns: the token of a link, its one use, and asking for the link that confirms. Not here: a new password
//! ([`super::reset`]), the pages (`web-account`).
//!
//! A token is the notice's id with a MAC of it under the data key: nothing that could be used is kept, and whoever
//! reads the database can make none. It stands in the fragment of its address, so that no server and no log sees it
//! before its page posts it. It works once, for the account of its notice, for a quarter of an hour (passwords) or a
//! day (SEC-167).

use app::notices::{self, confirmed_address};
use app::throttle::network;
use app::{Change, Mandate, Refusal, Rule, Secret, audit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    AccountId, Actor, AuditEntry, AuditEvent, ClientAddress, Notice, NoticeAction, NoticeBy, NoticeId,
    NoticeKind, Outcome, Permissions, SessionEnd,
};
use serde_json::Value;

use crate::Registry;
use crate::devices::change::{DeviceActor, Stop, StopAsked};

const PURPOSE: &str = "notice link";
const ID: usize = 16;

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What the notice told.
    pub kind: NoticeKind,
    /// What the link does.
    pub action: NoticeAction,
    /// The user name of the account.
    pub username: String,
}

/// An e-mail address as it is kept: one `@`, no blanks, at most 254 bytes (RFC 5321 §4.5.3.1). Whether mail arrives
/// there, the link tells.
pub(crate) fn address(text: &str) -> Result<String, Refusal> {
    let wrong = Refusal::Invalid { field: "email", why: "is no e-mail address" };
    let text = text.trim();
    let Some((local, host)) = text.rsplit_once('@') else { return Err(wrong) };
    let is_plain = text.chars().all(|c| domain::text::is_plain(c) && !c.is_whitespace());
    let is_good = !local.is_empty()
        && local.len() <= 64
        && !local.contains(['@', '<', '>', '"', '(', ')', ',', ';', ':', '\\', '[', ']'])
        && host.contains('.')
        && url::Host::parse(host).is_ok_and(|host| matches!(host, url::Host::Domain(_)));
    if is_plain && is_good && text.len() <= 254 { Ok(text.to_owned()) } else { Err(wrong) }
}

impl Registry {
    /// The address of a notice's one link; none: there is nothing to do.
    pub(crate) fn link(&self, notice: &Notice) -> Result<Option<String>, Refusal> {
        let Some(action) = notice.kind.action() else { return Ok(None) };
        let path = match action {
            NoticeAction::ConfirmEmail => "/account/email/verify",
            NoticeAction::ResetPassword => "/login/reset",
            NoticeAction::EndSession(_) | NoticeAction::SuspendDevice(_) | NoticeAction::LockDown => {
                "/account/notice"
            }
        };
        let mut bytes = notice.id.as_bytes().to_vec();
        bytes.extend_from_slice(&self.app.lasting_mac(PURPOSE, notice.id.as_bytes())?);
        Ok(Some(format!("{}#{}", self.app.issuer().url(path), URL_SAFE_NO_PAD.encode(bytes))))
    }

    fn read_token(&self, token: &str) -> Result<NoticeId, Refusal> {
        if token.len() != 64 {
            return Err(Refusal::Gone);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Refusal::Gone)?;
        let (id, mac) = bytes.split_at_checked(ID).ok_or(Refusal::Gone)?;
        let id: [u8; ID] = id.try_into().map_err(|_| Refusal::Gone)?;
        let mac: [u8; 32] = mac.try_into().map_err(|_| Refusal::Gone)?;
        // Compared in constant time.
        let is_ours = Secret::new(self.app.lasting_mac(PURPOSE, &id)?) == Secret::new(mac);
        if is_ours { Ok(NoticeId::from_random(id)) } else { Err(Refusal::Gone) }
    }

    /// The notice of a token that still works, for links of this path. Those that do not are counted for the network
    /// they come from.
    pub(crate) async fn open(
        &self,
        token: &str,
        is_wanted: fn(NoticeAction) -> bool,
        from: ClientAddress,
    ) -> Result<(Notice, NoticeAction), Refusal> {
        let network = network(from);
        self.app.throttle().peek_or_alone(Rule::LinkAddress, &network).await?;
        let opened = self.opened(token, is_wanted).await;
        if matches!(opened, Err(Refusal::Gone)) {
            self.app.throttle().hit_or_alone(Rule::LinkAddress, &network).await?;
        }
        opened
    }

    async fn opened(
        &self,
        token: &str,
        is_wanted: fn(NoticeAction) -> bool,
    ) -> Result<(Notice, NoticeAction), Refusal> {
        let id = self.read_token(token)?;
        let notice = self.app.store().read().await?.notice(&id).await?.ok_or(Refusal::Gone)?;
        let action = notice.kind.action().filter(|action| is_wanted(*action)).ok_or(Refusal::Gone)?;
        let since = super::since(self.app.now(), action.life_seconds());
        if notice.acted_at.is_some() || notice.created_at <= since {
            return Err(Refusal::Gone);
        }
        Ok((notice, action))
    }

    /// What a link would do, for the page that asks once more. Uses nothing up.
    ///
    /// # Errors
    /// `Gone` for every token that does not work (any more); `TooMany`.
    pub async fn link_shown(&self, token: &str, from: ClientAddress) -> Result<Link, Refusal> {
        let (notice, action) = self.open(token, |_| true, from).await?;
        let account = self.app.store().read().await?.account(&notice.account).await?.ok_or(Refusal::Gone)?;
        Ok(Link { kind: notice.kind, action, username: account.username.as_str().to_owned() })
    }

    /// Takes the action of a notice: ends its session, stops its phone, or locks its account.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn act_on_notice(&self, token: &str, address: ClientAddress) -> Result<NoticeAction, Refusal> {
        let is_wanted = |action| {
            matches!(
                action,
                NoticeAction::EndSession(_) | NoticeAction::SuspendDevice(_) | NoticeAction::LockDown
            )
        };
        let (notice, action) = self.open(token, is_wanted, address).await?;
        // Each of the deeds does no harm when it is done twice, so that it comes first: a link that is used up has
        // done its deed.
        match action {
            NoticeAction::EndSession(session) => self.end_by_link(&notice, &session, address).await?,
            NoticeAction::SuspendDevice(device) => {
                let by = DeviceActor::owner(notice.account, address);
                let why = Some("stopped by a link in a mail");
                let asked = StopAsked { stop: Stop::Suspend, why, with_sessions: true, version: None };
                match self.stop_device(&by, &device, asked).await {
                    // Removed, or never let in: it is stopped.
                    Ok(_) | Err(Refusal::NotFound | Refusal::Conflict(_)) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
            NoticeAction::LockDown => self.lock_by_link(&notice, address).await?,
            NoticeAction::ConfirmEmail | NoticeAction::ResetPassword => return Err(Refusal::Gone),
        }
        let since = super::since(self.app.now(), action.life_seconds());
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.act_on_notice(&notice.id, since, self.app.now()).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        Ok(action)
    }

    async fn end_by_link(
        &self,
        notice: &Notice,
        session: &domain::SessionId,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            if work.end_session(session, SessionEnd::SignedOut, now).await? {
                let by = Actor::Account(notice.account);
                work.audit(AuditEntry {
                    account: Some(notice.account),
                    session: Some(*session),
                    detail: audit::detail("by a link in a mail"),
                    ..audit::of(&by, Some(address), AuditEvent::SessionEnded, Outcome::Done, now)
                })
                .await?;
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Session(*session)).await;
        Ok(())
    }

    async fn lock_by_link(&self, notice: &Notice, address: ClientAddress) -> Result<(), Refusal> {
        let account = self.app.store().read().await?.account(&notice.account).await?.ok_or(Refusal::Gone)?;
        let by = Mandate {
            actor: Actor::Account(account.id),
            account: Some(account.id),
            permissions: Permissions::of(account.roles),
            address: Some(address),
            is_fresh: true,
        };
        self.lock_down(&by, &account.id, Some("by a link in a mail")).await.map(drop)
    }

    /// Sends a link to an address that its owner wants to have: it becomes theirs when the link is used. Until then
    /// nothing changes.
    ///
    /// # Errors
    /// `Conflict("mail_off")` where no mail is sent; `Invalid("email")`; `TooMany`.
    pub async fn ask_to_confirm(&self, account: &AccountId, email: &str) -> Result<(), Refusal> {
        if self.app.mailer().is_none() {
            return Err(Refusal::Conflict("mail_off"));
        }
        let email = address(email)?;
        self.app.throttle().hit(Rule::ConfirmAccount, &account.to_string()).await?;
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let account = work.account(account).await?.ok_or(Refusal::NotFound)?;
            let kind = NoticeKind::ConfirmEmail { address: email.clone() };
            work.void_notices(&account.id, kind.as_str(), now).await?;
            notices::post(&self.app, &mut *work, &account, kind, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    /// The address that waits for its link to be used; none: none does.
    ///
    /// # Errors
    /// The store.
    pub async fn waiting_email(&self, account: &AccountId) -> Result<Option<String>, Refusal> {
        let since = super::since(self.app.now(), NoticeAction::ConfirmEmail.life_seconds());
        let found =
            self.app.store().read().await?.waiting_link(account, notices::CONFIRM_EMAIL, since).await?;
        Ok(found.and_then(|notice| match notice.kind {
            NoticeKind::ConfirmEmail { address } => Some(address),
            _ => None,
        }))
    }

    /// Confirms the address that a link was sent to. It becomes the account's, if it was not; the one before is told.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn confirm_email(&self, token: &str, from: ClientAddress) -> Result<String, Refusal> {
        let (notice, action) = self.open(token, |action| action == NoticeAction::ConfirmEmail, from).await?;
        let NoticeKind::ConfirmEmail { address } = &notice.kind else { return Err(Refusal::Gone) };
        let deed = || async {
            let now = self.app.now();
            let mut work = self.app.store().begin().await?;
            let since = super::since(now, action.life_seconds());
            work.act_on_notice(&notice.id, since, now).await?.ok_or(Refusal::Gone)?;
            let person = work.person(&notice.account).await?.ok_or(Refusal::Gone)?;
            if !person.account.is_active() {
                return Err(Refusal::Gone);
            }
            let before = person.account;
            let mut account = before.clone();
            account.claims.insert("email".to_owned(), Value::from(address.as_str()));
            account.claims.insert("email_verified".to_owned(), Value::Bool(true));
            if account.claims != before.claims && !work.edit_account(&account, person.version, now).await? {
                return Err(Refusal::Contended("the account was changed meanwhile".to_owned()));
            }
            let by = Actor::Account(account.id);
            work.audit(AuditEntry {
                account: Some(account.id),
                ..audit::of(&by, Some(from), AuditEvent::EmailVerified, Outcome::Done, now)
            })
            .await?;
            let old = before.claims.get("email").and_then(Value::as_str);
            if old != Some(address) {
                // A link for a new password that went to the one before is none any more.
                work.void_notices(&account.id, notices::PASSWORD_RESET, now).await?;
                let from = confirmed_address(&before).map(str::to_owned);
                let to = Some(address.clone());
                let kind = NoticeKind::EmailChanged { from, to, by: NoticeBy::Owner };
                notices::post(&self.app, &mut *work, &account, kind, now).await?;
            }
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.tell(Change::Account(notice.account)).await;
        Ok(address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_plain_word_with_a_host() {
        for good in ["ada@example.org", " ada.b+c@mail.example.org ", "ädä@bücher.example"] {
            assert!(address(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "ada@host",
            "a b@example.org",
            "a@b@example.org",
            "ada@[192.0.2.1]",
            "a@127.0.0.1",
            "ada@example.org\r\nBcc: x@y.z",
            "<ada@example.org>",
            "a@exa mple.org",
            &long,
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
    }
}
