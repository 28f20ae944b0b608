//! Units: what follows from those that are declared, conversions, and that they change no number.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use model::Target;
use spec_compiler::ast::Spec;
use spec_compiler::{Compiled, Earlier, Source, compile_after, parse_spec, render};
use support::{Tables, models};

fn tables() -> Tables {
    let mut tables = Tables::read();
    tables.add("assay.csv", "time,product\n2,3.5\n0,0.1\n1,1.9\n2,3.7\n");
    tables.add("rates.csv", "temperature,rate,batch\n298,0.2,a\n310,0.5,b\n320,1.1,a\n");
    tables.add("batches.csv", "batch,strength\na,1.5\nb,2.5\n");
    tables.add("ode.csv", "hours,concentration\n1,0.5\n2,0.9\n4,1.1\n");
    tables.add("doses.csv", "id,dose,day,caught\n1,5,1,3\n2,7,2,4\n");
    tables
}

fn parsed(text: &str) -> (Spec, Source) {
    let source = Source::new("spec.yaml", text).unwrap();
    (parse_spec(&source).unwrap_or_else(|m| panic!("{}", render(&m, &source))), source)
}

fn compiled(text: &str) -> Compiled {
    let (spec, source) = parsed(text);
    let done = compile_after(spec, Path::new(""), &tables(), &Earlier::default());
    done.unwrap_or_else(|m| panic!("{}", render(&m, &source)))
}

fn mistakes(text: &str) -> String {
    let (spec, source) = parsed(text);
    match compile_after(spec, Path::new(""), &tables(), &Earlier::default()) {
        Ok(_) => panic!("compiled:\n{text}"),
        Err(m) => render(&m, &source),
    }
}

/// The units of everything that has a name, columns included, as text.
fn units(text: &str) -> BTreeMap<String, String> {
    let model = compiled(text).model;
    let mut all = model.units_by_name();
    for (&(table, column), unit) in &model.units.columns {
        all.insert(model.tables[table].data.columns[column].name.clone(), unit.to_string());
    }
    all
}

#[track_caller]
fn check(text: &str, expected: &[(&str, &str)]) {
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(name, unit)| (name.to_string(), unit.to_string())).collect();
    assert_eq!(units(text), expected);
}

/// The log joint density with all unconstrained coordinates at 0.3.
fn log_joint(t: &Target) -> f64 {
    models::log_joint(t, &models::at(t, &vec![0.3; t.coordinates().len()]))
}

const KINETICS: &str = "
model: m
data:
  assay: {file: assay.csv, rows: sample, units: {time: min, product: mM}}
latent:
  vmax: {prior: 'lognormal(0, 0.5)', unit: mM/min}
  km: lognormal(1, 0.5)
  sigma: half_normal(0.5)
let:
  flux: vmax * substrate / (km + substrate)
  rest: substrate / 10
ode:
  reaction:
    at: time
    states:
      substrate: {initial: 10, rate: -flux, unit: mM}
      made: {initial: 0, rate: flux}
observe:
  product: normal(made, sigma)
";

#[test]
fn units_follow_through_a_differential_equation() {
    check(
        KINETICS,
        &[
            ("time", "min"),
            ("product", "mM"),
            ("vmax", "mM/min"),
            // Added to the substrate.
            ("km", "mM"),
            ("sigma", "mM"),
            ("flux", "mM/min"),
            ("rest", "mM"),
            ("substrate", "mM"),
            ("made", "mM"),
        ],
    );
}

/// A first-order decay: the rate constant follows from the rate, the amount from what is observed.
#[test]
fn a_rate_constant_follows_from_its_rate() {
    let text = "
model: m
data:
  assay: {file: assay.csv, rows: sample, units: {time: min, product: mM}}
latent:
  k: lognormal(0, 1)
  start: lognormal(0, 1)
  sigma: half_normal(1)
ode:
  decay: {at: time, states: {left: {initial: start, rate: -k * left}}}
observe:
  product: normal(left, sigma)
";
    let found = units(text);
    assert_eq!([&found["k"], &found["start"], &found["left"], &found["sigma"]], ["1/min", "mM", "mM", "mM"]);
}

