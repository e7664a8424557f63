//! Enrolments as administrators make and see them.
//!
//! Owns: making one for somebody (its secret is shown once), finding them, taking one back.
//! Not here: the ceremony that spends them (`enrolment`), letters for many (`jobs`), paper (`letters`).

use std::time::Duration;

use app::{Mandate, Refusal, Secret, meters};
use domain::notice::{NoticeBy, NoticeKind};
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, Cursor, Enrolment, EnrolmentCode, EnrolmentId, EnrolmentKind,
    EnrolmentOrigin, EnrolmentPolicy, EnrolmentState, JobId, Outcome, Timestamp,
};
use store::EnrolmentFilter;

use crate::Registry;

const DAY: u64 = 24 * 3600;
/// What its owner is told of an enrolment by an administrator.
pub(crate) const MADE: NoticeKind = NoticeKind::EnrolmentMade { by: NoticeBy::Admin };

/// An enrolment with its secrets, which are nowhere else.
pub struct Offered {
    /// The enrolment.
    pub enrolment: Enrolment,
    /// For whom.
    pub account: Account,
    /// `<issuer>/phone#e1<token>`; none for a code.
    pub url: Option<String>,
    /// The link as SVG.
    pub qr: Option<String>,
    /// What is typed, with the user name; none for a link.
    pub code: Option<String>,
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offered").field("enrolment", &self.enrolment.id).finish_non_exhaustive()
    }
}

/// Which enrolments; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct EnrolmentQuery {
    /// Part of the user name.
    pub search: Option<String>,
    /// Where it stands.
    pub state: Option<EnrolmentState>,
    /// How its secret reaches the phone.
    pub kind: Option<EnrolmentKind>,
    /// Whose.
    pub account: Option<AccountId>,
    /// The long work that made it.
    pub job: Option<JobId>,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Rows at most.
    pub rows: u32,
}

/// An enrolment that is not kept yet, and its secrets.
pub(crate) struct Drafted {
    pub(crate) enrolment: Enrolment,
    pub(crate) url: Option<String>,
    pub(crate) code: Option<EnrolmentCode>,
}

impl Registry {
    /// Makes an enrolment for a user name or id; an earlier open one of the same sort ends (SEC-071). The secrets are
    /// in the answer and nowhere else. Its owner is told that there is one.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("account_state")` for a disabled account; `Forbidden` for one that may do more than who asks
    /// (SEC-181).
    pub async fn make_enrolment(
        &self,
        by: &Mandate,
        user: &str,
        kind: EnrolmentKind,
    ) -> Result<Offered, Refusal> {
        let account = self.named(user).await?;
        // Whoever holds the link has a phone of theirs, and signs in as they do (SEC-181).
        by.must_hold(account.roles)?;
        if !account.is_active() {
            return Err(Refusal::Conflict("account_state"));
        }
        let now = self.app.now();
        let policy = self.app.policies().now().await?.policies.enrolments.clone();
        let Drafted { enrolment, url, code } = self.draft_enrolment(&account.id, kind, None, &policy, now)?;
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_enrolment(&enrolment).await?;
            work.audit(AuditEntry {
                account: Some(account.id),
                detail: Some(format!("{} {}", kind.as_str(), enrolment.id)),
                ..by.entry(AuditEvent::EnrolmentCreated, Outcome::Done, now)
            })
            .await?;
            app::notices::post(&self.app, &mut *work, &account, MADE, now).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.app.meters().count(meters::Event::EnrolmentMade);
        let qr = url.as_deref().map(letters::svg).transpose();
        let qr = qr.map_err(|why| Refusal::Corrupt(format!("an enrolment link: {why}")))?;
        tracing::info!(enrolment.id = %enrolment.id, account.id = %account.id, kind = kind.as_str(), "Enrolment made");
        Ok(Offered { enrolment, account, url, qr, code: code.map(|code| code.text()) })
    }

