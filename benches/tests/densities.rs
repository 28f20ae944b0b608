//! What is timed is right: every workload's log density against plain loops over the rows, written
//! from the peers' models, and its gradient against finite differences; at full size.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::path::Path;

use benches::csv::PlainCsv;
use benches::gradient;
use benches::workload::{ROW_PASSES, WORKLOADS, Workload};
use graph::program::Options;
use model::{Cells, Column, DataError, DataSource, Table};
use numerics::lanes::Lanes;
use vi_engine::{CompiledDensity, LogDensity};

/// Tables by file name; the project's own data sets from their files.
#[derive(Default)]
struct Memory(HashMap<&'static str, Table>);

impl DataSource for Memory {
    fn read(&self, file: &Path) -> Result<Table, DataError> {
        match file.file_name().and_then(|n| self.0.get(n.to_str()?)) {
            Some(table) => Ok(table.clone()),
            None => PlainCsv.read(file),
        }
    }
}

fn table(columns: Vec<(String, Cells)>) -> Table {
    let n_rows = columns[0].1.len();
    let column = |(name, cells)| Column { name, cells, nulls: Vec::new(), written: None };
    Table { n_rows, columns: columns.into_iter().map(column).collect(), ..Table::default() }
}

/// Uniform in (0, 1), by Knuth's linear congruential generator.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (2.0 * PI * self.uniform()).cos()
    }
}

fn workload(spec: &str) -> Workload {
    *WORKLOADS.iter().find(|w| w.spec.ends_with(spec)).expect("a workload")
}

fn density(spec: &str, data: &Memory) -> CompiledDensity {
    let target = workload(spec).load_from(data).unwrap_or_else(|e| panic!("{e}"));
    CompiledDensity::new(&target, &Options::default()).expect("a model with a gradient")
}

/// Value and gradient at one point.
fn at(density: &mut CompiledDensity, z: &[f64]) -> (f64, Vec<f64>) {
    let mut lanes = Lanes::zeros(z.len(), 1);
    lanes.set_lane(0, z);
    lanes.pad();
    let (mut value, mut grad, mut failures) = ([0.0], Lanes::zeros(z.len(), 1), Vec::new());
    density.eval(&lanes, &mut value, Some(&mut grad), &mut failures);
    assert!(failures.is_empty(), "{failures:?}");
    (value[0], grad.lane(0))
}

/// Checks value and gradient against `plain`, a function of the unconstrained coordinates in the
/// order of the spec. `rtol` of the value, `gtol` of gradients relative to the largest; `h` suits
/// the roughness of `plain`.
fn check(spec: &str, data: &Memory, z: &[f64], plain: impl Fn(&[f64]) -> f64, rtol: f64, gtol: f64, h: f64) {
    check_variant(spec, data, z);
    let mut density = density(spec, data);
    assert_eq!(density.dim(), z.len(), "{:?}", density.names());
    let (value, grad) = at(&mut density, z);
    let expected = plain(z);
    assert!(
        (value - expected).abs() <= rtol * expected.abs().max(1.0),
        "{spec}: {value}, plainly {expected}"
    );
    let largest = grad.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
    // Of long vectors every so many coordinates.
    for i in (0..z.len()).step_by(z.len().div_ceil(40)).chain([z.len() - 1]) {
        let moved = |by: f64| {
            let mut z = z.to_vec();
            z[i] += by;
            plain(&z)
        };
        let difference = (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h);
        let name = &density.names()[i];
        let error = (grad[i] - difference).abs();
        assert!(error <= gtol * largest, "{spec}, {name}: {}, by differences {difference}", grad[i]);
    }
}

/// Checks that there is a variant without sufficient statistics where, and only where, that is
/// another program; and that it has the same value and gradient at `z`.
fn check_variant(spec: &str, data: &Memory, z: &[f64]) {
    let target = workload(spec).load_from(data).unwrap_or_else(|e| panic!("{e}"));
    let mut all = gradient::compile(&target).expect("a model with a gradient");
    let some = gradient::with_passes(&target, &ROW_PASSES).expect("a model with a gradient");
    let variant = WORKLOADS.iter().any(|w| w.spec == spec && w.passes.is_some());
    assert_eq!(variant, all.explain() != some.explain(), "{spec}");
    let mut lanes = Lanes::zeros(z.len(), 1);
    lanes.set_lane(0, z);
    lanes.pad();
    let (mut out, mut failures) = (Lanes::zeros(some.n_out(), 1), Vec::new());
    some.eval(&mut some.workspace(), &[], &lanes, &mut out, &mut failures);
    assert_eq!(failures, []);
    let (value, grad) = at(&mut all, z);
    let largest = grad.iter().fold(1.0_f64, |a, g| a.max(g.abs()));
    assert!((out.get(0, 0) - value).abs() <= 1e-11 * value.abs(), "{spec}: {}, {value}", out.get(0, 0));
    for (i, g) in grad.iter().enumerate() {
        assert!((out.get(1 + i, 0) - g).abs() <= 1e-9 * largest, "{spec}: {}, {g}", out.get(1 + i, 0));
    }
}

