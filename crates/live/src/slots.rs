//! The typed layer: the slot's type names the value's type, so a key cannot fetch something else.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Key, Live, LiveError, Lost, Result, Version};

/// A kind of slot.
pub trait Slot {
    /// Its name in keys.
    const KIND: &'static str;
    /// How long a slot is kept at most after its last write with a time to live.
    const TTL: Duration;
    /// At the cap the slot that would end first makes room, instead of nobody getting one: a flood of starts then
    /// drops what is oldest and locks nobody out. Only for slots whose loss means "start again".
    const MAKES_ROOM: bool = false;
    /// What it holds.
    type Value: Serialize + DeserializeOwned + Send + Sync;
}

/// All slots of one kind.
pub struct Slots<S: Slot> {
    live: Arc<dyn Live>,
    kind: PhantomData<fn() -> S>,
}

impl<S: Slot> Clone for Slots<S> {
    fn clone(&self) -> Self {
        Self { live: Arc::clone(&self.live), kind: PhantomData }
    }
}

impl<S: Slot> Slots<S> {
    /// The slots of this kind in that live store.
    #[must_use]
    pub fn of(live: &Arc<dyn Live>) -> Self {
        Self { live: Arc::clone(live), kind: PhantomData }
    }

    fn key(id: &str) -> Key {
        Key { kind: S::KIND, id: id.to_owned() }
    }

    fn encode(value: &S::Value) -> Result<Bytes> {
        // Kept for minutes: without the room that growing has left over.
        let bytes = serde_json::to_vec(value).map_err(|_| LiveError::Corrupt(S::KIND))?;
        Ok(Bytes::from(bytes.into_boxed_slice()))
    }

    fn decode(bytes: &Bytes) -> Result<S::Value> {
        serde_json::from_slice(bytes).map_err(|_| LiveError::Corrupt(S::KIND))
    }

    /// Writes, whatever was there.
    ///
    /// # Errors
    /// The live store is unavailable or full.
    pub async fn put(&self, id: &str, value: &S::Value) -> Result<Version> {
        let (key, value) = (Self::key(id), Self::encode(value)?);
        if S::MAKES_ROOM {
            self.live.put_making_room(&key, value, S::TTL).await
        } else {
            self.live.put(&key, value, S::TTL).await
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// The live store is unavailable, or the value is corrupt.
    pub async fn get(&self, id: &str) -> Result<Option<(S::Value, Version)>> {
        match self.live.get(&Self::key(id)).await? {
            Some((bytes, version)) => Ok(Some((Self::decode(&bytes)?, version))),
            None => Ok(None),
        }
    }

    /// Writes only if nobody wrote since `seen`.
    ///
    /// # Errors
    /// The live store is unavailable.
    pub async fn swap(&self, id: &str, seen: Version, value: &S::Value) -> Result<Result<Version, Lost>> {
        self.live.swap(&Self::key(id), seen, Self::encode(value)?, None).await
    }

    /// As [`Slots::swap`], and from now on it is kept for so long, whatever was left.
    ///
    /// # Errors
    /// The live store is unavailable.
    pub async fn swap_for(
        &self,
        id: &str,
        seen: Version,
        value: &S::Value,
        ttl: Duration,
    ) -> Result<Result<Version, Lost>> {
        self.live.swap(&Self::key(id), seen, Self::encode(value)?, Some(ttl)).await
    }

    /// Reads and removes in one move.
    ///
    /// # Errors
    /// The live store is unavailable, or the value is corrupt.
    pub async fn take(&self, id: &str) -> Result<Option<S::Value>> {
        match self.live.take(&Self::key(id)).await? {
            Some(bytes) => Self::decode(&bytes).map(Some),
            None => Ok(None),
        }
    }
}
