//! `fit`: one YAML file in, a posterior out. The command line, thin: a driver to read aloud.

mod centring;
mod cli;
mod commands;
mod data;
mod outcome;
mod progress;
mod results;
mod saved;
mod summary;
mod templates;
mod texts;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no mistakes.
            let code = if e.use_stderr() { outcome::WRONG_INPUT } else { outcome::OK };
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    let done = match cli.command {
        Some(cli::Command::Check(args)) => commands::check::run(&args),
        Some(cli::Command::Explain(args)) => commands::explain::run(&args),
        Some(cli::Command::Logdensity(args)) => commands::logdensity::run(&args),
        Some(cli::Command::Simulate(args)) => commands::simulate::run(&args),
        Some(cli::Command::Predict(args)) => commands::predict::run(&args),
        Some(cli::Command::New(args)) => commands::new::run(&args),
        Some(cli::Command::Schema) => commands::schema::run(),
        None => commands::fit::run(&cli.fit),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            eprint!("{problem}");
            ExitCode::from(problem.code)
        }
    }
}
