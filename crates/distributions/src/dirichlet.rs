//! Dirichlet: proportions that sum to one.

use graph::ir::{Binary, Reduction, Varies};

use numerics::incomplete::gamma::ln_implicit;

use crate::prelude::*;
use crate::range::is_positive;

#[derive(Debug)]
pub struct Dirichlet;

const SLOTS: &[Slot] = &[Slot::required(&[Parameter::new("alpha", Domain::Positive)
    .shaped(Shape::Elementwise)
    .finite_outside()])];

/// How far the sum of observed proportions may be from one.
const ROUNDING: f64 = 1e-6;

impl Distribution for Dirichlet {
    fn name(&self) -> &'static str {
        "dirichlet"
    }
    fn doc(&self) -> &'static str {
        "Proportions: as if alpha - 1 of each kind had been seen; alpha is a number or one a kind."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn event(&self) -> Event {
        Event::Vector
    }
    fn widest_support(&self) -> Support {
        Support::Simplex
    }

    /// Where alpha is not one the density is zero or infinite at an element of zero.
    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x) && x > 0.0
    }
    fn observable_value(&self, _: &Params<Option<&[f64]>>, x: &[f64]) -> bool {
        x.iter().all(|&x| x > 0.0) && (x.iter().sum::<f64>() - 1.0).abs() <= ROUNDING
    }

    /// sum (alpha - 1) ln x + ln Gamma(sum alpha) - sum ln Gamma(alpha): the density of all elements
    /// but one.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (alpha, along) = (params.at(0), [params.event()[0]]);
        let total = g.sum(alpha, &along);
        let ln_x = g.ln(x);
        let (terms, norm) = if emit::follows_mean(g, x, &[alpha]) {
            let (each, all) = (emit::ln_root(g, alpha), emit::ln_root(g, total));
            let each = g.sum(each, &along);
            (emit::about_mean(g, (x, ln_x), alpha, total), g.sub(each, all))
        } else {
            let (each, all) = (g.lgamma(alpha), g.lgamma(total));
            let each = g.sum(each, &along);
            let less = g.add_const(alpha, -1.0);
            (g.mul(less, ln_x), g.sub(all, each))
        };
        let kernel = g.sum(terms, &along);
        let density = g.add(kernel, norm);
        // An element of zero has no density, rather than an infinite one.
        if g.varies(x) == Varies::Data || is_positive(g, x) {
            return Ok(density);
        }
        let (zero, least) = (g.constant(0.0), g.reduce(Reduction::Min, x, &along));
        let out = g.binary(Binary::Le, least, zero);
        Ok(emit::impossible_where(g, out, density))
    }

    fn sample(&self, _: &Params<f64>, _: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Err(DistributionError::NoDraws { distribution: self.name(), why: "a value is a vector" })
    }
    /// Gammas, normalised on the log scale.
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        let alpha = params.at(0);
        for (k, x) in out.iter_mut().enumerate() {
            *x = random::ln_gamma(alpha[k.min(alpha.len() - 1)], uniforms);
        }
        let top = out.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        out.iter_mut().for_each(|x| *x = (*x - top).exp());
        let total: f64 = out.iter().sum();
        out.iter_mut().for_each(|x| *x = (*x / total).max(f64::MIN_POSITIVE));
        Ok(())
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

/// `[i][j]`: the derivative of component i of a Dirichlet draw by shape j.
///
/// The draw is that of gamma(shape, 1) numbers over their sum, given by their logarithms, so that
/// those of small shapes need not be representable. Each gamma keeps its probability:
/// `dx_i/da_j = x_i ([i = j] - x_j) d ln y_j/da_j`. NaN where a shape is not positive and finite. Of
/// two lengths the shorter counts.
pub fn dirichlet_implicit(shapes: &[f64], ln_gammas: &[f64]) -> Vec<Vec<f64>> {
    let top = ln_gammas.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let y: Vec<f64> = ln_gammas.iter().zip(shapes).map(|(l, _)| (l - top).exp()).collect();
    let total: f64 = y.iter().sum();
    let moved: Vec<f64> = shapes.iter().zip(ln_gammas).map(|(&a, &l)| ln_implicit(a, l)).collect();
    // 1 - x as the sum of the others: it keeps its digits where x is nearly one.
    let others = |i: usize| y.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, y)| y).sum::<f64>();
    (0..y.len())
        .map(|i| {
            let by = |j: usize| if i == j { others(i) / total } else { -y[j] / total };
            (0..y.len()).map(|j| y[i] / total * by(j) * moved[j]).collect()
        })
        .collect()
}
