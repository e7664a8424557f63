//! The admin API as commands call it.
//!
//! Owns: the API mounted for the operator and called as a service without a socket, so that a command can do what the API
//! can and needs no running server; reading its answers; and what a refusal of it means on the command line.
//! Not here: the same over HTTP (`remote`), the API itself (`web-admin`), what is printed (`commands`).

mod remote;

use std::future::Future;
use std::pin::Pin;

use actix_web::body::to_bytes;
use actix_web::dev::Service;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH};
use actix_web::http::{Method, StatusCode};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error};
use serde_json::Value;
use web::Refused;
use web_admin::api::BASE;

pub use remote::Remote;

use crate::config::Config;
use crate::failure::{self, Failure};
use crate::wiring::{self, Ground};

/// Items of a page.
const PAGE: u32 = 200;
const JSON: &str = "application/json";
/// The word of a server that cannot be asked; its sentence says why.
const UNREACHABLE: &str = "unreachable";

/// A request.
struct Asked {
    method: Method,
    /// With its query, under the API's base.
    path: String,
    /// The version that is changed.
    seen: Option<String>,
    /// Content type and bytes.
    body: Option<(String, Vec<u8>)>,
}

impl Asked {
    fn new(method: Method, path: &str) -> Self {
        Self { method, path: path.to_owned(), seen: None, body: None }
    }
}

/// An answer that is no refusal, as it came.
struct Came {
    bytes: Vec<u8>,
    etag: Option<String>,
}

type Called = Pin<Box<dyn Future<Output = Result<Came, Box<Refused>>>>>;

/// The admin API.
pub struct Api {
    call: Box<dyn Fn(Asked) -> Called>,
    /// What it works on; none: another computer's.
    ground: Option<Ground>,
}

/// An answer that is no refusal.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its JSON; null where there is no body.
    pub body: Value,
    /// Its version, as `If-Match` wants it.
    pub etag: Option<String>,
}

impl Api {
    /// The API over these use cases.
    ///
    /// # Errors
    /// The use cases cannot be set up.
    pub async fn new(config: &Config, ground: &Ground) -> Result<Self, Failure> {
        let (admin, web) = wiring::operators_api(config, ground)?;
        let mounted = App::new().configure(|cfg| {
            web::mount(cfg, &web);
            web_admin::mount_api(cfg, &admin);
        });
        let service = init_service(mounted).await;
        let call = move |asked: Asked| -> Called {
            let mut request = TestRequest::with_uri(&format!("{BASE}{}", asked.path))
                .method(asked.method)
                .insert_header((ACCEPT, JSON));
            if let Some(seen) = asked.seen {
                request = request.insert_header((IF_MATCH, seen));
            }
            if let Some((kind, bytes)) = asked.body {
                request = request.insert_header((CONTENT_TYPE, kind)).set_payload(bytes);
            }
            let called = service.call(request.to_request());
            Box::pin(async move {
                let answer = called.await.map_err(|error: Error| broken(&error))?.map_into_boxed_body();
                let status = answer.status();
                if let Some(refused) = answer.response().error().and_then(|error| error.as_error::<Refused>())
                {
                    return Err(Box::new(refused.clone()));
                }
                if !status.is_success() {
                    return Err(Box::new(Refused::of_status(status)));
                }
                let etag = answer.headers().get(ETAG).and_then(|value| value.to_str().ok());
                let etag = etag.map(str::to_owned);
                let bytes = to_bytes(answer.into_body()).await.map_err(|error| broken(&error))?;
                Ok(Came { bytes: bytes.to_vec(), etag })
            })
        };
        Ok(Self { call: Box::new(call), ground: Some(ground.clone()) })
    }

    /// The API of a server elsewhere.
    #[must_use]
    pub fn at(remote: Remote) -> Self {
        let call = move |asked: Asked| -> Called { Box::pin(remote.clone().call(asked)) };
        Self { call: Box::new(call), ground: None }
    }

    /// What the server works on: for what is done beside it and nowhere else.
    ///
    /// # Errors
    /// The server is another computer's.
    pub fn ground(&self) -> Result<&Ground, Failure> {
        self.ground.as_ref().ok_or_else(only_here)
    }

