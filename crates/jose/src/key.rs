//! Signing keys: made, kept as JWK, used.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::SigningAlg;
use josekit::jwk::alg::ed::EdCurve;
use josekit::jwk::{Jwk, KeyPair as _};
use josekit::jws::alg::eddsa::EddsaJwsAlgorithm::Eddsa;
use josekit::jws::{ES256, JwsSigner, JwsVerifier, PS256, RS256};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{JwsError, Unverified, ed25519, es256, thumbprint};

/// A key cannot be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The JWK is malformed or its parts do not fit together.
    #[error("malformed key")]
    Malformed,
    /// The JWK is of a type, curve or algorithm that is not in use here.
    #[error("unsupported key")]
    Unsupported,
    /// A key set that should be public holds a private or a symmetric key.
    #[error("private or symmetric key among public ones")]
    Secret,
    /// The cryptographic library failed; the text is for logs.
    #[error("key operation failed: {0}")]
    Failed(String),
}

/// RSA keys are made with this many bits (SEC-192).
pub(crate) const RSA_BITS: u32 = 2048;

/// Others' RSA keys may have this many bytes: 2048 bits (RFC 7518 §3.3) to 8192, above which one signature
/// costs milliseconds.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Others' RSA exponents may have this many bytes.
const RSA_EXPONENT_BYTES: std::ops::RangeInclusive<usize> = 1..=4;

/// `typ` values whose headers are built once.
const USUAL_TYPES: [&str; 3] = ["JWT", "at+jwt", "logout+jwt"];

/// A private key that signs with one algorithm. Parsed once, shared by all threads.
pub struct SigningKey {
    signer: Box<dyn JwsSigner>,
    private_jwk: Zeroizing<Vec<u8>>,
    public: VerifyingKey,
    headers: [(&'static str, String); USUAL_TYPES.len()],
}

/// A public key that verifies with one algorithm.
pub struct VerifyingKey {
    alg: SigningAlg,
    kid: String,
    jwk: Value,
    verifier: Box<dyn JwsVerifier>,
}

impl SigningKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// OpenSSL failed.
    pub fn generate(alg: SigningAlg) -> Result<Self, KeyError> {
        let jwk = match alg {
            SigningAlg::ES256 => ES256.generate_key_pair().map_err(failed)?.to_jwk_key_pair(),
            SigningAlg::RS256 | SigningAlg::PS256 => {
                RS256.generate_key_pair(RSA_BITS).map_err(failed)?.to_jwk_key_pair()
            }
            SigningAlg::EdDSA => Eddsa.generate_key_pair(EdCurve::Ed25519).map_err(failed)?.to_jwk_key_pair(),
        };
        Self::from_jwk(&jwk, alg)
    }

    /// Reads a key from its private JWK (JSON). What it signs with is its `alg`, else follows from its type:
    /// P-256 → ES256, RSA → RS256, Ed25519 → EdDSA; an `alg` that does not fit the type is refused.
    ///
    /// # Errors
    /// No private JWK of these kinds.
    pub fn from_private_jwk(json: &[u8]) -> Result<Self, KeyError> {
        let map = crate::strict::object(json).ok_or(KeyError::Malformed)?;
        let alg = alg_of(&Value::Object(map.clone()))?;
        if !map.contains_key("d") {
            return Err(KeyError::Malformed);
        }
        Self::from_jwk(&Jwk::from_map(map).map_err(|_| KeyError::Malformed)?, alg)
    }

    fn from_jwk(jwk: &Jwk, alg: SigningAlg) -> Result<Self, KeyError> {
        let mut jwk = jwk.clone();
        jwk.set_algorithm(alg.as_str());
        jwk.set_key_use("sig");
        let jwk = &jwk;
        let signer: Box<dyn JwsSigner> = match alg {
            SigningAlg::ES256 => Box::new(es256::Signer::from_jwk(jwk).ok_or(KeyError::Malformed)?),
            SigningAlg::RS256 => Box::new(RS256.signer_from_jwk(jwk).map_err(|_| KeyError::Malformed)?),
            SigningAlg::PS256 => Box::new(PS256.signer_from_jwk(jwk).map_err(|_| KeyError::Malformed)?),
            SigningAlg::EdDSA => Box::new(ed25519::Signer::from_jwk(jwk).ok_or(KeyError::Malformed)?),
        };
        let public = VerifyingKey::from_public_jwk(&serde_json::to_value(jwk.as_ref()).map_err(failed)?)?;
        let mut named = jwk.clone();
        named.set_key_id(&public.kid);
        let private_jwk = Zeroizing::new(serde_json::to_vec(named.as_ref()).map_err(failed)?);
        let headers = USUAL_TYPES.map(|typ| (typ, header(alg, &public.kid, typ)));
        let key = Self { signer, private_jwk, public, headers };
        key.check_pair()?;
        Ok(key)
    }

    /// A JWK may hold a public part that is not the private part's own. Signing once shows it.
    fn check_pair(&self) -> Result<(), KeyError> {
        let token = self.sign("JWT", b"pair")?;
        self.public.verify(&token, "JWT").map(|_| ()).map_err(|_| KeyError::Malformed)
    }

    /// The private JWK as JSON, with `kid`, `alg` and `use`. To be sealed at once.
    #[must_use]
    pub fn to_private_jwk(&self) -> Zeroizing<Vec<u8>> {
        self.private_jwk.clone()
    }

    /// What it signs with.
    #[must_use]
    pub fn alg(&self) -> SigningAlg {
        self.public.alg
    }

    /// Its name: the RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.public.kid
    }

