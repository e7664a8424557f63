//! `/devices`: phones, as administrators see, add and stop them.
//!
//! Not here: letting a pending phone in or turning it away (`approvals`).

use domain::{
    Account, Attestation, Device, DeviceId, DeviceKind, DeviceSort, DeviceState, PastKey, Permission,
};
use registry::cas_devices::NewCasDevice;
use registry::devices::listing::{DeviceQuery, key_of};
use registry::devices::{DeviceActor, NewDevice, OwnedDevice, Stop, StopAsked, Stopped};
use registry::lost::LostReason;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{OpenApi, ToSchema};

use super::ask::{self, Ask};
use super::listing::{Listed, Lists};
use super::openapi::Problem;
use super::problem::Failed;
use super::route::{Answer, Route, route};

/// The routes.
pub(super) const ROUTES: &[Route] = &[
    route!(Get "/devices", DevicesRead, list),
    route!(Post "/devices", DevicesWrite, register),
    route!(Get "/devices/{id}", DevicesRead, show),
    route!(Patch "/devices/{id}", DevicesWrite, rename),
    route!(Post "/devices/{id}/suspend", DevicesSuspend, suspend),
    route!(Post "/devices/{id}/restore", DevicesWrite, restore),
    route!(Post "/devices/{id}/revoke", DevicesWrite, revoke),
    route!(Post "/devices/{id}/lost", DevicesSuspend, lost),
    route!(Get "/users/{id}/devices", DevicesRead, of_user),
];

/// Their description.
#[derive(OpenApi)]
#[openapi(paths(list, register, show, rename, suspend, restore, revoke, lost, of_user))]
pub(super) struct Described;

const LISTS: Lists = Lists {
    sorts: &["created", "used", "name"],
    filters: &["state", "kind", "attestation", "user", "unused_days"],
    searches: true,
};

/// Whose phone it is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OwnerShown {
    /// `acc_…`
    id: String,
    /// User name.
    username: String,
}

/// The key that it signs with.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyShown {
    /// `ES256` or `EdDSA`.
    alg: String,
    /// RFC 7638, SHA-256.
    thumbprint: String,
}

/// A key that it has or had. None ever comes back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PastKeyShown {
    /// RFC 7638, SHA-256.
    thumbprint: String,
    /// Since when.
    added_at: String,
    /// Until when; null for the one that works.
    ended_at: Option<String>,
}

/// A phone.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeviceShown {
    /// `dev_…`. Not a credential.
    id: String,
    /// Whose it is, for life.
    user: OwnerShown,
    /// `web`, `app` or `cas`: an app made for CAS, which has a name and no key and verifies nobody.
    kind: String,
    /// What a CAS app calls itself, in lower case; for the kind `cas` alone.
    cas_name: Option<String>,
    /// The owner's name for it.
    name: String,
    /// Operating system or model as the phone told it.
    platform: String,
    /// Model, if told apart.
    model: Option<String>,
    /// `pending`, `active`, `suspended` or `revoked`.
    state: String,
    /// The key that it signs with; null for the kind `cas`.
    key: Option<KeyShown>,
    /// Whether it verifies its user; recorded when the key came.
    verifies_user: bool,
    /// `verified` where somebody vouched for the key, else `none`.
    attestation: String,
    /// Who did.
    attested_by: Option<String>,
    /// `owner`, `desktop` or `admin`.
    added_by: String,
    /// The administrator.
    added_by_account: Option<String>,
    /// Enrolled.
    created_at: String,
    /// Its owner was last verified for the registry.
    verified_at: String,
    /// Last sign-in.
    last_used_at: Option<String>,
    /// Last approval.
    last_approved_at: Option<String>,
    /// From where that was.
    last_place: Option<String>,
    /// For which browser.
    last_browser: Option<String>,
    /// It was not used for so long that its owner is asked first.
    reverification_due: bool,
    /// Last change of state, name or key.
    changed_at: String,
    /// Who made it: `acc_…`, `dev_…`, `key_…`, `operator`.
    changed_by: Option<String>,
    /// Why.
    change_reason: Option<String>,
    /// Also in `ETag`.
    version: u32,
    /// The keys that it has and had, oldest first; in the answer about one phone.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<Vec<PastKeyShown>>,
}

