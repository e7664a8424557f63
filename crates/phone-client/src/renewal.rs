//! Another key in the place of the phone's present one (SEC-082).
//!
//! The new key is kept before it is sent: when the answer is lost, the next try finds which of the two is the phone's.

use qr::approval::{Purpose, RotationProof};
use serde_json::{Value, json};

use crate::error::{PhoneError, Result};
use crate::key::DeviceKeyPair;
use crate::phone::{Phone, odd, unfit};
use crate::service::to_json;

impl Phone {
    /// Makes the key that is to take the present one's place, unless one waits already. Keep the phone
    /// (`StateFile::save`) between this and [`Phone::renew`].
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn prepare_renewal(&mut self) -> Result<()> {
        if self.next.is_none() {
            self.next = Some(DeviceKeyPair::generate()?);
        }
        Ok(())
    }

    /// Puts the prepared key in the place of the present one, which does nothing any more from then on. The caller has
    /// verified the phone's user for this, and keeps the phone whatever comes of it.
    ///
    /// # Errors
    /// The phone may not, or the service cannot be reached.
    pub async fn renew(&mut self) -> Result<()> {
        self.prepare_renewal()?;
        let Some(next) = self.next.take() else { return Ok(()) };
        match self.exchange(&next).await {
            Ok(()) => {
                self.key = next;
                Ok(())
            }
            // The answer to an earlier try may have been lost: then the next key is the phone's already.
            Err(error @ (PhoneError::Refused { .. } | PhoneError::Gone)) => {
                let present = std::mem::replace(&mut self.key, next);
                match self.standing().await {
                    Ok(_) => Ok(()),
                    Err(PhoneError::Refused { .. }) => {
                        self.key = present;
                        Err(error)
                    }
                    Err(_) => {
                        self.next = Some(std::mem::replace(&mut self.key, present));
                        Err(error)
                    }
                }
            }
            // Nobody knows whether it arrived.
            Err(error) => {
                self.next = Some(next);
                Err(error)
            }
        }
    }

    async fn exchange(&self, next: &DeviceKeyPair) -> Result<()> {
        let thumbprint = next.thumbprint();
        let proof = self.proof(Purpose::Rotate, &thumbprint).await?;
        let message = RotationProof {
            issuer: self.service.issuer(),
            device: &self.device.parse().map_err(|_| odd("device id"))?,
            nonce: &proof.nonce,
            key: &thumbprint,
        }
        .message()
        .map_err(unfit)?;
        let body: Value = json!({
            "key": next.public_jwk(),
            "signature": next.sign(message.as_bytes())?,
            "proof": proof,
        });
        self.signed("/devices/self/key", &to_json(&body)?).await?.accepted().map(|_| ())
    }
}
