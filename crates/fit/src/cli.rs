//! The command line's words.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use numerics::simd::Isa;

/// Fits the model of a YAML file and says how far the answer can be trusted.
///
/// Results go to runs/<model>/: posterior.parquet, summary.parquet, predictive.parquet, rows_<table>.parquet,
/// loo.parquet, ppc.parquet, prior.parquet, trace.parquet, unconstrained.parquet, fit.json.
///
/// Exit codes: 0 ok, corrected (or unchecked, where you chose the method); 1 failed; 2 the spec, the data or the
/// command is wrong; 3 unreliable; 130 interrupted (the same command goes on).
#[derive(Parser, Debug)]
#[command(name = "fit", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub fit: Fit,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Check a spec and its data without fitting
    Check(Check),
    /// Print what a phase of the compiler makes of a spec
    Explain(Explain),
    /// Print the log joint density at points of a table
    Logdensity(Logdensity),
    /// Draw parameters and data sets from the model, before any data
    Simulate(Simulate),
    /// Predict rows, new ones or those of the fit, from a finished run
    Predict(Predict),
    /// Test whether fits of a model find again what it made itself
    Calibrate(Calibrate),
    /// Compare finished runs by what they predict of values that are left out
    Compare(Compare),
    /// Write a commented spec with a small table to start from
    New(New),
    /// Print the language as a JSON Schema, for editors
    Schema,
}

/// Changes of the spec for this run only.
#[derive(Args, Debug, Clone, Default)]
pub struct Overrides {
    /// Replace or add one entry of the spec: 'latent.tau=half_normal(1)', inference.draws=32, data.homes.file=x.csv
    /// (from here, not from the spec's folder); may be given several times
    #[arg(long = "set", value_name = "SECTION.NAME=VALUE")]
    pub set: Vec<String>,
}

