//! What the functions of `math` do at zeros, infinities, NaN, subnormal and huge numbers, in tails of
//! slices, in f32, and that their forms agree.

use numerics::math::*;
use numerics::simd::Isa;
use numerics::special;
use std::f64::consts::{FRAC_PI_2, PI};

type Slice1 = fn(Isa, &[f64], &mut [f64]);
type Slice2 = fn(Isa, &[f64], &mut [f64], &mut [f64]);

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
/// The smallest number.
const SUB: f64 = 5e-324;
const MAX: f64 = f64::MAX;

fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// Same bits, or both NaN.
fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

fn check(name: &str, f: Slice1, cases: &[(f64, f64)]) {
    let x: Vec<f64> = cases.iter().map(|c| c.0).chain([NAN, -NAN]).collect();
    let mut got = vec![0.0; x.len()];
    for isa in isas() {
        f(isa, &x, &mut got);
        for (i, &x) in x.iter().enumerate() {
            let want = cases.get(i).map_or(NAN, |c| c.1);
            assert!(same(got[i], want), "{isa} {name}({x:e}) = {:e}, not {want:e}", got[i]);
        }
    }
}

#[test]
fn exponentials_and_logarithms() {
    let zeros = [(0.0, 0.0), (-0.0, -0.0), (SUB, SUB), (-SUB, -SUB), (1e-300, 1e-300)];
    check(
        "exp",
        exp_slice,
        &[
            (0.0, 1.0),
            (-0.0, 1.0),
            (SUB, 1.0),
            (INF, INF),
            (-INF, 0.0),
            (MAX, INF),
            (-MAX, 0.0),
            (709.79, INF),
            (-745.14, 0.0),
            (-745.13, SUB),
        ],
    );
    for isa in isas() {
        let mut highest = [0.0];
        exp_slice(isa, &[709.782712893384], &mut highest);
        assert!((highest[0] / MAX - 1.0).abs() < 1e-12, "{isa}");
    }
    check("expm1", expm1_slice, &zeros);
    check(
        "expm1",
        expm1_slice,
        &[(INF, INF), (-INF, -1.0), (MAX, INF), (-MAX, -1.0), (709.79, INF), (-40.0, -1.0)],
    );
    check(
        "ln",
        ln_slice,
        &[
            (0.0, -INF),
            (-0.0, -INF),
            (1.0, 0.0),
            (INF, INF),
            (-INF, NAN),
            (-SUB, NAN),
            (-1.0, NAN),
            (SUB, -744.4400719213812),
            (MAX, 709.782712893384),
            (f64::MIN_POSITIVE, -708.3964185322641),
        ],
    );
    check("log1p", log1p_slice, &zeros);
    check(
        "log1p",
        log1p_slice,
        &[(-1.0, -INF), (INF, INF), (-INF, NAN), (-1.5, NAN), (-MAX, NAN), (MAX, 709.782712893384)],
    );
}

#[test]
fn logistic_family() {
    check(
        "tanh",
        tanh_slice,
        &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (SUB, SUB),
            (-SUB, -SUB),
            (INF, 1.0),
            (-INF, -1.0),
            (MAX, 1.0),
            (-30.0, -1.0),
        ],
    );
    check(
        "sigmoid",
        sigmoid_slice,
        &[(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (MAX, 1.0), (-MAX, 0.0), (SUB, 0.5)],
    );
    check("softplus", softplus_slice, &[(INF, INF), (-INF, 0.0), (MAX, MAX), (-MAX, 0.0), (-745.13, SUB)]);
}

#[test]
fn angles() {
    check(
        "sin",
        sin_slice,
        &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (SUB, SUB),
            (-SUB, -SUB),
            (INF, NAN),
            (-INF, NAN),
            (PI, 1.2246467991473532e-16),
            (MAX, 0.004961954789184062),
            (-MAX, -0.004961954789184062),
        ],
    );
    check(
        "cos",
        cos_slice,
        &[
            (0.0, 1.0),
            (-0.0, 1.0),
            (SUB, 1.0),
            (INF, NAN),
            (-INF, NAN),
            (MAX, -0.9999876894265599),
            (FRAC_PI_2, 6.123233995736766e-17),
        ],
    );
}

