//! States that are summed out: drawn back given data against closed forms, forecast, simulated.

mod common;

use answers::predictive;
use answers::simulate::simulate;
use answers::{AnswerError, Budget, Given, Known};
use common::{Scratch, close, compile, compile_with, mean, real, text, variance};
use graph::program::Options;
use model::Target;
use numerics::lanes::Lanes;
use spec_compiler::Earlier;

/// The same point for all draws.
fn at(point: &[f64], draws: usize) -> Lanes {
    let mut z = Lanes::zeros(point.len(), draws);
    for (k, x) in point.iter().enumerate() {
        (0..draws).for_each(|d| z.set(k, d, *x));
    }
    z.pad();
    z
}

fn write(target: &Target, z: &Lanes, threads: usize, name: &str) -> Scratch {
    let n = z.lanes();
    let budget = Budget { most_draws: n, least_draws: n, ..Budget::default() };
    let options = Options { threads, ..Options::default() };
    let folder = Scratch::new(name);
    predictive::write(target, &Known::all(target, z), 1, &options, &budget, None, folder.path()).unwrap();
    folder
}

/// The rows of `rows_t.parquet` with this name: means and sds.
fn rows_of(folder: &Scratch, name: &str) -> Vec<(f64, f64)> {
    let table = folder.table("rows_t.parquet");
    let names = text(&table, "name");
    let numbers = real(&table, "mean").into_iter().zip(real(&table, "sd"));
    numbers.zip(names).filter(|(_, n)| n == name).map(|(x, _)| x).collect()
}

const LEVEL: &str = "
model: level
data: {t: {file: t.csv, rows: year, ordered_by: year_no, missing: {flow: drop}}}
latent:
  log_s: flat()
  log_r: flat()
let:
  above: z - 1000
recurrence:
  level:
    over: year
    states:
      z: {initial: flat(), next: \"normal(z, exp(log_s))\"}
observe:
  flow: normal(z, exp(log_r))
";

/// Some of the flow of the Nile, with a gap, then five years without any.
const FLOW: [f64; 12] =
    [1120., 1160., 963., 1210., 1160., 1160., f64::NAN, 1230., 1370., f64::NAN, 995., 935.];
const AHEAD: usize = 5;

fn flows() -> String {
    let known = FLOW.iter().map(|y| if y.is_nan() { String::new() } else { y.to_string() });
    let rows = known.chain((0..AHEAD).map(|_| String::new())).enumerate();
    // The file has another order than the years.
    let mut rows: Vec<String> = rows.map(|(t, y)| format!("{},{y}\n", 1871 + t)).collect();
    rows.rotate_left(4);
    format!("year_no,flow\n{}", rows.concat())
}

/// By year: mean and variance of the level given the flows, by conditioning of the normal law of all
/// levels; the first flow gives the level it is seen with.
fn smoothed(s2: f64, r2: f64) -> Vec<(f64, f64)> {
    let n = FLOW.len() + AHEAD;
    let mut m = vec![FLOW[0]; n];
    let mut v: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| r2 + s2 * i.min(j) as f64).collect()).collect();
    for t in (1..FLOW.len()).filter(|&t| !FLOW[t].is_nan()) {
        let c: Vec<f64> = (0..n).map(|i| v[i][t]).collect();
        let (total, off) = (c[t] + r2, FLOW[t] - m[t]);
        for ((m, v), own) in m.iter_mut().zip(&mut v).zip(&c) {
            *m += own * off / total;
            v.iter_mut().zip(&c).for_each(|(v, other)| *v -= own * other / total);
        }
    }
    (0..n).map(|i| (m[i], v[i][i])).collect()
}

