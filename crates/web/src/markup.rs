//! A small check of markup, for the tests of pages.
//!
//! Owns: the rules every page keeps: language and title, labels, no inline script, handler or style, ids once,
//! tags closed.

const VOID: &[&str] = &["area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"];

/// One start tag.
struct Tag<'h> {
    name: &'h str,
    attributes: Vec<(&'h str, &'h str)>,
}

impl<'h> Tag<'h> {
    fn get(&self, name: &str) -> Option<&'h str> {
        self.attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// What is wrong with a page; empty when nothing is.
#[must_use]
pub fn faults(html: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut tags = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, tail)| tail);
            continue;
        }
        let end = end_of_tag(after);
        let inner = &after[..end];
        rest = after.get(end + 1..).unwrap_or_default();
        if inner.starts_with('!') {
            continue;
        }
        if let Some(name) = inner.strip_prefix('/') {
            if open.pop() != Some(name.trim()) {
                faults.push(format!("</{}> closes nothing", name.trim()));
            }
            continue;
        }
        let tag = parse(inner);
        if !VOID.contains(&tag.name) && !inner.ends_with('/') {
            open.push(tag.name);
        }
        tags.push(tag);
    }
    if let Some(name) = open.pop() {
        faults.push(format!("<{name}> is not closed"));
    }
    whole_page(html, &tags, &mut faults);
    each_tag(&tags, &mut faults);
    faults
}

fn whole_page(html: &str, tags: &[Tag<'_>], faults: &mut Vec<String>) {
    let count = |name: &str| tags.iter().filter(|tag| tag.name == name).count();
    if !html.starts_with("<!doctype html>") {
        faults.push("does not begin with <!doctype html>".to_owned());
    }
    if !tags.iter().any(|tag| tag.name == "html" && tag.get("lang").is_some_and(|l| !l.is_empty())) {
        faults.push("html has no lang".to_owned());
    }
    let title = html.split_once("<title>").and_then(|(_, t)| t.split_once("</title>")).map(|(t, _)| t.trim());
    if title.is_none_or(str::is_empty) {
        faults.push("has no title".to_owned());
    }
    for (name, wanted) in [("main", 1), ("h1", 1)] {
        if count(name) != wanted {
            faults.push(format!("has {} <{name}>, not {wanted}", count(name)));
        }
    }
    let mut ids: Vec<&str> = tags.iter().filter_map(|tag| tag.get("id")).collect();
    ids.sort_unstable();
    for pair in ids.windows(2).filter(|pair| pair[0] == pair[1]) {
        faults.push(format!("id {} occurs twice", pair[0]));
    }
    for tag in tags {
        for attribute in ["for", "aria-labelledby", "aria-describedby", "aria-controls"] {
            for id in tag.get(attribute).unwrap_or_default().split_whitespace() {
                if ids.binary_search(&id).is_err() {
                    faults.push(format!("{attribute}={id} names nothing"));
                }
            }
        }
    }
}

fn each_tag(tags: &[Tag<'_>], faults: &mut Vec<String>) {
    for tag in tags {
        for (name, value) in &tag.attributes {
            if name.starts_with("on") || *name == "style" {
                faults.push(format!("<{}> has an inline {name}", tag.name));
            }
            if value.trim_start().starts_with("javascript:") {
                faults.push(format!("<{}> has a javascript: address", tag.name));
            }
        }
        let has = |name: &str| tag.get(name).is_some_and(|value| !value.is_empty());
        match tag.name {
            "script" if !has("nonce") || !has("src") => {
                faults.push("a script without nonce or src".to_owned());
            }
            "style" => faults.push("an inline style sheet".to_owned()),
            "img" if tag.get("alt").is_none() => faults.push("an img without alt".to_owned()),
            "button" if !has("type") => faults.push("a button without type".to_owned()),
            "form" if !tag.get("method").is_some_and(|m| m.eq_ignore_ascii_case("post") || m == "get") => {
                faults.push("a form without method".to_owned());
            }
            "input" | "select" | "textarea" if tag.get("type") != Some("hidden") => {
                let labelled = has("aria-label")
                    || has("aria-labelledby")
                    || tag.get("id").is_some_and(|id| {
                        tags.iter().any(|label| label.name == "label" && label.get("for") == Some(id))
                    });
                if !labelled {
                    faults.push(format!("<{} name={:?}> has no label", tag.name, tag.get("name")));
                }
            }
            _ => {}
        }
    }
}

/// Where the tag ends: at a `>` outside quotes.
fn end_of_tag(text: &str) -> usize {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return at,
            _ => {}
        }
    }
    text.len()
}

fn parse(inner: &str) -> Tag<'_> {
    let inner = inner.trim_end_matches('/').trim_end();
    let (name, mut rest) = inner.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((inner, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Tag { name, attributes };
        }
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let attribute = &rest[..end];
        rest = &rest[end..];
        let Some(value) = rest.strip_prefix('=') else {
            attributes.push((attribute, ""));
            continue;
        };
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, tail) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => value.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((value, "")),
        };
        attributes.push((attribute, value));
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<!doctype html><html lang=\"en\"><head><title>T</title></head><body><main><h1>H</h1>\
        <form method=\"post\"><label for=\"a\">A</label><input id=\"a\" name=\"a\"><button type=\"submit\">B</button>\
        </form></main></body></html>";

    #[test]
    fn a_good_page_has_no_faults() {
        assert_eq!(faults(GOOD), Vec::<String>::new());
    }

    #[test]
    fn every_rule_finds_its_breach() {
        for (from, to) in [
            (" lang=\"en\"", ""),
            ("<title>T</title>", "<title></title>"),
            ("<label for=\"a\">A</label>", ""),
            ("<button type=\"submit\">", "<button>"),
            ("<button type", "<button onclick=\"x\" type"),
            ("<h1>", "<h1 style=\"color:red\">"),
            ("</form>", ""),
            ("<h1>H</h1>", "<h1 id=\"a\">H</h1>"),
            ("</main>", "<script>1</script></main>"),
            ("</main>", "<img src=\"x\"></main>"),
            ("<h1>H</h1>", ""),
            ("<form method=\"post\">", "<form>"),
        ] {
            assert!(!faults(&GOOD.replace(from, to)).is_empty(), "{from} → {to}");
        }
    }
}
