//! What data say of the model that is fitted to them: for `fit.json`, and for the screen.

use std::collections::BTreeMap;

use answers::loo::{self, Loo};
use answers::ppc::Checks;
use serde_json::{Value, json};

use crate::prior::Prior;
use crate::results::number;

/// Everything that is said.
#[derive(Default)]
pub struct Said {
    /// None where nothing can be left out.
    pub loo: Option<Loo>,
    pub checks: Checks,
    pub prior: Prior,
}

/// Quantities shown on the screen.
const SHOWN: usize = 5;

/// The sums of `loo.parquet`, as `fit.json` keeps them.
pub fn loo_json(loo: &Loo) -> Value {
    let outcome = |o: &loo::Outcome| json!({"name": o.name, "n": o.n, "digest": format!("{:016x}", o.digest), "loo_pit_p": number(o.pit_p)});
    json!({
        "elpd_loo": number(loo.elpd),
        "se_elpd_loo": number(loo.elpd_se),
        "p_loo": number(loo.p_loo),
        "se_p_loo": number(loo.p_loo_se),
        "looic": number(-2.0 * loo.elpd),
        "n": loo.n,
        "draws": loo.draws,
        "pareto_k": {
            "good_below": loo.good_below(),
            "good": loo.n - loo.bad - loo.very_bad,
            "bad": loo.bad,
            "very_bad": loo.very_bad,
        },
        "outcomes": loo.outcomes.iter().map(outcome).collect::<Vec<_>>(),
    })
}

/// What stands out in `ppc.parquet`.
pub fn ppc_json(checks: &Checks) -> Value {
    let extreme = checks.extreme.iter().map(|(what, p)| json!({"quantity": what, "p": p}));
    json!({
        "rows": checks.rows,
        "extreme": extreme.collect::<Vec<_>>(),
        "left_out": checks.left_out.iter().cloned().collect::<BTreeMap<_, _>>(),
    })
}

/// What stands out in `prior.parquet`.
pub fn prior_json(prior: &Prior) -> Value {
    let far = prior.far.iter().map(|(name, z)| json!({"name": name, "z": number(*z)}));
    json!({"far": far.collect::<Vec<_>>(), "left_out": prior.left_out})
}

/// The first few, with the number beside each.
fn shown(all: &[(String, f64)], number: impl Fn(f64) -> String) -> String {
    let first: Vec<String> =
        all.iter().take(SHOWN).map(|(what, x)| format!("{what} ({})", number(*x))).collect();
    let more = if all.len() > SHOWN { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

/// The same in a line each.
pub fn lines(said: &Said) -> String {
    let mut out = String::new();
    if let Some(loo) = &said.loo {
        let bad = match loo.bad + loo.very_bad {
            0 => String::new(),
            n => format!("; not to be trusted: Pareto k above {:.2} for {n} of {}", loo.good_below(), loo.n),
        };
        // One value has no standard error.
        let se = if loo.elpd_se.is_nan() { String::new() } else { format!(" (se {:.1})", loo.elpd_se) };
        out.push_str(&format!("elpd_loo {:.1}{se}, p_loo {:.1}{bad}\n", loo.elpd, loo.p_loo));
    }
    let extreme = &said.checks.extreme;
    if !extreme.is_empty() {
        let shown = shown(extreme, |p| format!("p {p:.3}"));
        out.push_str(&format!("the model does not reproduce: {shown}; see ppc.parquet\n"));
    }
    if !said.prior.far.is_empty() {
        let shown = shown(&said.prior.far, |z| format!("{z:+.1} prior sds"));
        out.push_str(&format!("far from the prior: {shown}; see prior.parquet\n"));
    }
    out
}