#[test]
fn error_functions_and_normal_tails() {
    check(
        "erf",
        erf_slice,
        &[(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (MAX, 1.0), (6.0, 1.0), (-MAX, -1.0)],
    );
    check(
        "erfc",
        erfc_slice,
        &[(INF, 0.0), (-INF, 2.0), (MAX, 0.0), (-MAX, 2.0), (27.3, 0.0), (27.226, SUB)],
    );
    check("erfcx", erfcx_slice, &[(INF, 0.0), (-INF, INF), (-26.7, INF), (-MAX, INF)]);
    check("ndtr", ndtr_slice, &[(INF, 1.0), (-INF, 0.0), (MAX, 1.0), (-MAX, 0.0), (40.0, 1.0), (-40.0, 0.0)]);
    check("log_ndtr", log_ndtr_slice, &[(-INF, -INF), (-MAX, -INF), (-1e100, -5e199)]);
    check(
        "ndtri",
        ndtri_slice,
        &[
            (0.0, -INF),
            (-0.0, -INF),
            (1.0, INF),
            (0.5, 0.0),
            (-SUB, NAN),
            (1.0000000000000002, NAN),
            (INF, NAN),
        ],
    );
    for isa in isas() {
        let x = [-INF, -MAX, -40.0, 1e100, MAX, INF, NAN];
        let (mut ln_q, mut hazard) = ([1.0; 7], [1.0; 7]);
        ln_q_hazard_slice(isa, &x, &mut ln_q, &mut hazard);
        assert!(ln_q[..3].iter().all(|&q| q == 0.0) && ln_q[3..6] == [-5e199, -INF, -INF]);
        assert!(hazard[..3] == [0.0; 3] && (hazard[3] / 1e100 - 1.0).abs() < 1e-15 && hazard[5] == INF);
        assert!(ln_q[6].is_nan() && hazard[6].is_nan());
        // Half-way points, to rounding.
        let mut half = [0.0; 3];
        erfc_slice(isa, &[0.0, -0.0, SUB], &mut half);
        assert!(half.iter().all(|h| (h - 1.0).abs() < 3e-16), "{isa}: {half:?}");
        ndtr_slice(isa, &[0.0, -0.0, SUB], &mut half);
        assert!(half.iter().all(|h| (h - 0.5).abs() < 2e-16), "{isa}: {half:?}");
    }
}

#[test]
fn gamma_family() {
    check(
        "lgamma",
        lgamma_slice,
        &[
            (0.0, INF),
            (-0.0, INF),
            (1.0, 0.0),
            (2.0, 0.0),
            (INF, INF),
            (-INF, INF),
            (-1.0, INF),
            (-7.0, INF),
            (-1e300, INF),
            (MAX, INF),
            (SUB, 744.4400719213812),
            (-SUB, 744.4400719213812),
        ],
    );
    check(
        "digamma",
        digamma_slice,
        &[(0.0, -INF), (-0.0, INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (-1e300, NAN), (SUB, -INF)],
    );
    check(
        "trigamma",
        trigamma_slice,
        &[(0.0, INF), (-0.0, INF), (INF, 0.0), (-INF, NAN), (-1.0, INF), (SUB, INF), (1e300, 1e-300)],
    );
}

#[test]
fn rests_of_the_gamma_family() {
    check(
        "lgamma_rest",
        lgamma_rest_slice,
        &[
            (0.0, INF),
            (-0.0, INF),
            (INF, 0.0),
            (-1.0, NAN),
            (-SUB, NAN),
            (-INF, NAN),
            (SUB, 371.30109742748596),
        ],
    );
    check(
        "digamma_rest",
        digamma_rest_slice,
        &[(0.0, -INF), (-0.0, -INF), (INF, -0.0), (-1.0, NAN), (-INF, NAN), (SUB, -INF), (1e200, -0.0)],
    );
    check(
        "trigamma_rest",
        trigamma_rest_slice,
        &[(0.0, INF), (-0.0, INF), (INF, 0.0), (-1.0, NAN), (-INF, NAN), (SUB, INF), (1e200, 0.0)],
    );
}

#[test]
fn the_gap_of_log1p_at_its_edges() {
    let cases = [
        (0.0, 3.0, 0.0),
        (0.0, INF, 0.0),
        (7.0, INF, 0.0),
        (7.0, 0.0, INF),
        (0.0, 0.0, NAN),
        (1.0, -3.0, NAN),
        (-2.0, 1.0, NAN),
        (NAN, 1.0, NAN),
        (1.0, NAN, NAN),
        (1e300, 1e-20, 736.8272297580946 - 1.0),
        (1e10, SUB, 767.4659228513217 - 1.0),
        (1e-200, 1e200, 0.0),
        (1e200, 1e-100, 690.7755278982137 - 1.0),
    ];
    for isa in isas() {
        for (n, a, want) in cases {
            let mut got = [1.0];
            log1p_gap_slice(isa, &[n], &[a], &mut got);
            let near = (got[0] - want).abs() <= 4e-16 * want.abs();
            assert!(near || same(got[0], want), "{isa} log1p_gap({n:e}, {a:e}) = {:e}, not {want:e}", got[0]);
            assert!(same(special::log1p_gap(n, a), got[0]) || isa != Isa::Baseline);
        }
    }
}

#[test]
fn arctangents() {
    check(
        "atan",
        atan_slice,
        &[
            (0.0, 0.0),
            (-0.0, -0.0),
            (SUB, SUB),
            (-SUB, -SUB),
            (1.0, FRAC_PI_2 / 2.0),
            (INF, FRAC_PI_2),
            (-INF, -FRAC_PI_2),
            (MAX, FRAC_PI_2),
        ],
    );
}

#[test]
fn bessel_functions() {
    check(
        "log_bessel_i0e",
        log_bessel_i0e_slice,
        &[(0.0, 0.0), (INF, -INF), (SUB, -SUB), (-1.0, NAN), (-INF, NAN), (-SUB, NAN)],
    );
    check(
        "bessel_gap",
        bessel_gap_slice,
        &[(0.0, 1.0), (SUB, 1.0), (INF, 0.0), (1e300, 5e-301), (-1.0, NAN), (-INF, NAN), (-SUB, NAN)],
    );
}

#[test]
fn roots_and_reciprocals() {
    check("sqrt", sqrt_slice, &[(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (INF, INF), (-1.0, NAN)]);
    check("recip", recip_slice, &[(0.0, INF), (-0.0, -INF), (4.0, 0.25), (INF, 0.0), (-INF, -0.0)]);
}

/// std's pow follows IEEE 754 at edges.
#[test]
fn pow_has_the_edges_of_ieee_754() {
    let numbers = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        3.0,
        -3.0,
        0.5,
        -0.5,
        2.5,
        -2.5,
        INF,
        -INF,
        NAN,
        SUB,
        -SUB,
        MAX,
        -MAX,
        1e16,
        -1e16,
        9007199254740991.0,
        -9007199254740993.0,
    ];
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for a in numbers {
        for b in numbers {
            x.push(a);
            y.push(b);
        }
    }
    let mut got = vec![0.0; x.len()];
    for isa in isas() {
        pow_slice(isa, &x, &y, &mut got);
        for i in 0..x.len() {
            let want = x[i].powf(y[i]);
            let near = (got[i] - want).abs() <= 3e-16 * want.abs() && got[i].signum() == want.signum();
            assert!(near || same(got[i], want), "{isa} {:e}^{:e} = {:e}, not {want:e}", x[i], y[i], got[i]);
        }
    }
}

type Scalar = fn(f64) -> f64;

const SINGLES: &[(&str, Slice1, Scalar)] = &[
    ("exp", exp_slice, special::exp),
    ("expm1", expm1_slice, special::expm1),
    ("ln", ln_slice, special::ln),
    ("log1p", log1p_slice, special::log1p),
    ("tanh", tanh_slice, special::tanh),
    ("sigmoid", sigmoid_slice, special::sigmoid),
    ("softplus", softplus_slice, special::softplus),
    ("sin", sin_slice, special::sin),
    ("cos", cos_slice, special::cos),
    ("erf", erf_slice, special::erf),
    ("erfc", erfc_slice, special::erfc),
    ("erfcx", erfcx_slice, special::erfcx),
    ("ndtr", ndtr_slice, special::ndtr),
    ("log_ndtr", log_ndtr_slice, special::log_ndtr),
    ("ndtri", ndtri_slice, special::ndtri),
    ("lgamma", lgamma_slice, special::lgamma),
    ("digamma", digamma_slice, special::digamma),
    ("trigamma", trigamma_slice, special::trigamma),
    ("lgamma_rest", lgamma_rest_slice, special::lgamma_rest),
    ("digamma_rest", digamma_rest_slice, special::digamma_rest),
    ("trigamma_rest", trigamma_rest_slice, special::trigamma_rest),
    ("atan", atan_slice, special::atan),
    ("log_bessel_i0e", log_bessel_i0e_slice, special::log_bessel_i0e),
    ("bessel_gap", bessel_gap_slice, special::bessel_gap),
];

/// Arguments of every kind; rare paths (huge angles, negative gammas) beside common ones.
fn arguments() -> Vec<f64> {
    let mut x: Vec<f64> = (0..101).map(|i| f64::from(i) * 0.37 - 18.1).collect();
    x.extend([1e22, -3.7e300, SUB, INF, 0.25, NAN, 0.0, -0.0]);
    x
}

#[test]
fn an_elements_bits_depend_on_nothing_but_its_value() {
    let x = arguments();
    for isa in isas() {
        for (name, f, _) in SINGLES {
            let mut whole = vec![0.0; x.len()];
            f(isa, &x, &mut whole);
            for (i, &x) in x.iter().enumerate() {
                let mut alone = [0.0];
                f(isa, &[x], &mut alone);
                assert!(same(alone[0], whole[i]), "{isa} {name}({x:e})");
            }
            for start in 1..8 {
                let mut part = vec![0.0; x.len() - start];
                f(isa, &x[start..], &mut part);
                assert!(part.iter().zip(&whole[start..]).all(|(&a, &b)| same(a, b)), "{isa} {name}");
            }
        }
    }
}

#[test]
fn scalars_are_the_baseline_and_avx2_is_avx512() {
    let x = arguments();
    for (name, f, scalar) in SINGLES {
        let mut baseline = vec![0.0; x.len()];
        f(Isa::Baseline, &x, &mut baseline);
        for (&x, &y) in x.iter().zip(&baseline) {
            assert!(same(scalar(x), y), "{name}({x:e})");
        }
        if Isa::Avx512.is_available() {
            let (mut a, mut b) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            f(Isa::Avx2, &x, &mut a);
            f(Isa::Avx512, &x, &mut b);
            for i in 0..x.len() {
                assert!(same(a[i], b[i]), "{name}({:e})", x[i]);
            }
        }
    }
    assert!((special::pow(2.5, 3.5) - 24.705294220065465).abs() < 4e-15);
    assert_eq!(special::ln_q_hazard(1.5).0, special::log_ndtr(-1.5));
}

#[test]
fn twins_are_their_singles() {
    let twins: [(&str, Slice2, Slice1, Slice1); 2] = [
        ("softplus, sigmoid", softplus_sigmoid_slice, softplus_slice, sigmoid_slice),
        ("sin, cos", sin_cos_slice, sin_slice, cos_slice),
    ];
    let x = arguments();
    for isa in isas() {
        for (name, twin, first, second) in twins {
            let [mut a, mut b, mut c, mut d] = [const { Vec::new() }; 4].map(|v: Vec<f64>| {
                let mut v = v;
                v.resize(x.len(), 0.0);
                v
            });
            twin(isa, &x, &mut a, &mut b);
            first(isa, &x, &mut c);
            second(isa, &x, &mut d);
            for i in 0..x.len() {
                assert!(same(a[i], c[i]) && same(b[i], d[i]), "{isa} {name} at {:e}", x[i]);
            }
        }
    }
}

#[test]
fn f32_is_f64_rounded_once() {
    let x: Vec<f32> = (0..37).map(|i| i as f32 * 0.83 - 15.0).chain([f32::NAN, 1e-45, 3e38]).collect();
    let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
    type Pair = (fn(Isa, &[f32], &mut [f32]), Slice1);
    let pairs: [Pair; 4] = [
        (exp_slice_f32, exp_slice),
        (log_ndtr_slice_f32, log_ndtr_slice),
        (lgamma_slice_f32, lgamma_slice),
        (tanh_slice_f32, tanh_slice),
    ];
    for isa in isas() {
        for (narrow, f) in pairs {
            let (mut got, mut want) = (vec![0f32; x.len()], vec![0.0; x.len()]);
            narrow(isa, &x, &mut got);
            f(isa, &wide, &mut want);
            for i in 0..x.len() {
                assert!(same(got[i].into(), (want[i] as f32).into()), "{isa} {}", x[i]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "one length")]
fn slices_of_different_lengths_are_refused() {
    exp_slice(Isa::Baseline, &[0.0; 3], &mut [0.0; 4]);
}
