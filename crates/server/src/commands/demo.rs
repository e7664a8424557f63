//! `demo`: the server, a relying party and a virtual phone on this computer, with nothing to set up.
//!
//! Owns: the throw-away data, the demo user and client, starting all three, the links. Not here: what the
//! relying party and the virtual phone do (`demo`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use actix_web::{App as Actix, HttpServer};
use demo::Demo;
use oidc::registration::Registration;
use registry::users::NewUser;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::check_config::refused;
use crate::cli;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::{Extras, Ground};
use crate::{adapters, nodes, serve, telemetry, terminal_qr, wiring};

const USERNAME: &str = "demo";
const CLIENT_ID: &str = "demo-shop";

/// Runs the command until a signal stops it.
///
/// # Errors
/// It cannot start: a port is taken, the data folder cannot be used.
pub async fn run(command: cli::Demo, output: Output) -> Result<(), Failure> {
    let server_sockets = listen("--port", command.port)?;
    let shop_sockets = listen("--rp-port", command.rp_port)?;
    let (port, shop_port) = (port_of(&server_sockets)?, port_of(&shop_sockets)?);
    let folder = match command.data {
        Some(path) => Folder::kept(path)?,
        None => Folder::scratch()?,
    };
    let issuer = command.issuer.unwrap_or_else(|| format!("http://localhost:{port}"));
    let config = configuration(&issuer, &folder.path)?;
    telemetry::start(&config.log);

    if config.database.file().is_some_and(Path::exists) {
        // With another --port or --issuer than last time: nobody else uses this data.
        let store = adapters::store(&config).await?;
        nodes::adopt_issuer(&*store, &config.issuer).await?;
        store.close().await;
    }
    let ground = wiring::ground(&config).await?;
    let admin_setup = serve::first_start(&ground).await?.link().map(str::to_owned);
    let base = format!("http://localhost:{shop_port}");
    let secrets = Secrets::of(&folder, &ground)?;
    make_user(&ground, &secrets).await?;
    make_client(&ground, &secrets, &base).await?;

    let is_loopback = ground.app.issuer().is_loopback();
    let enrolment = ground.registry.offer_enrolment(USERNAME).await?.url;
    let settings = demo::Settings {
        issuer: issuer.clone(),
        base,
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(secrets.client_secret.clone()),
        username: USERNAME.to_owned(),
        enrolment,
        phone_file: folder.is_kept.then(|| folder.path.join("virtual-phone.json")),
        // The name `localhost` may lead to an address where nobody listens.
        connect_to: is_loopback.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        extra_ca: None,
    };
    let demo = Demo::new(settings).map_err(|error| Failure::new(sentence(&error.to_string())))?;
    let extras = Extras { virtual_phone: demo.virtual_phone() };
    let running = serve::start_on(&config, &ground, server_sockets, extras).await?;
    let server = running.stopper();
    let waiting = tokio::spawn(running.server);
    let shop = serve_shop(&demo, shop_sockets)?;
    let shop_stop = shop.handle();
    let shop = tokio::spawn(shop);
    if is_loopback {
        demo.enrol_phone().await.map_err(|error| Failure::new(sentence(&error.to_string())))?;
    }

    say(output, &demo, &ground, &secrets, admin_setup.as_deref()).await?;
    serve::signalled_or_hung_up().await;
    shop_stop.stop(false).await;
    server.stop().await;
    let _ = (shop.await, waiting.await);
    ground.close().await;
    Ok(())
}

