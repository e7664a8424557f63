//! The statements that search the audit trail: one along each index, in each direction.
//!
//! Not here: which of them a search takes (`search`).

use crate::work::{Sql, sql};
use domain::AuditOrder;

/// What a search goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    Account,
    Device,
    Actor,
    Client,
    Event,
    Number,
}

/// The statement that finds entries with numbers between `$1` and `$2`.
#[expect(
    clippy::too_many_lines,
    reason = "the same statement along six indexes and two ways: texts are constants"
)]
pub(super) const fn statement(along: Along, order: AuditOrder) -> Sql {
    // Along an index PostgreSQL is told an order that no other index has: with plain equality it may choose to walk
    // the whole trail along its numbers.
    match (along, order) {
        (Along::Account, AuditOrder::NewestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_account
              WHERE account_id = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number DESC LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (account_id, number) > ($14, $1) AND (account_id, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY account_id DESC, number DESC LIMIT $13"
        ),
        (Along::Account, AuditOrder::OldestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_account
              WHERE account_id = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (account_id, number) > ($14, $1) AND (account_id, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY account_id, number LIMIT $13"
        ),
        (Along::Device, AuditOrder::NewestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_device
              WHERE device_id = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number DESC LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (device_id, number) > ($14, $1) AND (device_id, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY device_id DESC, number DESC LIMIT $13"
        ),
        (Along::Device, AuditOrder::OldestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_device
              WHERE device_id = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (device_id, number) > ($14, $1) AND (device_id, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY device_id, number LIMIT $13"
        ),
        (Along::Actor, AuditOrder::NewestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_actor
              WHERE actor = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number DESC LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (actor, number) > ($14, $1) AND (actor, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY actor DESC, number DESC LIMIT $13"
        ),
        (Along::Actor, AuditOrder::OldestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_actor
              WHERE actor = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (actor, number) > ($14, $1) AND (actor, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY actor, number LIMIT $13"
        ),
        (Along::Client, AuditOrder::NewestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_client
              WHERE client_id = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number DESC LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (client_id, number) > ($14, $1) AND (client_id, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY client_id DESC, number DESC LIMIT $13"
        ),
        (Along::Client, AuditOrder::OldestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_client
              WHERE client_id = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (client_id, number) > ($14, $1) AND (client_id, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY client_id, number LIMIT $13"
        ),
        (Along::Event, AuditOrder::NewestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_event
              WHERE event = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number DESC LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (event, number) > ($14, $1) AND (event, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY event DESC, number DESC LIMIT $13"
        ),
        (Along::Event, AuditOrder::OldestFirst) => sql!(
            sqlite: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit INDEXED BY audit_by_event
              WHERE event = $14
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number LIMIT $13",
            postgres: "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE (event, number) > ($14, $1) AND (event, number) < ($14, $2)
                AND number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY event, number LIMIT $13"
        ),
        (Along::Number, AuditOrder::NewestFirst) => sql!(
            "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number DESC LIMIT $13"
        ),
        (Along::Number, AuditOrder::OldestFirst) => sql!(
            "SELECT number, at, event, outcome, account_id, device_id, client_id, session_id, address,
                        other_address, detail, actor
               FROM audit
              WHERE number > $1 AND number < $2 AND at >= $3 AND at < $4
                    AND (CAST($5 AS TEXT) IS NULL OR outcome = $5)
                    AND (CAST($6 AS TEXT) IS NULL OR $6 LIKE '%,' || event || ',%')
                    AND (CAST($7 AS TEXT) IS NULL OR account_id = $7)
                    AND (CAST($8 AS TEXT) IS NULL OR device_id = $8)
                    AND (CAST($9 AS TEXT) IS NULL OR client_id = $9)
                    AND (CAST($10 AS TEXT) IS NULL OR session_id = $10)
                    AND (CAST($11 AS TEXT) IS NULL OR actor = $11)
                    AND (CAST($12 AS TEXT) IS NULL OR LOWER(detail) LIKE $12 ESCAPE '!')
              ORDER BY number LIMIT $13"
        ),
    }
}
