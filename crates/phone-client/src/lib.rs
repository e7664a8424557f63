//! A phone without a screen: the library for native apps and the command-line phone.
//!
//! Owns: a device key and its renewal, enrolment, scanning, deciding, the list of sign-ins a phone approved, and
//! moving to a new phone, over the JSON API `/api/phone/v1`; reading a QR from a picture; a state file.
//! Not here: the messages that are signed (`qr`, shared with the server so that both sides cannot
//! disagree), the web app at `/phone` (which does the same in a browser).
//!
//! ```no_run
//! # async fn example() -> phone_client::Result<()> {
//! use phone_client::{Credentials, Introduction, Phone, Service};
//!
//! let service = Service::at("https://id.example")?;
//! let credentials = Credentials::Password { username: "ada".into(), password: "…".into() };
//! let introduction =
//!     Introduction { name: "Ada's phone".into(), platform: "Linux".into(), agree: true };
//! let phone = Phone::enrol(service, credentials, introduction).await?;
//! let claim = phone.scan("https://id.example/s#1AAAAAAAAAAAAAAAAAAAAAA").await?;
//! for (label, value) in claim.facts.in_words() {
//!     println!("{label}: {value}");
//! }
//! phone.approve(&claim, "123").await?;
//! # Ok(())
//! # }
//! ```

mod error;
mod facts;
mod key;
mod link;
mod moves;
mod phone;
mod picture;
mod renewal;
mod service;
mod state;
#[cfg(test)]
mod vectors;

pub use error::{PhoneError, Result};
pub use facts::{BrowserFacts, ClientFacts, Facts, PlaceFacts};
pub use key::DeviceKeyPair;
pub use link::{EnrolmentLink, SignInLink};
pub use moves::{MoveOffer, MoveStanding, Newcomer};
pub use phone::{ApprovedSession, Claim, Credentials, Decision, Introduction, Owner, Phone, Standing};
pub use picture::{read_qr, read_qr_file};
pub use service::{Answer, Clock, Options, Service};
pub use state::StateFile;
