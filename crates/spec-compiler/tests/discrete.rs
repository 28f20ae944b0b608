//! Discrete latents summed out: log densities and their gradients against sums by hand.

mod support;

use std::path::Path;

use spec_compiler::{Source, compile, render};
use support::Tables;
use support::density::{close, log_joint};
use support::models::compiled;

/// Two sites, each visited once, with animals of two kinds.
fn tables() -> Tables {
    let mut tables = Tables::read();
    tables.add("visits.csv", "seen,spotted,plain\n3,2,1\n1,0,1\n");
    tables
}

fn ln_factorial(n: usize) -> f64 {
    (1..=n).map(|k| (k as f64).ln()).sum()
}

fn choose(n: usize, k: usize) -> f64 {
    (ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)).exp()
}

/// B(x + a, n - x + b) / B(a, b), by its product.
fn beta_ratio(x: usize, rest: usize, a: f64, b: f64) -> f64 {
    let rising = |a: f64, n: usize| (0..n).map(|k| a + k as f64).product::<f64>();
    rising(a, x) * rising(b, rest) / rising(a + b, x + rest)
}

/// Poisson(6) cut off above 9, not normalised to less than that.
fn poisson(n: usize) -> f64 {
    let mass = |n: usize| (n as f64 * 6.0f64.ln() - 6.0 - ln_factorial(n)).exp();
    mass(n) / (0..=9).map(mass).sum::<f64>()
}

fn model(lets: &str, law: &str) -> String {
    format!(
        "model: m\ndata:\n  visits: {{file: visits.csv, rows: i, stack: {{kinds: {{columns: [spotted, plain], dim: kind}}}}}}\n\
         latent:\n  u: normal(0, 1)\n  n[i]: truncated(poisson(6), upper=9)\n\
         let:\n  p: sigmoid(u)\n{lets}observe:\n  {law}\n"
    )
}

/// Trials that are a discrete latent, or made of one: with fewer than there were successes there is no
/// density, and no harm to the gradient.
#[test]
fn trials_may_be_a_discrete_latent() {
    let u = 0.4f64;
    let p = 1.0 / (1.0 + (-u).exp());
    let (a, b) = (1.0 + p, 2.0 * p);
    let binomial = |n: usize, x: usize| choose(n, x) * p.powi(x as i32) * (1.0 - p).powi((n - x) as i32);
    let check = |lets: &str, law: &str, density: &dyn Fn(usize, usize) -> f64| {
        let site = |x: usize| (0..=9).map(|n| poisson(n) * density(n, x)).sum::<f64>().ln();
        let prior = -0.5 * u * u - 0.5 * (2.0 * std::f64::consts::PI).ln();
        close(log_joint(&compiled(&model(lets, law), &tables()), &[u]), prior + site(3) + site(1));
    };
    let from = |n: usize, x: usize, density: &dyn Fn() -> f64| if n < x { 0.0 } else { density() };
    check("", "seen: binomial(n, p)", &|n, x| from(n, x, &|| binomial(n, x)));
    check("", "seen: binomial(n, logit=u)", &|n, x| from(n, x, &|| binomial(n, x)));
    check("  t[i]: 2 * n\n", "seen: binomial(t, p)", &|n, x| from(2 * n, x, &|| binomial(2 * n, x)));
    check("", "seen: binomial(where(n == 4, 3, n), p)", &|n, x| {
        let n = if n == 4 { 3 } else { n };
        from(n, x, &|| binomial(n, x))
    });
    check("", "seen: beta_binomial(n, 1 + p, 2 * p)", &|n, x| {
        from(n, x, &|| choose(n, x) * beta_ratio(x, n - x, a, b))
    });
    check("", "seen: zero_inflated(binomial(n, p), zero=0.25)", &|n, x| {
        from(n, x, &|| 0.75 * binomial(n, x))
    });
    // All were seen, of either kind: one spotted of one is none of two.
    let spotted = |x: usize| if x == 3 { 2 } else { 0 };
    let weights = "  w[kind]: where(kind_is_first == 1, p, 1 - p)\n  kind_is_first[kind]: [1, 0]\n";
    check(weights, "kinds: multinomial(n, w, over=kind)", &|n, x| {
        if n == x { binomial(n, spotted(x)) } else { 0.0 }
    });
}

