//! Embeds the pages, compressed: the dashboard as `just web` built it (web/dist), and the plain page that needs no build.
//!
//! Without web/dist the build succeeds, and the plain page is what people see.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The built dashboard.
const DIST: &str = "web/dist";

/// The page without a build.
const PLAIN: &str = "src/pages";

/// So much of a file's hash tells it from its other versions.
const TAG_BYTES: usize = 12;

fn main() -> anyhow::Result<()> {
    let dist = Path::new(DIST);
    let is_built = dist.join("index.html").is_file();
    // A path that is not there would count as changed with every build: while there is no dist, its folder is watched for one.
    let watched = if is_built { DIST } else { "web" };
    for path in ["build.rs", PLAIN, watched] {
        println!("cargo:rerun-if-changed={path}");
    }
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR")?);
    let dashboard = if is_built {
        embed(dist, &out.join("dashboard"))?
    } else {
        String::new()
    };
    let plain = embed(Path::new(PLAIN), &out.join("plain"))?;
    let code = format!(
        "static DASHBOARD: &[File] = &[\n{dashboard}];\nstatic PLAIN: &[File] = &[\n{plain}];\n"
    );
    fs::write(out.join("pages.rs"), code).context("cannot write pages.rs")
}

/// Compresses the files of a folder into `out`; returns Rust code that lists them, by path.
fn embed(folder: &Path, out: &Path) -> anyhow::Result<String> {
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| out.display().to_string())?;
    }
    fs::create_dir_all(out)?;
    let mut code = String::new();
    for (number, source) in files(folder)?.into_iter().enumerate() {
        let path = source.strip_prefix(folder)?.to_string_lossy().into_owned();
        let content = fs::read(&source).with_context(|| path.clone())?;
        let compressed = out.join(format!("{number}.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&compressed)?, Compression::best());
        encoder.write_all(&content)?;
        encoder.finish()?;
        writeln!(
            code,
            "File {{ path: {:?}, media_type: {:?}, tag: {:?}, gzip: include_bytes!({:?}) }},",
            format!("/{path}"),
            media_type(&source),
            tag(&content),
            compressed.to_string_lossy(),
        )?;
    }
    Ok(code)
}

/// All files below a folder, in order.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// An entity tag, with its quotes.
fn tag(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let mut tag = String::from("\"");
    for byte in &hash[..TAG_BYTES] {
        // Writing to a String cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag + "\""
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
