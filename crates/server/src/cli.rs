//! The command line: what can be asked of the program.
//!
//! Owns: names, arguments and help. Not here: doing it (`commands`, `serve`).

pub mod admin;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Latchbolt: an OpenID Connect provider where a phone can open the door.
#[derive(Debug, Parser)]
#[command(name = "latchbolt", version, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// The configuration file (without it config/latchbolt.toml, if it is there).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Answer in JSON, for machines.
    #[arg(long, global = true)]
    pub json: bool,
    /// Ask this server in place of the database here: the issuer's address. LATCHBOLT_API_KEY, or the file that
    /// LATCHBOLT_API_KEY_FILE names, holds an API key or an access token.
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// A PEM file with a further certification authority to trust, for --server.
    #[arg(long, global = true, value_name = "FILE")]
    pub server_ca: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server.
    Serve,
    /// Run the server with a demo relying party and a virtual phone, on this computer.
    Demo(Demo),
    /// Say what is wrong with the configuration; if nothing is, print what is in effect.
    CheckConfig(CheckConfig),
    /// Bring the tables of the database up to date, or say what is missing.
    Migrate(Migrate),
    /// People's accounts.
    #[command(subcommand)]
    User(User),
    /// Relying parties.
    #[command(subcommand)]
    Client(Client),
    /// Phones in the registry.
    #[command(subcommand)]
    Device(Device),
    /// Groups of people.
    #[command(subcommand)]
    Group(admin::Group),
    /// Ways to a phone: links, codes, letters.
    #[command(subcommand)]
    Enrol(admin::Enrol),
    /// Phones that wait to be let in.
    #[command(subcommand)]
    Approval(admin::Approval),
    /// Imports and other long work.
    #[command(subcommand)]
    Job(admin::Job),
    /// Signed-in browsers.
    #[command(subcommand)]
    Session(admin::Session),
    /// What people agreed to give relying parties.
    #[command(subcommand)]
    Consent(admin::Consent),
    /// Keys for programs that call the admin API.
    #[command(subcommand)]
    ApiKey(admin::ApiKey),
    /// Claims that you define.
    #[command(subcommand)]
    Claim(admin::Claim),
    /// Ways back for people who have nothing left to sign in with.
    #[command(subcommand)]
    Recovery(admin::Recovery),
    /// Mails to people, and how they stand.
    #[command(subcommand)]
    Notice(admin::Notice),
    /// Rules for phones, passwords, enrolments and recovery.
    #[command(subcommand)]
    Policy(admin::Policy),
    /// Make people, groups, relying parties, claims and policies be as files say.
    Apply(admin::Apply),
    /// Take over what another server was configured with.
    #[command(subcommand)]
    Import(admin::Import),
    /// Write people, groups, relying parties, claims and policies as files that `apply` reads; no secrets.
    Export(admin::Export),
    /// Signing keys.
    #[command(subcommand)]
    Keys(Keys),
    /// The audit trail.
    #[command(subcommand)]
    Audit(Audit),
    /// A phone on the command line.
    Phone(Phone),
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The server's port on this computer; 0 takes a free one.
    #[arg(long, default_value_t = 8400)]
    pub port: u16,
    /// The relying party's port; 0 takes a free one.
    #[arg(long, default_value_t = 8401)]
    pub rp_port: u16,
    /// Keep the data in this folder; without it nothing is left behind.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The address under which a real phone reaches this server, through a proxy or tunnel of yours.
    #[arg(long, value_name = "URL")]
    pub issuer: Option<String>,
}

/// `check-config`.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// Print the reference of all keys instead.
    #[arg(long, value_name = "FORM", hide = true)]
    pub print_reference: Option<ReferenceForm>,
}

/// `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// Change nothing: say what is missing, and end with 1 if anything is.
    #[arg(long)]
    pub check: bool,
    /// Take the database over for issuer.url, whatever issuer it belonged to. Stop all nodes first.
    #[arg(long, conflicts_with = "check")]
    pub adopt_issuer: bool,
}

/// In which form the reference of the configuration is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReferenceForm {
    /// The commented file.
    Toml,
    /// The page of the book.
    Markdown,
}

