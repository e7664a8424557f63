//! Java regular expressions of services as patterns of ours, where the pattern provably takes no more.
//!
//! Owns: the translation. An expression is taken as a set of alternatives, each a row of characters and two kinds
//! of "anything"; whatever else stands in it makes its alternative drop out. So each pattern takes a part of what
//! the expression took, and together they may take less, which is noted.

use std::collections::BTreeSet;

use regex_syntax::ast::parse::Parser;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassBracketed, ClassSet, ClassSetItem, FlagsItemKind, GroupKind, Literal,
    RepetitionKind,
};

use crate::ServicePattern;

const MAX_ALTERNATIVES: usize = 32;
const MAX_LENGTH: usize = 2048;

const TOO_MANY: &str = "it has too many alternatives";
const NOT_READ: &str = "it cannot be read";
const UNKNOWN: &str = "a part of it has no equivalent";
const DOT: &str = "a dot that stood for any character is a plain dot";
const CASE: &str = "upper and lower case differ";
const ANCHOR: &str = "an anchor stands in its middle";
const SCHEME: &str = "it does not begin with http:// or https://";
const HOST: &str = "its host is not literal";
const HOST_END: &str = "what followed the host at once must begin with a slash";
const REFUSED: &str = "it is not an acceptable pattern";

/// What became of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translated {
    /// None: it cannot be translated.
    pub patterns: Vec<ServicePattern>,
    /// What differs, or why a part is missing: the patterns take less. Empty: they take the same.
    pub notes: Vec<&'static str>,
}

/// One step of an alternative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Char(char),
    /// `.*`
    Any,
    /// `[^/]*`
    Segment,
    Start,
    End,
}

/// Translates a `serviceId` or another expression that takes whole addresses.
#[must_use]
pub fn translate(expression: &str) -> Translated {
    let mut notes = BTreeSet::new();
    let mut patterns: Vec<ServicePattern> = Vec::new();
    match Parser::new().parse(expression) {
        Ok(ast) if expression.len() <= MAX_LENGTH => {
            for steps in expand(&ast, &mut notes) {
                for text in texts(&steps, &mut notes) {
                    match ServicePattern::parse(&text) {
                        Ok(pattern) if patterns.contains(&pattern) => {}
                        Ok(pattern) => patterns.push(pattern),
                        Err(_) => {
                            notes.insert(REFUSED);
                        }
                    }
                }
            }
        }
        _ => {
            notes.insert(NOT_READ);
        }
    }
    Translated { patterns, notes: notes.into_iter().collect() }
}

/// All alternatives. Nothing: there is none that can be said.
fn expand(ast: &Ast, notes: &mut BTreeSet<&'static str>) -> Vec<Vec<Step>> {
    match ast {
        Ast::Empty(_) => vec![Vec::new()],
        Ast::Literal(literal) => one_char(literal, notes),
        Ast::Dot(_) => {
            notes.insert(DOT);
            vec![vec![Step::Char('.')]]
        }
        Ast::Assertion(assertion) => match assertion.kind {
            AssertionKind::StartLine | AssertionKind::StartText => vec![vec![Step::Start]],
            AssertionKind::EndLine | AssertionKind::EndText => vec![vec![Step::End]],
            _ => unknown(notes),
        },
        Ast::Flags(flags) => {
            // Only "case does not matter" takes nothing away by being ignored.
            let only_case = flags.flags.items.iter().all(|item| {
                matches!(item.kind, FlagsItemKind::Flag(regex_syntax::ast::Flag::CaseInsensitive))
            });
            notes.insert(CASE);
            if only_case { vec![Vec::new()] } else { unknown(notes) }
        }
        Ast::ClassBracketed(class) => letters(class, notes),
        Ast::Repetition(repetition) => match (&repetition.op.kind, repetition.ast.as_ref()) {
            (RepetitionKind::ZeroOrMore, Ast::Dot(_)) => vec![vec![Step::Any]],
            (RepetitionKind::ZeroOrMore, Ast::ClassBracketed(class)) if excludes_little(class) => {
                vec![vec![Step::Segment]]
            }
            (RepetitionKind::ZeroOrOne, inner) => {
                let mut all = vec![Vec::new()];
                all.extend(expand(inner, notes));
                all
            }
            _ => unknown(notes),
        },
        Ast::Group(group) => match &group.kind {
            GroupKind::NonCapturing(flags) if !flags.items.is_empty() => unknown(notes),
            _ => expand(&group.ast, notes),
        },
        Ast::Alternation(alternation) => {
            let all = alternation.asts.iter().flat_map(|ast| expand(ast, notes)).collect();
            limited(all, notes)
        }
        Ast::Concat(concat) => {
            let mut all = vec![Vec::new()];
            for ast in &concat.asts {
                let ends = expand(ast, notes);
                let longer = all.iter().flat_map(|start: &Vec<Step>| {
                    ends.iter().map(move |end| start.iter().chain(end).copied().collect())
                });
                all = limited(longer.take(MAX_ALTERNATIVES + 1).collect(), notes);
            }
            all
        }
        Ast::ClassUnicode(_) | Ast::ClassPerl(_) => unknown(notes),
    }
}

