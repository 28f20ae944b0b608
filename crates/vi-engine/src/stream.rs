//! Base noise: one counter-based stream for every named coordinate and purpose.

use numerics::lanes::{LANES, Lanes};
use numerics::random::{Block, Counter, Key};

/// What a stream of noise is for. Purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Starting points.
    Start,
    /// Judging a starting approximation.
    StartElbo,
    /// Judging the normals along a descent.
    Path(usize),
    /// Noise of the gradient steps.
    Step,
    /// The fixed draws of the deterministic objective.
    FixedDraws,
    /// Fresh draws on which the deterministic optimum is judged.
    FreshDraws,
    /// Draws of the check.
    Check,
    /// The offset of systematic resampling.
    Resample,
    /// Momenta and choices of a round of the polish of a mode.
    Polish { mode: u8, round: u8 },
    /// Draws of another mode's normal, to begin from.
    Mode(u8),
    /// Draws of a mode's normal, from which its mass is bridged.
    Bridge(u8),
    /// Which rows are together in a batch, and the order of batches.
    Batches,
    /// Signs that the density does not see.
    Sign,
    /// Draws and directions that tell centred from non-centred.
    Centring,
    /// The point and the moves that tell which coordinates are independent.
    Blocks,
    /// Starting points of the chains of a sampler.
    ChainStart,
    /// Momenta and choices of the chains.
    Chain,
}

impl Purpose {
    fn word(self) -> String {
        match self {
            Purpose::Start => "start".into(),
            Purpose::StartElbo => "start elbo".into(),
            Purpose::Path(n) => format!("path {n}"),
            Purpose::Step => "step".into(),
            Purpose::FixedDraws => "fixed draws".into(),
            Purpose::FreshDraws => "fresh draws".into(),
            Purpose::Check => "check 0".into(),
            Purpose::Resample => "resample".into(),
            Purpose::Polish { mode, round } => format!("polish {mode} {round}"),
            Purpose::Mode(mode) => format!("mode {mode}"),
            Purpose::Bridge(mode) => format!("bridge {mode}"),
            Purpose::Batches => "batches".into(),
            Purpose::Sign => "sign".into(),
            Purpose::Centring => "centring".into(),
            Purpose::Blocks => "blocks".into(),
            Purpose::ChainStart => "chain start".into(),
            Purpose::Chain => "chain".into(),
        }
    }

    /// The stream of `name`.
    pub(crate) fn key(self, seed: u64, name: &str) -> Key {
        Key::new(seed, &self.word(), name, "")
    }
}

/// Standard normal noise for a vector of named elements.
///
/// The number for (purpose, element, step, draw) is a pure function of the seed, the purpose, the
/// element's *name*, the step and the draw: never of the order of sites or of lanes.
pub struct Noise {
    keys: Vec<Key>,
}

impl Noise {
    /// A stream for each of `names`.
    pub fn new<'a>(seed: u64, purpose: Purpose, names: impl IntoIterator<Item = &'a str>) -> Self {
        Noise { keys: names.into_iter().map(|name| purpose.key(seed, name)).collect() }
    }

    /// The key of each element.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Fills `eps` (`[names]` x lanes) with the draws `first_draw ..` of `step`; padding lanes get
    /// numbers too.
    pub fn fill(&self, step: u64, first_draw: usize, eps: &mut Lanes) {
        assert_eq!(eps.n(), self.keys.len(), "one stream for every element");
        let mut one = Lanes::zeros(1, eps.lanes());
        let block = Block { step, first_draw: first_draw as u32, ..Block::default() };
        for (i, key) in self.keys.iter().enumerate() {
            key.fill_normal(block, &mut one);
            for t in 0..eps.tiles() {
                eps.tile_mut(t)[i * LANES..(i + 1) * LANES].copy_from_slice(one.tile(t));
            }
        }
    }

    /// A number in (0, 1), of the first element.
    pub fn uniform(&self, step: u64) -> f64 {
        self.uniform_of(step, 0)
    }

    /// [`uniform`](Noise::uniform) of one of several draws.
    pub fn uniform_of(&self, step: u64, draw: usize) -> f64 {
        self.keys[0].uniform(Counter { step, draw: draw as u32, ..Counter::default() })
    }

    /// Puts items into an order by chance, of which there are several (Fisher and Yates).
    pub fn shuffle(&self, order: usize, items: &mut [usize]) {
        for i in (1..items.len()).rev() {
            items.swap(i, (self.uniform_of(i as u64, order) * (i + 1) as f64) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_belongs_to_names_and_draws_not_to_places() {
        let fill = |names: &[&str], first, lanes| {
            let mut eps = Lanes::zeros(names.len(), lanes);
            Noise::new(1, Purpose::Step, names.iter().copied()).fill(3, first, &mut eps);
            eps
        };
        let all = fill(&["a", "b"], 0, 24);
        let swapped = fill(&["b", "new", "a"], 8, 5);
        for lane in 0..5 {
            assert_eq!(all.get(0, 8 + lane).to_bits(), swapped.get(2, lane).to_bits());
            assert_eq!(all.get(1, 8 + lane).to_bits(), swapped.get(0, lane).to_bits());
        }
        let mut other = Lanes::zeros(1, 24);
        Noise::new(1, Purpose::Check, ["a"]).fill(3, 0, &mut other);
        assert_ne!(all.get(0, 0), other.get(0, 0), "purposes never share numbers");
    }
}
