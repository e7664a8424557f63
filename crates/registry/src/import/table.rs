//! A CSV file as rows of named cells (RFC 4180).

use std::collections::HashMap;

/// Bytes of a file.
const MOST_BYTES: usize = 20 * 1024 * 1024;
/// Rows below the header.
const MOST_ROWS: usize = 100_000;
/// Bytes of a line.
const LONGEST_LINE: usize = 10 * 1024;
/// Columns.
const MOST_COLUMNS: usize = 200;

/// What is wrong with a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct FileFault {
    /// The line of the file, from 1, where that is known.
    pub line: Option<u64>,
    /// The column, where that is known.
    pub field: Option<String>,
    /// What is wrong and how to mend it.
    pub why: String,
}

impl FileFault {
    pub(super) fn whole(why: impl Into<String>) -> Self {
        Self { line: None, field: None, why: why.into() }
    }

    fn at(line: u64, why: impl Into<String>) -> Self {
        Self { line: Some(line), field: None, why: why.into() }
    }

    fn column(name: &str, why: impl Into<String>) -> Self {
        Self { line: Some(1), field: Some(domain::text::shown(name, 60)), why: why.into() }
    }
}

/// A file that was read.
#[derive(Debug)]
pub struct Table {
    columns: HashMap<String, usize>,
    names: Vec<String>,
    rows: Vec<Row>,
}

/// A row of a file.
#[derive(Debug)]
pub struct Row {
    cells: csv::StringRecord,
    /// Line of the file where it begins.
    pub line: u64,
}

impl Table {
    /// Reads a file whose columns are among `known`; those of `needed` must be there.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    pub fn read(bytes: &[u8], known: &[&str], needed: &[&str]) -> Result<Self, FileFault> {
        let text = text(bytes)?;
        for (line, number) in text.lines().zip(1..) {
            if line.len() > LONGEST_LINE {
                return Err(FileFault::at(
                    number,
                    "The line is longer than 10 kB. Is a quotation mark or a line end missing?",
                ));
            }
        }
        let header = text.lines().next().unwrap_or_default();
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter(header))
            .flexible(true)
            .has_headers(true)
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|why| broken(&why))?.clone();
        if header.iter().all(|name| name.trim().is_empty()) {
            return Err(FileFault::whole("The file is empty. Its first line names the columns."));
        }
        if header.len() > MOST_COLUMNS {
            return Err(FileFault::whole("The file has more than 200 columns."));
        }
        let mut columns = HashMap::new();
        let mut names = Vec::new();
        for (at, written) in header.iter().enumerate() {
            let name = column(written, known)?;
            if columns.insert(name.clone(), at).is_some() {
                return Err(FileFault::column(&name, format!("The column “{name}” is there twice.")));
            }
            names.push(name);
        }
        if let Some(missing) = needed.iter().find(|name| !columns.contains_key(**name)) {
            return Err(FileFault::column(missing, format!("The column “{missing}” is missing.")));
        }
        let mut rows = Vec::new();
        let mut lines = Lines { text, at: 0, line: 1 };
        for record in reader.into_records() {
            let cells = record.map_err(|why| broken(&why))?;
            let line = lines.of(cells.position().map_or(0, csv::Position::byte));
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if cells.iter().map(str::len).sum::<usize>() > LONGEST_LINE {
                return Err(FileFault::at(
                    line,
                    "The row is longer than 10 kB. Is a quotation mark missing?",
                ));
            }
            if rows.len() == MOST_ROWS {
                return Err(FileFault::at(line, "The file has more than 100,000 rows: split it."));
            }
            rows.push(Row { cells, line });
        }
        if rows.is_empty() {
            return Err(FileFault::whole("The file has no rows below its header."));
        }
        Ok(Self { columns, names, rows })
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The names of its columns in their order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The cell of a row in this column, trimmed; empty where there is none.
    #[must_use]
    pub fn cell<'a>(&self, row: &'a Row, column: &str) -> &'a str {
        self.columns.get(column).and_then(|at| row.cells.get(*at)).unwrap_or_default().trim()
    }

    /// Why a row has not the cells that the header names.
    #[must_use]
    pub fn misfit(&self, row: &Row) -> Option<String> {
        let (has, needs) = (row.cells.len(), self.names.len());
        (has != needs).then(|| format!("has {has} cells where the header has {needs} columns"))
    }
}

/// Tells the line of a place in a file. The reader's own count is one behind where lines end with two characters.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn of(&mut self, byte: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let mut end = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.at, bytes.len());
        while bytes.get(end).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            end += 1;
        }
        let ends = bytes.get(self.at..end).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        self.line += ends as u64;
        self.at = end;
        self.line
    }
}

