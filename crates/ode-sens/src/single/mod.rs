//! Methods that solve one system at a time: diffsol's implicit ones and the matrix exponential.

pub(crate) mod equations;
pub(crate) mod expm;
pub(crate) mod implicit;
pub(crate) mod linear;
pub(crate) mod point;

use crate::error::Reason;
use crate::grid::TimeGrid;
use crate::lane::Steps;

/// One system to solve.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub y0: &'a [f64],
    pub p: &'a [f64],
    pub grid: &'a TimeGrid,
    pub rtol: f64,
    pub atol: f64,
    pub max_steps: usize,
}

/// Its solution at the grid's unique times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path {
    /// `[time][state]`.
    pub y: Vec<f64>,
    /// `[time][tangent][state]`; empty if not asked for.
    pub s: Vec<f64>,
    pub steps: Steps,
}

impl Path {
    /// The cotangents of the tangents' variables, given those of the states, `[time][state]`.
    pub fn contract(&self, cotangent: &[f64], n: usize, q: usize) -> Vec<f64> {
        let mut out = vec![0.0; q];
        for (s, g) in self.s.chunks_exact(n * q).zip(cotangent.chunks_exact(n)) {
            for (o, s) in out.iter_mut().zip(s.chunks_exact(n)) {
                *o += s.iter().zip(g).map(|(s, g)| s * g).sum::<f64>();
            }
        }
        out
    }
}

/// Why there is none.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Stop {
    pub reason: Reason,
    pub time: f64,
    pub state: Vec<f64>,
}
