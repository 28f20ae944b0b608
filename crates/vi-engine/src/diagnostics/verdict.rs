//! The verdict, and every threshold behind it.

use super::check::ParameterCheck;
use super::mixing::Mixing;
use super::score::ScoreGap;
use crate::nuts::MAX_DEPTH;
use crate::polish::Polished;
use crate::target::Tally;

/// Below this k-hat, and with [`SHIFT`] kept, the plain draws are good.
pub const K_HAT_OK: f64 = 0.5;
/// Below this k-hat importance weights are trusted to correct the draws; under `auto` from the lower one on only where
/// they change no sd by a part of this size, for the rest is polished.
pub const K_HAT_CORRECTED: f64 = 0.7;
pub const K_HAT_OVERWORKED: f64 = 0.6;
pub const MUCH: f64 = 0.1;
/// Largest harmless difference between weighted and unweighted draws: of means, in standard
/// deviations; of standard deviations, as a ratio.
pub const SHIFT: f64 = 0.05;
/// Largest harmless difference of the distribution function of one parameter (Kolmogorov's distance), of
/// which 4,000 draws alone make 0.02.
pub const GAP: f64 = 0.025;
/// A probability of an outcome that moves by less has not moved.
pub const PROBABILITY: f64 = 0.001;
/// Importance effective sample size that corrected draws need; and, of all draws, the part at which nothing
/// better is asked for.
pub const ESS: f64 = 400.0;
pub const ESS_FRACTION: f64 = 0.5;
/// Effective sample size at which polished draws are not prolonged.
pub const ESS_POLISHED: f64 = 1000.0;
/// The reason of an interrupted fit.
pub const INTERRUPTED: &str = "interrupted: this is the last good state";
/// Largest harmless violation of the score identity, where it is beyond [`SCORE_ERRORS`] standard
/// errors; and the draws it is evaluated on.
pub const SCORE_GAP: f64 = 0.2;
pub const SCORE_ERRORS: f64 = 4.0;
pub const SCORE_DRAWS: usize = 4000;
/// A second mode matters from this share of the mass on, if the draws do not reach it: its log weight exceeds
/// [`RIVAL_LOG_WEIGHT`], or on the way from the nearest draw the log density falls by [`VALLEY`].
pub const RIVAL_SHARE: f64 = 0.01;
pub const RIVAL_LOG_WEIGHT: f64 = 5.0;
pub const VALLEY: f64 = 1.0;
/// Standard error of a mode's share of the mass from which on the answer is no answer.
pub const SHARE_ERROR: f64 = 0.05;
/// Draws of the check.
pub const CHECK_DRAWS: usize = 10_000;
/// Part of the draws that may fail to evaluate.
pub const FAILED_FRACTION: f64 = 0.03;

/// Chains agree below this R-hat (Vehtari et al. 2021), and their draws suffice from this effective sample
/// size on, in the middle and in the tails: 100 for each of four chains.
pub const R_HAT: f64 = 1.01;
pub const ESS_CHAINS: f64 = 400.0;
/// Part of the draws of chains that may diverge; and where draws of larger and of smaller steps are apart by
/// less than [`STEPS_GAP`] (Kolmogorov's distance) in every parameter: what a divergence hides is a neck that
/// smaller steps enter farther, so that it has hardly any mass.
pub const DIVERGENT_FRACTION: f64 = 0.001;
pub const DIVERGENT_FRACTION_AGREED: f64 = 0.03;
pub const STEPS_GAP: f64 = 0.06;

/// What shifts and drifts of a reported quantity are measured in, at least: nothing but its sd, or, of a
/// probability, so much that [`PROBABILITY`] is a [`SHIFT`].
pub fn least_sd(is_probability: bool) -> f64 {
    if is_probability { PROBABILITY / SHIFT } else { 0.0 }
}

/// How far the answer may be believed, in the words of the results. [`judge`] gives the first three,
/// [`judge_chains`] two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The draws are good as they are.
    Ok,
    /// They were reweighted, and the weights are sound.
    Corrected,
    /// They are not to be relied on; the reasons say why.
    Unreliable,
    /// There are no draws. Not given by this engine: where it has no draws it returns a
    /// [`FitError`](crate::FitError), and nothing is written.
    Failed,
    /// No check was made. Every method there is now, `vi` by choice included, is checked; it is for one
    /// whose answer has no density to weigh, such as a point estimate.
    Unchecked,
}