#[test]
fn levels_and_forecasts_are_those_of_conditioning() {
    const N: usize = 20_000;
    let (s2, r2) = (1469.1, 15099.0);
    let target = compile(LEVEL, &[("t.csv", &flows())]);
    assert_eq!(target.coordinates(), ["log_s", "log_r"]);
    let z = at(&[0.5 * f64::ln(s2), 0.5 * f64::ln(r2)], N);
    let folder = write(&target, &z, 1, "levels");
    let expected = smoothed(s2, r2);
    let n = expected.len();
    let row = |t: usize| (t + n - 4) % n;
    let (levels, above) = (rows_of(&folder, "z"), rows_of(&folder, "above"));
    let predictive = folder.table("predictive.parquet");
    let (means, sds) = (real(&predictive, "mean"), real(&predictive, "sd"));
    let (observed, pit) = (real(&predictive, "observed"), real(&predictive, "pit"));
    let draws = N as f64;
    for (t, &(m, v)) in expected.iter().enumerate() {
        let r = row(t);
        close("level", levels[r].0, m, (v / draws).sqrt());
        close("its variance", levels[r].1.powi(2), v, v * (2.0 / draws).sqrt());
        close("a let over it", above[r].0, m - 1000.0, (v / draws).sqrt());
        // What is predicted has the noise of the measurement, also ahead of the data.
        let v = v + r2;
        close("flow", means[r], m, (v / draws).sqrt());
        close("its variance", sds[r].powi(2), v, v * (2.0 / draws).sqrt());
        match FLOW.get(t).filter(|y| !y.is_nan()) {
            Some(&y) => assert!(observed[r] == y && pit[r] > 0.0 && pit[r] < 1.0),
            None => assert!(observed[r].is_nan() && pit[r].is_nan()),
        }
    }
    // Ahead the level stays, and its variance grows by that of a step.
    let (last, first) = (expected[FLOW.len() - 1], expected[FLOW.len()]);
    assert!((first.0 - last.0).abs() < 1e-9 && (first.1 - last.1 - s2).abs() < 1e-6);
}

#[test]
fn states_are_the_same_in_any_blocks_and_threads() {
    let target = compile(LEVEL, &[("t.csv", &flows())]);
    let z = at(&[3.6, 4.8], 203);
    let one = write(&target, &z, 1, "one");
    let three = write(&target, &z, 3, "three");
    let small = Scratch::new("small");
    let budget = Budget { kept: 700, most_draws: 203, least_draws: 203, block: 1, ..Budget::default() };
    let known = Known::all(&target, &z);
    predictive::write(&target, &known, 1, &Options::default(), &budget, None, small.path()).unwrap();
    for file in ["rows_t.parquet", "predictive.parquet"] {
        for column in ["mean", "sd", "q05"] {
            let bits = |x: Vec<f64>| x.into_iter().map(f64::to_bits).collect::<Vec<_>>();
            let whole = bits(real(&one.table(file), column));
            assert_eq!(whole, bits(real(&three.table(file), column)), "{file} {column}");
            assert_eq!(whole, bits(real(&small.table(file), column)), "{file} {column}");
        }
    }
}

const CHAIN: &str = "
model: chain
dims: {state: [calm, wild]}
data: {t: {file: t.csv, rows: i, missing: {y: drop}}}
latent:
  p: beta(1, 1)
  far: bernoulli(p)
