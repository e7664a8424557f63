//! `check-config`: what is wrong with the configuration, or what is in effect.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{CheckConfig, ReferenceForm};
use crate::config::{self, Origin, Problem};
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command. Problems are printed on standard error, one a line.
///
/// # Errors
/// Something is wrong with the configuration.
pub fn run(file: Option<&Path>, command: &CheckConfig, output: Output) -> Result<(), Failure> {
    if let Some(form) = command.print_reference {
        let text = match form {
            ReferenceForm::Toml => config::as_toml(),
            ReferenceForm::Markdown => config::as_markdown(),
        };
        output.line(text.trim_end_matches('\n'));
        return Ok(());
    }
    match config::load(file) {
        Ok(config) => {
            let given = serde_json::to_value(&config.given).unwrap_or_default();
            let effective = toml::to_string(&config.given).unwrap_or_default();
            let from = config.file.map(|path| path.display().to_string());
            let json = json!({"ok": true, "file": from, "effective": given});
            let from = from.map_or_else(
                || "defaults and environment".to_owned(),
                |path| format!("{path} and environment"),
            );
            output.either(
                &json,
                &format!("# Nothing is wrong. In effect ({from}):\n\n{}", effective.trim_end()),
            );
            Ok(())
        }
        Err(problems) => {
            if output.json {
                let problems: Vec<Value> = problems.iter().map(problem_json).collect();
                output.line(&json!({"ok": false, "problems": problems}).to_string());
            }
            Err(refused(&problems))
        }
    }
}

/// All problems as one failure, one a line.
#[must_use]
pub fn refused(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::new(lines.join("\n"))
}

fn problem_json(problem: &Problem) -> Value {
    let (file, line, column, variable) = match &problem.origin {
        Origin::File { file, line, column } => {
            (Some(file.display().to_string()), Some(*line), Some(*column), None)
        }
        Origin::Variable(name) => (None, None, None, Some(name.clone())),
        Origin::Default => (None, None, None, None),
    };
    json!({
        "file": file, "line": line, "column": column, "variable": variable,
        "key": problem.key, "what": problem.what, "nearest": problem.nearest,
    })
}
