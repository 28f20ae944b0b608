//! Numbers about draws: what stands in `summary.parquet` and on the screen.

use std::collections::BTreeMap;

use answers::moments::Moments;
use model::{Named, Target};
use vi_engine::Fit;

/// One row of the summary.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    /// Of the probability of a value, the element of a discrete variable that has it: `k`, `z[a]`.
    pub outcome_of: Option<String>,
    /// Where it is known.
    pub unit: Option<String>,
    pub mean: f64,
    pub sd: f64,
    pub q05: f64,
    pub q50: f64,
    pub q95: f64,
    pub mcse: f64,
    pub ess: f64,
    pub k_hat: f64,
    pub shift: f64,
}

/// A row for each reported column; `columns` are its draws, in the order of the fit's parameters. A point
/// has a mean, which is itself, and nothing else.
pub fn rows(fit: &Fit, columns: &[Vec<f64>], target: &Target, is_point: bool) -> Vec<Row> {
    let outcomes = vi_engine::per_draw(target).flat_map(Named::outcomes);
    fit.parameters
        .iter()
        .zip(columns)
        .zip(outcomes)
        .map(|((p, draws), outcome_of)| {
            let mut moments = Moments::of(&mut draws.clone());
            if is_point {
                let none = f64::NAN;
                moments = Moments { sd: none, q05: none, q50: none, q95: none, ..moments };
            }
            let Moments { mean, sd, q05, q50, q95 } = moments;
            Row {
                name: p.name.clone(),
                outcome_of,
                unit: target.unit_of(&p.name).map(str::to_string),
                mean,
                sd,
                q05,
                q50,
                q95,
                mcse: p.mcse,
                ess: p.ess,
                k_hat: p.k_hat,
                shift: p.shift,
            }
        })
        .collect()
}

/// A row for each column of draws that the checks of a fit do not look at: what is drawn back after it.
pub fn unjudged(columns: &[(String, Vec<f64>)], target: &Target) -> Vec<Row> {
    let row = |(name, draws): &(String, Vec<f64>)| {
        let Moments { mean, sd, q05, q50, q95 } = Moments::of(&mut draws.clone());
        let unit = target.unit_of(name).map(str::to_string);
        let [mcse, ess, k_hat, shift] = [f64::NAN; 4];
        Row { name: name.clone(), outcome_of: None, unit, mean, sd, q05, q50, q95, mcse, ess, k_hat, shift }
    };
    columns.iter().map(row).collect()
}

/// Most rows shown on the screen, and most values of a discrete variable among them: the most probable.
const SHOWN: usize = 30;
const SHOWN_VALUES: usize = 5;

/// The rows that are shown, in their order.
fn chosen(rows: &[Row]) -> Vec<&Row> {
    let mut by_mean: Vec<&Row> = rows.iter().collect();
    by_mean.sort_by(|a, b| b.mean.total_cmp(&a.mean));
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in by_mean {
        let Some(of) = &row.outcome_of else { continue };
        let probable = values.entry(of).or_default();
        if probable.len() < SHOWN_VALUES {
            probable.push(&row.name);
        }
    }
    let is_shown = |row: &&Row| {
        let of = row.outcome_of.as_deref();
        of.is_none_or(|of| values[of].contains(&row.name.as_str()))
    };
    rows.iter().filter(is_shown).take(SHOWN).collect()
}

/// The table on the screen.
pub fn table(rows: &[Row]) -> String {
    let mut t = comfy_table::Table::new();
    t.load_preset(comfy_table::presets::NOTHING);
    let mut header = vec!["", "mean", "sd", "5%", "median", "95%"];
    // A column of units, where anything has one.
    let shown_rows = chosen(rows);
    let units = shown_rows.iter().any(|r| r.unit.is_some());
    if units {
        header.push("unit");
    }
    t.set_header(header);
    for r in &shown_rows {
        let show = |x: f64| shown(x, r.sd);
        let mut row = vec![r.name.clone(), show(r.mean), show(r.sd), show(r.q05), show(r.q50), show(r.q95)];
        if units {
            row.push(r.unit.clone().unwrap_or_default());
        }
        t.add_row(row);
    }
    for c in t.column_iter_mut().skip(1).take(5) {
        c.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    let lines: Vec<String> = t.lines().map(|line| line.trim_end().to_string()).collect();
    let mut out = lines.join("\n");
    let more = rows.len() - shown_rows.len();
    if more > 0 {
        out.push_str(&format!("\n ... and {more} more in summary.parquet"));
    }
    out
}

/// `x` with the decimals that show `sd` to three digits, or five of its own where there is none; very large
/// and very small numbers by powers of ten; what is not known is left blank.
fn shown(x: f64, sd: f64) -> String {
    if x.is_nan() {
        return String::new();
    }
    let sd = if sd.is_nan() { 0.01 * x.abs() } else { sd };
    let n = digits(sd);
    let is_small = n > 6 && x != 0.0 && x.abs() < 1e-3;
    if x.abs() < 1e9 && !is_small { format!("{x:.n$}") } else { format!("{x:.2e}") }
}

/// Decimals that show an sd to three digits.
fn digits(sd: f64) -> usize {
    if !(sd > 0.0 && sd.is_finite()) {
        return 4;
    }
    (2 - sd.log10().floor() as i64).clamp(0, 12) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_discrete_variable_the_most_probable_values_are_shown() {
        let row = |name: String, of: Option<&str>, mean: f64| {
            let outcome_of = of.map(str::to_string);
            let [sd, q05, q50, q95, mcse, ess, k_hat, shift] = [0.1; 8];
            Row { name, outcome_of, unit: None, mean, sd, q05, q50, q95, mcse, ess, k_hat, shift }
        };
        let mut rows = vec![row("m".into(), None, 1e-9)];
        for of in ["k", "z[a]"] {
            rows.extend((0..100).map(|i| row(format!("{of}={i}"), Some(of), 1.0 / f64::from(100 - i))));
        }
        rows.push(row("s".into(), None, 1e-9));
        let names: Vec<&str> = chosen(&rows).into_iter().map(|r| r.name.as_str()).collect();
        let of = |of: &str| (95..100).map(|i| format!("{of}={i}")).collect::<Vec<String>>();
        let expected = [vec!["m".to_string()], of("k"), of("z[a]"), vec!["s".to_string()]].concat();
        assert_eq!(names, expected);
        assert!(table(&rows).ends_with("\n ... and 190 more in summary.parquet"));
    }

    #[test]
    fn decimals_follow_the_sd() {
        assert_eq!([shown(3.0, 0.416), shown(-1.5e38, 1e38)], ["3.000", "-1.50e38"]);
        assert_eq!([shown(0.0123456, f64::NAN), shown(f64::NAN, f64::NAN)], ["0.012346", ""]);
        assert_eq!(
            [shown(1e-300, 2e-300), shown(1.5e-9, 1e-9), shown(2.0, 1e-7)],
            ["1.00e-300", "1.50e-9", "2.000000000"]
        );
        assert_eq!([digits(8.3), digits(0.0101), digits(123.0), digits(0.0)], [2, 4, 0, 4]);
    }
}
