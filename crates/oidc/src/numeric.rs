//! NumericDate claims (RFC 7519 §2) read without guessing.

use serde_json::{Map, Value};

/// The last second of the year 9999: later dates are mistakes.
const LATEST: f64 = 253_402_300_799.0;

/// Whole seconds since 1970 of this claim; `Ok(None)` where it is absent.
///
/// # Errors
/// It is there and no such date: a string, a list, negative or huge.
pub(crate) fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, ()> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..=LATEST).contains(seconds)).ok_or(())?;
    #[expect(clippy::cast_possible_truncation, reason = "range checked above")]
    let whole = seconds as i64;
    Ok(Some(whole))
}