/// Prints the links: one line of JSON, or words and, for a real phone, a QR.
async fn say(
    output: Output,
    demo: &Demo,
    ground: &Ground,
    secrets: &Secrets,
    admin_setup: Option<&str>,
) -> Result<(), Failure> {
    let issuer = ground.app.issuer();
    if output.json {
        let line = json!({
            "issuer": issuer.as_str(),
            "relying_party": demo.relying_party(),
            "virtual_phone": demo.virtual_phone(),
            "admin_setup": admin_setup,
            "username": USERNAME,
            "password": secrets.password,
            "pid": std::process::id(),
        });
        output.line(&line.to_string());
        return Ok(());
    }
    output.line("Latchbolt is running. Everything here is for trying out.\n");
    output.line(&format!("  Sign in at the demo shop   {}", demo.relying_party()));
    match demo.virtual_phone() {
        Some(address) => output.line(&format!("  The virtual phone          {address}")),
        None => output.line("  The virtual phone          only where the issuer is on this computer"),
    }
    match admin_setup {
        Some(link) => output.line(&format!("  Make an administrator      {link}")),
        None => output.line("  Make an administrator      done already, or offered at the first start"),
    }
    output.line(&format!("\n  User name  {USERNAME}\n  Password   {}\n", secrets.password));
    if issuer.is_https() {
        let link = ground.registry.offer_enrolment(USERNAME).await?;
        output.line("Scan this with a phone to enrol it; the code works once, within ten minutes:\n");
        if let Some(symbol) = terminal_qr::draw(&link.url) {
            output.line(&symbol);
        }
        output.line(&format!("  {}\n", link.url));
    }
    output.line("Ctrl-C ends it.");
    Ok(())
}

fn configuration(issuer: &str, folder: &Path) -> Result<Config, Failure> {
    let mut variables = vec![
        ("LATCHBOLT__ISSUER__URL".to_owned(), issuer.to_owned()),
        ("LATCHBOLT__DATABASE__URL".to_owned(), format!("sqlite:{}", folder.join("demo.db").display())),
        ("LATCHBOLT__LOG__LEVEL".to_owned(), "warn".to_owned()),
    ];
    if !issuer.starts_with("http:") {
        // A tunnel or proxy of this computer tells where visitors come from: nobody else can connect.
        variables
            .push(("LATCHBOLT__NETWORKS__TRUSTED_PROXIES".to_owned(), "['127.0.0.1', '::1']".to_owned()));
    }
    // What else is in the environment counts, except what the demo decides itself.
    let own: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
    let others = config::environment().into_iter().filter(|(name, _)| {
        !own.contains(name)
            && !name.starts_with("LATCHBOLT__SERVER__LISTEN")
            && !name.starts_with("LATCHBOLT__TLS__")
            && !name.starts_with("LATCHBOLT__KEYS__")
            && !name.starts_with("LATCHBOLT__DATABASE__")
            && !name.starts_with("LATCHBOLT__LIVE__")
    });
    variables.extend(others);
    config::load_from(None, &variables).map_err(|problems| refused(&problems))
}

/// What has to stay the same from one run to the next with `--data`.
#[derive(Serialize, Deserialize)]
struct Secrets {
    password: String,
    client_secret: String,
}

impl Secrets {
    fn of(folder: &Folder, ground: &Ground) -> Result<Self, Failure> {
        let file = folder.path.join("demo.json");
        if let Ok(text) = std::fs::read_to_string(&file)
            && let Ok(kept) = serde_json::from_str(&text)
        {
            return Ok(kept);
        }
        let fresh = Self { password: password(ground), client_secret: ground.app.entropy().secret().text() };
        if folder.is_kept {
            let text = serde_json::to_string(&fresh).unwrap_or_default();
            write_private(&file, &text).map_err(|error| {
                Failure::new(format!("Cannot write {}: {error}. Check --data.", file.display()))
            })?;
        }
        Ok(fresh)
    }
}

/// Sixteen characters of a 32-letter alphabet: 80 random bits that can be read out and typed.
fn password(ground: &Ground) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = ground.app.entropy().bytes::<16>();
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 4 == 0 {
            text.push('-');
        }
        text.push(char::from(LETTERS[usize::from(byte & 31)]));
    }
    text
}

