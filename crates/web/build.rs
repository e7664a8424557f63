//! Prepares the theme's assets: gives each a name with its hash, points imports at those names, and
//! compresses it once with gzip and brotli. Serving then copies ready bytes.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../themes/default/assets");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());
    println!("cargo:rerun-if-changed=build.rs");

    let mut plain = BTreeMap::new();
    collect(&root, "", &mut plain)?;
    let mut ready = BTreeMap::new();
    for name in plain.keys().cloned().collect::<Vec<_>>() {
        prepare(&name, &plain, &mut ready, &mut Vec::new())?;
    }

    let best = std::env::var("PROFILE")? == "release";
    let mut table = String::from("&[\n");
    for (name, asset) in &ready {
        let file = asset.flat.as_str();
        fs::write(out.join(file), &asset.bytes)?;
        let packed = pack(&out, file, &asset.bytes, best)?;
        let include =
            |suffix: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}{suffix}\"))");
        let (gzip, brotli) = if packed {
            (format!("Some({})", include(".gz")), format!("Some({})", include(".br")))
        } else {
            ("None".to_owned(), "None".to_owned())
        };
        writeln!(
            table,
            "    Asset {{ name: {name:?}, file: {file:?}, etag: \"\\\"{}\\\"\", content_type: {:?}, plain: {}, gzip: {gzip}, brotli: {brotli} }},",
            asset.hash,
            content_type(name),
            include(""),
        )?;
    }
    table.push(']');
    fs::write(out.join("assets.rs"), table)?;
    Ok(())
}

struct Ready {
    hash: String,
    flat: String,
    bytes: Vec<u8>,
}

fn collect(dir: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) -> Outcome<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| "an asset's name is not UTF-8")?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            println!("cargo:rerun-if-changed={}", entry.path().display());
            collect(&entry.path(), &format!("{path}/"), into)?;
        } else {
            println!("cargo:rerun-if-changed={}", entry.path().display());
            into.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// Hashes `name` after pointing its relative imports (`"./x.js"`) at the hashed names of what it imports.
fn prepare(
    name: &str,
    plain: &BTreeMap<String, Vec<u8>>,
    ready: &mut BTreeMap<String, Ready>,
    open: &mut Vec<String>,
) -> Outcome<()> {
    if ready.contains_key(name) {
        return Ok(());
    }
    if open.iter().any(|other| other == name) {
        return Err(format!("assets import one another in a circle: {open:?} → {name}").into());
    }
    open.push(name.to_owned());
    let mut bytes =
        plain.get(name).ok_or_else(|| format!("no asset {name:?} (imported by {open:?})"))?.clone();
    if has_extension(name, "js") || has_extension(name, "css") {
        let mut text = String::from_utf8(bytes)?;
        for quoted in relative_names(&text) {
            let target = resolve(name, &quoted);
            if !plain.contains_key(&target) {
                return Err(format!("{name} names {quoted}, which is no asset").into());
            }
            prepare(&target, plain, ready, open)?;
            let flat = &ready[&target].flat;
            for mark in ['"', '\''] {
                text = text.replace(&format!("{mark}{quoted}{mark}"), &format!("{mark}./{flat}{mark}"));
            }
        }
        bytes = text.into_bytes();
    }
    open.pop();
    let digest = Sha256::digest(&bytes);
    let hash = digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    let flat = format!("{hash}-{}", name.replace('/', "-"));
    ready.insert(name.to_owned(), Ready { hash, flat, bytes });
    Ok(())
}

/// Every quoted text that begins with `./` or `../` and looks like a file.
fn relative_names(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mark in ['"', '\''] {
        for piece in text.split(mark).skip(1).step_by(1) {
            let is_path = (piece.starts_with("./") || piece.starts_with("../"))
                && piece.len() < 100
                && piece.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_".contains(&b));
            if is_path && !found.iter().any(|other| other == piece) {
                found.push(piece.to_owned());
            }
        }
    }
    found
}

fn resolve(from: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// Writes `.gz` and `.br` beside the file where that saves anything.
fn pack(out: &Path, file: &str, bytes: &[u8], best: bool) -> Outcome<bool> {
    let is_text =
        ["js", "css", "svg", "json", "webmanifest", "wasm", "txt"].iter().any(|e| has_extension(file, e));
    if !is_text || bytes.len() < 256 {
        return Ok(false);
    }
    let mut gzip =
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(if best { 9 } else { 6 }));
    gzip.write_all(bytes)?;
    fs::write(out.join(format!("{file}.gz")), gzip.finish()?)?;
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: if best { 11 } else { 5 },
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &parameters)?;
    fs::write(out.join(format!("{file}.br")), packed)?;
    Ok(true)
}

fn has_extension(name: &str, wanted: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted))
}

fn content_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        _ => "text/plain; charset=utf-8",
    }
}
