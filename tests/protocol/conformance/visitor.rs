//! A scripted browser without JavaScript: it does what the official suite's does.
//!
//! Owns: one cookie jar, filling in the forms it meets, and what each page has to be for that to work.
//! Not here: what comes back to the client (`check`).

use testkit::wire::{Answer, Request};
use testkit::{Browser, Page, press};
use url::Url;

use super::house::{House, USER, password};

/// Pages that were met on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    SignIn,
    Consent,
    SignOut,
    Frames,
}

/// Where it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Sent to another origin by a redirect (or what a page does by itself).
    Away(Url),
    /// A page that posts itself there, with these fields.
    Posted(String, Vec<(String, String)>),
    /// A page of the provider's.
    Page(Page),
}

/// One visit.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) met: Vec<Met>,
    pub(crate) end: End,
    /// Addresses of frames that were loaded.
    pub(crate) frames: Vec<String>,
}

impl Visit {
    /// The page it ended on.
    #[track_caller]
    pub(crate) fn page(&self) -> &Page {
        match &self.end {
            End::Page(page) => page,
            other => panic!("no page of the provider's: {other:?}"),
        }
    }

    /// It ended on an error page: HTTP 4xx, HTML, no redirect, text that names the fault (section "How a module
    /// ends").
    #[track_caller]
    pub(crate) fn is_refused(&self, codes: &[&str]) {
        let page = self.page();
        assert!((400..500).contains(&page.status()), "{} {}", page.status(), page.url);
        let kind = page.answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/html"), "{kind}");
        assert!(page.answer.header("location").is_none());
        let told = page.attribute("refused", "data-error").unwrap_or_default();
        assert!(codes.contains(&told.as_str()), "the page says {told:?}, not {codes:?}\n{}", page.html());
        let text = page.text_of(|name, value| name == "id" && value == "refused");
        assert!(text.is_some_and(|text| text.len() > 20), "a page has to name the fault");
    }

    /// Nothing was asked on the way.
    #[track_caller]
    pub(crate) fn asked_nothing(&self) {
        assert_eq!(self.met, [], "asked although nothing was to be asked");
    }
}

/// The browser.
pub(crate) struct Visitor {
    pub(crate) browser: Browser,
    username: &'static str,
}

impl Visitor {
    pub(crate) fn new(house: &House) -> Self {
        Self { browser: house.caller(), username: USER }
    }

    /// One that signs in as another person.
    pub(crate) fn named(house: &House, username: &'static str) -> Self {
        Self { browser: house.caller(), username }
    }

    /// Goes to an address and does what pages ask for.
    pub(crate) async fn visit(&self, address: &str) -> Visit {
        let page = self.browser.follow(address).await;
        self.go_on(page).await
    }

    /// The same with a form that another site posts.
    pub(crate) async fn post(&self, address: &str, fields: &[(&str, &str)]) -> Visit {
        let url = Url::parse(address).expect("an address");
        // As browsers do from another origin: the jar's `Lax` and `Strict` cookies stay at home.
        let request = Request::form(url.path(), fields)
            .header("origin", "https://rp.example")
            .header("sec-fetch-site", "cross-site")
            .header("cookie", "");
        let answer = self.browser.send(request).await;
        let page = self.onwards(Page { url, answer }).await;
        self.go_on(page).await
    }

    /// Goes to an address and looks, without doing anything.
    pub(crate) async fn look(&self, address: &str) -> Page {
        self.browser.follow(address).await
    }

    /// Does what pages ask for, from this one on.
    pub(crate) async fn go_on_from(&self, page: Page) -> Visit {
        self.go_on(page).await
    }

    async fn onwards(&self, page: Page) -> Page {
        let is_redirect = (300..400).contains(&page.answer.status);
        let Some(to) = page.answer.header("location").filter(|_| is_redirect) else { return page };
        let url = page.url.join(to).expect("an address");
        if url.origin().ascii_serialization() == self.browser.origin() {
            return self.browser.follow(url.as_str()).await;
        }
        Page { url, answer: Answer::default() }
    }

    async fn go_on(&self, mut page: Page) -> Visit {
        let mut visit = Visit { met: Vec::new(), end: End::Away(page.url.clone()), frames: Vec::new() };
        for _ in 0..8 {
            if page.status() == 0 {
                visit.end = End::Away(page.url);
                return visit;
            }
            if let Some(form) = page.find_form("response") {
                self.check_response_page(&page).await;
                visit.end = End::Posted(form.action, form.fields);
                return visit;
            }
            let (met, button) = if page.find_form("login").is_some() {
                (Met::SignIn, "login-submit")
            } else if page.find_form("consent").is_some() {
                (Met::Consent, "consent-allow")
            } else if page.find_form("logout").is_some() {
                (Met::SignOut, "logout-confirm")
            } else {
                let frames = page.all("iframe", "src");
                if frames.is_empty() {
                    visit.end = End::Page(page);
                    return visit;
                }
                visit.met.push(Met::Frames);
                let Some(next) = self.leave_frames(&page, &frames).await else {
                    visit.frames = frames;
                    visit.end = End::Page(page);
                    return visit;
                };
                visit.frames = frames;
                page = next;
                continue;
            };
            assert!(!visit.met.contains(&met), "{met:?} is asked in circles:\n{}", page.html());
            visit.met.push(met);
            let id = match met {
                Met::SignIn => "login",
                Met::Consent => "consent",
                Met::SignOut | Met::Frames => "logout",
            };
            let mut form = page.form(id);
            assert_eq!(form.method, "post", "form#{id}");
            if met == Met::SignIn {
                form = form.with("username", self.username).with("password", &password(self.username));
            }
            page = self.browser.submit(&page, &press(&page, &form, button)).await;
        }
        panic!("pages without an end: {:?}", visit.met)
    }

