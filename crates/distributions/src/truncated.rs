//! Truncation to constant bounds: the density of any law over its probability of the window.
//!
//! The window's probability comes from the tails on the log scale, on the side where they do not
//! cancel, so windows far out keep their digits. A discrete law sums its probabilities.

use graph::ir::{Binary, DimId, Role, Size};
use numerics::incomplete::ln_1m_exp;

use crate::distribution::constants;
use crate::evaluate::{log_prob_at, tail_at, tails_at};
use crate::prelude::*;
use crate::window;

/// The most probabilities a discrete window may sum.
pub const WINDOW_LIMIT: usize = 10_000;

/// Why a law with an atom is not truncated or censored.
const HAS_ATOM: &str = "it is zero with a probability of its own, beside a density";

/// A law given that it lies between two bounds, both included; its parameters are the law's own.
#[derive(Clone, Copy, Debug)]
pub struct Truncated {
    base: &'static dyn Distribution,
    lower: f64,
    upper: f64,
}

impl Truncated {
    /// `base` between `lower` and `upper`; infinite bounds are none.
    ///
    /// # Errors
    /// Bounds that leave no room, or an improper law.
    pub fn new(
        base: &'static dyn Distribution,
        lower: f64,
        upper: f64,
    ) -> Result<Truncated, DistributionError> {
        let distribution = base.name();
        if !base.is_proper() {
            let why = "it has no total probability; give it bounds instead";
            return Err(DistributionError::NotTruncatable { distribution, why });
        }
        if base.event() != Event::Scalar {
            let why = "its values are not numbers";
            return Err(DistributionError::NotTruncatable { distribution, why });
        }
        if base.atom().is_some() {
            return Err(DistributionError::NotTruncatable { distribution, why: HAS_ATOM });
        }
        let room = if base.is_discrete() { lower.ceil() <= upper.floor() } else { lower < upper };
        if !room || lower == f64::INFINITY || upper == f64::NEG_INFINITY {
            return Err(DistributionError::Bounds { distribution: "truncated", lower, upper });
        }
        Ok(Truncated { base, lower, upper })
    }

    pub fn base(&self) -> &'static dyn Distribution {
        self.base
    }

    /// The part of the base's support inside the bounds, and that support.
    fn window(&self, constants: &Params<Option<f64>>) -> Result<(Window, Support), DistributionError> {
        let support = self.base.support(constants)?;
        let (lower, upper) = support.range();
        let (low, high) = match support.is_discrete() {
            false => (self.lower, self.upper),
            true => (self.lower.ceil(), self.upper.floor()),
        };
        let window = Window {
            lower: low.max(lower),
            upper: high.min(upper),
            cuts_below: low > lower,
            cuts_above: high < upper,
        };
        let empty = match support.is_discrete() {
            false => window.lower >= window.upper,
            true => window.lower > window.upper,
        };
        if empty {
            let (distribution, lower, upper) = (self.base.name(), self.lower, self.upper);
            return Err(DistributionError::EmptyWindow { distribution, lower, upper, support });
        }
        Ok((window, support))
    }

    /// Emits ln P(window).
    fn log_mass(&self, g: &mut Graph, params: &Params<NodeId>) -> Result<NodeId, DistributionError> {
        let fixed = constants(g, params);
        let (window, _) = self.window(&fixed)?;
        if self.base.is_discrete() {
            return self.discrete_mass(g, params, window);
        }
        if let Some(fixed) = fixed.all() {
            let mass = self.continuous_mass_at(&fixed, window)?;
            return Ok(g.constant(mass));
        }
        let mut tails = |cut: bool, at: f64| match cut {
            false => Ok(None),
            true => {
                let at = g.constant(at);
                let varies = DistributionError::TruncationVaries { distribution: self.base.name() };
                self.base.tails(g, params, at).ok_or(varies).map(Some)
            }
        };
        let (below, above) =
            (tails(window.cuts_below, window.lower)?, tails(window.cuts_above, window.upper)?);
        Ok(window::between(g, below, above))
    }

    /// The same from numbers, for laws whose tails the graph cannot express.
    fn continuous_mass_at(&self, params: &Params<f64>, window: Window) -> Result<f64, DistributionError> {
        let whole = Tails { log_cdf: f64::NEG_INFINITY, log_survival: 0.0 };
        let a = if window.cuts_below { tails_at(self.base, params, &[window.lower])?[0] } else { whole };
        let whole = Tails { log_cdf: 0.0, log_survival: f64::NEG_INFINITY };
        let b = if window.cuts_above { tails_at(self.base, params, &[window.upper])?[0] } else { whole };
        let mass = ln_between(a, b);
        if mass.is_finite() {
            return Ok(mass);
        }
        let place = match (window.cuts_below, window.cuts_above) {
            (true, false) => format!("above {:?}", window.lower),
            (false, _) => format!("below {:?}", window.upper),
            (true, true) => format!("between {:?} and {:?}", window.lower, window.upper),
        };
        let why = format!("the probability {place} is too small");
        Err(DistributionError::Evaluation { distribution: self.base.name(), why })
    }

    /// ln of the sum of the probabilities in the window; where it has no end, of those from its start
    /// until they vanish, or of one less those below it, whichever keeps digits.
    fn discrete_mass(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        window: Window,
    ) -> Result<NodeId, DistributionError> {
        if !window.cuts_below && !window.cuts_above {
            return Ok(g.constant(0.0));
        }
        if window.upper.is_finite() {
            return self.sum_of_probabilities(g, params, window.lower, window.upper);
        }
        // Used where the median is below the start: from there on, terms of a unimodal law with
        // thin tails fall like a normal's at least.
        let end = window.lower + 40.0 + 14.0 * window.lower.sqrt();
        let above = self.sum_of_probabilities(g, params, window.lower, end)?;
        let (lower, _) = self.base.widest_support().range();
        let below = self.sum_of_probabilities(g, params, lower, window.lower - 1.0)?;
        let minus = g.neg(below);
        let rest = emit::ln_1m_exp_neg(g, minus);
        let half = g.constant(-std::f64::consts::LN_2);
        let is_tail = g.binary(Binary::Lt, half, below);
        Ok(g.select(is_tail, above, rest))
    }

    /// ln of P(first) + .. + P(last), as one density over a dimension.
    fn sum_of_probabilities(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        first: f64,
        last: f64,
    ) -> Result<NodeId, DistributionError> {
        let found = last.floor() - first + 1.0;
        if found > WINDOW_LIMIT as f64 {
            let distribution = self.base.name();
            return Err(DistributionError::WindowTooWide { distribution, found, limit: WINDOW_LIMIT });
        }
        let count = found as usize;
        let name = format!("window of {count}");
        let dim: DimId = match g.find_dim(&name) {
            Some(dim) => dim,
            None => g.add_dim(&name, Role::Plain, Size::Fixed(count)),
        };
        let steps = g.iota(dim);
        let values = g.add_const(steps, first);
        let terms = self.base.log_prob(g, params, values)?;
        Ok(g.logsumexp(terms, &[dim]))
    }
}