async fn make_user(ground: &Ground, secrets: &Secrets) -> Result<(), Failure> {
    let password = SecretString::from(secrets.password.clone());
    if ground.registry.user(USERNAME).await.is_ok() {
        return Ok(());
    }
    let claims = json!({
        "name": "Dana Demo", "given_name": "Dana", "family_name": "Demo", "locale": "en",
        "email_verified": true,
    });
    let Value::Object(claims) = claims else { return Ok(()) };
    let new = NewUser {
        username: USERNAME.to_owned(),
        email: Some("dana@example.org".to_owned()),
        claims,
        password: Some(password),
    };
    ground.registry.create_user(new).await.map_err(|r| Failure::about("user", USERNAME, &r))?;
    Ok(())
}

async fn make_client(ground: &Ground, secrets: &Secrets, base: &str) -> Result<(), Failure> {
    let redirect_uri = Demo::redirect_uri(base);
    match ground.registry.client(CLIENT_ID).await {
        Ok(known) if known.redirect_uris == [redirect_uri.clone()] => return Ok(()),
        // The port is another one this time.
        Ok(_) => ground.registry.delete_client(CLIENT_ID).await?,
        Err(app::Refusal::NotFound) => {}
        Err(refusal) => return Err(refusal.into()),
    }
    let metadata = json!({
        "client_name": "Demo Shop",
        "redirect_uris": [redirect_uri],
    });
    let secret = Some(SecretString::from(secrets.client_secret.clone()));
    let failed = |error: &dyn std::error::Error| Failure::new(sentence(&error.to_string()));
    let id = CLIENT_ID.parse().map_err(|error: domain::id::NotAnId| failed(&error))?;
    let registration = Registration::parse(&metadata).map_err(|error| failed(&error))?;
    let client = registration.into_client(id, None, ground.app.now());
    ground.registry.create_client(client, secret).await.map_err(|error| failed(&error))?;
    Ok(())
}

fn serve_shop(demo: &Demo, sockets: Vec<TcpListener>) -> Result<actix_web::dev::Server, Failure> {
    let demo = demo.clone();
    let mut server = HttpServer::new(move || {
        let demo = demo.clone();
        Actix::new().configure(move |cfg| demo.configure(cfg))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals();
    for socket in sockets {
        server = server
            .listen(socket)
            .map_err(|error| Failure::new(format!("Cannot listen: {error}. Choose another --rp-port.")))?;
    }
    Ok(server.run())
}

/// The port on both loopback addresses, since browsers take `localhost` for either; the second one is
/// given up where the system has none.
fn listen(option: &str, port: u16) -> Result<Vec<TcpListener>, Failure> {
    let taken = |failure: Failure| Failure::new(format!("{failure} With {option} 0 a free port is taken."));
    let first = serve::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(taken)?;
    let mut sockets = vec![first];
    let port = port_of(&sockets)?;
    if let Ok(second) = serve::listen(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)) {
        sockets.push(second);
    }
    Ok(sockets)
}

fn port_of(sockets: &[TcpListener]) -> Result<u16, Failure> {
    let address = sockets.first().and_then(|socket| socket.local_addr().ok());
    address.map(|address| address.port()).ok_or_else(|| Failure::new("The system gives no port. Try again."))
}

/// Where the demo keeps its data.
struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    fn kept(path: PathBuf) -> Result<Self, Failure> {
        make_private(&path, true)?;
        Ok(Self { path, is_kept: true })
    }

    /// A folder that goes with this value.
    fn scratch() -> Result<Self, Failure> {
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|error| {
            Failure::new(format!("The system gives no random bytes: {error}. Check /dev/urandom."))
        })?;
        let name = format!("latchbolt-demo-{:016x}", u64::from_be_bytes(random));
        let path = std::env::temp_dir().join(name);
        make_private(&path, false)?;
        Ok(Self { path, is_kept: false })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn make_private(path: &Path, may_exist: bool) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(may_exist);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        Failure::new(format!("Cannot make the folder {}: {error}. Name another with --data.", path.display()))
    })
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let text: String =
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    format!("{}.", text.trim_end_matches('.'))
}
