//! Tails of laws whose integrals have no closed form, on the log scale: what each op means, its
//! derivatives, and its words.
//!
//! | law | arguments | value |
//! |---|---|---|
//! | `GammaP` | a, x | ln P(a, x), the cdf of gamma(a, 1) at x |
//! | `GammaQ` | a, x | ln Q(a, x) = ln(1 - P) |
//! | `Beta` | a, b, w | ln of the cdf of beta(a, b) at the proportion of log odds w; its upper tail is (b, a, -w) |
//! | `StudentT` | nu, z | ln of the cdf of Student's t at z; its upper tail is (nu, -z) |
//!
//! A derivative by any argument is an op of the same family, computed by `numerics::incomplete`; that
//! of such a derivative is written where it closes: whenever one of the two arguments is the point, for
//! there the derivative is a density. By two shapes it is refused by name.
//!
//! Arguments outside a law's domain give NaN; at the ends of the support the value is its limit. Relative
//! errors are below 1e-12 (values) and 1e-11 (first derivatives).

use numerics::incomplete::beta::{self, Proportion};
use numerics::incomplete::{gamma, student_t};

use crate::derivative::AdError;
use crate::ir::{Graph, NodeId, Op, Unary};

/// Whose tail it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Law {
    GammaP,
    GammaQ,
    Beta,
    StudentT,
}

/// A tail, or its derivative by one of its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LogTail {
    pub law: Law,
    pub by: Option<usize>,
}

const fn op(law: Law, by: Option<usize>) -> LogTail {
    LogTail { law, by }
}

/// Every op of the family with its word.
pub const LOG_TAILS: [(LogTail, &str); 13] = [
    (op(Law::GammaP, None), "log_gamma_p"),
    (op(Law::GammaP, Some(0)), "log_gamma_p_da"),
    (op(Law::GammaP, Some(1)), "log_gamma_p_dx"),
    (op(Law::GammaQ, None), "log_gamma_q"),
    (op(Law::GammaQ, Some(0)), "log_gamma_q_da"),
    (op(Law::GammaQ, Some(1)), "log_gamma_q_dx"),
    (op(Law::Beta, None), "log_beta_cdf"),
    (op(Law::Beta, Some(0)), "log_beta_cdf_da"),
    (op(Law::Beta, Some(1)), "log_beta_cdf_db"),
    (op(Law::Beta, Some(2)), "log_beta_cdf_dw"),
    (op(Law::StudentT, None), "log_student_t_cdf"),
    (op(Law::StudentT, Some(0)), "log_student_t_cdf_dnu"),
    (op(Law::StudentT, Some(1)), "log_student_t_cdf_dz"),
];

impl Law {
    /// How many arguments: the shapes, then the point.
    pub fn arity(self) -> usize {
        match self {
            Law::GammaP | Law::GammaQ | Law::StudentT => 2,
            Law::Beta => 3,
        }
    }
}

impl LogTail {
    pub fn arity(self) -> usize {
        self.law.arity()
    }

    /// Its place in [`LOG_TAILS`].
    pub fn index(self) -> usize {
        LOG_TAILS.iter().position(|(t, _)| *t == self).expect("the table has every argument of every law")
    }

    pub fn word(self) -> &'static str {
        LOG_TAILS[self.index()].1
    }

    /// Its value; the last of `x` counts for laws of three arguments only.
    pub fn value(self, x: [f64; 3]) -> f64 {
        match (self.law, self.by) {
            (Law::GammaP, None) => gamma::tails(x[0], x[1]).ln_p,
            (Law::GammaP, Some(0)) => gamma::d_ln_p(x[0], x[1]),
            (Law::GammaP, Some(_)) => gamma::tails(x[0], x[1]).rate_p / x[1],
            (Law::GammaQ, None) => gamma::tails(x[0], x[1]).ln_q,
            (Law::GammaQ, Some(0)) => gamma::d_ln_q(x[0], x[1]),
            // Times an x of 0, as the derivative by a rate is, it is 0 also where the density is infinite.
            (Law::GammaQ, Some(_)) if x[1] == 0.0 && x[0] > 0.0 => 0.0,
            (Law::GammaQ, Some(_)) if x[1] == f64::INFINITY => -1.0,
            (Law::GammaQ, Some(_)) => -gamma::tails(x[0], x[1]).rate_q / x[1],
            (Law::Beta, None) => beta::tails(x[0], x[1], Proportion::from_ln_odds(x[2])).ln_p,
            (Law::Beta, Some(0)) => beta::d_ln_p(x[0], x[1], Proportion::from_ln_odds(x[2])).0,
            (Law::Beta, Some(1)) => beta::d_ln_p(x[0], x[1], Proportion::from_ln_odds(x[2])).1,
            (Law::Beta, Some(_)) => beta::tails(x[0], x[1], Proportion::from_ln_odds(x[2])).rate_p,
            (Law::StudentT, None) => student_t::ln_cdf(x[0], x[1]).0,
            (Law::StudentT, Some(0)) => student_t::d_ln_cdf(x[0], x[1]),
            (Law::StudentT, Some(_)) => student_t::ln_cdf(x[0], x[1]).1,
        }
    }
}

