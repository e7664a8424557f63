//! Members of a definition as CAS writes them: Java marks, usual values, usual names of attributes.

use serde_json::{Map, Value};

/// Takes off the marks of typed collections: `["java.util.ArrayList", […]]`.
pub(super) fn without_java(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            let is_typed = items.len() == 2
                && items[0].as_str().is_some_and(|class| class.starts_with("java.") && !class.contains(' '));
            if is_typed {
                return items.pop().map_or(Value::Null, without_java);
            }
            Value::Array(items.into_iter().map(without_java).collect())
        }
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, without_java(value))).collect())
        }
        other => other,
    }
}

/// The last part of a Java class's name.
pub(super) fn class_of(members: &mut Map<String, Value>) -> String {
    let class = text_of(members, "@class").unwrap_or_default();
    last_part(&class).to_owned()
}

/// Takes a text out; one of another kind stays and is reported.
pub(super) fn text_of(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    if !members.get(name)?.is_string() {
        return None;
    }
    match members.remove(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text),
        _ => None,
    }
}

/// Takes a list of texts out (or one text).
pub(super) fn texts_of(members: &mut Map<String, Value>, name: &str) -> Vec<String> {
    let all = match members.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => return Vec::new(),
    };
    members.remove(name);
    all
}

pub(super) fn object_of(members: &mut Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    if !members.get(name)?.is_object() {
        return None;
    }
    match members.remove(name) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// Members as CAS writes them where nobody ever chose anything, in JSON: they say nothing.
const USUAL: &[(&str, &[&str])] = &[
    ("authorizedToReleaseAuthenticationAttributes", &["true"]),
    ("authorizedToReleaseCredentialPassword", &["false"]),
    ("authorizedToReleaseProxyGrantingTicket", &["false"]),
    ("bypassEnabled", &["false"]),
    ("bypassTrustedDeviceEnabled", &["false"]),
    ("encryptUsername", &["false"]),
    ("exactMatch", &["false"]),
    ("excludeDefaultAttributes", &["false"]),
    ("exclusive", &["false"]),
    // Closed is what it is here: who cannot show a second factor does not come in.
    ("failureMode", &["\"UNDEFINED\"", "\"NOT_SET\"", "\"CLOSED\""]),
    ("forceExecution", &["false", "\"UNDEFINED\""]),
    ("ignoreResolvedAttributes", &["false"]),
    ("mergingStrategy", &["\"MULTIVALUED\""]),
    ("canonicalizationMode", &["\"NONE\""]),
    ("numberOfUses", &["0"]),
    ("order", &["0"]),
    ("permitUndefined", &["true"]),
    ("ssoEnabled", &["true"]),
    ("status", &["\"UNDEFINED\""]),
    ("useServiceId", &["false"]),
];

/// Objects that are switched on by themselves.
const ON: [&str; 3] = [
    "DefaultRegisteredServiceAcceptableUsagePolicy",
    "DefaultRegisteredServiceWebflowInterruptPolicy",
    "DefaultRegisteredServiceSurrogatePolicy",
];

/// Whether a member says nothing: it is empty, or as usual.
pub(super) fn is_idle(name: &str, value: &Value) -> bool {
    let is_usual = || {
        let written = value.to_string();
        USUAL.iter().any(|(usual, values)| *usual == name && values.contains(&written.as_str()))
    };
    is_nothing(value) || is_usual()
}

/// Whether a value says nothing: null, empty, or an object of nothing but its class and what is usual.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => {
            let class = members.get("@class").and_then(Value::as_str).map(last_part).unwrap_or_default();
            members.iter().all(|(name, value)| {
                let is_on = name == "enabled" && value == &Value::Bool(true) && ON.contains(&class);
                name == "@class" || is_on || is_idle(name, value)
            })
        }
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn last_part(class: &str) -> &str {
    class.rsplit(['.', '$']).next().unwrap_or_default()
}

/// The standard claim for a usual attribute's name.
pub(super) fn claim_for(attribute: &str) -> Option<&'static str> {
    Some(match attribute.to_ascii_lowercase().as_str() {
        "mail" | "email" => "email",
        "displayname" | "cn" | "name" => "name",
        "givenname" | "given_name" | "firstname" => "given_name",
        "sn" | "surname" | "familyname" | "family_name" | "lastname" => "family_name",
        "uid" | "username" | "preferred_username" => "preferred_username",
        "memberof" | "groupmembership" | "group" | "groups" => "groups",
        "telephonenumber" | "phone" | "phone_number" => "phone_number",
        "preferredlanguage" | "locale" => "locale",
        _ => return None,
    })
}

/// Whether a member is this text.
pub(super) fn text_is(members: &Map<String, Value>, name: &str, text: &str) -> bool {
    members.get(name).and_then(Value::as_str) == Some(text)
}
