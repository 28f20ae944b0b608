//! Linear systems with constant coefficients, `dy/dt = A(p) y + b(p)`: exact by the matrix
//! exponential, with exact tangents.
//!
//! Over a gap d, `y(t + d)` is the top of `exp(d [[A, b], [0, 0]]) (y, 1)`. A tangent obeys
//! `ds/dt = A s + A_k y + b_k`, so with C the bordered matrix and C_k its derivative the block
//! matrix `[[C, 0], [C_k, C]]` carries `(y, 1)` and `(s, 0)` together; its exponential holds the
//! Frechet derivative of exp (Najfeld and Havel, 1995; Higham, Functions of Matrices, 3.16).

use nalgebra::{DMatrix, DVector};

use super::expm::expm;
use super::point::Point;
use super::{Job, Path, Stop};
use crate::error::Reason;

/// The solution at the job's times: for each gap of a new length one exponential, and with
/// tangents one of twice the size for each parameter that moves a coefficient.
pub(crate) fn solve(point: &Point, active_y0: &[usize], job: &Job<'_>, tangents: bool) -> Result<Path, Stop> {
    let (n, start) = (job.y0.len(), job.grid.start());
    let (a, q) = (point.rhs.active().len(), point.rhs.active().len() + active_y0.len());
    point.set_params(job.p);
    let c = bordered(point, start, n);
    let fail = |reason, time: f64, y: &[f64]| Stop { reason, time, state: y.to_vec() };
    if !c.iter().chain(job.y0).all(|x| x.is_finite()) {
        return Err(fail(Reason::NotFiniteAtStart, start, job.y0));
    }
    let derivatives = if tangents { coefficient_derivatives(point, start, n) } else { Vec::new() };

    let mut y = DVector::from_iterator(n + 1, job.y0.iter().copied().chain([1.0]));
    let mut s = DMatrix::zeros(n + 1, if tangents { q } else { 0 });
    if tangents {
        active_y0.iter().enumerate().for_each(|(k, &i)| s[(i, a + k)] = 1.0);
    }
    let (mut path, mut time) = (Path::default(), start);
    let mut last: Option<(f64, Flow)> = None;
    for &t in job.grid.unique() {
        let gap = t - time;
        if gap > 0.0 {
            // Equal gaps, to the rounding of the times, share their exponential.
            let flow = match last.take() {
                Some((g, flow)) if f64::abs(g - gap) <= 2.0 * f64::EPSILON * t.abs() => flow,
                _ => Flow::over(&c, &derivatives, gap)
                    .ok_or_else(|| fail(Reason::NotFinite, time, &y.as_slice()[..n]))?,
            };
            s = &flow.step * s;
            for (k, l) in &flow.tangents {
                let moved = l * &y;
                s.column_mut(*k).axpy(1.0, &moved, 1.0);
            }
            y = &flow.step * y;
            last = Some((gap, flow));
            time = t;
        }
        if !y.iter().chain(s.iter()).all(|x| x.is_finite()) {
            return Err(fail(Reason::NotFinite, time, &y.as_slice()[..n]));
        }
        path.y.extend(&y.as_slice()[..n]);
        s.column_iter().for_each(|column| path.s.extend(column.iter().take(n)));
    }
    path.steps.accepted = path.y.len() / n.max(1);
    Ok(path)
}

/// What takes states and tangents over one gap.
struct Flow {
    step: DMatrix<f64>,
    /// For the parameters that move a coefficient: their position, and the derivative of `step`.
    tangents: Vec<(usize, DMatrix<f64>)>,
}

impl Flow {
    fn over(c: &DMatrix<f64>, derivatives: &[(usize, DMatrix<f64>)], gap: f64) -> Option<Flow> {
        let size = c.nrows();
        let step = expm(&(c * gap))?;
        let mut tangents = Vec::new();
        for (k, d) in derivatives {
            let mut block = DMatrix::zeros(2 * size, 2 * size);
            block.view_mut((0, 0), (size, size)).copy_from(c);
            block.view_mut((size, size), (size, size)).copy_from(c);
            block.view_mut((size, 0), (size, size)).copy_from(d);
            let e = expm(&(block * gap))?;
            tangents.push((*k, e.view((size, 0), (size, size)).into_owned()));
        }
        Some(Flow { step, tangents })
    }
}

/// `[[A, b], [0, 0]]`: b is the rate at the zero state, exactly, since products with zero vanish.
fn bordered(point: &Point, start: f64, n: usize) -> DMatrix<f64> {
    let zero = vec![0.0; n];
    let mut b = vec![0.0; n];
    point.rhs(start, &zero, &mut b);
    let mut c = DMatrix::zeros(n + 1, n + 1);
    point.jacobian(start, &zero, |a, _| {
        for (&(i, j), &a) in point.rhs.pattern().states.iter().zip(a) {
            c[(i, j)] = a;
        }
    });
    (0..n).for_each(|i| c[(i, n)] = b[i]);
    c
}

/// The derivatives of the bordered matrix that are not zero.
fn coefficient_derivatives(point: &Point, start: f64, n: usize) -> Vec<(usize, DMatrix<f64>)> {
    let mut out: Vec<Option<DMatrix<f64>>> = vec![None; point.rhs.active().len()];
    let mut put = |k: usize, i: usize, j: usize, x: f64| {
        out[k].get_or_insert_with(|| DMatrix::zeros(n + 1, n + 1))[(i, j)] = x;
    };
    if let Some(linear) = point.rhs.linear() {
        for (&(i, j, k), x) in linear.coefficient_pattern().iter().zip(point.coefficient_derivatives()) {
            put(k, i, j, x);
        }
    }
    point.jacobian(start, &vec![0.0; n], |_, b| {
        for (&(i, k), &x) in point.rhs.pattern().params.iter().zip(b) {
            put(k, i, n, x);
        }
    });
    out.into_iter().enumerate().filter_map(|(k, d)| Some((k, d?))).collect()
}