    /// Calls a route; `path` with its query, under the API's base.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        seen: Option<&str>,
    ) -> Result<Answered, Box<Refused>> {
        let mut asked = Asked::new(method.parse().unwrap_or_default(), path);
        asked.seen = seen.map(str::to_owned);
        asked.body = body.map(|body| (JSON.to_owned(), body.to_string().into_bytes()));
        let Came { bytes, etag } = (self.call)(asked).await?;
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or_default() };
        Ok(Answered { body, etag })
    }

    /// Sends a file.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn upload(&self, path: &str, content_type: &str, file: Vec<u8>) -> Result<Value, Box<Refused>> {
        let mut asked = Asked::new(Method::POST, path);
        asked.body = Some((content_type.to_owned(), file));
        let came = (self.call)(asked).await?;
        Ok(serde_json::from_slice(&came.bytes).unwrap_or_default())
    }

    /// Fetches a file.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn download(&self, path: &str) -> Result<Vec<u8>, Box<Refused>> {
        Ok((self.call)(Asked::new(Method::GET, path)).await?.bytes)
    }

    /// Works on long work that waits, as a server does: no server need run. One elsewhere does that by itself.
    ///
    /// # Errors
    /// The store.
    pub async fn work(&self) -> Result<(), Failure> {
        if let Some(ground) = &self.ground {
            while ground.registry.run_jobs("command line").await? {}
        }
        Ok(())
    }

    /// Reads one thing.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn get(&self, path: &str) -> Result<Value, Box<Refused>> {
        Ok(self.call("GET", path, None, None).await?.body)
    }

    /// Reads a whole list, page by page.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>, Box<Refused>> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut next = String::new();
        loop {
            let page = self.get(&format!("{path}{join}limit={PAGE}{next}")).await?;
            rows.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(cursor) => next = format!("&cursor={}", escaped(cursor)),
                None => return Ok(rows),
            }
        }
    }

    /// Reads a list that has no pages.
    ///
    /// # Errors
    /// What the API refuses.
    pub async fn items(&self, path: &str) -> Result<Vec<Value>, Box<Refused>> {
        Ok(self.get(path).await?["items"].as_array().cloned().unwrap_or_default())
    }
}

/// What is done beside the server's database and nowhere else.
#[must_use]
pub fn only_here() -> Failure {
    Failure::new("This works on the server's own computer alone. Leave out --server, and run it there.")
}

fn broken(error: &dyn std::fmt::Display) -> Box<Refused> {
    Box::new(Refused::of_status(StatusCode::INTERNAL_SERVER_ERROR).because(error))
}

/// A text as a part of a path or a query's value.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// A refusal about a thing of this kind and name, as a sentence.
#[must_use]
pub fn failure(kind: &str, name: &str, refused: &Refused) -> Failure {
    let field = refused.more.as_ref().and_then(|more| more.get("field")).and_then(Value::as_str);
    match (refused.status.as_u16(), &*refused.code, field) {
        (_, UNREACHABLE, _) => Failure::new(refused.detail.clone()),
        (404, "not_found", _) => Failure::about(kind, name, &app::Refusal::NotFound),
        (409, "conflict", Some(field)) => match failure::known_conflict(field) {
            Some(known) => Failure::about(kind, name, &app::Refusal::Conflict(known)),
            None => Failure::new(format!("{field}: {} Choose another.", refused.detail)),
        },
        (412, ..) => {
            Failure::new(format!("The {kind} `{name}` was changed meanwhile. Look at it and try again."))
        }
        (500.., ..) => match &refused.cause {
            Some(cause) if refused.status.as_u16() == 503 => {
                Failure::about(kind, name, &app::Refusal::Unavailable(cause.to_string()))
            }
            Some(cause) => Failure::about(kind, name, &app::Refusal::Corrupt(cause.to_string())),
            None if refused.status.as_u16() == 503 => Failure::new("Too busy right now. Try again soon."),
            None => Failure::new(format!("The server failed: {} Look into its log.", refused.detail)),
        },
        (_, _, Some(field)) => {
            let why = refused.detail.trim_end_matches('.');
            let why = why.strip_prefix(field).and_then(|why| why.strip_prefix(": ")).unwrap_or(why);
            Failure::new(format!("{field}: {why}. Correct it and try again."))
        }
        _ => Failure::new(failure::sentence(&refused.detail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_for_addresses() {
        assert_eq!(escaped("a b/c?d=ä&%"), "a%20b%2Fc%3Fd%3D%C3%A4%26%25");
        assert_eq!(escaped("acc_x-1.~"), "acc_x-1.~");
    }

    #[test]
    fn refusals_become_sentences() {
        let said = |refusal: app::Refusal| failure("user", "ada", &Refused::from(refusal)).to_string();
        assert_eq!(said(app::Refusal::NotFound), "There is no user `ada`. See `latchbolt user list`.");
        let invalid = app::Refusal::Invalid { field: "name", why: "is too long" };
        assert_eq!(said(invalid), "name: is too long. Correct it and try again.");
        let busy = app::Refusal::Busy { retry_after: std::time::Duration::from_secs(1) };
        assert_eq!(said(busy), "Too busy right now. Try again soon.");
        let cause = "store unavailable: disk I/O error".to_owned();
        assert!(said(app::Refusal::Unavailable(cause)).starts_with("The database cannot be used"));
    }
}
