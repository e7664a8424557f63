//! The whole machine, put together in one place.
//!
//! Owns: which adapter goes behind which port, which settings go to which crate, and what every worker
//! mounts. Not here: listening and stopping (`serve`), defaults (`config`).

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::ServiceConfig;
use app::{App, Clock, Ending, Entropy, FrontChannels, Issuer, Parts};
use journey::MethodPolicy;
use live::Live;
use provider::Provider;
use provider::keys::KeysUnusable;
use registry::Registry;
use signin::{CasPhoneSettings, SignIn};
use tickets::Tickets;
use web::Web;
use web::mail::MailRoom;

use crate::adapters;
use crate::config::{Config, live as live_config};
use crate::failure::Failure;
use crate::keyfile::{self, Database};
use crate::nodes::{self, Installation, NotOurs};
use crate::{commands, health, setup_page};

/// What commands work on: the use cases without any door.
#[derive(Clone)]
pub struct Ground {
    /// What every use case is given.
    pub app: App,
    /// Users, clients, phones.
    pub registry: Registry,
    /// What this node belongs to.
    pub installation: Installation,
    /// Other processes use the same live store.
    pub shares_live: bool,
    /// How long a key signs; none means until it is rotated by hand.
    pub rotate_keys: Option<Duration>,
}

impl Ground {
    /// Keeps what was counted, finishes what is being written, and closes the database.
    pub async fn close(&self) {
        crate::clockwork::keep_counts(&self.registry).await;
        self.app.store().close().await;
    }
}

/// Opens the database and puts the use cases over it.
///
/// # Errors
/// Database, live store or wrapping key cannot be used, or do not belong together.
pub async fn ground(config: &Config) -> Result<Ground, Failure> {
    ground_at(config, Clock::system()).await
}

/// The same with the clock handed in: tests move it.
///
/// # Errors
/// As [`ground`].
pub async fn ground_at(config: &Config, clock: Clock) -> Result<Ground, Failure> {
    let shared = adapters::shared_live(config).await?;
    if shared.is_none() && config.database.file().is_none() {
        tracing::warn!(
            "Short-lived state is in the memory of this node: run no second one, or leave live.url empty"
        );
    }
    ground_over(config, clock, shared).await
}

/// The same for one command beside running nodes. It tells them what it changes; while the live store cannot be
/// reached it does its work all the same, and they notice within two seconds by themselves.
///
/// # Errors
/// As [`ground`], without those of reaching the live store.
pub async fn ground_of_command(config: &Config) -> Result<Ground, Failure> {
    let shared = match adapters::shared_live(config).await {
        Ok(shared) => shared,
        Err(failure) => {
            eprintln!("Running nodes are not told at once, they notice within two seconds: {failure}");
            None
        }
    };
    ground_over(config, Clock::system(), shared).await
}