fn shown(device: &Device, username: &str, reverification_due: bool) -> DeviceShown {
    let record = &device.record;
    DeviceShown {
        id: device.id.to_string(),
        user: OwnerShown { id: device.account.to_string(), username: username.to_owned() },
        kind: device.kind.as_str().to_owned(),
        cas_name: device.cas_name.clone(),
        name: device.name.clone(),
        platform: device.platform.clone(),
        model: record.model.clone(),
        state: device.state.as_str().to_owned(),
        key: device
            .key
            .as_ref()
            .map(|key| KeyShown { alg: key.alg.as_str().to_owned(), thumbprint: key.thumbprint.clone() }),
        verifies_user: device.verifies_user,
        attestation: record.attestation.as_str().to_owned(),
        attested_by: record.attested_by.clone(),
        added_by: device.added_by.as_str().to_owned(),
        added_by_account: record.added_by_account.map(|id| id.to_string()),
        created_at: device.created_at.rfc3339(),
        verified_at: record.verified_at.rfc3339(),
        last_used_at: device.last_used_at.map(domain::Timestamp::rfc3339),
        last_approved_at: record.last_approved_at.map(domain::Timestamp::rfc3339),
        last_place: record.last_place.clone(),
        last_browser: record.last_browser.clone(),
        reverification_due,
        changed_at: record.changed_at.rfc3339(),
        changed_by: record.changed_by.as_ref().map(ToString::to_string),
        change_reason: record.changed_why.clone(),
        version: record.version,
        keys: None,
    }
}

/// A phone to be registered. Whose it is cannot be changed later.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDeviceAsked {
    /// User id or name.
    user: String,
    /// `app` (where it is left out) or `cas`.
    #[serde(default)]
    #[schema(default = "app")]
    kind: Option<String>,
    /// Kind `app`, and must be there: its public key as a JWK: P-256 or Ed25519, without a private part.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    public_key: Option<Value>,
    /// Kind `cas`, and must be there: what the app calls itself, letters and digits or `. _ : @ -`; case does not
    /// matter.
    #[serde(default)]
    #[schema(max_length = 128)]
    cas_name: Option<String>,
    /// The owner's name for it. Kind `app`: must be there. Kind `cas`: else what the app calls itself.
    #[serde(default)]
    #[schema(max_length = 60)]
    name: Option<String>,
    /// Kind `app`, and must be there: operating system or model.
    #[serde(default)]
    #[schema(max_length = 60)]
    platform: Option<String>,
    /// Kind `app`: model, if told apart.
    #[serde(default)]
    #[schema(max_length = 60)]
    model: Option<String>,
}

/// What of a phone can be edited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceEdit {
    /// The owner's name for it.
    #[schema(max_length = 60)]
    name: String,
}

/// Why a phone is suspended.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SuspendAsked {
    /// In a plain line; its owner reads it, too.
    #[schema(max_length = 200)]
    reason: Option<String>,
}

/// Why a phone is revoked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RevokeAsked {
    /// In a plain line; its owner reads it, too.
    #[schema(max_length = 200)]
    reason: Option<String>,
    /// End the sessions that it approved.
    end_sessions: bool,
}

/// What happened to a phone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LostAsked {
    /// `lost`: it is suspended. `stolen`: it is revoked.
    reason: String,
    /// More, in a plain line.
    #[serde(default)]
    #[schema(max_length = 190)]
    note: Option<String>,
}

/// A phone that was stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoppedShown {
    /// The phone now.
    device: DeviceShown,
    /// How many sessions ended with it.
    ended_sessions: usize,
}

fn actor(ask: &Ask) -> DeviceActor {
    let mandate = ask.mandate();
    DeviceActor { actor: mandate.actor.clone(), address: mandate.address, owner: None }
}

fn version(ask: &Ask) -> Result<Option<u32>, Failed> {
    // A version that no phone can have fits none.
    Ok(ask.if_match()?.map(|version| u32::try_from(version).unwrap_or(0)))
}

