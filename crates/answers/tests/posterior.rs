//! Predictions, values by row and discrete latents from draws of a posterior, against closed forms.

mod common;

use std::collections::BTreeMap;

use answers::predictive::{self, discrete_draws};
use answers::{AnswerError, Budget, DiscreteKnown, Known};
use common::{Scratch, close, compile, compile_with, mean, real, text};
use graph::program::Options;
use model::Target;
use numerics::lanes::Lanes;
use numerics::random::{Counter, Key};
use spec_compiler::Earlier;

/// Draws of normals, by coordinate: mean and sd.
fn normals(of: &[(f64, f64)], n: usize) -> Lanes {
    let mut z = Lanes::zeros(of.len(), n);
    for (k, (m, s)) in of.iter().enumerate() {
        let key = Key::new(5, "test", &k.to_string(), "");
        for d in 0..n {
            z.set(k, d, m + s * key.normal(Counter { draw: d as u32, ..Counter::default() }));
        }
    }
    z.pad();
    z
}

fn all_draws(n: usize) -> Budget {
    Budget { most_draws: n, least_draws: n, ..Budget::default() }
}

fn write(target: &Target, known: &Known, budget: &Budget, threads: usize, folder: &Scratch) -> Vec<String> {
    let options = Options { threads, ..Options::default() };
    predictive::write(target, known, 1, &options, budget, None, folder.path()).unwrap().files
}

const HIERARCHY: &str = "
model: hierarchy
data: {t: {file: t.csv, rows: i}}
latent:
  mu: normal(0, 10)
  a[g]: normal(mu, 2)
let:
  twice: 2 * a[g]
observe:
  y: normal(a[g] + x, 0.5)
";

#[test]
fn known_levels_keep_their_draws_and_new_ones_come_from_the_hierarchy() {
    const N: usize = 20_000;
    let old = compile(HIERARCHY, &[("t.csv", "g,x,y\nb,0,1\nd,0,2\n")]);
    assert_eq!(old.coordinates(), ["mu", "a[b]", "a[d]"]);
    let z = normals(&[(1.0, 0.3), (4.0, 0.2), (-2.0, 0.1)], N);
    // c is new, and b comes first for it is known.
    let levels = BTreeMap::from([("g".to_string(), vec!["b".to_string(), "d".to_string()])]);
    let earlier = Earlier { levels, is_prediction: true, ..Earlier::default() };
    let new = compile_with(HIERARCHY, &[("t.csv", "g,x,y\nd,1,3\nc,1,3\nb,3,4\n")], &earlier).target;
    assert_eq!(new.coordinates(), ["mu", "a[b]", "a[d]", "a[c]"]);
    let known = Known::of(&z, vec![Some(0), Some(1), Some(2), None], Vec::new());
    let folder = Scratch::new("hierarchy");
    let files = write(&new, &known, &all_draws(N), 1, &folder);
    assert_eq!(files, ["predictive.parquet", "rows_t.parquet"]);
    let table = folder.table("predictive.parquet");
    // mu's spread, tau and sigma.
    let unseen = 0.3f64.powi(2) + 4.0 + 0.25;
    let expected = [(-1.0, 0.01 + 0.25), (2.0, unseen), (7.0, 0.04 + 0.25)];
    let (means, sds, observed) = (real(&table, "mean"), real(&table, "sd"), real(&table, "observed"));
    let (q05, pit) = (real(&table, "q05"), real(&table, "pit"));
    for (row, (m, v)) in expected.into_iter().enumerate() {
        let n = N as f64;
        close("mean", means[row], m, (v / n).sqrt());
        close("variance", sds[row].powi(2), v, v * (2.0 / n).sqrt());
        // The density of a normal at its 5 % quantile is 0.1031.
        close("q05", q05[row], m - 1.6448536 * v.sqrt(), v.sqrt() * (0.0475 / n).sqrt() / 0.1031);
        let z = (observed[row] - m) / v.sqrt();
        let p = 0.5 * (1.0 + erf(z / 2f64.sqrt()));
        close("pit", pit[row], p, (p * (1.0 - p) / n).sqrt().max(1e-3));
    }
    assert_eq!(observed, [3.0, 3.0, 4.0]);
    assert_eq!(text(&table, "table"), ["t", "t", "t"]);
    let rows = folder.table("rows_t.parquet");
    assert_eq!(text(&rows, "name"), ["twice", "twice", "twice"]);
    close("twice the new level", real(&rows, "sd")[1], 2.0 * 4.09f64.sqrt(), 2.0 * 2.02 / 200.0);
}

