//! A system as diffsol sees it. Its parameters are our tangents: the active parameters, then the
//! active initial states. Signs are diffsol's: transposed products are negative.

use std::sync::Arc;

use diffsol::{
    ConstantOp, ConstantOpSens, ConstantOpSensAdjoint, Matrix, NalgebraContext, NalgebraMat, NalgebraVec,
    NonLinearOp, NonLinearOpAdjoint, NonLinearOpJacobian, NonLinearOpSens, NonLinearOpSensAdjoint,
    OdeEquations, OdeEquationsRef, Op, UnitCallable, Vector, VectorCommon,
};

use super::point::Point;
use crate::rhs::Rhs;

pub(crate) type M = NalgebraMat<f64>;
pub(crate) type V = NalgebraVec<f64>;

/// The right-hand side with parameters and initial states set.
pub(crate) struct Equations {
    pub point: Point,
    pub y0: Vec<f64>,
    active_y0: Vec<usize>,
    ctx: NalgebraContext,
}

impl Equations {
    pub fn new(rhs: Arc<dyn Rhs>, active_y0: &[usize]) -> Equations {
        let y0 = vec![0.0; rhs.n_states()];
        Equations { point: Point::new(rhs), y0, active_y0: active_y0.to_vec(), ctx: NalgebraContext::new() }
    }

    /// Tangents.
    pub fn q(&self) -> usize {
        self.n_active() + self.active_y0.len()
    }

    fn n_active(&self) -> usize {
        self.point.rhs.active().len()
    }

    /// Adds `(df/dy)' v` to `y` and `(df/dp)' v` to `p`.
    pub fn add_transposed(&self, t: f64, x: &[f64], v: &[f64], y: &mut [f64], p: &mut [f64]) {
        let pattern = self.point.rhs.pattern();
        self.point.jacobian(t, x, |a, b| {
            for (&(r, c), a) in pattern.states.iter().zip(a) {
                y[c] += a * v[r];
            }
            for (&(r, c), b) in pattern.params.iter().zip(b) {
                p[c] += b * v[r];
            }
        });
    }
}

/// The right-hand side as an operator.
pub(crate) struct RhsOp<'a>(&'a Equations);

/// The initial state as an operator.
pub(crate) struct InitOp<'a>(&'a Equations);

macro_rules! op {
    ($ty:ty, $this:ident => $eqn:expr) => {
        impl Op for $ty {
            type T = f64;
            type V = V;
            type M = M;
            type C = NalgebraContext;
            fn context(&self) -> &NalgebraContext {
                let $this = self;
                &$eqn.ctx
            }
            fn nstates(&self) -> usize {
                let $this = self;
                $eqn.y0.len()
            }
            fn nout(&self) -> usize {
                self.nstates()
            }
            fn nparams(&self) -> usize {
                let $this = self;
                $eqn.q()
            }
        }
    };
}
op!(Equations, this => this);
op!(RhsOp<'_>, this => this.0);
op!(InitOp<'_>, this => this.0);

// Every op goes lane by lane: forward sensitivities come as one vector with a lane per tangent.

impl NonLinearOp for RhsOp<'_> {
    fn call_inplace(&self, x: &V, t: f64, y: &mut V) {
        y.for_each_batch_host([x], |y, [x], _| self.0.point.rhs(t, x, y));
    }
}

impl NonLinearOpJacobian for RhsOp<'_> {
    fn jac_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        let pattern = self.0.point.rhs.pattern();
        y.for_each_batch_host([x, v], |y, [x, v], _| {
            y.fill(0.0);
            self.0.point.jacobian(t, x, |a, _| {
                for (&(r, c), a) in pattern.states.iter().zip(a) {
                    y[r] += a * v[c];
                }
            });
        });
    }

    fn jacobian_inplace(&self, x: &V, t: f64, y: &mut M) {
        let (n, pattern) = (self.0.y0.len(), self.0.point.rhs.pattern());
        let mut columns = vec![0.0; n * n];
        self.0.point.jacobian(t, x.inner().as_slice(), |a, _| {
            for (&(r, c), a) in pattern.states.iter().zip(a) {
                columns[c * n + r] = *a;
            }
        });
        for (c, column) in columns.chunks_exact(n).enumerate() {
            y.set_column(c, &V::from_slice(column, self.0.ctx));
        }
    }
}

impl NonLinearOpAdjoint for RhsOp<'_> {
    fn jac_transpose_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        let pattern = self.0.point.rhs.pattern();
        y.for_each_batch_host([x, v], |y, [x, v], _| {
            y.fill(0.0);
            self.0.point.jacobian(t, x, |a, _| {
                for (&(r, c), a) in pattern.states.iter().zip(a) {
                    y[c] -= a * v[r];
                }
            });
        });
    }
}

impl NonLinearOpSens for RhsOp<'_> {
    fn sens_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        let pattern = self.0.point.rhs.pattern();
        y.for_each_batch_host([x, v], |y, [x, v], _| {
            y.fill(0.0);
            self.0.point.jacobian(t, x, |_, b| {
                for (&(r, c), b) in pattern.params.iter().zip(b) {
                    y[r] += b * v[c];
                }
            });
        });
    }
}

impl NonLinearOpSensAdjoint for RhsOp<'_> {
    fn sens_transpose_mul_inplace(&self, x: &V, t: f64, v: &V, y: &mut V) {
        let pattern = self.0.point.rhs.pattern();
        y.for_each_batch_host([x, v], |y, [x, v], _| {
            y.fill(0.0);
            self.0.point.jacobian(t, x, |_, b| {
                for (&(r, c), b) in pattern.params.iter().zip(b) {
                    y[c] -= b * v[r];
                }
            });
        });
    }
}

impl ConstantOp for InitOp<'_> {
    fn call_inplace(&self, _t: f64, y: &mut V) {
        y.for_each_batch_host([], |y, [], _| y.copy_from_slice(&self.0.y0));
    }
}

impl ConstantOpSens for InitOp<'_> {
    fn sens_mul_inplace(&self, _t: f64, v: &V, y: &mut V) {
        let from = self.0.n_active();
        y.for_each_batch_host([v], |y, [v], _| {
            y.fill(0.0);
            for (k, &i) in self.0.active_y0.iter().enumerate() {
                y[i] = v[from + k];
            }
        });
    }
}

impl ConstantOpSensAdjoint for InitOp<'_> {
    fn sens_transpose_mul_inplace(&self, _t: f64, v: &V, y: &mut V) {
        let from = self.0.n_active();
        y.for_each_batch_host([v], |y, [v], _| {
            y.fill(0.0);
            for (k, &i) in self.0.active_y0.iter().enumerate() {
                y[from + k] = -v[i];
            }
        });
    }
}

impl<'a> OdeEquationsRef<'a> for Equations {
    type Mass = UnitCallable<M>;
    type Rhs = RhsOp<'a>;
    type Root = UnitCallable<M>;
    type Init = InitOp<'a>;
    type Out = UnitCallable<M>;
    type Reset = UnitCallable<M>;
}

impl OdeEquations for Equations {
    fn rhs(&self) -> RhsOp<'_> {
        RhsOp(self)
    }
    fn mass(&self) -> Option<UnitCallable<M>> {
        None
    }
    fn init(&self) -> InitOp<'_> {
        InitOp(self)
    }
    // Parameters are set on the point; diffsol only counts them.
    fn set_params(&mut self, _p: &V) {}
    fn get_params(&self, p: &mut V) {
        p.fill(0.0);
    }
}