fn reason(given: Option<&str>) -> Result<(), Failed> {
    match given {
        Some(text) if text.chars().count() > 200 || text.chars().any(char::is_control) => {
            Err(Failed::invalid("reason", "is a plain line of at most 200 characters"))
        }
        _ => Ok(()),
    }
}

/// The device as an answer, with its version.
async fn answer(ask: &Ask, device: &Device) -> Answer {
    let one = one(ask, device).await?;
    Ok(ask::versioned(&one, i64::from(device.record.version)))
}

async fn one(ask: &Ask, device: &Device) -> Result<DeviceShown, Failed> {
    let owner = ask.registry().owner(&device.account.to_string()).await?;
    let due = ask.registry().is_reverification_due(&[device]).await?;
    Ok(shown(device, owner.username.as_str(), due.first().copied().unwrap_or(false)))
}

async fn stopped(ask: &Ask, stopped: &Stopped) -> Answer {
    let device = one(ask, &stopped.device).await?;
    let version = i64::from(stopped.device.record.version);
    Ok(ask::versioned(&StoppedShown { device, ended_sessions: stopped.ended.len() }, version))
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(Value::String(text.to_owned())).ok()
}

#[utoipa::path(
    get, path = "/devices", tag = "Phones",
    summary = "Phones, page by page",
    params(
        ("q" = Option<String>, Query, description = "Beginning of the phone's or its owner's name; or a whole id, thumbprint or name of a CAS app"),
        ("state" = Option<String>, Query, description = "`pending`, `active`, `suspended` or `revoked`"),
        ("kind" = Option<String>, Query, description = "`web`, `app` or `cas`"),
        ("attestation" = Option<String>, Query, description = "`none` or `verified`"),
        ("user" = Option<String>, Query, description = "User id or name"),
        ("unused_days" = Option<u32>, Query, description = "Not used for so many days"),
        ("sort" = Option<String>, Query, description = "`created`, `used` or `name`; `-` before it turns it round"),
        ("cursor" = Option<String>, Query), ("limit" = Option<u32>, Query, description = "1 to 200"),
    ),
    responses((status = 200, body = Listed<DeviceShown>), (status = 400, body = Problem), (status = 404, body = Problem))
)]
async fn list(ask: Ask) -> Answer {
    let listing = ask.listing(&LISTS)?;
    let sort = match listing.sort {
        "used" => DeviceSort::Used,
        "name" => DeviceSort::Name,
        _ => DeviceSort::Created,
    };
    let query = DeviceQuery {
        query: listing.q.clone(),
        state: listing.filter_as::<DeviceState>("state", word, "is no state of a phone")?,
        kind: listing.filter_as::<DeviceKind>("kind", word, "is no kind of phone")?,
        attestation: listing.filter_as::<Attestation>("attestation", word, "is none or verified")?,
        unused_days: listing.filter_as(
            "unused_days",
            |text| text.parse().ok().filter(|days| *days <= 36_500_u32),
            "is a number of days",
        )?,
        user: listing.filter("user").map(str::to_owned),
        cursor: listing.cursor.clone(),
        rows: listing.fetch(),
    };
    let found = ask.registry().list_devices(&query, sort, listing.descending).await?;
    let devices: Vec<&Device> = found.iter().map(|listed| &listed.device).collect();
    let due = ask.registry().is_reverification_due(&devices).await?;
    let rows: Vec<_> = found.into_iter().zip(due).collect();
    let page = listing.page(
        rows,
        None,
        |(listed, _)| (key_of(sort, &listed.device), listed.device.id.to_string()),
        |(listed, due)| shown(&listed.device, &listed.username, due),
    );
    Ok(ask::ok(&page))
}

