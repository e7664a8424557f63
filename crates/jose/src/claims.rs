//! The claims of time (RFC 7519 §4.1.4 to §4.1.6), read without guessing.
//!
//! Not here: all other claims.

use std::time::Duration;

use domain::Timestamp;
use serde_json::{Map, Value};

/// `exp`, `nbf` and `iat` of a token, each a NumericDate or absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The token ends.
    pub exp: Option<Timestamp>,
    /// The token begins.
    pub nbf: Option<Timestamp>,
    /// The token was made.
    pub iat: Option<Timestamp>,
}

/// What is wrong with a token's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTimes {
    /// A claim is there but no number of seconds since 1970.
    #[error("{0} is no NumericDate")]
    WrongType(&'static str),
    /// A claim that must be there is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The token has ended.
    #[error("ended")]
    Ended,
    /// The token has not begun, or was made in the future.
    #[error("not valid yet")]
    Early,
}

/// The last second of the year 9999: later dates are mistakes.
const LATEST: f64 = 253_402_300_799.0;

impl Times {
    /// Reads the three claims. A claim of another type than number is refused, not ignored: an `exp` that
    /// is a string must not make a token eternal.
    ///
    /// # Errors
    /// [`BadTimes::WrongType`] names the claim.
    pub fn read(claims: &Map<String, Value>) -> Result<Self, BadTimes> {
        Ok(Self { exp: date(claims, "exp")?, nbf: date(claims, "nbf")?, iat: date(claims, "iat")? })
    }

    /// Whether a token with these times may be used at `now`; `leeway` is granted to clocks that differ.
    /// `exp` must be there.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn check(&self, now: Timestamp, leeway: Duration) -> Result<(), BadTimes> {
        let exp = self.exp.ok_or(BadTimes::Missing("exp"))?;
        if now >= exp.after(leeway) {
            return Err(BadTimes::Ended);
        }
        let latest_start = now.after(leeway);
        if self.nbf.is_some_and(|nbf| nbf > latest_start) || self.iat.is_some_and(|iat| iat > latest_start) {
            return Err(BadTimes::Early);
        }
        Ok(())
    }
}

fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, BadTimes> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().ok_or(BadTimes::WrongType(name))?;
    if !(0.0..=LATEST).contains(&seconds) {
        return Err(BadTimes::WrongType(name));
    }
    // Within the range above the product is far below 2^53, so nothing is lost but parts of milliseconds.
    #[expect(clippy::cast_possible_truncation, reason = "range checked above")]
    let millis = (seconds * 1000.0) as i64;
    Ok(Some(Timestamp::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Times, BadTimes> {
        Times::read(value.as_object().unwrap())
    }

    #[test]
    fn sec_118_a_time_of_another_type_or_out_of_reach_is_refused() {
        // A number like 1e400 is no JSON that anybody here reads.
        assert!(crate::strict::object(br#"{"exp":1e400}"#).is_none());
        for bad in [
            json!("2000000000"),
            json!(null),
            json!(true),
            json!([1]),
            json!({}),
            json!(-1),
            json!(1e300),
            json!(u64::MAX),
        ] {
            for name in ["exp", "nbf", "iat"] {
                let mut claims = Map::new();
                claims.insert(name.to_owned(), bad.clone());
                assert_eq!(Times::read(&claims), Err(BadTimes::WrongType(name)), "{bad}");
            }
        }
    }

    #[test]
    fn times_are_checked_with_leeway() {
        let times = read(&json!({"exp": 1000, "nbf": 900.5, "iat": 900})).unwrap();
        let leeway = Duration::from_secs(10);
        let at = |s| times.check(Timestamp::from_seconds(s), leeway);
        assert_eq!(at(889), Err(BadTimes::Early));
        assert_eq!(at(891), Ok(()));
        assert_eq!(at(1009), Ok(()));
        assert_eq!(at(1010), Err(BadTimes::Ended));
        assert_eq!(
            read(&json!({})).unwrap().check(Timestamp::from_seconds(1), leeway),
            Err(BadTimes::Missing("exp"))
        );
    }
}
