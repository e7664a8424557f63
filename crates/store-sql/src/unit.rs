//! A unit of work on PostgreSQL: a transaction, READ COMMITTED.
//!
//! Owns: when it begins (with its first statement), what is undone when a statement is refused, and its end.
//!
//! A statement that fails ends the transaction around it. The port promises that one refused by a rule of
//! the tables undoes itself alone: while nothing was written, the transaction is begun again; else an INSERT
//! that may be refused has a savepoint before it.

use domain::AuditEntry;
use store::{Result, StoreError};

use crate::audit;
use crate::pool::{Lent, Pool};
use crate::values::Values;
use crate::work::postgres::{self as pg, Answer};
use crate::work::{PgSql, Sql};
use std::sync::Arc;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

pub(crate) struct Unit {
    lent: Lent,
    pool: Arc<Pool>,
    is_open: bool,
    /// A statement was answered.
    has_answered: bool,
    /// Something was written, or is held for the rest of the unit.
    has_written: bool,
    has_savepoint: bool,
    /// A statement was sent and has not answered.
    is_running: bool,
    /// The unit cannot be committed any more, and why.
    broken: Option<StoreError>,
    audit: Vec<AuditEntry>,
}

impl Unit {
    pub(crate) async fn begin(pool: &Arc<Pool>) -> Result<Self> {
        Ok(Self {
            lent: pool.lend().await?,
            pool: Arc::clone(pool),
            is_open: false,
            has_answered: false,
            has_written: false,
            has_savepoint: false,
            is_running: false,
            broken: None,
            audit: Vec::new(),
        })
    }

    /// Waits for a lock and keeps it until the unit ends.
    pub(crate) async fn hold(&mut self, PgSql(text): PgSql, values: Values) -> Result<()> {
        let sql = Sql { plain: text, begin: text, postgres: text, writes: true, inserts: false };
        self.ask(sql, values).await.map(drop)
    }

    /// Runs a statement.
    pub(crate) async fn ask(&mut self, sql: Sql, values: Values) -> Result<Answer> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        if std::mem::replace(&mut self.is_running, true) {
            return Err(StoreError::Unavailable("an earlier statement of the unit was given up".into()));
        }
        let outcome = self.run(sql, values).await;
        self.is_running = false;
        if outcome.is_ok() {
            self.has_answered = true;
            self.has_written |= sql.writes;
        }
        outcome
    }

    async fn run(&mut self, sql: Sql, values: Values) -> Result<Answer> {
        let mut tries = 1;
        loop {
            self.open().await?;
            let is_guarded = self.has_written && sql.inserts;
            if is_guarded {
                self.save().await?;
            }
            let why = match self.lent.ask(sql.postgres, values.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(why) => why,
            };
            let named = pg::translate(&why);
            if pg::is_rule(&why) {
                if is_guarded {
                    self.tell("ROLLBACK TO SAVEPOINT latchbolt").await?;
                    return Err(named);
                }
                if !self.has_written {
                    self.undo().await?;
                    return Err(named);
                }
            }
            // Nobody knows anything of this unit yet: it begins again.
            if pg::is_contended(&why) && !self.has_answered && tries < 3 && !is_lock_timeout(&why) {
                tries += 1;
                self.undo().await?;
                continue;
            }
            self.lent.met(&why);
            self.broken = Some(named.clone());
            return Err(named);
        }
    }

    /// Begins the transaction, if it has not begun.
    async fn open(&mut self) -> Result<()> {
        if self.is_open {
            return Ok(());
        }
        for _ in 0..3 {
            match self.lent.tell(BEGIN).await {
                Ok(()) => {
                    self.is_open = true;
                    self.lent.mark(true);
                    return Ok(());
                }
                // Nothing was done: another connection is as good.
                Err(why) if self.lent.met(&why) => match self.pool.lend().await {
                    Ok(lent) => self.lent = lent,
                    Err(why) => return Err(self.never(why)),
                },
                Err(why) => return Err(self.broke(&why)),
            }
        }
        Err(self.never(StoreError::Unavailable("no connection to PostgreSQL stays".into())))
    }

    /// It did not come to a beginning: a commit must not say that all is well.
    fn never(&mut self, why: StoreError) -> StoreError {
        self.broken = Some(why.clone());
        why
    }

    async fn save(&mut self) -> Result<()> {
        let text = if self.has_savepoint {
            "RELEASE SAVEPOINT latchbolt; SAVEPOINT latchbolt"
        } else {
            "SAVEPOINT latchbolt"
        };
        self.tell(text).await?;
        self.has_savepoint = true;
        Ok(())
    }

    /// Ends a transaction in which nothing was written; the next statement begins another.
    async fn undo(&mut self) -> Result<()> {
        self.tell("ROLLBACK").await?;
        self.is_open = false;
        self.has_savepoint = false;
        self.lent.mark(false);
        Ok(())
    }

    async fn tell(&mut self, text: &'static str) -> Result<()> {
        match self.lent.tell(text).await {
            Ok(()) => Ok(()),
            Err(why) => Err(self.broke(&why)),
        }
    }

    fn broke(&mut self, why: &sqlx::Error) -> StoreError {
        self.lent.met(why);
        let named = pg::translate(why);
        self.broken = Some(named.clone());
        named
    }

    pub(crate) fn keep_audit(&mut self, entry: AuditEntry) {
        self.audit.push(entry);
    }

    /// Makes everything durable.
    pub(crate) async fn commit(mut self) -> Result<()> {
        if let Some(why) = self.broken {
            return Err(match why {
                StoreError::Contended(_) | StoreError::Unavailable(_) => why,
                other => StoreError::Unavailable(format!("a statement of the unit was refused: {other}")),
            });
        }
        if self.is_running {
            return Err(StoreError::Unavailable("an earlier statement of the unit was given up".into()));
        }
        let (sql, values) = match self.audit.as_slice() {
            [] if !self.is_open => return Ok(()),
            [] => return self.end().await,
            [entry] => (audit::ONE, audit::one(entry)),
            entries => (audit::MANY, audit::many(entries)?),
        };
        // Entries and nothing else are one statement, which is its own transaction; unless the connection
        // may be dead: then it would not be known whether they were written.
        let is_alone = !self.is_open && self.lent.is_lively();
        if !is_alone {
            self.open().await?;
        }
        if let Err(why) = self.lent.ask(sql.postgres, values).await {
            return Err(self.broke(&why));
        }
        if is_alone { Ok(()) } else { self.end().await }
    }

    async fn end(&mut self) -> Result<()> {
        match self.lent.tell("COMMIT").await {
            Ok(()) => {
                self.lent.mark(false);
                Ok(())
            }
            Err(why) => match self.broke(&why) {
                StoreError::Unavailable(why) => {
                    Err(StoreError::Unavailable(format!("{why}; whether the commit happened is unknown")))
                }
                other => Err(other),
            },
        }
    }
}

/// Whether a lock was waited for long enough.
fn is_lock_timeout(why: &sqlx::Error) -> bool {
    why.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() == Some("55P03")
}