/// By its series, good to 1e-9 for small arguments: an oracle that shares nothing with the library.
fn erf(x: f64) -> f64 {
    let mut sum = 0.0;
    let mut term = x;
    for k in 0..200 {
        sum += term / (2 * k + 1) as f64;
        term *= -x * x / (k + 1) as f64;
    }
    2.0 / std::f64::consts::PI.sqrt() * sum
}

#[test]
fn part_of_a_vector_cannot_be_drawn() {
    let spec = "model: m\ndata: {t: {file: t.csv, rows: i}}\nlatent:\n  w[g]: dirichlet(1, over=g)\nobserve:\n  y: normal(w[g], 1)\n";
    let target = compile(spec, &[("t.csv", "g,y\na,1\nb,2\nc,3\n")]);
    let z = normals(&[(0.0, 1.0), (0.0, 1.0)], 100);
    let known = Known::of(&z, vec![Some(0), None], Vec::new());
    let folder = Scratch::new("part");
    let options = Options::default();
    let error =
        predictive::write(&target, &known, 1, &options, &Budget::default(), None, folder.path()).unwrap_err();
    assert!(matches!(&error, AnswerError::PartlyKnown { name } if name == "w"), "{error}");
}

#[test]
fn a_site_without_a_law_to_draw_from_is_refused_where_it_is_new() {
    let mut target = compile(HIERARCHY, &[("t.csv", "g,x,y\nb,0,1\nd,0,2\n")]);
    target.variables.retain(|of| of.variable.name != "a");
    let z = normals(&[(1.0, 0.3), (4.0, 0.2), (-2.0, 0.1)], 100);
    let options = Options::default();
    let folder = Scratch::new("no-law");
    let run = |known: &Known| {
        predictive::write(&target, known, 1, &options, &Budget::default(), None, folder.path())
    };
    assert!(run(&Known::all(&target, &z)).is_ok());
    let error = run(&Known::of(&z, vec![Some(0), Some(1), None], Vec::new())).unwrap_err();
    assert!(matches!(&error, AnswerError::Draw { name, .. } if name == "a"), "{error}");
}

