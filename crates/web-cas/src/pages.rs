//! Pages of CAS.
//!
//! Owns: their list and samples. Not here: when they are shown, the sign-in page (`web-login`), the way back to a
//! service by a form (`web::pages`).

use app::journeys::Shown;
use domain::JourneyId;
use signin::CasConfirmation;
use web::{Page, origin, texts};

web::pages! {
    /// Not a registered service (`main#refused`, `#content h2`).
    NotRegistered {} "cas/not-registered.html" samples_of::not_registered;
    /// Signed in, and no service to go to (`#content div h2`).
    SignedIn {
        /// Who.
        name: String,
    } "cas/signed-in.html" samples_of::signed_in;
    /// "Continue as …?" after an app made for CAS approved (`form#cas-confirm-form`).
    Confirm {
        /// Who asks.
        client: String,
        /// The account.
        account: String,
        /// The device that approved.
        device: String,
        /// So long it may be answered.
        seconds: u16,
        /// The sentence that says so: before the number, and after.
        time: (String, String),
        /// The journey.
        journey: String,
        /// Journey and token.
        execution: String,
    } "cas/confirm.html" samples_of::confirm;
    /// "Sign out?" (`form#logout`).
    Logout {
        /// Who is signed in.
        name: String,
        /// The request, to be sent again with the answer.
        fields: Vec<(&'static str, String)>,
    } "cas/logout.html" samples_of::logout;
    /// Signed out.
    LoggedOut {
        /// A registered service that the request names for a link: its address and host.
        link: Option<(String, String)>,
    } "cas/logged-out.html" samples_of::logged_out;
    /// Signed out, while relying parties are told by frames. It goes on by itself, also without a script.
    SigningOut {
        /// Their addresses.
        frames: Vec<String>,
        /// Where the browser goes then.
        onward: String,
    } "pages/signing-out.html" samples_of::signing_out;
}

impl Confirm {
    /// The page for what waits in a journey.
    pub(crate) fn new(page: Page, shown: &Shown, id: &JourneyId, asked: CasConfirmation) -> Self {
        let CasConfirmation { account, device, expires_in: seconds } = asked;
        let client = domain::text::shown(&shown.client_name, 80);
        let (before, after) = texts::around(&page.t.cas.confirm_time, "seconds");
        let time = (before.to_owned(), after.to_owned());
        let execution = origin::execution(&id.to_string(), &page.csrf);
        Self { page, client, account, device, seconds, time, journey: id.to_string(), execution }
    }
}

mod samples_of {
    use app::journeys::Shown;
    use domain::JourneyId;
    use signin::CasConfirmation;

    use super::{Confirm, LoggedOut, Logout, NotRegistered, Page, SignedIn, SigningOut};

    const HOSTILE: &str = "\"'><script>alert(1)</script>";

    pub fn not_registered(page: &dyn Fn() -> Page) -> Vec<(&'static str, NotRegistered)> {
        vec![("one", NotRegistered { page: page() })]
    }

    pub fn signed_in(page: &dyn Fn() -> Page) -> Vec<(&'static str, SignedIn)> {
        ["Ada Lovelace", HOSTILE].map(|name| ("one", SignedIn { page: page(), name: name.to_owned() })).into()
    }

    pub fn confirm(page: &dyn Fn() -> Page) -> Vec<(&'static str, Confirm)> {
        let one = |name: &'static str, text: &str| {
            let shown = Shown { client_name: text.to_owned(), ..Shown::default() };
            let (account, device) = (text.to_owned(), text.to_owned());
            let asked = CasConfirmation { account, device, expires_in: 28 };
            (name, Confirm::new(page(), &shown, &JourneyId::from_random([7; 16]), asked))
        };
        vec![one("ask", "ada"), one("hostile", HOSTILE)]
    }

    pub fn logout(page: &dyn Fn() -> Page) -> Vec<(&'static str, Logout)> {
        let fields = vec![("service", HOSTILE.to_owned())];
        vec![
            ("ask", Logout { page: page(), name: "Ada Lovelace".to_owned(), fields: Vec::new() }),
            ("asked", Logout { page: page(), name: HOSTILE.to_owned(), fields }),
        ]
    }

    pub fn logged_out(page: &dyn Fn() -> Page) -> Vec<(&'static str, LoggedOut)> {
        let link = Some(("https://forum.example/?a=1&b=2".to_owned(), "forum.example".to_owned()));
        vec![("done", LoggedOut { page: page(), link: None }), ("link", LoggedOut { page: page(), link })]
    }

    pub fn signing_out(page: &dyn Fn() -> Page) -> Vec<(&'static str, SigningOut)> {
        let frames = vec!["https://forum.example/?logoutRequest=eJw".to_owned()];
        vec![("back", SigningOut { page: page(), frames, onward: "/cas/logout".to_owned() })]
    }
}

#[cfg(test)]
mod tests {
    use web::{Web, markup};

    #[test]
    fn every_page_renders_in_every_language() {
        for lang in ["en", "de"] {
            for (name, html) in super::samples(&|| Web::sample_page(lang).unwrap()).unwrap() {
                assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name} ({lang})");
                assert!(!html.contains("<script>alert"), "{name} escapes");
            }
        }
    }

    #[test]
    fn headings_are_those_that_scripts_for_cas_look_for() {
        let all = super::samples(&|| Web::sample_page("en").unwrap()).unwrap();
        let page = |start: &str| all.iter().find(|(name, _)| name.starts_with(start)).unwrap().1.clone();
        assert!(page("notregistered").contains("<h2>Application Not Authorized to Use CAS</h2>"));
        assert!(page("signedin").contains("<div><h2>Log In Successful</h2></div>"));
        assert!(page("signedin").contains("<title>CAS - Central Authentication Service Log In Successful"));
    }
}