impl Verdict {
    /// The word of the results.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Corrected => "corrected",
            Verdict::Unreliable => "unreliable",
            Verdict::Failed => "failed",
            Verdict::Unchecked => "unchecked",
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What the verdict is reached from.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Of the weights, and what they are worth.
    pub k_hat: f64,
    pub ess: f64,
    /// Of every reported parameter.
    pub parameters: &'a [ParameterCheck],
    /// Name and score gap of every unconstrained coordinate; empty where not evaluated.
    pub scores: &'a [(&'a str, ScoreGap)],
    /// The largest share of the mass that is at a mode which the draws do not reach.
    pub rival_share: f64,
    /// The search for modes had no end.
    pub unsettled: bool,
    /// Evaluations of the check alone: failures on the way to it harm nobody.
    pub tally: &'a Tally,
    pub interrupted: bool,
    /// The climb reached its stop rule (or was not asked to).
    pub converged: bool,
}

/// The verdict and its reasons, the gravest first. An `ok` has none.
///
/// A climb that ran into its step limit is a reason, not a verdict: the check judges what came out.
pub fn judge(evidence: Evidence) -> (Verdict, Vec<String>) {
    let mut reasons = grave_reasons(&evidence);
    let corrections = corrections(&evidence);
    if !(reasons.is_empty() && corrections.is_empty()) && evidence.ess < ESS {
        reasons
            .push(format!("the weighted draws are worth only {} of {ESS}", told_from(evidence.ess, ESS, 0)));
    }
    let verdict = match (reasons.is_empty(), corrections.is_empty()) {
        (false, _) => Verdict::Unreliable,
        (true, false) => Verdict::Corrected,
        (true, true) => Verdict::Ok,
    };
    reasons.extend(corrections);
    if verdict == Verdict::Corrected {
        reasons.extend(heavy_tails(&evidence));
    }
    if verdict != Verdict::Ok && !evidence.converged && !evidence.interrupted {
        reasons.push("the climb of the ELBO did not settle within its steps".into());
    }
    (verdict, reasons)
}

/// What no weights can mend.
fn grave_reasons(evidence: &Evidence) -> Vec<String> {
    let mut reasons = Vec::new();
    if evidence.interrupted {
        reasons.push(INTERRUPTED.into());
    }
    let failed = evidence.tally.failed_fraction();
    if failed > FAILED_FRACTION {
        let most = evidence.tally.commonest().map(|r| format!("; most often: {r}"));
        reasons.push(format!(
            "{:.1} % of the draws could not be evaluated{}",
            100.0 * failed,
            most.unwrap_or_default()
        ));
    }
    if evidence.k_hat >= K_HAT_CORRECTED || evidence.k_hat.is_nan() {
        reasons.push(format!(
            "k-hat {} is not below {K_HAT_CORRECTED}: the approximation misses part of the \
             posterior, and weights cannot mend it",
            told_from(evidence.k_hat, K_HAT_CORRECTED, 2)
        ));
    }
    reasons.extend(another_mode(evidence.rival_share));
    reasons.extend(evidence.unsettled.then(|| MORE_MODES.into()));
    let broken = evidence.scores.iter().filter_map(|(name, score)| {
        let size = score.gap.abs();
        let harmless = size <= SCORE_GAP.max(SCORE_ERRORS * score.mcse);
        let text = format!(
            "{name}: the draws break the score identity by {:.0} %: part of the posterior is out \
             of their reach, or its density ends in a step",
            100.0 * size
        );
        (!harmless).then_some((size, text))
    });
    reasons.extend(worst(broken));
    reasons
}

/// That the search for modes had no end.
pub const MORE_MODES: &str = "the longer modes were looked for, the more were found: others may be missing";

/// That there is a mode with this share of the mass where no draw is; none if that is too small to matter.
pub fn another_mode(share: f64) -> Option<String> {
    (share >= RIVAL_SHARE).then(|| {
        format!("another mode, with about {:.0} % of the mass, is out of the draws' reach", 100.0 * share)
    })
}

