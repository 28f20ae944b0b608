//! Wishart and its inverse: positive definite matrices.

use crate::bijectors::factor;
use crate::matrix;
use crate::prelude::*;

#[derive(Debug)]
pub struct Wishart;

#[derive(Debug)]
pub struct InverseWishart;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("df", Domain::Positive)]),
    Slot::required(&[
        Parameter::new("scale", Domain::PositiveDefinite).shaped(Shape::Square),
        Parameter::new("cholesky", Domain::CholeskyFactor).shaped(Shape::Square),
    ]),
];

const CHOLESKY: usize = 1;

/// What both densities are made of: n, df, ln det of value and scale, the trace, where the factors are
/// good.
struct Parts {
    n: NodeId,
    df: NodeId,
    ln_det_x: NodeId,
    ln_det_scale: NodeId,
    trace: NodeId,
    factors: [NodeId; 2],
    dims: (DimId, DimId),
}

impl Parts {
    /// The trace of S^-1 X = |C^-1 L|^2 where X = L L' and S = C C'; of X^-1 S the other way round.
    fn of(
        g: &mut Graph,
        distribution: &'static str,
        params: &Params<NodeId>,
        x: NodeId,
        inverse: bool,
    ) -> Result<Parts, DistributionError> {
        let (df, given) = (params.at(0), params.given(1).expect("a required slot"));
        let (row, col) = (params.event()[0], params.event()[1]);
        let name = SLOTS[1].alternatives[given.alternative].name;
        let scale = matrix::square(g, distribution, name, given.value, (row, col))?;
        let c = if given.alternative == CHOLESKY { scale } else { factor(g, scale, row, col) };
        let l = factor(g, x, row, col);
        let mut ln_det = |f: NodeId| {
            let ln = matrix::ln_diagonal(g, f, row, col);
            let sum = g.sum(ln, &[row]);
            g.scale(2.0, sum)
        };
        let (ln_det_x, ln_det_scale) = (ln_det(l), ln_det(c));
        let (under, over) = if inverse { (l, c) } else { (c, l) };
        // The lower triangle alone: a factor that is given may have anything above it.
        let (i, j, zero) = (g.iota(row), g.iota(col), g.constant(0.0));
        let above = g.binary(graph::ir::Binary::Lt, i, j);
        let over = g.select(above, zero, over);
        let other = g.prime(col);
        let over = g.rename(over, &[(col, other)]);
        let m = g.tri_solve(under, over, row, col, false);
        let square = g.square(m);
        let trace = g.sum(square, &[row, other]);
        let n = g.size(row);
        Ok(Parts { n, df, ln_det_x, ln_det_scale, trace, factors: [l, c], dims: (row, col) })
    }

    /// a ln det X + b ln det S - trace / 2 - df n ln(2) / 2 - ln Gamma_n(df / 2)
    fn density(
        self,
        g: &mut Graph,
        distribution: &'static str,
        a: NodeId,
        b: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (of_x, of_scale) = (g.mul(a, self.ln_det_x), g.mul(b, self.ln_det_scale));
        let half_trace = g.scale(0.5, self.trace);
        let half_df = g.scale(0.5, self.df);
        let gamma = matrix::ln_multigamma(g, half_df, self.dims.0);
        let size = g.mul(half_df, self.n);
        let twos = g.scale(std::f64::consts::LN_2, size);
        let norm = g.add(gamma, twos);
        let dets = g.add(of_x, of_scale);
        let rest = g.add(half_trace, norm);
        let mut density = g.sub(dets, rest);
        for f in self.factors {
            density = matrix::where_definite(g, f, self.dims, density);
        }
        matrix::enough_degrees(g, distribution, self.df, self.dims.0, density)
    }
}

/// Symmetric and positive definite.
fn observable(x: &[f64]) -> bool {
    Domain::PositiveDefinite.holds(x)
}

