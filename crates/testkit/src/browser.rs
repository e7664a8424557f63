//! A person's browser: cookies, forms, redirects, and what the login page's script does.
//!
//! Owns: one cookie jar for the one site it visits (the issuer), following redirects by hand until a page or
//! another origin, the requests of the waiting page. Secure cookies are kept on loopback, as Chromium and
//! Firefox do. Not here: HTML (`page`), what the waiting stream says (`events`), bytes (`wire`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use url::Url;

use crate::events::Events;
use crate::page::{Form, Page};
use crate::tls::Trust;
use crate::wire::{Answer, Connection, Request};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A browser of its own.
#[derive(Debug)]
pub struct Browser {
    issuer: String,
    host: String,
    port: AtomicU16,
    from: IpAddr,
    agent: String,
    extra: Vec<(String, String)>,
    cookies: Mutex<BTreeMap<String, String>>,
    idle: Mutex<Vec<Connection>>,
    trust: Option<Trust>,
    lines: Mutex<BTreeMap<String, String>>,
}

/// What `POST /login/qr` showed.
#[derive(Debug, Clone)]
pub struct QrShown {
    /// The text in the code.
    pub url: String,
    /// The channel id: the fragment without its version.
    pub channel: String,
    /// The drawing.
    pub svg: String,
    /// Seconds till this code ends.
    pub expires_in: u64,
    /// The state word.
    pub state: String,
}

impl Browser {
    /// A new browser with an empty jar that will visit this issuer on this machine.
    ///
    /// # Panics
    /// When the issuer is no address with a port on loopback.
    #[must_use]
    pub fn new(issuer: &str) -> Self {
        let url = Url::parse(issuer).expect("issuer");
        let port = url.port_or_known_default().expect("port");
        Self {
            issuer: issuer.trim_end_matches('/').to_owned(),
            host: format!("{}:{port}", url.host_str().unwrap_or_default()),
            port: AtomicU16::new(port),
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            agent: AGENT.to_owned(),
            extra: Vec::new(),
            cookies: Mutex::default(),
            idle: Mutex::default(),
            trust: None,
            lines: Mutex::default(),
        }
    }

    /// Speaking TLS, with trust in one authority.
    #[must_use]
    pub fn trusting(mut self, trust: &Trust) -> Self {
        self.trust = Some(trust.clone());
        self
    }

    /// Connecting from another address of this machine.
    #[must_use]
    pub fn from_address(mut self, address: [u8; 4]) -> Self {
        self.from = IpAddr::from(address);
        self
    }

    /// With another `User-Agent`.
    #[must_use]
    pub fn with_agent(mut self, agent: &str) -> Self {
        agent.clone_into(&mut self.agent);
        self
    }

    /// With one more header on every request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The issuer it visits.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// `http://host:port` of the issuer.
    #[must_use]
    pub fn origin(&self) -> String {
        Url::parse(&self.issuer).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
    }

