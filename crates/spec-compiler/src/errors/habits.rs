//! What other languages call things: words of Stan, BUGS, R, PyMC and brms, and what to write instead.

/// Sections and keys, by the block that messages name.
const KEYS: &[(&str, &[&str], &str)] = &[
    (
        "a spec",
        &["parameters", "parameter", "params", "priors", "prior", "variables", "random", "unknowns"],
        "unknowns stand in `latent:`, each with its prior: `mu: normal(0, 1)`",
    ),
    (
        "a spec",
        &["likelihood", "likelihoods", "observed", "observations", "outcome", "outcomes", "response"],
        "columns with their laws stand in `observe:`, as in `y: normal(mu, sigma)`",
    ),
    (
        "a spec",
        &["transformed parameters", "transformed data", "generated quantities", "deterministic", "derived"],
        "what is computed stands in `let:`, as in `m: 2 * mu`",
    ),
    ("a spec", &["constants", "functions"], "what is computed stands in `let:`, as in `m: 2 * mu`"),
    ("a spec", &["coords", "plates", "sizes"], "dimensions stand in `dims:`, as in `k: 3`"),
    ("a spec", &["dataset", "datasets", "tables", "files"], "tables stand in `data:`"),
    ("a spec", &["target", "potential", "log_prob"], "terms of the log density stand in `factor:`"),
    (
        "a spec",
        &["sampler", "sampling", "fit", "options", "settings"],
        "choices of the fit stand in `inference:`",
    ),
    ("a likelihood", &["unit", "units"], "units of columns stand with their table: `units: {y: mM}`"),
    ("a stack", &["unit", "units"], "units of columns and stacks stand with their table: `units: {x: mM}`"),
    (
        "an `ode:` block",
        &["unit", "units"],
        "the time has the unit of its column, a state its own: `{initial: 10, rate: -k * s, unit: mM}`",
    ),
    (
        "`inference:`",
        &["samples", "iter", "iterations", "num_samples", "n_samples", "sample"],
        "`posterior_draws:` is the number of rows of the posterior",
    ),
    (
        "`inference:`",
        &["chains", "warmup", "tune", "burnin", "burn_in", "thin", "cores", "num_warmup", "num_chains"],
        "leave it out: a fit has no chains; its draws are independent, and it checks itself",
    ),
    ("`inference:`", &["learning_rate", "lr"], "leave it out: steps are chosen by the fit"),
    (
        "`inference:`",
        &["weight_decay", "momentum", "clip", "scheduler"],
        "leave it out: the ELBO is climbed in coordinates where every parameter is of order one",
    ),
    ("`inference:`", &["optimiser", "algorithm"], "it is `optimizer:`, or `method:`"),
];

/// Distributions, without case and `_`.
const LAWS: &[(&[&str], &str)] = &[
    (&["dnorm", "rnorm", "gaussian", "normallpdf", "norm", "gauss"], "normal"),
    (&["dunif", "runif", "unif", "uniformlpdf"], "uniform"),
    (&["dt", "rt", "student", "tdist", "studenttlpdf"], "student_t"),
    (&["dcauchy", "cauchylpdf"], "cauchy"),
    (&["dlnorm", "rlnorm", "lnorm", "lognorm"], "lognormal"),
    (&["dexp", "rexp", "expon"], "exponential"),
    (&["dgamma", "rgamma"], "gamma"),
    (&["igamma", "invgamma", "digamma"], "inverse_gamma"),
    (&["dbeta", "rbeta"], "beta"),
    (&["dbern", "bernoullilogit", "bernoullilogitlpmf"], "bernoulli"),
    (&["dbin", "dbinom", "rbinom", "binom", "binomiallogit"], "binomial"),
    (&["dpois", "rpois", "pois", "poissonlog", "poissonlpmf"], "poisson"),
    (&["dcat", "rcat"], "categorical"),
    (&["ddirch", "ddirich"], "dirichlet"),
    (&["cumulative", "orderedlogit"], "ordered_logistic"),
    (&["improper", "halfflat"], "flat"),
    (&["dnbinom", "negbin", "negbinomial", "negbinomial2", "nbinom"], "negative_binomial"),
    (&["mvn", "mvnormal", "multinormal", "multinormalcholesky", "dmnorm"], "multivariate_normal"),
    (
        &["zip", "zinb", "zib", "zeroinflatedpoisson", "zeroinflatednegbinomial", "zeroinflatedbinomial"],
        "zero_inflated",
    ),
    (&["hurdlepoisson", "hurdlenegbinomial", "hurdlegamma", "hurdlelognormal"], "hurdle"),
];

/// Functions: ours, as a call or an operator.
const FUNCTIONS: &[(&[&str], &str)] = &[
    (&["ln"], "log(x)"),
    (&["inv_logit", "expit", "logistic", "plogis", "invlogit"], "sigmoid(x)"),
    (&["pow", "power"], "a^b"),
    (&["fabs"], "abs(x)"),
    (&["ifelse", "if", "if_else", "cond", "switch"], "where(c, a, b)"),
    (&["gammaln", "lgam"], "lgamma(x)"),
    (&["log_sum_exp"], "logsumexp(x)"),
    (&["inner", "dot_product"], "dot(a, b)"),
    (&["matmul", "mm"], "a @ b"),
    (&["pmax", "fmax"], "maximum(a, b)"),
    (&["pmin", "fmin"], "minimum(a, b)"),
    (&["std", "stdev"], "sd(x)"),
    (&["var", "variance"], "sd(x)^2"),
    (&["scale", "standardize", "zscore"], "(x - mean(x)) / sd(x)"),
    (&["t"], "transpose(x)"),
    (&["round", "rint"], "floor(x + 0.5)"),
    (&["ceil", "ceiling"], "-floor(-x)"),
    (&["mod", "fmod"], "(a - b * floor(a / b))"),
];

