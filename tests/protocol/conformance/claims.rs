//! JSON types of claims about a person, as the official suite checks them.
//!
//! Owns: which claims a scope holds (OpenID Connect Core §5.4) and what each must look like (§5.1). Written here a
//! second time, so that a mistake of the product's own table shows.

use serde_json::{Map, Value};

const PROFILE: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "updated_at",
    "preferred_username",
];

/// Claims that these scopes hold.
pub(crate) fn of_scopes(scope: &str) -> Vec<String> {
    let of_one = |word: &str| -> &[&str] {
        match word {
            "profile" => &PROFILE,
            "email" => &["email", "email_verified"],
            "address" => &["address"],
            "phone" => &["phone_number", "phone_number_verified"],
            _ => &[],
        }
    };
    scope.split(' ').flat_map(of_one).map(|name| (*name).to_owned()).collect()
}

#[track_caller]
fn is_text(name: &str, value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("{name} is no text: {value}"));
    assert!(!text.is_empty() && text != "null", "{name}: {value}");
}

/// Standard claims have the right types.
#[track_caller]
pub(crate) fn are_typed(claims: &Map<String, Value>) {
    for (name, value) in claims {
        assert!(!value.is_null(), "{name} is null: absent claims are left out");
        match name.as_str() {
            "email_verified" | "phone_number_verified" => assert!(value.is_boolean(), "{name}: {value}"),
            "updated_at" => {
                assert!(value.is_u64() && value.as_u64() < Some(100_000_000_000), "{name}: {value}");
            }
            "birthdate" => is_birthdate(value),
            "address" => {
                let members = value.as_object().unwrap_or_else(|| panic!("{name}: {value}"));
                assert!(!members.is_empty());
                members.iter().for_each(|(name, value)| is_text(name, value));
            }
            "email" | "phone_number" => is_text(name, value),
            of_profile if PROFILE.contains(&of_profile) => is_text(name, value),
            _ => {}
        }
    }
    if let (Some(names), sources) = (claims.get("_claim_names"), claims.get("_claim_sources")) {
        for source in names.as_object().into_iter().flat_map(Map::values) {
            let known = sources.is_some_and(|all| all.get(source.as_str().unwrap_or_default()).is_some());
            assert!(known, "_claim_names names {source}");
        }
    }
}

/// `YYYY-MM-DD`, `0000-MM-DD` or `YYYY`.
#[track_caller]
fn is_birthdate(value: &Value) {
    let parts: Vec<&str> = value.as_str().expect("text").split('-').collect();
    let is_number =
        |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_digit());
    let is_good = match parts.as_slice() {
        [year] => is_number(year, 4),
        [year, month, day] => is_number(year, 4) && is_number(month, 2) && is_number(day, 2),
        _ => false,
    };
    assert!(is_good, "birthdate: {value}");
}
