//! A right-hand side evaluated for one system at a time, through a tile of equal lanes.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use numerics::lanes::AlignedVec;

use crate::lane::LANES;
use crate::rhs::Rhs;

/// One system's right-hand side with parameters set. All lanes of its tile hold the same system,
/// so nothing in an unused lane can overflow or be NaN on its own.
pub(crate) struct Point {
    pub rhs: Arc<dyn Rhs>,
    memory: RefCell<Memory>,
}

struct Memory {
    ws: Box<dyn Any + Send>,
    tile: AlignedVec,
    out: AlignedVec,
    /// Where `jacobian` was taken: t, then y.
    at: Vec<f64>,
    /// Entries of `df/dy`, then of `df/dp`.
    jacobian: Vec<f64>,
}

impl Point {
    pub fn new(rhs: Arc<dyn Rhs>) -> Point {
        let (n, m) = (rhs.n_states(), rhs.n_params());
        let mut rows = rhs.pattern().output_rows(n).max(n + rhs.active().len());
        if let Some(linear) = rhs.linear() {
            rows = rows.max(linear.coefficient_pattern().len());
        }
        let memory = Memory {
            ws: rhs.workspace(),
            tile: AlignedVec::zeroed((m + 1 + 2 * n) * LANES),
            out: AlignedVec::zeroed(rows * LANES),
            at: Vec::new(),
            jacobian: Vec::new(),
        };
        Point { rhs, memory: RefCell::new(memory) }
    }

    pub fn set_params(&self, p: &[f64]) {
        let m = &mut *self.memory.borrow_mut();
        m.at.clear();
        fill(&mut m.tile, 0, p);
    }

    /// `f(t, y)`.
    pub fn rhs(&self, t: f64, y: &[f64], f: &mut [f64]) {
        let m = &mut *self.memory.borrow_mut();
        let x = self.place(m, t, y);
        self.rhs.rhs(m.ws.as_mut(), &m.tile[..x], &mut m.out[..y.len() * LANES]);
        first_lane(&m.out, f);
    }

    /// Calls `with` on the entries of `df/dy` and `df/dp` at a point; evaluated once as long as the
    /// point does not change.
    pub fn jacobian<R>(&self, t: f64, y: &[f64], with: impl FnOnce(&[f64], &[f64]) -> R) -> R {
        let m = &mut *self.memory.borrow_mut();
        let pattern = self.rhs.pattern();
        if m.at.first() != Some(&t) || m.at[1..] != *y {
            m.at.clear();
            m.at.push(t);
            m.at.extend(y);
            let x = self.place(m, t, y);
            let rows = pattern.output_rows(y.len());
            self.rhs.jacobian(m.ws.as_mut(), &m.tile[..x], &mut m.out[..rows * LANES]);
            m.jacobian.resize(rows - y.len(), 0.0);
            first_lane(&m.out[y.len() * LANES..], &mut m.jacobian);
        }
        let (a, b) = m.jacobian.split_at(pattern.states.len());
        with(a, b)
    }

    /// Derivatives of a linear system's coefficients, in the order of their pattern.
    pub fn coefficient_derivatives(&self) -> Vec<f64> {
        let m = &mut *self.memory.borrow_mut();
        let Some(linear) = self.rhs.linear() else { return Vec::new() };
        let x = self.place(m, 0.0, &vec![0.0; self.rhs.n_states()]);
        let mut values = vec![0.0; linear.coefficient_pattern().len()];
        linear.coefficient_derivatives(m.ws.as_mut(), &m.tile[..x], &mut m.out[..values.len() * LANES]);
        first_lane(&m.out, &mut values);
        values
    }

    /// Puts time and states into the tile; returns how long the tile then is.
    fn place(&self, m: &mut Memory, t: f64, y: &[f64]) -> usize {
        let params = self.rhs.n_params();
        fill(&mut m.tile, params, &[t]);
        fill(&mut m.tile, params + 1, y);
        (params + 1 + y.len()) * LANES
    }
}

fn fill(tile: &mut [f64], row: usize, values: &[f64]) {
    for (row, &v) in tile[row * LANES..].chunks_exact_mut(LANES).zip(values) {
        row.fill(v);
    }
}

fn first_lane(tile: &[f64], values: &mut [f64]) {
    for (row, v) in tile.chunks_exact(LANES).zip(values) {
        *v = row[0];
    }
}
