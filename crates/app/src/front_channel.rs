//! Telling relying parties by the browser that signs out.
//!
//! Owns: what a session that its person ended leaves behind, and asking every protocol for the frames that tell its
//! relying parties. Not here: their addresses (the protocols' use cases), the page (the doors).

use std::sync::Arc;

use async_trait::async_trait;
use domain::{SessionId, Timestamp};
use store::{CasLogin, SessionClient};
use url::Url;

use crate::Refusal;

/// Frames on one page.
const MOST_FRAMES: usize = 50;

/// A session that its person ended, and where it had led.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub session: SessionId,
    /// Ended.
    pub at: Timestamp,
    /// Relying parties that want to know.
    pub clients: Vec<SessionClient>,
    /// CAS services that want to know.
    pub services: Vec<CasLogin>,
}

/// A protocol whose relying parties can be told by frames of a page.
#[async_trait]
pub trait FrontChannel: Send + Sync {
    /// The addresses that the browser loads.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    async fn frames(&self, left: &Left) -> Result<Vec<Url>, Refusal>;
}

/// All protocols. Cloning copies a pointer.
#[derive(Clone)]
pub struct FrontChannels(Arc<[Arc<dyn FrontChannel>]>);

impl FrontChannels {
    /// These.
    #[must_use]
    pub fn new(all: Vec<Arc<dyn FrontChannel>>) -> Self {
        Self(all.into())
    }

    /// The frames of all protocols, as many as one page has.
    ///
    /// # Errors
    /// The store is unavailable or corrupt.
    pub async fn frames(&self, left: &Left) -> Result<Vec<Url>, Refusal> {
        let mut frames = Vec::new();
        for one in self.0.iter() {
            frames.extend(one.frames(left).await?);
        }
        if frames.len() > MOST_FRAMES {
            tracing::warn!(session.id = %left.session, "A session led to more clients than a page has frames");
            frames.truncate(MOST_FRAMES);
        }
        Ok(frames)
    }
}