/// What a continuous latent makes of them is not known.
/// Latents that meet one another by way of one alone are summed out before it, whatever their order in the file:
/// all together they have a hundred million combinations.
#[test]
fn what_meets_most_is_summed_out_last() {
    let text = "model: m
latent:
  u: normal(0, 1)
  hub: truncated(poisson(6), upper=99)
  a: truncated(poisson(6), upper=99)
  b: truncated(poisson(6), upper=99)
  c: truncated(poisson(6), upper=99)
factor:
  f: -u^2 * (hub - a)^2
  g: -u^2 * (hub - b)^2
  h: -u^2 * (hub - 2 * c)^2
";
    let u = 0.4f64;
    let mass: Vec<f64> = (0..=99).map(|n| (n as f64 * 6.0f64.ln() - 6.0 - ln_factorial(n)).exp()).collect();
    let leaf = |hub: usize, by: f64| -> f64 {
        (0..=99).map(|n| mass[n] * (-u * u * (hub as f64 - by * n as f64).powi(2)).exp()).sum()
    };
    let all: f64 = (0..=99).map(|hub| mass[hub] * leaf(hub, 1.0).powi(2) * leaf(hub, 2.0)).sum();
    // Beyond 99 there is 1e-78 of each.
    let prior = -0.5 * u * u - 0.5 * (2.0 * std::f64::consts::PI).ln();
    close(log_joint(&compiled(text, &Tables::read()), &[u]), prior + all.ln());
}

/// Combinations that a draw could hold are too many for the rows of a table.
#[test]
fn combinations_by_row_have_a_limit() {
    let text = |rows: usize| {
        let mut tables = Tables::read();
        tables.add("many.csv", &format!("y\n{}", "1\n".repeat(rows)));
        let text = "model: m
data: {d: {file: many.csv, rows: i}}
latent:
  m: normal(0, 1)
  a: truncated(poisson(6), upper=299)
  b: truncated(poisson(6), upper=299)
  c: truncated(poisson(6), upper=99)
observe:
  y: normal(m * (a + b + c), 1)
";
        let source = Source::new("a.yaml", text).unwrap();
        let found = compile(&source, Path::new(""), &tables);
        found.map(|_| ()).map_err(|mistakes| render(&mistakes, &source))
    };
    assert_eq!(text(20), Ok(()));
    let said = text(40).unwrap_err();
    assert!(
        said.contains("9 million combinations") && said.contains("more than 250 million numbers"),
        "{said}"
    );
}

#[test]
fn trials_that_are_not_known_are_refused() {
    for trials in ["6 * p", "n + u", "where(u > 0, n, 3)"] {
        let law = format!("seen: binomial({trials}, p)");
        let source = Source::new("spec.yaml", model("", &law)).unwrap();
        let Err(mistakes) = compile(&source, Path::new(""), &tables()) else { panic!("{trials} compiled") };
        let said = render(&mistakes, &source);
        assert!(said.contains("n of binomial must be a constant here"), "{said}");
    }
}