/// Where a truncated law lives, and which of the ends truncation made.
#[derive(Clone, Copy, Debug)]
struct Window {
    lower: f64,
    upper: f64,
    cuts_below: bool,
    cuts_above: bool,
}

/// ln of the probability between two points, from their tails, on the side that cancels least.
fn ln_between(a: Tails<f64>, b: Tails<f64>) -> f64 {
    if a.log_survival < b.log_cdf {
        a.log_survival + ln_1m_exp(b.log_survival - a.log_survival)
    } else {
        b.log_cdf + ln_1m_exp(a.log_cdf - b.log_cdf)
    }
}

impl Distribution for Truncated {
    fn name(&self) -> &'static str {
        "truncated"
    }
    fn doc(&self) -> &'static str {
        "Another distribution, given that it lies between constant bounds."
    }
    fn slots(&self) -> &'static [Slot] {
        self.base.slots()
    }
    fn widest_support(&self) -> Support {
        let (lower, upper) = (self.lower, self.upper);
        let (a, b) = self.base.widest_support().range();
        match self.base.is_discrete() {
            false => Support::Interval { lower: lower.max(a), upper: upper.min(b) },
            true => Support::Integers { lower: lower.ceil().max(a), upper: upper.floor().min(b) },
        }
    }

    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let (window, base) = self.window(constants)?;
        let (lower, upper) = (window.lower, window.upper);
        Ok(if base.is_discrete() {
            Support::Integers { lower, upper }
        } else {
            Support::Interval { lower, upper }
        })
    }

    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x) && self.base.observable(support, x)
    }

    fn check(&self, constants: &Params<Option<f64>>) -> Result<(), DistributionError> {
        self.base.check(constants)
    }

    /// ln p(x) - ln P(window).
    ///
    /// Parameters may vary where the graph can express the base's tails, or the base is discrete;
    /// otherwise they must be constants.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError> {
        let mass = self.log_mass(g, params)?;
        let density = self.base.log_prob(g, params, x)?;
        let density = g.sub(density, mass);
        let support = self.support(&constants(g, params))?;
        Ok(emit::within(g, x, support, density))
    }

    /// The base's, less what the ends contribute: with u the probability below x in the window, F(x) =
    /// (1 - u) F(a) + u F(b) stays, and an end that does not move takes `p(end)/p(x)` times its share
    /// of what it would have moved. In windows far out the terms nearly cancel.
    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        if self.base.is_discrete() {
            return None;
        }
        let (window, _) = self.window(&params.map(Some)).ok()?;
        let mut moved = self.base.implicit(params, x)?;
        let ends = [(window.cuts_below, window.lower), (window.cuts_above, window.upper)];
        let points = [window.lower, x, window.upper];
        let tails = tails_at(self.base, params, &points).ok()?;
        let densities = log_prob_at(self.base, params, &points).ok()?;
        let mass = ln_between(tails[0], tails[2]);
        for (k, (cuts, end)) in ends.into_iter().enumerate() {
            if !cuts {
                continue;
            }
            // What lies between x and the other end.
            let share = ln_between(tails[1 - k], tails[2 - k]) - mass + densities[2 * k] - densities[1];
            for (m, at_end) in moved.iter_mut().zip(self.base.implicit(params, end)?) {
                *m -= share.exp() * at_end;
            }
        }
        Some(moved)
    }

    /// Draws of the base until one falls inside; far out, by inversion.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError> {
        let (window, _) = self.window(&params.map(Some))?;
        // Both ways draw from the same law, so a mixture of them does.
        for _ in 0..64 {
            let x = self.base.sample(params, uniforms)?;
            if (window.lower..=window.upper).contains(&x) {
                return Ok(x);
            }
        }
        let u = uniforms();
        if self.base.is_discrete() {
            self.invert_discrete(params, window, u)
        } else {
            self.invert(params, window, u)
        }
    }

    fn mean(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
    fn variance(&self, _: &Params<f64>) -> Option<f64> {
        None
    }
}