/// The same over a live store that is shared with others, or over this process's own.
pub(crate) async fn ground_over(
    config: &Config,
    clock: Clock,
    shared: Option<Arc<dyn Live>>,
) -> Result<Ground, Failure> {
    let issuer = Issuer::parse(&config.issuer)
        .map_err(|bad| Failure::new(format!("issuer.url {bad}. Correct it.")))?;
    // Beside a file the key comes first: a database without one must not be begun.
    let beside = match config.database.file() {
        Some(file) => Some(keyfile::wrapping_key(&config.keys.wrapping, Database::File(file))?),
        None => None,
    };
    let store = adapters::store(config).await?;
    let key = match beside {
        Some(key) => key,
        None => {
            let has_key = provider::keys::has_wrapping(&*store).await;
            let has_key = has_key.map_err(|error| adapters::unusable(config, &error))?;
            keyfile::wrapping_key(
                &config.keys.wrapping,
                Database::Server { shown: &config.database.shown(), has_key },
            )?
        }
    };
    let shares_live = shared.is_some();
    let live = shared.unwrap_or_else(adapters::own_live);
    let app = App::new(Parts {
        issuer,
        store,
        live: Arc::clone(&live),
        outbound: adapters::outbound(config)?,
        mailer: adapters::mailer(config)?,
        clock,
        entropy: Entropy::system(),
        hashing: config.sign_in.hashing.clone(),
        master_key: key.key,
        limits: config.limits,
    });
    let installation = nodes::agree(&app).await?;
    match provider::keys::check(&app).await {
        Ok(()) => {}
        Err(KeysUnusable::WrongMasterKey) => return Err(keyfile::another_key(key.made.as_deref())),
        Err(other) => return Err(commands::keys::unusable(other)),
    }
    match installation.mark(&live).await {
        Ok(()) => {}
        Err(NotOurs::Anothers) => {
            return Err(Failure::new(crate::failure::sentence(&NotOurs::Anothers.to_string())));
        }
        // It was reached a moment ago; a node that cannot reach it now goes on as any other.
        Err(NotOurs::Live(error)) => {
            tracing::warn!(%error, "The live store was not marked; it is tried again");
        }
    }
    let registry = Registry::new(
        &app,
        registry::Settings {
            shortest_password: config.sign_in.shortest_password,
            devices_per_account: config.phones.per_person,
            enrolment_life: config.phones.link_life,
            device_unused: config.phones.unused,
        },
    );
    Ok(Ground { app, registry, installation, shares_live, rotate_keys: config.keys.rotate_every })
}

/// Where short-lived state is, in a word for the log.
#[must_use]
pub const fn live_word(config: &Config) -> &'static str {
    match config.live {
        live_config::Settings::InProcess | live_config::Settings::AsDatabase => "memory",
        live_config::Settings::Postgres => "postgres",
        live_config::Settings::Redis(_) => "redis",
    }
}

/// What only the demo adds.
#[derive(Debug, Clone, Default)]
pub struct Extras {
    /// The address of the virtual phone, for the login page to link to.
    pub virtual_phone: Option<String>,
}

/// Everything that a worker mounts.
#[derive(Clone)]
pub struct House {
    /// What the doors share.
    pub web: Web,
    mail: MailRoom,
    ground: Ground,
    provider: Provider,
    signin: SignIn,
    tickets: Tickets,
    told: FrontChannels,
    /// None: CAS is off.
    cas: Option<web_cas::Cas>,
}

/// Makes sure that there are signing keys, and builds the doors over the use cases.
///
/// # Errors
/// The wrapping key is not the one of this database, or the store failed.
pub async fn house(config: &Config, ground: &Ground, extras: Extras) -> Result<House, Failure> {
    let app = &ground.app;
    provider::keys::ensure(app).await.map_err(commands::keys::unusable)?;
    let (provider, signin, tickets) = use_cases(config, app)?;
    let broken = |bad: web::texts::BadTexts| {
        Failure::new(format!("The texts of the mails are broken: {bad}. Install the program anew."))
    };
    let mail = MailRoom::new(app, &config.theme).map_err(broken)?;
    let web = frame(config, app, extras)?;
    // Also while CAS is off: sessions of before may have led to services.
    let told = FrontChannels::new(vec![Arc::new(provider.clone()), Arc::new(tickets.clone())]);
    let offers = web_cas::Offers { rest: config.cas_rest, phones: config.cas_qr.is_some() };
    let origins = config.cas_qr.as_ref().map_or_else(Vec::new, |apps| apps.allowed_origins.clone());
    let cas = config.cas.is_enabled.then(|| web_cas::Cas {
        tickets: tickets.clone(),
        signin: signin.clone(),
        told: told.clone(),
        page: web_login::after,
        offers,
        sockets: web_cas::socket::Sockets::new(app, origins),
    });
    Ok(House { web, mail, ground: ground.clone(), provider, signin, tickets, told, cas })
}

