//! Base noise: one counter-based stream for every named coordinate and purpose.

use numerics::lanes::{LANES, Lanes};
use crate::shim::{Counter, Key};

/// What a stream of noise is for. Purposes never share numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Starting points.
    Start,
    /// Judging a starting approximation.
    StartElbo,
    /// Noise of the gradient steps.
    Step,
    /// The fixed draws of the deterministic objective.
    FixedDraws,
    /// Fresh draws on which the deterministic optimum is judged.
    FreshDraws,
    /// Draws of the final check, and of each escalation of it.
    Check(u8),
    /// The offset of systematic resampling.
    Resample,
}

impl Purpose {
    fn word(self) -> String {
        match self {
            Purpose::Start => "start".into(),
            Purpose::StartElbo => "start elbo".into(),
            Purpose::Step => "step".into(),
            Purpose::FixedDraws => "fixed draws".into(),
            Purpose::FreshDraws => "fresh draws".into(),
            Purpose::Check(round) => format!("check {round}"),
            Purpose::Resample => "resample".into(),
        }
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
        let word = purpose.word();
        Noise { keys: names.into_iter().map(|name| Key::new(seed, &word, name, "")).collect() }
    }

    /// Fills `eps` (`[names]` x lanes) with the draws `first_draw ..` of `step`; padding lanes get
    /// numbers too.
    pub fn fill(&self, step: u64, first_draw: u64, eps: &mut Lanes) {
        assert_eq!(eps.n(), self.keys.len(), "one stream for every element");
        for t in 0..eps.tiles() {
            let tile = eps.tile_mut(t);
            for (key, row) in self.keys.iter().zip(tile.chunks_exact_mut(LANES)) {
                for (l, x) in row.iter_mut().enumerate() {
                    let draw = first_draw + (t * LANES + l) as u64;
                    *x = key.normal(Counter { row: 0, element: 0, draw, step, attempt: 0 });
                }
            }
        }
    }

    /// A number in [0, 1), of the first element.
    pub fn uniform(&self, step: u64) -> f64 {
        self.keys[0].uniform(Counter { row: 0, element: 0, draw: 0, step, attempt: 0 })
    }
}
