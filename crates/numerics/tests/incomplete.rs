//! Incomplete integrals and implicit derivatives against references of 40 digits or more, over shapes
//! from 1e-4 to 1e6 and quantiles from 1e-12 to 1 - 1e-12, and at their edges.
//!
//! `NUMERICS_REFERENCES=DIR` reads other references, such as those of
//! `tests/references/make_incomplete.py 4000 DIR`; `cargo test -- --nocapture` prints what was measured.

use std::path::PathBuf;

use numerics::incomplete::beta::{self, Proportion};
use numerics::incomplete::{gamma, ln_1m_exp, student_t, von_mises};

/// Rows of a reference: arguments, then values to their nearest f64.
fn reference(name: &str, args: usize, values: usize) -> Vec<(Vec<f64>, Vec<f64>)> {
    let folder = std::env::var("NUMERICS_REFERENCES")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/references"), PathBuf::from);
    let path = folder.join(format!("{name}.csv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let rows = text.lines().map(|line| {
        let number = |s: &str| f64::from_bits(u64::from_str_radix(s, 16).expect("hexadecimal digits"));
        let numbers: Vec<f64> = line.split(',').map(number).collect();
        assert_eq!(numbers.len(), args + 2 * values, "{name}: {line}");
        (numbers[..args].to_vec(), numbers[args..].iter().copied().step_by(2).collect())
    });
    rows.collect()
}

/// Relative errors of `f` against a reference stay below `stated`.
fn audit(name: &str, args: usize, stated: f64, f: impl Fn(&[f64]) -> Vec<f64>) {
    let probe = f(&vec![0.5; args]).len();
    let rows = reference(name, args, probe);
    assert!(rows.len() >= 90, "{name} has only {} points", rows.len());
    let mut worst = (0.0, String::new());
    for (at, expected) in rows {
        for (k, (found, expected)) in f(&at).into_iter().zip(expected).enumerate() {
            // Below the smallest normal number there are no digits to keep.
            let error = if expected.abs() < 1e-300 {
                (found - expected).abs() / 1e-300
            } else {
                ((found - expected) / expected).abs()
            };
            if error.is_nan() || error > worst.0 {
                let error = if error.is_nan() { f64::INFINITY } else { error };
                worst = (error, format!("value {k} at {at:?}: {found:e}, not {expected:e}"));
            }
        }
    }
    println!("{name:20} {:.1e} (stated {stated:e}): {}", worst.0, worst.1);
    assert!(worst.0 <= stated, "{name}: relative error {:.1e}, {}", worst.0, worst.1);
}

#[test]
fn gamma_tails_hold_their_stated_error() {
    audit("gamma_tails", 2, 1e-12, |v| {
        let t = gamma::tails(v[0], v[1]);
        vec![t.ln_p, t.ln_q]
    });
}

#[test]
fn gamma_implicit_holds_its_stated_error() {
    audit("gamma_implicit", 2, 1e-12, |v| vec![gamma::ln_implicit(v[0], v[1])]);
}

#[test]
fn beta_tails_hold_their_stated_error() {
    audit("beta_ln_tails", 3, 1e-12, |v| {
        let t = beta::tails(v[0], v[1], Proportion::from_ln_odds(v[2]));
        vec![t.ln_p, t.ln_q]
    });
}

#[test]
fn beta_implicit_holds_its_stated_error() {
    audit("beta_implicit", 3, 1e-12, |v| {
        let (da, db) = beta::implicit(v[0], v[1], Proportion::from_ln_odds(v[2]));
        vec![da, db]
    });
}

#[test]
fn student_t_holds_its_stated_errors() {
    audit("student_t_implicit", 2, 1e-12, |v| vec![student_t::ln_implicit(v[0], v[1])]);
    audit("student_t_ln_cdf", 2, 1e-12, |v| vec![student_t::ln_cdf(v[0], v[1]).0]);
}

#[test]
fn von_mises_implicit_holds_its_stated_error() {
    audit("von_mises_implicit", 2, 1e-12, |v| vec![von_mises::implicit(v[0], v[1])]);
}

/// By 90-digit arithmetic elsewhere.
#[test]
fn implicit_derivatives_of_a_published_table() {
    let close = |found: f64, expected: f64, what: &str| {
        assert!((found / expected - 1.0).abs() < 1e-13, "{what}: {found}, not {expected}");
    };
    for (a, x, expected) in [
        (0.1, 0.001, 0.06490724738374097),
        (0.5, 0.2, 0.7940505663308433),
        (1.0, 1.0, 1.173563027224727),
        (2.5, 1.3, 0.7556605628280004),
        (10.0, 12.0, 1.112329443018088),
        (100.0, 95.0, 0.976198311218707),
    ] {
        close(gamma::implicit(a, x), expected, &format!("gamma({a}) at {x}"));
    }
    for (a, b, x, da, db) in [
        (0.5, 0.5, 0.3, 0.9254290858842759, -0.6748321778963237),
        (2.0, 3.0, 0.4, 0.1393920000506693, -0.09047704653564743),
        (0.05, 2.0, 0.01, 0.7394182030196251, -0.006315462209959862),
        (30.0, 20.0, 0.62, 0.00782084272982713, -0.01226646630156967),
    ] {
        let found = beta::implicit(a, b, Proportion::new(x, 1.0 - x));
        close(x * (1.0 - x) * found.0, da, &format!("beta({a}, {b}) at {x}, by a"));
        close(x * (1.0 - x) * found.1, db, &format!("beta({a}, {b}) at {x}, by b"));
    }
    for (x, kappa, expected) in
        [(0.7, 1.0, -0.3924834361908573), (-1.2, 4.0, 0.1974835916283779), (2.0, 0.3, -0.9539714312722175)]
    {
        close(von_mises::implicit(kappa, x), expected, &format!("von_mises({kappa}) at {x}"));
    }
}

