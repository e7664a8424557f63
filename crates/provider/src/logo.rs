//! Logos of relying parties, shown to people by us.
//!
//! Owns: fetching them, what counts as a picture, and keeping them for a while. Not here: the request (`outbound`),
//! the pages.
//!
//! A browser gets no address of a relying party's before its person decided anything: the relying party would learn
//! who looks at the page. Only pictures that can do nothing pass, by their first bytes; a drawing (SVG) is a document
//! and does not.

use std::sync::Arc;
use std::time::Duration;

use app::Refusal;
use bytes::Bytes;
use domain::{Client, ClientId};
use moka::Expiry;
use moka::future::Cache;
use url::Url;

use crate::Provider;

/// The largest logo in bytes.
const LARGEST: usize = outbound::MAX_BYTES;
/// A logo is fetched again after this.
const KEPT: Duration = Duration::from_secs(3600);
/// One that could not be had is tried again after this.
const MISSED: Duration = Duration::from_secs(60);
/// About how many bytes of logos are kept at most.
const BYTES: u64 = 16 * 1024 * 1024;
const ACCEPT: &str = "image/png, image/jpeg, image/gif, image/webp";

/// A picture, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    /// `Content-Type`, by its first bytes.
    pub content_type: &'static str,
    /// The picture.
    pub bytes: Bytes,
}

/// Logos by client and registered address: a changed address is another logo.
pub(crate) struct LogoCache(Cache<(ClientId, String), Option<Arc<Logo>>>);

struct Life;

impl Expiry<(ClientId, String), Option<Arc<Logo>>> for Life {
    fn expire_after_create(
        &self,
        _: &(ClientId, String),
        logo: &Option<Arc<Logo>>,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(if logo.is_some() { KEPT } else { MISSED })
    }
}

impl LogoCache {
    pub(crate) fn new() -> Self {
        let weigh = |(id, uri): &(ClientId, String), logo: &Option<Arc<Logo>>| {
            let bytes = logo.as_ref().map_or(0, |logo| logo.bytes.len());
            u32::try_from(bytes + id.as_str().len() + uri.len() + 300).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(BYTES).weigher(weigh).expire_after(Life).build())
    }
}

impl Provider {
    /// The logo of a client; of many who ask at once one fetches it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such client, it has no logo, or it cannot be had; the store is
    /// unavailable.
    pub async fn logo(&self, id: &ClientId) -> Result<Arc<Logo>, Refusal> {
        let client = self.app().clients().find(id).await?.filter(|client| client.is_enabled);
        let client = client.ok_or(Refusal::NotFound)?;
        let uri = client.logo_uri.clone().ok_or(Refusal::NotFound)?;
        let key = (client.id.clone(), uri.clone());
        let kept = self.logos().0.get_with(key, self.fetch_logo(&client, &uri)).await;
        kept.ok_or(Refusal::NotFound)
    }

    async fn fetch_logo(&self, client: &Client, uri: &str) -> Option<Arc<Logo>> {
        let url = Url::parse(uri).ok()?;
        let fetched = match self.app().outbound().get(&url, ACCEPT, LARGEST).await {
            Ok(fetched) => fetched,
            Err(why) => {
                tracing::warn!(client = %client.id, %why, "A logo could not be fetched");
                return None;
            }
        };
        let Some(content_type) = picture(&fetched.body) else {
            tracing::warn!(client = %client.id, "A logo is no PNG, JPEG, GIF or WebP");
            return None;
        };
        Some(Arc::new(Logo { content_type, bytes: fetched.body }))
    }
}

/// What kind of picture begins so. What the sender says of it does not count.
fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::picture;

    #[test]
    fn pictures_are_told_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a..", Some("image/gif")),
            (b"GIF87a", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x01\x02\x03\x04WAVE", None),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"<?xml version='1.0'?><svg/>", None),
            (b"<!doctype html><script>alert(1)</script>", None),
            (b"\x89PNG", None),
            (b"GIF88a", None),
            (b"", None),
        ] {
            assert_eq!(picture(bytes), expected);
        }
    }
}
