//! What is said of how well a model describes its data.

use answers::loo::Loo;
use serde_json::{Value, json};

use crate::results::number;

/// The sums of `loo.parquet`, as `fit.json` keeps them.
pub fn loo_json(loo: &Loo) -> Value {
    let outcome = |o: &answers::loo::Outcome| {
        json!({"name": o.name, "n": o.n, "digest": format!("{:016x}", o.digest), "loo_pit_p": number(o.pit_p)})
    };
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

/// The same in a line.
pub fn loo_line(loo: &Loo) -> String {
    let bad = match loo.bad + loo.very_bad {
        0 => String::new(),
        n => format!("; not to be trusted: Pareto k above {:.2} for {n} of {}", loo.good_below(), loo.n),
    };
    format!("elpd_loo {:.1} (se {:.1}), p_loo {:.1}{bad}\n", loo.elpd, loo.elpd_se, loo.p_loo)
}