    /// The public JWK with `kid`, `alg` and `use`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        self.public.jwk.clone()
    }

    /// Its public part.
    #[must_use]
    pub fn public(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs: a compact JWS (RFC 7515 §7.1) with the header members `alg`, `kid` and `typ`.
    ///
    /// # Errors
    /// ring (ES256, EdDSA) or OpenSSL (RSA) failed.
    pub fn sign(&self, typ: &str, payload: &[u8]) -> Result<String, KeyError> {
        let mut token =
            String::with_capacity(160 + payload.len() * 4 / 3 + self.signer.signature_len() * 4 / 3);
        match self.headers.iter().find(|(usual, _)| *usual == typ) {
            Some((_, header)) => token.push_str(header),
            None => token.push_str(&header(self.public.alg, &self.public.kid, typ)),
        }
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = self.signer.sign(token.as_bytes()).map_err(failed)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The bare signature over these bytes: for who writes a header of its own, such as the maker of a DPoP proof.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer.sign(message).map_err(failed)
    }

    /// Verifies a compact JWS against the public part; see [`VerifyingKey::verify`].
    ///
    /// # Errors
    /// As [`VerifyingKey::verify`].
    pub fn verify(&self, token: &str, typ: &str) -> Result<Vec<u8>, JwsError> {
        self.public.verify(token, typ)
    }
}

impl VerifyingKey {
    /// Reads a public key (from a private JWK too: only the public members are taken).
    ///
    /// # Errors
    /// No JWK of a kind that is in use here.
    pub fn from_public_jwk(jwk: &Value) -> Result<Self, KeyError> {
        Self::with_alg(jwk, alg_of(jwk)?)
    }

    /// The same for one algorithm, whatever `alg`, `use` and `kid` say.
    pub(crate) fn with_alg(jwk: &Value, alg: SigningAlg) -> Result<Self, KeyError> {
        let kid = thumbprint(jwk)?;
        let mut map = public_members(jwk)?;
        map.insert("kid".to_owned(), kid.clone().into());
        map.insert("alg".to_owned(), alg.as_str().into());
        map.insert("use".to_owned(), "sig".into());
        let public = Jwk::from_map(map.clone()).map_err(|_| KeyError::Malformed)?;
        let malformed = |_| KeyError::Malformed;
        let verifier: Box<dyn JwsVerifier> = match alg {
            SigningAlg::ES256 => Box::new(ES256.verifier_from_jwk(&public).map_err(malformed)?),
            SigningAlg::RS256 => Box::new(RS256.verifier_from_jwk(&public).map_err(malformed)?),
            SigningAlg::PS256 => Box::new(PS256.verifier_from_jwk(&public).map_err(malformed)?),
            SigningAlg::EdDSA => Box::new(ed25519::Verifier::from_jwk(&public).ok_or(KeyError::Malformed)?),
        };
        let jwk = Value::Object(map);
        Ok(Self { alg, kid, jwk, verifier })
    }