let:
  start[state]: [0.6, 0.4]
  theta[state, state']: [[0.8, 0.2], [0.3, 0.7]]
  mu[state]: [0, 2]
recurrence:
  weather:
    over: i
    states:
      k: {initial: \"categorical(start)\", next: \"categorical(theta[k])\"}
observe:
  y: normal(mu[k] + 3 * far, 1)
output: {draws: [k]}
";
const SEEN: [f64; 4] = [0.3, f64::NAN, 3.4, 2.2];

/// The probability of far; and by row that of k = 2, and of both: by summing over all paths.
fn by_paths(p: f64) -> (f64, Vec<[f64; 2]>) {
    let (start, theta, mu) = ([0.6, 0.4], [[0.8, 0.2], [0.3, 0.7]], [0.0, 2.0]);
    let n = SEEN.len();
    let mut rows = vec![[0.0; 2]; n];
    let (mut total, mut is_far) = (0.0, 0.0);
    for path in 0..1_usize << (n + 1) {
        let far = path >> n;
        let k = |t: usize| path >> t & 1;
        let mut w = if far == 1 { p } else { 1.0 - p };
        for (t, seen) in SEEN.iter().enumerate() {
            w *= if t == 0 { start[k(0)] } else { theta[k(t - 1)][k(t)] };
            if !seen.is_nan() {
                w *= (-0.5 * (seen - mu[k(t)] - 3.0 * far as f64).powi(2)).exp();
            }
        }
        total += w;
        is_far += w * far as f64;
        for (t, row) in rows.iter_mut().enumerate() {
            row[0] += w * k(t) as f64;
            row[1] += w * (k(t) * far) as f64;
        }
    }
    (is_far / total, rows.iter().map(|row| row.map(|x| x / total)).collect())
}

#[test]
fn hidden_states_are_drawn_back_from_their_joint_law() {
    const N: usize = 20_000;
    let rows: String =
        SEEN.iter().map(|y| if y.is_nan() { ",\n".into() } else { format!("1,{y}\n") }).collect();
    let target = compile(CHAIN, &[("t.csv", &format!("x,y\n{rows}"))]);
    let u: f64 = -1.2;
    let z = at(&[u], N);
    let folder = write(&target, &z, 1, "chain");
    let (is_far, expected) = by_paths(1.0 / (1.0 + (-u).exp()));
    let error = |p: f64| (p * (1.0 - p) / N as f64).sqrt();
    let known = Known::all(&target, &z);
    let discrete = predictive::discrete_draws(&target, &known, 1, &Options::default()).unwrap().latents;
    assert_eq!(discrete.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["far"]);
    let far = &discrete[0].1;
    close("far", mean(far), is_far, error(is_far));
    let (wild, k) = (rows_of(&folder, "P(k=wild)"), rows_of(&folder, "k"));
    let predictive = real(&folder.table("predictive.parquet"), "mean");
    let draws = folder.table("draws_t.parquet");
    assert_eq!(draws.n_rows, N * SEEN.len());
    assert!(text(&draws, "name").iter().all(|n| n == "k"));
    let values = real(&draws, "value");
    for (t, &[is_wild, both]) in expected.iter().enumerate() {
        assert!((wild[t].0 - is_wild).abs() < 1e-9 && wild[t].1 < 1e-9, "{:?}, {is_wild}", wild[t]);
        close("k", k[t].0, 1.0 + is_wild, error(is_wild));
        // Its draws go with those of what it depends on.
        let together: Vec<f64> = (0..N).map(|d| (values[t * N + d] - 1.0) * far[d]).collect();
        close("both", mean(&together), both, error(both));
        close("y", predictive[t], 2.0 * is_wild + 3.0 * is_far, 3.0 / (N as f64).sqrt());
    }
}

#[test]
fn new_rows_condition_their_own_states() {
    // The fit saw other rows; the states of these start anew and see what these rows have.
    let earlier = Earlier { is_prediction: true, ..Earlier::default() };
    let target = compile_with(LEVEL, &[("t.csv", &flows())], &earlier).target;
    let z = at(&[3.6, 4.8], 4000);
    let known = Known::of(&z, vec![Some(0), Some(1)], Vec::new());
    let folder = Scratch::new("new-rows");
    let budget = Budget { most_draws: 4000, least_draws: 4000, ..Budget::default() };
    predictive::write(&target, &known, 1, &Options::default(), &budget, None, folder.path()).unwrap();
    let expected = smoothed((7.2_f64).exp(), (9.6_f64).exp());
    for (r, (m, s)) in rows_of(&folder, "z").into_iter().enumerate() {
        let (mean, v) = expected[(r + 4) % expected.len()];
        close("level", m, mean, (v / 4000.0).sqrt());
        close("variance", s * s, v, v * (2.0_f64 / 4000.0).sqrt());
    }
}

const SIMULATED: &str = "
model: m
data: {t: {file: t.csv, rows: i, ordered_by: time}}
latent:
  a: normal(0.5, 0.1)
recurrence:
  level:
    over: i
    by: g
    states:
      z: {initial: \"normal(1, 0.5)\", next: \"normal(a * z + x, 0.3)\"}
  mood:
    over: i
    by: g
    states:
      k: {initial: \"bernoulli(0.2)\", next: \"bernoulli(where(k, 0.9, 0.4))\"}
observe:
  y: normal(2 * z, 0.1)
  n: poisson(where(k, 7, 2))
";
const GRID: &str = "g,time,x,y,n\nb,2,1,0,0\na,1,0,0,0\na,2,2,0,0\nb,1,0,0,0\na,3,0,0,0\n";

#[test]
fn states_are_simulated_by_their_laws() {
    const N: usize = 4000;
    let target = compile(SIMULATED, &[("t.csv", GRID)]);
    let sets = simulate(&target, &Given::new(), N, 3, &Options::default()).unwrap();
    let truth = |name: &str| -> Vec<f64> {
        let at = sets[0].truth.iter().position(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}"));
        sets.iter().map(|s| s.truth[at].1).collect()
    };
    let cell = |column: &str, row: usize| -> Vec<f64> {
        let of = |s: &answers::simulate::DataSet| match &s
            .columns
            .iter()
            .find(|c| c.column == column)
            .unwrap()
            .values
        {
            answers::simulate::Cells::Numbers(v) => v[row],
            answers::simulate::Cells::Labels(_) => panic!("numbers"),
        };
        sets.iter().map(of).collect()
    };
    let n = N as f64;
    let a = truth("a");
    // Rows of the file: a at times 1, 2, 3 are 2, 3, 5; b at 1, 2 are 4, 1.
    let z: Vec<Vec<f64>> = (1..=5).map(|r| truth(&format!("z[{r}]"))).collect();
    let k: Vec<Vec<f64>> = (1..=5).map(|r| truth(&format!("k[{r}]"))).collect();
    for first in [1, 3] {
        close("first", mean(&z[first]), 1.0, 0.5 / n.sqrt());
        close("its variance", variance(&z[first]), 0.25, 0.25 * (2.0 / n).sqrt());
        close("first k", mean(&k[first]), 0.2, (0.16 / n).sqrt());
    }
    for (from, to, x) in [(1, 2, 2.0), (2, 4, 0.0), (3, 0, 1.0)] {
        let step: Vec<f64> = (0..N).map(|d| z[to][d] - a[d] * z[from][d] - x).collect();
        close("step", mean(&step), 0.0, 0.3 / n.sqrt());
        close("its variance", variance(&step), 0.09, 0.09 * (2.0 / n).sqrt());
        for (was, p) in [(0.0, 0.4), (1.0, 0.9)] {
            let next: Vec<f64> = (0..N).filter(|&d| k[from][d] == was).map(|d| k[to][d]).collect();
            close("k", mean(&next), p, (p * (1.0 - p) / next.len() as f64).sqrt());
        }
    }
    for (row, (z, k)) in z.iter().zip(&k).enumerate() {
        let noise: Vec<f64> = cell("y", row).iter().zip(z).map(|(y, z)| y - 2.0 * z).collect();
        close("noise", variance(&noise), 0.01, 0.01 * (2.0 / n).sqrt());
        let counts = cell("n", row);
        for (is, rate) in [(0.0, 2.0), (1.0, 7.0)] {
            let of: Vec<f64> = (0..N).filter(|&d| k[d] == is).map(|d| counts[d]).collect();
            close("count", mean(&of), rate, (rate / of.len() as f64).sqrt());
        }
    }
}

#[test]
fn what_has_no_law_without_data_is_refused() {
    let options = Options::default();
    let target = compile(LEVEL, &[("t.csv", &flows())]);
    let given = answers::simulate::given(&target, &[("log_s".into(), 1.0), ("log_r".into(), 1.0)]).unwrap();
    let error = simulate(&target, &given, 2, 1, &options).unwrap_err();
    assert!(matches!(&error, AnswerError::Improper { name, law } if name == "z" && law == "flat"), "{error}");
    // Discrete states are drawn before all data.
    let text = SIMULATED.replace("where(k, 0.9, 0.4)", "where(k, 0.9, where(lag(n, 1) > 1, 0.4, 0.1))");
    let target = compile(&text, &[("t.csv", GRID)]);
    let error = simulate(&target, &Given::new(), 2, 1, &options).unwrap_err();
    assert!(
        matches!(&error, AnswerError::BeforeData { name, column } if name == "k" && column == "n"),
        "{error}"
    );
}
