//! Pages of signing out.
//!
//! Owns: their list and samples. Not here: when they are shown (`logout`), refusals and the way back to relying
//! parties (`web::pages`).

use web::Page;

web::pages! {
    /// "Sign out?" (`form#logout`).
    Logout {
        /// Who is signed in.
        name: String,
        /// The request, to be sent again with the answer.
        fields: Vec<(&'static str, String)>,
    } "pages/logout.html" samples_of::logout;
    /// Signed out.
    LoggedOut {} "pages/logged-out.html" samples_of::logged_out;
    /// Signed out, while relying parties are told by frames. It goes on by itself, also without a script.
    SigningOut {
        /// Their addresses.
        frames: Vec<String>,
        /// Where the browser goes then.
        onward: String,
    } "pages/signing-out.html" samples_of::signing_out;
}

mod samples_of {
    use super::{LoggedOut, Logout, Page, SigningOut};

    pub fn logout(page: &dyn Fn() -> Page) -> Vec<(&'static str, Logout)> {
        let hostile = "\"'><script>alert(1)</script>".to_owned();
        vec![
            ("ask", Logout { page: page(), name: "Ada Lovelace".to_owned(), fields: Vec::new() }),
            ("asked", Logout { page: page(), name: hostile.clone(), fields: vec![("state", hostile)] }),
        ]
    }

    pub fn logged_out(page: &dyn Fn() -> Page) -> Vec<(&'static str, LoggedOut)> {
        vec![("done", LoggedOut { page: page() })]
    }

    pub fn signing_out(page: &dyn Fn() -> Page) -> Vec<(&'static str, SigningOut)> {
        let frames = vec!["https://shop.example/out?iss=https%3A%2F%2Fid.example&sid=ses_a".to_owned()];
        vec![
            ("nowhere", SigningOut { page: page(), frames: frames.clone(), onward: "/logout".to_owned() }),
            (
                "back",
                SigningOut {
                    page: page(),
                    frames,
                    onward: "https://shop.example/bye?state=\"x\"&a=b".to_owned(),
                },
            ),
        ]
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
}
