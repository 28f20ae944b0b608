//! States that are summed out, as a user meets them: found again, forecast, predicted.

mod common;

use common::{ends, folder, real, table};
use tables::Table;

/// The rows of a table by row with this name: means and sds.
fn rows_of(table: &Table, name: &str) -> Vec<(f64, f64)> {
    let tables::ColumnData::Text(names) = &table.column("name").unwrap().data else { panic!("names") };
    let numbers = real(table, "mean").into_iter().zip(real(table, "sd"));
    numbers.zip(names).filter(|(_, n)| *n == name).map(|(x, _)| x).collect()
}

const AR: &str = "model: ar
data: {t: {file: t.csv, rows: i, ordered_by: time}}
latent:
  a: uniform(0, 1)
  s: half_normal(1)
recurrence:
  level:
    over: i
    states:
      z: {initial: \"normal(0, 1)\", next: \"normal(a * z, s)\"}
observe:
  y: normal(z, 0.5)
";

#[test]
fn what_is_simulated_is_found_again() {
    let rows: String = (0..200).map(|t| format!("{t},0.5\n")).collect();
    let dir = folder("found", &[("ar.yaml", AR), ("t.csv", &format!("time,y\n{rows}"))]);
    ends(&dir, 0, &["simulate", "ar.yaml", "--out", "s", "--seed", "5", "--at", "a=0.8", "--at", "s=0.7"]);
    let truth = table(&dir, "s/truth.parquet");
    let tables::ColumnData::Text(names) = &truth.column("name").unwrap().data else { panic!("names") };
    assert_eq!((names.len(), names[0].as_str(), names[2].as_str()), (202, "a", "z[1]"));
    let truth = real(&truth, "value");
    ends(&dir, 0, &["s/ar.yaml", "--out", "run", "--quiet"]);
    let posterior = table(&dir, "run/posterior.parquet");
    for (name, value) in [("a", 0.8), ("s", 0.7)] {
        let draws = real(&posterior, name);
        let below = draws.iter().filter(|x| **x < value).count() as f64 / draws.len() as f64;
        assert!((0.001..0.999).contains(&below), "{name}: {value} is at {below}");
        let m = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((m - value).abs() < 0.3, "{name}: {m}");
    }
    // The states lie about their smoothed means as their sds say.
    let z = rows_of(&table(&dir, "run/rows_t.parquet"), "z");
    let off = z.iter().zip(&truth[2..]).map(|((m, s), x)| ((x - m) / s).powi(2)).sum::<f64>() / 200.0;
    assert!((0.6..1.5).contains(&off), "mean squared error in variances: {off}");
    // The rows saw their own values: predictions are nearer than the noise of the data alone.
    let predictive = table(&dir, "run/predictive.parquet");
    assert_eq!(real(&predictive, "observed").len(), 200);
    assert!(real(&predictive, "pit").iter().all(|p| *p > 0.0 && *p < 1.0));
}

/// Everything is normal, so that the posterior is exact, and the forecast is known.
#[test]
fn forecasts_are_of_rows_without_outcomes() {
    let spec = "model: walk
data: {t: {file: old.csv, rows: i, ordered_by: time, missing: {y: drop}}}
latent:
  mu: normal(0, 10)
recurrence:
  level:
    over: i
    states:
      z: {initial: \"normal(mu, 1)\", next: \"normal(z, 1)\"}
observe:
  y: normal(z, 2)
inference: {posterior_draws: 8000}
";
    let y: Vec<f64> = (0..15).map(|t| 20.0 + t as f64 * 0.3 + ((t * 7) % 5) as f64 - 2.0).collect();
    let old: String = y.iter().enumerate().map(|(t, y)| format!("{t},{y}\n")).collect();
    let old = format!("time,y\n{old}");
    let new = format!("{old}15,\n16,\n17,NA\n");
    let dir = folder("forecast", &[("walk.yaml", spec), ("old.csv", &old), ("new.csv", &new)]);
    ends(&dir, 0, &["walk.yaml", "--quiet"]);
    ends(&dir, 0, &["predict", "runs/walk", "--data", "new.csv", "--draws", "8000", "--quiet"]);
    let predictive = table(&dir, "runs/walk/predict/predictive.parquet");
    let (means, sds, observed) =
        (real(&predictive, "mean"), real(&predictive, "sd"), real(&predictive, "observed"));
    // The filter by hand; the level starts with the spread of mu and its own.
    let (mut m, mut v) = (0.0, 101.0);
    for (t, y) in y.iter().enumerate() {
        if t > 0 {
            v += 1.0;
        }
        let gain = v / (v + 4.0);
        m += gain * (y - m);
        v *= 1.0 - gain;
    }
    for ahead in 1..=3 {
        let at = 14 + ahead;
        let variance = v + ahead as f64 + 4.0;
        let error = (variance / 8000.0_f64).sqrt();
        assert!((means[at] - m).abs() < 5.0 * error, "{ahead} ahead: {}, expected {m}", means[at]);
        assert!((sds[at] / variance.sqrt() - 1.0).abs() < 5.0 / 16000.0_f64.sqrt(), "{} {variance}", sds[at]);
        assert!(observed[at].is_nan());
    }
    assert!(observed[..15].iter().zip(&y).all(|(a, b)| a == b));
    let z = rows_of(&table(&dir, "runs/walk/predict/rows_t.parquet"), "z");
    assert_eq!(z.len(), 18);
    assert!((z[14].0 - m).abs() < 5.0 * (v / 8000.0_f64).sqrt() && z[17].1 > z[14].1);
    // The same draws as after the fit: a row that has no later data says the same.
    let fitted = rows_of(&table(&dir, "runs/walk/rows_t.parquet"), "z");
    assert!((fitted[14].0 - z[14].0).abs() < 0.2 && (fitted[14].1 - z[14].1).abs() < 0.1);
}

#[test]
fn probabilities_of_hidden_states_are_forecast() {
    let spec = "model: moods
dims: {mood: [low, high]}
data: {t: {file: old.csv, rows: i, missing: {y: drop}}}
latent:
  mu: normal(0, 3)
let:
  start[mood]: [0.5, 0.5]
  theta[mood, mood']: [[0.9, 0.1], [0.3, 0.7]]
recurrence:
  chain:
    over: i
    states:
      k: {initial: \"categorical(start)\", next: \"categorical(theta[k])\"}
observe:
  y: normal(mu + where(k == 2, 3, 0), 1)
output: {draws: [k]}
";
    let y = [0.1, -0.5, 3.2, 2.7, 3.9, 0.4, 0.2, 2.9, 3.3];
    let old: String = y.iter().map(|y| format!("1,{y}\n")).collect();
    let old = format!("x,y\n{old}");
    let new = format!("{old}1,\n1,\n");
    let dir = folder("moods", &[("moods.yaml", spec), ("old.csv", &old), ("new.csv", &new)]);
    ends(&dir, 0, &["moods.yaml", "--quiet"]);
    ends(&dir, 0, &["predict", "runs/moods", "--data", "new.csv", "--quiet"]);
    let rows = table(&dir, "runs/moods/predict/rows_t.parquet");
    let (low, high) = (rows_of(&rows, "P(k=low)"), rows_of(&rows, "P(k=high)"));
    let fitted = rows_of(&table(&dir, "runs/moods/rows_t.parquet"), "P(k=high)");
    assert_eq!((low.len(), fitted.len()), (11, 9));
    for (a, b) in fitted.iter().zip(&high) {
        assert!((a.0 - b.0).abs() < 1e-9, "the old rows say what they said");
    }
    for (t, next) in [(8, 9), (9, 10)] {
        let expected = 0.1 * low[t].0 + 0.7 * high[t].0;
        assert!((high[next].0 - expected).abs() < 1e-9, "{} {expected}", high[next].0);
    }
    assert!(high[8].0 > 0.8 && high[0].0 < 0.2);
    // The draws of the state follow the probabilities.
    let k = rows_of(&rows, "k");
    for (k, p) in k.iter().zip(&high) {
        assert!((k.0 - 1.0 - p.0).abs() < 5.0 * (0.25_f64 / 2000.0).sqrt(), "{k:?} {p:?}");
    }
    let draws = table(&dir, "runs/moods/predict/draws_t.parquet");
    assert!(real(&draws, "value").iter().all(|k| *k == 1.0 || *k == 2.0));
}

/// A series that starts flat needs a value to stand on; old rows give it one.
#[test]
fn a_flat_start_without_a_value_is_told() {
    let spec = "model: flat
data: {t: {file: old.csv, rows: i, missing: {y: drop}}}
latent:
  s: lognormal(-0.7, 0.2)
recurrence:
  level:
    over: i
    by: g
    states:
      z: {initial: flat(), next: \"normal(z, 0.5)\"}
observe:
  y: normal(z, s)
";
    let old = "g,y\na,1\na,2\na,1.5\na,2.5\na,2\na,1.7\n";
    let new = format!("{old}a,\nb,\nb,\n");
    let dir = folder("flat", &[("flat.yaml", spec), ("old.csv", old), ("new.csv", &new)]);
    ends(&dir, 0, &["flat.yaml", "--quiet"]);
    let said = ends(&dir, 0, &["predict", "runs/flat", "--data", "new.csv"]);
    assert!(said.contains("note: 2 predictions of `y` are NaN") && said.contains("`flat()`"), "{said}");
    let means = real(&table(&dir, "runs/flat/predict/predictive.parquet"), "mean");
    assert!(means[..7].iter().all(|m| (m - 1.8).abs() < 1.0), "{means:?}");
    assert!(means[7].is_nan() && means[8].is_nan());
}
