//! Whom a client knows a person as (OpenID Connect Core §8).
//!
//! Owns: public and pairwise subjects, both ways. A pairwise subject is the account's id under a permutation that
//! only we know, another for each sector: so no two accounts of a sector share one, none can be computed from
//! another sector's, and nothing has to be kept (SEC-132).
//! Not here: which sector a client is of (`oidc::registration`).

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use app::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AccountId, Client, SubjectType};

use crate::Provider;

const PAIRWISE: &str = "pairwise subject";

impl Provider {
    /// The `sub` of this person for this client.
    ///
    /// # Errors
    /// The lasting key is not loaded.
    pub(crate) fn subject_of(&self, client: &Client, account: &AccountId) -> Result<String, Refusal> {
        match &client.metadata.subject {
            SubjectType::Public => Ok(account.to_string()),
            SubjectType::Pairwise { sector } => {
                let mut block = (*account.as_bytes()).into();
                self.permutation(sector)?.encrypt_block(&mut block);
                Ok(URL_SAFE_NO_PAD.encode(block))
            }
        }
    }

    /// The account that a client means by this `sub`; there need not be such an account.
    pub(crate) fn account_of(&self, client: &Client, sub: &str) -> Option<AccountId> {
        match &client.metadata.subject {
            SubjectType::Public => sub.parse().ok(),
            SubjectType::Pairwise { sector } => {
                let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(sub).ok()?.try_into().ok()?;
                let mut block = bytes.into();
                self.permutation(sector).ok()?.decrypt_block(&mut block);
                Some(AccountId::from_random(block.into()))
            }
        }
    }

    fn permutation(&self, sector: &str) -> Result<Aes256, Refusal> {
        let key = self.app().lasting_mac(PAIRWISE, sector.as_bytes())?;
        Ok(Aes256::new(&key.into()))
    }
}
