//! Writes every sample of every page into a folder, with the theme's files beside them, to be looked at:
//! `cargo run -p web-login --example preview -- DIR`.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("say where")?);
    fs::create_dir_all(&dir)?;
    for lang in ["en", "de"] {
        let page = web::Web::sample_page(lang)?;
        let again = move || page.clone();
        let mut all = web_login::pages::samples(&again)?;
        all.extend(web_login::second_factor::samples(&again)?);
        all.extend(web::pages::samples(&again)?);
        for (name, html) in all {
            fs::write(dir.join(format!("{name}.{lang}.html")), html.replace("\"/assets/", "\"assets/"))?;
        }
    }
    fs::create_dir_all(dir.join("assets"))?;
    for asset in web::assets::all() {
        fs::write(dir.join("assets").join(asset.file), asset.plain)?;
    }
    Ok(())
}
