//! The commands that call the admin API: people, groups, phones, enrolments, long work, sessions, keys, policies.
//!
//! Owns: their names, arguments and help. Not here: doing it (`commands::registry`).

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// `user …`, what the API does.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Show an account.
    Show {
        /// The user name, or the account's id.
        name: String,
    },
    /// Change an account; what is not named stays.
    Edit {
        /// The user name, or the account's id.
        name: String,
        /// Another user name.
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        /// What to call the person.
        #[arg(long = "name", value_name = "TEXT")]
        full_name: Option<String>,
        /// The mail address; empty: none.
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// The language of what is sent to them, `de`; empty: none.
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
        /// A claim, as JSON or as text: `department=Sales`; empty: none.
        #[arg(long = "claim", value_name = "NAME=VALUE")]
        claims: Vec<String>,
    },
    /// Make accounts as a CSV file says, and change none: shows what would be done, and does it with --yes.
    Import {
        /// The file: `username,email,name,…`.
        file: PathBuf,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Stop everything of an account at once: sign-in, sessions, phones, enrolments, API keys.
    LockDown {
        /// The user name, or the account's id.
        name: String,
        /// Why, for the audit trail and its owner.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Delete an account for good.
    Delete {
        /// The user name, or the account's id.
        name: String,
        /// Do it: there is no way back.
        #[arg(long)]
        yes: bool,
    },
    /// Roles of administrators.
    #[command(subcommand)]
    Role(UserRole),
    /// Groups that an account is in.
    #[command(subcommand)]
    Group(UserGroup),
}

/// `user role …`.
#[derive(Debug, Subcommand)]
pub enum UserRole {
    /// Give a role.
    Add {
        /// The user name, or the account's id.
        name: String,
        /// superadmin, device_registrar, helpdesk, client_manager or auditor.
        role: String,
    },
    /// Take a role.
    Remove {
        /// The user name, or the account's id.
        name: String,
        /// The role.
        role: String,
    },
}

/// `user group …`.
#[derive(Debug, Subcommand)]
pub enum UserGroup {
    /// Put into a group.
    Add {
        /// The user name, or the account's id.
        name: String,
        /// The group's name, or its id.
        group: String,
    },
    /// Take out of a group.
    Remove {
        /// The user name, or the account's id.
        name: String,
        /// The group's name, or its id.
        group: String,
    },
}

/// `group …`.
#[derive(Debug, Subcommand)]
pub enum Group {
    /// Make a group.
    Create {
        /// Its name.
        name: String,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A role that its members have.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// List all groups.
    List,
    /// Change a group; what is not named stays.
    Edit {
        /// Its name, or its id.
        group: String,
        /// Another name.
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// A role that its members have, in place of those before; `none`: no role.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Delete a group; its members stay.
    Delete {
        /// Its name, or its id.
        group: String,
    },
}

/// `device …`, what the API does.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Show a phone.
    Show {
        /// The device id.
        id: String,
    },
    /// Let waiting phones in.
    Approve {
        /// The device ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Turn waiting phones away.
    Reject {
        /// The device ids.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why, for the audit trail and its owner.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Report a phone lost: it is stopped, and the sign-ins it approved end.
    Lost {
        /// The device id.
        id: String,
        /// Stolen: it is stopped for good.
        #[arg(long)]
        stolen: bool,
        /// More about it.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Add native apps' keys as a CSV file says: shows what would be done, and does it with --yes.
    Import {
        /// The file: `username,public_key,name,platform`.
        file: PathBuf,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

/// How an enrolment reaches its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnrolmentKind {
    /// A link, with its QR.
    Link,
    /// A code to be typed.
    Code,
    /// Both, on paper: good for longer.
    Letter,
}

/// `enrol …`.
#[derive(Debug, Subcommand)]
pub enum Enrol {
    /// Let a person enrol one phone; the link or code is shown this once.
    Create {
        /// For whom: the user name.
        name: String,
        /// How it reaches them.
        #[arg(long, value_enum, default_value = "link")]
        kind: EnrolmentKind,
    },
    /// List enrolments, newest first.
    List {
        /// Only those in this state: open, begun, completed, cancelled, replaced or expired.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
    /// Cancel an enrolment.
    Cancel {
        /// Its id.
        id: String,
    },
    /// Make letters for many people at once.
    Bulk {
        /// Where to write the letters.
        #[arg(long, value_name = "FILE.pdf")]
        letters: PathBuf,
        /// For the people in this CSV file: `username[,language]`.
        #[arg(long, value_name = "FILE.csv", required_unless_present = "group", conflicts_with = "group")]
        file: Option<PathBuf>,
        /// For the members of this group.
        #[arg(long, value_name = "NAME")]
        group: Option<String>,
        /// Only for those who have no phone.
        #[arg(long, requires = "group")]
        without_device: bool,
        /// Labels instead of letters.
        #[arg(long)]
        labels: bool,
    },
}

/// `approval …`.
#[derive(Debug, Subcommand)]
pub enum Approval {
    /// List phones that wait to be let in, oldest first.
    List,
}

/// `job …`.
#[derive(Debug, Subcommand)]
pub enum Job {
    /// List long work, newest first.
    List,
    /// Show one job.
    Show {
        /// Its id.
        id: String,
    },
    /// Start a job that is ready.
    Start {
        /// Its id.
        id: String,
    },
    /// Undo what a job did, while that is possible.
    Undo {
        /// Its id.
        id: String,
    },
}

/// `session …`.
#[derive(Debug, Subcommand)]
pub enum Session {
    /// List living sessions, newest first.
    List {
        /// Only this person's.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// End a session with the tokens made in it.
    End {
        /// Its id.
        id: String,
    },
}

/// `consent …`.
#[derive(Debug, Subcommand)]
pub enum Consent {
    /// List remembered consents, newest first.
    List {
        /// Only this person's.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Only for this relying party.
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
    },
    /// Take a consent back, and the tokens made from it.
    Withdraw {
        /// Whose: the user name.
        user: String,
        /// For which relying party.
        client: String,
    },
}

/// `api-key …`.
#[derive(Debug, Subcommand)]
pub enum ApiKey {
    /// Make a key and print it, this once.
    Create {
        /// What it is for.
        name: String,
        /// A permission, such as users.read.
        #[arg(long = "permission", value_name = "WORD", required = true)]
        permissions: Vec<String>,
        /// How many days it is good.
        #[arg(long, value_name = "N", default_value_t = 90)]
        days: u32,
        /// From where it may be used: an address, or address/prefix.
        #[arg(long = "network", value_name = "NETWORK")]
        networks: Vec<String>,
    },
    /// List all keys, newest first.
    List,
    /// Revoke a key.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// `policy …`.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Show policies: all, or one.
    Show {
        /// devices, passwords, enrolments or recovery.
        name: Option<String>,
    },
    /// Change a policy; what is not named stays.
    Set {
        /// Which.
        name: String,
        /// What to set, as JSON or as text: `per_user=3`.
        #[arg(required = true, value_name = "FIELD=VALUE")]
        values: Vec<String>,
    },
}

/// What values a claim has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClaimKind {
    /// A line of text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Several lines of text.
    TextList,
}

/// Who edits a claim's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClaimEditor {
    /// Administrators.
    Admin,
    /// Everybody their own.
    Owner,
}

/// What a claim is.
#[derive(Debug, Args)]
pub struct ClaimTraits {
    /// The scope that tells it to relying parties; `none`: nobody is told.
    #[arg(long, value_name = "SCOPE")]
    pub scope: Option<String>,
    /// What people are shown, in a language: `de=Abteilung`.
    #[arg(long = "label", value_name = "LANGUAGE=TEXT")]
    pub labels: Vec<String>,
    /// Who edits its values.
    #[arg(long, value_enum)]
    pub edited_by: Option<ClaimEditor>,
    /// A limit of its values: longest, most, min or max; empty: no such limit.
    #[arg(long = "limit", value_name = "NAME=NUMBER")]
    pub limits: Vec<String>,
}

/// `claim …`.
#[derive(Debug, Subcommand)]
pub enum Claim {
    /// List the claims that are defined.
    List,
    /// Define a claim; administrators edit it unless --edited-by says otherwise.
    Create {
        /// Its name.
        name: String,
        /// What values it has.
        #[arg(long, value_enum)]
        kind: ClaimKind,
        /// Its traits.
        #[command(flatten)]
        traits: ClaimTraits,
    },
    /// Change a claim's definition; what is not named stays.
    Update {
        /// Its name.
        name: String,
        /// What values it has.
        #[arg(long, value_enum)]
        kind: Option<ClaimKind>,
        /// Its traits.
        #[command(flatten)]
        traits: ClaimTraits,
    },
    /// Remove a claim's definition: nobody is told it any more.
    Delete {
        /// Its name.
        name: String,
    },
}

/// `recovery …`.
#[derive(Debug, Subcommand)]
pub enum Recovery {
    /// Open a recovery: its owner is told on every channel, and can call it off.
    Open {
        /// Whose: the user name, or the account's id.
        user: String,
        /// Who asked, and how you know them.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List recoveries, newest first.
    List {
        /// `open`: those that wait, are ready or completed.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only this person's.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Show a recovery.
    Show {
        /// Its id.
        id: String,
    },
    /// Call a recovery off.
    Cancel {
        /// Its id.
        id: String,
    },
    /// Complete a recovery whose wait is over; the link for its owner is shown this once.
    Complete {
        /// Its id.
        id: String,
    },
}

/// `notice …`.
#[derive(Debug, Subcommand)]
pub enum Notice {
    /// List mails, newest first: those that were given up, unless another state is named.
    List {
        /// waiting, sent or failed.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
    },
    /// Say how sending goes.
    Status,
    /// Send a mail that shows that mails arrive.
    Test {
        /// To whom.
        to: String,
        /// In which language.
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
    },
    /// Try a mail again that was given up.
    Retry {
        /// Its id.
        id: String,
    },
}

/// `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// A folder of TOML and JSON files that say what is to be.
    pub dir: PathBuf,
    /// Do it without asking.
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Only show what would be done; ends with 1 if anything would.
    #[arg(long)]
    pub dry_run: bool,
}

/// `import …`.
#[derive(Debug, Subcommand)]
pub enum Import {
    /// Take over services, people's phones and people from a CAS server: shows a plan and what has no equivalent, and
    /// does it with --apply.
    Cas(ImportCas),
}

/// `import cas`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(true).args(["services", "qr_devices", "users"])))]
pub struct ImportCas {
    /// The folder of its service definitions (JSON).
    #[arg(long, value_name = "DIR")]
    pub services: Option<PathBuf>,
    /// Its map of QR devices: device id to user (JSON).
    #[arg(long, value_name = "FILE.json")]
    pub qr_devices: Option<PathBuf>,
    /// People, as `user import` reads them; they are made first.
    #[arg(long, value_name = "FILE.csv")]
    pub users: Option<PathBuf>,
    /// The claim that holds an attribute of its directory.
    #[arg(long = "claim", value_name = "ATTRIBUTE=CLAIM")]
    pub claims: Vec<String>,
    /// Leave services that are here enabled or disabled as they are.
    #[arg(long)]
    pub keep_enabled: bool,
    /// Do it.
    #[arg(long)]
    pub apply: bool,
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The folder to write into; it is made if it is not there.
    pub dir: PathBuf,
}
