//! Laws with extra zeros in specs: their log density against numbers by hand.

mod support;

use support::Tables;
use support::models::{self, normal};

/// The log joint density, the coordinates of the latents in the order of the file.
fn log_joint(text: &str, u: &[f64]) -> f64 {
    let mut tables = Tables::read();
    tables.add("trips.csv", "caught,weight,share\n0,0,0.2\n3,1.5,0.5\n1,0.4,0\n");
    let t = models::compiled(text, &tables).target;
    models::log_joint(&t, &models::at(&t, u))
}

fn spec(latent: &str, observe: &str) -> String {
    format!(
        "model: m\ndata: {{trips: {{file: trips.csv, rows: trip}}}}\nlatent:\n{latent}observe:\n  {observe}\n"
    )
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}

fn poisson(x: i32, rate: f64) -> f64 {
    rate.powi(x) * (-rate).exp() / (1..=x).map(f64::from).product::<f64>()
}

const ONE: &str = "  b: normal(0, 1)\n";

/// z + (1 - z) f(0) at 0, (1 - z) f(x) elsewhere (Lambert 1992, Technometrics 34, equation 1).
#[test]
fn zero_inflated_counts() {
    let b = 0.4f64;
    let (z, rate) = (1.0 / (1.0 + (-b).exp()), (0.5 * b).exp());
    let zip = |x: i32, z: f64, rate: f64| match x {
        0 => z + (1.0 - z) * poisson(0, rate),
        x => (1.0 - z) * poisson(x, rate),
    };
    let rows: f64 = [0, 3, 1].map(|x| zip(x, z, rate).ln()).iter().sum();
    let expected = normal(b, 0.0, 1.0) + rows;
    for law in [
        "zero_inflated(poisson(exp(b / 2)), zero=sigmoid(b))",
        "zero_inflated(poisson(log_rate=b / 2), zero_logit=b)",
    ] {
        close(log_joint(&spec(ONE, &format!("caught: {law}")), &[b]), expected);
    }
    // A share a row, among them none at all.
    let rows: f64 = [(0, 0.2), (3, 0.5), (1, 0.0)].map(|(x, z)| zip(x, z, rate).ln()).iter().sum();
    let text = spec(ONE, "caught: zero_inflated(poisson(exp(b / 2)), zero=share)");
    close(log_joint(&text, &[b]), normal(b, 0.0, 1.0) + rows);
}

/// z at 0, (1 - z) f(x) / (1 - f(0)) elsewhere (Mullahy 1986, Journal of Econometrics 33).
#[test]
fn a_hurdle_of_counts() {
    let b = -0.3f64;
    let rate = b.exp();
    let above = |x: i32| 0.7 * poisson(x, rate) / (1.0 - poisson(0, rate));
    let expected = normal(b, 0.0, 1.0) + 0.3f64.ln() + above(3).ln() + above(1).ln();
    close(log_joint(&spec(ONE, "caught: hurdle(poisson(exp(b)), zero=0.3)"), &[b]), expected);
}

/// A zero has a probability, a positive number a density.
#[test]
fn a_hurdle_of_positive_numbers() {
    let b = 0.6f64;
    let lognormal = |x: f64| normal(x.ln(), b, 0.5) - x.ln();
    let (zero, rest) = (-(1.0 + (-b).exp()).ln(), -(1.0 + b.exp()).ln());
    let expected = normal(b, 0.0, 1.0) + zero + 2.0 * rest + lognormal(1.5) + lognormal(0.4);
    close(log_joint(&spec(ONE, "weight: hurdle(lognormal(b, 0.5), zero_logit=b)"), &[b]), expected);
}

/// A probability of 1.2 gives no density, as does one of -0.2, at a zero too.
#[test]
fn a_zero_that_is_no_probability() {
    for law in ["caught: zero_inflated(poisson(1), zero=1 * b)", "weight: hurdle(gamma(2, 1), zero=1 * b)"] {
        assert!(log_joint(&spec(ONE, law), &[0.5]).is_finite());
        for b in [-0.2, 1.2] {
            assert_eq!(log_joint(&spec(ONE, law), &[b]), f64::NEG_INFINITY, "{law} at {b}");
        }
    }
}

/// Two such laws in one, chosen by a weight; one that is cut off; one summed out as a latent.
#[test]
fn within_other_laws() {
    let b = 0.2f64;
    let of = |x: f64, m: f64, z: f64| match x {
        0.0 => z,
        x => (1.0 - z) * (normal(x.ln(), m, 1.0) - x.ln()).exp(),
    };
    let rows: f64 =
        [0.0, 1.5, 0.4].map(|x| (0.25 * of(x, b, 0.1) + 0.75 * of(x, 1.0, 0.6)).ln()).iter().sum();
    let law =
        "weight: mixture([0.25, 0.75], hurdle(lognormal(b, 1), zero=0.1), hurdle(lognormal(1, 1), zero=0.6))";
    close(log_joint(&spec(ONE, law), &[b]), normal(b, 0.0, 1.0) + rows);

    // Given that it is at most 3.
    let rate = b.exp();
    let mass = |x: i32| if x == 0 { 0.2 + 0.8 * poisson(0, rate) } else { 0.8 * poisson(x, rate) };
    let whole: f64 = (0..=3).map(mass).sum();
    let rows: f64 = [0, 3, 1].map(|x| (mass(x) / whole).ln()).iter().sum();
    let law = "caught: truncated(zero_inflated(poisson(exp(b)), zero=0.2), upper=3)";
    close(log_joint(&spec(ONE, law), &[b]), normal(b, 0.0, 1.0) + rows);

    let latent = format!("{ONE}  n[trip]: truncated(zero_inflated(poisson(exp(b)), zero=0.2), upper=3)\n");
    let rows: f64 = [0.0, 1.5, 0.4]
        .map(|x| (0..=3).map(|n| mass(n) / whole * normal(x, f64::from(n), 1.0).exp()).sum::<f64>().ln())
        .iter()
        .sum();
    close(log_joint(&spec(&latent, "weight: normal(n, 1)"), &[b]), normal(b, 0.0, 1.0) + rows);
}