/// `user …`.
#[derive(Debug, Subcommand)]
pub enum User {
    /// Make an account.
    Create {
        /// The user name.
        name: String,
        /// The mail address, as the claim `email`.
        #[arg(long)]
        email: Option<String>,
        /// A JSON object of claims (name, given_name…).
        #[arg(long, value_name = "FILE.json")]
        claims: Option<PathBuf>,
        /// Read the password from standard input: the first line.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List all accounts.
    List,
    /// Stop an account: its sessions and tokens end.
    Disable {
        /// The user name.
        name: String,
    },
    /// Let a stopped account sign in again.
    Enable {
        /// The user name.
        name: String,
    },
    /// Set a password, read from standard input: the first line. The account's sessions end.
    SetPassword {
        /// The user name.
        name: String,
    },
    /// What the admin API does.
    #[command(flatten)]
    More(admin::User),
}

/// `client …`.
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Register a relying party and print it as an RFC 7591 response, the secret this once.
    Create {
        /// The registration: a JSON object (RFC 7591); `-` reads standard input.
        #[arg(long, value_name = "RFC7591.json")]
        file: PathBuf,
        /// Take this client_id instead of a random one.
        #[arg(long)]
        client_id: Option<String>,
        /// Read the client secret from standard input instead of making one: the first line.
        #[arg(long)]
        client_secret_stdin: bool,
    },
    /// Put a registration in place of the one before. The secret stays where one is still needed.
    Update {
        /// The client_id.
        client_id: String,
        /// The registration: a JSON object (RFC 7591), as `client show` prints it; `-` reads standard input.
        #[arg(long, value_name = "RFC7591.json")]
        file: PathBuf,
        /// Read a new client secret from standard input: the first line.
        #[arg(long)]
        client_secret_stdin: bool,
    },
    /// Print one relying party as an RFC 7591 response, without its secret.
    Show {
        /// The client_id.
        client_id: String,
    },
    /// Rights to register relying parties (initial access tokens).
    #[command(subcommand)]
    Token(ClientToken),
    /// List all relying parties.
    List,
    /// Remove a relying party with its consents and tokens.
    Delete {
        /// The client_id.
        client_id: String,
    },
}

/// `client token …`.
#[derive(Debug, Subcommand)]
pub enum ClientToken {
    /// Make a right to register relying parties and print its token, this once.
    Create {
        /// What it is for; it is told apart by it.
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// How many relying parties may be registered with it.
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// How many days it is good.
        #[arg(long, value_name = "N", default_value_t = 7)]
        days: u32,
    },
    /// List all rights, without their tokens.
    List,
    /// Take a right back.
    Delete {
        /// Its name.
        name: String,
    },
}

/// `device …`.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// List phones.
    List {
        /// Only this person's.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
    },
    /// Add a native app's public key for a person, or the id of an app made for CAS.
    Add {
        /// Whose.
        #[arg(long, value_name = "NAME")]
        user: String,
        /// The public key as a JWK: P-256 or Ed25519.
        #[arg(long, value_name = "JWK.json", required_unless_present = "cas_id")]
        public_key: Option<PathBuf>,
        /// What an app made for CAS calls itself. It has no key, and signs in with the lowest assurance.
        #[arg(long, value_name = "ID", conflicts_with_all = ["public_key", "platform"])]
        cas_id: Option<String>,
        /// What to call it. For a CAS app its id, if left out.
        #[arg(long, value_name = "TEXT", required_unless_present = "cas_id")]
        name: Option<String>,
        /// Its operating system or model.
        #[arg(long, value_name = "TEXT", default_value = "app")]
        platform: String,
    },
    /// Stop a phone for the time being.
    Suspend {
        /// The device id.
        id: String,
    },
    /// Let a suspended phone act again.
    Restore {
        /// The device id.
        id: String,
    },
    /// Stop a phone for good.
    Revoke {
        /// The device id.
        id: String,
        /// End the sessions it approved, too.
        #[arg(long)]
        end_sessions: bool,
    },
    /// Make a link (and a QR) by which a person enrols a phone, once, within ten minutes.
    Enrol {
        /// For whom.
        #[arg(long, value_name = "NAME")]
        user: String,
    },
    /// What the admin API does.
    #[command(flatten)]
    More(admin::Device),
}

/// `audit …`.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that nothing in the trail was changed, removed or put in since it was sealed. Ends with 1 and names the
    /// first place if something was.
    Verify {
        /// Begin with the block that holds this entry.
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        from: i64,
        /// A head that was kept elsewhere, as an earlier `audit verify` printed it: it must be in the chain still.
        #[arg(long, value_name = "BLOCK:HEAD")]
        expect: Option<registry::chain::Expected>,
    },
    /// Write the trail to standard output, oldest first.
    Export {
        /// Entries from this time on: 2026-11-22, or 2026-11-22T09:15:00Z.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Entries before this time.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// One kind of event, or several with commas: session.started,session.ended.
        #[arg(long)]
        event: Option<String>,
        /// Entries about this user.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// `done` or `refused`.
        #[arg(long)]
        outcome: Option<String>,
        /// How it is written.
        #[arg(long, value_enum, default_value_t = AuditForm::Jsonl)]
        format: AuditForm,
    },
}

