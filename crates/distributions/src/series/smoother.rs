//! Linear-Gaussian states drawn: given all that is seen, or from their laws alone.
//!
//! Draws are functions of noise, so that they are nodes as everything else. Given data: the diffuse
//! starts of a series from their law given all of it, then its last states, then row by row those before
//! given those after, from what the filter found of both.
//!
//! Source: S. Fruehwirth-Schnatter, Data augmentation and dynamic linear models, Journal of Time Series
//! Analysis 15 (1994), 183-202, section 2; here with the roots of the covariances.

use graph::ir::{Graph, NodeId};

use super::StepInputs;
use super::kalman::{self, LinearGaussian, Start};
use super::small::{affine, dot};

/// What draws given data need beside the model.
#[derive(Clone, Debug)]
pub struct Smoothing {
    /// 1 where a series ends.
    pub last: NodeId,
    /// The series of each row: an index into the dimension of [`LinearGaussian::ends`].
    pub series: NodeId,
    /// By state: standard normal numbers over the rows.
    pub noise: Vec<NodeId>,
    /// By diffuse state: standard normal numbers over the series.
    pub start_noise: Vec<NodeId>,
}

/// The states, over the rows, drawn given all that is seen.
///
/// Where the rows of a series do not tell its diffuse starts the result is not finite.
pub fn given_data(g: &mut Graph, model: &LinearGaussian, by: &Smoothing) -> Vec<NodeId> {
    let n = model.start.len();
    let filtered = kalman::filter(g, model, true);
    let (mean, root, starts) = kalman::ends(g, &filtered, &by.start_noise);
    let back = filtered.backward.expect("asked for");
    let series = g.ty(model.ends).dims.clone();
    let mut at_rows = |x: NodeId| {
        let x = g.expand(x, &series);
        g.gather(x, by.series)
    };
    let end_mean: Vec<NodeId> = mean.into_iter().map(&mut at_rows).collect();
    let end_root: Vec<Vec<NodeId>> =
        root.into_iter().map(|row| row.into_iter().map(&mut at_rows).collect()).collect();
    let starts: Vec<NodeId> = starts.into_iter().map(&mut at_rows).collect();
    // What is known of the states before, given those of this row and the starts.
    let mut known = |x: &[NodeId], by: &[Vec<NodeId>]| -> Vec<NodeId> {
        x.iter().zip(by).map(|(&x, by)| affine(g, x, by, &starts)).collect()
    };
    let before = known(&back.mean, &back.mean_by_start);
    let moved = known(&back.moved, &back.moved_by_start);

    // A step hands the law of the states before it on: their mean, and its root.
    let mut inputs = StepInputs::reversed(model.over);
    let zero = g.constant(0.0);
    for _ in 0..n + n * (n + 1) / 2 {
        inputs.carry(g, zero, &[]);
    }
    let rows = [&end_mean, &before, &moved, &by.noise].into_iter();
    let rows = rows.chain(&end_root).chain(&back.gain).chain(&back.root);
    inputs.import(g, by.last);
    rows.flatten().for_each(|&n| inputs.import(g, n));
    let mut body = inputs.body(g);
    let last = body.get(g, by.last);
    let carried = body.carried.clone();
    let (mean, mut root) = carried.split_at(n);
    let mut z = Vec::new();
    for i in 0..n {
        let end = body.get(g, end_mean[i]);
        let mut x = body.graph.select(last, end, mean[i]);
        let (own, later) = root.split_at(i + 1);
        root = later;
        for k in 0..=i {
            let (end, e) = (body.get(g, end_root[i][k]), body.get(g, by.noise[k]));
            let scale = body.graph.select(last, end, own[k]);
            let part = body.graph.mul(scale, e);
            x = body.graph.add(x, part);
        }
        z.push(x);
    }
    let off: Vec<NodeId> = (0..n)
        .map(|j| {
            let moved = body.get(g, moved[j]);
            body.graph.sub(z[j], moved)
        })
        .collect();
    let mut next = Vec::new();
    for i in 0..n {
        let gain: Vec<Option<NodeId>> = back.gain[i].iter().map(|&x| Some(body.get(g, x))).collect();
        let step = dot(&mut body.graph, &gain, off.iter().copied());
        let before = body.get(g, before[i]);
        next.push(body.graph.add(before, step));
    }
    next.extend(back.root.iter().flatten().map(|&x| body.get(g, x)));
    body.finish(g, &next, &z)
}

/// The states, over the rows, drawn from their laws by standard normal `noise`; NaN where they start
/// diffuse.
pub fn unconditional(g: &mut Graph, model: &LinearGaussian, noise: &[NodeId]) -> Vec<NodeId> {
    let mut inputs = StepInputs::new(model.over);
    let zero = g.constant(0.0);
    model.start.iter().for_each(|_| inputs.carry(g, zero, &[]));
    kalman::import_laws(g, model, &mut inputs);
    noise.iter().for_each(|&e| inputs.import(g, e));
    let mut body = inputs.body(g);
    let first = body.get(g, model.first);
    let (transition, shift, sds) = kalman::laws_inside(g, model, &mut body);
    let before = body.carried.clone();
    let mut z = Vec::new();
    for (i, start) in model.start.iter().enumerate() {
        let e = body.get(g, noise[i]);
        let drawn = |g: &mut Graph, mean: NodeId, sd: NodeId| {
            let part = g.mul(sd, e);
            g.add(mean, part)
        };
        let mean = dot(&mut body.graph, &transition[i], before.iter().copied());
        let mean = body.graph.add(mean, shift[i]);
        let next = drawn(&mut body.graph, mean, sds[i]);
        let begin = match *start {
            Start::Known { mean, sd } => {
                let (mean, sd) = (body.get(g, mean), body.get(g, sd));
                drawn(&mut body.graph, mean, sd)
            }
            Start::Diffuse => body.graph.constant(f64::NAN),
        };
        z.push(body.graph.select(first, begin, next));
    }
    body.finish(g, &z, &z)
}