/// Occupancy: a site without the animal shows none, for certain. By site z is summed over both.
#[test]
fn a_species_that_is_not_there_is_not_seen() {
    let mut tables = Tables::read();
    tables.add("sites.csv", "v1,v2,n\n0,0,0\n1,0,2\n0,1,0\n");
    let (a, b) = (0.4f64, -0.3f64);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (psi, p) = (sigmoid(a), sigmoid(b));
    let prior = [a, b].iter().map(|x| -0.5 * x * x - 0.5 * (2.0 * std::f64::consts::PI).ln()).sum::<f64>();
    let check = |law: &str, site: &dyn Fn(usize) -> (f64, bool)| {
        let text = format!(
            "model: m\ndata:\n  s: {{file: sites.csv, rows: site, stack: {{v: {{columns: [v1, v2], dim: visit}}}}}}\n\
             latent:\n  a: normal(0, 1)\n  b: normal(0, 1)\n  z[site]: bernoulli(sigmoid(a))\n\
             let:\n  p: sigmoid(b)\nobserve:\n  {law}\n"
        );
        let sites = (0..3).map(|i| {
            let (there, nothing_seen) = site(i);
            (psi * there + if nothing_seen { 1.0 - psi } else { 0.0 }).ln()
        });
        close(log_joint(&compiled(&text, &tables), &[a, b]), prior + sites.sum::<f64>());
    };
    let visits = |i: usize| match i {
        0 => ((1.0 - p).powi(2), true),
        _ => (p * (1.0 - p), false),
    };
    check("v: bernoulli(z * p)", &visits);
    check("v: bernoulli(where(z, p, 0))", &visits);
    let n = [0, 2, 0];
    check("n: binomial(4, z * p)", &|i| {
        (choose(4, n[i]) * p.powi(n[i] as i32) * (1.0 - p).powi(4 - n[i] as i32), n[i] == 0)
    });
    check("n: poisson(z * exp(b))", &|i| {
        let rate = b.exp();
        ((n[i] as f64 * b - rate - ln_factorial(n[i])).exp(), n[i] == 0)
    });
}