fn normal(x: f64, mean: f64, sd: f64) -> f64 {
    -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - 0.5 * (2.0 * PI).ln()
}

fn lognormal(x: f64, mean: f64, sd: f64) -> f64 {
    normal(x.ln(), mean, sd) - x.ln()
}

fn half_normal(x: f64, scale: f64) -> f64 {
    normal(x, 0.0, scale) + 2.0_f64.ln()
}

#[test]
fn logistic_regression_of_a_hundred_thousand_rows() {
    let (n, k) = (100_000, 25);
    let mut r = Random(1);
    let x: Vec<Vec<f64>> = (0..k).map(|_| (0..n).map(|_| r.normal()).collect()).collect();
    let y: Vec<i64> = (0..n).map(|i| i64::from(r.uniform() < 1.0 / (1.0 + (0.7 - x[3][i]).exp()))).collect();
    let mut columns = vec![("y".to_string(), Cells::Integer(y.clone()))];
    columns.extend((0..k).map(|j| (format!("x{j}"), Cells::Real(x[j].clone()))));
    let data = Memory([("logreg.csv", table(columns))].into());
    let z: Vec<f64> = (0..=k).map(|_| 0.3 * r.normal()).collect();
    let plain = |z: &[f64]| {
        let prior: f64 = normal(z[0], 0.0, 2.5) + z[1..].iter().map(|&b| normal(b, 0.0, 1.0)).sum::<f64>();
        let row = |i: usize| {
            let eta = z[0] + (0..k).map(|j| z[1 + j] * x[j][i]).sum::<f64>();
            y[i] as f64 * eta - eta.max(0.0) - (-eta.abs()).exp().ln_1p()
        };
        prior + (0..n).map(row).sum::<f64>()
    };
    check("benches/specs/logreg.yaml", &data, &z, plain, 1e-11, 1e-8, 1e-3);
}

#[test]
fn varying_intercepts_of_twelve_thousand_rows() {
    let (n, groups) = (12_000, 400);
    let mut r = Random(2);
    // Unbalanced, sorted, every group at least once; as the peers' data.
    let mut group: Vec<i64> = (0..n as i64).map(|i| if i < groups { i } else { 0 }).collect();
    group[groups as usize..].iter_mut().for_each(|g| *g = (groups as f64 * r.uniform().powi(2)) as i64);
    group.sort_unstable();
    let x: Vec<f64> = (0..n).map(|_| f64::from(r.uniform() < 0.3)).collect();
    let y: Vec<f64> = (0..n).map(|i| 1.5 + (group[i] as f64).sin() - 0.7 * x[i] + 0.8 * r.normal()).collect();
    let columns = [
        ("y", Cells::Real(y.clone())),
        ("x", Cells::Real(x.clone())),
        ("group", Cells::Integer(group.clone())),
    ];
    let data = Memory([("radon.csv", table(columns.map(|(n, c)| (n.to_string(), c)).into()))].into());
    let mut z = vec![1.4, -0.6, -0.5, -0.2];
    z.extend((0..groups).map(|_| 1.5 + 0.6 * r.normal()));
    let plain = |z: &[f64]| {
        let (mu_a, beta, sigma_a, sigma_y, a) = (z[0], z[1], z[2].exp(), z[3].exp(), &z[4..]);
        let prior = normal(mu_a, 0.0, 10.0)
            + normal(beta, 0.0, 10.0)
            + half_normal(sigma_a, 1.0)
            + half_normal(sigma_y, 1.0);
        let intercepts: f64 = a.iter().map(|&a| normal(a, mu_a, sigma_a)).sum();
        let rows: f64 = (0..n).map(|i| normal(y[i], a[group[i] as usize] + beta * x[i], sigma_y)).sum();
        prior + intercepts + rows + z[2] + z[3]
    };
    check("benches/specs/radon.yaml", &data, &z, plain, 1e-11, 1e-8, 1e-3);
}

/// The rows of the peers' data, which `datasets/michaelis_menten.csv` holds under other names.
fn progress_curve() -> (Memory, Vec<f64>, Vec<f64>) {
    let file = benches::workload::root().join("datasets/michaelis_menten.csv");
    let source = PlainCsv.read(&file).expect("a data set of the project");
    let real = |name: &str| match &source.column(name).expect("a column").cells {
        Cells::Real(v) => v.clone(),
        other => panic!("{name} is {}", other.kind()),
    };
    let (t, p) = (real("time"), real("product"));
    let columns =
        vec![("t".to_string(), Cells::Real(t.clone())), ("p_obs".to_string(), Cells::Real(p.clone()))];
    (Memory([("mm_ode.csv", table(columns))].into()), t, p)
}

/// Product of the reaction at time `t` from 10 of substrate: s + km ln s falls linearly, so that
/// u = ln s is the root of exp(u) + km u = 10 + km ln 10 - vmax t, by Newton.
fn product(vmax: f64, km: f64, t: f64) -> f64 {
    let right = 10.0 + km * 10.0_f64.ln() - vmax * t;
    let mut u = 10.0_f64.ln();
    for _ in 0..60 {
        u -= (u.exp() + km * u - right) / (u.exp() + km);
    }
    10.0 - u.exp()
}

