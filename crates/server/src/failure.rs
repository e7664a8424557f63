//! A command that failed: one sentence and what to do.

use std::fmt;

use app::Refusal;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    what: String,
}

impl Failure {
    /// A sentence that says what is wrong and what to do.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// A refusal of a use case about a thing of this kind and name ("user", "ada").
    #[must_use]
    pub fn about(kind: &str, name: &str, refusal: &Refusal) -> Self {
        Self::new(match refusal {
            Refusal::NotFound => {
                format!("There is no {kind} `{name}`. See `latchbolt {kind} list`.")
            }
            Refusal::Conflict("username") => {
                format!("The user name `{name}` is taken. Choose another one.")
            }
            Refusal::Conflict("client_id") => {
                format!("The client_id `{name}` is taken. Choose another one, or delete that client first.")
            }
            Refusal::Conflict("device_key") => {
                "This key is known already, maybe as a revoked one. Make a new key pair.".to_owned()
            }
            Refusal::Conflict("cas_name") => {
                "A phone has this CAS id already, of this person or another. Revoke that one first."
                    .to_owned()
            }
            Refusal::Conflict("device_limit") => {
                "This person holds as many phones as they may. Revoke one first.".to_owned()
            }
            Refusal::Conflict("device_state") => {
                format!(
                    "The device `{name}` is in a state that does not allow this. See `latchbolt device list`."
                )
            }
            Refusal::Conflict("account_state") => {
                format!("The account `{name}` is disabled. Enable it first: `latchbolt user enable {name}`.")
            }
            Refusal::Conflict(what) => format!("{what} is taken already. Choose another."),
            Refusal::Invalid { field, why } => format!("{field}: {why}. Correct it and try again."),
            other => return Self::from_refusal(other),
        })
    }

    fn from_refusal(refusal: &Refusal) -> Self {
        Self::new(match refusal {
            Refusal::Unavailable(cause) => unavailable(cause),
            Refusal::Corrupt(place) => {
                format!(
                    "The database holds something that cannot be: {place}. Restore a backup or report it."
                )
            }
            Refusal::Invalid { field, why } => format!("{field}: {why}. Correct it and try again."),
            Refusal::Busy { .. } | Refusal::TooMany { .. } | Refusal::Contended(_) => {
                "Too busy right now. Try again soon.".to_owned()
            }
            other => format!("Refused: {other:?}."),
        })
    }
}

/// The word of a conflict, if [`Failure::about`] has a sentence of its own for it.
#[must_use]
pub fn known_conflict(word: &str) -> Option<&'static str> {
    const KNOWN: [&str; 7] =
        ["username", "client_id", "device_key", "cas_name", "device_limit", "device_state", "account_state"];
    KNOWN.into_iter().find(|known| *known == word)
}

fn unavailable(cause: &str) -> String {
    if let Some(why) = cause.strip_prefix("live state unavailable: ") {
        return format!("The live store cannot be used: {why}. Check live.url, and that it runs.");
    }
    match cause.strip_prefix("store unavailable: ") {
        // The adapter's own sentence names what to change.
        Some(why) if why.contains("database.") => sentence(why),
        _ => format!("The database cannot be used: {cause}. Check its path, rights and free space."),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::from_refusal(&refusal)
    }
}

impl From<phone_client::PhoneError> for Failure {
    fn from(error: phone_client::PhoneError) -> Self {
        Self::new(sentence(&error.to_string()))
    }
}

/// An error's text as a sentence: a capital at its beginning, a full stop at its end. A setting's name stays as it is
/// written.
#[must_use]
pub fn sentence(text: &str) -> String {
    let is_name = text.split([' ', ':']).next().is_some_and(|word| word.contains('.'));
    let mut letters = text.chars();
    let mut sentence: String = match letters.next() {
        Some(first) if !is_name => first.to_uppercase().chain(letters).collect(),
        _ => text.to_owned(),
    };
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