    /// Front-channel logout: every frame is loaded, as the page's own policy allows, then it goes on.
    async fn leave_frames(&self, page: &Page, frames: &[String]) -> Option<Page> {
        let policy = policy(&page.answer);
        for frame in frames {
            let origin = Url::parse(frame).expect("an address").origin().ascii_serialization();
            let is_allowed = directive(&policy, "frame-src")
                .or_else(|| directive(&policy, "default-src"))
                .is_none_or(|sources| sources.iter().any(|source| *source == origin || *source == "https:"));
            assert!(is_allowed, "the page's own policy blocks its frame {frame}: {policy}");
        }
        // On when the frames have loaded, with scripts; some seconds later without; and by hand.
        let text = self.old_script(page).await;
        assert!(text.contains("onload"), "it does not wait for its frames: {text}");
        assert!(page.has("logout-go-on"));
        let refresh = page.all("meta", "content").into_iter().find(|content| content.contains("url="))?;
        assert!(!refresh.starts_with('0'), "on before the frames have loaded: {refresh}");
        let next = refresh.split_once("url=").map(|(_, url)| url.trim_matches('\'').to_owned())?;
        let page = Page { url: page.url.join(&next).expect("an address"), answer: Answer::default() };
        if page.url.origin().ascii_serialization() == self.browser.origin() {
            return Some(self.browser.follow(page.url.as_str()).await);
        }
        Some(page)
    }

    /// What the page's scripts say: classic ones, without what came after ES5.
    async fn old_script(&self, page: &Page) -> String {
        assert!(page.all("script", "type").iter().all(|kind| kind != "module"), "modules are not old");
        let mut text = String::new();
        for script in page.all("script", "src") {
            let at = page.url.join(&script).expect("an address");
            text.push_str(&self.browser.get(at.as_str()).await.html());
        }
        for modern in ["=>", "const ", "let ", "`", "async ", "?.", "import "] {
            assert!(!text.contains(modern), "{modern:?} in {text}");
        }
        text
    }

    /// A page that posts a response (section 6): by itself, in a browser with old JavaScript, under its own policy,
    /// and nothing of it in the address.
    async fn check_response_page(&self, page: &Page) {
        assert_eq!(page.status(), 200);
        let form = page.form("response");
        assert_eq!(form.method, "post");
        for (name, _) in page.url.query_pairs() {
            let is_told = ["code", "id_token", "access_token", "error"].contains(&name.as_ref());
            assert!(!is_told, "{name} in the address {}", page.url);
        }
        assert!(page.url.fragment().is_none());
        let policy = policy(&page.answer);
        let origin = Url::parse(&form.action).expect("an address").origin().ascii_serialization();
        let targets = directive(&policy, "form-action").unwrap_or_default();
        assert!(targets.contains(&origin.as_str()), "form-action does not allow {origin}: {policy}");
        let sources = directive(&policy, "script-src").or_else(|| directive(&policy, "default-src"));
        let sources = sources.unwrap_or_default();
        assert!(!sources.contains(&"'unsafe-inline'"), "{policy}");
        let nonces = page.all("script", "nonce");
        assert!(
            !nonces.is_empty() && nonces.iter().all(|n| sources.contains(&format!("'nonce-{n}'").as_str()))
                || sources.contains(&"'self'"),
            "the page's policy blocks its script: {policy}"
        );
        let text = self.old_script(page).await;
        assert!(text.contains("submit"), "the page does not submit itself: {text}");
        // A field of that name would hide the method.
        assert!(form.value("submit").is_none() && !page.has("submit"));
        // Without any script a person presses a button.
        assert!(page.has("response-submit"));
        assert_eq!(page.answer.header("cache-control"), Some("no-store"));
    }
}

/// `Content-Security-Policy` of an answer.
pub(crate) fn policy(answer: &Answer) -> String {
    answer.all("content-security-policy").collect::<Vec<_>>().join("; ")
}

/// The sources of a directive.
pub(crate) fn directive<'a>(policy: &'a str, name: &str) -> Option<Vec<&'a str>> {
    policy.split(';').map(str::trim).find_map(|part| {
        let (word, sources) = part.split_once(' ').unwrap_or((part, ""));
        (word == name).then(|| sources.split_whitespace().collect())
    })
}
