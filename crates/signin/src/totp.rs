//! Codes of authenticator apps (RFC 6238): SHA-1, six digits, thirty seconds, which every app can do.
//!
//! Owns: the secret (made, sealed, shown once), which step a code belongs to, and the setting up on the way through a
//! sign-in or on the account page. Not here: taking each step once (`store::factors`).

use std::time::Duration;

use app::{App, Refusal, Visitor};
use domain::{Account, AccountId, JourneyId, SessionId, Timestamp, Totp};
use live::Slot;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::SignIn;
use crate::phone::drawn;

/// Bytes of a secret: as many as SHA-1 has (RFC 4226 §4).
const SECRET: usize = 20;
/// How long somebody may take to set an app up.
const SETUP_LIFE: Duration = Duration::from_secs(15 * 60);
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What is shown of a secret that is being set up. All of it is secret.
pub struct TotpSetup {
    /// The key in groups of four letters and digits, to be typed.
    pub secret: String,
    /// `otpauth://totp/…`, to be opened on a phone.
    pub uri: String,
    /// The same as the picture of a QR code.
    pub svg: String,
    /// How long it may be confirmed.
    pub expires_in: Duration,
}

impl std::fmt::Debug for TotpSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSetup(…)")
    }
}

/// Secrets that wait for their first code, by session or journey.
struct Setups;

#[derive(Serialize, Deserialize)]
struct Waiting {
    account: AccountId,
    sealed: Vec<u8>,
    since: Timestamp,
}

impl Slot for Setups {
    const KIND: &'static str = "totp-setup";
    const TTL: Duration = SETUP_LIFE;
    const MAKES_ROOM: bool = true;
    type Value = Waiting;
}

/// Where a secret waits.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Session(SessionId),
    Journey(JourneyId),
}

impl Place {
    fn key(self) -> String {
        match self {
            Self::Session(id) => id.to_string(),
            Self::Journey(id) => id.to_string(),
        }
    }
}

impl SignIn {
    /// The app to be set up on this journey, where its step is to set one up.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when the journey or its wait is over; a port failed.
    pub async fn second_factor_setup(&self, id: &JourneyId, visitor: &Visitor) -> Result<TotpSetup, Refusal> {
        let way = self.way(id, visitor).await?;
        let half = way.kept.journey.half(self.app().now()).filter(|half| half.asks.setup);
        let account = half.ok_or(Refusal::Gone)?.account;
        let account = self.app().store().read().await?.account(&account).await?.ok_or(Refusal::Gone)?;
        self.set_up(Place::Journey(*id), &account).await
    }

    /// The secret that waits there, or a new one; shown anew as often as its page is.
    pub(crate) async fn set_up(&self, place: Place, account: &Account) -> Result<TotpSetup, Refusal> {
        let app = self.app();
        let slots = app.slots::<Setups>();
        let now = app.now();
        let found = slots.get(&place.key()).await?.map(|(waiting, _)| waiting);
        let found = found.filter(|w| w.account == account.id && now.since(w.since) < SETUP_LIFE);
        let (secret, since) = match found {
            Some(waiting) => (open(app, &account.id, &waiting.sealed)?, waiting.since),
            None => {
                let mut secret = Zeroizing::new(vec![0; SECRET]);
                app.entropy().fill(&mut secret);
                let sealed = sealer(app)?.try_seal(account.id.as_bytes(), &secret)?;
                slots.put(&place.key(), &Waiting { account: account.id, sealed, since: now }).await?;
                (secret, now)
            }
        };
        let key = base32(&secret);
        let uri = uri(&self.settings().name, account.username.as_str(), &key);
        let svg = drawn(&uri)?;
        let expires_in = SETUP_LIFE.saturating_sub(now.since(since));
        Ok(TotpSetup { secret: grouped(&key), uri, svg, expires_in })
    }

