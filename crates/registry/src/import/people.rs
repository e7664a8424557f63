//! People from a file, and who gets a letter.

use std::collections::HashMap;

use app::{Mandate, Refusal};
use domain::{Account, ClaimDefinition, ClaimKind, Group, Permission, RowFate, Username};
use serde_json::{Map, Value};
use store::FoundAccount;

use super::table::{Row, Table};
use super::{CREATE, FileFault, LetterInput, Looked, NotImported, UserInput};
use crate::Registry;
use crate::jobs::{Options, Planned};

/// Names that are looked for at once.
const AT_ONCE: usize = 500;
/// Groups that a file may name.
const MOST_GROUPS: usize = 200;
const NOT_A_NAME: &str = "is no user name: 1 to 128 plain characters without white space";

/// Accounts of these names, by their folded names.
pub(super) async fn accounts(
    registry: &Registry,
    keys: impl Iterator<Item = String>,
) -> Result<HashMap<String, FoundAccount>, Refusal> {
    let keys: Vec<String> = keys.collect();
    let mut found = HashMap::new();
    let mut view = registry.app.store().read().await?;
    for keys in keys.chunks(AT_ONCE) {
        for one in view.accounts_named(keys).await? {
            found.insert(one.account.username.key().to_owned(), one);
        }
    }
    Ok(found)
}

/// Each name with its line, so that the second one can tell where the first is.
#[derive(Default)]
pub(super) struct Seen(HashMap<String, u64>);

impl Seen {
    /// What to say of a value that is there a second time.
    pub(super) fn again(&mut self, value: &str, line: u64) -> Option<String> {
        match self.0.get(value) {
            Some(first) => Some(format!("is in line {first} of the file already")),
            None => {
                self.0.insert(value.to_owned(), line);
                None
            }
        }
    }
}

/// The user name of a row, or why there is none.
pub(super) fn username(table: &Table, row: &Row) -> Result<Username, Box<Planned>> {
    let written = table.cell(row, "username");
    if let Some(misfit) = table.misfit(row) {
        return Err(Box::new(Planned::conflict(written, "row", misfit)));
    }
    written.parse().map_err(|_| Box::new(Planned::conflict(written, "username", NOT_A_NAME)))
}

/// A letter for this account.
pub(super) fn letter(account: &Account, language: Option<String>) -> Planned {
    let input = LetterInput {
        account: account.id,
        name: account.display_name().to_owned(),
        username: account.username.as_str().to_owned(),
        language: language.or_else(|| account.language.clone()),
    };
    Planned::new(account.username.as_str(), CREATE, &input).of(&account.id)
}

impl Registry {
    pub(super) async fn look_at_people(
        &self,
        by: &Mandate,
        bytes: &[u8],
        options: &mut Options,
    ) -> Result<Vec<Planned>, NotImported> {
        let decisions = self.app.policies().now().await?;
        let claims = &decisions.claims;
        let own = ["username", "email", "name", "given_name", "family_name", "groups", "language"];
        let mut known: Vec<&str> = own.to_vec();
        known.extend(claims.iter().map(|claim| claim.name.as_str()).filter(|name| !own.contains(name)));
        let table = Table::read(bytes, &known, &["username"])?;
        let groups = self.groups_named(by, &table, options).await?;

        let mut seen = Seen::default();
        let mut looked = Vec::with_capacity(table.rows().len());
        for (row, number) in table.rows().iter().zip(0_usize..) {
            if number % AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
            let name = match username(&table, row) {
                Ok(name) => name,
                Err(bad) => {
                    looked.push(Looked::Bad(*bad));
                    continue;
                }
            };
            if let Some(why) = seen.again(name.key(), row.line) {
                looked.push(Looked::Bad(Planned::conflict(name.as_str(), "username", why)));
                continue;
            }
            looked.push(match person(&table, row, &name, claims, &groups) {
                Err((field, why)) => Looked::Bad(Planned::conflict(name.as_str(), &field, why)),
                Ok(input) => match self.prepare_person(by, input.clone().into_person()).await {
                    Ok(_) => Looked::Good((name, input)),
                    Err(Refusal::Invalid { field, why }) => {
                        Looked::Bad(Planned::conflict(name.as_str(), field, why))
                    }
                    Err(other) => return Err(other.into()),
                },
            });
        }
        let keys = looked.iter().filter_map(|row| Some(row.good()?.0.key().to_owned()));
        let found = accounts(self, keys).await?;
        Ok(looked
            .into_iter()
            .map(|row| match row {
                Looked::Bad(bad) => bad,
                Looked::Good((name, input)) => match found.get(name.key()) {
                    None => Planned::new(name.as_str(), CREATE, &input),
                    Some(there) => unchanged(&table, &there.account, &name, &input).of(&there.account.id),
                },
            })
            .collect())
    }

    /// The groups that a file names, by their folded names. Whoever imports must hold what they allow (SEC-181).
    async fn groups_named(
        &self,
        by: &Mandate,
        table: &Table,
        options: &mut Options,
    ) -> Result<HashMap<String, Group>, NotImported> {
        let mut named: HashMap<String, Group> = HashMap::new();
        let mut missing: Vec<String> = Vec::new();
        for row in table.rows() {
            for name in group_names(table, row) {
                let key = name.to_lowercase();
                if named.contains_key(&key) || missing.contains(&key) {
                    continue;
                }
                if named.len() + missing.len() == MOST_GROUPS {
                    return Err(FileFault::whole("The file names more than 200 groups.").into());
                }
                match self.group_by_name(name).await {
                    Ok(group) => {
                        by.must(Permission::GroupsWrite)?;
                        by.must_hold(group.roles)?;
                        options.needs = options.needs.and(group.roles);
                        named.insert(key, group);
                    }
                    Err(Refusal::NotFound) => missing.push(key),
                    Err(other) => return Err(other.into()),
                }
            }
        }
        Ok(named)
    }