    /// The only algorithm it accepts.
    #[must_use]
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// Its name: the RFC 7638 thumbprint.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies a compact JWS of this type and answers its payload. The algorithm is the key's; the header
    /// can only agree. Claims are the caller's to check.
    ///
    /// # Errors
    /// Malformed, of another type or key, or wrongly signed.
    pub fn verify(&self, token: &str, typ: &str) -> Result<Vec<u8>, JwsError> {
        Unverified::parse(token)?.verify(self, typ)
    }

    pub(crate) fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), JwsError> {
        self.verifier.verify(message, signature).map_err(|_| JwsError::WrongSignature)
    }
}

/// The algorithm a JWK is used with here.
fn alg_of(jwk: &Value) -> Result<SigningAlg, KeyError> {
    let fitting = algs_of(jwk)?;
    match jwk.get("alg") {
        None => fitting.first().copied().ok_or(KeyError::Unsupported),
        Some(said) => {
            let said = said.as_str().and_then(SigningAlg::from_word);
            said.filter(|alg| fitting.contains(alg)).ok_or(KeyError::Unsupported)
        }
    }
}

/// The algorithms that the type of a JWK allows, whatever its `alg` says.
pub(crate) fn algs_of(jwk: &Value) -> Result<&'static [SigningAlg], KeyError> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => Ok(&[SigningAlg::ES256]),
        (Some("RSA"), _) => Ok(&[SigningAlg::RS256, SigningAlg::PS256]),
        (Some("OKP"), Some("Ed25519")) => Ok(&[SigningAlg::EdDSA]),
        (Some(_), _) => Err(KeyError::Unsupported),
        (None, _) => Err(KeyError::Malformed),
    }
}

/// The members that make the public key, and no others; an RSA key of a size that is not accepted is refused.
pub(crate) fn public_members(jwk: &Value) -> Result<Map<String, Value>, KeyError> {
    let names: &[&str] = match jwk.get("kty").and_then(Value::as_str) {
        Some("EC") => &["kty", "crv", "x", "y"],
        Some("OKP") => &["kty", "crv", "x"],
        Some("RSA") => &["kty", "n", "e"],
        Some(_) => return Err(KeyError::Unsupported),
        None => return Err(KeyError::Malformed),
    };
    let mut members = Map::new();
    for name in names {
        let text = jwk.get(*name).and_then(Value::as_str).ok_or(KeyError::Malformed)?;
        if !matches!(*name, "kty" | "crv") {
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Malformed)?;
            let digits = bytes.iter().skip_while(|byte| **byte == 0).count();
            let fits = match *name {
                "n" => RSA_BYTES.contains(&digits) && bytes.last().is_some_and(|last| last % 2 == 1),
                "e" => RSA_EXPONENT_BYTES.contains(&digits) && bytes.last().is_some_and(|last| last % 2 == 1),
                _ => !bytes.is_empty(),
            };
            if !fits {
                return Err(KeyError::Malformed);
            }
        }
        members.insert((*name).to_owned(), text.into());
    }
    Ok(members)
}

fn header(alg: SigningAlg, kid: &str, typ: &str) -> String {
    let text = json!({ "alg": alg.as_str(), "kid": kid, "typ": typ }).to_string();
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn failed(error: impl fmt::Display) -> KeyError {
    KeyError::Failed(error.to_string())
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.public.alg.as_str(), self.public.kid)
    }
}
impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({} {})", self.alg.as_str(), self.kid)
    }
}
