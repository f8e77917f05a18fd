//! Tells the crate which libraries the mediasoup worker was built with:
//! `env!("MEDIASOUP_DEPS")`, a line to show, and `cfg(mediasoup_deps_system)`, true where the worker has our libsrtp
//! layer and with it the symbol `ringcast_fault_thread`.
//!
//! Cargo may run this before mediasoup's own build script. So: what the worker's build wrote down, where it has run;
//! else the same decision asked of the same script (docs/building.md).

#![allow(clippy::print_stderr)] // Cargo shows what a failed build script wrote there.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

fn main() -> ExitCode {
    println!("cargo:rustc-check-cfg=cfg(mediasoup_deps_system)");
    println!("cargo:rerun-if-env-changed=MEDIASOUP_DEPS");
    println!("cargo:rerun-if-env-changed=MESON");
    match worker_libraries() {
        Ok(libraries) => {
            println!("cargo:rustc-env=MEDIASOUP_DEPS={libraries}");
            if libraries.starts_with("system") {
                println!("cargo:rustc-cfg=mediasoup_deps_system");
            }
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn worker_libraries() -> Result<String, String> {
    // Cargo sets MESON by the workspace's .cargo/config.toml; without it mediasoup builds as its authors made it.
    let Some(meson) = env::var_os("MESON")
        .map(PathBuf::from)
        .filter(|meson| meson.ends_with(".cargo/mediasoup/meson"))
    else {
        return Ok("upstream".to_owned());
    };
    let built = env::var_os("OUT_DIR").and_then(|out| built_worker(Path::new(&out)));
    if let Some(libraries) = built {
        return Ok(libraries);
    }
    let script = meson.with_file_name("deps");
    println!("cargo:rerun-if-changed={}", script.display());
    let output = Command::new(&script)
        .output()
        .map_err(|error| format!("{}: {error}", script.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The line that the newest worker build in this target folder left beside its library:
/// `build/mediasoup-sys-<hash>/out/mediasoup-deps`, seen from our `build/media-<hash>/out`.
fn built_worker(out: &Path) -> Option<String> {
    let builds = out.parent()?.parent()?;
    let newest = fs::read_dir(builds)
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("mediasoup-sys-"))
        .map(|entry| entry.path().join("out/mediasoup-deps"))
        .filter_map(|note| Some((fs::metadata(&note).ok()?.modified().ok()?, note)))
        .max()?;
    println!("cargo:rerun-if-changed={}", newest.1.display());
    Some(fs::read_to_string(newest.1).ok()?.trim().to_owned())
}
