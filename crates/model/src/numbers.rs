//! Numbers as people read them.

/// `x` with six significant digits at most, by powers of ten where there would be many zeros; -0 is 0.
pub fn rounded(x: f64) -> String {
    let x = format!("{x:.5e}").parse::<f64>().unwrap_or(x) + 0.0;
    if x == 0.0 || !x.is_finite() || (1e-5..1e15).contains(&x.abs()) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn no_row_of_zeros() {
        let shown = [3.0, -0.0, 1.0 / 3.0, 1e-300, -2.5e307, 1e9, f64::NAN, f64::NEG_INFINITY].map(rounded);
        assert_eq!(shown, ["3", "0", "0.333333", "1e-300", "-2.5e307", "1000000000", "NaN", "-inf"]);
    }
}