#[test]
fn a_regression_on_logarithms() {
    let text = "
model: m
data:
  rates: {file: rates.csv, rows: run, units: {temperature: K, rate: mM/min}}
latent:
  a: normal(0, 1)
  b: {prior: 'normal(0, 1)', unit: 1/K}
  s: half_normal(1)
let:
  log_rate: log(rate / convert(1, mM/min))
  centred: temperature - mean(temperature)
  scaled: centred / sd(temperature)
  half: sqrt(rate * rate)
  warm: temperature > 300
observe:
  log_rate: normal(a + b * centred, s)
";
    let found = units(text);
    let of = |name: &str| found.get(name).map(String::as_str);
    assert_eq!(of("log_rate"), Some("1"));
    assert_eq!((of("centred"), of("scaled"), of("half")), (Some("K"), Some("1"), Some("mM/min")));
    assert_eq!(of("warm"), Some("1"));
}

#[test]
fn a_hierarchy_hands_its_unit_up_and_parents_are_looked_up() {
    let text = "
model: m
data:
  rates: {file: rates.csv, rows: run, units: {rate: mM/min}}
  batches: {file: batches.csv, key: batch, units: {strength: 1/min}}
latent:
  mu: normal(0, 5)
  tau: half_cauchy(5)
  alpha[batch]: normal(mu, tau)
  gain: normal(0, 1)
  sigma: half_normal(5)
  precision: gamma(2, 1)
observe:
  rate: normal(alpha[batch] + gain * strength[batch], sigma)
";
    check(
        text,
        &[
            ("rate", "mM/min"),
            ("strength", "1/min"),
            ("alpha", "mM/min"),
            ("mu", "mM/min"),
            ("tau", "mM/min"),
            ("sigma", "mM/min"),
            ("gain", "mM"),
        ],
    );
}

#[test]
fn arrhenius() {
    let text = "
model: m
data:
  rates: {file: rates.csv, rows: run, units: {temperature: K, rate: 1/s}}
latent:
  factor: lognormal(5, 2)
  energy: {prior: 'normal(50, 10)', unit: kJ/mol}
  s: half_normal(1)
let:
  gas: {value: 8.314462618, unit: J/(mol K)}
  exponent: convert(energy, J/mol) / (gas * temperature)
  k: factor * exp(-exponent)
observe:
  rate: normal(k, s)
";
    let found = units(text);
    assert_eq!([&found["gas"], &found["exponent"]], ["J/(mol K)", "1"]);
    // Only a plain exponent has a power of e; kJ are not J.
    let wrong = text.replace("convert(energy, J/mol)", "energy");
    let shown = mistakes(&wrong);
    assert!(shown.contains("[unit_not_plain]") && shown.contains("kJ"), "{shown}");
    // The factor has the unit of the rate, for the power is a plain number.
    assert_eq!(found["factor"], "1/s");
}

#[test]
fn recurrences_and_names_of_ones_own() {
    let text = "
model: m
units: [fish]
data:
  doses: {file: doses.csv, rows: i, ordered_by: day, units: {dose: mg, caught: fish}}
latent:
  a: uniform(0, 1)
  s: half_normal(1)
  r: half_normal(1)
  ponds: lognormal(0, 1)
recurrence:
  level: {over: i, states: {z: {initial: 'normal(0, 5)', next: 'normal(a * z, s)'}}}
observe:
  dose: normal(z, r)
  caught: poisson(ponds)
";
    let found = units(text);
    assert_eq!([&found["z"], &found["s"], &found["r"], &found["ponds"]], ["mg", "mg", "mg", "fish"]);
}

/// What has no unit agrees with everything, and a bare number with whatever it stands beside.
#[test]
fn what_has_no_unit_is_not_checked() {
    let text = "
model: m
data:
  doses: {file: doses.csv, rows: i, units: {dose: mg}}
latent:
  b: normal(0, 1)
  n: lognormal(0, 1)
  s: half_normal(1)
let:
  x: (dose - 5) / 10
  y: where(dose > 6, dose, 6)
  z: b^n + log(b) + exp(b * day)
observe:
  caught: normal(z + b, s)
";
    check(text, &[("dose", "mg"), ("x", "mg"), ("y", "mg"), ("z", "1")]);
}

