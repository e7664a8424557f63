//! The whole machine, put together in one place.
//!
//! Owns: which adapter goes behind which port, which settings go to which crate, and what every worker
//! mounts. Not here: listening and stopping (`serve`), defaults (`config`).

use std::path::Path;
use std::sync::Arc;

use actix_web::web::ServiceConfig;
use app::{App, Clock, Entropy, Issuer, Parts};
use live::{InProcess, Live};
use provider::Provider;
use registry::Registry;
use signin::SignIn;
use store::Store;
use store_sql::SqlStore;
use web::Web;

use crate::config::{Config, live as live_config};
use crate::failure::Failure;
use crate::{commands, health, keyfile, setup_page};

/// What commands work on: the use cases without any door.
#[derive(Clone)]
pub struct Ground {
    /// What every use case is given.
    pub app: App,
    /// Users, clients, phones.
    pub registry: Registry,
}

/// Opens the database and puts the use cases over it.
///
/// # Errors
/// The database or the wrapping key cannot be used, or do not belong together.
pub async fn ground(config: &Config) -> Result<Ground, Failure> {
    ground_at(config, Clock::system()).await
}

/// The same with the clock handed in: tests move it.
///
/// # Errors
/// As [`ground`].
pub async fn ground_at(config: &Config, clock: Clock) -> Result<Ground, Failure> {
    make_folder(&config.database.file)?;
    let master_key = keyfile::wrapping_key(&config.keys, &config.database.file)?;
    let settings = store_sql::Settings {
        readers: config.database.readers,
        ..store_sql::Settings::file(&config.database.file)
    };
    let store: Arc<dyn Store> = Arc::new(SqlStore::open(settings).await.map_err(app::Refusal::from)?);
    let live: Arc<dyn Live> = match config.live {
        live_config::Settings::InProcess => Arc::new(InProcess::default()),
    };
    let issuer = Issuer::parse(&config.issuer)
        .map_err(|bad| Failure::new(format!("issuer.url {bad}. Correct it.")))?;
    let app = App::new(Parts {
        issuer,
        store,
        live,
        clock,
        entropy: Entropy::system(),
        hashing: config.sign_in.hashing.clone(),
        master_key,
        limits: config.limits,
    });
    let registry = Registry::new(
        &app,
        registry::Settings {
            shortest_password: config.sign_in.shortest_password,
            devices_per_account: config.phones.per_person,
            enrolment_life: config.phones.link_life,
        },
    );
    Ok(Ground { app, registry })
}

fn make_folder(file: &Path) -> Result<(), Failure> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        Failure::new(format!(
            "Cannot make the folder {}: {error}. Make it, or set database.url.",
            folder.display()
        ))
    })
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
    ground: Ground,
    provider: Provider,
    signin: SignIn,
}

/// Makes sure that there are signing keys, and builds the doors over the use cases.
///
/// # Errors
/// The wrapping key is not the one of this database, or the store failed.
pub async fn house(config: &Config, ground: &Ground, extras: Extras) -> Result<House, Failure> {
    let app = &ground.app;
    provider::keys::ensure(app).await.map_err(commands::keys::unusable)?;
    let provider = Provider::new(
        app,
        provider::Settings {
            access_token_life: config.tokens.access_token,
            id_token_life: config.tokens.id_token,
            code_life: config.tokens.code,
            ui_locales: web::texts::BUILT_IN.iter().map(|(language, _)| (*language).to_owned()).collect(),
        },
    )?;
    let name = if config.theme.name.is_empty() { app.issuer().host() } else { &config.theme.name };
    let settings = signin::Settings {
        name: name.to_owned(),
        methods: config.sign_in.methods,
        session: config.sign_in.session,
        unknown_browser_session: config.sign_in.unknown_browser_session,
        places: config.networks.names.clone(),
        device_unused: config.phones.unused,
    };
    let signin = SignIn::new(app, settings, vec![Arc::new(provider.clone())]);
    let settings = web::Settings {
        trusted_proxies: config.networks.trusted_proxies.clone(),
        theme: config.theme.clone(),
        virtual_phone: extras.virtual_phone,
    };
    let web = Web::new(app, settings).map_err(|bad| {
        Failure::new(format!("The texts of the pages are broken: {bad}. Install the program anew."))
    })?;
    Ok(House { web, ground: ground.clone(), provider, signin })
}

impl House {
    /// Mounts everything on one worker.
    pub fn mount(&self, cfg: &mut ServiceConfig) {
        web::mount(cfg, &self.web);
        web_oidc::mount(cfg, &self.provider);
        web_login::mount(cfg, &self.signin);
        web_phone::mount(cfg, &self.signin, &self.ground.registry);
        health::mount(cfg, &self.ground.app);
        setup_page::mount(cfg, &self.ground.registry);
    }
}
