//! The code that is typed in place of a link.
//!
//! Owns: how it is hashed, and how its tries are counted so that guessing is hopeless: by the account it is tried for,
//! by the network, and by the code itself, which somebody might try for many accounts.

use app::Refusal;
use app::throttle::{self, Rule};
use domain::{AccountId, ClientAddress, EnrolmentCode, SecretHash, Username};

use super::Permitted;
use crate::Registry;

impl Registry {
    /// A new code of so many characters.
    pub(crate) fn new_code(&self, length: u32) -> EnrolmentCode {
        let length = usize::try_from(length).unwrap_or_default().clamp(8, 24);
        loop {
            // Of 128 bytes some 120 are of use.
            if let Some(code) = EnrolmentCode::from_random(&self.app.entropy().bytes::<128>(), length) {
                return code;
            }
        }
    }

    /// What is kept of a code: it is short, so that a plain hash could be searched by whoever reads the database.
    pub(crate) fn code_hash(&self, account: &AccountId, code: &EnrolmentCode) -> Result<SecretHash, Refusal> {
        let mut data = account.as_bytes().to_vec();
        data.extend_from_slice(code.letters().as_bytes());
        Ok(SecretHash(self.app.lasting_mac("enrolment code", &data)?))
    }

    /// Takes the enrolment that this code is of. Unknown names, wrong codes and late ones are the same, also in what
    /// they cost (SEC-165).
    pub(super) async fn permitted_by_code(
        &self,
        username: &str,
        code: &str,
        address: ClientAddress,
    ) -> Result<Permitted, Refusal> {
        let throttle = self.app.throttle();
        throttle.hit(Rule::EnrolCodeAddress, &throttle::network(address)).await?;
        let username: Username = username.parse().map_err(|_| Refusal::Gone)?;
        throttle.hit(Rule::EnrolCodeAccount, username.key()).await?;
        let code = EnrolmentCode::parse(code).ok_or(Refusal::Gone)?;
        throttle.hit(Rule::EnrolCode, code.letters()).await?;
        let found = self.app.store().read().await?.account_by_username(username.key()).await?;
        let account = found.map_or_else(|| self.app.entropy().id(), |account| account.id);
        let hash = self.code_hash(&account, &code)?;
        let mut work = self.app.store().begin().await?;
        let taken = work.take_enrolment_by_code(&account, &hash, self.app.now()).await?;
        self.permitted(work, taken.ok_or(Refusal::Gone)?, address).await
    }
}
