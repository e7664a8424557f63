//! The lines of an export.
//!
//! Owns: one entry as a line of JSON or CSV. Each line is one line, whatever an entry holds (SEC-187), and a cell
//! that a spreadsheet would take for a formula is none.

use domain::StoredAudit;
use serde_json::json;

/// In which form the trail is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportForm {
    /// A JSON object a line.
    JsonLines,
    /// Comma-separated values (RFC 4180), with a head line.
    Csv,
}

impl ExportForm {
    /// The form with this name.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "jsonl" => Some(Self::JsonLines),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
        }
    }
}

const COLUMNS: [&str; 12] = [
    "number",
    "at",
    "event",
    "outcome",
    "actor",
    "account",
    "device",
    "client",
    "session",
    "address",
    "other_address",
    "detail",
];

/// What comes first; empty for JSON.
#[must_use]
pub fn head_line(form: ExportForm) -> String {
    match form {
        ExportForm::JsonLines => String::new(),
        ExportForm::Csv => format!("{}\r\n", COLUMNS.join(",")),
    }
}

/// One entry.
#[must_use]
pub fn line(form: ExportForm, stored: &StoredAudit) -> String {
    let StoredAudit { number, entry } = stored;
    let text = |id: Option<String>| id;
    let values = [
        Some(entry.at.rfc3339()),
        Some(entry.event.as_str().to_owned()),
        Some(entry.outcome.as_str().to_owned()),
        text(entry.actor.as_ref().map(ToString::to_string)),
        text(entry.account.as_ref().map(ToString::to_string)),
        text(entry.device.as_ref().map(ToString::to_string)),
        text(entry.client.as_ref().map(|client| client.as_str().to_owned())),
        text(entry.session.as_ref().map(ToString::to_string)),
        text(entry.address.clone()),
        text(entry.other_address.clone()),
        text(entry.detail.clone()),
    ];
    match form {
        ExportForm::JsonLines => {
            let mut object = serde_json::Map::new();
            object.insert(COLUMNS[0].to_owned(), json!(number));
            for (name, value) in COLUMNS[1..].iter().zip(values) {
                object.insert((*name).to_owned(), json!(value));
            }
            format!("{}\n", serde_json::Value::Object(object))
        }
        ExportForm::Csv => {
            let mut line = number.to_string();
            for value in &values {
                line.push(',');
                line.push_str(&cell(value.as_deref().unwrap_or_default()));
            }
            line.push_str("\r\n");
            line
        }
    }
}

/// A cell: control characters become blanks, and what begins like a formula gets an apostrophe before it.
fn cell(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let is_formula = plain.trim_start().starts_with(['=', '+', '-', '@', '|', '%']);
    let plain = if is_formula { format!("'{plain}") } else { plain };
    if plain.contains([',', '"', ';', '\'', ' ']) {
        format!("\"{}\"", plain.replace('"', "\"\""))
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use domain::{Actor, AuditEntry, AuditEvent, Outcome, Timestamp};

    use super::*;

    fn stored(detail: &str) -> StoredAudit {
        let mut entry =
            AuditEntry::new(AuditEvent::PasswordTried, Outcome::Refused, Timestamp::from_seconds(1))
                .by(Actor::System);
        entry.detail = Some(detail.to_owned());
        StoredAudit { number: 7, entry }
    }

    #[test]
    fn sec_187_an_entry_is_one_line_whatever_it_holds() {
        for hostile in [
            "a\r\nb",
            "a\nnumber,at",
            "\u{1b}[31mred",
            "\",\"x\":\"y",
            "},{",
            "\u{2028}\u{2029}",
            "\u{85}",
            "a\0b",
        ] {
            let json = line(ExportForm::JsonLines, &stored(hostile));
            assert_eq!(json.matches('\n').count(), 1, "{hostile:?}");
            let read: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(read["detail"], hostile);
            assert_eq!(read.as_object().unwrap().len(), COLUMNS.len());
            let csv = line(ExportForm::Csv, &stored(hostile));
            assert_eq!(csv.matches('\n').count(), 1, "{hostile:?}");
            assert!(!csv.trim_end_matches("\r\n").contains(char::is_control), "{hostile:?}");
        }
    }

    #[test]
    fn sec_187_no_cell_is_a_formula() {
        for (held, shown) in [
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM", "\"'@SUM\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"' =1\""),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ] {
            let csv = line(ExportForm::Csv, &stored(held));
            let expected = format!("7,1970-01-01T00:00:01Z,password.tried,refused,system,,,,,,,{shown}\r\n");
            assert_eq!(csv, expected);
        }
        assert_eq!(head_line(ExportForm::Csv).matches(',').count(), COLUMNS.len() - 1);
    }
}