#[utoipa::path(
    post, path = "/devices", tag = "Phones",
    summary = "Register an app for a user: its public key, or the name of an app made for CAS",
    description = "Kind `app`: whoever calls vouches that the key is this user's, and that the app verifies its user before \
        it signs. Kind `cas`: the app has a name instead of a key, which proves nothing; whoever approves by it has to know the \
        user's password, and the sign-in has the lowest `acr`. A name belongs to one phone until that is revoked.",
    request_body = NewDeviceAsked,
    responses(
        (status = 201, body = DeviceShown), (status = 400, body = Problem),
        (status = 404, body = Problem, description = "No such user"),
        (status = 409, body = Problem, description = "`device_key`: a phone has or had the key; `cas_name`: a phone has the name; `device_limit`"),
    )
)]
async fn register(ask: Ask) -> Answer {
    let given: NewDeviceAsked = ask.json()?;
    let owner = ask.registry().owner(&given.user).await?;
    // Whoever brings a key signs in as its owner (SEC-181).
    ask.mandate().must_hold(owner.roles)?;
    let added = match given.kind.as_deref() {
        None | Some("app") => register_app(&ask, owner, given).await?,
        Some("cas") => register_cas_app(&ask, owner, given).await?,
        Some(_) => return Err(Failed::invalid("kind", "is neither app nor cas")),
    };
    let added = added.device;
    let one = one(&ask, &added).await?;
    Ok(ask::created(&format!("/devices/{}", added.id), &one, Some(i64::from(added.record.version))))
}

async fn register_app(ask: &Ask, owner: Account, given: NewDeviceAsked) -> Result<OwnedDevice, Failed> {
    if given.cas_name.is_some() {
        return Err(Failed::invalid("cas_name", "is for the kind cas alone"));
    }
    let missing = |field| Failed::invalid(field, "is missing");
    let new = NewDevice {
        username: owner.username.as_str().to_owned(),
        public_jwk: given.public_key.ok_or_else(|| missing("public_key"))?.to_string(),
        name: given.name.ok_or_else(|| missing("name"))?,
        platform: given.platform.ok_or_else(|| missing("platform"))?,
        model: given.model,
    };
    Ok(ask.registry().register_device(&actor(ask), owner, new).await?)
}

async fn register_cas_app(ask: &Ask, owner: Account, given: NewDeviceAsked) -> Result<OwnedDevice, Failed> {
    let others = [
        ("public_key", given.public_key.is_some()),
        ("platform", given.platform.is_some()),
        ("model", given.model.is_some()),
    ];
    if let Some((field, _)) = others.into_iter().find(|(_, is_there)| *is_there) {
        return Err(Failed::invalid(field, "is not for the kind cas"));
    }
    let cas_name = given.cas_name.ok_or_else(|| Failed::invalid("cas_name", "is missing"))?;
    let new = NewCasDevice { cas_name, name: given.name };
    Ok(ask.registry().register_cas_device(&actor(ask), owner, &new).await?)
}

#[utoipa::path(
    get, path = "/devices/{id}", tag = "Phones", summary = "One phone, with the keys that it has and had",
    params(("id" = String, Path)),
    responses((status = 200, body = DeviceShown), (status = 404, body = Problem))
)]
async fn show(ask: Ask) -> Answer {
    let id = ask.id::<DeviceId>("id")?;
    let found = ask.registry().device_details(&id).await?;
    let due = ask.registry().is_reverification_due(&[&found.device]).await?;
    let mut one = shown(&found.device, found.owner.username.as_str(), due.first().copied().unwrap_or(false));
    let key = |key: PastKey| PastKeyShown {
        thumbprint: key.thumbprint,
        added_at: key.added_at.rfc3339(),
        ended_at: key.ended_at.map(domain::Timestamp::rfc3339),
    };
    one.keys = Some(found.keys.into_iter().map(key).collect());
    Ok(ask::versioned(&one, i64::from(found.device.record.version)))
}

#[utoipa::path(
    patch, path = "/devices/{id}", tag = "Phones", summary = "Give a phone another name",
    description = "Nothing else of a phone can be edited: whose it is and its key least of all.",
    params(("id" = String, Path)), request_body = DeviceEdit,
    responses(
        (status = 200, body = DeviceShown), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`device_state`: it is revoked"), (status = 412, body = Problem),
    )
)]
async fn rename(ask: Ask) -> Answer {
    let id = ask.id::<DeviceId>("id")?;
    let DeviceEdit { name } = ask.json()?;
    let device = ask.registry().rename_device(&actor(&ask), &id, &name, version(&ask)?).await?;
    answer(&ask, &device).await
}