#[test]
fn blocks_passes_and_threads_change_no_bit() {
    let mut data = "g,x,y\n".to_string();
    for i in 0..700 {
        data.push_str(&format!("{},{},{}\n", ["b", "d"][i % 2], i as f64 / 100.0, i % 7));
    }
    let target = compile(HIERARCHY, &[("t.csv", &data)]);
    let z = normals(&[(1.0, 0.3), (4.0, 0.2), (-2.0, 0.1)], 403);
    let known = Known::all(&target, &z);
    let one = Budget { most_draws: 403, least_draws: 403, ..Budget::default() };
    let budgets = [
        (one, 1),
        (one, 2),
        // Eight draws a block, passes of 37 elements.
        (Budget { block: 1, kept: 37 * 403, ..one }, 1),
        (Budget { kept: 300 * 403, ..one }, 2),
    ];
    let tables: Vec<_> = budgets
        .iter()
        .map(|(budget, threads)| {
            let folder = Scratch::new(&format!("bits-{threads}-{}-{}", budget.kept, budget.block));
            write(&target, &known, budget, *threads, &folder);
            let (p, r) = (folder.table("predictive.parquet"), folder.table("rows_t.parquet"));
            ["mean", "sd", "q05", "q50", "q95"]
                .iter()
                .flat_map(|c| [real(&p, c), real(&r, c)])
                .chain([real(&p, "pit")])
                .map(|x| x.into_iter().map(f64::to_bits).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(tables[0][0].len(), 700);
    assert!(tables.iter().all(|t| *t == tables[0]));
}

#[test]
fn long_tables_take_fewer_draws_evenly_spaced() {
    let target = compile(HIERARCHY, &[("t.csv", "g,x,y\nb,0,1\nd,0,2\n")]);
    // Draws that come in two halves.
    let mut z = Lanes::zeros(3, 1000);
    (0..1000).for_each(|d| (0..3).for_each(|k| z.set(k, d, if d < 500 { -100.0 } else { 100.0 })));
    let budget = Budget { work: 80, least_draws: 10, ..Budget::default() };
    let folder = Scratch::new("few");
    let known = Known::all(&target, &z);
    let options = Options::default();
    let written = predictive::write(&target, &known, 1, &options, &budget, None, folder.path()).unwrap();
    // Two rows, each predicted and with a let.
    assert_eq!(written.draws, 20);
    let means = real(&folder.table("rows_t.parquet"), "mean");
    assert_eq!(means, [0.0, 0.0]);
}

/// A change of regime for all, and a regime for each row that depends on it.
const NESTED: &str = "
model: nested
data: {t: {file: t.csv, rows: i}}
dims: {v: 2}
let:
  q[v]: [0.2, 0.7]
  at: where(k == 1, b, 0)
latent:
  b: normal(0, 1)
  top: categorical([0.4, 0.6])
  k[i]: bernoulli(q[top])
observe:
  y: normal(at, 1)
output:
  report: [b, top, k]
  draws: [k]
";

#[test]
fn discrete_latents_are_drawn_back_from_their_joint_law() {
    let spec = NESTED
        .replace("categorical([0.4, 0.6])", "categorical(p)")
        .replace("  q[v]:", "  p[v]: [0.4, 0.6]\n  q[v]:");
    drawn_back(&spec, [0; 3], &["top"]);
    // A regime for each group, which its rows look up.
    let spec = spec.replace("top: categorical", "top[g]: categorical").replace("q[top]", "q[top[g]]");
    drawn_back(&spec, [1, 0, 1], &["top[a]", "top[b]"]);
}

/// Draws of all that is discrete are those of their joint law, for rows with regimes of these groups.
fn drawn_back(spec: &str, groups: [usize; 3], columns: &[&str]) {
    // P(top, k1, k2, k3 | y) at b = 2, by listing them.
    let y = [2.5, -0.3, 1.2];
    let rows: String = y.iter().zip(groups).map(|(y, g)| format!("{},{y}\n", ["a", "b"][g])).collect();
    let target = compile(spec, &[("t.csv", &format!("g,y\n{rows}"))]);
    const N: usize = 8000;
    let mut z = Lanes::zeros(1, N);
    (0..N).for_each(|d| z.set(0, d, 2.0));
    let (mut total, mut p_top, mut p_k, mut p_both) = (0.0, 0.0, [0.0; 3], 0.0);
    let first = groups[0];
    for tops in 0..1usize << columns.len() {
        for bits in 0..8usize {
            let top = |g: usize| tops >> g & 1;
            let mut w: f64 = (0..columns.len()).map(|g| [0.4, 0.6][top(g)]).product();
            for (i, y) in y.iter().enumerate() {
                let q = [0.2, 0.7][top(groups[i])];
                let k = bits >> i & 1;
                let m: f64 = if k == 1 { 2.0 } else { 0.0 };
                w *= if k == 1 { q } else { 1.0 - q } * (-0.5 * (y - m) * (y - m)).exp();
            }
            total += w;
            p_top += if top(first) == 1 { w } else { 0.0 };
            (0..3).for_each(|i| p_k[i] += if bits >> i & 1 == 1 { w } else { 0.0 });
            p_both += if top(first) == 1 && bits & 1 == 1 { w } else { 0.0 };
        }
    }
    let known = Known::all(&target, &z);
    let folder = Scratch::new(&format!("nested-{}", columns.len()));
    let files = write(&target, &known, &all_draws(N), 1, &folder);
    assert_eq!(files, ["draws_t.parquet", "predictive.parquet", "rows_t.parquet"]);
    let tops = discrete_draws(&target, &known, 1, &Options::default()).unwrap().latents;
    assert_eq!(tops.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), columns);
    let tops = &tops[first].1;
    let se = |p: f64| (p * (1.0 - p) / N as f64).sqrt();
    close("P(top = 2)", mean(tops) - 1.0, p_top / total, se(p_top / total));

    let rows = folder.table("rows_t.parquet");
    let (names, means) = (text(&rows, "name"), real(&rows, "mean"));
    let of = |name: &str| -> Vec<f64> {
        (0..names.len()).filter(|&r| names[r] == name).map(|r| means[r]).collect()
    };
    let (drawn, exact) = (of("k"), of("P(k=1)"));
    for i in 0..3 {
        let p = p_k[i] / total;
        assert!((exact[i] - p).abs() < 1e-12, "{} {p}", exact[i]);
        close("P(k = 1)", drawn[i], p, se(p));
    }
    // Jointly with the one before it.
    let draws = folder.table("draws_t.parquet");
    let (row, value) = (real(&draws, "row"), real(&draws, "value"));
    let of_first: Vec<f64> = (0..row.len()).filter(|&r| row[r] == 1.0).map(|r| value[r]).collect();
    let both = of_first.iter().zip(tops).filter(|(k, t)| **k == 1.0 && **t == 2.0).count() as f64 / N as f64;
    close("P(top = 2, k = 1)", both, p_both / total, se(p_both / total));
    // A prediction keeps the row's regime.
    let predicted = real(&folder.table("predictive.parquet"), "mean");
    close("y", predicted[0], 2.0 * p_k[0] / total, 2.0 / (N as f64).sqrt());
}

/// A let that is made of a discrete latent has the value of the one that is drawn with it.
#[test]
fn lets_made_of_discrete_latents_are_drawn_with_them() {
    let spec = NESTED
        .replace("categorical([0.4, 0.6])", "categorical(p)")
        .replace("  q[v]:", "  p[v]: [0.4, 0.6]\n  level[v]: [10, 20]\n  shifted: level[top] + b\n  doubled[w]: 2 * top * s\n  s[w]: [1, 3]\n  q[v]:")
        .replace("dims: {v: 2}", "dims: {v: 2, w: [one, three]}")
        .replace("report: [b, top, k]", "report: [b, top, shifted, doubled]")
        .replace("  draws: [k]\n", "");
    let target = compile(&spec, &[("t.csv", "y\n2.5\n-0.3\n1.2\n")]);
    let mut z = Lanes::zeros(1, 500);
    (0..500).for_each(|d| z.set(0, d, 0.01 * d as f64));
    let known = Known::all(&target, &z);
    let drawn = discrete_draws(&target, &known, 1, &Options::default()).unwrap();
    let names = |columns: &[(String, Vec<f64>)]| columns.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&drawn.latents), ["top"]);
    assert_eq!(names(&drawn.made_of_them), ["shifted", "doubled[one]", "doubled[three]"]);
    let tops = &drawn.latents[0].1;
    assert!(tops.contains(&1.0) && tops.contains(&2.0));
    for (d, top) in tops.iter().enumerate() {
        let value = |k: usize| drawn.made_of_them[k].1[d];
        assert_eq!([value(0), value(1), value(2)], [10.0 * top + 0.01 * d as f64, 2.0 * top, 6.0 * top]);
    }
}