    /// An enrolment by an administrator, not kept yet.
    pub(crate) fn draft_enrolment(
        &self,
        account: &AccountId,
        kind: EnrolmentKind,
        job: Option<JobId>,
        policy: &EnrolmentPolicy,
        now: Timestamp,
    ) -> Result<Drafted, Refusal> {
        let token: Secret = self.app.entropy().secret();
        let code = (kind != EnrolmentKind::Link).then(|| self.new_code(policy.code_length));
        let life = match kind {
            EnrolmentKind::Letter => Duration::from_secs(u64::from(policy.letter_days) * DAY),
            EnrolmentKind::Link | EnrolmentKind::Code => policy.screen_life(),
        };
        let enrolment = Enrolment {
            id: self.app.entropy().id(),
            account: *account,
            kind,
            // Nobody is shown the token of a code.
            token_hash: token.hash(),
            code_hash: code.as_ref().map(|code| self.code_hash(account, code)).transpose()?,
            origin: EnrolmentOrigin::Admin,
            session: None,
            job,
            created_at: now,
            expires_at: now.after(life),
            outcome: None,
            ended_at: None,
            device: None,
        };
        let url = (kind != EnrolmentKind::Code)
            .then(|| format!("{}#e1{}", self.app.issuer().url("/phone"), token.text()));
        Ok(Drafted { enrolment, url, code })
    }

    /// Enrolments with their accounts, newest first; the cursor's key is the time made, in milliseconds.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another list; the store.
    pub async fn find_enrolments(
        &self,
        query: &EnrolmentQuery,
    ) -> Result<Vec<(Enrolment, Account)>, Refusal> {
        numbered(query.after.as_ref())?;
        let search = query.search.as_deref().map(domain::account::search_key);
        let filter = EnrolmentFilter {
            search: search.as_deref(),
            state: query.state,
            kind: query.kind,
            account: query.account.as_ref(),
            job: query.job.as_ref(),
        };
        let now = self.app.now();
        Ok(self.app.store().read().await?.enrolments(filter, query.after.as_ref(), query.rows, now).await?)
    }

    /// An enrolment and its account.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn enrolment_shown(&self, id: &EnrolmentId) -> Result<(Enrolment, Account), Refusal> {
        self.app.store().read().await?.enrolment(id).await?.ok_or(Refusal::NotFound)
    }

    /// Takes an open enrolment back.
    ///
    /// # Errors
    /// `NotFound`; `Conflict("enrolment_state")` when it is not open.
    pub async fn cancel_enrolment(
        &self,
        by: &Mandate,
        id: &EnrolmentId,
    ) -> Result<(Enrolment, Account), Refusal> {
        let (enrolment, account) = self.enrolment_shown(id).await?;
        let now = self.app.now();
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.cancel_enrolment(id, now).await? {
                return Err(Refusal::Conflict("enrolment_state"));
            }
            work.audit(AuditEntry {
                account: Some(account.id),
                detail: Some(format!("{} {id}", enrolment.kind.as_str())),
                ..by.entry(AuditEvent::EnrolmentCancelled, Outcome::Done, now)
            })
            .await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        self.enrolment_shown(id).await
    }

    /// The account with this id, or this user name in any spelling.
    pub(crate) async fn named(&self, user: &str) -> Result<Account, Refusal> {
        match user.parse::<AccountId>() {
            Ok(id) => self.app.store().read().await?.account(&id).await?.ok_or(Refusal::NotFound),
            Err(_) => self.user(user).await,
        }
    }

    /// The time now, for whoever shows where an enrolment stands.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.app.now()
    }
}

/// A cursor of a list that is sorted by a number.
pub(crate) fn numbered(after: Option<&Cursor>) -> Result<(), Refusal> {
    match after {
        Some(cursor) if cursor.number().is_err() => {
            Err(Refusal::Invalid { field: "cursor", why: "is none of this list" })
        }
        _ => Ok(()),
    }
}
