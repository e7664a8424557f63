//! Families of refresh tokens.
//!
//! A family lives as long as its grant stands, its account is active, its session was not ended (one that is gone
//! was not), and neither of its times is over; the statements below say so.

use async_trait::async_trait;
use domain::{Account, Grant, GrantId, RefreshFamily, Timestamp};
use store::{EditRefresh, Refresh, Result, Rotate, Rotation, StoreError};

use crate::accounts::AccountRow;
use crate::grants::GrantRow;
use crate::values::{bind, parsed, small};
use crate::work::{Cells, Entry, SqlWork, sql};

/// `grant_id, generation, rotated_at, idle_ends_at, ends_at, content`
struct FamilyRow {
    grant_id: String,
    generation: i64,
    rotated_at: Option<i64>,
    idle_ends_at: i64,
    ends_at: i64,
    content: String,
}

impl Entry for FamilyRow {
    const TABLE: &'static str = "refresh_families";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            grant_id: row.text("grant_id")?,
            generation: row.number("generation")?,
            rotated_at: row.maybe_number("rotated_at")?,
            idle_ends_at: row.number("idle_ends_at")?,
            ends_at: row.number("ends_at")?,
            content: row.text("content")?,
        })
    }
}

impl TryFrom<FamilyRow> for RefreshFamily {
    type Error = StoreError;

    fn try_from(row: FamilyRow) -> Result<Self> {
        const T: &str = FamilyRow::TABLE;
        let id = &row.grant_id;
        Ok(Self {
            grant: parsed(id, T, "grant_id", id)?,
            generation: small(row.generation, T, "generation", id)?,
            rotated_at: row.rotated_at.map(Timestamp::from_millis),
            idle_ends_at: Timestamp::from_millis(row.idle_ends_at),
            ends_at: Timestamp::from_millis(row.ends_at),
            content: row.content,
        })
    }
}

/// A family, its grant and its account.
struct WholeRow {
    family: FamilyRow,
    grant: GrantRow,
    account: AccountRow,
}

impl Entry for WholeRow {
    const TABLE: &'static str = "refresh_families";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self {
            family: FamilyRow::read(row)?,
            grant: GrantRow::read(row)?,
            account: AccountRow::read(row)?,
        })
    }
}

impl TryFrom<WholeRow> for (RefreshFamily, Grant, Account) {
    type Error = StoreError;

    fn try_from(row: WholeRow) -> Result<Self> {
        Ok((row.family.try_into()?, row.grant.try_into()?, row.account.try_into()?))
    }
}

/// Where the rotation of a family that still lives stands.
struct StandRow {
    generation: i64,
    rotated_at: Option<i64>,
}

impl Entry for StandRow {
    const TABLE: &'static str = "refresh_families";

    fn read(row: &mut Cells<'_>) -> Result<Self> {
        Ok(Self { generation: row.number("generation")?, rotated_at: row.maybe_number("rotated_at")? })
    }
}

impl StandRow {
    /// What the token of this generation is, when it is not the one to spend.
    fn outcome(&self, generation: u32, rotation: &Rotation) -> Rotate {
        let ahead = self.generation - i64::from(generation);
        let is_fresh = |at: i64| rotation.now < Timestamp::from_millis(at).after(rotation.grace);
        match ahead {
            1 if !rotation.grace.is_zero() && self.rotated_at.is_some_and(is_fresh) => Rotate::Graced,
            // The one to spend, which was spent by nobody: what was in the way is over only now. Or one that was
            // never made as far as this store knows.
            ..=0 => Rotate::Over,
            _ => Rotate::Replayed,
        }
    }
}

#[async_trait]
impl Refresh for SqlWork {
    async fn refresh_family(&mut self, grant: &GrantId) -> Result<Option<(RefreshFamily, Grant, Account)>> {
        self.optional::<WholeRow>(
            sql!(
                "SELECT f.grant_id, f.generation, f.rotated_at, f.idle_ends_at, f.ends_at, f.content,
                        g.id, g.account_id, g.client_id, g.session_id, g.scope, g.created_at, g.expires_at,
                        g.revoked_at,
                        a.id, a.username, a.state, a.claims, a.webauthn_handle, a.roles, a.group_names, a.language,
                        a.created_at, a.updated_at
                   FROM refresh_families f JOIN grants g ON g.id = f.grant_id
                        JOIN accounts a ON a.id = g.account_id
                  WHERE f.grant_id = $1"
            ),
            bind![grant],
        )
        .await?
        .map(TryFrom::try_from)
        .transpose()
    }
}

#[async_trait]
impl EditRefresh for SqlWork {
    async fn add_refresh_family(&mut self, family: &RefreshFamily) -> Result<()> {
        self.run(
            sql!(
                "INSERT INTO refresh_families (grant_id, generation, rotated_at, idle_ends_at, ends_at, content)
                 VALUES ($1, $2, $3, $4, $5, $6)"
            ),
            bind![
                &family.grant,
                family.generation,
                family.rotated_at,
                family.idle_ends_at,
                family.ends_at,
                &family.content,
            ],
        )
        .await?;
        Ok(())
    }

    async fn rotate_refresh(
        &mut self,
        grant: &GrantId,
        generation: u32,
        rotation: &Rotation,
    ) -> Result<Rotate> {
        let rotated = self
            .run(
                sql!(
                    "UPDATE refresh_families
                        SET generation = generation + 1, rotated_at = $3,
                            idle_ends_at = CASE WHEN $4 < ends_at THEN $4 ELSE ends_at END
                      WHERE grant_id = $1 AND generation = $2 AND idle_ends_at > $3 AND ends_at > $3
                        AND EXISTS (
                            SELECT g.id FROM grants g JOIN accounts a ON a.id = g.account_id
                             WHERE g.id = $1 AND g.revoked_at IS NULL AND a.state = 'active'
                               AND NOT EXISTS (SELECT s.id FROM sessions s
                                                WHERE s.id = g.session_id AND s.ended_at IS NOT NULL))"
                ),
                bind![grant, generation, rotation.now, rotation.idle_ends_at],
            )
            .await?;
        if rotated == 1 {
            return Ok(Rotate::Rotated);
        }
        let stand = self
            .optional::<StandRow>(
                sql!(
                    "SELECT f.generation, f.rotated_at
                       FROM refresh_families f JOIN grants g ON g.id = f.grant_id
                            JOIN accounts a ON a.id = g.account_id
                      WHERE f.grant_id = $1 AND f.idle_ends_at > $2 AND f.ends_at > $2
                        AND g.revoked_at IS NULL AND a.state = 'active'
                        AND NOT EXISTS (SELECT s.id FROM sessions s
                                         WHERE s.id = g.session_id AND s.ended_at IS NOT NULL)"
                ),
                bind![grant, rotation.now],
            )
            .await?;
        let outcome = stand.map_or(Rotate::Over, |stand| stand.outcome(generation, rotation));
        if outcome == Rotate::Replayed {
            self.run(
                sql!("UPDATE grants SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL"),
                bind![grant, rotation.now],
            )
            .await?;
        }
        Ok(outcome)
    }
}
