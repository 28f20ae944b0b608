//! Latents: their inputs, the maps from coordinates to values, and their priors.

use graph::ir::{DimId, Kind as NodeKind, NodeId, Varies};
use model::Site;

use crate::errors;
use crate::lower::Lowering;
use crate::lower::discrete::Term;
use crate::typed::{DimRef, Law};

impl Lowering<'_> {
    /// All latents' unconstrained inputs first, in the order of the file: that is the order of the
    /// coordinates. Their values follow as they are needed, for a bound may be another latent.
    pub fn latents(&mut self) {
        for i in 0..self.model.latents.len() {
            let latent = &self.model.latents[i];
            self.origin(format!("latent {}", latent.name));
            self.told_apart(&latent.name, &latent.dims, latent.origin.span);
            if let Some(discrete) = latent.discrete {
                let dim = self.dim(discrete.dim);
                let steps = self.graph.iota(dim);
                let value = self.graph.add_const(steps, discrete.first);
                self.sites.push(None);
                self.latents.push(value);
                continue;
            }
            let site = self.site(&latent.name, &latent.dims, &latent.law);
            // Until its value is made, its input stands for it.
            self.latents.push(site.as_ref().map_or(NodeId(0), |s| s.unconstrained));
            self.sites.push(site);
        }
    }

    /// The input of a latent, whose value waits for the ends of its support.
    pub fn site(&mut self, name: &str, written: &[DimRef], law: &Law) -> Option<Site> {
        let event = self.dim_ids(&law.event);
        let place = distributions::Place { name, event: &event, bounds: (None, None) };
        let bijector = match distributions::bijector_for(&mut self.graph, law.support, &place) {
            Ok(bijector) => bijector,
            Err(error) => {
                let call = law.calls()[0].distribution;
                self.mistakes.push(errors::arguments(law.span, &error, call));
                return None;
            }
        };
        let of_value = |d: &DimId| bijector.coordinates().is_empty() || !event.contains(d);
        let dims = self.dim_ids(written).into_iter().filter(of_value);
        let dims = self.graph.canonical(dims.chain(bijector.coordinates().iter().copied()).collect());
        let u = self.graph.input(name, Varies::Lane, NodeKind::Real, &dims);
        let graph::ir::Op::Input(input) = self.graph.node(u).op else { unreachable!("an input's node") };
        let labels = self.labels(written);
        let coordinates = match bijector.coordinates() {
            [] => model::element_names(name, &labels),
            own => {
                let batch: Vec<DimRef> = written.iter().copied().filter(|d| !law.event.contains(d)).collect();
                let size = |d: &DimId| self.graph.fixed_size(*d).expect("made with a size");
                let n: usize = own.iter().map(size).product();
                let number = |name: String| (1..=n).map(move |k| format!("{name}.{k}"));
                model::element_names(name, &self.labels(&batch)).into_iter().flat_map(number).collect()
            }
        };
        let dims = self.graph.canonical(self.dim_ids(written));
        let support = law.support;
        Some(Site {
            name: name.into(),
            input,
            unconstrained: u,
            value: u,
            dims,
            support,
            bijector,
            centring: false,
            labels,
            coordinates,
        })
    }

    /// Gives a site the bijector onto its support, now that the ends of that are known.
    fn stand_on_ends(&mut self, site: &mut Site, law: &Law) {
        let bounds = self.ends_of(law);
        if bounds != (None, None) {
            let event = self.dim_ids(&law.event);
            let place = distributions::Place { name: &site.name, event: &event, bounds };
            site.bijector = distributions::bijector_for(&mut self.graph, law.support, &place)
                .expect("it had one without these ends");
        }
    }

    /// The value of a latent by the bijector that it has.
    pub fn placed(&mut self, site: &mut Site, event: &[DimId]) {
        let u = site.unconstrained;
        site.value = site.bijector.forward(&mut self.graph, u);
        let j = site.bijector.log_det_jac(&mut self.graph, u);
        let batch: Vec<DimId> = match site.bijector.coordinates() {
            [] => site.dims.clone(),
            _ => site.dims.iter().copied().filter(|d| !event.contains(d)).collect(),
        };
        let j = self.graph.sum(j, &batch);
        self.log_det.push(j);
    }

    pub fn prior(&mut self, i: usize) {
        let latent = &self.model.latents[i];
        self.origin(format!("prior of {}", latent.name));
        let mut recentred = false;
        if let Some(mut site) = self.sites[i].take() {
            self.stand_on_ends(&mut site, &latent.law);
            recentred = self.centre(&mut site, &latent.law);
            let event = self.dim_ids(&latent.law.event);
            self.placed(&mut site, &event);
            self.latents[i] = site.value;
            self.sites[i] = Some(site);
        } else if latent.discrete.is_none() {
            return;
        }
        let x = self.latents[i];
        if !self.arguments_are_good(&latent.law, &latent.dims, None) {
            return;
        }
        if let Some(mut node) = self.log_prob(&latent.law, x) {
            if recentred {
                node = self.keep_in_domain(&latent.law, node);
            }
            let of_plate = |d: &&DimRef| !latent.law.event.contains(d);
            let plates: Vec<DimRef> = latent.dims.iter().filter(of_plate).copied().collect();
            let plates = self.dim_ids(&plates);
            let lookups = self.lookups(&latent.met);
            self.terms.push(Term::new(node, plates, lookups));
        }
    }

    /// The nulls that are inferred: a latent each, under the law of its column, whose support is
    /// constant. They are made before any other latent has its value, for whatever reads the column may
    /// be what those depend on.
    pub fn imputed(&mut self) {
        for x in &self.model.imputed {
            let (t, law) = (&self.model.tables[x.table], &self.model.observes[x.observe].law);
            let name = t.data.columns[x.column].name.clone();
            self.origin(format!("nulls of {name}"));
            let Some(mut site) = self.site(&name, &[x.dim], law) else { continue };
            self.placed(&mut site, &[]);
            self.imputed.push(site.value);
            self.imputed_sites.push(site);
        }
    }
}