#[test]
fn michaelis_menten_against_its_closed_form() {
    let (data, t, p) = progress_curve();
    let z = [0.15, 1.05, -1.5];
    let plain = |z: &[f64]| {
        let (vmax, km, sigma) = (z[0].exp(), z[1].exp(), z[2].exp());
        let prior = lognormal(vmax, 0.0, 0.5) + lognormal(km, 1.0, 0.5) + half_normal(sigma, 0.5);
        let rows: f64 = t.iter().zip(&p).map(|(&t, &p)| normal(p, product(vmax, km, t), sigma)).sum();
        prior + rows + z.iter().sum::<f64>()
    };
    check("benches/specs/mm_ode.yaml", &data, &z, plain, 1e-4, 1e-3, 1e-3);
    check("specs/michaelis_menten.yaml", &data, &z, plain, 1e-6, 1e-5, 1e-3);
}

/// Populations of hare and lynx at the ends of 20 years, by 2,000 steps a year of the classical
/// Runge-Kutta method.
fn populations(theta: &[f64], start: [f64; 2]) -> Vec<[f64; 2]> {
    let f = |y: [f64; 2]| [(theta[0] - theta[1] * y[1]) * y[0], (-theta[2] + theta[3] * y[0]) * y[1]];
    let h = 1.0 / 2000.0;
    let to = |y: [f64; 2], k: [f64; 2], h: f64| [y[0] + h * k[0], y[1] + h * k[1]];
    let mut y = start;
    let mut out = vec![y];
    for _ in 0..20 {
        for _ in 0..2000 {
            let k1 = f(y);
            let k2 = f(to(y, k1, h / 2.0));
            let k3 = f(to(y, k2, h / 2.0));
            let k4 = f(to(y, k3, h));
            let k = [0, 1].map(|i| (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]) / 6.0);
            y = to(y, k, h);
        }
        out.push(y);
    }
    out
}

#[test]
fn lotka_volterra_against_tiny_steps() {
    let source =
        PlainCsv.read(&benches::workload::root().join("datasets/lynx_hare.csv")).expect("a data set");
    let real = |name: &str| match &source.column(name).expect("a column").cells {
        Cells::Real(v) => v.clone(),
        other => panic!("{name} is {}", other.kind()),
    };
    let pelts = [real("hare"), real("lynx")];
    let z: Vec<f64> = [0.55_f64, 0.028, 0.80, 0.024, 33.9, 5.9, 0.25, 0.26].iter().map(|x| x.ln()).collect();
    let plain = |z: &[f64]| {
        let x: Vec<f64> = z.iter().map(|z| z.exp()).collect();
        let mass = |m: f64, s: f64| 0.5 * erfc(-m / s / 2.0_f64.sqrt());
        let rates: f64 = [(1.0, 0.5), (0.05, 0.05), (1.0, 0.5), (0.05, 0.05)]
            .iter()
            .zip(&x)
            .map(|(&(m, s), &t)| normal(t, m, s) - mass(m, s).ln())
            .sum();
        let others: f64 = (4..6).map(|i| lognormal(x[i], 10.0_f64.ln(), 1.0)).sum::<f64>()
            + (6..8).map(|i| lognormal(x[i], -1.0, 1.0)).sum::<f64>();
        let states = populations(&x[..4], [x[4], x[5]]);
        let rows: f64 = states
            .iter()
            .enumerate()
            .map(|(t, y)| (0..2).map(|k| lognormal(pelts[k][t], y[k].ln(), x[6 + k])).sum::<f64>())
            .sum();
        rates + others + rows + z.iter().sum::<f64>()
    };
    check("benches/specs/lotka_volterra.yaml", &Memory::default(), &z, plain, 1e-4, 1e-3, 1e-3);
    check("specs/lynx_hare.yaml", &Memory::default(), &z, plain, 1e-6, 1e-5, 1e-3);
}

/// 1 - erf, from the project's kernels (tested there against fifty digits).
fn erfc(x: f64) -> f64 {
    let mut out = [0.0];
    numerics::math::erfc_slice(numerics::simd::Isa::Baseline, &[x], &mut out);
    out[0]
}

#[test]
fn eight_schools_by_hand() {
    let effect = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
    let se = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];
    let z = [4.0, 1.1, 0.4, -0.1, -0.3, 0.05, -0.4, -0.2, 0.5, 0.1];
    let plain = |z: &[f64]| {
        let (mu, tau, z_) = (z[0], z[1].exp(), &z[2..]);
        let half_cauchy = (2.0 / (PI * 5.0)).ln() - (tau / 5.0).powi(2).ln_1p();
        let rows: f64 =
            (0..8).map(|i| normal(z_[i], 0.0, 1.0) + normal(effect[i], mu + tau * z_[i], se[i])).sum();
        normal(mu, 0.0, 5.0) + half_cauchy + rows + z[1]
    };
    check("specs/eight_schools.yaml", &Memory::default(), &z, plain, 1e-13, 1e-9, 1e-3);
}
