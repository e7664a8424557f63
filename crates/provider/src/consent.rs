//! What a person agrees to give a relying party, and what is remembered of it.
//!
//! Owns: the question with the values that would be told, taking the answer, and the cut of a request to what was
//! agreed to (SEC-108). Not here: which items there are (`oidc::authorize`), the page (`web-login`), taking it back
//! (`signin`).
//!
//! The answer is remembered per client, item by item. It also goes on with the request that is kept: so a client
//! whose consent is never remembered gets no more than was agreed to this time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use app::{ConsentAsked, ConsentItem, Fact, Refusal, audit};
use domain::{
    Account, AccountId, AuditEntry, AuditEvent, ClaimDefinition, Client, ClientAddress, Consent, Outcome,
    Timestamp,
};
use oidc::authorize::{Request, claim_of, covers};
use oidc::claims::{of_person, personal_claims, scope_of};
use oidc::{ErrorCode, OAuthError};
use store::SignedIn;

use crate::Provider;

/// What a person settled with a client before.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// Agreed to.
    pub agreed: Vec<String>,
    /// Left out when it was asked for last.
    pub declined: Vec<String>,
}

impl Remembered {
    /// What need not be asked again: what was left out counts as long as it may be.
    pub(crate) fn settled(&self, request: &Request, client: &Client) -> Cow<'_, [String]> {
        if self.declined.is_empty() {
            return Cow::Borrowed(&self.agreed);
        }
        let left = self.declined.iter().filter(|item| request.is_optional(item, client));
        Cow::Owned(self.agreed.iter().chain(left).cloned().collect())
    }

    /// Cuts a request that is answered without asking to what was agreed to.
    pub(crate) fn cut(&self, request: &mut Request) {
        if !self.declined.is_empty() {
            request.keep_to(&self.agreed);
        }
    }
}

const MISSING: OAuthError = OAuthError::new(ErrorCode::ConsentRequired, "The person did not give consent");

/// A person's answer.
pub(crate) struct Agreed {
    pub scopes: Vec<String>,
    pub declined: Vec<String>,
}

impl Agreed {
    /// All that must be, and what was chosen of the rest. Nothing that was not asked for (SEC-108).
    pub(crate) fn read(request: &Request, client: &Client, chosen: &[String]) -> Result<Self, Refusal> {
        let items = request.items();
        if chosen.iter().any(|item| !items.contains(item)) {
            return Err(Refusal::Invalid { field: "scope", why: "holds what was not asked for" });
        }
        let (declined, scopes) =
            items.into_iter().partition(|item| request.is_optional(item, client) && !chosen.contains(item));
        Ok(Self { scopes, declined })
    }

    /// What is remembered from now on.
    fn grown(&self, before: Option<Consent>, who: &SignedIn, client: &Client, now: Timestamp) -> Consent {
        let (mut scopes, mut declined) =
            before.map(|consent| (consent.scopes, consent.declined)).unwrap_or_default();
        // The last word counts, both ways.
        scopes.retain(|item| !self.declined.contains(item));
        declined.retain(|item| !self.scopes.contains(item));
        for (all, new) in [(&mut scopes, &self.scopes), (&mut declined, &self.declined)] {
            all.extend(new.iter().cloned());
            all.sort_unstable();
            all.dedup();
        }
        Consent { account: who.account.id, client: client.id.clone(), scopes, declined, given_at: now }
    }
}

impl Provider {
    /// What this person settled with this client; nothing when there is no consent.
    pub(crate) async fn remembered(
        &self,
        account: AccountId,
        client: &Client,
    ) -> Result<Arc<Remembered>, Refusal> {
        let key = (account, client.id.clone());
        let consents = self.caches().consents();
        if let Some(remembered) = consents.find(&key) {
            return Ok(remembered);
        }
        let mark = consents.mark();
        let consent = self.app().store().read().await?.consent(&account, &client.id).await?;
        // That there is none is not remembered: it is given next, maybe on another node.
        let Some(Consent { scopes: agreed, declined, .. }) = consent else { return Ok(Arc::default()) };
        let remembered = Arc::new(Remembered { agreed, declined });
        let subjects = vec![app::Change::Account(account), app::Change::Client(client.id.clone())];
        consents.keep(key, Arc::clone(&remembered), subjects, mark);
        Ok(remembered)
    }