#[test]
fn new_rows_have_new_discrete_latents() {
    let spec = NESTED
        .replace("categorical([0.4, 0.6])", "categorical(p)")
        .replace("  q[v]:", "  p[v]: [0.4, 0.6]\n  q[v]:");
    let target = compile(&spec, &[("t.csv", "y\n2.5\n")]);
    const N: usize = 8000;
    let mut z = Lanes::zeros(1, N);
    (0..N).for_each(|d| z.set(0, d, 2.0));
    // The regime of all is kept: second in a quarter of the draws.
    let discrete = |d: &model::Discrete| match d.name.as_str() {
        "top" => {
            let kept = (0..N as u32).map(|d| u32::from(d % 4 == 0)).collect();
            DiscreteKnown { is_new: vec![false], kept: vec![Some(kept)], given_data: false }
        }
        _ => DiscreteKnown { is_new: vec![true], kept: vec![None], given_data: false },
    };
    let known = Known::of(&z, vec![Some(0)], target.discrete.iter().map(discrete).collect());
    let folder = Scratch::new("new-discrete");
    write(&target, &known, &all_draws(N), 1, &folder);
    let p = 0.75 * 0.2 + 0.25 * 0.7;
    let table = folder.table("predictive.parquet");
    close("y", real(&table, "mean")[0], 2.0 * p, (1.0 + 4.0 * p * (1.0 - p)).sqrt() / (N as f64).sqrt());
}

