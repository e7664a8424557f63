//! An answer seen as a page: elements, attributes, forms.
//!
//! Owns: reading the HTML that our own templates write. Not a parser for the web's HTML.

use crate::wire::Answer;

/// A page a browser stands on.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it stands: the last address asked for. Another origin was not asked, only landed on.
    pub url: url::Url,
    /// The answer; empty (status 0) when the page is another origin's.
    pub answer: Answer,
}

/// An opening tag.
#[derive(Debug, Clone)]
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
    /// Where what follows it begins.
    end: usize,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// What a form sends when this button of the page is pressed: its own name and value too.
#[must_use]
pub fn press(page: &Page, form: &Form, button: &str) -> Form {
    let html = page.html();
    let tag = tags(&html).into_iter().find(|tag| tag.get("id") == Some(button));
    let tag = tag.unwrap_or_else(|| panic!("no button #{button} at {}", page.url));
    let mut form = form.clone();
    if let Some(action) = tag.get("formaction") {
        action.clone_into(&mut form.action);
    }
    match tag.get("name") {
        Some(name) => form.with(name, tag.get("value").unwrap_or_default()),
        None => form,
    }
}

/// A form with what it would send.
#[derive(Debug, Clone)]
pub struct Form {
    /// Where to.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// Names and values of its inputs that have a name (buttons and unchecked boxes left out).
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// With a field set, added when the form has none of that name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| n != name);
        self
    }

    /// The value of a field.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The fields as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect()
    }
}

impl Page {
    /// The markup.
    #[must_use]
    pub fn html(&self) -> String {
        self.answer.text()
    }

    /// Status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// The query parameter of the page's own address.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }

    /// An attribute of the element with this id.
    #[must_use]
    pub fn attribute(&self, id: &str, name: &str) -> Option<String> {
        let html = self.html();
        tags(&html)
            .iter()
            .find(|tag| tag.get("id") == Some(id))
            .and_then(|tag| tag.get(name))
            .map(str::to_owned)
    }

    /// Whether there is an element with this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        tags(&self.html()).iter().any(|tag| tag.get("id") == Some(id))
    }

    /// The words of an element's text, up to its first closing tag of the same name.
    #[must_use]
    pub fn text_of(&self, is: impl Fn(&str, &str) -> bool) -> Option<String> {
        let html = self.html();
        let tag = tags(&html).into_iter().find(|tag| tag.attributes.iter().any(|(n, v)| is(n, v)))?;
        let rest = &html[tag.end..];
        let inner = rest.split(&format!("</{}", tag.name)).next().unwrap_or(rest);
        Some(unescape(&strip(inner)).split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// What the page says in `[role=alert]`.
    #[must_use]
    pub fn alert(&self) -> Option<String> {
        self.text_of(|name, value| name == "role" && value == "alert").filter(|text| !text.is_empty())
    }

    /// The form with this id.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn form(&self, id: &str) -> Form {
        self.find_form(id)
            .unwrap_or_else(|| panic!("no form#{id} at {} ({}):\n{}", self.url, self.status(), self.html()))
    }

    /// The form with this id, if there is one.
    #[must_use]
    pub fn find_form(&self, id: &str) -> Option<Form> {
        let html = self.html();
        let all = tags(&html);
        let start = all.iter().position(|tag| tag.name == "form" && tag.get("id") == Some(id))?;
        let end = html[all[start].end..].find("</form").map_or(html.len(), |at| all[start].end + at);
        let mut form = Form {
            action: all[start].get("action").unwrap_or_default().to_owned(),
            method: all[start].get("method").unwrap_or("get").to_ascii_lowercase(),
            fields: Vec::new(),
        };
        for tag in all[start + 1..].iter().take_while(|tag| tag.end <= end) {
            let kind = tag.get("type").unwrap_or("text");
            let is_box = kind == "checkbox" || kind == "radio";
            if tag.name != "input" || (is_box && tag.get("checked").is_none()) || kind == "submit" {
                continue;
            }
            if let Some(name) = tag.get("name") {
                form.fields.push((name.to_owned(), tag.get("value").unwrap_or_default().to_owned()));
            }
        }
        Some(form)
    }

    /// The hidden anti-forgery field of any form on the page.
    #[must_use]
    pub fn csrf(&self) -> Option<String> {
        tags(&self.html())
            .iter()
            .find(|tag| tag.get("name") == Some("csrf"))
            .and_then(|tag| tag.get("value").or_else(|| tag.get("content")))
            .map(str::to_owned)
    }

    /// An attribute of all elements of one kind that have it.
    #[must_use]
    pub fn all(&self, element: &str, attribute: &str) -> Vec<String> {
        let html = self.html();
        let all = tags(&html).into_iter().filter(|tag| tag.name == element);
        all.filter_map(|tag| tag.get(attribute).map(str::to_owned)).collect()
    }

    /// All addresses the page links to (`href`, `src`, `action`).
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        let named = ["href", "src", "action"];
        tags(&self.html())
            .into_iter()
            .flat_map(|tag| tag.attributes)
            .filter(|(name, _)| named.contains(&name.as_str()))
            .map(|(_, value)| value)
            .collect()
    }
}

