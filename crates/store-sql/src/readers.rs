//! Connections that only read, beside the writer.
//!
//! Owns: how many there are and who has one. A read takes one for one statement: what it sees is
//! committed. Not sqlx's pool, which asks a connection for a sign of life before and after each use: two
//! more trips to its thread for every statement.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use store::{Result, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::work::translate;

pub(crate) struct Readers {
    options: SqliteConnectOptions,
    free: Mutex<Vec<SqliteConnection>>,
    places: Semaphore,
}

/// A connection on loan; goes back when dropped.
pub(crate) struct Lent<'a> {
    connection: Option<SqliteConnection>,
    readers: &'a Readers,
    // After the connection is back.
    _place: SemaphorePermit<'a>,
}

impl Readers {
    pub(crate) fn new(options: SqliteConnectOptions, count: u32) -> Self {
        Self { options, free: Mutex::default(), places: Semaphore::new(count as usize) }
    }

    fn free(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends a connection; waits until one is free.
    pub(crate) async fn lend(&self) -> Result<Lent<'_>> {
        let closed = |_| StoreError::Unavailable("the store is closed".into());
        let place = self.places.acquire().await.map_err(closed)?;
        let free = self.free().pop();
        let connection = match free {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(|why| translate(&why))?,
        };
        Ok(Lent { connection: Some(connection), readers: self, _place: place })
    }

    /// Lends none from now on and closes those that are free; the others close when they come back.
    pub(crate) async fn close(&self) {
        self.places.close();
        let free = std::mem::take(&mut *self.free());
        for connection in free {
            if let Err(why) = connection.close().await {
                tracing::warn!(%why, "A reading connection did not close");
            }
        }
    }
}

impl Lent<'_> {
    /// The connection.
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or_else(|| StoreError::Unavailable("the connection is gone".into()))
    }

    /// Does not give the connection back: it is no good any more.
    pub(crate) fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.readers.places.is_closed()
        {
            self.readers.free().push(connection);
        }
    }
}
