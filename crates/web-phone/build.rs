//! Takes the three files of Swagger UI that the API's description needs out of the vendored archive, and
//! compresses them once. The rest of the archive (2 MB of other bundles) stays out of the program.

use std::error::Error;
use std::fs;
use std::io::{Cursor, Read as _, Write as _};
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 3] = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for file in FILES {
        let ending = format!("/dist/{file}");
        let name = archive.file_names().filter_map(Result::ok).find(|name| name.ends_with(&ending));
        let name = name.ok_or_else(|| format!("no {file} in the archive of Swagger UI"))?.into_owned();
        let mut plain = Vec::new();
        archive.by_name(&name)?.read_to_end(&mut plain)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&plain)?;
        fs::write(out.join(format!("{file}.gz")), packed.finish()?)?;
    }
    Ok(())
}
