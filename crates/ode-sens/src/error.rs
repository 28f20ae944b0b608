//! What can go wrong: with a problem as a whole ([`OdeError`]), and with one lane ([`Failure`]).

use std::fmt;

/// The problem cannot be solved as posed, whatever the parameters.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum OdeError {
    /// A time at which the solution is wanted lies before the start.
    #[error("ode {ode}: the solution is wanted at {time}, before its start at {start}")]
    TimeBeforeStart { ode: String, time: f64, start: f64 },
    /// A time at which the solution is wanted is NaN or infinite.
    #[error("ode {ode}: the solution is wanted at {time}, which is not a finite time")]
    TimeNotFinite { ode: String, time: f64 },
    /// An argument has the wrong number of elements.
    #[error("ode {ode}: {what} needs {expected} elements, found {found}")]
    WrongLength { ode: String, what: &'static str, expected: usize, found: usize },
    /// An option is outside its domain.
    #[error("ode {ode}: {option} must be {expected}, found {found}")]
    BadOption { ode: String, option: &'static str, expected: &'static str, found: String },
    /// `matrix_exponential` was asked for, but the system is not linear with constant coefficients.
    #[error("ode {ode}: matrix_exponential needs rates that are affine in the states and free of time")]
    NotLinear { ode: String },
    /// The system's graph does not have the shape of a right-hand side.
    #[error("ode {ode}: {what}")]
    Malformed { ode: String, what: String },
}

/// Why one lane has no solution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// As many steps were tried as [`SolverOptions::max_steps`](crate::SolverOptions) allows.
    BudgetExhausted { steps: usize },
    /// The step size fell to the spacing of floating-point times: the solution blows up, jumps, or
    /// the right-hand side is not finite ahead.
    StepTooSmall,
    /// The rates, or the initial state, are NaN or infinite at the start.
    NotFiniteAtStart,
    /// The solver claimed success with a NaN or infinite state.
    NotFinite,
    /// Newton's iteration, or a linear solve, of an implicit method did not converge.
    NoConvergence,
}

/// One lane's failure: what the parameters were, and where the solution stopped.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// The lane within the call.
    pub lane: usize,
    pub reason: Reason,
    /// The last time reached.
    pub time: f64,
    /// The state there.
    pub state: Vec<f64>,
    /// Where the solution started.
    pub initial: Vec<f64>,
    pub params: Vec<f64>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::BudgetExhausted { steps } => write!(f, "step budget of {steps} exhausted")?,
            Reason::StepTooSmall => write!(f, "step size fell to zero")?,
            Reason::NotFiniteAtStart => write!(f, "rates not finite at the start")?,
            Reason::NotFinite => write!(f, "state not finite")?,
            Reason::NoConvergence => write!(f, "implicit step did not converge")?,
        }
        let (y, y0) = (numbers(&self.state), numbers(&self.initial));
        write!(f, " at t = {} (y = {y}) from y0 = {y0}", number(self.time))?;
        if self.params.is_empty() { Ok(()) } else { write!(f, " with p = {}", numbers(&self.params)) }
    }
}

/// At most eight numbers, six digits each.
pub(crate) fn numbers(x: &[f64]) -> String {
    const SHOWN: usize = 8;
    let mut s: Vec<String> = x.iter().take(SHOWN).map(|&v| number(v)).collect();
    if x.len() > SHOWN {
        s.push(format!("... {} more", x.len() - SHOWN));
    }
    format!("[{}]", s.join(", "))
}

/// Six significant digits, without trailing zeros.
fn number(x: f64) -> String {
    let a = x.abs();
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    if !(1e-4..1e7).contains(&a) {
        return format!("{:e}", format!("{x:.5e}").parse::<f64>().unwrap_or(x));
    }
    let digits = (5 - a.log10().floor() as i32).max(0) as usize;
    let s = format!("{x:.digits$}");
    if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').into() } else { s }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_one_sentence() {
        let f = Failure {
            lane: 3,
            reason: Reason::BudgetExhausted { steps: 100_000 },
            time: 3.2,
            state: vec![0.333333333, 1.25e9, -0.0, f64::NAN],
            initial: vec![1.0],
            params: vec![2.0; 10],
        };
        assert_eq!(
            f.to_string(),
            "step budget of 100000 exhausted at t = 3.2 (y = [0.333333, 1.25e9, -0, NaN]) \
             from y0 = [1] with p = [2, 2, 2, 2, 2, 2, 2, 2, ... 2 more]"
        );
    }
}
