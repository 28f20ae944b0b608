//! Bernoulli: yes (1) or no (0).

use graph::ir::Varies;
use numerics::special::sigmoid;

use crate::prelude::*;
use crate::range::takes_single_values;

#[derive(Debug)]
pub struct Bernoulli;

const SLOTS: &[Slot] = &[Slot::required(&[
    Parameter::new("p", Domain::Unit).finite_outside(),
    Parameter::new("logit", Domain::Real),
])];

const SUPPORT: Support = Support::Integers { lower: 0.0, upper: 1.0 };

impl Distribution for Bernoulli {
    fn name(&self) -> &'static str {
        "bernoulli"
    }
    fn doc(&self) -> &'static str {
        "Yes (1) or no (0), by the probability of yes or its log-odds."
    }
    fn slots(&self) -> &'static [Slot] {
        SLOTS
    }
    fn widest_support(&self) -> Support {
        SUPPORT
    }

    /// By logit l: x l - ln(1 + e^l), so that the sum over rows of x l is a product with data.
    /// By p: ln p where x is 1, ln(1 - p) where it is 0; for a p that is one number for all rows,
    /// x ln p + (1 - x) ln(1 - p), which sums x beforehand.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let given = params.given(0).expect("required");
        let density = if given.alternative == 1 {
            let (taken, norm) = (g.mul(x, given.value), g.softplus(given.value));
            g.sub(taken, norm)
        } else {
            let p = given.value;
            let q = emit::complement(g, p);
            if g.varies(p) != Varies::Data && g.ty(p).dims.is_empty() && !takes_single_values(g, p) {
                let no = emit::complement(g, x);
                let (yes, no) = (emit::x_ln_y(g, x, p), emit::x_ln_y(g, no, q));
                g.add(yes, no)
            } else {
                let (ln_p, ln_q) = (emit::ln_or_never(g, p), emit::ln_or_never(g, q));
                g.select(x, ln_p, ln_q)
            }
        };
        Ok(emit::within(g, x, SUPPORT, density))
    }

    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        Ok(f64::from(uniforms() < probability(params)))
    }

    fn mean(&self, params: &Params<f64>) -> Option<f64> {
        Some(probability(params))
    }
    fn variance(&self, params: &Params<f64>) -> Option<f64> {
        let p = probability(params);
        Some(p * (1.0 - p))
    }
}

fn probability(params: &Params<f64>) -> f64 {
    let given = params.given(0).expect("required");
    if given.alternative == 1 { sigmoid(given.value) } else { given.value }
}
