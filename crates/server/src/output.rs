//! What commands print: JSON for machines, tables and sentences for people.

use std::io::{Read, Write};

use secrecy::SecretString;
use serde_json::Value;

use crate::failure::Failure;

/// Where answers go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// JSON was asked for.
    pub json: bool,
}

impl Output {
    /// Prints one line on standard output. A closed pipe is the reader's choice, not a failure.
    pub fn line(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    }

    /// Prints JSON on one line, or the sentence.
    pub fn either(self, json: &Value, text: &str) {
        if self.json { self.line(&json.to_string()) } else { self.line(text) }
    }

    /// Prints a JSON array, or a table with these columns (name, member of each row).
    pub fn rows(self, rows: &[Value], columns: &[(&str, &str)]) {
        if self.json {
            self.line(&Value::Array(rows.to_vec()).to_string());
            return;
        }
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|(_, member)| cell(&row[*member])).collect()).collect();
        let heads: Vec<String> = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        let widths: Vec<usize> = (0..columns.len())
            .map(|at| {
                let column = cells.iter().map(|row| row[at].chars().count());
                column.chain([heads[at].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        for row in std::iter::once(&heads).chain(&cells) {
            let padded: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(text, width)| format!("{text:width$}", width = *width))
                .collect();
            self.line(padded.join("  ").trim_end());
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => domain::text::shown(text, 60),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

/// The first line of standard input, as a secret.
///
/// # Errors
/// There is none, it is too long, or no text.
pub fn secret_from_stdin(what: &str) -> Result<SecretString, Failure> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(8 * 1024).read_to_end(&mut bytes).map_err(|error| {
        Failure::new(format!("Cannot read the {what} from standard input: {error}. Pipe it in."))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(format!("The {what} on standard input is no UTF-8 text. Pipe in text.")))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line.to_owned())),
        _ => Err(Failure::new(format!("There is no {what} on standard input. Pipe it in as one line."))),
    }
}
