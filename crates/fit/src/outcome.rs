//! How a command ends: exit codes, and problems as the user reads them.

use std::fmt;
use std::io::Write;
use std::path::Path;

use spec_compiler::{Diagnostic, Source};

use crate::cli;

pub const OK: u8 = 0;
pub const FAILED: u8 = 1;
pub const WRONG_INPUT: u8 = 2;
pub const UNRELIABLE: u8 = 3;
pub const INTERRUPTED: u8 = 130;

/// Why a command ended early, ready to print.
#[derive(Debug)]
pub struct Problem {
    pub code: u8,
    text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl Problem {
    /// The spec, the data or the command is wrong.
    pub fn input(message: impl fmt::Display) -> Problem {
        Problem { code: WRONG_INPUT, text: format!("error: {message}") }
    }

    /// No answer, for no fault of the input's form.
    pub fn failed(message: impl fmt::Display) -> Problem {
        Problem { code: FAILED, text: format!("error: {message}") }
    }

    pub fn interrupted(message: impl fmt::Display) -> Problem {
        Problem { code: INTERRUPTED, text: message.to_string() }
    }

    /// Mistakes in a spec, each with its place.
    pub fn mistakes(found: &[Diagnostic], source: &Source) -> Problem {
        let n = found.len();
        let count = if n == 1 { "1 mistake".to_string() } else { format!("{n} mistakes") };
        Problem {
            code: WRONG_INPUT,
            text: format!("{}\n{count} in {}", spec_compiler::render(found, source), source.name()),
        }
    }
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no failure.
pub fn say(text: impl fmt::Display) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Problem::failed(format!("cannot write to standard output: {e}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error. That nobody reads it is no failure.
pub fn tell(text: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What is wrong with the first word of a command line that is neither a command nor a file, but looks like one.
pub fn no_command(word: &Path) -> Option<Problem> {
    let name = word.to_string_lossy();
    let is_bare =
        word.extension().is_none() && !name.contains(std::path::MAIN_SEPARATOR) && !name.starts_with('-');
    let commands = [
        "calibrate",
        "check",
        "compare",
        "explain",
        "logdensity",
        "new",
        "predict",
        "schema",
        "simulate",
        "help",
    ];
    if word.exists() || !is_bare || commands.contains(&&*name) {
        return None;
    }
    let near = spec_compiler::nearest::nearest(&name, commands);
    let help = match near.first() {
        Some(c) => format!("did you mean `fit {c}`?"),
        None => format!("commands are {}; a spec is a YAML file", commands.join(", ")),
    };
    Some(Problem::input(format!("`{name}` is neither a command nor a file\n  help: {help}")))
}

/// Reads a spec with all that it includes, and its overrides; a name that is no file but nearly a command is told so.
pub fn read_spec(path: &Path, overrides: &cli::Overrides) -> Result<Source, Problem> {
    if let Some(problem) = no_command(path) {
        return Err(problem);
    }
    let source = spec_compiler::include::read(path).map_err(Problem::input)?;
    // A path on the command line is one from here.
    let here = std::env::current_dir().map_err(Problem::input)?;
    source.with_overrides(&overrides.set, &here).map_err(Problem::input)
}
