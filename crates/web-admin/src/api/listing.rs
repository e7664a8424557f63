//! Lists: which page of what, in which order.
//!
//! Owns: reading `q`, `sort`, `cursor`, `limit` and filters by name, and the form of a page. A parameter that a list
//! does not know is refused, so that a misspelt filter does not answer everything (SEC-189).

use domain::Cursor;
use serde::Serialize;
use utoipa::ToSchema;
use web::Params;

use super::problem::Failed;

/// Items of a page, if nothing else is asked for.
const USUAL: u32 = 50;
/// The most.
pub(crate) const MOST: u32 = 200;
/// The longest text to search for, in characters.
const LONGEST_SEARCH: usize = 200;

/// What a list can do.
pub(crate) struct Lists {
    /// What it may be sorted by; the first is what it is sorted by unless asked. A request puts `-` before a name for
    /// the other way round; a name that has it here goes this way only.
    pub sorts: &'static [&'static str],
    /// Its filters.
    pub filters: &'static [&'static str],
    /// Whether `q` searches.
    pub searches: bool,
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    /// What to search for, trimmed.
    pub q: Option<String>,
    /// By what it is sorted: one of [`Lists::sorts`], without the sign.
    pub sort: &'static str,
    /// The other way round.
    pub descending: bool,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// How many, 1 to 200.
    pub limit: u32,
    filters: Vec<(String, String)>,
}

impl Listing {
    /// Reads the query.
    pub(crate) fn read(query: &str, lists: &Lists) -> Result<Self, Failed> {
        let params = Params::parse(query.as_bytes()).map_err(web::Refused::from)?;
        let known = |name: &str| {
            matches!(name, "sort" | "cursor" | "limit")
                || (name == "q" && lists.searches)
                || lists.filters.contains(&name)
        };
        if let Some((name, _)) = params.iter().find(|(name, _)| !known(name)) {
            return Err(Failed::invalid(domain::text::shown(name, 60), "is no parameter of this list"));
        }
        let (sort, descending) = sort(params.get("sort"), lists.sorts)?;
        let cursor = params.get("cursor").map(Cursor::parse).transpose();
        let cursor = cursor.map_err(|_| Failed::invalid("cursor", "is none of this list"))?;
        let limit = match params.get("limit") {
            None => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| Failed::invalid("limit", "must be 1 to 200"))?,
        };
        let q = params.get("q").map(str::trim).filter(|q| !q.is_empty()).map(str::to_owned);
        if q.as_ref().is_some_and(|q| q.chars().count() > LONGEST_SEARCH) {
            return Err(Failed::invalid("q", "is longer than 200 characters"));
        }
        let filters = params
            .iter()
            .filter(|(name, value)| lists.filters.contains(name) && !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Self { q, sort, descending, cursor, limit, filters })
    }

    /// The text of a filter.
    pub(crate) fn filter(&self, name: &str) -> Option<&str> {
        self.filters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A filter that is read by `of`; what it cannot read is refused with `why`.
    pub(crate) fn filter_as<T>(
        &self,
        name: &'static str,
        of: impl FnOnce(&str) -> Option<T>,
        why: &'static str,
    ) -> Result<Option<T>, Failed> {
        self.filter(name).map(|text| of(text).ok_or_else(|| Failed::invalid(name, why))).transpose()
    }

    /// The page: `items` may hold one more than was asked for, which tells that there is a next page. `at` says where an
    /// item stands: what it is sorted by, and its id.
    pub(crate) fn page<T, S>(
        &self,
        mut items: Vec<T>,
        total: Option<u64>,
        at: impl FnOnce(&T) -> (String, String),
        shown: impl FnMut(T) -> S,
    ) -> Listed<S> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| {
            let (key, id) = at(last);
            Cursor { key, id }.to_text()
        });
        Listed { items: items.into_iter().map(shown).collect(), next, total }
    }

    /// How many to ask the store for: one more than the page has.
    pub(crate) const fn fetch(&self) -> u32 {
        self.limit + 1
    }
}

fn sort(asked: Option<&str>, known: &'static [&'static str]) -> Result<(&'static str, bool), Failed> {
    let split = |text: &'static str| text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let Some(asked) = asked else { return Ok(known.first().map_or(("id", false), |first| split(first))) };
    let (name, descending) = asked.strip_prefix('-').map_or((asked, false), |name| (name, true));
    let found = known.iter().find(|known| **known == name || (descending && **known == asked));
    let (name, _) =
        split(found.ok_or_else(|| Failed::invalid("sort", "is nothing that this list can be sorted by"))?);
    Ok((name, descending))
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The items, in their order.
    pub items: Vec<T>,
    /// What to give as `cursor` for the next page; null at the end.
    pub next: Option<String>,
    /// How many there are in all; null where counting would cost too much.
    pub total: Option<u64>,
}

impl<T> Listed<T> {
    /// A short list, whole.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        let total = u64::try_from(items.len()).ok();
        Self { items, next: None, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: Lists = Lists { sorts: &["name", "created_at"], filters: &["state"], searches: true };

    #[test]
    fn a_query_is_read() {
        let cursor = Cursor { key: "b".to_owned(), id: "x".to_owned() };
        let query = format!("q=+ada+&sort=-created_at&limit=7&state=active&cursor={}", cursor.to_text());
        let read = Listing::read(&query, &LISTS).unwrap();
        assert_eq!(
            (read.q.as_deref(), read.sort, read.descending, read.limit),
            (Some("ada"), "created_at", true, 7)
        );
        assert_eq!((read.cursor.as_ref(), read.filter("state")), (Some(&cursor), Some("active")));
        let usual = Listing::read("", &LISTS).unwrap();
        assert_eq!(
            (usual.sort, usual.descending, usual.limit, usual.filter("state")),
            ("name", false, 50, None)
        );
    }

    #[test]
    fn sec_189_pages_are_capped_and_parameters_known() {
        for bad in [
            "limit=0",
            "limit=-1",
            "limit=201",
            "limit=1000000000",
            "limit=x",
            "sort=password",
            "sort=--name",
            "cursor=!",
            "stat=active",
            "state=a&state=b",
            &format!("q={}", "x".repeat(201)),
        ] {
            assert!(Listing::read(bad, &LISTS).is_err(), "{bad}");
        }
        let no_search = Lists { searches: false, ..LISTS };
        assert!(Listing::read("q=x", &no_search).is_err());
    }

    #[test]
    fn a_list_may_go_one_way_only() {
        let newest = Lists { sorts: &["-created_at"], filters: &[], searches: false };
        for query in ["", "sort=-created_at"] {
            let read = Listing::read(query, &newest).unwrap();
            assert_eq!((read.sort, read.descending), ("created_at", true), "{query}");
        }
        assert!(Listing::read("sort=created_at", &newest).is_err());
    }

    #[test]
    fn one_more_than_asked_for_tells_of_the_next_page() {
        let read = Listing::read("limit=2", &LISTS).unwrap();
        let at = |n: &u32| (n.to_string(), format!("id{n}"));
        let page = read.page(vec![1, 2, 3], None, at, |n| n * 10);
        assert_eq!(page.items, [10, 20]);
        assert_eq!(Cursor::parse(&page.next.unwrap()).unwrap().id, "id2");
        assert_eq!(read.page(vec![1, 2], None, at, |n| n).next, None);
    }
}
