//! Leaving words for a person: in the unit of the deed they tell of.
//!
//! Owns: which addresses a notice goes to. Not here: the kinds (`domain::notice`), sending and reading
//! (`registry::notices`).
//!
//! ```text
//! app::notices::post(&app, &mut *work, &account, NoticeKind::PasswordChanged { by: NoticeBy::Owner }, now).await?;
//! ```

use domain::{Account, Notice, NoticeKind, NoticeMail, Timestamp};
use serde_json::Value;
use store::Work;

use outbound::Mail;

use crate::{App, Refusal};

/// The kinds whose links give somebody a new hold on the account: they end with whatever makes it safe again.
pub const CONFIRM_EMAIL: &str = "confirm_email";
/// As [`CONFIRM_EMAIL`].
pub const PASSWORD_RESET: &str = "password_reset_asked";

/// The address that mails about an account go to: the one its owner confirmed, or an administrator.
#[must_use]
pub fn confirmed_address(account: &Account) -> Option<&str> {
    let is_confirmed = account.claims.get("email_verified") == Some(&Value::Bool(true));
    account.claims.get("email").and_then(Value::as_str).filter(|address| is_confirmed && !address.is_empty())
}

/// Leaves a notice for the owner of an account, and where mail is sent and the address is confirmed, the mail. A
/// change of address is told to the one before as well: give that in `from` only if it was confirmed. Kinds that are
/// mail only ([`NoticeKind::is_listed`]) leave nothing where no mail is sent.
///
/// # Errors
/// The store failed.
pub async fn post(
    app: &App,
    work: &mut dyn Work,
    account: &Account,
    kind: NoticeKind,
    now: Timestamp,
) -> Result<(), Refusal> {
    let mut addresses: Vec<String> = Vec::new();
    if app.mailer().is_some() {
        match &kind {
            NoticeKind::ConfirmEmail { address } => addresses.push(address.clone()),
            NoticeKind::EmailChanged { from, .. } => {
                addresses.extend(from.clone());
                addresses.extend(confirmed_address(account).map(str::to_owned));
                addresses.dedup();
            }
            _ => addresses.extend(confirmed_address(account).map(str::to_owned)),
        }
    }
    let mail =
        |to: String| NoticeMail::new(to, account.display_name().to_owned(), account.language.clone(), now);
    let mut addresses = addresses.into_iter();
    let first = addresses.next().map(mail);
    if !kind.is_listed() && first.is_none() {
        return Ok(());
    }
    let notice = Notice {
        id: app.entropy().id(),
        account: account.id,
        is_listed: kind.is_listed(),
        kind,
        created_at: now,
        seen_at: None,
        acted_at: None,
        mail: first,
    };
    work.add_notice(&notice).await?;
    for address in addresses {
        let also =
            Notice { id: app.entropy().id(), is_listed: false, mail: Some(mail(address)), ..notice.clone() };
        work.add_notice(&also).await?;
    }
    Ok(())
}

/// Writes mails in words. The doors' crate does: it has the texts and the looks.
pub trait MailWriter: Send + Sync {
    /// The mail of a notice, with the link of its one action, if it has one.
    ///
    /// # Errors
    /// [`Refusal::Corrupt`]: it cannot be written.
    fn write(&self, notice: &Notice, to: &NoticeMail, link: Option<&str>) -> Result<Mail, Refusal>;

    /// A mail that shows that mails arrive.
    ///
    /// # Errors
    /// As [`MailWriter::write`].
    fn test(&self, to: &NoticeMail, id: String, now: Timestamp) -> Result<Mail, Refusal>;
}
