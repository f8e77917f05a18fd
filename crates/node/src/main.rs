//! The `ringcast` binary: read the configuration, run the node, say why if it does not run.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod app;
mod asked;
mod cli;
mod config;
mod coordinator_task;
mod dispatch;
mod edge_task;
mod http;
mod logging;
mod mailbox;
mod node;
mod placement;
mod room_log;
mod room_task;
mod sampler;
mod session_task;
mod shutdown;
mod socket;
mod tls;

use std::process::ExitCode;

use cli::Task;
use config::{Loaded, Sources};

fn main() -> ExitCode {
    let version = format!("{}\nmediasoup: {}", env!("CARGO_PKG_VERSION"), media::deps());
    let cli = match cli::parse(std::env::args_os(), &version) {
        Ok(cli) => cli,
        Err(stop) => return stop.exit(),
    };
    let sources = Sources::of_this_process(cli.flags);
    match cli.task {
        Task::CheckConfig => cli::check_config(sources),
        Task::Serve => config::load(sources).map_or_else(|error| cli::wrong(&error), serve),
    }
}

fn serve(loaded: Loaded) -> ExitCode {
    let served = logging::start(&loaded.config)
        .map_err(|error| error.to_string())
        .and_then(|()| {
            for warning in &loaded.warnings {
                tracing::warn!("{warning}");
            }
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            runtime
                .block_on(app::run(loaded.config))
                .map_err(|error| error.to_string())
        });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::failed(&error),
    }
}
