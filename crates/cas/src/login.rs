//! `/login`: being asked for a ticket, and credentials as they are posted (§13).
//!
//! Owns: reading both. Not here: whether somebody is signed in, which service it is (`tickets`), the page
//! (`web-login`).

use crate::{BadService, Params, Secret, ServiceUrl};

/// Header that carries the ticket when `method=HEADER`.
pub const TICKET_HEADER: &str = "ticket";
/// Header that carries the service when `method=HEADER`.
pub const SERVICE_HEADER: &str = "service";
/// Name and id of the form that carries the ticket when `method=POST`.
pub const POST_FORM: &str = "acsForm";

/// How the ticket travels to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Method {
    /// In the address of a redirect.
    #[default]
    Get,
    /// In a form that the browser posts.
    Post,
    /// In headers of a plain answer.
    Header,
}

impl Method {
    /// The parameter's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Header => "HEADER",
        }
    }

    /// The method of this name in any case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Header]
            .into_iter()
            .find(|method| word.eq_ignore_ascii_case(method.as_str()))
    }
}

/// A browser comes for a ticket (§13.1). What is unknown is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoginAsked {
    /// The application. Not known to be registered.
    pub service: Option<ServiceUrl>,
    /// Single sign-on is not enough: credentials are to be entered now.
    pub renew: bool,
    /// Nobody is to be asked. Never together with `renew`, never without a service.
    pub gateway: bool,
    /// How the ticket is to travel.
    pub method: Method,
    /// Language for the page, as given.
    pub locale: Option<String>,
}

impl LoginAsked {
    /// Reads the request. Of `renew` and `gateway` together `renew` wins; `gateway` without a service counts as
    /// absent.
    ///
    /// # Errors
    /// The service cannot be anybody's address: the same page as for one that is not registered.
    pub fn read(params: &Params) -> Result<Self, BadService> {
        let service = params.get("service").map(ServiceUrl::parse).transpose()?;
        let renew = params.is_set("renew");
        Ok(Self {
            gateway: params.is_set("gateway") && !renew && service.is_some(),
            service,
            renew,
            method: params.get("method").and_then(Method::from_word).unwrap_or_default(),
            locale: params.get("locale").map(str::to_owned),
        })
    }

    /// The request again as a query, for the form's own address (§13.2).
    #[must_use]
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        let fields = [
            ("service", self.service.as_ref().map(ServiceUrl::as_str)),
            ("renew", self.renew.then_some("true")),
            ("gateway", self.gateway.then_some("true")),
            ("method", Some(self.method).filter(|method| *method != Method::Get).map(Method::as_str)),
            ("locale", self.locale.as_deref()),
        ];
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            domain::form::percent_encode(value, &mut query);
        }
        query
    }
}

/// What a posted form wants (`_eventId`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// `submit`: name and password.
    Password {
        /// As typed.
        username: String,
        /// As typed.
        password: Secret,
    },
    /// `validate`: the QR form (§9.1).
    Phone {
        /// What the page's topic said: our handle, if this is our page.
        handle: Secret,
        /// What the page's topic said.
        device: String,
    },
    /// Anything else: the form again.
    Nothing,
}

/// A form posted to `/login` (§13.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginPosted {
    /// The page's own key. Without it the form is shown anew.
    pub execution: Option<String>,
    /// What it wants.
    pub posted: Posted,
    /// A session for long.
    pub remember_me: bool,
}

impl LoginPosted {
    /// Reads the form. `_eventId` may be missing from a password form of older clients.
    #[must_use]
    pub fn read(form: &Params) -> Self {
        let text = |name: &str| form.get(name).map(str::to_owned);
        let posted = match form.get("_eventId") {
            Some("validate") => match (form.get("token"), text("deviceId")) {
                (Some(handle), Some(device)) => Posted::Phone { handle: Secret::new(handle), device },
                _ => Posted::Nothing,
            },
            None | Some("submit") => match (text("username"), form.get("password")) {
                (Some(username), Some(password)) => {
                    Posted::Password { username, password: Secret::new(password) }
                }
                _ => Posted::Nothing,
            },
            Some(_) => Posted::Nothing,
        };
        let remember_me =
            form.get("rememberMe").is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "on");
        Self { execution: text("execution"), posted, remember_me }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<LoginAsked, BadService> {
        LoginAsked::read(&Params::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn renew_wins_over_gateway_and_gateway_needs_a_service() {
        let flags = |query: &str| asked(query).map(|asked| (asked.renew, asked.gateway)).unwrap();
        assert_eq!(flags("service=https://a.example/&renew=true&gateway=true"), (true, false));
        assert_eq!(flags("service=https://a.example/&gateway=true"), (false, true));
        assert_eq!(flags("gateway=true"), (false, false));
        assert_eq!(flags("gateway=true&service="), (false, false));
        assert_eq!(flags("service=https://a.example/&renew=&gateway=no"), (true, false));
    }

    #[test]
    fn an_empty_service_is_none_and_a_bad_one_is_said() {
        assert_eq!(asked("service=&x=1").unwrap().service, None);
        assert_eq!(asked("service=javascript:alert(1)"), Err(BadService::Scheme));
    }

    #[test]
    fn methods_are_known_in_any_case() {
        for (query, method) in [
            ("method=post", Method::Post),
            ("method=HEADER", Method::Header),
            ("method=PUT", Method::Get),
            ("", Method::Get),
        ] {
            assert_eq!(asked(query).unwrap().method, method);
        }
    }

    #[test]
    fn a_request_survives_its_query() {
        let query = "service=https%3A%2F%2Fa.example%2F%3Fx%3D1%262&renew=true&method=POST&locale=de";
        let read = asked(query).unwrap();
        assert_eq!(read.to_query(), query);
        assert_eq!(asked(&read.to_query()), Ok(read));
    }

    #[test]
    fn forms_are_told_apart_by_their_event() {
        let read = |form: &str| LoginPosted::read(&Params::parse(form.as_bytes()).unwrap());
        let phone = read("token=abc&deviceId=MyPhone&execution=e1&_eventId=validate");
        assert_eq!(phone.execution.as_deref(), Some("e1"));
        assert_eq!(phone.posted, Posted::Phone { handle: Secret::new("abc"), device: "MyPhone".into() });
        let password =
            read("username=ada&password=Mellon&execution=e1&_eventId=submit&rememberMe=true&geolocation=");
        assert_eq!(
            password.posted,
            Posted::Password { username: "ada".into(), password: Secret::new("Mellon") }
        );
        assert!(password.remember_me && !format!("{password:?}").contains("Mellon"));
        for nothing in [
            "",
            "_eventId=validate&token=abc",
            "_eventId=submit&username=ada",
            "_eventId=other&username=a&password=b&token=c&deviceId=d",
        ] {
            assert_eq!(read(nothing).posted, Posted::Nothing, "{nothing}");
        }
    }
}
