//! The one connection of a node that hears words.
//!
//! Owns: listening, noticing that it is deaf, listening again. When it goes deaf and when it hears again, every
//! listener of this node is told that words were missed: the slots are the truth.

use std::sync::Arc;
use std::time::Duration;

use live::Topics;
use sqlx::Acquire as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::{sleep, timeout};

use crate::pool::Pool;
use crate::start;

/// The channel of all words.
pub(crate) const CHANNEL: &str = "latchbolt_words";
/// How often a quiet connection is asked for a sign of life, and how long it may take.
const LOOK_AFTER: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Connects and listens.
pub(crate) async fn listen(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(LOOK_AFTER)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Listens after the server was away. It may be another one by now, or restored from a copy without the tables.
async fn listen_again(options: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let mut listener = listen(options).await?;
    start::tables(listener.acquire().await?).await?;
    Ok(listener)
}

/// Hears words for good, beginning with this connection.
pub(crate) async fn hear(
    listener: PgListener,
    options: PgConnectOptions,
    topics: Arc<Topics>,
    pool: Arc<Pool>,
) {
    let mut listener = Some(listener);
    let (mut pause, mut tries) = (FIRST_PAUSE, 0);
    loop {
        let found = match listener.take() {
            Some(found) => Ok(found),
            None => match timeout(LOOK_AFTER * 2, listen_again(&options)).await {
                Ok(found) => found.map_err(|error| error.to_string()),
                Err(_) => Err("it does not answer".to_owned()),
            },
        };
        match found {
            Ok(found) => {
                if tries > 0 {
                    tracing::info!("Words arrive from PostgreSQL again");
                    let told = Arc::clone(&topics);
                    tokio::spawn(async move { told.missed().await });
                }
                let cause = until_deaf(found, &topics).await;
                tracing::warn!(cause, "The connection that hears words from PostgreSQL is given up");
                // What it was to this one it is to all.
                pool.forget();
                // Those who wait look at once, and can say that they are cut off.
                let told = Arc::clone(&topics);
                tokio::spawn(async move { told.missed().await });
                (pause, tries) = (FIRST_PAUSE, 1);
            }
            Err(cause) => {
                tracing::debug!(cause, "Words cannot be heard from PostgreSQL");
                tries += 1;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        sleep(pause).await;
    }
}

/// Hands out words until none can come any more; says why.
async fn until_deaf(mut listener: PgListener, topics: &Topics) -> String {
    loop {
        match timeout(LOOK_AFTER, listener.try_recv()).await {
            Ok(Ok(Some(heard))) => {
                if let Some((topic, word)) = heard.payload().split_once('\n') {
                    topics.publish(topic, word);
                }
                continue;
            }
            Ok(Ok(None)) => return "it broke".to_owned(),
            Ok(Err(error)) => return error.to_string(),
            Err(_) => {}
        }
        match timeout(LOOK_AFTER, sqlx::query("SELECT 1").execute(&mut listener)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "it does not answer".to_owned(),
        }
    }
}