fn strip(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                out.push(' ');
            }
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Each reference once: what comes of one is not read again.
fn unescape(text: &str) -> String {
    const KNOWN: [(&str, char); 10] = [
        ("&#60;", '<'),
        ("&#62;", '>'),
        ("&#34;", '"'),
        ("&#39;", '\''),
        ("&#38;", '&'),
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&quot;", '"'),
        ("&apos;", '\''),
        ("&amp;", '&'),
    ];
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let (taken, is) = KNOWN
            .iter()
            .find(|(entity, _)| rest.starts_with(entity))
            .map_or((1, '&'), |(e, is)| (e.len(), *is));
        plain.push(is);
        rest = &rest[taken..];
    }
    plain + rest
}

fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = html[at..].find('<') {
        let open = at + start + 1;
        at = open;
        if !html[open..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let (tag, end) = read_tag(html, open);
        at = end;
        // What a script or style holds is no markup.
        if tag.name == "script" || tag.name == "style" {
            at = html[end..].find(&format!("</{}", tag.name)).map_or(html.len(), |close| end + close);
        }
        found.push(tag);
    }
    found
}

fn read_tag(html: &str, open: usize) -> (Tag, usize) {
    let rest = &html[open..];
    let name_end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
    let mut tag = Tag { name: rest[..name_end].to_ascii_lowercase(), attributes: Vec::new(), end: 0 };
    let mut at = name_end;
    loop {
        at += rest[at..].find(|c: char| !c.is_whitespace() && c != '/').unwrap_or(rest.len() - at);
        if rest[at..].is_empty() || rest[at..].starts_with('>') {
            break;
        }
        let stop = |c: char| c.is_whitespace() || c == '=' || c == '>' || c == '/';
        let name_len = rest[at..].find(stop).unwrap_or(rest.len() - at).max(1);
        let name = rest[at..at + name_len].to_ascii_lowercase();
        at += name_len;
        let mut value = "";
        if rest[at..].starts_with('=') {
            at += 1;
            let quote = rest[at..].chars().next().filter(|c| *c == '"' || *c == '\'');
            if let Some(quote) = quote {
                at += 1;
                let length = rest[at..].find(quote).unwrap_or(rest.len() - at);
                value = &rest[at..at + length];
                at = (at + length + 1).min(rest.len());
            } else {
                let length =
                    rest[at..].find(|c: char| c.is_whitespace() || c == '>').unwrap_or(rest.len() - at);
                value = &rest[at..at + length];
                at += length;
            }
        }
        tag.attributes.push((name, unescape(value)));
    }
    let end = (open + at + 1).min(html.len());
    tag.end = end;
    (tag, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let answer = Answer { status: 200, headers: Vec::new(), body: html.as_bytes().to_vec() };
        Page { url: url::Url::parse("http://localhost/login?journey=x").unwrap(), answer }
    }

    #[test]
    fn forms_and_attributes_are_read() {
        let page = page(
            "<main><div id=\"qr\" data-state='waiting'></div><script>if (a<b) {}</script>\
             <form id=\"login\" method=\"post\" action=\"/login/password\"><input type=hidden name=csrf value=\"a&amp;b\">\
             <input name=\"username\" required><input type=checkbox name=agree><button id=login-submit>Go</button></form>\
             <form id=other><input name=foreign></form><p role=\"alert\">Wrong <b>name</b></p></main>",
        );
        assert_eq!(page.attribute("qr", "data-state").as_deref(), Some("waiting"));
        let form = page.form("login");
        assert_eq!(form.action, "/login/password");
        assert_eq!(form.pairs(), [("csrf", "a&b"), ("username", "")]);
        assert_eq!(page.alert().as_deref(), Some("Wrong name"));
        assert_eq!(page.query("journey").as_deref(), Some("x"));
        assert_eq!(page.csrf().as_deref(), Some("a&b"));
        assert!(page.has("login-submit") && !page.has("nothing"));
    }
}
