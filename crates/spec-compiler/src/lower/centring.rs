//! Centred, non-centred and between: how a latent of a location-scale law is made from its coordinate.

use std::collections::BTreeMap;
use std::sync::Arc;

use distributions::Affine;
use graph::ir::{NodeId, Varies};
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
    /// Gives a site of such a law the bijector that is asked for.
    pub fn centre(&mut self, site: &mut Site, law: &Law) {
        let Form::Call(call) = &law.form else { return };
        let Some(parts) = call.distribution.location_scale() else { return };
        let (location, scale) = (
            self.expr(&call.args[call.params.at(parts.location)]),
            self.expr(&call.args[call.params.at(parts.scale)]),
        );
        let varies = |n: NodeId| self.graph.varies(n) != Varies::Data;
        site.centring = varies(location) || varies(scale);
        if !site.centring || self.has_discrete(location) || self.has_discrete(scale) {
            site.centring = false;
            return;
        }
        let lambda = match self.centring {
            Centring::Centred => return,
            Centring::NonCentred => None,
            Centring::Partial(by_name) => match by_name.get(&site.name) {
                Some(l) if l.len() == site.labels.len() && l.iter().any(|&l| l != 1.0) => Some(l.clone()),
                _ => return,
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
    }
}
