//! Claims that their owner may set, as fields of a form.
//!
//! Owns: writing values into fields and reading them back. Not here: which claims those are and what fits
//! (`domain::claim_definition`), keeping them (`registry`).

use domain::ClaimDefinition;
use domain::claim_definition::ClaimKind;
use registry::people::OwnClaims;
use serde_json::{Map, Value};
use web::{Page, Params};

use crate::pages::OwnLine;
use crate::texts::Settings;

/// The fields, with what was typed where the form comes back.
pub fn lines(known: &OwnClaims, typed: Option<&Params>, page: &Page, t: &Settings) -> Vec<OwnLine> {
    let line = |(definition, value): &(ClaimDefinition, Option<Value>)| {
        let given = typed.map(|typed| typed.text(&field(definition)));
        let kept = || value.as_ref().map(kept).unwrap_or_default();
        OwnLine {
            name: definition.name.clone(),
            label: definition.label(page.lang).to_owned(),
            kind: match definition.kind {
                ClaimKind::Text => "text",
                ClaimKind::Number => "number",
                ClaimKind::Boolean => "boolean",
                ClaimKind::TextList => "list",
            },
            value: given.map_or_else(kept, str::to_owned),
            hint: hint(definition, page, t),
            is_bad: given.is_some_and(|given| value_of(definition, given).is_none()),
        }
    };
    known.claims.iter().map(line).collect()
}

/// What was typed, as claims; null where a field is empty. None: something does not fit.
pub fn read(known: &OwnClaims, typed: &Params) -> Option<Map<String, Value>> {
    let mut claims = Map::new();
    for (definition, _) in &known.claims {
        // A claim that was defined after the form was made is not in it.
        let Some(given) = typed.get(&field(definition)) else { continue };
        claims.insert(definition.name.clone(), value_of(definition, given)?);
    }
    Some(claims)
}

/// A value in the words of a page.
pub fn written(value: &Value, t: &Settings) -> String {
    match value {
        Value::Bool(true) => t.yes.clone(),
        Value::Bool(false) => t.no.clone(),
        other => kept(other),
    }
}

fn field(definition: &ClaimDefinition) -> String {
    format!("claim-{}", definition.name)
}

/// A value as it stands in its field.
fn kept(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(kept).collect::<Vec<_>>().join("\n"),
        Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// What stands in a field as a value that fits; null where nothing stands there.
fn value_of(definition: &ClaimDefinition, given: &str) -> Option<Value> {
    let given = given.trim();
    if given.is_empty() {
        return Some(Value::Null);
    }
    let value = match definition.kind {
        ClaimKind::Text => Value::from(given),
        ClaimKind::Number => {
            let whole = given.parse::<i64>().map(Value::from);
            whole.or_else(|_| given.replacen(',', ".", 1).parse::<f64>().map(Value::from)).ok()?
        }
        ClaimKind::Boolean => match given {
            "yes" => Value::Bool(true),
            "no" => Value::Bool(false),
            _ => return None,
        },
        ClaimKind::TextList => {
            given.lines().map(str::trim).filter(|line| !line.is_empty()).map(Value::from).collect()
        }
    };
    definition.check_value(&value).is_ok().then_some(value)
}

fn hint(definition: &ClaimDefinition, page: &Page, t: &Settings) -> String {
    let limits = &definition.limits;
    match definition.kind {
        ClaimKind::Text => page.say(&t.hint_text, "count", &limits.longest.unwrap_or(200).to_string()),
        ClaimKind::Number => {
            let mut hint = t.hint_number.clone();
            for (limit, sentence) in [(limits.min, &t.hint_min), (limits.max, &t.hint_max)] {
                if let Some(limit) = limit {
                    hint.push(' ');
                    hint.push_str(&page.say(sentence, "number", &limit.to_string()));
                }
            }
            hint
        }
        ClaimKind::Boolean => String::new(),
        ClaimKind::TextList => page.say(&t.hint_list, "count", &limits.most.unwrap_or(50).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(kind: &str, limits: &Value) -> ClaimDefinition {
        serde_json::from_value(json!({
            "name": "desk", "kind": kind, "scope": null, "labels": {}, "edited_by": "owner", "limits": limits,
        }))
        .unwrap()
    }

    #[test]
    fn what_is_typed_becomes_a_value_that_fits_or_none() {
        for (kind, limits, given, value) in [
            ("text", json!({"longest": 3}), " abc ", Some(json!("abc"))),
            ("text", json!({"longest": 3}), "abcd", None),
            ("text", json!({}), "", Some(Value::Null)),
            ("text", json!({}), "a\u{202E}b", None),
            ("number", json!({"min": 1, "max": 9}), "7", Some(json!(7))),
            ("number", json!({}), "1,5", Some(json!(1.5))),
            ("number", json!({"max": 9}), "10", None),
            ("number", json!({}), "seven", None),
            ("number", json!({}), "NaN", None),
            ("boolean", json!({}), "no", Some(json!(false))),
            ("boolean", json!({}), "perhaps", None),
            ("text_list", json!({"most": 2}), "a\r\n\n b ", Some(json!(["a", "b"]))),
            ("text_list", json!({"most": 2}), "a\nb\nc", None),
        ] {
            let definition = definition(kind, &limits);
            let read = value_of(&definition, given);
            assert_eq!(read, value, "{kind} {given:?}");
            if let Some(value) = read {
                assert_eq!(value_of(&definition, &kept(&value)), Some(value), "and back: {kind} {given:?}");
            }
        }
    }
}
