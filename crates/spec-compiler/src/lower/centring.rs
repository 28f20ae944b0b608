//! Centred, non-centred and between: how a latent of a location-scale law is made from its coordinate.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use distributions::{Affine, Identity};
use graph::ir::{Binary, Graph, Kind as NodeKind, NodeId, Op, Unary, Varies};
use model::{Site, Support};

use crate::lower::Lowering;
use crate::typed::{Form, Law};

/// Ends the names of the sites of [`Centring::Free`].
pub const CENTRING: &str = ".centring";

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
    /// How far each element is centred is an input of its own, the last sites of the target in the
    /// order of the latents: `theta.centring`, between 0 and 1, for the engine to learn. They have no
    /// density.
    Free,
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
                Some(l) if l.len() == site.labels.len() && l.iter().any(|&l| l != 1.0) => {
                    l.iter().any(|&l| l != 0.0).then(|| self.data_input(l.clone(), &site.dims))
                }
                _ => return false,
            },
            Centring::Free => Some(self.free_centring(site)),
        };
        site.bijector = Arc::new(Affine { location, scale, lambda, exp: parts.log });
        true
    }

    /// An input that says how far each element of a site is centred.
    fn free_centring(&mut self, of: &Site) -> NodeId {
        let name = format!("{}{CENTRING}", of.name);
        let node = self.graph.input(&name, Varies::Lane, NodeKind::Real, &of.dims);
        let Op::Input(input) = self.graph.node(node).op else { unreachable!("an input's node") };
        self.centrings.push(Site {
            coordinates: model::element_names(&name, &of.labels),
            name,
            input,
            unconstrained: node,
            value: node,
            dims: of.dims.clone(),
            support: Support::REAL,
            bijector: Arc::new(Identity),
            centring: false,
            labels: of.labels.clone(),
        });
        node
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
