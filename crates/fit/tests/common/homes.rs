//! Homes in counties: a small hierarchy that is fitted, simulated and predicted.

/// Homes in counties; x has a mean that is not 0.
pub fn homes() -> String {
    let mut out = "county,x,y\n".to_string();
    for i in 0..120 {
        let (g, x) = (i % 6, 3.0 + 0.1 * (i / 6) as f64);
        // Any numbers will do: a fit follows.
        out.push_str(&format!(
            "C{g},{x},{}\n",
            g as f64 + 0.5 * (x - 3.95) + 0.3 * ((i * 7 % 11) as f64 - 5.0)
        ));
    }
    out
}

pub const HOMES: &str = "model: homes
data:
  homes: {file: homes.csv, rows: home}   # columns: county, x, y
latent:
  mu: normal(2, 3)
  tau: half_normal(2)
  sigma: half_normal(2)
  a[county]: normal(mu, tau)
observe:
  y: normal(a[county] + 0.5 * (x - mean(x)), sigma)
";
