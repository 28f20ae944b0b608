//! How to solve: method, tolerances, budget, and how to differentiate.

use numerics::simd::Isa;

use crate::error::OdeError;

/// The integrators, by their names in a specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// Explicit Runge-Kutta of order 5, eight lanes at once: non-stiff systems.
    Tsit5,
    /// The same method by diffsol, one system at a time: an independent check of `Tsit5`. Not a
    /// word of the specification.
    DiffsolTsit45,
    /// Implicit Runge-Kutta of order 2 (diffsol): moderately stiff, rough tolerances.
    TrBdf2,
    /// Implicit Runge-Kutta of order 3 (diffsol): moderately stiff.
    Esdirk34,
    /// Backward differentiation formulas of order 1 to 5 (diffsol): stiff systems.
    Bdf,
    /// Exact for linear systems with constant coefficients; refused for others.
    MatrixExponential,
    /// `Tsit5`; a lane found stiff is solved again from its start, by `MatrixExponential` where
    /// the system is linear and by `Bdf` otherwise. The choice is made lane by lane from that
    /// lane's own steps, so it does not depend on its neighbours, on the machine or the clock.
    Auto,
}

/// How the derivatives of a solution are computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sensitivity {
    /// Tangents are integrated with the states; cost grows with their number.
    Forward,
    /// A reverse sweep over the stored steps; cost does not grow with the number of parameters.
    Adjoint,
    /// Forward up to [`FORWARD_UP_TO`] tangents, the reverse sweep above.
    Auto,
}

/// Tangents (parameters and initial states counted) up to which forward is the cheaper one for
/// small systems; measured in both directions, equal at four.
pub const FORWARD_UP_TO: usize = 4;

/// How to solve one system.
#[derive(Clone, PartialEq, Debug)]
pub struct SolverOptions {
    pub method: Method,
    /// Error allowed relative to each state, in (0, 0.1].
    pub rtol: f64,
    /// Error allowed in absolute terms, in units of the states; positive.
    pub atol: f64,
    pub sensitivity: Sensitivity,
    /// When the initial state holds.
    pub start: f64,
    /// Steps tried (accepted or not) before a lane is given up.
    pub max_steps: usize,
    /// Which initial states to differentiate with respect to; `None`: all. An initial state that
    /// is a constant costs no tangent when it is left out.
    pub active_y0: Option<Vec<bool>>,
    /// Which parameters to differentiate with respect to; `None`: all.
    pub active_p: Option<Vec<bool>>,
    /// The instruction set to run on; `None`: the best of this machine.
    pub isa: Option<Isa>,
}

impl Default for SolverOptions {
    /// `auto` with rtol 1e-8, atol 1e-10 from time 0, 100,000 steps.
    fn default() -> Self {
        SolverOptions {
            method: Method::Auto,
            rtol: 1e-8,
            atol: 1e-10,
            sensitivity: Sensitivity::Auto,
            start: 0.0,
            max_steps: 100_000,
            active_y0: None,
            active_p: None,
            isa: None,
        }
    }
}

impl SolverOptions {
    /// The positions that are switched on, after checking every option.
    pub(crate) fn check(&self, ode: &str, n: usize, m: usize) -> Result<(Vec<usize>, Vec<usize>), OdeError> {
        let bad = |option, expected, found: String| {
            Err(OdeError::BadOption { ode: ode.into(), option, expected, found })
        };
        if !(self.rtol > 0.0 && self.rtol <= 0.1) {
            return bad("rtol", "in (0, 0.1]", self.rtol.to_string());
        }
        if !(self.atol > 0.0 && self.atol.is_finite()) {
            return bad("atol", "positive", self.atol.to_string());
        }
        if !self.start.is_finite() {
            return bad("start", "finite", self.start.to_string());
        }
        if self.max_steps == 0 {
            return bad("max_steps", "positive", "0".into());
        }
        if let Some(isa) = self.isa
            && !isa.is_available()
        {
            return bad("isa", "one of this machine's instruction sets", isa.to_string());
        }
        let positions = |flags: &Option<Vec<bool>>, what, expected| match flags {
            None => Ok((0..expected).collect()),
            Some(f) if f.len() == expected => Ok((0..expected).filter(|&i| f[i]).collect()),
            Some(f) => Err(OdeError::WrongLength { ode: ode.into(), what, expected, found: f.len() }),
        };
        Ok((positions(&self.active_p, "active_p", m)?, positions(&self.active_y0, "active_y0", n)?))
    }

    /// Whether `n_tangents` derivatives are better computed by the reverse sweep.
    pub fn prefers_adjoint(&self, n_tangents: usize) -> bool {
        match self.sensitivity {
            Sensitivity::Forward => false,
            Sensitivity::Adjoint => true,
            Sensitivity::Auto => n_tangents > FORWARD_UP_TO,
        }
    }
}