/// What weights do mend; nothing, and nothing is learnt from them, where they are hopeless.
fn corrections(evidence: &Evidence) -> Vec<String> {
    let mut reasons = Vec::new();
    if evidence.k_hat >= K_HAT_CORRECTED || evidence.k_hat.is_nan() {
        return reasons;
    }
    if evidence.k_hat >= K_HAT_OK || evidence.k_hat.is_nan() {
        reasons.push(format!("k-hat {:.2}: the draws need weights", evidence.k_hat));
    }
    let moved = evidence.parameters.iter().flat_map(|p| {
        let (name, shift, percent) = (&p.name, p.shift, 100.0 * p.sd_shift);
        let mean = (shift, SHIFT, format!("{name}: weights move the mean by {shift:.2} sd"));
        let sd = (p.sd_shift.abs(), SHIFT, format!("{name}: the plain sd is off by {percent:+.0} %"));
        let gap = (p.gap, GAP, format!("{name}: the plain distribution function is off by {:.2}", p.gap));
        let moved = |(size, limit, text): (f64, f64, String)| {
            (size.is_nan() || size >= limit).then_some((size / limit, text))
        };
        // The plainest of the three.
        [mean, sd, gap].into_iter().find_map(moved)
    });
    reasons.extend(worst(moved));
    reasons
}

/// What the verdict on chains is reached from.
#[derive(Clone, Debug)]
pub struct ChainEvidence<'a> {
    /// Name and diagnosis of every reported parameter; `None` for a constant.
    pub mixing: &'a [(&'a str, Option<Mixing>)],
    /// Draws, and how many of them diverged.
    pub draws: u64,
    pub divergences: u64,
    /// Part of them that may.
    pub divergent: f64,
    /// Draws whose trajectories did not turn within [`MAX_DEPTH`] doublings.
    pub saturated: u64,
    /// Why the density could most often not be evaluated.
    pub failure: Option<String>,
    pub interrupted: bool,
}

