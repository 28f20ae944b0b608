//! Vectors and matrices of a few elements, each a node: products, roots and triangles written out.

use graph::ir::{Binary, Graph, NodeId};

/// The sum of all.
pub(super) fn total(g: &mut Graph, terms: &[NodeId]) -> NodeId {
    let zero = g.constant(0.0);
    terms.iter().fold(zero, |sum, &t| g.add(sum, t))
}

/// `sum_j f_j x_j`
pub(super) fn dot(g: &mut Graph, f: &[Option<NodeId>], x: impl IntoIterator<Item = NodeId>) -> NodeId {
    let mut sum = g.constant(0.0);
    for (f, x) in f.iter().zip(x) {
        if let Some(f) = f {
            let term = g.mul(*f, x);
            sum = g.add(sum, term);
        }
    }
    sum
}

/// `x + sum_j by_j d_j`
pub(super) fn affine(g: &mut Graph, x: NodeId, by: &[NodeId], d: &[NodeId]) -> NodeId {
    by.iter().zip(d).fold(x, |x, (&b, &d)| {
        let part = g.mul(b, d);
        g.add(x, part)
    })
}

/// L with L L' = W W', row by row as far as the diagonal, by Gram-Schmidt on the rows of W. The first
/// `sure` of them do not depend on each other; a later one may depend on those before it, and then has
/// zero on the diagonal.
pub(super) fn triangle(g: &mut Graph, mut w: Vec<Vec<NodeId>>, sure: usize) -> Vec<Vec<NodeId>> {
    let tiny = g.constant(f64::MIN_POSITIVE);
    let mut out: Vec<Vec<NodeId>> = vec![Vec::new(); w.len()];
    for i in 0..w.len() {
        let squares: Vec<NodeId> = w[i].iter().map(|&x| g.square(x)).collect();
        let square = total(g, &squares);
        let length = g.sqrt(square);
        out[i].push(length);
        let by = if i < sure { length } else { g.binary(Binary::Max, length, tiny) };
        let unit: Vec<NodeId> = w[i].iter().map(|&x| g.div(x, by)).collect();
        for (row, l) in w.iter_mut().zip(&mut out).skip(i + 1) {
            let products: Vec<NodeId> = row.iter().zip(&unit).map(|(&x, &u)| g.mul(x, u)).collect();
            let along = total(g, &products);
            l.push(along);
            for (x, &u) in row.iter_mut().zip(&unit) {
                let part = g.mul(along, u);
                *x = g.sub(*x, part);
            }
        }
    }
    out
}

/// x with L x = b, for L a lower triangle, row by row as far as the diagonal.
pub(super) fn forward_solve(g: &mut Graph, l: &[Vec<NodeId>], b: &[NodeId]) -> Vec<NodeId> {
    let mut out: Vec<NodeId> = Vec::new();
    for (row, &b) in l.iter().zip(b) {
        let mut x = b;
        for (&l, &y) in row.iter().zip(&out) {
            let part = g.mul(l, y);
            x = g.sub(x, part);
        }
        let pivot = *row.last().expect("its own");
        out.push(g.div(x, pivot));
    }
    out
}

/// x with L' x = b, for the same L.
pub(super) fn backward_solve(g: &mut Graph, l: &[Vec<NodeId>], b: &[NodeId]) -> Vec<NodeId> {
    let mut out = b.to_vec();
    for i in (0..out.len()).rev() {
        for j in i + 1..out.len() {
            let part = g.mul(l[j][i], out[j]);
            out[i] = g.sub(out[i], part);
        }
        out[i] = g.div(out[i], l[i][i]);
    }
    out
}