/// The mean of cos x moves by 1 - A^2 - A/kappa, A = I1/I0: the trapezoidal rule, exact for what is
/// periodic and smooth. Bessel functions by mpmath.
#[test]
fn the_mean_of_cosines_moves_with_the_concentration() {
    for (kappa, expected) in [(1.0, 0.354346032450356), (4.0, 0.038448047493205)] {
        let n = 400;
        let (mut total, mut moved) = (0.0, 0.0);
        for k in 0..n {
            let x = std::f64::consts::PI * (2.0 * f64::from(k) / f64::from(n) - 1.0);
            let p = (kappa * (f64::cos(x) - 1.0)).exp();
            total += p;
            moved -= p * x.sin() * von_mises::implicit(kappa, x);
        }
        assert!((moved / total - expected).abs() < 1e-13, "{kappa}: {}", moved / total);
    }
}

#[test]
fn edges_of_the_supports() {
    let inf = f64::INFINITY;
    let t = gamma::tails(2.5, 0.0);
    assert_eq!((t.ln_p, t.ln_q, t.rate_p, t.rate_q), (-inf, 0.0, 2.5, 0.0));
    let t = gamma::tails(2.5, inf);
    assert_eq!((t.ln_p, t.ln_q, t.rate_p, t.rate_q), (0.0, -inf, 0.0, inf));
    assert_eq!(gamma::implicit(2.5, 0.0), 0.0);
    assert_eq!((gamma::d_ln_p(2.5, 0.0), gamma::d_ln_q(2.5, 0.0)), (-inf, 0.0));
    assert_eq!((gamma::d_ln_p(2.5, inf), gamma::d_ln_q(2.5, inf)), (0.0, inf));

    let t = beta::tails(2.0, 3.0, Proportion::new(0.0, 1.0));
    assert_eq!((t.ln_p, t.ln_q, t.rate_p, t.rate_q), (-inf, 0.0, 2.0, 0.0));
    let t = beta::tails(2.0, 3.0, Proportion::new(1.0, 0.0));
    assert_eq!((t.ln_p, t.ln_q, t.rate_p, t.rate_q), (0.0, -inf, 0.0, 3.0));
    assert_eq!(beta::d_ln_p(2.0, 3.0, Proportion::new(1.0, 0.0)), (0.0, 0.0));
    assert_eq!(beta::d_ln_p(2.0, 3.0, Proportion::new(0.0, 1.0)), (-inf, inf));

    assert_eq!(student_t::ln_cdf(3.0, inf), (0.0, 0.0));
    assert_eq!(student_t::ln_cdf(3.0, -inf).0, -inf);
    assert_eq!(student_t::ln_cdf(3.0, 0.0).0, 0.5f64.ln());
    assert_eq!((student_t::implicit(3.0, 0.0), student_t::d_ln_cdf(3.0, 0.0)), (0.0, 0.0));
    assert_eq!(von_mises::implicit(2.0, 0.0), 0.0);
    assert!(von_mises::implicit(2.0, std::f64::consts::PI).abs() < 1e-15);
    assert_eq!(ln_1m_exp(0.0), -inf);
    assert_eq!(ln_1m_exp(-inf), 0.0);
}

#[test]
fn arguments_outside_the_domain_are_nan() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(gamma::tails(bad, 1.0).ln_p.is_nan() && gamma::implicit(bad, 1.0).is_nan(), "{bad}");
        for x in [0.0, 1.0, f64::INFINITY] {
            assert!(gamma::d_ln_p(bad, x).is_nan() && gamma::d_ln_q(bad, x).is_nan(), "{bad} {x}");
            assert!(gamma::tails(bad, x).ln_q.is_nan() && gamma::implicit(bad, x).is_nan(), "{bad} {x}");
        }
        assert!(student_t::d_ln_cdf(bad, 1.0).is_nan(), "{bad}");
        let half = Proportion::new(0.5, 0.5);
        for (a, b) in [(bad, 1.0), (1.0, bad)] {
            assert!(beta::tails(a, b, half).ln_p.is_nan() && beta::implicit(a, b, half).0.is_nan(), "{bad}");
            assert!(beta::d_ln_p(a, b, half).1.is_nan(), "{bad}");
        }
        assert!(student_t::ln_cdf(bad, 1.0).0.is_nan() && student_t::implicit(bad, 1.0).is_nan(), "{bad}");
    }
    for bad in [-1.0, f64::NAN, -f64::INFINITY] {
        assert!(gamma::tails(1.5, bad).ln_q.is_nan() && gamma::implicit(1.5, bad).is_nan(), "{bad}");
        assert!(von_mises::implicit(bad, 1.0).is_nan(), "{bad}");
    }
    assert!(beta::tails(1.0, 1.0, Proportion::from_ln_odds(f64::NAN)).ln_p.is_nan());
    assert!(student_t::ln_cdf(3.0, f64::NAN).0.is_nan());
    assert!(von_mises::implicit(1.0, 3.2).is_nan());
}