    /// What has to be agreed to; `None`: nothing.
    pub(crate) async fn asked(
        &self,
        request: &Request,
        client: &Client,
        who: &SignedIn,
    ) -> Result<Option<ConsentAsked>, Refusal> {
        let remembered = self.remembered(who.account.id, client).await?;
        if !request.consent_is_due(client, Some(&remembered.settled(request, client))) {
            return Ok(None);
        }
        let custom = &self.app().policies().now().await?.claims;
        let item = |name: String| ConsentItem {
            is_optional: request.is_optional(&name, client),
            is_already: covers(&remembered.agreed, &name),
            is_declined: remembered.declined.contains(&name),
            facts: facts(request, &name, &who.account, custom),
            scope: claim_of(&name).and_then(scope_of).unwrap_or(&name).to_owned(),
            name,
        };
        Ok(Some(ConsentAsked { items: request.items().into_iter().map(item).collect() }))
    }

    /// Cuts a request at its journey's end to what was agreed to: just now, else before. The journey saw to consent;
    /// here it has to be there (SEC-108).
    pub(crate) async fn cut(
        &self,
        request: &mut Request,
        client: &Client,
        who: &SignedIn,
        agreed: Option<&[String]>,
    ) -> Result<Result<(), OAuthError>, Refusal> {
        if let Some(agreed) = agreed {
            request.keep_to(agreed);
            return Ok(Ok(()));
        }
        if !request.consent_is_due(client, None) {
            return Ok(Ok(()));
        }
        let remembered = self.remembered(who.account.id, client).await?;
        if request.consent_is_due(client, Some(&remembered.settled(request, client))) {
            return Ok(Err(MISSING));
        }
        remembered.cut(request);
        Ok(Ok(()))
    }

    /// Remembers an answer.
    pub(crate) async fn keep_answer(
        &self,
        agreed: &Agreed,
        client: &Client,
        who: &SignedIn,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let now = self.app().now();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            let before = work.consent(&who.account.id, &client.id).await?;
            work.keep_consent(&agreed.grown(before, who, client, now)).await?;
            work.audit(AuditEntry {
                account: Some(who.account.id),
                client: Some(client.id.clone()),
                session: Some(who.session.id),
                detail: audit::detail(&agreed.scopes.join(", ")),
                ..audit::from(address, AuditEvent::ConsentGiven, Outcome::Done, now)
            })
            .await?;
            Ok(work.commit().await?)
        };
        self.app().repeatable(deed).await?;
        self.app().tell(app::Change::Account(who.account.id)).await;
        Ok(())
    }
}

/// What is told of a person who agrees to this item.
fn facts(request: &Request, item: &str, account: &Account, custom: &[ClaimDefinition]) -> Vec<Fact> {
    let is_essential = |claim: &str| request.essential_claims.iter().any(|name| name == claim);
    if let Some(claim) = claim_of(item) {
        let value = of_person(account, "", &[claim.to_owned()], &[]).remove(claim);
        let labels = BTreeMap::new();
        return vec![Fact { claim: claim.to_owned(), value, is_essential: is_essential(claim), labels }];
    }
    let mut told = of_person(account, item, &[], custom);
    let of_scope = personal_claims().filter(|claim| scope_of(claim) == Some(item));
    let standard: Vec<Fact> = of_scope
        .filter_map(|claim| {
            let value = told.remove(claim);
            // What is asked for by name and not known is named; of the rest only what there is.
            let is_named = is_essential(claim);
            (value.is_some() || is_named).then(|| Fact {
                claim: claim.to_owned(),
                value,
                is_essential: is_named,
                labels: BTreeMap::new(),
            })
        })
        .collect();
    // What is left is the operator's own, and the groups.
    let own = told.into_iter().map(|(claim, value)| Fact {
        labels: custom
            .iter()
            .find(|definition| definition.name == claim)
            .map(|definition| definition.labels.clone())
            .unwrap_or_default(),
        claim,
        value: Some(value),
        is_essential: false,
    });
    standard.into_iter().chain(own).collect()
}
