//! Where results go, and the arithmetic that all of them share.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

/// The root of the workspace.
///
/// # Panics
/// Never: this package has a folder above it.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Where cargo builds.
#[must_use]
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The folder of all results, made at its first use.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn folder() -> PathBuf {
    let folder = target().join("bench");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Writes `target/bench/<name>.json` and says so.
///
/// # Panics
/// If it cannot be written.
pub fn write(name: &str, results: &Value) {
    let path = folder().join(format!("{name}.json"));
    fs::write(&path, format!("{results:#}\n")).unwrap();
    println!("\nwritten to {}", path.display());
}

/// The value that the given share (0 to 1) of the values do not exceed; of none, NaN.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wanted = (sorted.len() as f64 * share.clamp(0.0, 1.0)).ceil() as usize;
    sorted.get(wanted.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The middle one of an odd number of values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}
