//! The seam between solvers and models: a right-hand side with its derivatives, eight lanes at once.

use std::any::Any;
use std::fmt::Debug;

/// `dy/dt = f(t, y, p)` for `n` states and `m` parameters, evaluated on tiles of eight lanes.
///
/// A tile is `[row][8]`, 64-byte aligned. The input tile `x` holds the rows `p (m)`, `t (1)`,
/// `y (n)`, and for [`vjp`](Rhs::vjp) the cotangents of `f` (n). No lane may depend on another.
/// Derivatives with respect to parameters are taken for [`active`](Rhs::active) ones only.
pub trait Rhs: Debug + Send + Sync {
    fn name(&self) -> &str;

    fn n_states(&self) -> usize;

    fn n_params(&self) -> usize;

    /// The parameters with derivatives, ascending.
    fn active(&self) -> &[usize];

    /// Where the derivatives may be non-zero.
    fn pattern(&self) -> &Pattern;

    /// Scratch memory for one thread, handed back at every evaluation.
    fn workspace(&self) -> Box<dyn Any + Send>;

    /// `out = f`, n rows.
    fn rhs(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]);

    /// `out` = f (n rows), then the entries of `df/dy` and of `df/dp` in the pattern's order.
    fn jacobian(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]);

    /// `out` = cotangents of y (n rows), then of the active parameters.
    fn vjp(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]);

    /// The compiled programs in stable text, where there are any.
    fn explain(&self) -> String {
        String::new()
    }

    /// `Some` if f is affine in y with coefficients free of t and y, and f is free of t: what the
    /// matrix exponential needs.
    fn linear(&self) -> Option<&dyn LinearRhs> {
        None
    }
}

/// Derivatives of the coefficients of a system `f = A(p) y + b(p)`.
pub trait LinearRhs {
    /// The non-zero derivatives `dA[row, col] / dp[active[k]]`, as `(row, col, k)`.
    fn coefficient_pattern(&self) -> &[(usize, usize, usize)];

    /// Their values, a row each; `x` as in [`Rhs`] (t and y do not matter).
    fn coefficient_derivatives(&self, ws: &mut dyn Any, x: &[f64], out: &mut [f64]);
}

/// The non-zeros of `df/dy` and `df/dp`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pattern {
    /// `(row, column)`, ascending.
    pub states: Vec<(usize, usize)>,
    /// `(row, position in Rhs::active)`, ascending.
    pub params: Vec<(usize, usize)>,
}

impl Pattern {
    /// Rows that [`Rhs::jacobian`] writes for `n` states.
    pub fn output_rows(&self, n: usize) -> usize {
        n + self.states.len() + self.params.len()
    }
}
