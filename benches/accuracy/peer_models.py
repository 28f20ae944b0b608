"""The specs that peers are measured on, in NumPyro and in PyMC: the same laws, written as the spec writes them.

A model takes the columns of its tables and the module `lib` that has the library's words: `sample(name,
law)`, `observe(name, law, value)`, `named(name, value)`. The laws are those that both libraries have,
under the spec's names and with its parameters. So a model stands here once."""

import numpy as np


def eight_schools(lib, d):
    mu = lib.sample("mu", lib.normal(0.0, 5.0))
    tau = lib.sample("tau", lib.half_cauchy(5.0))
    z = lib.sample("z", lib.normal(0.0, 1.0, size=8))
    theta = lib.named("theta", mu + tau * z)
    lib.observe("effect", lib.normal(theta, d["se"]), d["effect"])


def puromycin(lib, d):
    vmax = lib.sample("vmax", lib.lognormal(5.0, 1.0, size=2))
    km = lib.sample("km", lib.lognormal(-3.0, 1.0, size=2))
    sigma = lib.sample("sigma", lib.half_normal(30.0, size=2))
    s, conc = d["state_index"], d["conc"]
    lib.observe("rate", lib.normal(vmax[s] * conc / (km[s] + conc), sigma[s]), d["rate"])


def radon(lib, d):
    mu = lib.sample("mu", lib.normal(0.0, 5.0))
    gamma = lib.sample("gamma", lib.normal(0.0, 2.0))
    tau = lib.sample("tau", lib.half_cauchy(5.0))
    alpha = lib.sample("alpha", lib.normal(mu + gamma * np.log(d["uranium"]), tau))
    slope = lib.sample("slope", lib.normal(0.0, 5.0))
    sigma = lib.sample("sigma", lib.half_normal(5.0))
    lib.observe("log_radon", lib.normal(alpha[d["county_index"]] + slope * d["floor"], sigma), d["log_radon"])


def logistic_regression(lib, d):
    b = lib.sample("b", lib.normal(0.0, 1.0, size=8))
    b0 = lib.sample("b0", lib.normal(0.0, 2.5))
    lib.observe("outcome", lib.bernoulli_logit(b0 + lib.product(d["x"], b)), d["outcome"])


def robust_regression(lib, d):
    x = d["x"]
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    intercept = lib.sample("intercept", lib.normal(20.0, 20.0))
    beta = lib.sample("beta", lib.normal(0.0, 10.0, size=3))
    df = lib.sample("df", lib.gamma(2.0, 0.1))
    scale = lib.sample("scale", lib.half_normal(10.0))
    lib.observe("loss", lib.student_t(df, intercept + lib.product(z, beta), scale), d["loss"])


def bioassay(lib, d):
    alpha = lib.sample("alpha", lib.cauchy(0.0, 10.0))
    beta = lib.sample("beta", lib.cauchy(0.0, 2.5))
    lib.named("ld50", -alpha / beta)
    lib.observe("deaths", lib.binomial_logit(d["animals"], alpha + beta * d["dose"]), d["deaths"])


def kidscore_interaction(lib, d):
    beta = lib.sample("beta", lib.flat(size=4))
    sigma = lib.sample("sigma", lib.half_cauchy(2.5))
    hs, iq = d["mom_hs"], d["mom_iq"]
    lib.observe("kid_score", lib.normal(beta[0] + beta[1] * hs + beta[2] * iq + beta[3] * hs * iq, sigma), d["kid_score"])


def collinear(lib, d):
    b0 = lib.sample("b0", lib.normal(0.0, 10.0))
    b = lib.sample("b", lib.normal(0.0, 10.0, size=2))
    sigma = lib.sample("sigma", lib.half_normal(2.0))
    lib.observe("y", lib.normal(b0 + lib.product(d["x"], b), sigma), d["y"])


def far_prior(lib, d):
    x = lib.sample("x", lib.normal(0.0, 1.0))
    lib.observe("y", lib.normal(x, 0.5), d["y"])


def ridge(lib, d):
    vmax = lib.sample("vmax", lib.half_cauchy(5.0))
    km = lib.sample("km", lib.half_cauchy(5.0))
    sigma = lib.sample("sigma", lib.half_normal(0.1))
    lib.observe("rate", lib.normal(vmax * d["conc"] / (km + d["conc"]), sigma), d["rate"])


def separable(lib, d):
    intercept = lib.sample("intercept", lib.cauchy(0.0, 10.0))
    slope = lib.sample("slope", lib.cauchy(0.0, 2.5))
    lib.observe("died", lib.bernoulli_logit(intercept + slope * d["dose"]), d["died"])


def funnel(lib, _):
    v = lib.sample("v", lib.normal(0.0, 3.0))
    lib.sample("x", lib.normal(0.0, lib.exp(v / 2), size=9))


# The case -> its model.
MODELS = {
    "specs/eight_schools": eight_schools,
    "specs/puromycin": puromycin,
    "specs/radon": radon,
    "specs/logistic_regression": logistic_regression,
    "textbook/robust_regression": robust_regression,
    "textbook/bioassay": bioassay,
    "truth/kidiq-kidscore_interaction": kidscore_interaction,
    "targets/collinear": collinear,
    "targets/far_prior": far_prior,
    "targets/ridge": ridge,
    "targets/separable": separable,
    "targets/funnel": funnel,
}