/// Parameters: any of ours that the law has.
const PARAMETERS: &[(&[&str], &[&str])] = &[
    (&["mu", "loc", "location", "m", "mean"], &["mean", "loc", "log_mean", "rate"]),
    (&["sigma", "std", "stddev", "stdev", "scale", "sd", "s"], &["sd", "scale", "log_sd"]),
    (&["alpha", "a", "shape"], &["shape", "a", "concentration"]),
    (&["beta", "b"], &["rate", "b", "scale"]),
    (&["nu", "dof"], &["df"]),
    (&["lambda", "lam", "lamda", "mu"], &["rate"]),
    (&["prob", "probs", "probability", "theta", "pi"], &["p"]),
    (&["size", "trials", "total_count", "N"], &["n"]),
    (&["low", "lo", "min", "a"], &["lower"]),
    (&["high", "hi", "max", "b"], &["upper"]),
];

/// What to write for a key of another language.
pub fn key(block: &str, word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    KEYS.iter().find(|(of, words, _)| *of == block && words.contains(&word.as_str())).map(|found| found.2)
}

/// Our name of another language's distribution.
pub fn law(word: &str) -> Option<&'static str> {
    let word: String = word.chars().filter(|&c| c != '_').collect::<String>().to_lowercase();
    LAWS.iter().find(|(words, _)| words.contains(&word.as_str())).map(|found| found.1)
}

/// What another language's function is here.
pub fn function(word: &str) -> Option<&'static str> {
    FUNCTIONS.iter().find(|(words, _)| words.contains(&word)).map(|found| found.1)
}

/// What to write for a parameter that a law does not have, where it has one of that meaning.
pub fn parameter(word: &str, known: &[&str]) -> Option<String> {
    let spread = ["variance", "var", "sigma2", "sigma_sq", "sigma_squared", "precision", "prec", "tau"];
    if let (true, Some(sd)) = (spread.contains(&word), known.iter().find(|k| ["sd", "scale"].contains(*k))) {
        let precision = ["precision", "prec", "tau"].contains(&word);
        let root = if precision { "1 / sqrt(tau)" } else { "sqrt(v)" };
        return Some(format!("laws take scales here, not variances or precisions: write `{sd}={root}`"));
    }
    let same = PARAMETERS.iter().filter(|(words, _)| words.contains(&word)).flat_map(|(_, ours)| *ours);
    let found = same.copied().find(|ours| known.contains(ours))?;
    Some(format!("it is called `{found}` here"))
}

/// `mu ~ normal(0, 1)`, `m = 2 * x`: an entry that lacks its colon, and what to write.
pub fn entry(line: &str) -> Option<String> {
    let signs = ["+=", "<-", "~", "="];
    let found = signs.iter().filter_map(|sign| Some((line.find(sign)?, *sign))).min_by_key(|found| found.0);
    let (at, sign) = found?;
    let (name, value) = (line[..at].trim(), line[at + sign.len()..].trim().trim_end_matches(';'));
    if value.is_empty()
        || value.starts_with('=')
        || !name.starts_with(|c: char| c.is_alphabetic() || c == '_')
    {
        return None;
    }
    Some(match sign {
        "+=" => "give each term a name: `term: log density`; a likelihood stands in `observe:`".to_string(),
        _ => format!("write `{}: {}`", super::shown(name), super::shown(value)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is recommended exists, and what is a word of ours is no foreign one.
    #[test]
    fn recommendations_are_of_this_language() {
        use crate::check::functions;
        for (words, ours) in LAWS {
            assert!(functions::is_law(ours), "{ours}");
            assert!(words.iter().all(|word| distributions::lookup(word).is_none()), "{words:?}");
        }
        for (words, ours) in FUNCTIONS {
            let name = ours.split('(').next().unwrap();
            let known = functions::names().contains(&name) || !ours.chars().next().unwrap().is_alphabetic();
            assert!(known || ours.contains(['^', '@']), "{ours}");
            assert!(words.iter().all(|word| !functions::names().contains(word)), "{words:?}");
        }
        use crate::words::{INFERENCE, OBSERVE, ODE, SPEC, STACK};
        let blocks = [&SPEC, &INFERENCE, &OBSERVE, &ODE, &STACK];
        for (block, words, _) in KEYS {
            let block = blocks.iter().find(|known| known.name == *block).unwrap();
            assert!(words.iter().all(|word| block.status(word).is_none()), "{words:?}");
        }
    }

    #[test]
    fn entries_without_a_colon() {
        let check =
            |line: &str, expected: &str| assert_eq!(entry(line).unwrap_or_default(), expected, "{line}");
        check("mu ~ normal(0, 1)", "write `mu: normal(0, 1)`");
        check("theta[school] <- 2 * x;", "write `theta[school]: 2 * x`");
        check("m = where(a == b, 1, 2)", "write `m: where(a == b, 1, 2)`");
        check("a == b", "");
        check("mu", "");
        check("3 = x", "");
    }
}