#[derive(Args, Debug, Clone)]
pub struct Fit {
    /// The model, a YAML file
    #[arg(required = true)]
    pub spec: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Folder of the results [default: runs/<model>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of all random numbers [default: the spec's, else 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
    /// Leave this fit alone if it is finished, else go on with it or begin; refused where only other fits have begun
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub machine: Machine,
}

/// How to compute; changes no answer but for last digits between instruction sets.
#[derive(Args, Debug, Clone)]
pub struct Machine {
    /// Threads to evaluate with [default: all cores]; any number gives the same bits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Instruction set: baseline, avx2 or avx512 [default: the best of this machine]
    #[arg(long, value_name = "ISA")]
    pub isa: Option<Isa>,
}

impl Machine {
    pub fn options(&self) -> graph::program::Options {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        graph::program::Options {
            isa: self.isa.unwrap_or_else(Isa::detect),
            threads: self.threads.map_or_else(cores, usize::from),
            ..graph::program::Options::default()
        }
    }
}

/// Tells whether a spec and its data are in order, and tries the density at 64 draws from the prior.
///
/// Exit codes: 0 in order; 1 the density is finite at no draw from the prior; 2 the spec or the data is wrong.
#[derive(Args, Debug)]
pub struct Check {
    /// The model, a YAML file
    pub spec: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Draws the latents from their priors and the observed columns from their likelihoods.
///
/// DIR gets a file for each table, with the observed columns simulated and all else as it was; the spec, which reads
/// them; and truth.parquet (name, value), the latents behind them. With several draws, each has a folder of its own.
#[derive(Args, Debug)]
pub struct Simulate {
    /// The model, a YAML file
    pub spec: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Folder of the data sets [default: simulated/<model>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many data sets
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub draws: u32,
    /// Seed of all random numbers [default: the spec's, else 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// A latent's value instead of a draw: mu=3, theta[A]=1, or all elements, theta=1
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub at: Vec<(String, f64)>,
    #[command(flatten)]
    pub machine: Machine,
}

/// Predicts observed columns, and whatever else varies by row.
///
/// Dimensions keep the levels of the fit; a new level is drawn from the hierarchy for each draw of the posterior.
/// Observed columns may be missing. Predictions are of the uncensored value.
#[derive(Args, Debug)]
pub struct Predict {
    /// The folder of a finished run
    pub run: PathBuf,
    /// New rows: FILE, or TABLE=FILE where the model has several tables; the others are those of the fit
    #[arg(long, value_name = "[TABLE=]FILE")]
    pub data: Vec<String>,
    /// Folder of the results [default: predict in the folder of the run]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Posterior draws to predict from [default: up to 2,000, fewer for long tables]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub draws: Option<u32>,
    /// Seed of all random numbers [default: the run's]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
    #[command(flatten)]
    pub machine: Machine,
}

/// Draws data sets from the model, fits each, and ranks the true latents among the draws of their posterior.
///
/// Where fits are right, ranks are uniform, and 90 % of the central 90 % intervals hold the truth. Each fit is on one
/// thread; any number of threads gives the same. Ctrl-C keeps the simulations that are done. DIR gets
/// calibration.parquet (a row a simulation and quantity), fits.parquet, summary.parquet.
///
/// Exit codes: 0 calibrated; 1 no answer; 2 the spec or the data is wrong, or a prior is improper; 3 ranks are not
/// uniform, or fewer than 20 fits can be trusted; 130 interrupted (go on with --resume).
#[derive(Args, Debug)]
pub struct Calibrate {
    /// The model, a YAML file
    pub spec: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// The same for the model that is fitted alone: what another family, or a wrong prior, makes of the data
    #[arg(long = "fit-set", value_name = "SECTION.NAME=VALUE")]
    pub fitted: Vec<String>,
    /// How many data sets
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub simulations: u32,
    /// Folder of the results [default: calibrations/<model>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of all random numbers [default: the spec's, else 1]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
    /// Go on with the simulations of DIR, up to a number that may be larger
    #[arg(long)]
    pub resume: bool,
    #[command(flatten)]
    pub machine: Machine,
}

/// Compares models of the same data by leave-one-out cross-validation.
///
/// elpd_loo is the log density of each value given all others, summed; the best model comes first, diff is how far
/// another falls behind, se diff its standard error. Stacking weights are those of the best mixture of the models.
#[derive(Args, Debug)]
pub struct Compare {
    /// The folders of finished runs
    #[arg(required = true, num_args = 2..)]
    pub runs: Vec<PathBuf>,
    /// Write the table too: a .csv or .parquet file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `mu=3`
fn assignment(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.rsplit_once('=').ok_or("expected NAME=VALUE")?;
    let value = value.trim().parse().map_err(|_| format!("`{}` is not a number", value.trim()))?;
    Ok((name.trim().to_string(), value))
}

#[derive(Args, Debug)]
pub struct Explain {
    /// The model, a YAML file
    pub spec: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Which phase; the model where none is named
    #[arg(long, value_enum)]
    pub phase: Option<Phase>,
    #[command(flatten)]
    pub machine: Machine,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The spec as it was read
    Ast,
    /// Its core: sample, let, solve, observe
    Core,
    /// The typed model: dimensions, laws, supports
    Model,
    /// The log joint density as graph
    Graph,
    /// Value and gradient as one graph
    Grad,
    /// How value and gradient are run: passes over rows, instructions, memory
    Program,
}

#[derive(Args, Debug)]
pub struct Logdensity {
    /// The model, a YAML file
    pub spec: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// CSV or Parquet: a row a point, a column each latent element (`theta[A]`), on the scale of posterior.parquet
    #[arg(long, value_name = "FILE")]
    pub at: PathBuf,
    /// Add the unconstrained coordinates (u:name) and the gradient of the unconstrained log density, Jacobian
    /// included (g:name)
    #[arg(long)]
    pub gradient: bool,
    #[command(flatten)]
    pub machine: Machine,
}

#[derive(Args, Debug)]
pub struct New {
    /// What kind of model; without it, the kinds are listed
    pub kind: Option<String>,
    /// Folder to write into [default: ./<kind>]
    pub dir: Option<PathBuf>,
}
