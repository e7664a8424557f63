//! A ticket becomes a person (cas-wire §15).
//!
//! Owns: taking the ticket, what the service is told, and the one unit in which that is written down. Not here: the
//! texts of the answers (`cas::answer`), proxy-granting (`proxy`).
//!
//! ```text
//! take the ticket (dead from here on) ▶ kind ▶ service ▶ registered ▶ renew ▶ account and session now ▶ callback ▶ unit
//! ```

use app::{Refusal, audit};
use cas::answer::{PASSWORD_CREDENTIAL, QR_CREDENTIAL, QR_HANDLER, SignedIn};
use cas::{Attributes, Endpoint, Failure, Ticket, ValidateAsked, Validated, Value};
use domain::claim_definition::ClaimEditor;
use domain::{
    Account, AuditEntry, AuditEvent, BrowserSession, ClaimDefinition, ClientAddress, Method, Outcome, Proof,
    SessionId, SingleLogout,
};
use serde_json::Value as Json;
use store::CasLogin;

use crate::login::{Issued, TicketKind, TicketRecord, key};
use crate::{Service, Tickets};

/// How a password was verified, in the words of CAS.
pub(crate) const PASSWORD_HANDLER: &str = "UsernamePasswordAuthenticationHandler";

/// What a service is told.
pub type Told = Result<Validated, Failure>;

impl Tickets {
    /// Answers a service that asks about a ticket, and takes the ticket, whatever comes of it.
    pub async fn validate(&self, endpoint: Endpoint, asked: &ValidateAsked, address: ClientAddress) -> Told {
        match self.validated(endpoint, asked, address).await {
            Ok(told) => told,
            Err(refusal) => {
                tracing::error!(cause = refusal.cause(), "A ticket could not be validated");
                Err(Failure::Internal)
            }
        }
    }

    async fn validated(
        &self,
        endpoint: Endpoint,
        asked: &ValidateAsked,
        address: ClientAddress,
    ) -> Result<Told, Refusal> {
        let Some(ticket) = Ticket::read_any(asked.ticket.expose()) else {
            return Ok(Err(Failure::NotRecognised));
        };
        let taken = self.app().slots::<Issued>().take(&key(&ticket)).await?;
        let Some(record) = taken.filter(|record| self.app().now() < record.ends) else {
            return Ok(Err(Failure::NotRecognised));
        };
        let refused = match self.fits(endpoint, asked, &record).await? {
            Ok(service) => {
                return self.tell(endpoint, asked, (&ticket, record, service), address).await;
            }
            Err(failure) => failure,
        };
        self.write_refusal(&record, refused, address).await?;
        Ok(Err(refused))
    }

    async fn fits(
        &self,
        endpoint: Endpoint,
        asked: &ValidateAsked,
        record: &TicketRecord,
    ) -> Result<Result<Service, Failure>, Refusal> {
        if !endpoint.takes(record.kind.wire()) {
            return Ok(Err(Failure::OtherKind));
        }
        if !asked.is_by(&record.service) {
            return Ok(Err(Failure::OtherService));
        }
        let service = self.service(&record.service).await?.filter(|it| it.client.id == record.client);
        let Some(service) = service else { return Ok(Err(Failure::UnknownService)) };
        if asked.renew && !record.is_new {
            return Ok(Err(Failure::NotFresh));
        }
        Ok(Ok(service))
    }

    async fn tell(
        &self,
        endpoint: Endpoint,
        asked: &ValidateAsked,
        (ticket, record, service): (&Ticket, TicketRecord, Service),
        address: ClientAddress,
    ) -> Result<Told, Refusal> {
        let Some((account, session)) = self.person(&record.session).await? else {
            self.write_refusal(&record, Failure::NotRecognised, address).await?;
            return Ok(Err(Failure::NotRecognised));
        };
        let pgt_iou = match &asked.callback {
            None => None,
            Some(callback) => match self.granted(callback.as_ref(), &service, &record).await? {
                Ok(iou) => Some(iou),
                Err(failure) => {
                    self.write_refusal(&record, failure, address).await?;
                    return Ok(Err(failure));
                }
            },
        };
        let user = self.user_of(&account, &service).await?;
        let login = CasLogin {
            ticket: ticket.text().to_owned(),
            session: session.id,
            client: service.client.id.clone(),
            service: record.service.without_fragment().to_owned(),
            user: user.clone(),
            by_server: service.cas.single_logout == SingleLogout::Back,
        };
        if !self.note_login(&login, &record, &service, address).await? {
            return Ok(Err(Failure::NotRecognised));
        }
        let attributes = match endpoint.is_plain() {
            true => Attributes::none(),
            false => attributes(&account, &session, &service, record.is_new),
        };
        Ok(Ok(Validated { user, attributes, proxies: record.proxies, pgt_iou }))
    }

    /// Whose session it is, if both still count.
    pub(crate) async fn person(
        &self,
        session: &SessionId,
    ) -> Result<Option<(Account, BrowserSession)>, Refusal> {
        let mut view = self.app().store().read().await?;
        let Some(session) = view.session(session).await? else { return Ok(None) };
        if !session.is_alive(self.app().now()) {
            return Ok(None);
        }
        let account = view.account(&session.account).await?.filter(Account::is_active);
        Ok(account.map(|account| (account, session)))
    }

