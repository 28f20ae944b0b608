//! Beta: a proportion.

use graph::log_tail::Law;
use numerics::incomplete::beta::{Proportion, implicit};

use crate::prelude::*;

#[derive(Debug)]
pub struct Beta;

const SLOTS: &[Slot] = &[
    Slot::required(&[Parameter::new("a", Domain::Positive).finite_outside()]),
    Slot::required(&[Parameter::new("b", Domain::Positive).finite_outside()]),
];

impl Distribution for Beta {
    fn name(&self) -> &'static str {
        "beta"
    }
    fn doc(&self) -> &'static str {
        "A proportion: as if a - 1 successes and b - 1 failures had been seen, mean a/(a + b)."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        Support::UNIT
    }
    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x) && x > 0.0 && x < 1.0
    }

    /// (a - 1) ln x + (b - 1) ln(1 - x) - ln B(a, b). Where x is the sigmoid of a latent, both
    /// logarithms are softplus terms and keep their digits at either end.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let (a, b) = (params.at(0), params.at(1));
        let y = emit::complement(g, x);
        let (ln_x, ln_y) = (emit::ln(g, x), emit::ln(g, y));
        if emit::follows_mean(g, x, &[a, b]) {
            let sum = g.add(a, b);
            let left = emit::about_mean(g, (x, ln_x), a, sum);
            let right = emit::about_mean(g, (y, ln_y), b, sum);
            let [root_a, root_b, root] = [a, b, sum].map(|shape| emit::ln_root(g, shape));
            let (kernel, roots) = (g.add(left, right), g.add(root_a, root_b));
            let roots = g.sub(roots, root);
            let density = g.add(kernel, roots);
            return Ok(emit::within(g, x, Support::UNIT, density));
        }
        let norm = emit::ln_beta(g, a, b);
        let (a1, b1) = (g.add_const(a, -1.0), g.add_const(b, -1.0));
        let (left, right) = (g.mul(a1, ln_x), g.mul(b1, ln_y));
        let kernel = g.add(left, right);
        let density = g.sub(kernel, norm);
        Ok(emit::within(g, x, Support::UNIT, density))
    }

    /// By the log odds of x, whose two logarithms keep their digits as those of the density do.
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let (a, b) = (params.at(0), params.at(1));
        let y = emit::complement(g, x);
        let (ln_x, ln_y) = (emit::ln(g, x), emit::ln(g, y));
        let (w, minus) = (g.sub(ln_x, ln_y), g.sub(ln_y, ln_x));
        let log_cdf = emit::log_tail(g, Law::Beta, &[a, b, w]);
        Some(Tails { log_cdf, log_survival: emit::log_tail(g, Law::Beta, &[b, a, minus]) })
    }

    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        let y = 1.0 - x;
        let (da, db) = implicit(params.at(0), params.at(1), Proportion::new(x, y));
        Some(vec![x * y * da, x * y * db])
    }

    /// On the log scale, so that beta(0.001, 0.001) has its two ends, and not a half.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (ln_x, _) = random::ln_beta(params.at(0), params.at(1), uniforms);
        Ok(ln_x.exp().clamp(f64::MIN_POSITIVE, 1.0 - 0.5 * f64::EPSILON))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        let (a, b) = (params.at(0), params.at(1));
        Some(a / (a + b))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let (a, b) = (params.at(0), params.at(1));
        Some(a * b / ((a + b).powi(2) * (a + b + 1.0)))
    }
}
