//! A phone comes and claims a channel.
//!
//! Owns: what it is told (SEC-025), the check code and the nonce made for this claim, and the policy on
//! distance (SEC-027). Not here: that the first one wins (`qr::channel`, and the slot's swap).

use app::{Refusal, Rule, meters, throttle};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ClientAddress, DeviceId, DeviceKind, Place, text};
use qr::approval::ClaimProof;
use qr::facts::{self, BrowserFacts, Facts};
use qr::{Channel, CheckCode, Claim, Claimant, Common, State, wire};
use serde_json::Value;

use super::acting::{Acting, Signed};
use super::{Channels, Found, encode};
use crate::SignIn;
use crate::place::is_same_country;

/// A phone scanned a code.
#[derive(Debug, Clone, Copy)]
pub struct ClaimAsked<'a> {
    /// Which phone it says it is.
    pub device: DeviceId,
    /// The channel id from the QR.
    pub channel: &'a str,
    /// From [`SignIn::challenge`].
    pub challenge: &'a str,
    /// base64url.
    pub signature: &'a str,
    /// Where it came from.
    pub address: ClientAddress,
}

/// What the claiming phone is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The handle by which to decide. Opaque; good for this phone alone.
    pub claim: String,
    /// To be signed with the decision.
    pub nonce: String,
    /// What to show, as JSON text; its exact bytes are hashed and signed.
    pub facts: String,
    /// Seconds to decide in.
    pub expires_in: u32,
    /// Options for `navigator.credentials.get`: the passkey that verifies the phone's user.
    pub webauthn: Option<Value>,
    /// The check code must be typed.
    pub code_needed: bool,
}

impl SignIn {
    /// Claims a channel for an enrolled, active phone.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], the same for unknown, inactive and unproven phones; `Conflict("reverification")` for
    /// one that was not used for so long that its owner has to be verified anew (SEC-089); [`Refusal::Gone`], the
    /// same for every channel that cannot be claimed (SEC-053); [`Refusal::TooMany`].
    pub async fn claim(&self, asked: ClaimAsked<'_>) -> Result<Claimed, Refusal> {
        let app = self.app();
        let device = asked.device.to_string();
        app.throttle().hit(Rule::ClaimAddress, &throttle::network(asked.address)).await?;
        app.throttle().hit(Rule::ClaimDevice, &device).await?;
        let proof = ClaimProof {
            issuer: app.issuer().as_str(),
            channel: asked.channel,
            device: &device,
            challenge: asked.challenge,
        };
        let signed = Signed {
            device: asked.device,
            challenge: asked.challenge,
            signature: asked.signature,
            message: proof.message(),
            address: asked.address,
        };
        let heard = self.0.phones.running.heard();
        let acting = self.proven(signed).await?;
        let now = app.now();
        if !acting.is_active() {
            return Err(Refusal::Forbidden);
        }
        self.must_be_remembered(&acting).await?;
        let id = if wire::is_channel_id(asked.channel) { asked.channel } else { "" };
        let mac = self.channel_mac(id);
        let found = self.channel_by_id(&mac).await?.ok_or(Refusal::Gone)?;
        let Found { handle, channel: Channel::Created(created), version } = found else {
            return Err(Refusal::Gone);
        };
        let known_browser = match &created.common.opening.seen.mark {
            Some(mark) => app.store().read().await?.is_known_browser(&acting.account.id, mark).await?,
            None => false,
        };
        let facts = self.facts(&created.common, known_browser, asked.address)?;
        let nonce = encode(app.entropy().bytes());
        let facts_hash = facts::hash(&facts);
        let claimant = Claimant {
            claim: Claim {
                channel: mac,
                device: acting.device.id,
                account: acting.account.id,
                nonce: nonce.clone(),
                facts: facts_hash.clone(),
                known_browser,
                at: now,
                address: asked.address,
            },
            is_active: true,
        };
        let webauthn = self.verification_options(&acting, &facts_hash, &nonce)?;
        let code = CheckCode::from_number(app.entropy().digits3())
            .ok_or_else(|| Refusal::Corrupt("a check code of more than three digits".to_owned()))?;
        let claimed = created.claim(claimant, code, now).map_err(|_| Refusal::Gone)?;
        let code_needed = claimed.common.opening.needs_code;
        let journey = claimed.common.opening.journey;
        let channel = Channel::Claimed(claimed);
        if app.slots::<Channels>().swap(&handle, version, &channel).await?.is_err() {
            // Another phone was quicker (SEC-021).
            return Err(Refusal::Gone);
        }
        self.note_running(&acting.device.id, &acting.account.id, &handle, heard).await?;
        app.meters().took(meters::Step::Claimed, channel.common().opened, now);
        self.say(&journey, State::Claimed).await;
        let expires_in = super::watch::seconds(channel.standing(now).expires_in);
        let claim = self.seal_claim(&acting.device.id, &handle, id)?;
        Ok(Claimed { claim, nonce, facts, expires_in, webauthn, code_needed })
    }