fn unknown(notes: &mut BTreeSet<&'static str>) -> Vec<Vec<Step>> {
    notes.insert(UNKNOWN);
    Vec::new()
}

fn limited(all: Vec<Vec<Step>>, notes: &mut BTreeSet<&'static str>) -> Vec<Vec<Step>> {
    if all.len() > MAX_ALTERNATIVES {
        notes.insert(TOO_MANY);
        return Vec::new();
    }
    all
}

/// A literal that an address of ours can hold and that means itself in a pattern.
fn one_char(literal: &Literal, notes: &mut BTreeSet<&'static str>) -> Vec<Vec<Step>> {
    match literal.c {
        '*' | '#' | '\\' => unknown(notes),
        c if c.is_control() || c.is_whitespace() => unknown(notes),
        c => vec![vec![Step::Char(c)]],
    }
}

/// The literals of a class.
fn literals(class: &ClassBracketed) -> Option<Vec<&Literal>> {
    let ClassSet::Item(item) = &class.kind else { return None };
    let items = match item {
        ClassSetItem::Union(union) => union.items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items
        .iter()
        .map(|item| if let ClassSetItem::Literal(literal) = item { Some(literal) } else { None })
        .collect()
}

/// `[ab]` as alternatives.
fn letters(class: &ClassBracketed, notes: &mut BTreeSet<&'static str>) -> Vec<Vec<Step>> {
    match literals(class).filter(|_| !class.negated) {
        Some(all) => limited(all.into_iter().flat_map(|literal| one_char(literal, notes)).collect(), notes),
        None => unknown(notes),
    }
}

/// `[^/]`, `[^/?]` …: takes all that our `*` takes.
fn excludes_little(class: &ClassBracketed) -> bool {
    class.negated && literals(class).is_some_and(|all| all.iter().all(|l| matches!(l.c, '/' | '?' | '#')))
}

/// An alternative as patterns' texts: mostly one.
fn texts(steps: &[Step], notes: &mut BTreeSet<&'static str>) -> Vec<String> {
    let start = steps.iter().take_while(|step| **step == Step::Start).count();
    let end = steps.iter().rev().take_while(|step| **step == Step::End).count();
    let steps = steps.get(start..steps.len() - end).unwrap_or_default();
    if steps.iter().any(|step| matches!(step, Step::Start | Step::End)) {
        notes.insert(ANCHOR);
        return Vec::new();
    }
    let head: String =
        steps.iter().map_while(|step| if let Step::Char(c) = step { Some(*c) } else { None }).collect();
    let lower = head.to_ascii_lowercase();
    let Some(scheme) = ["http://", "https://"].iter().find(|scheme| lower.starts_with(*scheme)) else {
        notes.insert(SCHEME);
        return Vec::new();
    };
    let authority = &head[scheme.len()..];
    if authority.contains(['/', '?']) || head.chars().count() == steps.len() {
        return vec![text(steps)];
    }
    // Something comes straight after the host: "https://app.example.org.*" also took other hosts.
    let host = authority.split(':').next().unwrap_or_default();
    let is_whole = host == "localhost" || (host.contains('.') && !host.ends_with('.'));
    let rest = &steps[head.chars().count() + 1..];
    if !is_whole || authority.ends_with(':') || !matches!(rest.first(), None | Some(Step::Char('/'))) {
        notes.insert(HOST);
        return Vec::new();
    }
    notes.insert(HOST_END);
    let tail = text(rest);
    let mut all = vec![format!("{head}{tail}")];
    if steps.get(head.chars().count()) == Some(&Step::Any) {
        // What `.*` stood for may begin with a slash; and `/**` takes `/` too.
        if tail.is_empty() {
            all.clear();
        }
        all.push(format!("{head}/**{tail}"));
    }
    all
}

fn text(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Char(c) => out.push(*c),
            // Stars side by side are one.
            Step::Any => {
                out.truncate(out.trim_end_matches('*').len());
                out.push_str("**");
            }
            Step::Segment if out.ends_with('*') => {}
            Step::Segment => out.push('*'),
            Step::Start | Step::End => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::ServiceUrl;

    #[track_caller]
    fn check(expression: &str, patterns: &[&str], notes: &[&str]) {
        let found = translate(expression);
        let texts: Vec<_> = found.patterns.iter().map(ServicePattern::as_str).collect();
        assert_eq!((texts.as_slice(), found.notes.as_slice()), (patterns, notes), "{expression}");
    }

    #[test]
    fn common_expressions_have_patterns() {
        check(r"^https://app\.example\.org/.*", &["https://app.example.org/**"], &[]);
        check(r"https://app\.example\.org:8443/cb\?x=1$", &["https://app.example.org:8443/cb?x=1"], &[]);
        check(
            r"^https?:\/\/app\.example\.org\/.*$",
            &["http://app.example.org/**", "https://app.example.org/**"],
            &[],
        );
        check(
            r"^(http|https)://app\.example\.org/(a|b)/[^/]*",
            &[
                "http://app.example.org/a/*",
                "http://app.example.org/b/*",
                "https://app.example.org/a/*",
                "https://app.example.org/b/*",
            ],
            &[],
        );
        check(
            r"^https://app\.example\.org(/.*)?",
            &["https://app.example.org", "https://app.example.org/**"],
            &[],
        );
        check(
            r"^https://(?:www|shop)\.example\.org/",
            &["https://www.example.org/", "https://shop.example.org/"],
            &[],
        );
        check("https://app.example.org/x", &["https://app.example.org/x"], &[DOT]);
        check(r"(?i)https://app\.example\.org/.*.*", &["https://app.example.org/**"], &[CASE]);
    }

    #[test]
    fn open_ends_after_the_host_are_closed() {
        check(r"^https://app\.example\.org.*", &["https://app.example.org/**"], &[HOST_END]);
        check(
            r"^https://app\.example\.org.*/cb",
            &["https://app.example.org/cb", "https://app.example.org/**/cb"],
            &[HOST_END],
        );
        check(r"^https://app\.example\.org(:\d+)?/.*", &["https://app.example.org/**"], &[UNKNOWN]);
    }

    #[test]
    fn what_would_take_more_is_not_translated() {
        for (expression, notes) in [
            (r"^(https|imaps)://.*", vec![SCHEME, HOST]),
            (r"^https://.*\.example\.org/.*", vec![HOST]),
            (r"^https://app.*\.example\.org/", vec![HOST]),
            (r"^https://app.*", vec![HOST]),
            (r"^https://app\..*", vec![HOST]),
            (r"^https://app\.example\.org:.*", vec![HOST]),
            (r".*", vec![SCHEME]),
            (r"^https://app\.example\.org/\w+", vec![UNKNOWN]),
            (r"^https://app\.example\.org/.+", vec![UNKNOWN]),
            (r"^https://app\.example\.org/[a-z]*", vec![UNKNOWN]),
            (r"^https://app\.example\.org/[^a]*", vec![UNKNOWN]),
            (r"^https://app\.example\.org/(?!admin).*", vec![NOT_READ]),
            (r"^https://app\.example\.org/a^b", vec![ANCHOR]),
            (r"^https://me@app\.example\.org/", vec![REFUSED]),
            (r"https://app\.example\.org/(", vec![NOT_READ]),
            (r"https://app\.example\.org/[ab][ab][ab][ab][ab][ab]", vec![TOO_MANY]),
        ] {
            check(expression, &[], &notes);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn a_pattern_takes_nothing_that_the_expression_did_not(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just(".*"), Just("[^/]*"), Just("a"), Just("/"), Just("(a|/b)"), Just("(/.*)?"), Just("."), Just("\\."), Just("[ab]"), Just("b?"),
                    Just("\\?"), Just("$"), Just("^"), Just("(?i)"), Just("\\w"), Just("+"), Just("(a|)"),
                ],
                0..6,
            ),
            rests in prop::collection::vec("[/ab.?=]{0,8}", 8),
        ) {
            let expression = format!(r"^https?://app\.example\.org{}", pieces.concat());
            // As Java's `matches()`: the whole text.
            let Ok(whole) = Regex::new(&format!(r"\A(?:{expression})\z")) else { return Ok(()) };
            for pattern in translate(&expression).patterns {
                for rest in &rests {
                    for scheme in ["http", "https"] {
                        let text = format!("{scheme}://app.example.org{rest}");
                        let Ok(service) = ServiceUrl::parse(&text) else { continue };
                        // `http://host` and `http://host/` are one address.
                        let start = scheme.len() + 3;
                        let path = text[start..].find(['/', '?']).map_or(text.len(), |at| start + at);
                        let other = match &text[path..] {
                            rest if rest == "/" || rest.starts_with("/?") => {
                                format!("{}{}", &text[..path], &rest[1..])
                            }
                            rest if rest.starts_with('/') => text.clone(),
                            rest => format!("{}/{rest}", &text[..path]),
                        };
                        prop_assert!(
                            !pattern.matches(&service) || whole.is_match(&text) || whole.is_match(&other),
                            "{} takes {}, {} does not", pattern, text, expression
                        );
                    }
                }
            }
        }
    }
}