/// A model's density with its units, and with none.
#[test]
fn units_change_no_number() {
    let more = "
model: m
data:
  doses: {file: doses.csv, rows: i, units: {dose: mg, day: d}}
latent:
  a: {prior: 'lognormal(0, 1)', unit: mg}
  k: {prior: 'lognormal(0, 1)', unit: 1/d}
  s: half_normal(1)
let:
  shift: {value: 0.5, unit: mg}
  kept: {value: a * exp(-k * day), unit: mg}
observe:
  dose: normal(kept + shift, s)
";
    for text in [KINETICS, more] {
        let (spec, _) = parsed(text);
        let mut bare = spec.clone();
        bare.data.iter_mut().for_each(|table| table.units.clear());
        bare.latent.iter_mut().for_each(|latent| latent.unit = None);
        bare.lets.iter_mut().for_each(|entry| entry.unit = None);
        bare.ode.iter_mut().flat_map(|block| &mut block.states).for_each(|state| state.unit = None);
        let density = |spec: Spec| {
            let done = compile_after(spec, Path::new(""), &tables(), &Earlier::default());
            let compiled = done.unwrap_or_else(|m| panic!("{m:?}"));
            (log_joint(&compiled.target), compiled.model.units_by_name().len())
        };
        let ((with, named), (without, none)) = (density(spec), density(bare));
        assert_eq!(with.to_bits(), without.to_bits(), "{with} {without}");
        assert!(named > 3 && none == 0, "{named} {none}");
    }
}

