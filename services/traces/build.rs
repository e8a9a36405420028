//! Embeds the built Jaeger UI, which comes in the package of the crate `otlp-embedded` (Apache-2.0, as the UI is).
//!
//! Only the package's files are wanted, not its code, which needs `protoc` and tonic to build. So it is a dependency under
//! a cfg that nobody sets (see Cargo.toml): in Cargo.lock with its checksum, fetched with everything else by
//! `cargo fetch` and `cargo vendor`, and never compiled. Here cargo is asked, with that cfg set, to fetch it and say where it is.
//!
//! Without it (no network, say) the build succeeds, warns, and embeds a page with words; the next build tries again.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

const PACKAGE: &str = "otlp-embedded";
const CFG: &str = "arena_fetch_jaeger_ui";

const WITHOUT_UI: &str = "<!doctype html><title>Arena traces</title><p>This viewer was built without the Jaeger UI, \
because its package could not be fetched. Build <code>arena-traces</code> again with a network; until then \
<a href=\"api/services\">/api/services</a> and /api/traces/ID answer.";

fn main() -> anyhow::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=Cargo.toml");
    let out = PathBuf::from(env::var("OUT_DIR").context("OUT_DIR")?);
    let (index, files) = match package_folder().and_then(|package| embed(&package, &out)) {
        Ok(embedded) => embedded,
        Err(error) => {
            println!("cargo:warning=arena-traces is built without the Jaeger UI: {error:#}");
            println!("cargo:rerun-if-changed={}", out.join("not-there").display());
            (WITHOUT_UI.to_owned(), String::new())
        }
    };
    let code = format!("static INDEX: &str = {index:?};\nstatic FILES: &[File] = &[\n{files}];\n");
    fs::write(out.join("embedded.rs"), code).context("cannot write embedded.rs")
}

/// Where cargo has the package; fetches it when it must.
fn package_folder() -> anyhow::Result<PathBuf> {
    let manifest = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let output = Command::new(env::var("CARGO")?)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--manifest-path",
        ])
        .arg(manifest)
        .args(["--filter-platform", &env::var("TARGET")?])
        .env("CARGO_ENCODED_RUSTFLAGS", format!("--cfg\u{1f}{CFG}"))
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let package = packages.iter().find(|package| package["name"] == PACKAGE);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = manifest.with_context(|| format!("cargo metadata does not name {PACKAGE}"))?;
    Ok(Path::new(manifest)
        .parent()
        .unwrap_or(Path::new(""))
        .to_owned())
}

/// Compresses the UI's files into `out`; returns the index page, and Rust code that lists the others.
fn embed(package: &Path, out: &Path) -> anyhow::Result<(String, String)> {
    let ui = package.join("jaeger-ui");
    let index = fs::read_to_string(ui.join("build/index.html")).context("index.html")?;
    let mut sources = vec![ui.join("LICENSE")];
    for entry in fs::read_dir(ui.join("build/static")).context("build/static")? {
        sources.push(entry?.path());
    }
    sources.sort();
    let mut files = String::new();
    for source in sources {
        let name = source
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // Half of the weight is for browsers without ES modules, which are gone.
        if name.contains("-legacy-") {
            continue;
        }
        let compressed = out.join(format!("{name}.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&compressed)?, Compression::best());
        encoder.write_all(&fs::read(&source).with_context(|| name.clone())?)?;
        encoder.finish()?;
        writeln!(
            files,
            "File {{ path: {:?}, media_type: {:?}, gzip: include_bytes!({:?}) }},",
            format!("/static/{name}"),
            media_type(&name),
            compressed.to_string_lossy(),
        )?;
    }
    Ok((index, files))
}

fn media_type(name: &str) -> &'static str {
    match Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        _ => "text/plain; charset=utf-8",
    }
}