/// Where nothing else can be computed the tails still add to one and the laws still agree: shapes far
/// beyond the audited ones.
#[test]
fn laws_agree_far_outside_the_audited_domain() {
    let close = |found: f64, expected: f64, tolerance: f64, what: &str| {
        assert!((found / expected - 1.0).abs() < tolerance, "{what}: {found:e}, not {expected:e}");
    };
    // Exponentials and powers.
    for x in [1e-300, 1e-10, 1.0, 700.0, 1e6] {
        close(gamma::tails(1.0, x).ln_q, -x, 1e-13, "ln Q(1, x)");
        let z = f64::min(x, 1e5);
        close(beta::tails(z, 1.0, Proportion::new(0.25, 0.75)).ln_p, z * 0.25f64.ln(), 1e-13, "ln I(a, 1)");
    }
    // A Cauchy far out; the normal limit.
    close(student_t::ln_cdf(1.0, -1e200).0, -(std::f64::consts::PI * 1e200).ln(), 1e-14, "Cauchy");
    close(student_t::ln_cdf(1e15, -8.0).0, numerics::special::log_ndtr(-8.0), 1e-12, "normal");
    close(student_t::implicit(1e9, -2.0), 2.0 * 5.0 / 4e18, 1e-8, "towards the normal");
    // Gammas of any size: the median's derivative is about one where the shape is large.
    for a in [1e8, 1e12] {
        close(gamma::implicit(a, a), 1.0, 1e-4, "at the mean");
        let t = gamma::tails(a, a + 3.0 * a.sqrt());
        close(t.ln_q, numerics::special::log_ndtr(-3.0), 1e-3, "three standard deviations up");
    }
    // d ln x/da is -ln(P Gamma(a + 1)) / a^2 + .. : with P = 1/e, about 1/a^2.
    for a in [1e-8, 1e-100] {
        close(gamma::ln_implicit(a, -1.0 / a), 1.0 / (a * a), 1e-7, "a tiny shape");
    }
}

/// Arguments between 1e-100 and 1e100: tails are probabilities that add to one, derivatives have their signs.
#[test]
fn arguments_of_very_different_sizes_have_probabilities() {
    let mut state = 1u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut bad = Vec::new();
    for k in 0..6_000 {
        let reach = if k % 2 == 0 { 100.0 } else { 12.0 };
        let mut size = || 10f64.powf(reach * (2.0 * uniform() - 1.0));
        let (a, b, x) = (size(), size(), size());
        let near = if k % 3 == 0 { a * (0.9 + 0.2 * uniform()) } else { x };
        let sums = |ln_p: f64, ln_q: f64| {
            ln_p <= 0.0 && ln_q <= 0.0 && (ln_p.exp() + ln_q.exp() - 1.0).abs() < 1e-13
        };
        let t = gamma::tails(a, near);
        if !(sums(t.ln_p, t.ln_q) && t.rate_p >= 0.0 && t.rate_q >= 0.0 && gamma::implicit(a, near) >= 0.0) {
            bad.push(format!("gamma({a:e}) at {near:e}: {t:?}, {:e}", gamma::implicit(a, near)));
        }
        let w = if k % 3 == 0 { (a / b).ln() * (1.0 + 1e-3 * uniform()) } else { x.ln() };
        let at = Proportion::from_ln_odds(w);
        let (t, (da, db)) = (beta::tails(a, b, at), beta::implicit(a, b, at));
        if !(sums(t.ln_p, t.ln_q) && t.rate_p >= 0.0 && t.rate_q >= 0.0 && da >= 0.0 && db <= 0.0) {
            bad.push(format!("beta({a:e}, {b:e}) at {w:e}: {t:?}, {da:e}, {db:e}"));
        }
        let (l, rate) = student_t::ln_cdf(a, -x);
        let moved = student_t::ln_implicit(a, x.ln());
        if !(l <= -0.5f64.ln().abs() && rate >= 0.0 && moved <= 0.0) {
            bad.push(format!("t({a:e}) at {x:e}: {l:e}, {rate:e}, {moved:e}"));
        }
        let angle = 3.0 * uniform();
        let moved = von_mises::implicit(a, angle);
        if moved.is_nan() || moved > 0.0 {
            bad.push(format!("von_mises({a:e}) at {angle}: {moved:e}"));
        }
    }
    assert!(bad.is_empty(), "{} of them:\n{}", bad.len(), bad[..bad.len().min(40)].join("\n"));
}
