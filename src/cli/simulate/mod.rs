//! `cartlog simulate`: shoppers played against a running service.

mod cart;
mod client;
mod market;
mod plan;
mod report;
mod run;
mod shopper;

use super::Outcome;
use super::progress::Progress;
use crate::config::Config;
use clap::Args;
use plan::Plan;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct Simulate {
    /// Where the service is, such as http://127.0.0.1:8080; without it, at server.bind.
    #[arg(long)]
    url: Option<String>,
    /// How many carts are opened.
    #[arg(long, default_value_t = 1_000)]
    carts: u64,
    /// How many carts are opened a second; 0 for as many as the service takes.
    #[arg(long, default_value_t = 0.0, value_parser = rate, allow_negative_numbers = true)]
    rate: f64,
    /// What the shoppers' choices are drawn from: the same seed is the same shopping.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many shoppers are in the shop at once, 1 to 1000.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// How long a shopper thinks between two steps, on average, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    pause: u64,
    /// For how long a request is tried again that the service cannot take, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3_600))]
    patience: u64,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a number is needed".to_owned())?;
    if rate == 0.0 || (0.001..=1_000_000.0).contains(&rate) {
        return Ok(rate);
    }
    Err("0, or 0.001 to 1000000 carts a second".to_owned())
}

/// Succeeds if every answer was one that the contract allows.
pub fn run(config: &Config, arguments: &Simulate) -> Outcome {
    let configured = || format!("http://{}", config.server.reachable_at());
    let plan = Plan {
        url: arguments.url.clone().unwrap_or_else(configured),
        carts: arguments.carts,
        rate: arguments.rate,
        concurrency: arguments.concurrency.into(),
        seed: arguments.seed,
        pause: Duration::from_millis(arguments.pause),
        patience: Duration::from_secs(arguments.patience),
    };
    let progress = Progress::start("carts");
    let report = run::play(&plan, &|finished| {
        progress.update(finished, Some(plan.carts))
    });
    progress.finish();
    let report = report?;
    write!(std::io::stdout(), "{report}")?;
    Ok(match report.unexpected {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
