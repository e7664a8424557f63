//! Where in an authorization response its parameters stand (OAuth 2.0 Multiple Response Type Encoding Practices
//! §2.1, OAuth 2.0 Form Post Response Mode).
//!
//! Owns: the modes, and which one a request gets, also one that is refused. Not here: writing the answer
//! (`response`).

use domain::ResponseType;
use serde::{Deserialize, Serialize};

use crate::Params;

/// The place of the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// The query of the redirect URI.
    #[default]
    Query,
    /// Its fragment.
    Fragment,
    /// The fields of a form that the browser posts to it.
    FormPost,
}

impl ResponseMode {
    /// All of them (`response_modes_supported`).
    pub const ALL: &'static [Self] = &[Self::Query, Self::Fragment, Self::FormPost];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
        }
    }

    /// The mode with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|mode| mode.as_str() == word)
    }

    /// The mode of a response type for which none was asked.
    #[must_use]
    pub const fn default_of(response: ResponseType) -> Self {
        if response.has_id_token() || response.has_token() { Self::Fragment } else { Self::Query }
    }

    /// Whether tokens may stand there: in a query they would end in logs (Multiple Response Types §5).
    #[must_use]
    pub const fn hides_tokens(self) -> bool {
        !matches!(self, Self::Query)
    }

    /// Whether a browser can carry it to this address: forms are posted to web addresses only.
    #[must_use]
    pub fn fits(self, redirect_uri: &str) -> bool {
        self != Self::FormPost || redirect_uri.starts_with("https://") || redirect_uri.starts_with("http://")
    }

    /// Where the answer to this request goes, whatever is wrong with it: to the mode it asked for when that is one
    /// we have and may use for what it asked, else to the default of what it asked. So a refusal stands where the
    /// client looks for an answer.
    #[must_use]
    pub(super) fn of(params: &Params, redirect_uri: &str) -> Self {
        let of_once = |name: &str| if params.is_repeated(name) { None } else { params.get(name) };
        // Also of a type that we do not have, the words say where its answer is looked for.
        let wants_tokens =
            of_once("response_type").is_some_and(|t| t.split(' ').any(|w| matches!(w, "token" | "id_token")));
        let default = if wants_tokens { Self::Fragment } else { Self::Query };
        of_once("response_mode")
            .and_then(Self::from_word)
            .filter(|mode| mode.fits(redirect_uri) && (mode.hides_tokens() || !wants_tokens))
            .unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_one_place_for_its_answer() {
        use ResponseMode::{FormPost, Fragment, Query};
        for (fields, expected) in [
            (&[][..], Query),
            (&[("response_type", "code")], Query),
            (&[("response_type", "id_token")], Fragment),
            (&[("response_type", "token")], Fragment),
            (&[("response_type", "code token")], Fragment),
            (&[("response_type", "nonsense")], Query),
            (&[("response_type", "code"), ("response_type", "id_token")], Query),
            (&[("response_mode", "form_post")], FormPost),
            (&[("response_mode", "nonsense")], Query),
            (&[("response_mode", "nonsense"), ("response_type", "id_token")], Fragment),
            (&[("response_mode", "query"), ("response_type", "id_token")], Fragment),
            (&[("response_mode", "form_post"), ("response_type", "token")], FormPost),
            (&[("response_mode", "fragment"), ("response_type", "code")], Fragment),
            (&[("response_mode", "fragment"), ("response_mode", "form_post")], Query),
        ] {
            let params: Params = fields.iter().copied().collect();
            assert_eq!(ResponseMode::of(&params, "https://shop.example/cb"), expected, "{fields:?}");
        }
        let form: Params = [("response_mode", "form_post")].into_iter().collect();
        assert_eq!(ResponseMode::of(&form, "com.example.app:/cb"), Query);
    }

    #[test]
    fn the_defaults_of_the_types_we_have() {
        for response in ResponseType::ALL {
            let default = ResponseMode::default_of(*response);
            let params: Params = [("response_type", response.as_str())].into_iter().collect();
            assert_eq!(ResponseMode::of(&params, "https://x.example"), default);
            assert_eq!(default == ResponseMode::Query, *response == ResponseType::Code);
        }
    }
}
