//! Location-scale laws whose location or scale is itself unknown: a value as its location plus its scale
//! times a coordinate, so that where data say little the coordinate does not have to follow the scale.
//!
//! Source: M. I. Gorinova, D. Moore and M. D. Hoffman, Automatic reparameterisation of probabilistic
//! programs, ICML 2020, equation (2).

use graph::ir::{Binary, Graph, NodeId};
use model::Bijector;

/// y = location + scale^(1 - lambda) (u - lambda location): centred where lambda is 1, non-centred
/// where it is 0 (`None`). The value is y, or e^y.
#[derive(Clone, Debug)]
pub struct Affine {
    pub location: NodeId,
    pub scale: NodeId,
    pub lambda: Option<NodeId>,
    pub exp: bool,
}

impl Affine {
    /// scale^(1 - lambda), and 1 - lambda.
    fn stretch(&self, g: &mut Graph) -> (NodeId, Option<NodeId>) {
        let Some(lambda) = self.lambda else { return (self.scale, None) };
        let one = g.constant(1.0);
        let rest = g.sub(one, lambda);
        (g.binary(Binary::Pow, self.scale, rest), Some(rest))
    }

    fn line(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let (stretch, _) = self.stretch(g);
        let apart = match self.lambda {
            None => u,
            Some(lambda) => {
                let pulled = g.mul(lambda, self.location);
                g.sub(u, pulled)
            }
        };
        let step = g.mul(stretch, apart);
        g.add(self.location, step)
    }
}

impl Bijector for Affine {
    fn name(&self) -> String {
        "affine".into()
    }
    fn forward(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let y = self.line(g, u);
        if self.exp { g.exp(y) } else { y }
    }
    fn log_det_jac(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let ln_scale = g.ln(self.scale);
        let det = match self.stretch(g).1 {
            None => ln_scale,
            Some(rest) => g.mul(rest, ln_scale),
        };
        if !self.exp {
            return det;
        }
        let y = self.line(g, u);
        g.add(det, y)
    }
    fn inverse(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let y = if self.exp { g.ln(x) } else { x };
        let step = g.sub(y, self.location);
        let (stretch, _) = self.stretch(g);
        let apart = g.div(step, stretch);
        match self.lambda {
            None => apart,
            Some(lambda) => {
                let pulled = g.mul(lambda, self.location);
                g.add(apart, pulled)
            }
        }
    }
}
