//! Rights to register clients (RFC 7591 §3, "initial access token").
//!
//! Owns: making, listing and taking them back. Not here: spending them (`provider`).

use std::time::Duration;

use app::{Mandate, Refusal, Secret};
use domain::text::plain_line;
use domain::{AuditEntry, AuditEvent, InitialToken, Outcome};

use crate::Registry;

/// How long the right can last at most.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// How many clients it can be good for at most.
const MOST_USES: u32 = 10_000;
/// Rights that are listed at most.
const LISTED: u32 = 500;

/// A right that was just made.
#[derive(Debug)]
pub struct NewRight {
    /// As it is kept.
    pub kept: InitialToken,
    /// Its text, shown now and never again (SEC-183).
    pub token: Secret,
}

impl Registry {
    /// Makes a right for the operator: [`Registry::create_initial_token_by`].
    ///
    /// # Errors
    /// As there.
    pub async fn create_initial_token(
        &self,
        name: &str,
        uses: u32,
        life: Duration,
    ) -> Result<NewRight, Refusal> {
        self.create_initial_token_by(&Mandate::operator(), name, uses, life).await
    }

    /// Makes a right to register `uses` clients within `life`.
    ///
    /// # Errors
    /// The name is none or taken, a number is out of its range, or the store failed.
    pub async fn create_initial_token_by(
        &self,
        by: &Mandate,
        name: &str,
        uses: u32,
        life: Duration,
    ) -> Result<NewRight, Refusal> {
        let name = plain_line(name, 80).map_err(|_| Refusal::Invalid {
            field: "name",
            why: "has to be one plain line of 1 to 80 characters",
        })?;
        if !(1..=MOST_USES).contains(&uses) {
            return Err(Refusal::Invalid { field: "uses", why: "has to be a number from 1 to 10000" });
        }
        if life.is_zero() || life > LONGEST {
            return Err(Refusal::Invalid { field: "days", why: "has to be a number from 1 to 366" });
        }
        let token = self.app.entropy().secret();
        let now = self.app.now();
        let kept = InitialToken {
            hash: token.hash(),
            name,
            uses_left: uses,
            expires_at: now.after(life),
            created_at: now,
        };
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            work.add_initial_token(&kept).await?;
            work.audit(self.right_entry(by, "made", &kept.name)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await?;
        tracing::info!("A right to register clients was made");
        Ok(NewRight { kept, token })
    }

    /// All rights, newest first; spent and ended ones too.
    ///
    /// # Errors
    /// The store failed.
    pub async fn initial_tokens(&self) -> Result<Vec<InitialToken>, Refusal> {
        Ok(self.app.store().read().await?.initial_tokens(LISTED).await?)
    }

    /// Takes a right back for the operator: [`Registry::delete_initial_token_by`].
    ///
    /// # Errors
    /// As there.
    pub async fn delete_initial_token(&self, name: &str) -> Result<(), Refusal> {
        self.delete_initial_token_by(&Mandate::operator(), name).await
    }

    /// Takes a right back.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_initial_token_by(&self, by: &Mandate, name: &str) -> Result<(), Refusal> {
        let deed = || async {
            let mut work = self.app.store().begin().await?;
            if !work.delete_initial_token(name).await? {
                return Err(Refusal::NotFound);
            }
            work.audit(self.right_entry(by, "taken back", name)).await?;
            Ok(work.commit().await?)
        };
        self.app.repeatable(deed).await
    }

    fn right_entry(&self, by: &Mandate, deed: &str, name: &str) -> AuditEntry {
        AuditEntry {
            detail: Some(domain::text::shown(&format!("{deed}: {name}"), 200)),
            ..by.entry(AuditEvent::InitialTokenChanged, Outcome::Done, self.app.now())
        }
    }
}
