//! `user …` and `group …`.

use serde_json::{Map, Value, json};

use super::{Desk, assignments, text, work};
use crate::cli::admin::{Group, User, UserGroup, UserRole};
use crate::failure::Failure;

pub(super) async fn user(desk: Desk<'_>, command: User) -> Result<(), Failure> {
    match command {
        User::Show { name } => desk.show(&desk.user(&name).await?),
        User::Edit { name, username, full_name, email, language, claims } => {
            let id = desk.user_id(&name).await?;
            let mut body = Map::new();
            let optional = |text: String| if text.is_empty() { Value::Null } else { text.into() };
            for (member, value) in [
                ("username", username.map(Value::from)),
                ("name", full_name.map(optional)),
                ("email", email.map(optional)),
                ("language", language.map(optional)),
            ] {
                if let Some(value) = value {
                    body.insert(member.to_owned(), value);
                }
            }
            if !claims.is_empty() {
                body.insert("claims".to_owned(), Value::Object(assignments(&claims)?));
            }
            let user =
                desk.send(("user", &name), "PATCH", &format!("/users/{id}"), Some(&body.into())).await?;
            done(desk, &user, &format!("User {} is changed.", text(&user, "username")));
        }
        User::Import { file, yes } => work::import(desk, "users", &file, yes).await?,
        User::LockDown { name, reason } => {
            let id = desk.user_id(&name).await?;
            let path = format!("/users/{id}/lock-down");
            let ended = desk.send(("user", &name), "POST", &path, Some(&because(reason))).await?;
            let sentence = format!(
                "User {name} is locked down: {} sessions ended, {} phones suspended, {} enrolments cancelled, {} API keys revoked.",
                ended["sessions"], ended["devices"], ended["enrolments"], ended["api_keys"]
            );
            done(desk, &ended, &sentence);
        }
        User::Delete { name, yes } => {
            let user = desk.user(&name).await?;
            if !yes {
                return Err(Failure::new(format!(
                    "User {} would be deleted for good. Say so with --yes.",
                    text(&user, "username")
                )));
            }
            let id = text(&user, "id");
            let _ = desk.send(("user", &name), "DELETE", &format!("/users/{id}"), None).await?;
            done(desk, &json!({"id": id, "deleted": true}), &format!("User {name} deleted."));
        }
        User::Role(command) => role(desk, command).await?,
        User::Group(command) => membership(desk, command).await?,
    }
    Ok(())
}

async fn role(desk: Desk<'_>, command: UserRole) -> Result<(), Failure> {
    let (name, role, adds) = match command {
        UserRole::Add { name, role } => (name, role, true),
        UserRole::Remove { name, role } => (name, role, false),
    };
    let user = desk.user(&name).await?;
    let mut roles: Vec<String> = user["own_roles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let had = roles.contains(&role);
    roles.retain(|one| *one != role);
    if adds {
        roles.push(role.clone());
    } else if !had {
        return Err(Failure::new(format!(
            "{name} was not given the role {role}: a group may have it. See `latchbolt user show {name}`."
        )));
    }
    let path = format!("/users/{}/roles", text(&user, "id"));
    let user = desk.send(("user", &name), "PUT", &path, Some(&json!({ "roles": roles }))).await?;
    let deed = if adds { "has the role" } else { "has no longer been given the role" };
    done(desk, &user, &format!("User {} {deed} {role}.", text(&user, "username")));
    Ok(())
}

async fn membership(desk: Desk<'_>, command: UserGroup) -> Result<(), Failure> {
    let (name, group, member) = match command {
        UserGroup::Add { name, group } => (name, group, "add"),
        UserGroup::Remove { name, group } => (name, group, "remove"),
    };
    let (user, group) = (desk.user_id(&name).await?, desk.group(&group).await?);
    let path = format!("/groups/{}/members", text(&group, "id"));
    let title = text(&group, "name");
    let answer = desk.send(("group", &title), "POST", &path, Some(&json!({ member: [user] }))).await?;
    let deed = if member == "add" { "is in" } else { "is not in" };
    done(desk, &answer, &format!("User {name} {deed} the group {title}."));
    Ok(())
}

pub(super) async fn group(desk: Desk<'_>, command: Group) -> Result<(), Failure> {
    match command {
        Group::Create { name, description, roles } => {
            let mut body = json!({ "name": name });
            set(&mut body, "description", description);
            if !roles.is_empty() {
                body["roles"] = json!(roles);
            }
            let group = desk.send(("group", &name), "POST", "/groups", Some(&body)).await?;
            done(desk, &group, &format!("Group {name} made: {}.", text(&group, "id")));
        }
        Group::List => {
            let groups = desk.api.all("/groups").await.map_err(|r| crate::api::failure("group", "", &r))?;
            let columns = [
                ("NAME", "name"),
                ("MEMBERS", "members"),
                ("ROLES", "roles"),
                ("DESCRIPTION", "description"),
                ("ID", "id"),
            ];
            desk.output.rows(&groups, &columns);
        }
        Group::Edit { group, name, description, roles } => {
            let found = desk.group(&group).await?;
            let mut body = json!({});
            set(&mut body, "name", name);
            set(&mut body, "description", description);
            if !roles.is_empty() {
                body["roles"] = json!(roles.iter().filter(|role| *role != "none").collect::<Vec<_>>());
            }
            let path = format!("/groups/{}", text(&found, "id"));
            let changed = desk.send(("group", &group), "PATCH", &path, Some(&body)).await?;
            done(desk, &changed, &format!("Group {} is changed.", text(&changed, "name")));
        }
        Group::Delete { group } => {
            let found = desk.group(&group).await?;
            let id = text(&found, "id");
            let _ = desk.send(("group", &group), "DELETE", &format!("/groups/{id}"), None).await?;
            done(
                desk,
                &json!({"id": id, "deleted": true}),
                &format!("Group {} deleted.", text(&found, "name")),
            );
        }
    }
    Ok(())
}

fn set(body: &mut Value, member: &str, value: Option<String>) {
    if let Some(value) = value {
        body[member] = value.into();
    }
}

fn because(reason: Option<String>) -> Value {
    reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }))
}

fn done(desk: Desk<'_>, answer: &Value, sentence: &str) {
    desk.output.either(answer, sentence);
}
