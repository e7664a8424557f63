//! The registry as this store has it: empty.

use async_trait::async_trait;
use domain::{Account, AccountId, Client, ClientId, SecretHash, Timestamp};
use store::Result;

use super::FakeView;

#[async_trait]
impl store::Administration for FakeView {
    async fn api_key(&mut self, _: &domain::ApiKeyId) -> Result<Option<(domain::ApiKey, SecretHash)>> {
        Ok(None)
    }
    async fn api_keys(&mut self, _: Option<&domain::Cursor>, _: u32) -> Result<Vec<domain::ListedApiKey>> {
        Ok(Vec::new())
    }
    async fn find_sessions(
        &mut self,
        _: &domain::SessionFilter,
        _: Option<&domain::Cursor>,
        _: u32,
        _: Timestamp,
    ) -> Result<Vec<domain::ListedSession>> {
        Ok(Vec::new())
    }
    async fn find_consents(
        &mut self,
        _: Option<&AccountId>,
        _: Option<&ClientId>,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<domain::ListedConsent>> {
        Ok(Vec::new())
    }
    async fn find_clients(
        &mut self,
        _: &str,
        _: Option<bool>,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<Client>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl store::Enrolments for FakeView {
    async fn enrolment(&mut self, _: &domain::EnrolmentId) -> Result<Option<(domain::Enrolment, Account)>> {
        Ok(None)
    }
    async fn enrolments(
        &mut self,
        _: store::EnrolmentFilter<'_>,
        _: Option<&domain::Cursor>,
        _: u32,
        _: Timestamp,
    ) -> Result<Vec<(domain::Enrolment, Account)>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl store::Factors for FakeView {
    async fn factors_held(&mut self, _: &AccountId) -> Result<Option<domain::Held>> {
        Ok(None)
    }
    async fn totp(&mut self, _: &AccountId) -> Result<Option<domain::Totp>> {
        Ok(None)
    }
    async fn wrong_in_browser(&mut self, _: &AccountId, _: &SecretHash) -> Result<Option<u32>> {
        Ok(None)
    }
    async fn recovery(&mut self, _: &domain::RecoveryId) -> Result<Option<domain::Recovery>> {
        Ok(None)
    }
    async fn recovery_by_token(&mut self, _: &SecretHash) -> Result<Option<domain::Recovery>> {
        Ok(None)
    }
    async fn recoveries(
        &mut self,
        _: &store::RecoveryFilter,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<domain::ListedRecovery>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl store::Jobs for FakeView {
    async fn job(&mut self, _: &domain::JobId) -> Result<Option<domain::Job>> {
        Ok(None)
    }
    async fn jobs(
        &mut self,
        _: store::JobFilter,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<domain::Job>> {
        Ok(Vec::new())
    }
    async fn job_rows(
        &mut self,
        _: &domain::JobId,
        _: store::RowFilter,
        _: u32,
        _: u32,
    ) -> Result<Vec<domain::JobRow>> {
        Ok(Vec::new())
    }
    async fn job_secrets(&mut self, _: &domain::JobId, _: u32, _: u32) -> Result<Vec<store::SecretRow>> {
        Ok(Vec::new())
    }
    async fn is_work_due(&mut self, _: Timestamp) -> Result<bool> {
        Ok(false)
    }
    async fn accounts_named(&mut self, _: &[String]) -> Result<Vec<store::FoundAccount>> {
        Ok(Vec::new())
    }
    async fn accounts_with_ids(&mut self, _: &[String]) -> Result<Vec<store::FoundAccount>> {
        Ok(Vec::new())
    }
    async fn accounts_that_fit(
        &mut self,
        _: store::AccountFit<'_>,
        _: &str,
        _: u32,
    ) -> Result<Vec<store::FoundAccount>> {
        Ok(Vec::new())
    }
    async fn devices_with_ids(&mut self, _: &[String]) -> Result<Vec<store::FoundDevice>> {
        Ok(Vec::new())
    }
    async fn devices_with_keys(&mut self, _: &[String]) -> Result<Vec<store::FoundDevice>> {
        Ok(Vec::new())
    }
    async fn devices_that_fit(
        &mut self,
        _: store::DeviceFit<'_>,
        _: &str,
        _: u32,
    ) -> Result<Vec<store::FoundDevice>> {
        Ok(Vec::new())
    }
    async fn sessions_with_ids(&mut self, _: &[String], _: Timestamp) -> Result<Vec<store::FoundSession>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl store::Notices for FakeView {
    async fn notice(&mut self, _: &domain::NoticeId) -> Result<Option<domain::Notice>> {
        Ok(None)
    }
    async fn notices_of(
        &mut self,
        _: &AccountId,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<domain::Notice>> {
        Ok(Vec::new())
    }
    async fn unseen_notices(&mut self, _: &AccountId) -> Result<u64> {
        Ok(0)
    }
    async fn waiting_link(&mut self, _: &AccountId, _: &str, _: Timestamp) -> Result<Option<domain::Notice>> {
        unreachable!()
    }

    async fn has_due_mail(&mut self, _: Timestamp) -> Result<bool> {
        Ok(false)
    }
    async fn mail_counts(&mut self, _: Timestamp) -> Result<domain::MailCounts> {
        Ok(domain::MailCounts::default())
    }
    async fn mails(
        &mut self,
        _: domain::MailState,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<domain::Notice>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl store::People for FakeView {
    async fn decided(&mut self) -> Result<store::Decided> {
        Ok(store::Decided::default())
    }
    async fn person(&mut self, _: &AccountId) -> Result<Option<domain::Person>> {
        Ok(None)
    }
    async fn people(
        &mut self,
        _: &domain::PeopleFilter,
        _: &domain::PeoplePage<'_>,
    ) -> Result<Vec<domain::Person>> {
        Ok(Vec::new())
    }
    async fn count_people(&mut self) -> Result<u64> {
        Ok(0)
    }
    async fn group(&mut self, _: &domain::GroupId) -> Result<Option<(domain::Group, u32)>> {
        Ok(None)
    }
    async fn group_by_name(&mut self, _: &str) -> Result<Option<domain::Group>> {
        Ok(None)
    }
    async fn groups(
        &mut self,
        _: &str,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<(domain::Group, u32)>> {
        Ok(Vec::new())
    }
    async fn groups_of(&mut self, _: &AccountId) -> Result<Vec<domain::Group>> {
        Ok(Vec::new())
    }
    async fn group_members(
        &mut self,
        _: &domain::GroupId,
        _: Option<&domain::Cursor>,
        _: u32,
    ) -> Result<Vec<Account>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl store::Statistics for FakeView {
    async fn counted(&mut self, _: i64, _: i64, _: u32) -> Result<Vec<store::Count>> {
        Ok(Vec::new())
    }
    async fn histogram(&mut self, _: &str, _: i64, _: i64) -> Result<Vec<store::Count>> {
        Ok(Vec::new())
    }
    async fn live_sessions(&mut self, _: Timestamp, _: u32) -> Result<u64> {
        Ok(0)
    }
}