impl Truncated {
    /// The x with P(X <= x | window) = u, to the last bit that its tail can tell.
    fn invert(&self, params: &Params<f64>, window: Window, u: f64) -> Result<f64, DistributionError> {
        let ends = tails_at(self.base, params, &[window.lower, window.upper])?;
        let (a, b) = (ends[0], ends[1]);
        let upper = a.log_survival < b.log_cdf;
        // S(x) = S(a) - u (S(a) - S(b)), or F(x) = F(b) - (1 - u) (F(b) - F(a))
        let target = if upper {
            a.log_survival + (u * (b.log_survival - a.log_survival).exp_m1()).ln_1p()
        } else {
            b.log_cdf + ((1.0 - u) * (a.log_cdf - b.log_cdf).exp_m1()).ln_1p()
        };
        // Search over the numbers themselves, in the order of their bits: no scale to guess. Where the
        // tails are graph, a round asks for 7 points at once: a graph costs as much as some tails of the
        // cheaper laws.
        let parts = if self.base.scalar_tails(params, window.lower).is_some() { 2 } else { 8 };
        let (mut low, mut high) = (i128::from(rank(window.lower)), i128::from(rank(window.upper)));
        while high - low > 1 {
            let mut between: Vec<i128> = (1..parts).map(|k| low + (high - low) * k / parts).collect();
            between.dedup();
            between.retain(|&k| k > low);
            let points: Vec<f64> = between.iter().map(|&k| unrank(k as i64)).collect();
            let tails = tail_at(self.base, params, &points, upper)?;
            for (&k, &t) in between.iter().zip(&tails) {
                if if upper { t < target } else { t > target } {
                    high = k;
                    break;
                }
                low = k;
            }
        }
        let (low, high) = (unrank(low as i64), unrank(high as i64));
        let inside = |x: f64| x.is_finite() && self.observable(self.widest_support(), x);
        Ok(if inside(low) { low } else { high })
    }

    /// Adds up probabilities from the lower end of the window, some at a time.
    fn invert_discrete(
        &self,
        params: &Params<f64>,
        window: Window,
        u: f64,
    ) -> Result<f64, DistributionError> {
        let (mut left, mut first) = (u, window.lower);
        let last = window.upper.min(window.lower + WINDOW_LIMIT as f64);
        while first <= last {
            let values: Vec<f64> = (0..64).map(|k| first + f64::from(k)).filter(|&v| v <= last).collect();
            for (&value, log_prob) in values.iter().zip(log_prob_at(self, params, &values)?) {
                left -= log_prob.exp();
                if left <= 0.0 {
                    return Ok(value);
                }
            }
            first += 64.0;
        }
        // Rounding left a last crumb.
        Ok(last)
    }
}

/// The position of a number among all f64, in order; -0 and 0 share one.
fn rank(x: f64) -> i64 {
    let bits = x.to_bits() as i64;
    if bits < 0 { i64::MIN - bits } else { bits }
}

fn unrank(k: i64) -> f64 {
    let bits = if k < 0 { i64::MIN - k } else { k };
    f64::from_bits(bits as u64)
}