/// What all doors share.
fn frame(config: &Config, app: &App, extras: Extras) -> Result<Web, Failure> {
    let settings = web::Settings {
        trusted_proxies: config.networks.trusted_proxies.clone(),
        theme: config.theme.clone(),
        virtual_phone: extras.virtual_phone,
    };
    Web::new(app, settings).map_err(|bad| {
        Failure::new(format!("The texts of the pages are broken: {bad}. Install the program anew."))
    })
}

/// The use cases of relying parties, of sign-in, and of CAS.
fn use_cases(config: &Config, app: &App) -> Result<(Provider, SignIn, Tickets), Failure> {
    let provider = Provider::new(
        app,
        provider::Settings {
            access_token_life: config.tokens.access_token,
            id_token_life: config.tokens.id_token,
            code_life: config.tokens.code,
            refresh_idle: config.tokens.refresh_idle,
            refresh_life: config.tokens.refresh_life,
            refresh_grace: config.tokens.refresh_grace,
            dpop_nonce: config.tokens.dpop_nonce,
            requires_par: config.requests.require_par,
            ui_locales: web::texts::BUILT_IN.iter().map(|(language, _)| (*language).to_owned()).collect(),
            registration: config.registration.provider.clone(),
        },
    )?;
    let name = if config.theme.name.is_empty() { app.issuer().host() } else { &config.theme.name };
    let settings = signin::Settings {
        name: name.to_owned(),
        methods: MethodPolicy { cas_phone: config.cas_qr.is_some(), ..config.sign_in.methods },
        session: config.sign_in.session,
        unknown_browser_session: config.sign_in.unknown_browser_session,
        places: config.networks.names.clone(),
        cas_phone: config.cas_qr.as_ref().map_or_else(CasPhoneSettings::default, |apps| CasPhoneSettings {
            fence: apps.fence,
            token_life: apps.token_life,
        }),
    };
    let tickets = Tickets::new(app, tickets::Settings { ticket_life: config.cas.ticket_life });
    let endings: Vec<Arc<dyn Ending>> = vec![Arc::new(provider.clone()), Arc::new(tickets.clone())];
    let signin = SignIn::new(app, settings, endings);
    Ok((provider, signin, tickets))
}

/// The admin API for the command line alone, and what it shares with the doors: whoever calls it is the operator.
///
/// # Errors
/// As [`house`].
pub fn operators_api(config: &Config, ground: &Ground) -> Result<(web_admin::Admin, Web), Failure> {
    let (provider, signin, _) = use_cases(config, &ground.app)?;
    let admin = web_admin::Admin::for_operator(&ground.app, &signin, &ground.registry, &provider);
    Ok((admin, frame(config, &ground.app, Extras::default())?))
}

impl House {
    /// The use cases of relying parties, for what runs by itself.
    #[must_use]
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The use cases of signing in, for what runs by itself.
    #[must_use]
    pub const fn signin(&self) -> &SignIn {
        &self.signin
    }

    /// The use cases of CAS, for what runs by itself.
    #[must_use]
    pub const fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// What writes the mails.
    #[must_use]
    pub const fn mail(&self) -> &MailRoom {
        &self.mail
    }

    /// Mounts everything on one worker.
    pub fn mount(&self, cfg: &mut ServiceConfig) {
        web::mount(cfg, &self.web);
        web_oidc::mount(cfg, &self.provider, &self.told);
        web_login::mount(cfg, &self.signin);
        web_phone::mount(cfg, &self.signin, &self.ground.registry);
        web_account::mount(cfg, &self.signin, &self.ground.registry);
        let Ground { app, registry, .. } = &self.ground;
        let has_cas_apps = self.cas.as_ref().is_some_and(|cas| cas.offers.phones);
        let admin = web_admin::Admin::new(app, &self.signin, registry, &self.provider);
        web_admin::mount(cfg, &admin.with_cas_devices(has_cas_apps));
        if let Some(cas) = &self.cas {
            web_cas::mount(cfg, cas);
        }
        health::mount(cfg, &self.ground.app, self.ground.shares_live);
        setup_page::mount(cfg, &self.ground.registry);
    }
}
