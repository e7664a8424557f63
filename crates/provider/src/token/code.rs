//! A code becomes tokens.
//!
//! Owns: opening and spending the code, and beginning a family of refresh tokens with it.

use std::sync::Arc;

use app::{Change, Refusal, audit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use domain::{AuditEntry, AuditEvent, Client, ClientAddress, Outcome, RefreshFamily, Timestamp};
use oidc::OAuthError;
use oidc::claims::OFFLINE_ACCESS;
use oidc::token::{Authorization, CodeContent, CodeExchange, FamilyContent};
use store::{SignedIn, Spend, Work};

use super::{Asking, Beside, TokenRefused, may_refresh};
use crate::Provider;
use crate::authorize::subjects;
use crate::response::CODE;

const NO_GOOD: OAuthError = OAuthError::invalid_grant("The code is not good");
const USED: OAuthError = OAuthError::invalid_grant("The code was used before");

impl Provider {
    pub(super) async fn redeem(
        &self,
        asking: Asking<'_>,
        exchange: &CodeExchange,
    ) -> Result<Bytes, TokenRefused> {
        let Asking { client, address, .. } = asking;
        let now = self.app().now();
        let code = self.open(&exchange.code).ok_or(NO_GOOD)?;
        if let Err(error) = code.check(&client.id, exchange, asking.jkt, now) {
            if code.who.client == client.id && now >= code.expires_at {
                self.revoke_if_spent(&code, address, now).await?;
            }
            return Err(error.into());
        }
        let person = self.still_signed_in(&code, now).await?.ok_or(NO_GOOD)?;
        let narrowed = code.who.narrowed(None, &exchange.resources)?;
        let family =
            if may_refresh(client, &code.who) { Some(self.family(asking, &code, now)?) } else { None };
        let refresh_token = family.as_ref().map(|_| self.refresh_text(&code.who.grant, 0)).transpose()?;
        // Signed before the unit is opened, so that nobody waits for us.
        let beside = Beside { nonce: code.nonce.as_deref(), refresh_token: refresh_token.as_deref() };
        let answer = self.tokens(asking, &person.account, &narrowed, beside).await?;
        let ends_at = family
            .as_ref()
            .map_or(code.expires_at, |family| family.ends_at.after(self.settings().access_token_life));
        let grant = self.grant_row(&code.who, now, ends_at);
        let entry = redeemed(&code, address, now);
        let mut work = self.app().store().begin().await?;
        match work.spend_code(&grant, now).await? {
            Spend::First => {
                if let Some(family) = &family {
                    if !may_begin(&mut *work, client, &code.who).await? {
                        // Dropped, so undone.
                        return Err(NO_GOOD.into());
                    }
                    work.add_refresh_family(family).await?;
                }
                self.note_session_client(&mut *work, client, &code.who.session, &code.who.account).await?;
                work.audit(entry).await?;
                work.commit().await?;
                Ok(answer)
            }
            Spend::Again => {
                self.replayed(work, &code, entry, now).await?;
                Err(USED.into())
            }
        }
    }

    /// Whether we made it, for whomever and whenever.
    pub(super) fn is_code(&self, code: &str) -> bool {
        self.open(code).is_some()
    }

    fn open(&self, code: &str) -> Option<CodeContent> {
        let sealed = URL_SAFE_NO_PAD.decode(code).ok()?;
        serde_json::from_slice(&self.codes().open(CODE, &sealed)?).ok()
    }

    fn family(
        &self,
        asking: Asking<'_>,
        code: &CodeContent,
        now: Timestamp,
    ) -> Result<RefreshFamily, Refusal> {
        let content = FamilyContent {
            who: code.who.clone(),
            // A confidential client proves itself at every refresh and may change its key (RFC 9449 §5).
            jkt: asking.jkt.filter(|_| asking.client.is_public()).map(str::to_owned),
        };
        let ends_at = now.after(self.settings().refresh_life);
        Ok(RefreshFamily {
            grant: code.who.grant,
            generation: 0,
            rotated_at: None,
            idle_ends_at: now.after(self.settings().refresh_idle).min(ends_at),
            ends_at,
            content: serde_json::to_string(&content).map_err(|e| Refusal::Corrupt(e.to_string()))?,
        })
    }

    /// A code that came after its time may have been redeemed in time: then somebody has a copy of it.
    async fn revoke_if_spent(
        &self,
        code: &CodeContent,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut work = self.app().store().begin().await?;
        if !work.revoke_grant(&code.who.grant, now).await? {
            return Ok(());
        }
        let entry = redeemed(code, address, now);
        self.replayed(work, code, entry, now).await
    }

    /// Notes that a code came twice; what was given beside it goes too.
    async fn replayed(
        &self,
        mut work: Box<dyn Work>,
        code: &CodeContent,
        entry: AuditEntry,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if let Some(front) = &code.front {
            work.revoke_grant(front, now).await?;
        }
        let event = AuditEvent::CodeReplayed;
        work.audit(AuditEntry { event, outcome: Outcome::Refused, ..entry }).await?;
        work.commit().await?;
        let grant = code.who.grant;
        tracing::warn!(client.id = %code.who.client, grant.id = %grant, "A code came twice: its tokens are revoked");
        self.app().tell(Change::Grant(grant)).await;
        if let Some(front) = code.front {
            self.app().tell(Change::Grant(front)).await;
        }
        Ok(())
    }

    /// The person of a code, if account and session still count (SEC-109).
    async fn still_signed_in(
        &self,
        code: &CodeContent,
        now: Timestamp,
    ) -> Result<Option<Arc<SignedIn>>, Refusal> {
        let counts = |who: &Arc<SignedIn>| {
            let session = &who.session;
            who.account.is_active() && session.ended.is_none() && now < session.expires_at
        };
        let people = self.caches().people();
        if let Some(who) = people.find(&code.who.session) {
            return Ok(Some(who).filter(counts));
        }
        let mark = people.mark();
        let mut view = self.app().store().read().await?;
        let Some(session) = view.session(&code.who.session).await? else { return Ok(None) };
        let Some(account) = view.account(&code.who.account).await? else { return Ok(None) };
        drop(view);
        if session.account != account.id {
            return Ok(None);
        }
        let who = Arc::new(SignedIn { session, account });
        if counts(&who) {
            people.keep(code.who.session, Arc::clone(&who), subjects(&who), mark);
            return Ok(Some(who));
        }
        Ok(None)
    }
}

/// Whether a family may begin: its session was not ended, and consent was not taken back since the code was issued.
/// Asked after the grant was inserted, so that whoever does one of the two at this moment was there before us and is
/// seen, or waits for us and revokes the grant: a family outlives its session's row and would not be looked at again.
async fn may_begin(work: &mut dyn Work, client: &Client, who: &Authorization) -> Result<bool, Refusal> {
    if !work.hold_session(&who.session).await? {
        return Ok(false);
    }
    if client.skips_consent {
        return Ok(true);
    }
    let consent = work.consent(&who.account, &client.id).await?;
    Ok(consent.is_some_and(|consent| consent.scopes.iter().any(|scope| scope == OFFLINE_ACCESS)))
}

fn redeemed(code: &CodeContent, address: ClientAddress, now: Timestamp) -> AuditEntry {
    AuditEntry {
        account: Some(code.who.account),
        client: Some(code.who.client.clone()),
        session: Some(code.who.session),
        ..audit::from(address, AuditEvent::CodeRedeemed, Outcome::Done, now)
    }
}