/// The text of a file: UTF-8, with or without a mark at its beginning, and nothing else.
fn text(bytes: &[u8]) -> Result<&str, FileFault> {
    if bytes.len() > MOST_BYTES {
        return Err(FileFault::whole("The file is larger than 20 MB: split it."));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    let zeros = bytes.iter().take(1000).filter(|byte| **byte == 0).count();
    if is_marked || zeros > bytes.len().min(1000) / 4 {
        return Err(FileFault::whole("The file is UTF-16. Save it as UTF-8 (“CSV UTF-8” in a spreadsheet)."));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(FileFault::whole("The file is a spreadsheet or an archive. Save it as CSV in UTF-8."));
    }
    let text = std::str::from_utf8(bytes).map_err(|why| {
        let before = bytes.get(..why.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        FileFault::at(line, "The file is not UTF-8, perhaps Windows-1252 or Latin-1. Save it as UTF-8.")
    })?;
    if let Some(at) = text.find('\0') {
        let line = text.get(..at).unwrap_or_default().matches('\n').count() as u64 + 1;
        return Err(FileFault::at(line, "The file holds a zero byte, which no text has."));
    }
    Ok(text)
}

/// What separates the cells: what the header has most of.
fn delimiter(header: &str) -> u8 {
    let count = |delimiter: u8| header.bytes().filter(|byte| *byte == delimiter).count();
    // Of equal ones the first.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

/// The known name of a column as somebody wrote it.
fn column(written: &str, known: &[&str]) -> Result<String, FileFault> {
    let written = written.trim();
    if let Some(name) = known.iter().find(|name| **name == written) {
        return Ok((*name).to_owned());
    }
    let folded = written.to_lowercase().replace([' ', '-'], "_");
    if let Some(name) = known.iter().find(|name| name.to_lowercase() == folded) {
        return Ok((*name).to_owned());
    }
    if written.is_empty() {
        return Err(FileFault::column(
            written,
            "A column has no name. Is there a separator too many in the first line?",
        ));
    }
    let shown = domain::text::shown(written, 60);
    let near = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&folded, name), *name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let all = known.join(", ");
    let why = match near {
        Some((_, name)) => format!("The column “{shown}” is not known. Is “{name}” meant? Known are: {all}."),
        None => format!("The column “{shown}” is not known. Known are: {all}."),
    };
    Err(FileFault::column(written, why))
}

fn broken(why: &csv::Error) -> FileFault {
    let line = why.position().map(csv::Position::line);
    FileFault { line, field: None, why: "The file cannot be read as CSV from here on.".to_owned() }
}

/// A cell that no spreadsheet takes for a formula.
#[must_use]
pub fn defused(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["username", "email", "groups", "costCentre"];

    fn read(bytes: &[u8]) -> Result<Table, FileFault> {
        Table::read(bytes, KNOWN, &["username"])
    }

    #[test]
    fn good_files_are_read_however_they_are_written() {
        for bytes in [
            &b"username,email\nada,a@example.org\n"[..],
            b"\xef\xbb\xbfusername,email\r\nada,a@example.org\r\n\r\n",
            b"Username;E-Mail\nada;a@example.org",
            b"email\tUSERNAME\na@example.org\tada\n",
            b"username,email\n\"ada\",\" a@example.org \"\n,\n",
        ] {
            // `E-Mail` is known as `e_mail` alone; the column is not asked for in that one.
            let table = match read(bytes) {
                Ok(table) => table,
                Err(fault) => {
                    assert!(fault.why.contains("Is “email” meant?"), "{fault:?}");
                    continue;
                }
            };
            assert_eq!(table.rows().len(), 1);
            let row = &table.rows()[0];
            assert_eq!((table.cell(row, "username"), table.cell(row, "email")), ("ada", "a@example.org"));
            assert_eq!((row.line, table.cell(row, "groups"), table.misfit(row)), (2, "", None));
        }
    }

    #[test]
    fn bad_files_say_what_to_mend() {
        let utf16: Vec<u8> = "username,email\nada,x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let long = format!("username\n{}\n", "x".repeat(10 * 1024 + 1));
        let open = format!("username,email\nada,\"{}\n", "x\n".repeat(6_000));
        let wide = (0..201).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
        let rows = format!("username\n{}", "a\n".repeat(100_001));
        for (bytes, line, field, words) in [
            (&b""[..], None, None, "empty"),
            (b"\n\n", None, None, "empty"),
            (b"username\n", None, None, "no rows"),
            (b"email\nx\n", Some(1), Some("username"), "missing"),
            (b"username,emial\nada,x\n", Some(1), Some("emial"), "Is “email” meant?"),
            (b"username,password\nada,x\n", Some(1), Some("password"), "not known"),
            (b"username,,email\nada,x,y\n", Some(1), Some(""), "no name"),
            (b"username,email,Username\nada,x,y\n", Some(1), Some("username"), "twice"),
            (b"username,email\nada,x\nbj\xf6rn,y\n", Some(3), None, "not UTF-8"),
            (b"\xff\xfeu\x00", None, None, "UTF-16"),
            (&utf16, None, None, "UTF-16"),
            (b"username\na\x00b\n", Some(2), None, "zero byte"),
            (b"PK\x03\x04rest", None, None, "spreadsheet"),
            (long.as_bytes(), Some(2), None, "longer than 10 kB"),
            (open.as_bytes(), Some(2), None, "quotation mark"),
            (wide.as_bytes(), None, None, "200 columns"),
            (rows.as_bytes(), Some(100_002), None, "100,000 rows"),
            (&vec![b'a'; MOST_BYTES + 1], None, None, "20 MB"),
        ] {
            let fault = read(bytes).unwrap_err();
            let told = (fault.line, fault.field.as_deref());
            assert_eq!(told, (line, field), "{fault:?}");
            assert!(fault.why.contains(words), "{words}: {fault:?}");
        }
    }

    #[test]
    fn a_row_with_other_cells_than_the_header_says_so() {
        let table = read(b"username,email\nada\nbob,x,y\n").unwrap();
        let misfits: Vec<_> = table.rows().iter().filter_map(|row| table.misfit(row)).collect();
        assert_eq!(misfits.len(), 2);
        assert!(misfits[0].contains("has 1 cells where the header has 2"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(defused(cell).starts_with('\''), "{cell:?}");
        }
        assert_eq!(defused("ada"), "ada");
    }
}
