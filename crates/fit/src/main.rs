//! `fit`: one YAML file in, a posterior out. The command line, thin: a driver to read aloud.

mod calibration;
mod centring;
mod cli;
mod commands;
mod criticism;
mod data;
mod journal;
mod outcome;
mod prior;
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
            // `fit chek model.yaml`: a spec is not followed by another word.
            let first = std::env::args_os().nth(1).filter(|_| e.use_stderr());
            if let Some(problem) = first.and_then(|word| outcome::no_command(word.as_ref())) {
                outcome::tell(&problem);
                return ExitCode::from(code);
            }
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    let done = match cli.command {
        Some(cli::Command::Check(args)) => commands::check::run(&args),
        Some(cli::Command::Calibrate(args)) => commands::calibrate::run(&args),
        Some(cli::Command::Compare(args)) => commands::compare::run(&args),
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
            outcome::tell(&problem);
            ExitCode::from(problem.code)
        }
    }
}
