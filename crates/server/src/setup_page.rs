//! `/admin/setup`: the page where the first administrator is made (SEC-188).
//!
//! Owns: the form and its answer. The link's code is in the fragment, which no server and no log sees; a
//! small script moves it into the form, or the person types it. Not here: what the code is good for
//! (`registry::setup`).

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig, get, post};
use actix_web::{Error, HttpRequest, HttpResponse};
use app::Refusal;
use registry::Registry;
use secrecy::SecretString;
use web::{Fixed, Form, Page, Refused, Visitor, Web, origin};

web::pages! {
    /// The form.
    SetupPage {
        /// What was wrong with the last try; empty at first.
        alert: String,
        /// The code, again, after a try that did not use it up.
        token: String,
        /// The user name, again.
        username: String,
        /// The shortest password taken.
        shortest: usize,
    } "setup.html" setup_samples;
    /// It worked.
    SetupDonePage {
        /// The account's user name.
        username: String,
    } "setup_done.html" done_samples;
}

const SCRIPT: &str = include_str!("../assets/setup.js");

/// Mounts the page.
pub fn mount(cfg: &mut ServiceConfig, registry: &Registry) {
    let script = Fixed::new("text/javascript; charset=utf-8", "no-cache", SCRIPT.into());
    cfg.app_data(Data::new(registry.clone()))
        .app_data(Data::new(script))
        .route("/admin/setup", get().to(show))
        .route("/admin/setup", post().to(take))
        .route("/admin/setup.js", get().to(the_script));
}

async fn the_script(req: HttpRequest, script: Data<Fixed>) -> HttpResponse {
    script.answer(&req)
}

async fn show(req: HttpRequest, registry: Data<Registry>) -> Result<HttpResponse, Error> {
    Ok(form(&req, &registry, String::new(), String::new(), String::new())?.answer(StatusCode::OK))
}

async fn take(
    req: HttpRequest,
    visitor: Visitor,
    registry: Data<Registry>,
    form_sent: Form,
) -> Result<HttpResponse, Error> {
    origin::must_be_ours(&req, Web::of(&req)?)?;
    let Form(mut sent) = form_sent;
    let token = sent.take("token").unwrap_or_default();
    let username = sent.take("username").unwrap_or_default();
    let password = SecretString::from(sent.take("password").unwrap_or_default());
    match registry.take_setup(&token, &username, password, visitor.address).await {
        Ok(account) => {
            let done = SetupDonePage { page: page(&req)?, username: account.username.to_string() };
            Ok(done.answer(StatusCode::OK))
        }
        Err(refusal) => {
            let (status, alert) = match &refusal {
                Refusal::Invalid { field, why } => {
                    (StatusCode::UNPROCESSABLE_ENTITY, format!("The {field} {why}."))
                }
                Refusal::Conflict(_) => {
                    (StatusCode::CONFLICT, "This user name is taken. Choose another one.".to_owned())
                }
                Refusal::Gone => {
                    (StatusCode::GONE, "This setup link is not valid or was used already.".to_owned())
                }
                _ => return Err(Refused::from(refusal).into()),
            };
            Ok(form(&req, &registry, alert, token, username)?.answer(status))
        }
    }
}

fn form(
    req: &HttpRequest,
    registry: &Registry,
    alert: String,
    token: String,
    username: String,
) -> Result<SetupPage, Error> {
    let shortest = registry.settings().shortest_password;
    Ok(SetupPage { page: page(req)?, alert, token, username, shortest })
}

/// The page speaks English: it is the operator's, seen once.
fn page(req: &HttpRequest) -> Result<Page, Error> {
    Ok(Web::of(req)?.page(req, &["en".to_owned()]))
}

fn setup_samples(page: &dyn Fn() -> Page) -> Vec<(&'static str, SetupPage)> {
    let sample = |alert: &str, username: &str| SetupPage {
        page: page(),
        alert: alert.to_owned(),
        token: String::new(),
        username: username.to_owned(),
        shortest: 8,
    };
    vec![("fresh", sample("", "")), ("refused", sample("The password is too short.", "<b>\"'"))]
}

fn done_samples(page: &dyn Fn() -> Page) -> Vec<(&'static str, SetupDonePage)> {
    vec![("ada", SetupDonePage { page: page(), username: "ada".to_owned() })]
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use web::{Web, markup};

    use crate::wiring::{self, Extras};
    use crate::{config, serve};

    #[test]
    fn every_page_renders() {
        for (name, html) in super::samples(&|| Web::sample_page("en").unwrap()).unwrap() {
            assert_eq!(markup::faults(&html), Vec::<String>::new(), "{name}");
            assert!(!html.contains("<b>\""), "{name} escapes");
        }
    }

    fn sent(token: &str, username: &str, password: &str, origin: &str) -> TestRequest {
        let form = [("token", token), ("username", username), ("password", password)];
        let request = TestRequest::post().uri("/admin/setup").set_form(form);
        request.insert_header(("origin", origin)).insert_header(("accept", "text/html"))
    }

    #[actix_web::test]
    async fn sec_188_the_setup_page_makes_one_administrator_for_our_own_form_only() {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("latchbolt.db").display());
        let variables = [("LATCHBOLT__DATABASE__URL".to_owned(), database)];
        let config = config::load_from(None, &variables).unwrap();
        let ground = wiring::ground(&config).await.unwrap();
        let house = wiring::house(&config, &ground, Extras::default()).await.unwrap();
        let link = serve::first_start(&ground).await.unwrap();
        let link = link.link().unwrap();
        let (address, token) = link.split_once('#').unwrap();
        assert_eq!(address, "http://localhost:8400/admin/setup");
        let doors = actix_web::App::new().wrap(from_fn(web::shell::shell)).configure(|cfg| house.mount(cfg));
        let service = init_service(doors).await;

        let page = call_service(&service, TestRequest::get().uri("/admin/setup").to_request()).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert!(!String::from_utf8_lossy(&read_body(page).await).contains(token));

        let ours = "http://localhost:8400";
        for (request, expected) in [
            (sent(token, "root", "long enough", "https://evil.example"), StatusCode::FORBIDDEN),
            (sent(token, "root", "short", ours), StatusCode::UNPROCESSABLE_ENTITY),
            (sent("guess", "root", "long enough", ours), StatusCode::GONE),
            (sent(token, "root", "long enough", ours), StatusCode::OK),
            (sent(token, "other", "long enough", ours), StatusCode::GONE),
        ] {
            assert_eq!(call_service(&service, request.to_request()).await.status(), expected);
        }
        assert!(ground.registry.user("root").await.is_ok());
        assert!(ground.registry.user("other").await.is_err());
    }

    #[actix_web::test]
    async fn sec_149_health_says_one_word() {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}", folder.path().join("latchbolt.db").display());
        let variables = [("LATCHBOLT__DATABASE__URL".to_owned(), database)];
        let config = config::load_from(None, &variables).unwrap();
        let ground = wiring::ground(&config).await.unwrap();
        let house = wiring::house(&config, &ground, Extras::default()).await.unwrap();
        let doors = actix_web::App::new().wrap(from_fn(web::shell::shell)).configure(|cfg| house.mount(cfg));
        let service = init_service(doors).await;
        for path in ["/healthz", "/readyz"] {
            let answer = call_service(&service, TestRequest::get().uri(path).to_request()).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(read_body(answer).await.as_ref(), b"ok\n", "{path}");
        }
        ground.app.store().close().await;
        // Liveness does not depend on the store (SEC-212).
        let answer = call_service(&service, TestRequest::get().uri("/healthz").to_request()).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
}
