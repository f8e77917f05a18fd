//! The `ringcast` binary.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod config;
mod http;
mod logging;
mod tls;

fn main() -> std::process::ExitCode {
    match cli::parse(std::env::args_os(), env!("CARGO_PKG_VERSION")) {
        Ok(cli) => match config::load(config::Sources::of_this_process(cli.flags)) {
            Ok(_) => std::process::ExitCode::SUCCESS,
            Err(_) => std::process::ExitCode::from(2),
        },
        Err(_) => std::process::ExitCode::from(2),
    }
}