    pub(super) async fn look_at_readers(
        &self,
        by: &Mandate,
        bytes: &[u8],
    ) -> Result<Vec<Planned>, NotImported> {
        let table = Table::read(bytes, &["username", "language"], &["username"])?;
        let mut seen = Seen::default();
        let looked: Vec<Looked<(Username, Option<String>)>> = table
            .rows()
            .iter()
            .map(|row| {
                let name = match username(&table, row) {
                    Ok(name) => name,
                    Err(bad) => return Looked::Bad(*bad),
                };
                if let Some(why) = seen.again(name.key(), row.line) {
                    return Looked::Bad(Planned::conflict(name.as_str(), "username", why));
                }
                let language = table.cell(row, "language");
                let known = letters::Words::languages();
                let tag = language.split(['-', '_']).next().unwrap_or_default().to_lowercase();
                if !language.is_empty() && !known.contains(&tag.as_str()) {
                    let why = format!("is no language that letters are written in: {}", known.join(", "));
                    return Looked::Bad(Planned::conflict(name.as_str(), "language", why));
                }
                Looked::Good((name, (!language.is_empty()).then_some(tag)))
            })
            .collect();
        let keys = looked.iter().filter_map(|row| Some(row.good()?.0.key().to_owned()));
        let found = accounts(self, keys).await?;
        Ok(looked
            .into_iter()
            .map(|row| match row {
                Looked::Bad(bad) => bad,
                Looked::Good((name, language)) => match found.get(name.key()) {
                    None => Planned::conflict(name.as_str(), "username", "is nobody's name"),
                    Some(there) if !there.account.is_active() => {
                        Planned::conflict(name.as_str(), "username", "is disabled").of(&there.account.id)
                    }
                    Some(there) if by.must_hold(there.account.roles).is_err() => {
                        Planned::above(name.as_str()).of(&there.account.id)
                    }
                    Some(there) => letter(&there.account, language),
                },
            })
            .collect())
    }
}

fn group_names<'a>(table: &Table, row: &'a Row) -> impl Iterator<Item = &'a str> {
    table.cell(row, "groups").split([';', '|', ',']).map(str::trim).filter(|name| !name.is_empty())
}

/// What a row says of a person.
fn person(
    table: &Table,
    row: &Row,
    name: &Username,
    claims: &[ClaimDefinition],
    groups: &HashMap<String, Group>,
) -> Result<UserInput, (String, String)> {
    let mut input = UserInput {
        username: name.as_str().to_owned(),
        claims: Map::new(),
        groups: Vec::new(),
        language: Some(table.cell(row, "language")).filter(|tag| !tag.is_empty()).map(str::to_owned),
    };
    for column in table.names() {
        let cell = table.cell(row, column);
        if cell.is_empty() || matches!(column.as_str(), "username" | "groups" | "language") {
            continue;
        }
        let value = match claims.iter().find(|claim| claim.name == *column) {
            None => Value::String(cell.to_owned()),
            Some(claim) => {
                let value = value(claim.kind, cell).map_err(|why| (column.clone(), why.to_owned()))?;
                claim.check_value(&value).map_err(|why| (column.clone(), why.to_owned()))?;
                value
            }
        };
        input.claims.insert(column.clone(), value);
    }
    for name in group_names(table, row) {
        let group = groups.get(&name.to_lowercase()).ok_or_else(|| {
            ("groups".to_owned(), format!("name “{}”, which is not there", domain::text::shown(name, 60)))
        })?;
        if !input.groups.contains(&group.id) {
            input.groups.push(group.id);
        }
    }
    Ok(input)
}

/// A cell as the value of a custom claim.
fn value(kind: ClaimKind, cell: &str) -> Result<Value, &'static str> {
    Ok(match kind {
        ClaimKind::Text => Value::String(cell.to_owned()),
        ClaimKind::Number => {
            let whole = cell.parse::<i64>().map(Value::from);
            whole.or_else(|_| cell.parse::<f64>().map(Value::from)).map_err(|_| "is no number")?
        }
        ClaimKind::Boolean => match cell.to_lowercase().as_str() {
            "true" | "yes" | "1" => Value::Bool(true),
            "false" | "no" | "0" => Value::Bool(false),
            _ => return Err("is neither true nor false"),
        },
        ClaimKind::TextList => {
            cell.split([';', '|']).map(|part| Value::String(part.trim().to_owned())).collect()
        }
    })
}

/// A name that is there already: an import makes people and changes none.
fn unchanged(table: &Table, there: &Account, name: &Username, input: &UserInput) -> Planned {
    let differs = table.names().iter().find(|column| match column.as_str() {
        "username" => false,
        "language" => input.language.is_some() && input.language != there.language,
        "groups" => false,
        claim => input.claims.get(claim).is_some_and(|value| there.claims.get(claim) != Some(value)),
    });
    match differs {
        None => Planned::new(name.as_str(), RowFate::Unchanged, &Map::new()),
        Some(field) => Planned::conflict(
            name.as_str(),
            field,
            "is another one there: this import makes people and changes none",
        ),
    }
}