/// How the audit trail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuditForm {
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values with a head line.
    Csv,
}

/// `keys …`.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// List our keys and where they stand.
    List,
    /// Let the next keys sign, retire the current ones, and make new next ones.
    Rotate {
        /// Only the keys of one algorithm: ES256, RS256, PS256, EdDSA, RSA-OAEP-256 or ECDH-ES.
        #[arg(long, value_name = "ALG")]
        alg: Option<String>,
        /// Although the next key was just published: who keeps a copy of the key set does not know it yet.
        #[arg(long)]
        force: bool,
    },
    /// Take one key out of use. What it signed stays good until it ends.
    Retire {
        /// Its name, as `keys list` shows it.
        kid: String,
        /// The key was stolen: it leaves the key set at once, and what it signed is good no more.
        #[arg(long)]
        force: bool,
    },
    /// Seal everything that is kept sealed anew with another wrapping key. Restart all nodes with it afterwards.
    Rewrap {
        /// The file with the new wrapping key; it is made if it is not there.
        #[arg(long, value_name = "FILE")]
        new_key_file: PathBuf,
    },
}

/// `phone …`.
#[derive(Debug, Args)]
pub struct Phone {
    /// Where this phone keeps its key (without it under $XDG_DATA_HOME, else ~/.local/share).
    #[arg(long, global = true, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// A PEM file with a further certification authority to trust.
    #[arg(long, global = true, value_name = "FILE")]
    pub extra_ca: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: PhoneCommand,
}

