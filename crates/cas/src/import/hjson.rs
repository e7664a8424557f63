//! Hjson, of which JSON is a part: what CAS reads its files with.
//!
//! Owns: comments, missing quotes and commas, texts over several lines. Stricter in one point: no member twice.

use serde_json::{Map, Number, Value};

use super::{MAX_FILE, NotRead};

const MAX_DEPTH: usize = 32;

/// Reads a text: an object, a list, or the members of an object without its braces.
pub(super) fn read(text: &str) -> Result<Value, NotRead> {
    let mut reader = Reader { text: text.strip_prefix('\u{feff}').unwrap_or(text), at: 0 };
    if text.len() > MAX_FILE {
        return Err(reader.wrong("the file is too long"));
    }
    reader.blank();
    let value = match reader.peek() {
        Some('{' | '[') => reader.value(0)?,
        _ => reader.members(0, None)?,
    };
    reader.blank();
    if reader.peek().is_some() { Err(reader.wrong("something follows the end")) } else { Ok(value) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip(&mut self, start: &str) -> bool {
        let is_there = self.rest().starts_with(start);
        if is_there {
            self.at += start.len();
        }
        is_there
    }

    fn wrong(&self, why: &'static str) -> NotRead {
        NotRead { line: self.text[..self.at].matches('\n').count() + 1, why }
    }

    /// White space and comments. An unclosed comment runs to the end.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.at += rest.find("*/").map_or(rest.len(), |end| end + 2);
            } else {
                return;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, NotRead> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("is nested too deeply"));
        }
        match self.peek() {
            Some('{') => {
                self.next();
                self.members(depth, Some('}'))
            }
            Some('[') => {
                self.next();
                self.items(depth)
            }
            Some('\'') if self.skip("'''") => self.lines(),
            Some('"' | '\'') => self.quoted().map(Value::String),
            Some(',' | ':' | '}' | ']') | None => Err(self.wrong("a value is missing")),
            Some(_) => Ok(self.bare()),
        }
    }

    fn members(&mut self, depth: usize, end: Option<char>) -> Result<Value, NotRead> {
        let mut all = Map::new();
        loop {
            self.blank();
            match self.peek() {
                c if c == end => {
                    self.next();
                    return Ok(Value::Object(all));
                }
                None => return Err(self.wrong("an object does not end")),
                _ => {}
            }
            let name = self.name()?;
            self.blank();
            if !self.skip(":") {
                return Err(self.wrong("a colon is missing"));
            }
            self.blank();
            let value = self.value(depth + 1)?;
            if all.insert(name, value).is_some() {
                return Err(self.wrong("an object has a member twice"));
            }
            self.blank();
            self.skip(",");
        }
    }

    fn items(&mut self, depth: usize) -> Result<Value, NotRead> {
        let mut all = Vec::new();
        loop {
            self.blank();
            if self.skip("]") {
                return Ok(Value::Array(all));
            }
            if self.peek().is_none() {
                return Err(self.wrong("a list does not end"));
            }
            all.push(self.value(depth + 1)?);
            self.blank();
            self.skip(",");
        }
    }

    fn name(&mut self) -> Result<String, NotRead> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || ":,{}[]".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong("a name is missing"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn quoted(&mut self) -> Result<String, NotRead> {
        let quote = self.next();
        let mut out = String::new();
        loop {
            if matches!(self.peek(), None | Some('\n' | '\r')) {
                return Err(self.wrong("a text does not end"));
            }
            match self.next() {
                c if c == quote => return Ok(out),
                Some('\\') => out.push(self.escape()?),
                other => out.extend(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, NotRead> {
        Ok(match self.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(c @ ('"' | '\'' | '\\' | '/')) => c,
            Some('u') => {
                let mut units = vec![self.unit()?];
                if (0xd800..0xdc00).contains(&units[0]) && self.skip("\\u") {
                    units.push(self.unit()?);
                }
                let text = String::from_utf16(&units).unwrap_or_default();
                let mut letters = text.chars();
                match (letters.next(), letters.next()) {
                    (Some(one), None) => one,
                    _ => return Err(self.wrong("an escape is none")),
                }
            }
            _ => return Err(self.wrong("an escape is none")),
        })
    }

    fn unit(&mut self) -> Result<u16, NotRead> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.wrong("an escape is none"))?;
        self.at += 4;
        Ok(unit)
    }

    /// `'''…'''`: the indent of the opening quotes is taken off each line.
    fn lines(&mut self) -> Result<Value, NotRead> {
        let before = &self.text[..self.at - 3];
        let indent = before.chars().rev().take_while(|c| *c != '\n').count();
        let Some(end) = self.rest().find("'''") else { return Err(self.wrong("a text does not end")) };
        let inner = &self.rest()[..end];
        self.at += end + 3;
        let inner = inner.strip_prefix('\r').unwrap_or(inner);
        let is_block = inner.trim_start_matches([' ', '\t']).starts_with('\n');
        let inner =
            if is_block { inner.trim_start_matches([' ', '\t']).get(1..).unwrap_or_default() } else { inner };
        let lines: Vec<&str> = inner
            .split('\n')
            .map(|line| {
                let blanks = line.chars().take(indent).take_while(|c| matches!(c, ' ' | '\t')).count();
                line.get(blanks..).unwrap_or_default().trim_end_matches('\r')
            })
            .collect();
        let text = lines.join("\n");
        // The line end before the closing quotes is not part of it.
        let text = match text.rsplit_once('\n') {
            Some((all, last)) if is_block && last.trim().is_empty() => all.to_owned(),
            _ => text,
        };
        Ok(Value::String(text))
    }

    /// A number or a word, which end like JSON; or else a text to the end of its line.
    fn bare(&mut self) -> Value {
        let rest = self.rest();
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let end = [",", "]", "}", "#", "//", "/*"].iter().filter_map(|mark| line.find(mark)).min();
        let word = line[..end.unwrap_or(line.len())].trim();
        let value = match word {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => word.parse::<Number>().ok().map(Value::Number),
        };
        if let Some(value) = value {
            self.at += end.unwrap_or(line.len());
            return value;
        }
        self.at += line.len();
        Value::String(line.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_write_is_read() {
        let text = r#"
# a comment
{
  /* another */ "@class" : "x.Y", // and one
  serviceId: ^https://a.example/.*
  id: 100,
  'one': [ 1, -2.5, true
    null ], two: {a: b c, d
    "e": "\u00fc\ud83d\udd11\n\/"}
  lines:
    '''
    one
      two
    '''
  last: 5 # five
}
"#;
        assert_eq!(
            read(text).unwrap(),
            json!({"@class": "x.Y", "serviceId": "^https://a.example/.*", "id": 100, "one": [1, -2.5, true, null],
                "two": {"a": "b c, d", "e": "ü🔑\n/"}, "lines": "one\n  two", "last": 5})
        );
        assert_eq!(read("MyPhone: ada\nother: bob").unwrap(), json!({"MyPhone": "ada", "other": "bob"}));
        assert_eq!(read("").unwrap(), json!({}));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, why) in [
            ("{\n\"a\": 1,\n\"a\": 2}", 3, "an object has a member twice"),
            ("{\n\"a\": \"x\n\"}", 2, "a text does not end"),
            ("{a: 1", 1, "an object does not end"),
            ("[1", 1, "a list does not end"),
            ("{a: ,}", 1, "a value is missing"),
            ("{a 1}", 1, "a colon is missing"),
            ("{:1}", 1, "a name is missing"),
            ("{}x", 1, "something follows the end"),
            (r#"{"a":"\x"}"#, 1, "an escape is none"),
            (r#"{"a":"\ud800"}"#, 1, "an escape is none"),
        ] {
            assert_eq!(read(text), Err(NotRead { line, why }), "{text}");
        }
        assert_eq!(read(&"[".repeat(100)).unwrap_err().why, "is nested too deeply");
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text in "[{}\\[\\]:,'\"/#*a1\n\\\\u ü-]{0,60}") {
            let _ = read(&text);
        }

        #[test]
        fn json_is_read_as_json(texts in prop::collection::vec((".{0,8}", any::<String>(), any::<i64>()), 0..5)) {
            let object: Map<String, Value> = texts
                .into_iter()
                .map(|(name, text, number)| (name, json!([text, number, {"x": null}])))
                .collect();
            let value = Value::Object(object);
            prop_assert_eq!(read(&value.to_string()), Ok(value.clone()));
            prop_assert_eq!(read(&format!("{value:#}")), Ok(value));
        }
    }
}
