//! What is known of each draw before anything is drawn: the posterior of a fit, or nothing.

use model::Target;
use numerics::lanes::Lanes;

use crate::coordinates::first_of_site;

/// How the values of a discrete latent come about, element by element.
#[derive(Clone, Debug)]
pub struct DiscreteKnown {
    /// The element is new, and drawn from its prior.
    pub is_new: Vec<bool>,
    /// `[element]`: the positions of its values, draw by draw, where they are kept. Elements that are
    /// neither new nor kept are drawn back, given everything else.
    pub kept: Vec<Option<Vec<u32>>>,
    /// New elements are drawn back too, when everything else is drawn: data may tell of them.
    pub given_data: bool,
}

impl DiscreteKnown {
    /// Is an element drawn given everything else?
    pub fn is_drawn_back(&self, element: usize) -> bool {
        self.kept[element].is_none() && (self.given_data || !self.is_new[element])
    }
}

/// Where the values of continuous states come from that the density sums out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatesFrom {
    /// They are drawn given all that is seen.
    Data,
    /// They are drawn from their own laws.
    Laws,
    /// Nobody asks for them: they stay 0.
    Nowhere,
}

/// Draws of a model's unknowns, of which some may be missing.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// Unconstrained coordinates, `[coordinate, draw]`.
    z: &'a Lanes,
    /// Where each coordinate of the target is among those of `z`; `None` where it is new.
    columns: Vec<Option<usize>>,
    discrete: Vec<DiscreteKnown>,
    states: StatesFrom,
}

impl<'a> Known<'a> {
    /// The draws of a fit of this very target; discrete latents are drawn back.
    pub fn all(target: &Target, z: &'a Lanes) -> Known<'a> {
        let discrete = |d: &model::Discrete| {
            let n = target.count(&d.dims);
            DiscreteKnown { is_new: vec![false; n], kept: vec![None; n], given_data: false }
        };
        Known {
            z,
            columns: (0..z.n()).map(Some).collect(),
            discrete: target.discrete.iter().map(discrete).collect(),
            states: StatesFrom::Data,
        }
    }

    /// Nothing at all: `nothing` has no elements, and as many lanes as draws are wanted.
    pub fn none(target: &Target, nothing: &'a Lanes) -> Known<'a> {
        let discrete = |d: &model::Discrete| {
            let n = target.count(&d.dims);
            DiscreteKnown { is_new: vec![true; n], kept: vec![None; n], given_data: false }
        };
        Known {
            z: nothing,
            columns: vec![None; target.coordinates().len()],
            discrete: target.discrete.iter().map(discrete).collect(),
            states: StatesFrom::Laws,
        }
    }

    /// Draws of another target's unknowns: the column of each coordinate of this one, and its discrete
    /// latents, in its order. Continuous states are drawn given the data of this one.
    pub fn of(z: &'a Lanes, columns: Vec<Option<usize>>, discrete: Vec<DiscreteKnown>) -> Known<'a> {
        Known { z, columns, discrete, states: StatesFrom::Data }
    }

    /// A site that is neither drawn nor known here: its coordinates stay 0.
    pub fn keep_site(&mut self, target: &Target, site: usize) {
        let first = first_of_site(target, site);
        let n = target.sites[site].coordinates.len();
        self.columns[first..first + n].fill(Some(usize::MAX));
    }

    /// No continuous state that is summed out is drawn.
    pub fn without_states(&mut self) {
        self.states = StatesFrom::Nowhere;
    }

    pub fn states(&self) -> StatesFrom {
        self.states
    }

    pub fn n_draws(&self) -> usize {
        self.z.lanes()
    }

    pub fn is_new(&self, coordinate: usize) -> bool {
        self.columns[coordinate].is_none()
    }

    pub fn discrete(&self, latent: usize) -> &DiscreteKnown {
        &self.discrete[latent]
    }

    /// The known coordinates of some draws, among the `n` inputs of the target; the others are 0.
    pub fn coordinates(&self, draws: &[u32], n: usize) -> Lanes {
        let mut out = Lanes::zeros(n, draws.len());
        for (i, column) in self.columns.iter().enumerate() {
            let Some(column) = column.filter(|&c| c < self.z.n()) else { continue };
            draws.iter().enumerate().for_each(|(lane, &d)| out.set(i, lane, self.z.get(column, d as usize)));
        }
        out
    }
}