/// What a phone can do.
#[derive(Debug, Subcommand)]
pub enum PhoneCommand {
    /// Enrol this phone: by an enrolment link, or by user name and password.
    Enrol {
        /// An enrolment link.
        #[arg(long, value_name = "LINK", required_unless_present_any = ["issuer", "image"], conflicts_with_all = ["issuer", "user"])]
        url: Option<String>,
        /// A picture that shows the enrolment link as a QR.
        #[arg(long, value_name = "FILE.png", conflicts_with_all = ["url", "issuer", "user"])]
        image: Option<PathBuf>,
        /// The provider's address.
        #[arg(long, value_name = "URL", requires = "user")]
        issuer: Option<String>,
        /// Whose phone it is; the password is read from standard input.
        #[arg(long, value_name = "NAME", requires = "issuer")]
        user: Option<String>,
        /// Read the password from standard input: the first line.
        #[arg(long)]
        password_stdin: bool,
        /// What to call this phone.
        #[arg(long, value_name = "TEXT", default_value = "Command line")]
        name: String,
        /// Agree to sign-ins by QR with this phone.
        #[arg(long)]
        agree: bool,
    },
    /// Scan: claim the sign-in that a QR shows, and print who asks for what.
    Scan {
        /// A picture of the QR.
        #[arg(long, value_name = "FILE.png", required_unless_present = "url", conflicts_with = "url")]
        image: Option<PathBuf>,
        /// The text of the QR.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Approve the scanned sign-in.
    Approve {
        /// The three digits that the browser shows.
        #[arg(long, value_name = "NNN")]
        check_code: Option<String>,
    },
    /// Deny the scanned sign-in.
    Deny {
        /// Say that somebody else started it.
        #[arg(long)]
        not_me: bool,
    },
    /// Say where this phone stands.
    Status,
    /// Put a new key in the place of this phone's present one.
    Renew,
    /// Let a new phone take the place of an old one.
    #[command(subcommand)]
    Move(PhoneMove),
}

/// `phone move …`.
#[derive(Debug, Subcommand)]
pub enum PhoneMove {
    /// On the new phone: show a link for the old one and wait until its owner agreed, then take its place.
    Begin {
        /// The provider's address.
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// Agree to sign-ins by QR with this phone.
        #[arg(long)]
        agree: bool,
    },
    /// On the old phone: read what the new one shows.
    Scan {
        /// A picture of the QR.
        #[arg(long, value_name = "FILE.png", required_unless_present = "url", conflicts_with = "url")]
        image: Option<PathBuf>,
        /// The text of the QR.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// On the old phone: let the new one take its place.
    Approve {
        /// The three digits that the new phone shows.
        #[arg(long, value_name = "NNN")]
        number: String,
    },
    /// On the old phone: do not let it.
    Deny,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_commands_of_the_contract_are_there() {
        for line in [
            "serve --config x.toml",
            "demo --port 1 --rp-port 2 --data d --issuer https://x --json",
            "check-config --json",
            "user create ada --email a@example.org --claims c.json --password-stdin",
            "user list --json",
            "user disable ada",
            "user enable ada",
            "client create --file r.json --client-id shop --client-secret-stdin",
            "client list",
            "client update shop --file r.json --client-secret-stdin",
            "client show shop --json",
            "client token create --name partner --uses 3 --days 30 --json",
            "client token list",
            "client token delete partner",
            "client delete shop",
            "device list",
            "device add --user ada --public-key k.json --name Phone",
            "device suspend dev_x",
            "device revoke dev_x",
            "device enrol --user ada",
            "keys list",
            "keys rotate",
            "keys rotate --alg ES256 --force",
            "keys retire kid",
            "keys retire kid --force --json",
            "keys rewrap --new-key-file new.key",
            "migrate",
            "migrate --check --json",
            "migrate --adopt-issuer",
            "phone enrol --url https://x/phone#e1 --state s --agree",
            "phone enrol --image q.png --agree",
            "phone enrol --issuer https://x --user ada --password-stdin --agree",
            "phone scan --image q.png",
            "phone scan --url https://x/s#1",
            "phone approve --check-code 123",
            "phone deny --state s",
            "user show ada --json",
            "user edit ada --username ada2 --name Ada --email a@example.org --claim department=Sales",
            "user import people.csv --yes",
            "user lock-down ada --reason lost",
            "user delete ada --yes",
            "user role add ada helpdesk",
            "user role remove ada helpdesk",
            "user group add ada staff",
            "user group remove ada staff",
            "group create staff --description Everybody --role auditor",
            "group list",
            "group edit staff --name Staff",
            "group delete staff",
            "device show dev_x",
            "device approve dev_x dev_y",
            "device reject dev_x --reason unknown",
            "device lost dev_x --stolen",
            "device import keys.csv",
            "enrol create ada --kind letter",
            "enrol list --state open",
            "enrol cancel enr_x",
            "enrol bulk --letters all.pdf --group staff --without-device",
            "approval list",
            "job list",
            "job show job_x",
            "job start job_x",
            "job undo job_x",
            "session list --user ada",
            "session end ses_x",
            "consent list --client shop",
            "consent withdraw ada shop",
            "api-key create backup --permission users.read --days 30 --network 192.0.2.0/24",
            "api-key list",
            "api-key revoke key_x",
            "policy show",
            "claim list --json",
            "claim create seat --kind number --scope work --label en=Seat --label de=Platz --edited-by owner --limit max=500",
            "claim update seat --scope none --limit max=600",
            "claim delete seat",
            "recovery open ada --reason caller-known-by-voice",
            "recovery list --state open --user ada",
            "recovery show rcv_x",
            "recovery cancel rcv_x",
            "recovery complete rcv_x --json",
            "notice list --state waiting",
            "notice status",
            "notice test ada@example.org --language de",
            "notice retry ntc_x",
            "user list --server https://id.example --server-ca ca.pem",
            "phone renew --state s",
            "phone move begin --issuer https://x --agree --state new --json",
            "phone move scan --url https://x/phone#m1x",
            "phone move approve --number 123",
            "phone move deny --state s",
            "policy show devices",
            "policy set devices per_user=3 approval=true",
            "apply conf --yes",
            "apply conf --dry-run",
            "export conf",
            "import cas --services etc --qr-devices phones.json --users people.csv --claim a=b --keep-enabled --apply --json",
            "import cas --qr-devices phones.json",
        ] {
            let parsed = Cli::try_parse_from(std::iter::once("latchbolt").chain(line.split(' ')));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
        for wrong in [
            "migrate --check --adopt-issuer",
            "phone scan",
            "client create",
            "user",
            "serve now",
            "keys retire",
            "keys rewrap",
            "phone enrol",
            "import cas",
            "import cas --apply",
        ] {
            let refused = Cli::try_parse_from(std::iter::once("latchbolt").chain(wrong.split(' ')));
            assert_eq!(refused.unwrap_err().exit_code(), 2, "{wrong}");
        }
    }
}
