//! Claims about a person, as the person reads them.
//!
//! Owns: the name of each claim in words, and its value in lines. Nothing is left out of a value and nothing is made
//! nicer than it is: it is what will be told. Not here: which claims (`app::ConsentAsked`).

use app::Fact;
use serde_json::Value;
use web::texts::Texts;

/// The longest line; longer ones are cut and say so.
const LONGEST: usize = 300;

/// A claim on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub label: String,
    /// Its value; empty: nothing is known of it.
    pub value: Vec<String>,
    /// The relying party calls it essential.
    pub is_essential: bool,
}

impl Line {
    /// A claim in words.
    #[must_use]
    pub fn of(fact: &Fact, lang: &str, t: &Texts) -> Self {
        let value = fact.value.as_ref().map(|value| lines(&fact.claim, value, t)).unwrap_or_default();
        // The operator's own claims have the operator's words.
        let own = fact.labels.get(lang).or_else(|| fact.labels.get("en"));
        let label = own.map_or_else(|| label(&fact.claim, t), |own| domain::text::shown(own, 80));
        Self { label, value, is_essential: fact.is_essential }
    }
}

/// What a claim is called.
#[must_use]
pub fn label(claim: &str, t: &Texts) -> String {
    let c = &t.claims;
    match claim {
        "name" => &c.name,
        "family_name" => &c.family_name,
        "given_name" => &c.given_name,
        "middle_name" => &c.middle_name,
        "nickname" => &c.nickname,
        "preferred_username" => &c.preferred_username,
        "profile" => &c.profile,
        "picture" => &c.picture,
        "website" => &c.website,
        "gender" => &c.gender,
        "birthdate" => &c.birthdate,
        "zoneinfo" => &c.zoneinfo,
        "locale" => &c.locale,
        "updated_at" => &c.updated_at,
        "email" => &c.email,
        "email_verified" => &c.email_verified,
        "address" => &c.address,
        "phone_number" => &c.phone_number,
        "phone_number_verified" => &c.phone_number_verified,
        "groups" => &c.groups,
        other => return domain::text::shown(other, 60),
    }
    .clone()
}

fn lines(claim: &str, value: &Value, t: &Texts) -> Vec<String> {
    match value {
        Value::String(text) => split(text),
        Value::Bool(yes) => vec![if *yes { t.claims.yes.clone() } else { t.claims.no.clone() }],
        Value::Number(number) if claim == "updated_at" => {
            vec![number.as_i64().map_or_else(|| number.to_string(), moment)]
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).flat_map(split).collect()
        }
        Value::Object(members) if claim == "address" => address(members),
        other => vec![domain::text::shown(&other.to_string(), LONGEST)],
    }
}

/// The lines of a text, without empty ones.
fn split(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| domain::text::shown(line, LONGEST));
    lines.filter(|line| !line.is_empty()).collect()
}

/// The address as it is written on a letter, then what that leaves out.
fn address(members: &serde_json::Map<String, Value>) -> Vec<String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut all = split(text("formatted"));
    let town = format!("{} {}", text("postal_code"), text("locality"));
    for part in [text("street_address"), town.trim(), text("region"), text("country")] {
        for line in split(part) {
            if !all.iter().any(|known| known.contains(&line)) {
                all.push(line);
            }
        }
    }
    all
}

/// `2026-11-22 05:43 UTC`.
fn moment(seconds: i64) -> String {
    let minutes = seconds.div_euclid(60);
    let (hour, minute) = (minutes.div_euclid(60).rem_euclid(24), minutes.rem_euclid(60));
    format!("{} {hour:02}:{minute:02} UTC", day(seconds))
}

/// `2026-11-22`, in UTC.
#[must_use]
pub fn day(seconds: i64) -> String {
    // Days since 0000-03-01, in eras of 400 years: a leap day is the last of its year.
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(claim: &str, value: Value) -> Vec<String> {
        let page = web::Web::sample_page("en").unwrap();
        Line::of(
            &Fact {
                claim: claim.into(),
                value: Some(value),
                is_essential: false,
                labels: std::collections::BTreeMap::new(),
            },
            page.lang,
            &page.t,
        )
        .value
    }

    #[test]
    fn values_are_shown_as_they_are_told() {
        assert_eq!(told("name", json!("Ada")), ["Ada"]);
        assert_eq!(told("email_verified", json!(true)), ["yes"]);
        assert_eq!(told("email_verified", json!(false)), ["no"]);
        assert_eq!(told("updated_at", json!(1_700_000_000)), ["2023-11-14 22:13 UTC"]);
        assert_eq!(told("name", json!("a\u{202E}b")), ["ab"]);
        assert_eq!(told("name", json!("x".repeat(999)))[0].chars().count(), LONGEST);
    }

    #[test]
    fn an_address_leaves_nothing_out_and_says_nothing_twice() {
        let whole = json!({"formatted": "12 Row\nLondon N1\nUK", "locality": "London", "country": "GB"});
        assert_eq!(told("address", whole), ["12 Row", "London N1", "UK", "GB"]);
        let parts = json!({"street_address": "12 Row\n2nd floor", "postal_code": "N1", "locality": "London"});
        assert_eq!(told("address", parts), ["12 Row", "2nd floor", "N1 London"]);
        assert_eq!(told("address", json!({"country": "DE"})), ["DE"]);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
            (1_795_325_000, "2026-11-22"),
        ] {
            assert_eq!(day(seconds), expected);
        }
    }
}