/// Conversions multiply by exact factors, wherever they stand: in lets of data and of latents, in rates,
/// in recurrences.
#[test]
fn conversions_are_exact() {
    let spec = |dose: &str, a: &str, z: &str, sd: &str| {
        format!(
            "
model: m
data:
  doses: {{file: doses.csv, rows: i, ordered_by: day, units: {{dose: mg, day: h}}}}
latent:
  a: {{prior: 'lognormal(0, 1)', unit: mg}}
  k: {{prior: 'lognormal(0, 1)', unit: 1/min}}
let:
  grams: where(caught > 0, {dose}, 0)
ode:
  decay: {{at: day, states: {{left: {{initial: a, rate: \"-{a}\"}}}}}}
recurrence:
  sum: {{over: i, states: {{z: {{initial: 0, next: \"{z}\", unit: ug}}}}}}
observe:
  grams: normal({dose}, {sd})
  caught: normal(left, 1)
  id: normal(z, 1)
"
        )
    };
    let converted = spec(
        "convert(dose, g)",
        "convert(k, 1/h) * convert(convert(left, g), mg)",
        "convert(convert(convert(z, kg), mg) + a / convert(2, 1), ug)",
        "convert(a, g)",
    );
    let by_hand = spec("0.001 * dose", "60 * k * left", "z + 1000 * a / 2", "0.001 * a")
        .replace(", unit: mg", "")
        .replace(", unit: 1/min", "")
        .replace(", unit: ug", "")
        .replace(", units: {dose: mg, day: h}", "");
    let (found, expected) = (compiled(&converted).target, compiled(&by_hand).target);
    let (found, expected) = (log_joint(&found), log_joint(&expected));
    assert!((found - expected).abs() < 1e-12 * expected.abs(), "{found} {expected}");
}

#[test]
fn one_mistake_has_one_message() {
    // The unit of vmax is wrong: both rates are, and what follows from them is not told as well.
    let text = KINETICS.replace("unit: mM/min", "unit: mM/s");
    let shown = mistakes(&text);
    assert_eq!(shown.matches("[unit_scale]").count(), 1, "{shown}");
    assert_eq!(shown.matches("\u{d7}").count(), 1, "{shown}");
}

/// A stack has a unit where its columns have one in common; an element has its column's.
#[test]
fn stacks_of_columns() {
    let text = |units: &str| {
        format!(
            "
model: m
data:
  wide: {{file: wide.csv, rows: i, stack: {{x: {{columns: 'x*', dim: feature}}}}, units: {units}}}
latent:
  b[feature]: normal(0, 1)
  c: normal(0, 1)
  s: half_normal(1)
let:
  one: 2 * x[feature=x2]
observe:
  y: normal(x @ b + c * x[feature=x1], s)
"
        )
    };
    let found = units(&text("{x: mg, y: L}"));
    assert_eq!([&found["one"], &found["b"], &found["c"]], ["mg", "L/mg", "L/mg"]);
    // With two units a design matrix is no mistake, and its coefficients have none in common.
    let found = units(&text("{x1: mg, x2: h, x10: K, y: L}"));
    assert_eq!([&found["one"], &found["c"]], ["h", "L/mg"]);
    assert!(!found.contains_key("b"), "{found:?}");
}

/// Large models with units are read in time.
#[test]
fn units_of_large_models_cost_little() {
    let chain: String = (1..3000).map(|i| format!("  a{i}: a{0} + a{0}\n", i - 1)).collect();
    let long = "a0 * a0 / a0 + ".repeat(100);
    let wide: String = (0..300).map(|i| format!("  w{i}: {long}{}\n", i % 7)).collect();
    let text = format!(
        "model: m\ndata:\n  doses: {{file: doses.csv, rows: i, units: {{dose: mg}}}}\nlatent:\n  a0: normal(0, 1)\n\
         let:\n{chain}{wide}observe:\n  dose: normal(a2999 + w1, 1)\n"
    );
    let begun = std::time::Instant::now();
    let found = units(&text);
    assert_eq!([&found["a0"], &found["w299"]], ["mg", "mg"]);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

/// The example of the reference: what it says that follows does.
#[test]
fn the_example_of_the_reference() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec-language.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## Units\n").nth(1).unwrap();
    let example = section.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let example = example.replace("../datasets/michaelis_menten.csv", "assay.csv");
    let model = compiled(&example).model.to_string();
    let expected = "\
model progress_curve
  dim     sample: 4 rows of assay
  column  assay.time, in min
  column  assay.product, in mM
  latent  vmax ~ lognormal: a positive number, in mM/min
  latent  km ~ lognormal: a positive number, in mM
  latent  sigma ~ half_normal: a positive number, in mM
  solve   reaction: substrate, product_made[sample] from 0
    substrate in mM
    product_made in mM
  let     flux[sample], in mM/min
  let     log_left[sample], in 1
  observe product[sample] ~ normal, in mM
";
    assert_eq!(model, expected);
}

/// The logarithm that is a parameter of the law of y is of a number in the unit of y.
#[test]
fn multiplicative_noise() {
    let text = "
model: m
data:
  rates: {file: rates.csv, rows: run, units: {temperature: K, rate: mM/min}}
  doses: {file: doses.csv, rows: i, units: {caught: counts}}
latent:
  level: lognormal(log(base), 1)
  base: lognormal(0, 1)
  ponds: lognormal(0, 1)
  s: half_normal(1)
observe:
  rate: lognormal(log(level), s)
  caught: poisson(log_rate = log(ponds))
";
    let found = units(text);
    assert_eq!([&found["level"], &found["base"], &found["ponds"]], ["mM/min", "mM/min", "counts"]);
    let shown =
        mistakes(&text.replace("base: lognormal(0, 1)", "base: {prior: 'lognormal(0, 1)', unit: mM}"));
    assert!(shown.contains("[unit_mismatch]") && shown.contains("divided by something in `min`"), "{shown}");
}

/// A model of `fit new` in which nearly all units follow.
#[test]
fn the_template_of_a_drug() {
    let found = units(include_str!("../../fit/templates/ode.yaml"));
    let of = ["gut", "blood_amount", "uptake", "absorption", "elimination", "level", "volume"];
    let of = of.map(|name| found[name].as_str());
    assert_eq!(of, ["mg", "mg", "mg/h", "1/h", "1/h", "mg/L", "L"]);
}

#[test]
fn gaussian_processes() {
    let text = "
model: m
dims: {k: 5}
data:
  rates: {file: rates.csv, rows: run, units: {temperature: K, rate: mM}}
latent:
  length: {prior: 'lognormal(3, 1)', unit: K}
  amplitude: {prior: 'half_normal(1)', unit: mM}
  w[k]: {prior: 'normal(0, 1)', unit: 1}
  z[run]: {prior: 'normal(0, 1)', unit: 1}
  s: half_normal(1)
let:
  smooth: hilbert_basis(temperature, over=k) @ (hilbert_scale(temperature, length, over=k) * w)
  splines: bspline(temperature, over=k) @ w
  covariance: amplitude^2 * matern32(temperature, length) + 1e-6 * identity(run)
  exact: cholesky(covariance) @ z
  white: solve_triangular(cholesky(covariance), exact)
observe:
  rate: normal(exact + amplitude * smooth, s)
";
    let found = units(text);
    let of = ["smooth", "splines", "covariance", "exact", "white", "s"].map(|name| found[name].as_str());
    assert_eq!(of, ["1", "1", "mM^2", "mM", "1", "mM"]);
    let shown = mistakes(&text.replace("unit: K", "unit: s"));
    assert_eq!(shown.matches("\u{d7}").count(), 2, "{shown}");
    assert!(shown.contains("`matern32` takes a plain number, this is in `K/s`"), "{shown}");
}