/// Outcomes of the rows of a matrix: its columns have the primed dimension, the data the plain one. The class of a row
/// may be a latent too.
#[test]
fn outcomes_along_a_primed_dimension() {
    let mut tables = Tables::read();
    tables.add("moves.csv", "from,to\nA,B\nB,B\nA,A\n");
    let u = 0.4f64;
    let p = 1.0 / (1.0 + (-u).exp());
    let head = "model: m
data: {moves: {file: moves.csv, rows: move, index: {from: place, to: place}}}
latent:
  u: normal(0, 1)
";
    let lets = "let:
  p: sigmoid(u)
  theta[place, place']: where(identity(place) == 1, p, 1 - p)
";
    let law = "observe:\n  to: categorical(theta[from])\n";
    let known = compiled(&format!("{head}{lets}{law}"), &tables);
    close(log_joint(&known, &[u]), (normal(u, 0.0) * (1.0 - p) * p * p).ln());
    let law = "  w[place]: [0.3, 0.7]\nobserve:\n  to: categorical(theta[z])\n";
    let hidden = compiled(&format!("{head}  z[move]: categorical(w)\n{lets}{law}"), &tables);
    let (a, b) = (0.3 * p + 0.7 * (1.0 - p), 0.3 * (1.0 - p) + 0.7 * p);
    close(log_joint(&hidden, &[u]), (normal(u, 0.0) * b * b * a).ln());
}

/// Two latents look a matrix up: the first along its dimension, the second along the prime of it.
#[test]
fn two_latents_look_up_a_matrix() {
    let mut tables = Tables::read();
    tables.add("pairs.csv", "giver,y\nann,1\nbob,0\n");
    let text = "model: m
data:
  pairs: {file: pairs.csv, rows: row}
dims: {k: 2}
latent:
  u: normal(0, 1)
  g[giver]: categorical(w)
  t[row]: categorical(v)
let:
  w[k]: [0.3, 0.7]
  v[k]: [0.6, 0.4]
  p: sigmoid(u)
  place[k]: [0, 1]
  b[k, k']: p^(1 + 2 * place + prime(place))
observe:
  y: bernoulli(b[g[giver], t])
";
    let u = 0.4f64;
    let p = 1.0 / (1.0 + (-u).exp());
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let seen: f64 =
        pairs.iter().map(|&(i, j)| [0.3, 0.7][i] * [0.6, 0.4][j] * p.powi((1 + 2 * i + j) as i32)).sum();
    close(log_joint(&compiled(text, &tables), &[u]), (normal(u, 0.0) * seen * (1.0 - seen)).ln());
}

/// A latent and a state are compared with labels of their levels as with the numbers of these, from 1.
#[test]
fn labels_are_the_numbers_of_levels() {
    let mut tables = Tables::read();
    tables.add("laps.csv", "person,lap,x,y\nann,1,0.3,2\nbob,1,-0.7,1\nann,2,1.1,0.5\n");
    let density = |of_latent: &str, of_state: &str| {
        let text = format!(
            "model: m
data:
  laps: {{file: laps.csv, rows: row, ordered_by: lap}}
dims: {{k: [slow, fast]}}
latent:
  a: normal(0, 1)
  z[person]: categorical(w)
let:
  w[k]: [0.3, 0.7]
recurrence:
  r:
    over: row
    by: person
    states:
      s: {{initial: categorical(w), next: categorical(w)}}
observe:
  x: normal(where({of_latent}, a, 0), 1)
  y: normal(where({of_state}, 2, a), 1)
"
        );
        log_joint(&compiled(&text, &tables), &[0.4])
    };
    let by_number = density("z[person] == 2", "s == 1");
    close(density("z[person] == 'fast'", "'slow' == s"), by_number);
    close(density("z[person] != 'slow'", "s != 'fast'"), by_number);
    assert!((density("z[person] == 'slow'", "s == 'slow'") - by_number).abs() > 1e-3);
}

fn normal(x: f64, mean: f64) -> f64 {
    (-0.5 * (x - mean).powi(2)).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Rows look up the discrete latents of their plots, and of the regions that these lie in: the sum over all
/// combinations, by hand.
mod looked_up {
    use super::*;

    const PLOT: [usize; 6] = [2, 0, 1, 0, 2, 2];
    const REGION: [usize; 3] = [0, 1, 0];
    const Y: [f64; 6] = [0.3, -1.2, 0.8, 2.1, -0.4, 1.5];
    const U: [f64; 2] = [0.4, -0.3];

    fn tables() -> Tables {
        let mut tables = Tables::read();
        tables.add("plots.csv", "plot,region\nA,east\nB,west\nC,east\n");
        let row = |(p, y): (&usize, &f64)| {
            format!(
                "{},{},{y},{}\n",
                ["A", "B", "C"][*p],
                ["east", "west"][REGION[*p]],
                (y.abs() * 2.0).floor()
            )
        };
        let rows: String = PLOT.iter().zip(&Y).map(row).collect();
        tables.add("visits.csv", &format!("plot,region,y,n\n{rows}"));
        tables
    }

    /// `density(z, h, i)` of row `i`, for the values of its plot and region; `prior(z, h)` of a plot.
    fn check(text: &str, prior: impl Fn(usize, usize) -> f64, density: impl Fn(usize, usize, usize) -> f64) {
        let text = format!(
            "model: m
data:
  plots: {{file: plots.csv, key: plot}}
  visits: {{file: visits.csv, rows: visit}}
dims: {{k: 2}}
latent:
  a: normal(0, 1)
  b: normal(0, 1)
{text}"
        );
        let by_hand = |all: u32| {
            let z = |p: usize| (all >> p & 1) as usize;
            let h = |r: usize| (all >> (3 + r) & 1) as usize;
            let of_plots: f64 = (0..3).map(|p| prior(z(p), h(REGION[p]))).product();
            let of_regions: f64 = (0..2).map(|r| if h(r) == 1 { 0.4 } else { 0.6 }).product();
            let rows: f64 = (0..6).map(|i| density(z(PLOT[i]), h(REGION[PLOT[i]]), i)).product();
            of_plots * of_regions * rows
        };
        let sum: f64 = (0..32).map(by_hand).sum();
        let own: f64 = U.iter().map(|u| normal(*u, 0.0)).product();
        close(log_joint(&compiled(&text, &tables()), &U), (own * sum).ln());
    }

    fn coin(p: f64) -> impl Fn(usize, usize) -> f64 {
        move |z, _| if z == 1 { p } else { 1.0 - p }
    }

    #[test]
    fn a_mean_of_the_class_of_a_group() {
        let [a, b] = U;
        let mean = |z: usize| if z == 1 { b } else { a };
        let y = |z: usize, _: usize, i: usize| normal(Y[i], mean(z));
        let class = "  z[plot]: categorical(w)\nlet:\n  w[k]: [0.7, 0.3]\n  m[k]: where(k_is_first == 1, a, b)\n  k_is_first[k]: [1, 0]\n";
        check(&format!("{class}observe:\n  y: normal(m[z[plot]], 1)\n"), coin(0.3), y);
        check(&format!("{class}  mine[plot]: m[z]\nobserve:\n  y: normal(mine[plot], 1)\n"), coin(0.3), y);
        let switch = "  z[plot]: bernoulli(0.3)\nobserve:\n  y: normal(where(z[plot], b, a), 1)\n";
        check(switch, coin(0.3), y);
        // A group's own law and those of its rows.
        let both = "  z[plot]: bernoulli(0.3)\nfactor:\n  f: a * z\nobserve:\n  y: normal(where(z[plot] == 1, b, a), 1)\n";
        check(both, |z, _| coin(0.3)(z, 0) * (a * z as f64).exp(), y);
        // What is looked up by class may vary by group too.
        let at =
            |z: usize, _: usize, i: usize| normal(Y[i], a * [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]][PLOT[i]][z]);
        let table = "  z[plot]: categorical(w)\nlet:\n  w[k]: [0.7, 0.3]\n  d[plot, k]: [[1, 2], [3, 4], [5, 6]]\nobserve:\n";
        for mean in ["d[plot][z[plot]]", "d[z[plot], plot]", "d[plot, z[plot]]", "d[z][plot]"] {
            check(&format!("{table}  y: normal(a * {mean}, 1)\n"), coin(0.3), at);
        }
    }

    #[test]
    fn numbers_of_trials_of_a_group() {
        let p = 1.0 / (1.0 + (-U[0]).exp());
        let n = |i: usize| (Y[i].abs() * 2.0).floor() as i32;
        let binomial = |z: usize, _: usize, i: usize| {
            let trials = 3 + z as i32;
            let x = n(i);
            if x > trials {
                0.0
            } else {
                choose(trials as usize, x as usize) * p.powi(x) * (1.0 - p).powi(trials - x)
            }
        };
        check(
            "  z[plot]: bernoulli(0.3)\nobserve:\n  n: binomial(3 + z[plot], logit=a)\n",
            coin(0.3),
            binomial,
        );
    }

    #[test]
    fn a_latent_of_the_row_given_that_of_its_group() {
        let [a, b] = U;
        let y = |z: usize, _: usize, i: usize| {
            let p = if z == 1 { 0.9 } else { 0.2 };
            p * normal(Y[i], a) + (1.0 - p) * normal(Y[i], b + z as f64)
        };
        let text = "  z[plot]: bernoulli(0.3)\n  k[visit]: bernoulli(where(z[plot] == 1, 0.9, 0.2))\nobserve:\n  y: normal(where(k == 1, a, b + z[plot]), 1)\n";
        check(text, coin(0.3), y);
    }

    /// A value of the group's that leaves none of the row's: `u` is 0 where `z` is, and then nothing is seen.
    #[test]
    fn what_leaves_the_others_nothing_has_no_probability() {
        let p = 1.0 / (1.0 + (-U[0]).exp());
        let n = |i: usize| (Y[i].abs() * 2.0).floor() as i32;
        let seen = |p: f64, x: i32| choose(5, x as usize) * p.powi(x) * (1.0 - p).powi(5 - x);
        let rows = |z: usize, _: usize, i: usize| {
            let none = if n(i) == 0 { 1.0 } else { 0.0 };
            if z == 1 { 0.6 * seen(p, n(i)) + 0.4 * none } else { none }
        };
        let text = "  z[plot]: bernoulli(0.3)\n  u[visit]: bernoulli(where(z[plot], 0.6, 0))\nlet:\n  p: sigmoid(a)\nobserve:\n  n: binomial(5, where(u, p, 0))\n";
        check(text, coin(0.3), rows);
    }

    /// A discrete latent over two dimensions, both of which rows look up.
    #[test]
    fn pairs_of_groups() {
        let mut tables = Tables::read();
        let rows: String = PLOT
            .iter()
            .zip(&Y)
            .enumerate()
            .map(|(i, (p, y))| format!("{},{},{y}\n", ["A", "B", "C"][*p], i % 2))
            .collect();
        tables.add("visits.csv", &format!("plot,year,y\n{rows}"));
        let text = "model: m
data: {visits: {file: visits.csv, rows: visit}}
latent:
  a: normal(0, 1)
  z[plot, year]: bernoulli(0.3)
  h[year]: bernoulli(0.4)
observe:
  y: normal(a * z[plot, year] + h[year], 1)
";
        let a = 0.4;
        let by_hand = |all: u32| {
            let (z, h) = (
                |p: usize, year: usize| (all >> (2 * p + year) & 1) as usize,
                |year: usize| (all >> (6 + year) & 1) as usize,
            );
            let of = |on: usize, p: f64| if on == 1 { p } else { 1.0 - p };
            let cells: f64 = (0..3).flat_map(|p| [z(p, 0), z(p, 1)]).map(|on| of(on, 0.3)).product();
            let years = of(h(0), 0.4) * of(h(1), 0.4);
            let rows: f64 =
                (0..6).map(|i| normal(Y[i], a * z(PLOT[i], i % 2) as f64 + h(i % 2) as f64)).product();
            cells * years * rows
        };
        let sum: f64 = (0..256).map(by_hand).sum();
        close(log_joint(&compiled(text, &tables), &[a]), (normal(a, 0.0) * sum).ln());
    }

    /// A group without rows, in a group that is not the first.
    #[test]
    fn groups_without_rows() {
        let mut tables = tables();
        tables.add("plots.csv", "plot,region\nA,east\nB,west\nC,east\nD,west\n");
        let text = "model: m
data:
  plots: {file: plots.csv, key: plot}
  visits: {file: visits.csv, rows: visit}
latent:
  a: normal(0, 1)
  b: normal(0, 1)
  h[region]: bernoulli(0.4)
  z[plot]: bernoulli(where(h[region] == 1, 0.8, 0.3))
observe:
  y: normal(a * z[plot] + b * h[visits.region], 1)
";
        let shorter = text.replace("plots.csv", "three.csv");
        tables.add("three.csv", "plot,region\nA,east\nB,west\nC,east\n");
        let [more, less] = [text, &shorter].map(|text| log_joint(&compiled(text, &tables), &U));
        close(more, less);
    }

    #[test]
    fn groups_in_groups() {
        let [a, b] = U;
        let z = |z: usize, h: usize| coin(if h == 1 { 0.8 } else { 0.3 })(z, h);
        let y = |z: usize, h: usize, i: usize| normal(Y[i], a * z as f64 + b * h as f64);
        let latents = "  h[region]: bernoulli(0.4)\n  z[plot]: bernoulli(where(h[region] == 1, 0.8, 0.3))\n";
        for mean in [
            "a * z[plot] + b * h[region]",
            "a * z[plot] + b * h[region[plot]]",
            "a * z[plot] + r[plot]",
            "q[plot]",
        ] {
            let lets = "let:\n  r[plot]: b * h[plots.region]\n  q[plot]: a * z + r\n";
            check(&format!("{latents}{lets}observe:\n  y: normal({mean}, 1)\n"), z, y);
        }
    }

    #[test]
    fn a_continuous_latent_of_the_row_given_the_class_of_its_group() {
        let text = "model: m
data: {visits: {file: visits.csv, rows: visit}}
latent:
  z[plot]: bernoulli(0.3)
  x[visit]: normal(where(z[plot] == 1, 1, -1), 1)
observe:
  y: normal(x, 1)
";
        let u = [0.1, -0.5, 0.7, 1.2, -0.2, 0.4];
        let plot = |p: usize| {
            let rows = |z: usize| {
                (0..6).filter(|i| PLOT[*i] == p).map(|i| normal(u[i], 2.0 * z as f64 - 1.0)).product::<f64>()
            };
            (0.3 * rows(1) + 0.7 * rows(0)).ln()
        };
        let seen: f64 = (0..6).map(|i| normal(Y[i], u[i]).ln()).sum();
        close(log_joint(&compiled(text, &tables()), &u), (0..3).map(plot).sum::<f64>() + seen);
    }
}