/// The factor of the scale, and Bartlett's lower factor A of a Wishart matrix of identity scale: below
/// the diagonal normal numbers, on it roots of chi-squares of df, df - 1, ..
///
/// Source: R. J. Muirhead, Aspects of Multivariate Statistical Theory (1982), theorem 3.2.14.
fn bartlett(
    distribution: &'static str,
    params: &Params<&[f64]>,
    uniforms: &mut Uniforms<'_>,
    n: usize,
) -> Result<(Vec<f64>, Vec<f64>), DistributionError> {
    let (df, given) = (params.at(0)[0], params.given(1).expect("a required slot"));
    let parameter = SLOTS[1].alternatives[given.alternative].name;
    let c = match given.alternative {
        CHOLESKY => {
            let mut c = given.value.to_vec();
            (0..n).for_each(|i| c[i * n + i + 1..(i + 1) * n].fill(0.0));
            c
        }
        _ => matrix::cholesky(given.value, n)
            .ok_or(DistributionError::Indefinite { distribution, parameter })?,
    };
    if df <= n as f64 - 1.0 {
        return Err(DistributionError::DegreesOfFreedom { distribution, size: n, found: df });
    }
    let mut a = vec![0.0; n * n];
    for i in 0..n {
        a[i * n..i * n + i].fill_with(|| random::standard_normal(uniforms));
        let ln_half_chi_square = random::ln_gamma(0.5 * (df - i as f64), uniforms);
        a[i * n + i] = random::positive((0.5 * (ln_half_chi_square + std::f64::consts::LN_2)).exp());
    }
    Ok((c, a))
}

/// M' M of the columns given one after the other.
fn gram(columns: &[f64], n: usize, out: &mut [f64]) {
    for i in 0..n {
        for j in 0..n {
            let (a, b) = (&columns[i * n..(i + 1) * n], &columns[j * n..(j + 1) * n]);
            out[i * n + j] = a.iter().zip(b).map(|(a, b)| a * b).sum();
        }
    }
}

impl Distribution for Wishart {
    fn name(&self) -> &'static str {
        "wishart"
    }
    fn doc(&self) -> &'static str {
        "The scatter of df normal vectors with covariance `scale`, or its lower factor; mean df scale."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Matrix
    }
    fn widest_support(&self) -> Support {
        Support::PositiveDefinite
    }
    fn observable_value(&self, _: &Params<Option<&[f64]>>, x: &[f64]) -> bool {
        observable(x)
    }

    /// (df - n - 1) / 2 ln det X - df / 2 ln det S - tr(S^-1 X) / 2 - df n / 2 ln 2 - ln Gamma_n(df / 2):
    /// the density of the lower triangle.
    ///
    /// Source: R. J. Muirhead, Aspects of Multivariate Statistical Theory (1982), theorem 3.2.1.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let parts = Parts::of(g, self.name(), params, x, false)?;
        let more = g.add_const(parts.n, 1.0);
        let excess = g.sub(parts.df, more);
        let (of_x, of_scale) = (g.scale(0.5, excess), g.scale(-0.5, parts.df));
        parts.density(g, self.name(), of_x, of_scale)
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: self.name(), why: "a value is a matrix" })
    }
    /// (C A) (C A)'.
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let n = matrix::side(out.len());
        let (c, a) = bartlett(self.name(), params, uniforms, n)?;
        // The rows of C A, which are the columns of its transpose.
        let mut rows = vec![0.0; n * n];
        for (i, row) in rows.chunks_exact_mut(n).enumerate() {
            for (j, x) in row.iter_mut().enumerate() {
                *x = (j..=i).map(|k| c[i * n + k] * a[k * n + j]).sum();
            }
        }
        gram(&rows, n, out);
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

impl Distribution for InverseWishart {
    fn name(&self) -> &'static str {
        "inverse_wishart"
    }
    fn doc(&self) -> &'static str {
        "The inverse of a wishart(df, inverse of scale): a covariance, mean scale / (df - n - 1)."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Matrix
    }
    fn widest_support(&self) -> Support {
        Support::PositiveDefinite
    }
    fn observable_value(&self, _: &Params<Option<&[f64]>>, x: &[f64]) -> bool {
        observable(x)
    }

    /// df / 2 ln det S - (df + n + 1) / 2 ln det X - tr(S X^-1) / 2 - df n / 2 ln 2 - ln Gamma_n(df / 2):
    /// the density of the lower triangle.
    ///
    /// Source: A. K. Gupta and D. K. Nagar, Matrix Variate Distributions (2000), definition 3.4.1.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let parts = Parts::of(g, self.name(), params, x, true)?;
        let more = g.add_const(parts.n, 1.0);
        let sum = g.add(parts.df, more);
        let (of_x, of_scale) = (g.scale(-0.5, sum), g.scale(0.5, parts.df));
        parts.density(g, self.name(), of_x, of_scale)
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: self.name(), why: "a value is a matrix" })
    }
    /// (A^-1 C')' (A^-1 C'): the inverse of a matrix of the inverse scale C^-T C^-1.
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let n = matrix::side(out.len());
        let (c, a) = bartlett(self.name(), params, uniforms, n)?;
        // The columns of C' are the rows of C.
        let mut columns = c;
        columns.chunks_exact_mut(n).for_each(|column| matrix::solve(&a, column));
        gram(&columns, n, out);
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}
