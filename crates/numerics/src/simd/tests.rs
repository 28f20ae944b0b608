//! Every operation of every available instruction set against scalar arithmetic, lane by lane.

use super::*;
use crate::lanes::AlignedVec;

/// Sixteen awkward numbers.
const X: [f64; 16] = [
    0.0,
    -0.0,
    1.5,
    -2.5,
    0.5,
    3.5e300,
    -1e-310,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1e16,
    4503599627370497.0,
    -0.3,
    7.0,
    2.0,
    -1e-300,
];
const OPS: usize = 26;

/// Writes every operation's eight results to `out[op][8]`; `out` is 64-byte aligned.
#[inline(always)]
unsafe fn all_ops<P: Pack>(x: *const f64, y: *const f64, out: *mut f64) {
    let (a, b) = unsafe { (P::load_unaligned(x), P::load_unaligned(y)) };
    let (t, f) = (P::splat(1.0), P::splat(0.0));
    let p = a.mul_add(b, t);
    let results = [
        a + b,
        a - b,
        a * b,
        a / b,
        -a,
        a.abs(),
        a.copysign(b),
        a.sqrt(),
        a.min(b),
        a.max(b),
        a.floor(),
        a.round(),
        P::from_mask(a.lt(b)),
        P::from_mask(a.le(b)),
        P::from_mask(a.gt(b)),
        P::from_mask(a.ge(b)),
        P::from_mask(a.eq(b)),
        P::from_mask(a.ne(b)),
        P::from_mask(a.is_nan()),
        P::from_mask(a.is_finite()),
        P::select(a.lt(b).or(b.is_nan()), t, f),
        a.and(b),
        a.xor(b),
        a.add_bits(b),
        a.sub_bits(b),
        a.shl_bits(3).shr_bits(7).or(b),
    ];
    let _ = p;
    for (i, r) in results.into_iter().enumerate() {
        unsafe { r.store(out.add(8 * i)) };
    }
}
crate::dispatch! { fn pick_all_ops = all_ops(x: *const f64, y: *const f64, out: *mut f64); }

fn scalar_ops(a: f64, b: f64) -> [f64; OPS] {
    let bit = |f: fn(u64, u64) -> u64| f64::from_bits(f(a.to_bits(), b.to_bits()));
    let is = |c: bool| f64::from(u8::from(c));
    [
        a + b,
        a - b,
        a * b,
        a / b,
        -a,
        a.abs(),
        a.copysign(b),
        a.sqrt(),
        if a < b { a } else { b },
        if a > b { a } else { b },
        a.floor(),
        a.round_ties_even(),
        is(a < b),
        is(a <= b),
        is(a > b),
        is(a >= b),
        is(a == b),
        is(a != b),
        is(a.is_nan()),
        is(a.is_finite()),
        is(a < b || b.is_nan()),
        bit(|x, y| x & y),
        bit(|x, y| x ^ y),
        bit(u64::wrapping_add),
        bit(u64::wrapping_sub),
        bit(|x, y| x << 3 >> 7 | y),
    ]
}

pub(crate) fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}

#[test]
fn every_operation_is_the_scalar_one() {
    let mut out = AlignedVec::zeroed(8 * OPS);
    for isa in available() {
        for shift in 0..16 {
            let x: Vec<f64> = (0..8).map(|i| X[i]).collect();
            let y: Vec<f64> = (0..8).map(|i| X[(i + shift) % 16]).collect();
            for (x, y) in [(&x, &y), (&y, &x)] {
                // SAFETY: available, eight elements each, `out` aligned and long enough.
                unsafe { pick_all_ops(isa)(x.as_ptr(), y.as_ptr(), out.as_mut_ptr()) };
                for lane in 0..8 {
                    for (op, want) in scalar_ops(x[lane], y[lane]).into_iter().enumerate() {
                        let got = out[8 * op + lane];
                        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                        assert!(same, "{isa} op {op} of {} {}: {got} not {want}", x[lane], y[lane]);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn numbers<P: Pack>(x: &[f64; 8], k: &[f64; 8], out: &mut [[f64; 8]; 8]) {
    let (a, b) = (P::from_array(*x), P::from_array(*k));
    let (p, e) = a.two_prod(a);
    let (m, s) = a.abs().split_sqrt2();
    let rows = [a.mul_add(a, b), a.mul_sub(a, b), a.neg_mul_add(a, b), p, e, m, s, a.ldexp(b)];
    for (o, r) in out.iter_mut().zip(rows) {
        *o = r.to_array();
    }
}
crate::dispatch! { fn pick_numbers = numbers(x: &[f64; 8], k: &[f64; 8], out: &mut [[f64; 8]; 8]); }

#[test]
fn products_splits_and_powers_of_two() {
    let x = [1.1, 0.7, std::f64::consts::SQRT_2, 1.0, -3.3, 3.9, 0.2501, 1.75];
    let k = [3.0, -1074.0, 1023.0, -1070.0, -2000.0, 1022.0, 1024.0, 2000.0];
    for isa in available() {
        let mut out = [[0.0; 8]; 8];
        // SAFETY: available.
        unsafe { pick_numbers(isa)(&x, &k, &mut out) };
        for i in 0..8 {
            let (x, k) = (x[i], k[i]);
            let fused = isa != Isa::Baseline;
            let fma = |a: f64, b: f64, c: f64| if fused { a.mul_add(b, c) } else { a * b + c };
            assert_eq!(out[0][i], fma(x, x, k));
            assert_eq!(out[1][i], fma(x, x, -k));
            assert_eq!(out[2][i], fma(-x, x, k));
            assert_eq!(out[3][i], x * x);
            assert_eq!(out[4][i], x.mul_add(x, -(x * x)), "{isa} exact error of {x}^2");
            let (m, s) = (out[5][i], out[6][i]);
            assert!((0.5f64.sqrt()..2f64.sqrt()).contains(&m) && m * s.exp2() == x.abs());
            // 2^k in two or three factors, the last product rounding.
            let half = (k / 2.0).floor();
            assert_eq!(out[7][i], x * half.exp2() * (k - half).exp2(), "{isa} {x} * 2^{k}");
        }
    }
}

#[test]
fn isa_names_round_trip() {
    for isa in Isa::ALL {
        assert_eq!(isa.to_string().parse(), Ok(isa));
    }
    assert_eq!("sse9".parse::<Isa>(), Err(UnknownIsa { found: "sse9".into() }));
    assert!(Isa::Baseline.is_available() && Isa::detect().is_available());
}
