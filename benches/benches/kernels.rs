//! CPU time of the maths kernels, in cache, on every instruction set of the machine,
//! `kernels/FUNCTION/ISA`: `cargo bench -p benches --bench kernels -- [FILTER]`.
//!
//! One iteration is a slice of 1,024; the `thrpt` lines are nanoseconds an element.

use std::hint::black_box;

use benches::clock::Unit;
use criterion::{BenchmarkId, SamplingMode, Throughput};
use numerics::math::*;
use numerics::simd::Isa;

const N: usize = 1024;

type Unary = fn(Isa, &[f64], &mut [f64]);
type Twin = fn(Isa, &[f64], &mut [f64], &mut [f64]);

fn main() {
    let (positive, real): (Vec<f64>, Vec<f64>) =
        (0..N).map(|i| (i as f64 + 0.5) / N as f64).map(|u| (20.0 * u, 20.0 * u - 10.0)).unzip();
    let (mut first, mut second) = (vec![0.0; N], vec![0.0; N]);
    let unary: [(&str, Unary, &[f64]); 15] = [
        ("exp", exp_slice, &real),
        ("expm1", expm1_slice, &real),
        ("ln", ln_slice, &positive),
        ("log1p", log1p_slice, &positive),
        ("tanh", tanh_slice, &real),
        ("sigmoid", sigmoid_slice, &real),
        ("softplus", softplus_slice, &real),
        ("sin", sin_slice, &real),
        ("erf", erf_slice, &real),
        ("log_ndtr", log_ndtr_slice, &real),
        ("lgamma", lgamma_slice, &positive),
        ("digamma", digamma_slice, &positive),
        ("trigamma", trigamma_slice, &positive),
        ("lgamma_rest", lgamma_rest_slice, &positive),
        ("digamma_rest", digamma_rest_slice, &positive),
    ];
    let twins: [(&str, Twin); 3] = [
        ("softplus_sigmoid", softplus_sigmoid_slice),
        ("sin_cos", sin_cos_slice),
        ("ln_q_hazard", ln_q_hazard_slice),
    ];
    let isas = || [Isa::Baseline, Isa::Avx2, Isa::Avx512].into_iter().filter(|i| i.is_available());

    let mut criterion = benches::criterion(Unit::Element);
    let mut group = criterion.benchmark_group("kernels");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(N as u64));
    for (name, f, x) in unary {
        for isa in isas() {
            group.bench_function(BenchmarkId::new(name, isa), |b| {
                b.iter(|| f(isa, black_box(x), black_box(&mut first)));
            });
        }
    }
    for (name, f) in twins {
        for isa in isas() {
            group.bench_function(BenchmarkId::new(name, isa), |b| {
                b.iter(|| f(isa, black_box(&real), black_box(&mut first), black_box(&mut second)));
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
