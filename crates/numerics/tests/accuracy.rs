//! Every function of `math` against references of 60 digits: its stated error is held on every
//! available instruction set, and its edges are what its documentation says.
//!
//! `NUMERICS_REFERENCES=DIR` reads other references, such as those of
//! `tests/references/make.py 4000 DIR`, by which the stated errors were set;
//! `cargo test -- --nocapture` prints what was measured.

use numerics::math::*;
use numerics::simd::Isa;
use std::path::PathBuf;

type Slice1 = fn(Isa, &[f64], &mut [f64]);
type Slice2 = fn(Isa, &[f64], &[f64], &mut [f64]);

/// (reference, function, stated error in ulp).
const FUNCTIONS: &[(&str, Slice1, f64)] = &[
    ("exp", exp_slice, 1.1),
    ("expm1", expm1_slice, 1.2),
    ("ln", ln_slice, 1.0),
    ("log1p", log1p_slice, 1.0),
    ("tanh", tanh_slice, 2.0),
    ("sigmoid", sigmoid_slice, 2.5),
    ("softplus", softplus_slice, 1.5),
    ("sin", sin_slice, 1.0),
    ("cos", cos_slice, 1.0),
    ("erf", erf_slice, 2.5),
    ("erfc", erfc_slice, 4.0),
    ("erfcx", erfcx_slice, 4.0),
    ("ndtr", ndtr_slice, 4.0),
    ("log_ndtr", log_ndtr_slice, 4.5),
    ("hazard", hazard_slice, 4.5),
    ("ndtri", ndtri_slice, 6.0),
    ("lgamma", lgamma_slice, 4.0),
    ("digamma", digamma_slice, 6.0),
    ("trigamma", trigamma_slice, 4.0),
    ("trigamma_negative", trigamma_slice, 6.0),
    ("lgamma_rest", lgamma_rest_slice, 40.0),
    ("digamma_rest", digamma_rest_slice, 24.0),
    ("trigamma_rest", trigamma_rest_slice, 8.0),
    ("atan", atan_slice, 2.0),
    ("log_bessel_i0e", log_bessel_i0e_slice, 8.0),
    ("bessel_gap", bessel_gap_slice, 40.0),
];

/// Where zeros that are no f64 numbers leave only absolute errors: ulp of max(1, |result|).
const ABSOLUTE: &[(&str, Slice1, f64)] =
    &[("lgamma_negative", lgamma_slice, 24.0), ("digamma_negative", digamma_slice, 24.0)];

fn hazard_slice(isa: Isa, x: &[f64], out: &mut [f64]) {
    ln_q_hazard_slice(isa, x, &mut vec![0.0; x.len()], out);
}

fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

/// The columns of a reference.
fn reference<const N: usize>(name: &str) -> [Vec<f64>; N] {
    let folder = std::env::var("NUMERICS_REFERENCES")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/references"), PathBuf::from);
    let path = folder.join(format!("{name}.csv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut columns = [const { Vec::new() }; N];
    for line in text.lines() {
        let numbers: Vec<&str> = line.split(',').collect();
        assert_eq!(numbers.len(), N, "{name}: {line}");
        for (column, number) in columns.iter_mut().zip(numbers) {
            column.push(f64::from_bits(u64::from_str_radix(number, 16).expect("hexadecimal digits")));
        }
    }
    assert!(columns[0].len() >= 300, "{name} has only {} points", columns[0].len());
    columns
}

fn ulp(x: f64) -> f64 {
    let x = x.abs().max(f64::MIN_POSITIVE);
    f64::from_bits(x.to_bits() + 1) - x
}

/// (largest error, its place).
fn worst(got: &[f64], hi: &[f64], lo: &[f64], unit: impl Fn(usize) -> f64) -> (f64, usize) {
    let mut worst = (0.0, 0);
    for i in 0..got.len() {
        let error = if got[i] == hi[i] { lo[i].abs() } else { ((got[i] - hi[i]) - lo[i]).abs() };
        let error = error / unit(i);
        if error.is_nan() || error > worst.0 {
            worst = (if error.is_nan() { f64::INFINITY } else { error }, i);
        }
    }
    worst
}

fn audit(functions: &[(&str, Slice1, f64)], floor: f64) {
    let mut failed = Vec::new();
    for &(name, f, stated) in functions {
        let [x, hi, lo] = reference::<3>(name);
        let mut got = vec![0.0; x.len()];
        for isa in isas() {
            f(isa, &x, &mut got);
            let (error, at) = worst(&got, &hi, &lo, |i| ulp(hi[i].abs().max(floor)));
            let line = format!(
                "{name:18} {isa:9} {error:7.3} ulp (stated {stated}) at {:e}: {:e}, not {:e}",
                x[at], got[at], hi[at]
            );
            println!("{line}");
            if error > stated {
                failed.push(line);
            }
        }
    }
    assert!(failed.is_empty(), "beyond the stated error:\n{}", failed.join("\n"));
}

#[test]
fn stated_errors_hold() {
    audit(FUNCTIONS, 0.0);
}

#[test]
fn stated_absolute_errors_hold_between_the_poles() {
    audit(ABSOLUTE, 1.0);
}

/// Functions of two arguments.
const PAIRS: &[(&str, Slice2, f64)] = &[("pow", pow_slice, 1.1), ("log1p_gap", log1p_gap_slice, 20.0)];

#[test]
fn functions_of_two_arguments_hold_their_stated_errors() {
    for &(name, f, stated) in PAIRS {
        let [x, y, hi, lo] = reference::<4>(name);
        let mut got = vec![0.0; x.len()];
        for isa in isas() {
            f(isa, &x, &y, &mut got);
            let (error, at) = worst(&got, &hi, &lo, |i| ulp(hi[i]));
            let (x, y) = (x[at], y[at]);
            println!("{name:18} {isa:9} {error:7.3} ulp (stated {stated}) at ({x:e}, {y:e})");
            assert!(error <= stated, "{isa} {name}({x:e}, {y:e}): {:e}, not {:e}", got[at], hi[at]);
        }
    }
}

/// The rests have their digits from 1 on, where no recurrence is in the way.
#[test]
fn rests_are_to_the_last_places_from_one_on() {
    for (name, f) in [("lgamma_rest", lgamma_rest_slice as Slice1), ("digamma_rest", digamma_rest_slice)] {
        let [x, hi, lo] = reference::<3>(name);
        let mut got = vec![0.0; x.len()];
        for isa in isas() {
            f(isa, &x, &mut got);
            let (error, at) = worst(&got, &hi, &lo, |i| if x[i] < 1.0 { f64::INFINITY } else { ulp(hi[i]) });
            assert!(error <= 3.0, "{isa} {name}({:e}): {error} ulp", x[at]);
        }
    }
}
