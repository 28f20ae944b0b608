//! Numbers about draws: what stands in `summary.parquet` and on the screen.

use answers::moments::Moments;
use model::Target;
use vi_engine::Fit;

/// One row of the summary.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
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

/// A row for each reported column; `columns` are its draws, in the order of the fit's parameters.
pub fn rows(fit: &Fit, columns: &[Vec<f64>], target: &Target) -> Vec<Row> {
    fit.parameters
        .iter()
        .zip(columns)
        .map(|(p, draws)| {
            let Moments { mean, sd, q05, q50, q95 } = Moments::of(&mut draws.clone());
            Row {
                name: p.name.clone(),
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

/// Most rows shown on the screen.
const SHOWN: usize = 30;

/// The table on the screen.
pub fn table(rows: &[Row]) -> String {
    let mut t = comfy_table::Table::new();
    t.load_preset(comfy_table::presets::NOTHING);
    let mut header = vec!["", "mean", "sd", "5%", "median", "95%"];
    // A column of units, where anything has one.
    let units = rows.iter().take(SHOWN).any(|r| r.unit.is_some());
    if units {
        header.push("unit");
    }
    t.set_header(header);
    for r in rows.iter().take(SHOWN) {
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
    if rows.len() > SHOWN {
        out.push_str(&format!("\n ... and {} more in summary.parquet", rows.len() - SHOWN));
    }
    out
}

/// `x` with the decimals that show `sd` to three digits; very large numbers by powers of ten.
fn shown(x: f64, sd: f64) -> String {
    if x.abs() < 1e9 {
        let n = digits(sd);
        format!("{x:.n$}")
    } else {
        format!("{x:.2e}")
    }
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
    fn decimals_follow_the_sd() {
        assert_eq!([shown(3.0, 0.416), shown(-1.5e38, 1e38)], ["3.000", "-1.50e38"]);
        assert_eq!([digits(8.3), digits(0.0101), digits(123.0), digits(0.0)], [2, 4, 0, 4]);
    }
}
