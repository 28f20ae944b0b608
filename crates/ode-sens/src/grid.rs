//! The times at which a solution is wanted: sorted, without repeats, and where each goes.

use crate::error::OdeError;

/// Output times of a solve. Rows may come unsorted, repeated, or at the start.
#[derive(Clone, Debug, Default)]
pub struct TimeGrid {
    given: Vec<f64>,
    start: f64,
    unique: Vec<f64>,
    rows: Vec<u32>,
    first: Vec<u32>,
}

impl TimeGrid {
    /// # Errors
    /// A time that is not finite, or earlier than `start`.
    pub fn new(ode: &str, start: f64, times: &[f64]) -> Result<TimeGrid, OdeError> {
        if let Some(&time) = times.iter().find(|t| !t.is_finite()) {
            return Err(OdeError::TimeNotFinite { ode: ode.into(), time });
        }
        if let Some(&time) = times.iter().find(|&&t| t < start) {
            return Err(OdeError::TimeBeforeStart { ode: ode.into(), time, start });
        }
        let mut rows: Vec<u32> = (0..times.len() as u32).collect();
        rows.sort_by(|&a, &b| times[a as usize].total_cmp(&times[b as usize]).then(a.cmp(&b)));
        let (mut unique, mut first) = (Vec::new(), Vec::new());
        for (k, &r) in rows.iter().enumerate() {
            let t = times[r as usize];
            if unique.last() != Some(&t) {
                unique.push(t);
                first.push(k as u32);
            }
        }
        first.push(rows.len() as u32);
        Ok(TimeGrid { given: times.to_vec(), start, unique, rows, first })
    }

    /// Whether this is the grid of these very times.
    pub fn is_of(&self, start: f64, times: &[f64]) -> bool {
        // A default grid has no end marker yet.
        !self.first.is_empty() && self.start == start && self.given == times
    }

    /// Sorted times, each once.
    pub fn unique(&self) -> &[f64] {
        &self.unique
    }

    /// The rows that want `unique()[k]`.
    pub fn rows_of(&self, k: usize) -> &[u32] {
        &self.rows[self.first[k] as usize..self.first[k + 1] as usize]
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// When the solution holds its initial value.
    pub fn start(&self) -> f64 {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_repeats_are_shared() {
        let g = TimeGrid::new("x", 0.0, &[2.0, 0.0, 1.0, 2.0, -0.0]).unwrap();
        assert_eq!(g.unique(), [-0.0, 1.0, 2.0]);
        assert_eq!(g.rows_of(0), [4, 1]);
        assert_eq!(g.rows_of(2), [0, 3]);
        let none = TimeGrid::new("x", 0.0, &[]).unwrap();
        assert!(none.unique().is_empty() && none.is_of(0.0, &[]));
    }

    #[test]
    fn times_before_the_start_or_not_finite_are_refused() {
        let e = TimeGrid::new("decay", 1.0, &[2.0, 0.5]).unwrap_err();
        assert_eq!(e.to_string(), "ode decay: the solution is wanted at 0.5, before its start at 1");
        let e = TimeGrid::new("decay", 1.0, &[f64::NAN]).unwrap_err();
        assert!(matches!(e, OdeError::TimeNotFinite { .. }));
    }
}
