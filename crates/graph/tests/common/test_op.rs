//! A foreign op for tests: `(a, b)` of one shape give `sin(a) b` and `a b^2`, lane by lane.

use graph::foreign::{ArgForm, Call, Foreign};
use graph::ir::{ForeignRef, Graph, NodeId, Op, Ty};
use graph::types::TypeError;
use std::any::Any;
use std::sync::Arc;

#[derive(Debug)]
pub struct TestOp {
    /// Emits `cos(a) b` and `sin(a)` as well.
    residuals: bool,
}

impl TestOp {
    pub fn shared() -> Arc<dyn Foreign> {
        Arc::new(TestOp { residuals: false })
    }
    pub fn op() -> Op {
        Op::Foreign(ForeignRef(TestOp::shared()))
    }
}

impl Foreign for TestOp {
    fn name(&self) -> &str {
        if self.residuals { "test wave with residuals" } else { "test wave" }
    }

    fn infer(&self, _: &Graph, args: &[Ty]) -> Result<Vec<Ty>, TypeError> {
        if args.len() != 2 || args[0] != args[1] {
            return Err(TypeError::Other {
                op: self.name().into(),
                what: "wants two arguments of one type".into(),
            });
        }
        Ok(vec![args[0].clone(); if self.residuals { 4 } else { 2 }])
    }

    fn arg_forms(&self) -> Vec<ArgForm> {
        vec![ArgForm::Lanes; 2]
    }

    fn new_state(&self) -> Box<dyn Any + Send> {
        Box::new(())
    }

    fn call(&self, call: Call<'_>) {
        let (a, b) = (call.args[0], call.args[1]);
        for i in 0..a.len() {
            // A lane with b below zero fails, for the tests of failures.
            if b[i] < 0.0 && !call.failed[i % 8] {
                call.failed[i % 8] = true;
                call.failures.push((i % 8, format!("b = {} is negative", b[i])));
            }
            let bad = call.failed[i % 8];
            let keep = |x: f64| if bad { f64::NAN } else { x };
            call.outs[0][i] = keep(a[i].sin() * b[i]);
            call.outs[1][i] = keep(a[i] * b[i] * b[i]);
            if self.residuals {
                call.outs[2][i] = keep(a[i].cos() * b[i]);
                call.outs[3][i] = keep(a[i].sin());
            }
        }
    }

    fn with_residuals(&self) -> Option<Arc<dyn Foreign>> {
        // The residuals' own derivatives are not written: second order is refused.
        (!self.residuals).then(|| Arc::new(TestOp { residuals: true }) as Arc<dyn Foreign>)
    }

    fn vjp(
        &self,
        g: &mut Graph,
        args: &[NodeId],
        results: &[NodeId],
        cts: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError> {
        let square = g.square(args[1]);
        let cross = g.mul(args[0], args[1]);
        let cross = g.scale(2.0, cross);
        let mut pull = |k: [NodeId; 2]| {
            let terms: Vec<NodeId> =
                k.iter().zip(cts).filter_map(|(&d, ct)| ct.map(|ct| g.mul(ct, d))).collect();
            terms.into_iter().reduce(|x, y| g.add(x, y))
        };
        Ok(vec![pull([results[2], square]), pull([results[3], cross])])
    }

    fn jvp(
        &self,
        g: &mut Graph,
        args: &[NodeId],
        results: &[NodeId],
        ts: &[Option<NodeId>],
    ) -> Result<Vec<Option<NodeId>>, TypeError> {
        let square = g.square(args[1]);
        let cross = g.mul(args[0], args[1]);
        let cross = g.scale(2.0, cross);
        let mut push = |k: [NodeId; 2]| {
            let terms: Vec<NodeId> = k.iter().zip(ts).filter_map(|(&d, t)| t.map(|t| g.mul(t, d))).collect();
            terms.into_iter().reduce(|x, y| g.add(x, y))
        };
        Ok(vec![push([results[2], results[3]]), push([square, cross])])
    }
}
