//! Centred, non-centred and between: how a latent of a location-scale law is made from its coordinate.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use distributions::Affine;
use graph::ir::{Binary, Graph, NodeId, Op, Unary, Varies};
use model::Site;

use crate::lower::Lowering;
use crate::typed::{Form, Law};

/// The parameterisation of the latents whose law's location or scale depends on other latents.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Centring {
    /// The coordinate is the value.
    #[default]
    Centred,
    /// The coordinate is standardised by location and scale.
    NonCentred,
    /// By latent: for each element 1 where centred, 0 where non-centred, or between. Latents that are
    /// not there are centred.
    Partial(BTreeMap<String, Vec<f64>>),
}

impl Lowering<'_> {
    /// Gives a site of such a law the bijector that is asked for; tells whether that is not its own.
    pub fn centre(&mut self, site: &mut Site, law: &Law) -> bool {
        let Form::Call(call) = &law.form else { return false };
        let Some(parts) = call.distribution.location_scale() else { return false };
        let (location, scale) = (
            self.expr(&call.args[call.params.at(parts.location)]),
            self.expr(&call.args[call.params.at(parts.scale)]),
        );
        let varies = |n: NodeId| self.graph.varies(n) != Varies::Data;
        site.centring = varies(location) || varies(scale);
        if !site.centring || self.has_discrete(location) || self.has_discrete(scale) {
            site.centring = false;
            return false;
        }
        let lambda = match self.centring {
            Centring::Centred => return false,
            Centring::NonCentred => None,
            Centring::Partial(by_name) => match by_name.get(&site.name) {
                Some(l) if l.len() == site.labels.len() && l.iter().any(|&l| l != 1.0) => Some(l.clone()),
                _ => return false,
            },
        };
        let lambda = match lambda {
            Some(l) if l.iter().any(|&l| l != 0.0) => {
                let dims = site.dims.clone();
                Some(self.data_input(l, &dims))
            }
            _ => None,
        };
        site.bijector = Arc::new(Affine { location, scale, lambda, exp: parts.log });
        true
    }

    /// No density where a site's location or scale is no number, or its scale negative: taken from its
    /// coordinate and given back to its law they cancel, and nothing else would tell.
    pub fn keep_in_domain(&mut self, law: &Law, density: NodeId) -> NodeId {
        let Form::Call(call) = &law.form else { return density };
        let Some(parts) = call.distribution.location_scale() else { return density };
        let of = |k: usize| &call.args[call.params.at(k)];
        let (location, scale) = (self.expr(of(parts.location)), self.expr(of(parts.scale)));
        let mut density = density;
        for part in [location, scale] {
            if self.may_be_no_number(part) {
                let g = &mut self.graph;
                let is_number = g.binary(Binary::Eq, part, part);
                let never = g.constant(f64::NEG_INFINITY);
                density = g.select(is_number, density, never);
            }
        }
        let range = |g: &Graph, n: NodeId| super::data::range(g, &self.bindings, n);
        distributions::scale_in_domain(&mut self.graph, scale, density, &range)
    }

    /// Does a node depend on latents through a function that is not defined everywhere?
    fn may_be_no_number(&self, n: NodeId) -> bool {
        let (mut open, mut seen) = (vec![n], HashSet::new());
        while let Some(n) = open.pop() {
            let node = self.graph.node(n);
            if node.varies == Varies::Data || !seen.insert(n) {
                continue;
            }
            let everywhere = match node.op {
                Op::Unary(op) => !matches!(op, Unary::Ln | Unary::Log1p | Unary::Sqrt | Unary::Recip),
                Op::Binary(op) => !matches!(op, Binary::Div | Binary::Pow),
                Op::Foreign(_) | Op::Cholesky { .. } | Op::TriSolve { .. } | Op::LogTail(_) => false,
                _ => true,
            };
            if !everywhere {
                return true;
            }
            open.extend(&node.args);
        }
        false
    }
}
