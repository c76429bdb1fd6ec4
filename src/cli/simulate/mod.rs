//! `cartlog simulate`: simulates shoppers against a running service. A client of the HTTP API like
//! any other: no other module knows it, and it knows no other layer.

mod cart;
mod client;
mod days;
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
    /// Base URL of the service, such as http://127.0.0.1:8080; defaults to server.bind.
    #[arg(long)]
    url: Option<String>,
    /// Number of carts to open.
    #[arg(long, default_value_t = 1_000)]
    carts: u64,
    /// Carts to open per second; 0 for no limit.
    #[arg(long, default_value_t = 0.0, value_parser = rate, allow_negative_numbers = true)]
    rate: f64,
    /// Seed of the shoppers' choices: the same seed repeats the same shopping.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Concurrent shoppers, 1 to 1000.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// Average pause of a shopper between two steps, in milliseconds.
    #[arg(long, default_value_t = 0, value_name = "MILLIS")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    pause: u64,
    /// How long a request is retried after 429, 503 or a lost connection, in seconds.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=3_600))]
    patience: u64,
    /// Dates the carts over the last days, 1 to 90; the service must be in demo mode. Shoppers then
    /// neither wait nor check the responses.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=90))]
    #[arg(conflicts_with_all = ["rate", "concurrency", "pause"])]
    days: Option<u32>,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
    if rate == 0.0 || (0.001..=1_000_000.0).contains(&rate) {
        return Ok(rate);
    }
    Err("must be 0, or from 0.001 to 1000000 carts per second".to_owned())
}

/// Succeeds if the contract allows every response. Days in the past are simulated by the service.
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
    if let Some(days) = arguments.days {
        let simulated = days::simulate(&plan, days, &|finished| {
            progress.update(finished, Some(plan.carts));
        });
        progress.finish();
        write!(std::io::stdout(), "{}", simulated?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = run::simulate(&plan, &|finished| {
        progress.update(finished, Some(plan.carts));
    });
    progress.finish();
    let report = report?;
    write!(std::io::stdout(), "{report}")?;
    Ok(match report.unexpected {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
