//! Groups in groups: pupils in schools in districts, by tables with keys and by lookups of lookups.

mod support;

use support::Tables;
use support::models::{self, normal};

fn tables() -> Tables {
    let mut tables = Tables::read();
    tables.add("pupils.csv", "school,score\ns2,0.5\ns1,1.5\ns3,-1\ns2,0.2\n");
    tables.add("schools.csv", "school,district,size\ns1,south,3\ns3,north,1\ns2,south,2\n");
    tables.add("districts.csv", "district,income\nnorth,0.4\nsouth,-0.6\n");
    tables
}

const DATA: &str = "
model: nested
data:
  pupils: {file: pupils.csv, rows: pupil}
  schools: {file: schools.csv, key: school}
  districts: {file: districts.csv, key: district}
";

fn log_joint(text: &str, coordinates: &[(&str, &[f64])]) -> f64 {
    let t = models::compiled(text, &tables()).target;
    models::log_joint(&t, &models::named(&t, coordinates))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12 * (1.0 + expected.abs()), "{found}, by hand {expected}");
}

/// Schools and districts in the order of the rows of their tables.
const ALPHA: [f64; 3] = [0.3, -0.2, 0.9];
const DELTA: [f64; 2] = [0.7, -0.5];
const DISTRICT: [usize; 3] = [1, 0, 1];
const INCOME: [f64; 2] = [0.4, -0.6];
const SIZE: [f64; 3] = [3.0, 1.0, 2.0];
const PUPILS: [(usize, f64); 4] = [(2, 0.5), (0, 1.5), (1, -1.0), (2, 0.2)];

fn latents(scores: impl Fn(usize) -> f64) -> f64 {
    let districts: f64 = (0..2).map(|d| normal(DELTA[d], INCOME[d], 2.0)).sum();
    let schools: f64 = (0..3).map(|s| normal(ALPHA[s], DELTA[DISTRICT[s]], 0.5)).sum();
    districts + schools + PUPILS.iter().map(|&(s, y)| normal(y, scores(s), 1.0)).sum::<f64>()
}

const PRIORS: &str = "
latent:
  delta[district]: normal(income, 2)
  alpha[school]: normal(delta[district], 0.5)
";

/// A school's district is a column of the table of schools: bare where schools are on the left.
#[test]
fn pupils_in_schools_in_districts() {
    let text = format!("{DATA}{PRIORS}observe:\n  score: normal(alpha[school], 1)\n");
    let given: [(&str, &[f64]); 2] = [("delta", &DELTA), ("alpha", &ALPHA)];
    close(log_joint(&text, &given), latents(|s| ALPHA[s]));
}

/// From a pupil's row the district is that of its school, in one expression, with the table's name, or by
/// way of a let over schools.
#[test]
fn lookups_of_lookups() {
    let given: [(&str, &[f64]); 2] = [("delta", &DELTA), ("alpha", &ALPHA)];
    let expected = latents(|s| ALPHA[s] * SIZE[s] + DELTA[DISTRICT[s]] + INCOME[DISTRICT[s]]);
    for mean in [
        "alpha[school] * size[school] + delta[district[school]] + income[district[school]]",
        "alpha[school] * size[school] + delta[schools.district[school]] + income[district[pupils.school]]",
        "own[school]",
        "seen",
    ] {
        let lets = "let:\n  own[school]: alpha * size + delta[district] + income[district]\n  \
                    seen: alpha[school] * size[school] + (delta + income)[district[school]]\n";
        let text = format!("{DATA}{PRIORS}{lets}observe:\n  score: normal({mean}, 1)\n");
        close(log_joint(&text, &given), expected);
    }
}

/// Slopes that vary by district, seen from pupils: the other dimension stays.
#[test]
fn a_lookup_of_a_lookup_keeps_other_dimensions() {
    let text = format!(
        "{DATA}dims: {{k: [u, v]}}
latent:
  b[district, k]: normal(0, 1)
let:
  w[k]: [1, -2]
observe:
  score: normal(w @ b[district[school]], 1)
"
    );
    let b = [[0.1, 0.2], [0.5, -0.4]];
    let prior: f64 = b.iter().flatten().map(|&x| normal(x, 0.0, 1.0)).sum();
    let mean = |s: usize| b[DISTRICT[s]][0] - 2.0 * b[DISTRICT[s]][1];
    let rows: f64 = PUPILS.iter().map(|&(s, y)| normal(y, mean(s), 1.0)).sum();
    close(log_joint(&text, &[("b", &[b[0][0], b[1][0], b[0][1], b[1][1]])]), prior + rows);
}