/// The verdict on chains and its reasons: `ok`, or `unreliable`, for nothing corrects a chain.
pub fn judge_chains(evidence: ChainEvidence) -> (Verdict, Vec<String>) {
    let mut reasons = Vec::new();
    if evidence.interrupted {
        reasons.push("interrupted: these are the draws so far".into());
    }
    let divergent = evidence.divergences as f64 / evidence.draws as f64;
    if divergent >= evidence.divergent {
        let most = evidence.failure.map(|reason| format!("; evaluations fail most often by: {reason}"));
        reasons.push(format!(
            "{} of {} draws diverged: part of the posterior is too curved for the step size{}",
            evidence.divergences,
            evidence.draws,
            most.unwrap_or_default()
        ));
    }
    let known = || evidence.mixing.iter().filter_map(|(name, mixing)| Some((*name, (*mixing)?)));
    let apart = known().filter(|(_, m)| m.r_hat.is_nan() || m.r_hat >= R_HAT);
    reasons.extend(worst(apart.map(|(name, m)| {
        let text = match m.r_hat.is_nan() {
            true => format!("{name}: draws that are not finite, or too few to judge"),
            false => format!(
                "{name}: R-hat {} is not below {R_HAT}: the chains do not agree",
                told_from(m.r_hat, R_HAT, 3)
            ),
        };
        (m.r_hat, text)
    })));
    type Part = (&'static str, fn(&Mixing) -> f64);
    let parts: [Part; 2] = [("middle", |m| m.ess_bulk), ("tails", |m| m.ess_tail)];
    for (what, ess) in parts {
        let few = known().filter(|(_, m)| ess(m) < ESS_CHAINS);
        reasons.extend(worst(few.map(|(name, m)| {
            let text = format!(
                "{name}: for its {what} the draws are worth {} of {ESS_CHAINS}; ask for more `posterior_draws`",
                told_from(ess(&m), ESS_CHAINS, 0)
            );
            (-ess(&m), text)
        })));
    }
    // No harm by itself, but why chains do not suffice.
    if !reasons.is_empty() && evidence.saturated > 0 {
        reasons.push(format!(
            "{} of {} trajectories had not turned after {} steps: the posterior is long and thin, and the chains \
             move slowly along it",
            evidence.saturated,
            evidence.draws,
            (1 << MAX_DEPTH) - 1
        ));
    }
    (if reasons.is_empty() { Verdict::Ok } else { Verdict::Unreliable }, reasons)
}

/// Parameters whose mean the weights do not settle, though they settle the draws as a whole.
fn heavy_tails(evidence: &Evidence) -> Vec<String> {
    // The tails of what varies less than it is asked for concern nobody.
    let heavy = evidence.parameters.iter().filter(|p| p.matters && p.k_hat >= K_HAT_CORRECTED);
    worst(heavy.map(|p| {
        let text =
            format!("{}: its own k-hat is {:.2}: trust its quantiles, not its mean and sd", p.name, p.k_hat);
        (p.k_hat, text)
    }))
}

/// Why a fit whose polish was good is a corrected one.
pub fn polished(k_hat: f64, polished: &Polished) -> String {
    let Polished { chains, rounds, shares, .. } = polished;
    let draws = chains.draws.first().copied().unwrap_or(0);
    let again = if *rounds > 1 { format!(", in {rounds} rounds") } else { String::new() };
    let modes = if let [_] = shares.as_slice() {
        String::new()
    } else {
        let percent: Vec<String> = shares.iter().map(|share| format!("{:.0} %", 100.0 * share)).collect();
        format!("{} modes hold {} of the mass; ", shares.len(), percent.join(", "))
    };
    let all: usize = chains.draws.iter().sum();
    let divergent = if chains.divergences as f64 >= DIVERGENT_FRACTION * all as f64 {
        format!("; {} of {all} draws diverged, but those of larger steps agree", chains.divergences)
    } else {
        String::new()
    };
    format!(
        "{modes}k-hat {k_hat:.2}: polished by {} chains of {draws} draws{again}, which agree (R-hat at most \
         {:.3}){divergent}",
        chains.draws.len(),
        chains.worst_r_hat()
    )
}

/// That it is not known how large modes are.
pub fn unknown_shares(error: f64) -> String {
    format!("the shares of the modes are known only to within {:.0} %", 100.0 * error)
}

/// `x` with so many decimals, or as many more as tell it from the limit it is compared with.
fn told_from(x: f64, limit: f64, decimals: usize) -> String {
    let shown = |n: usize| format!("{x:.n$}");
    let differs = |text: &String| text.parse::<f64>().is_ok_and(|shown| shown != limit);
    (decimals..17).map(shown).find(differs).unwrap_or_else(|| shown(decimals))
}

/// Reasons of one kind at most; the rest are counted.
const SHOWN: usize = 4;

/// The largest of these reasons first, and how many more there are.
fn worst(reasons: impl Iterator<Item = (f64, String)>) -> Vec<String> {
    let mut reasons: Vec<(f64, String)> = reasons.collect();
    reasons.sort_by(|a, b| b.0.total_cmp(&a.0));
    let more = reasons.len().saturating_sub(SHOWN);
    let mut texts: Vec<String> = reasons.into_iter().take(SHOWN).map(|(_, text)| text).collect();
    if more > 0 {
        texts.push(format!("... and {more} more of this kind"));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, shift: f64, k_hat: f64) -> ParameterCheck {
        ParameterCheck {
            shift,
            k_hat,
            matters: true,
            sd_shift: 0.01,
            ..ParameterCheck::constant(name.into(), 0.0, 9)
        }
    }

    fn check(k_hat: f64, ess: f64, shift: f64, failed: u64, expected: Verdict) {
        let tally = Tally { lanes: 1000, gradients: 0, failed, reasons: Vec::new() };
        let parameters = [parameter("a", 0.0, 0.69), parameter("b", shift, 0.1)];
        let evidence = Evidence {
            k_hat,
            ess,
            parameters: &parameters,
            scores: &[("a", ScoreGap { gap: 0.19, mcse: 0.01 })],
            rival_share: 0.009,
            unsettled: false,
            tally: &tally,
            interrupted: false,
            converged: true,
        };
        let verdict = |evidence| {
            let (verdict, reasons) = judge(evidence);
            assert_eq!(reasons.is_empty(), verdict == Verdict::Ok, "{reasons:?}");
            verdict
        };
        assert_eq!(verdict(evidence), expected);
        let grave = [
            Evidence { interrupted: true, ..evidence },
            Evidence { rival_share: 0.01, ..evidence },
            Evidence { unsettled: true, ..evidence },
            Evidence { scores: &[("a", ScoreGap { gap: -0.21, mcse: 0.05 })], ..evidence },
        ];
        for evidence in grave {
            assert_eq!(verdict(evidence), Verdict::Unreliable);
        }
        // large, but not beyond its error
        let noisy = [("a", ScoreGap { gap: 0.3, mcse: 0.1 })];
        assert_eq!(verdict(Evidence { scores: &noisy, ..evidence }), expected);
    }

    #[test]
    fn thresholds() {
        check(0.49, 5000.0, 0.049, 30, Verdict::Ok);
        check(f64::NEG_INFINITY, 10_000.0, 0.0, 0, Verdict::Ok);
        check(0.5, 400.0, 0.0, 0, Verdict::Corrected);
        check(0.3, 400.0, 0.05, 0, Verdict::Corrected);
        check(0.3, 400.0, f64::NAN, 0, Verdict::Corrected);
        check(0.3, 399.0, 0.05, 0, Verdict::Unreliable);
        check(0.7, 5000.0, 0.0, 0, Verdict::Unreliable);
        check(f64::NAN, 5000.0, 0.0, 0, Verdict::Unreliable);
        check(f64::INFINITY, 0.0, 0.0, 0, Verdict::Unreliable);
        check(0.1, 5000.0, 0.0, 31, Verdict::Unreliable);
    }

    #[test]
    fn what_misses_a_limit_is_not_shown_as_the_limit() {
        assert_eq!(told_from(0.7003, K_HAT_CORRECTED, 2), "0.7003");
        assert_eq!(told_from(0.71, K_HAT_CORRECTED, 2), "0.71");
        assert_eq!(told_from(0.7, K_HAT_CORRECTED, 2), "0.70");
        assert_eq!(told_from(f64::NAN, K_HAT_CORRECTED, 2), "NaN");
        assert_eq!(told_from(1.01004, R_HAT, 3), "1.01004");
        assert_eq!([399.4, 399.6, 399.96].map(|x| told_from(x, ESS, 0)), ["399", "399.6", "399.96"]);
    }

    #[test]
    fn long_trajectories_are_told_where_chains_do_not_suffice() {
        let mixed = |r_hat| Some(Mixing { r_hat, ess_bulk: 1000.0, ess_tail: 1000.0, ess_mean: 1000.0 });
        let judged = |r_hat, saturated| {
            let (draws, divergences, failure) = (4000, 0, None);
            let mixing = &[("a", mixed(r_hat))];
            let divergent = DIVERGENT_FRACTION;
            judge_chains(ChainEvidence {
                mixing,
                draws,
                divergences,
                divergent,
                saturated,
                failure,
                interrupted: false,
            })
        };
        assert_eq!(judged(1.0, 40), (Verdict::Ok, Vec::new()));
        let (verdict, reasons) = judged(1.02, 40);
        assert_eq!((verdict, reasons.len()), (Verdict::Unreliable, 2));
        assert!(
            reasons[1].starts_with("40 of 4000 trajectories had not turned after 1023 steps"),
            "{reasons:?}"
        );
        assert_eq!(judged(1.02, 0).1.len(), 1);
    }

    #[test]
    fn of_many_reasons_the_worst_are_shown() {
        let many = (0..100).map(|i| (f64::from(i % 50), format!("reason {i}")));
        let shown = worst(many);
        let expected = ["reason 49", "reason 99", "reason 48", "reason 98"];
        assert_eq!(shown[..4], expected);
        assert_eq!(shown[4..], ["... and 96 more of this kind"]);
    }

    #[test]
    fn a_parameter_without_a_mean_is_told_and_does_not_condemn() {
        let tally = Tally::default();
        let parameters = [parameter("x", 0.0, 0.98), parameter("y", 0.0, 0.4)];
        let (verdict, reasons) = judge(Evidence {
            k_hat: 0.6,
            ess: 5000.0,
            parameters: &parameters,
            scores: &[],
            rival_share: 0.0,
            unsettled: false,
            tally: &tally,
            interrupted: false,
            converged: true,
        });
        // A Cauchy's draws can be good although it has no mean.
        assert_eq!(verdict, Verdict::Corrected);
        let heavy = "x: its own k-hat is 0.98: trust its quantiles, not its mean and sd";
        assert_eq!(reasons, ["k-hat 0.60: the draws need weights", heavy]);
    }
}
