//! Editing a person: name, claims, mail address, language. Never the id, the WebAuthn handle, roles or state: those have
//! deeds of their own (SEC-084).

use app::{Change, Mandate, Refusal, notices};
use domain::{AccountId, AuditEvent, NoticeBy, NoticeKind, Person, Username};
use serde_json::{Map, Value};

use super::entry;
use crate::Registry;
use crate::claims::{check_claims, check_defined};
use crate::groups::is_seen;

/// What is to change; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct PersonEdit {
    /// Another user name.
    pub username: Option<String>,
    /// Another mail address; nothing in it: none. It counts as not confirmed unless `claims` says so.
    pub email: Option<Option<String>>,
    /// Another language; nothing in it: none.
    pub language: Option<Option<String>>,
    /// Claims to set, and, with null, to remove; others stay.
    pub claims: Map<String, Value>,
}

impl Registry {
    /// Edits a person in place of version `seen` (none: whatever it is).
    ///
    /// # Errors
    /// `NotFound`; `Outdated`; `Invalid` names the field; `Conflict("username")`; `Forbidden` when the person has roles
    /// that the editor does not hold.
    pub async fn edit_person(
        &self,
        by: &Mandate,
        id: &AccountId,
        edit: PersonEdit,
        seen: Option<u32>,
    ) -> Result<Person, Refusal> {
        let before = self.person(id).await?;
        is_seen(before.version, seen)?;
        by.must_hold(before.account.roles)?;
        let definitions = &self.app.policies().now().await?.claims;
        check_defined(edit.claims.iter().filter(|(_, value)| !value.is_null()), definitions)?;
        let mut account = before.account.clone();
        if let Some(name) = &edit.username {
            account.username = username(name)?;
        }
        if let Some(tag) = &edit.language {
            account.language = tag.as_deref().map(language).transpose()?;
        }
        let old_email = account.claims.get("email").cloned();
        for (name, value) in edit.claims.iter().filter(|(name, _)| *name != "email_verified") {
            set(&mut account.claims, name, value.clone());
        }
        if let Some(email) = edit.email {
            set(&mut account.claims, "email", email.map_or(Value::Null, Value::String));
        }
        let email = account.claims.get("email").cloned();
        if email != old_email {
            // Whoever confirmed the one before has not confirmed this one.
            set(
                &mut account.claims,
                "email_verified",
                email.as_ref().map_or(Value::Null, |_| Value::Bool(false)),
            );
        }
        if let Some(confirmed) = edit.claims.get("email_verified") {
            set(&mut account.claims, "email_verified", confirmed.clone());
        }
        check_claims(&account.claims)?;
        let changed = changed(&before, &account);
        if changed.is_empty() {
            return Ok(before);
        }
        let now = self.app.now();
        let from = notices::confirmed_address(&before.account).map(str::to_owned);
        let to = email.as_ref().and_then(Value::as_str).map(str::to_owned);
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.edit_account(&account, before.version, now).await? {
                // Asked inside: what made it older may not be on disk yet.
                let current = work.person(id).await?.ok_or(Refusal::NotFound)?.version;
                return Err(Refusal::Outdated { current: i64::from(current) });
            }
            work.audit(entry(by, AuditEvent::AccountChanged, id, now, Some(&changed.join(", ")))).await?;
            if email != old_email {
                let kind =
                    NoticeKind::EmailChanged { from: from.clone(), to: to.clone(), by: NoticeBy::Admin };
                notices::post(&self.app, &mut *work, &account, kind, now).await?;
            }
            let after = work.person(id).await?.ok_or(Refusal::NotFound)?;
            work.commit().await?;
            Ok(after)
        };
        match self.app.repeatable(deed).await {
            Ok(after) => {
                self.app.tell(Change::Account(*id)).await;
                tracing::info!(account.id = %id, "Account edited");
                Ok(after)
            }
            Err(refusal) => Err(self.taken(refusal, &account).await),
        }
    }
}

/// A user name that is new: of one script, so that it is not mistaken for another.
pub(crate) fn username(text: &str) -> Result<Username, Refusal> {
    let refuse = |why| Refusal::Invalid { field: "username", why };
    let name: Username = text.parse().map_err(|_| refuse("1 to 128 plain characters without white space"))?;
    if !name.is_of_one_script() {
        return Err(refuse("mixes letters of different scripts, which can be mistaken for one another"));
    }
    Ok(name)
}

/// A tag of BCP 47.
pub(crate) fn language(tag: &str) -> Result<String, Refusal> {
    let is_tag = (2..=35).contains(&tag.len())
        && tag.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
    if is_tag {
        Ok(tag.to_owned())
    } else {
        Err(Refusal::Invalid { field: "language", why: "is no language tag, such as de or pt-BR" })
    }
}

pub(super) fn set(claims: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        claims.remove(name);
    } else {
        claims.insert(name.to_owned(), value);
    }
}

/// What changed, by name: no values, which the audit trail would keep for ever (SEC-199).
pub(super) fn changed(before: &Person, after: &domain::Account) -> Vec<String> {
    let before = &before.account;
    let mut names = Vec::new();
    if before.username != after.username {
        names.push("username".to_owned());
    }
    if before.language != after.language {
        names.push("language".to_owned());
    }
    let mut claims: Vec<&String> = before.claims.keys().chain(after.claims.keys()).collect();
    claims.sort_unstable();
    claims.dedup();
    names.extend(
        claims.into_iter().filter(|name| before.claims.get(*name) != after.claims.get(*name)).cloned(),
    );
    names
}