#[test]
fn censored_values_are_predicted_uncensored_and_outcomes_one_by_one() {
    let spec = "
model: m
data: {t: {file: t.csv, rows: i}}
latent:
  m: normal(0, 1)
  s[kind]: normal(0, 1)
let:
  shares[kind]: exp(s) / sum(exp(s))
observe:
  week: censored(truncated(normal(m, 1), lower=entry), right = seen == 0)
  kind: categorical(shares)
";
    let target = compile(spec, &[("t.csv", "week,entry,seen,kind\n0.5,-9,1,b\n1,0.9,0,a\n2,1,1,b\n")]);
    const N: usize = 4000;
    let mut z = Lanes::zeros(3, N);
    (0..N).for_each(|d| z.set_lane(d, &[0.0, 0.0, 1.0]));
    z.pad();
    let known = Known::all(&target, &z);
    let folder = Scratch::new("censored");
    write(&target, &known, &all_draws(N), 1, &folder);
    let table = folder.table("predictive.parquet");
    let (columns, means, pit, observed) =
        (text(&table, "column"), real(&table, "mean"), real(&table, "pit"), real(&table, "observed"));
    assert_eq!(columns[..3], ["week", "week", "week"]);
    for m in &means[..3] {
        close("whatever its entry", *m, 0.0, 1.0 / (N as f64).sqrt());
    }
    assert!(pit[1].is_nan() && !pit[0].is_nan() && !pit[2].is_nan());
    assert_eq!(columns[3..], ["kind=a", "kind=b", "kind=a", "kind=b", "kind=a", "kind=b"]);
    assert_eq!(observed[3..], [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    let p = 1.0 / (1.0 + std::f64::consts::E);
    close("P(a)", means[3], p, (p * (1.0 - p) / N as f64).sqrt());
    assert!((means[3] + means[4] - 1.0).abs() < 1e-12);
}

#[test]
fn an_outcome_that_is_a_dropped_null_does_not_count() {
    let spec = "
model: m
data: {t: {file: t.csv, rows: i, missing: {kind: drop}}}
latent:
  s[kind]: normal(0, 1)
let:
  shares[kind]: exp(s) / sum(exp(s))
observe:
  kind: categorical(shares)
";
    let density = |data: &str| {
        let t = compile(spec, &[("t.csv", data)]);
        let mut bindings = t.bindings.clone();
        bindings.data.insert("s".into(), graph::value::Value::Real(vec![0.3, -0.4]));
        graph::interpret::evaluate(&t.graph, &[t.log_joint], &bindings).unwrap().remove(0)
    };
    assert_eq!(density("n,kind\n1,b\n2,\n3,a\n"), density("n,kind\n1,b\n3,a\n"));
}