    /// The app that a first code confirms; none: the code is wrong. Adding it is the caller's unit; [`SignIn::set_up_done`]
    /// follows.
    pub(crate) async fn confirmed(
        &self,
        place: Place,
        account: &AccountId,
        code: &str,
    ) -> Result<Option<Totp>, Refusal> {
        let app = self.app();
        let now = app.now();
        let waiting = app.slots::<Setups>().get(&place.key()).await?.map(|(waiting, _)| waiting);
        let waiting = waiting
            .filter(|w| w.account == *account && now.since(w.since) < SETUP_LIFE)
            .ok_or(Refusal::Gone)?;
        let secret = open(app, account, &waiting.sealed)?;
        Ok(step_of(&secret, code, app.wall()).map(|last_step| Totp {
            account: *account,
            sealed: waiting.sealed,
            last_step,
            confirmed_at: now,
        }))
    }

    /// The secret that waited is in use.
    pub(crate) async fn set_up_done(&self, place: Place) {
        if let Err(error) = self.app().slots::<Setups>().take(&place.key()).await {
            tracing::warn!(%error, "A key that is set up was not forgotten at once");
        }
    }

    /// The step that a code belongs to; none: it is wrong now.
    pub(crate) fn totp_step(&self, totp: &Totp, code: &str) -> Result<Option<i64>, Refusal> {
        let secret = open(self.app(), &totp.account, &totp.sealed)?;
        Ok(step_of(&secret, code, self.app().wall()))
    }
}

fn sealer(app: &App) -> Result<app::Sealer, Refusal> {
    app.lasting_sealer("totp secret")
}

fn open(app: &App, account: &AccountId, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let secret = sealer(app)?.open(account.as_bytes(), sealed);
    secret.map(Zeroizing::new).ok_or_else(|| Refusal::Corrupt(format!("totps.sealed, account {account}")))
}

/// The step (RFC 6238 §4.2) of a code that is right now, one step before, or one after.
fn step_of(secret: &[u8], code: &str, wall: Timestamp) -> Option<i64> {
    let time = u64::try_from(wall.millis() / 1000).ok()?;
    let totp = totp_rs::Builder::new().with_secret(secret).with_skew(1).build().ok()?;
    totp.check(code, time).and_then(|step| i64::try_from(step).ok())
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(BASE32[(held << (5 - bits)) as usize & 31]));
    }
    text
}

fn grouped(key: &str) -> String {
    let mut text = String::with_capacity(key.len() * 5 / 4);
    for (at, letter) in key.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

/// What apps read (the "Key Uri Format").
fn uri(service: &str, user: &str, key: &str) -> String {
    let part = |text: &str| -> String {
        url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
    };
    let (service, user) = (part(service), part(user));
    format!("otpauth://totp/{service}:{user}?secret={key}&issuer={service}&algorithm=SHA1&digits=6&period=30")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A code of the app with this key at this time.
    pub fn code(key: &str, at: Timestamp) -> String {
        let key: String = key.split(' ').collect();
        let secret = totp_rs::Secret::try_from_base32(&key).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        totp.generate(u64::try_from(at.millis() / 1000).unwrap()).to_string()
    }

    #[test]
    fn keys_are_base32_and_their_address_is_what_apps_read() {
        // RFC 4648 §10, without its padding.
        for (plain, coded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
        ] {
            assert_eq!(base32(plain.as_bytes()), coded);
        }
        assert_eq!(grouped("ABCDEFGHIJ"), "ABCD EFGH IJ");
        assert_eq!(
            uri("Example & Co", "ada@x", "ABC"),
            "otpauth://totp/Example%20%26%20Co:ada%40x?secret=ABC&issuer=Example%20%26%20Co\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    /// RFC 6238 Appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_standard_and_count_one_step_around() {
        let secret = b"12345678901234567890";
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let at = |seconds| Timestamp::from_seconds(seconds);
            assert_eq!(step_of(secret, code, at(time)), Some(time / 30));
            assert_eq!(step_of(secret, code, at(time - 30)), Some(time / 30));
            assert_eq!(step_of(secret, code, at(time + 30)), Some(time / 30));
            assert_eq!(step_of(secret, code, at(time + 60)), None);
            assert_eq!(step_of(secret, code, at(time - 60)), None);
        }
        for bad in ["", "28708", "2870822", "abcdef", "28708 2", "²87082"] {
            assert_eq!(step_of(secret, bad, Timestamp::from_seconds(59)), None, "{bad}");
        }
    }
}