    /// A cookie's value.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("jar").get(name).cloned()
    }

    /// Plants a cookie.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().expect("jar").insert(name.to_owned(), value.to_owned());
    }

    /// Removes a cookie.
    pub fn drop_cookie(&self, name: &str) {
        self.cookies.lock().expect("jar").remove(name);
    }

    /// All cookies.
    #[must_use]
    pub fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().expect("jar").clone()
    }

    /// `Set-Cookie` of the cookies that are in the jar, as it came last.
    #[must_use]
    pub fn cookie_lines(&self) -> Vec<String> {
        let jar = self.cookies();
        let lines = self.lines.lock().expect("jar");
        lines.iter().filter(|(name, _)| jar.contains_key(*name)).map(|(_, line)| line.clone()).collect()
    }

    fn keep_cookies(&self, answer: &Answer) {
        let mut jar = self.cookies.lock().expect("jar");
        for line in answer.all("set-cookie") {
            let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let is_gone =
                line.to_ascii_lowercase().replace(' ', "").contains("max-age=0") || value.is_empty();
            if is_gone {
                jar.remove(name.trim());
            } else {
                jar.insert(name.trim().to_owned(), value.trim().to_owned());
                self.lines.lock().expect("jar").insert(name.trim().to_owned(), line.to_owned());
            }
        }
    }

    /// The request with what this browser sends along: cookies, headers.
    #[must_use]
    pub fn dress(&self, mut request: Request) -> Request {
        let has = |request: &Request, name: &str| request.headers.iter().any(|(n, _)| n == name);
        if !has(&request, "cookie") {
            let jar = self.cookies.lock().expect("jar");
            if !jar.is_empty() {
                let line: Vec<String> = jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
                request = request.header("cookie", &line.join("; "));
            }
        }
        if !has(&request, "user-agent") {
            request = request.header("user-agent", &self.agent);
        }
        for (name, value) in &self.extra {
            request = request.header(name, value);
        }
        request
    }

    /// A fresh connection of this browser.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn connect(&self) -> Connection {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.load(Ordering::SeqCst)));
        let mut tries = 0;
        loop {
            match self.open(at).await {
                Ok(connection) => return connection,
                Err(why) if tries > 50 => panic!("cannot reach {at}: {why}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            tries += 1;
        }
    }

    async fn open(&self, at: SocketAddr) -> std::io::Result<Connection> {
        let connection = Connection::open(at, &self.host, self.from).await?;
        match &self.trust {
            Some(trust) => connection.secured(trust).await,
            None => Ok(connection),
        }
    }

    /// Comes to another port from now on: to a node past its proxy, or back.
    pub fn go_to(&self, port: u16) {
        self.port.store(port, Ordering::SeqCst);
        self.hang_up();
    }

    /// The anti-forgery value that belongs to this browser's secret, as the server derives it.
    #[must_use]
    pub fn csrf(&self) -> String {
        let secret = self.cookie("__Host-lb_browser").unwrap_or_default();
        let mut message = b"latchbolt csrf v1\n".to_vec();
        message.extend_from_slice(secret.as_bytes());
        crate::b64(&crate::sha256(&message))
    }

    /// Closes the connections that are idle.
    pub fn hang_up(&self) {
        self.idle.lock().expect("connections").clear();
    }

    /// Sends a request as this browser and keeps the cookies of its answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: Request) -> Answer {
        let request = self.dress(request);
        let held = self.idle.lock().expect("connections").pop();
        if let Some(mut connection) = held {
            // The server may have closed it meanwhile: one more try on a fresh one.
            if let Ok(answer) = connection.send(&request).await {
                return self.done(connection, answer);
            }
        }
        let mut connection = self.connect().await;
        let answer = connection
            .send(&request)
            .await
            .unwrap_or_else(|why| panic!("{} {}: {why}", request.method, request.target));
        self.done(connection, answer)
    }

    /// Sends a request on a connection of its own, once, and keeps the cookies of its answer.
    ///
    /// # Errors
    /// The node cannot be reached, or went away in between.
    pub async fn try_send(&self, request: Request) -> std::io::Result<Answer> {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.load(Ordering::SeqCst)));
        let mut connection = self.open(at).await?;
        let answer = connection.send(&self.dress(request)).await?;
        self.keep_cookies(&answer);
        Ok(answer)
    }

    fn done(&self, connection: Connection, answer: Answer) -> Answer {
        self.keep_cookies(&answer);
        if connection.is_open() {
            self.idle.lock().expect("connections").push(connection);
        }
        answer
    }

    fn target(&self, url: &Url) -> String {
        let _ = self;
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    fn resolve(&self, address: &str) -> Url {
        let base = Url::parse(&format!("{}/", self.issuer)).expect("issuer");
        base.join(address).unwrap_or_else(|why| panic!("no address: {address}: {why}"))
    }

    /// One request for a page; redirects are not followed.
    pub async fn get(&self, address: &str) -> Page {
        let url = self.resolve(address);
        let answer = self.send(Request::get(&self.target(&url)).header("accept", "text/html")).await;
        Page { url, answer }
    }

    /// A page, over redirects within the issuer. A redirect to another origin is landed on, not asked.
    pub async fn follow(&self, address: &str) -> Page {
        let page = self.get(address).await;
        self.onwards(page).await
    }

    async fn onwards(&self, mut page: Page) -> Page {
        for _ in 0..20 {
            let is_redirect = (300..400).contains(&page.answer.status);
            let Some(to) = page.answer.header("location").filter(|_| is_redirect) else { return page };
            let url = page.url.join(to).unwrap_or_else(|why| panic!("no address: {to}: {why}"));
            if url.origin().ascii_serialization() != self.origin() {
                return Page { url, answer: Answer::default() };
            }
            page = self.get(url.as_str()).await;
        }
        panic!("a circle of redirects at {}", page.url)
    }

    /// Sends a form of a page as a browser does and follows on.
    pub async fn submit(&self, page: &Page, form: &Form) -> Page {
        let answer = self.submit_once(page, form).await;
        let url = page.url.join(&form.action).unwrap_or_else(|_| page.url.clone());
        self.onwards(Page { url, answer }).await
    }

    /// Sends a form of a page and stops at the answer.
    pub async fn submit_once(&self, page: &Page, form: &Form) -> Answer {
        let url = page.url.join(&form.action).expect("action");
        self.send(self.same_origin(Request::form(&self.target(&url), &form.pairs()))).await
    }

    /// A request as the page's own script or form makes it.
    #[must_use]
    pub fn same_origin(&self, request: Request) -> Request {
        request.header("origin", &self.origin()).header("sec-fetch-site", "same-origin")
    }

    /// Goes to `start` and signs in by password; ends where that leads.
    pub async fn sign_in(&self, start: &str, username: &str, password: &str) -> Page {
        let page = self.follow(start).await;
        self.fill_in(&page, username, password).await
    }

    /// Fills in the password form of a login page; ends where that leads.
    pub async fn fill_in(&self, page: &Page, username: &str, password: &str) -> Page {
        let form = page.form("login").with("username", username).with("password", password);
        self.submit(page, &form).await
    }

    /// The journey of a login page.
    ///
    /// # Panics
    /// When the page has none.
    #[must_use]
    pub fn journey(page: &Page) -> String {
        page.query("journey")
            .or_else(|| page.find_form("login").and_then(|form| form.value("journey").map(str::to_owned)))
            .unwrap_or_else(|| panic!("no journey at {} ({})", page.url, page.status()))
    }

    /// What the page's script sends: a form with journey and anti-forgery value.
    #[must_use]
    pub fn script_request(&self, page: &Page, path: &str) -> Request {
        let csrf = page.csrf().unwrap_or_default();
        let journey = Self::journey(page);
        self.same_origin(Request::form(path, &[("journey", &journey), ("csrf", &csrf)]))
            .header("x-csrf-token", &csrf)
            .header("accept", "application/json")
    }

    /// Asks for the QR of a login page, as its script does.
    pub async fn ask_qr(&self, page: &Page) -> Answer {
        self.send(self.script_request(page, "/login/qr")).await
    }

    /// Asks for the QR and reads it.
    ///
    /// # Panics
    /// When none is shown.
    pub async fn show_qr(&self, page: &Page) -> QrShown {
        let answer = self.ask_qr(page).await;
        assert_eq!(answer.status, 200, "POST /login/qr: {}", answer.text());
        QrShown::read(&answer)
    }

    /// Opens the waiting stream.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn watch(&self, page: &Page) -> Events {
        let events = self.try_watch(&Self::journey(page), &[]).await;
        assert_eq!(events.head.status, 200, "the stream is refused");
        events
    }

    /// Opens the waiting stream, or what is answered instead.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn try_watch(&self, journey: &str, headers: &[(&str, &str)]) -> Events {
        let mut request = Request::get(&format!("/login/wait?journey={journey}"))
            .header("accept", "text/event-stream")
            .header("sec-fetch-site", "same-origin");
        for (name, value) in headers {
            request.headers.retain(|(n, _)| n != name);
            request = request.header(name, value);
        }
        let request = self.dress(request);
        let mut connection = self.connect().await;
        connection.write(&request.bytes(&self.host)).await.expect("written");
        let mut head = connection.head().await.expect("an answer");
        if head.status != 200
            && let Some(length) = head.header("content-length").and_then(|value| value.parse().ok())
        {
            let mut body: Vec<u8> = Vec::new();
            while body.len() < length {
                body.extend(connection.some_bytes().await.unwrap_or_else(|_| vec![0; length]));
            }
            head.body = body;
        }
        Events::begin(connection, head)
    }

    /// Polls the state once.
    pub async fn poll(&self, page: &Page) -> Answer {
        let journey = Self::journey(page);
        self.send(
            Request::get(&format!("/login/state?journey={journey}")).header("sec-fetch-site", "same-origin"),
        )
        .await
    }

    /// Asks for the check code, as the page's script does.
    pub async fn ask_code(&self, page: &Page) -> Answer {
        let journey = Self::journey(page);
        self.send(
            Request::get(&format!("/login/code?journey={journey}")).header("sec-fetch-site", "same-origin"),
        )
        .await
    }

    /// The check code on the page.
    ///
    /// # Panics
    /// When there is none.
    pub async fn check_code(&self, page: &Page) -> String {
        let answer = self.ask_code(page).await;
        assert_eq!(answer.status, 200, "GET /login/code: {}", answer.text());
        let body = answer.json();
        let code = body["check_code"].as_str().or_else(|| body["code"].as_str());
        code.unwrap_or_else(|| panic!("no code in {body}")).to_owned()
    }

    /// Sends the redeem form and stops at the answer.
    pub async fn redeem_once(&self, page: &Page) -> Answer {
        self.send(self.script_request(page, "/login/phone").header("accept", "text/html")).await
    }

    /// Sends the redeem form and follows on.
    pub async fn redeem(&self, page: &Page) -> Page {
        let answer = self.redeem_once(page).await;
        self.onwards(Page { url: self.resolve("/login/phone"), answer }).await
    }

    /// Whether this browser is signed in: a request that must not ask anything is answered with a code.
    pub async fn is_signed_in(&self, silent: &str) -> bool {
        self.follow(silent).await.query("code").is_some()
    }
}

impl QrShown {
    /// Reads the answer of `POST /login/qr`.
    ///
    /// # Panics
    /// When it shows none.
    #[must_use]
    pub fn read(answer: &Answer) -> Self {
        let body = answer.json();
        let url = body["url"].as_str().unwrap_or_else(|| panic!("no QR in {body}")).to_owned();
        let channel =
            url.split_once("#1").unwrap_or_else(|| panic!("no fragment of version 1 in {url}")).1.to_owned();
        Self {
            channel,
            url,
            svg: body["svg"].as_str().unwrap_or_default().to_owned(),
            expires_in: body["expires_in"].as_u64().unwrap_or_default(),
            state: body["state"].as_str().unwrap_or_default().to_owned(),
        }
    }
}