impl Graph {
    /// `law` of its shapes and the point, or its derivative.
    pub fn log_tail(&mut self, tail: LogTail, args: &[NodeId]) -> NodeId {
        let constants: Option<Vec<f64>> = args.iter().map(|&a| self.as_const(a)).collect();
        if let Some(x) = constants {
            let x = std::array::from_fn(|k| x.get(k).copied().unwrap_or(0.0));
            return self.constant(tail.value(x));
        }
        self.push(Op::LogTail(tail), args).expect("a law has its arguments")
    }
}

/// d tail / d args[k] as graph.
pub(crate) fn derivative(g: &mut Graph, tail: LogTail, args: &[NodeId], k: usize) -> Result<NodeId, AdError> {
    let (law, point) = (tail.law, tail.arity() - 1);
    let Some(by) = tail.by else { return Ok(g.log_tail(op(law, Some(k)), args)) };
    let shape = match (by == point, k == point) {
        (true, true) => None,
        (true, false) => Some(k),
        (false, true) => Some(by),
        (false, false) => return Err(AdError::NoRule { op: tail.word().into(), origin: g.origin }),
    };
    // With T the tail and h = T'/T its derivative by the point, where T' is plus or minus the density:
    // dh = h (d ln T' - d ln T).
    let h = g.log_tail(op(law, Some(point)), args);
    let log_density = match shape {
        None => d_log_density_by_point(g, law, args),
        Some(s) => score(g, law, args, s),
    };
    let log_tail = match shape {
        None => h,
        Some(s) => g.log_tail(op(law, Some(s)), args),
    };
    let difference = g.sub(log_density, log_tail);
    Ok(g.mul(h, difference))
}

/// d ln p / d point.
fn d_log_density_by_point(g: &mut Graph, law: Law, args: &[NodeId]) -> NodeId {
    match law {
        Law::GammaP | Law::GammaQ => {
            // (a - 1)/x - 1
            let less = g.add_const(args[0], -1.0);
            let ratio = g.div(less, args[1]);
            g.add_const(ratio, -1.0)
        }
        Law::Beta => {
            // a (1 - x) - b x
            let (a, b, w) = (args[0], args[1], args[2]);
            let minus = g.neg(w);
            let (x, y) = (g.unary(Unary::Sigmoid, w), g.unary(Unary::Sigmoid, minus));
            let (up, down) = (g.mul(a, y), g.mul(b, x));
            g.sub(up, down)
        }
        Law::StudentT => {
            // -(nu + 1) z / (nu + z^2)
            let (nu, z) = (args[0], args[1]);
            let more = g.add_const(nu, 1.0);
            let top = g.mul(more, z);
            let square = g.square(z);
            let bottom = g.add(nu, square);
            let ratio = g.div(top, bottom);
            g.neg(ratio)
        }
    }
}

/// d ln p / d shape `k`.
fn score(g: &mut Graph, law: Law, args: &[NodeId], k: usize) -> NodeId {
    match law {
        Law::GammaP | Law::GammaQ => {
            // ln x - digamma(a)
            let (ln_x, psi) = (g.ln(args[1]), g.unary(Unary::Digamma, args[0]));
            g.sub(ln_x, psi)
        }
        Law::Beta => {
            // ln x - digamma(a) + digamma(a + b), of 1 - x where it is b; ln sigmoid(w) = -softplus(-w)
            let minus = g.neg(args[2]);
            let soft = g.softplus(if k == 0 { minus } else { args[2] });
            let both = g.add(args[0], args[1]);
            let (whole, own) = (g.unary(Unary::Digamma, both), g.unary(Unary::Digamma, args[k]));
            let mean = g.sub(whole, own);
            g.sub(mean, soft)
        }
        Law::StudentT => {
            // half of digamma((nu + 1)/2) - digamma(nu/2) - 1/nu - ln(1 + q) + (nu + 1)/nu q/(1 + q),
            // q = z^2/nu
            let (nu, z) = (args[0], args[1]);
            let half = g.scale(0.5, nu);
            let more = g.add_const(half, 0.5);
            let (above, below) = (g.unary(Unary::Digamma, more), g.unary(Unary::Digamma, half));
            let square = g.square(z);
            let q = g.div(square, nu);
            let log = g.log1p(q);
            let bottom = g.add(nu, square);
            let p = g.div(square, bottom);
            let less = g.add_const(p, -1.0);
            let share = g.div(less, nu);
            let sum = g.sub(above, below);
            let sum = g.add(sum, p);
            let sum = g.add(sum, share);
            let sum = g.sub(sum, log);
            g.scale(0.5, sum)
        }
    }
}