    /// The name a service knows somebody by. A claim that its owner may set is none: whoever sets it could be anybody
    /// there.
    pub(crate) async fn user_of(&self, account: &Account, service: &Service) -> Result<String, Refusal> {
        let text = match service.cas.user_claim.as_deref() {
            Some(claim) if !self.is_set_by_owners(claim).await? => {
                told(account, claim).and_then(|values| values.into_iter().next())
            }
            _ => None,
        };
        Ok(match text {
            Some(Value::Text(text)) => text,
            _ => account.username.as_str().to_owned(),
        })
    }

    async fn is_set_by_owners(&self, claim: &str) -> Result<bool, Refusal> {
        let decisions = self.app().policies().now().await?;
        let is_it = |known: &ClaimDefinition| known.name == claim && known.edited_by == ClaimEditor::Owner;
        Ok(decisions.claims.iter().any(is_it))
    }

    /// Notes that the service knows of the session, and that it was told; `false`: the session has ended meanwhile.
    async fn note_login(
        &self,
        login: &CasLogin,
        record: &TicketRecord,
        service: &Service,
        address: ClientAddress,
    ) -> Result<bool, Refusal> {
        let now = self.app().now();
        let deed = || async {
            let mut work = self.app().store().begin().await?;
            let is_alive = match service.cas.single_logout {
                SingleLogout::None => work.hold_session(&login.session).await?,
                SingleLogout::Back | SingleLogout::Front => work.note_cas_login(login, now).await?,
            };
            let outcome = if is_alive { Outcome::Done } else { Outcome::Refused };
            let why = if is_alive { kind_word(record.kind) } else { "the session has ended" };
            work.audit(AuditEntry {
                account: Some(record.account),
                client: Some(record.client.clone()),
                session: Some(record.session),
                detail: audit::detail(why),
                ..audit::from(address, AuditEvent::TicketValidated, outcome, now)
            })
            .await?;
            work.commit().await?;
            Ok(is_alive)
        };
        self.app().repeatable(deed).await
    }

    async fn write_refusal(
        &self,
        record: &TicketRecord,
        failure: Failure,
        address: ClientAddress,
    ) -> Result<(), Refusal> {
        let now = self.app().now();
        self.app()
            .write_down(AuditEntry {
                account: Some(record.account),
                client: Some(record.client.clone()),
                session: Some(record.session),
                detail: audit::detail(failure.code()),
                ..audit::from(address, AuditEvent::TicketValidated, Outcome::Refused, now)
            })
            .await
    }
}

const fn kind_word(kind: TicketKind) -> &'static str {
    match kind {
        TicketKind::Service => "service ticket",
        TicketKind::Proxy => "proxy ticket",
    }
}

/// What a service is told of a person and of how they signed in.
pub(crate) fn attributes(
    account: &Account,
    session: &BrowserSession,
    service: &Service,
    is_new: bool,
) -> Attributes {
    let newest =
        session.proofs.iter().filter(|proof| proof.method.stands_alone()).max_by_key(|proof| proof.at);
    let (credential, method) = words(newest);
    let all = Attributes::standard(&SignedIn {
        at: newest.map_or(session.created_at, |proof| proof.at),
        is_from_new_login: is_new,
        is_remembered: false,
        credential,
        method,
    });
    released(account, service, all)
}

/// What the service is registered to be told besides.
pub(crate) fn released(account: &Account, service: &Service, mut all: Attributes) -> Attributes {
    for (name, claim) in &service.cas.attributes {
        if let Some(values) = told(account, claim) {
            all.add(name, values);
        }
    }
    all
}

/// In the words of CAS, where it has any.
fn words(proof: Option<&Proof>) -> (&'static str, &'static str) {
    match proof.map(|proof| proof.method) {
        Some(Method::Phone | Method::CasPhone) => (QR_CREDENTIAL, QR_HANDLER),
        Some(Method::Passkey) => ("WebAuthnCredential", "WebAuthnAuthenticationHandler"),
        _ => (PASSWORD_CREDENTIAL, PASSWORD_HANDLER),
    }
}

/// A claim's values; none: nothing is known.
pub(crate) fn told(account: &Account, claim: &str) -> Option<Vec<Value>> {
    match claim {
        "groups" => {
            let groups: Vec<Value> =
                account.groups.iter().map(|group| Value::Text(group.as_str().to_owned())).collect();
            return Some(groups).filter(|groups| !groups.is_empty());
        }
        "sub" => return Some(vec![Value::Text(account.id.to_string())]),
        "preferred_username" if !account.claims.contains_key(claim) => {
            return Some(vec![Value::Text(account.username.as_str().to_owned())]);
        }
        // An address or number nobody vouched for is told as not verified.
        "email_verified" | "phone_number_verified" => {
            account.claims.get(claim.trim_end_matches("_verified"))?;
            return Some(vec![Value::Flag(account.claims.get(claim) == Some(&Json::Bool(true)))]);
        }
        _ => {}
    }
    let values = match account.claims.get(claim)? {
        Json::Array(all) => all.iter().filter_map(value).collect(),
        Json::Object(members) => members.get("formatted").and_then(value).into_iter().collect(),
        one => value(one).into_iter().collect::<Vec<_>>(),
    };
    Some(values).filter(|values| !values.is_empty())
}

fn value(json: &Json) -> Option<Value> {
    match json {
        Json::String(text) if !text.trim().is_empty() => Some(Value::Text(text.clone())),
        Json::Bool(flag) => Some(Value::Flag(*flag)),
        Json::Number(number) => number.as_i64().map(Value::Number),
        _ => None,
    }
}
