//! Embeds the page: lists the files of `web/dist` for `src/http/page.rs`, each also compressed. Writes to `OUT_DIR` only.
//!
//! Without `web/dist` (a plain `cargo build` without Node.js) a notice is embedded that says how to build the page.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let (web, notice) = (here.join("web"), here.join("src/http/notice.html"));
    let dist = web.join("dist");
    let built = dist.join("index.html").is_file();
    // A missing path would make every build run this again: then the folder that it will appear in is watched.
    let watched = if built { &dist } else { &web };
    println!("cargo::rerun-if-changed={}", watched.display());
    println!("cargo::rerun-if-changed={}", notice.display());
    println!("cargo::rerun-if-changed=build.rs");

    let mut files = Vec::new();
    if built {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut assets = String::new();
    for path in files.iter().filter(|path| **path != dist.join("index.html")) {
        assets += &format!("    {},\n", asset(path, &address(path, &dist), &out)?);
    }
    let index = if built { dist.join("index.html") } else { notice };
    let index = asset(&index, "/index.html", &out)?;
    fs::write(
        out.join("assets.rs"),
        format!("const INDEX: Asset = {index};\nconst ASSETS: &[Asset] = &[\n{assets}];\n"),
    )
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Where the node serves a file.
fn address(path: &Path, dist: &Path) -> String {
    let parts = path.strip_prefix(dist).unwrap_or(path).components();
    parts
        .map(|part| format!("/{}", part.as_os_str().to_string_lossy()))
        .collect()
}

/// One `Asset`, as Rust text.
fn asset(path: &Path, address: &str, out: &Path) -> io::Result<String> {
    let plain = fs::read(path)?;
    let mut hasher = DefaultHasher::new();
    plain.hash(&mut hasher);
    let hash = hasher.finish();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&plain)?;
    let gzip = encoder.finish()?;
    // What is compressed already (pictures, fonts) is not worth it.
    let gzip_text = if gzip.len() < plain.len() * 9 / 10 {
        let gzip_path = out.join(format!("{hash:016x}.gz"));
        fs::write(&gzip_path, gzip)?;
        format!("include_bytes!({gzip_path:?})")
    } else {
        "&[]".to_owned()
    };
    let content_type = content_type(path);
    Ok(format!(
        "Asset {{ path: {address:?}, content_type: {content_type:?}, etag: {:?}, plain: include_bytes!({path:?}), gzip: {gzip_text} }}",
        format!("W/\"{hash:016x}\"")
    ))
}

fn content_type(path: &Path) -> &'static str {
    match path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
    {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
