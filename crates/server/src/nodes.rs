//! What the nodes of an installation agree on.
//!
//! Owns: the issuer that the database belongs to, the installation's number, and that the live store is of the same
//! installation. Not here: the wrapping key (`provider::keys::check`), the schema (`store_sql`).

use std::sync::Arc;
use std::time::Duration;

use app::{App, Refusal};
use bytes::Bytes;
use live::{Key, Live, LiveError};
use store::Store;

use crate::failure::Failure;

const ISSUER: &str = "issuer";
const INSTALLATION: &str = "installation";
/// The mark in the live store outlives every pause of an installation that matters; it is renewed while a node runs.
const MARK_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Compares issuer and installation with what the database knows; a new database takes them over.
///
/// # Errors
/// The database belongs to another issuer, or cannot be used.
pub async fn agree(app: &App) -> Result<Installation, Failure> {
    let mut view = app.store().read().await.map_err(Refusal::from)?;
    let issuer = view.setting(ISSUER).await.map_err(Refusal::from)?;
    let number = view.setting(INSTALLATION).await.map_err(Refusal::from)?;
    drop(view);
    let (issuer, number) = match (issuer, number) {
        (Some(issuer), Some(number)) => (issuer, number),
        _ => app.repeatable(|| found(app)).await?,
    };
    let ours = app.issuer().as_str();
    if issuer != ours {
        return Err(Failure::new(format!(
            "This database belongs to the issuer {issuer}, and issuer.url is {ours}. Correct issuer.url, or, to move the installation on purpose, stop all its nodes and run `latchbolt migrate --adopt-issuer`."
        )));
    }
    Ok(Installation { number })
}

/// Of several nodes that start together on a new database the first one's word counts.
async fn found(app: &App) -> Result<(String, String), Refusal> {
    let number = format!("{:032x}", u128::from_be_bytes(app.entropy().bytes()));
    let mut work = app.store().begin().await?;
    let issuer = work.keep_setting(ISSUER, app.issuer().as_str()).await?;
    let number = work.keep_setting(INSTALLATION, &number).await?;
    work.commit().await?;
    Ok((issuer, number))
}

/// Moves the database to another issuer; answers the one before.
///
/// # Errors
/// The store.
pub async fn adopt_issuer(store: &dyn Store, issuer: &str) -> Result<Option<String>, Refusal> {
    let mut work = store.begin().await?;
    let before = work.setting(ISSUER).await?;
    work.replace_setting(ISSUER, issuer).await?;
    work.commit().await?;
    Ok(before)
}

/// The installation that a node belongs to.
#[derive(Debug, Clone)]
pub struct Installation {
    number: String,
}

/// Why a live store is not this installation's.
#[derive(Debug, thiserror::Error)]
pub enum NotOurs {
    /// Another installation uses it under the same prefix.
    #[error(
        "this live store is used by another installation: set live.prefix to something of this installation's own, \
         or live.url to another store"
    )]
    Anothers,
    /// It cannot be asked.
    #[error("{0}")]
    Live(#[from] LiveError),
}

impl Installation {
    /// Leaves this installation's mark in the live store, or renews it.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub async fn mark(&self, live: &Arc<dyn Live>) -> Result<(), NotOurs> {
        let key = Key { kind: INSTALLATION, id: "id".to_owned() };
        if let Some((number, _)) = live.get(&key).await?
            && number != self.number.as_bytes()
        {
            return Err(NotOurs::Anothers);
        }
        live.put(&key, Bytes::from(self.number.clone()), MARK_LIFE).await?;
        // Another one may have begun in the same moment: the later mark stays, and the earlier one sees it.
        match live.get(&key).await? {
            Some((number, _)) if number != self.number.as_bytes() => Err(NotOurs::Anothers),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters;

    #[tokio::test]
    async fn a_live_store_belongs_to_one_installation() {
        let live = adapters::own_live();
        let (one, other) = (Installation { number: "1".to_owned() }, Installation { number: "2".to_owned() });
        one.mark(&live).await.unwrap();
        one.mark(&live).await.unwrap();
        let refused = other.mark(&live).await.unwrap_err();
        assert!(matches!(refused, NotOurs::Anothers) && refused.to_string().contains("live.prefix"));
        let empty = adapters::own_live();
        other.mark(&empty).await.unwrap();
    }
}
