//! From refusals of use cases to what a phone is told.

use actix_web::http::StatusCode;
use app::Refusal;
use web::Refused;

/// The one table of this API. What it does not name is answered as everywhere (`web::refused`).
pub(super) fn of(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Conflict("device_limit") => Refused::new(
            StatusCode::CONFLICT,
            "too_many_devices",
            "The account has as many phones as it may have. Remove one first.",
        ),
        Refusal::Conflict("device_key") => Refused::new(
            StatusCode::CONFLICT,
            "key_known",
            "This key is or was a phone's already. Make a new one.",
        ),
        Refusal::Conflict("passkey") => {
            Refused::new(StatusCode::CONFLICT, "passkey_known", "This passkey is registered already.")
        }
        Refusal::Conflict("reverification") => Refused::new(
            StatusCode::FORBIDDEN,
            "reverification_needed",
            "This phone was not used for long. Its owner has to be verified on it first.",
        ),
        Refusal::Conflict("attestation_required") => Refused::new(
            StatusCode::FORBIDDEN,
            "attestation_required",
            "Here somebody has to vouch for a phone's key.",
        ),
        Refusal::Conflict("device_state") => {
            Refused::new(StatusCode::CONFLICT, "device_state", "Where the phone stands does not allow that.")
        }
        other => other.into(),
    }
}

/// Something else than the check code was typed.
pub(super) fn wrong_code(left: u8) -> Refused {
    Refused::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_check_code", "The check code is wrong.")
        .with("left", left)
}