#[utoipa::path(
    post, path = "/devices/{id}/suspend", tag = "Phones", summary = "Stop a phone for the time being",
    description = "Running sign-ins with it end within a second. Its sessions go on.",
    params(("id" = String, Path)), request_body = SuspendAsked,
    responses(
        (status = 200, body = DeviceShown), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`device_state`: it is pending or revoked"), (status = 412, body = Problem),
    )
)]
async fn suspend(ask: Ask) -> Answer {
    let id = ask.id::<DeviceId>("id")?;
    let given: SuspendAsked = ask.json_or_nothing()?;
    reason(given.reason.as_deref())?;
    let why = given.reason.as_deref();
    let asked = StopAsked { stop: Stop::Suspend, why, with_sessions: false, version: version(&ask)? };
    let done = ask.registry().stop_device(&actor(&ask), &id, asked).await?;
    answer(&ask, &done.device).await
}

#[utoipa::path(
    post, path = "/devices/{id}/restore", tag = "Phones", summary = "Let a suspended phone act again",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = DeviceShown), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "`device_state`: it is not suspended"), (status = 412, body = Problem),
    )
)]
async fn restore(ask: Ask) -> Answer {
    let id = ask.id::<DeviceId>("id")?;
    let owner = ask.registry().owner_of(&id).await?;
    ask.mandate().must_hold(owner.roles)?;
    let device = ask.registry().let_device_back(&actor(&ask), &id, version(&ask)?).await?;
    answer(&ask, &device).await
}

#[utoipa::path(
    post, path = "/devices/{id}/revoke", tag = "Phones", summary = "Stop a phone for good",
    description = "Its key never works again; running sign-ins with it end within a second.",
    params(("id" = String, Path)), request_body = RevokeAsked,
    responses((status = 200, body = StoppedShown), (status = 404, body = Problem), (status = 412, body = Problem))
)]
async fn revoke(ask: Ask) -> Answer {
    let id = ask.id::<DeviceId>("id")?;
    let given: RevokeAsked = ask.json_or_nothing()?;
    reason(given.reason.as_deref())?;
    let why = given.reason.as_deref();
    let asked =
        StopAsked { stop: Stop::Revoke, why, with_sessions: given.end_sessions, version: version(&ask)? };
    let done = ask.registry().stop_device(&actor(&ask), &id, asked).await?;
    stopped(&ask, &done).await
}

#[utoipa::path(
    post, path = "/devices/{id}/lost", tag = "Phones", summary = "A phone was lost or stolen",
    description = "A lost one is suspended, a stolen one revoked (for that `devices.write` is needed as well). The \
        sessions that it approved end, their relying parties are told, and its owner on every channel.",
    params(("id" = String, Path)), request_body = LostAsked,
    responses(
        (status = 200, body = StoppedShown), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem, description = "`device_state`"),
    )
)]
async fn lost(ask: Ask) -> Answer {
    let id = ask.id::<DeviceId>("id")?;
    let given: LostAsked = ask.json()?;
    let what =
        LostReason::from_word(&given.reason).ok_or_else(|| Failed::invalid("reason", "is lost or stolen"))?;
    if what == LostReason::Stolen {
        ask.mandate().must(Permission::DevicesWrite)?;
    }
    reason(given.note.as_deref())?;
    let done = ask.registry().lost_device(&actor(&ask), &id, what, given.note.as_deref()).await?;
    stopped(&ask, &done).await
}

#[utoipa::path(
    get, path = "/users/{id}/devices", tag = "Phones", summary = "All phones of a user, newest first",
    params(("id" = String, Path)),
    responses((status = 200, body = Listed<DeviceShown>), (status = 404, body = Problem))
)]
async fn of_user(ask: Ask) -> Answer {
    ask.query(&[])?;
    let id = ask.id::<domain::AccountId>("id")?;
    let query = DeviceQuery { user: Some(id.to_string()), rows: 500, ..DeviceQuery::default() };
    let found = ask.registry().list_devices(&query, DeviceSort::Created, true).await?;
    let devices: Vec<&Device> = found.iter().map(|listed| &listed.device).collect();
    let due = ask.registry().is_reverification_due(&devices).await?;
    let shown =
        found.iter().zip(due).map(|(listed, due)| shown(&listed.device, &listed.username, due)).collect();
    Ok(ask::ok(&Listed::whole(shown)))
}