    fn facts(&self, common: &Common, known: bool, phone: ClientAddress) -> Result<String, Refusal> {
        let opening = &common.opening;
        let places = &self.settings().places;
        let proximity = places.proximity(opening.seen.address, phone);
        if opening.same_country && !is_same_country(proximity) {
            return Err(Refusal::Gone);
        }
        let shown = |text: &Option<String>| text.as_deref().map(|text| text::shown(text, 60));
        let agent = &opening.seen.agent;
        let mut asker = opening.asker.clone();
        asker.name = text::shown(&asker.name, 80);
        let Place { network, city, country } = places.of(opening.seen.address);
        let facts = Facts {
            client: asker,
            provider: self.app().issuer().host().to_owned(),
            browser: BrowserFacts {
                label: text::shown(&agent.label(), 120),
                browser: shown(&agent.browser),
                system: shown(&agent.system),
                known,
            },
            place: Place { network, city, country },
            proximity,
            started_at: common.opened.seconds(),
            scopes: opening.scopes.clone(),
        };
        facts.to_text().map_err(|error| Refusal::Corrupt(format!("facts without a text: {error}")))
    }

    /// What the phone's passkey has to answer; nothing for phones that verify their user themselves.
    fn verification_options(
        &self,
        acting: &Acting,
        facts: &str,
        nonce: &str,
    ) -> Result<Option<Value>, Refusal> {
        match (acting.device.kind, &acting.passkey) {
            (DeviceKind::App, _) => Ok(None),
            (DeviceKind::Web, Some(passkey)) => {
                let challenge = facts::passkey_challenge(facts, nonce);
                Ok(Some(self.passkeys()?.request(&challenge, Some(&passkey.credential_id))))
            }
            // Without its passkey it cannot approve, so it does not lock the channel; without a key neither.
            (DeviceKind::Web, None) | (DeviceKind::Cas, _) => Err(Refusal::Forbidden),
        }
    }

    /// The claim's handle: where the channel is and which id was scanned, sealed for this phone.
    fn seal_claim(&self, device: &DeviceId, handle: &str, channel_id: &str) -> Result<String, Refusal> {
        let plain = format!("{handle}{channel_id}");
        let sealed = self.0.phones.claims.try_seal(device.as_bytes(), plain.as_bytes())?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a claim's handle: the channel's handle and the channel id.
    pub(super) fn open_claim(&self, device: &DeviceId, claim: &str) -> Option<(String, String)> {
        if claim.len() > 200 {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(claim).ok()?;
        let plain = String::from_utf8(self.0.phones.claims.open(device.as_bytes(), &sealed)?).ok()?;
        let (handle, id) = plain.split_at_checked(wire::CHANNEL_ID_LEN)?;
        wire::is_channel_id(id).then(|| (handle.to_owned(), id.to_owned()))
    }
}
