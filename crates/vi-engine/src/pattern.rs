//! Lower triangles in which much is known to be zero: factors of covariances.
//!
//! A pattern says where `L` in `Sigma = L L'` may differ from zero. All three are closed under
//! products and inverses, which is what makes them patterns of families and of whitened
//! coordinates alike; what is done with them costs as much as they have elements.
//!
//! | pattern | elements | covariance |
//! |---|---|---|
//! | `Diagonal` | d | diagonal |
//! | `Lower` | d (d + 1) / 2 | any |
//! | `Arrow` | linear in the number of blocks | blocks that are independent given the globals |

use std::ops::Range;
use std::sync::Arc;

use crate::coordinates::row;

/// Where a lower triangle may differ from zero.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Diagonal,
    Lower,
    Arrow(Arc<Arrow>),
}

/// Globals first, densely, then block after block of locals: a row of a block has the globals'
/// columns and those of its own block. The triangle's rows and columns are *positions*; `order` has
/// the coordinate at each.
#[derive(Debug, PartialEq)]
pub struct Arrow {
    order: Vec<usize>,
    /// The block of each coordinate; `None` for a global.
    blocks: Vec<Option<usize>>,
    n_global: usize,
    /// Of each position, those of its block (of the globals, for one of them).
    block: Vec<Range<usize>>,
    /// Where a position's row begins in the packed triangle; one more than there are positions.
    at: Vec<usize>,
}

impl Arrow {
    /// From the block of each coordinate, `None` for a global. Blocks are told apart by their
    /// numbers, which need not be consecutive.
    pub fn new(blocks: Vec<Option<usize>>) -> Arrow {
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        // `None` sorts first, and coordinates of one block stay in their order
        order.sort_by_key(|&i| blocks[i]);
        let n_global = blocks.iter().filter(|b| b.is_none()).count();
        let mut block: Vec<Range<usize>> = Vec::with_capacity(order.len());
        let mut at = vec![0];
        for members in order.chunk_by(|&a, &b| blocks[a] == blocks[b]) {
            let first = block.len();
            for k in 0..members.len() {
                let head = if first < n_global { 0 } else { n_global };
                at.push(at[first + k] + head + k + 1);
                block.push(first..first + members.len());
            }
        }
        Arrow { order, blocks, n_global, block, at }
    }

    /// The block of each coordinate.
    pub fn blocks(&self) -> &[Option<usize>] {
        &self.blocks
    }

    pub fn n_global(&self) -> usize {
        self.n_global
    }

    /// The coordinates of the globals, and of each block in turn.
    pub fn globals(&self) -> &[usize] {
        &self.order[..self.n_global]
    }

    pub fn locals(&self) -> impl Iterator<Item = &[usize]> {
        self.order[self.n_global..].chunk_by(|&a, &b| self.blocks[a] == self.blocks[b])
    }

    /// Elements of the packed triangle.
    pub fn size(&self) -> usize {
        self.at[self.order.len()]
    }
}

/// One row of a triangle: columns `0..head` and `first..=i`, packed in this order from `at` on.
#[derive(Clone, Copy)]
pub struct Row {
    pub head: usize,
    pub first: usize,
    pub at: usize,
}

impl Row {
    /// Every column left of the diagonal and where in the packed triangle its element is.
    #[inline(always)]
    pub fn each(self, i: usize, f: impl FnMut(usize, usize)) {
        self.each_from(0, i, f);
    }

    /// Those from column `from` on.
    #[inline(always)]
    pub fn each_from(self, from: usize, i: usize, mut f: impl FnMut(usize, usize)) {
        for j in from..self.head {
            f(j, self.at + j);
        }
        for j in self.first.max(from)..i {
            f(j, self.at + self.head + j - self.first);
        }
    }

    /// Where the element of column `j` is, in row `i`.
    #[inline]
    pub fn get(self, i: usize, j: usize) -> Option<usize> {
        if j < self.head {
            Some(self.at + j)
        } else {
            (self.first..=i).contains(&j).then(|| self.at + self.head + j - self.first)
        }
    }

    /// Where the diagonal element is.
    #[inline]
    pub fn diagonal(self, i: usize) -> usize {
        self.at + self.head + i - self.first
    }
}

impl Pattern {
    /// With everything below the diagonal, or without anything.
    pub fn of(dense: bool) -> Pattern {
        if dense { Pattern::Lower } else { Pattern::Diagonal }
    }

    /// Elements of the packed triangle for `dim` coordinates.
    pub fn size(&self, dim: usize) -> usize {
        match self {
            Pattern::Diagonal => dim,
            Pattern::Lower => row(dim),
            Pattern::Arrow(arrow) => arrow.size(),
        }
    }

    #[inline]
    pub fn row(&self, i: usize) -> Row {
        match self {
            Pattern::Diagonal => Row { head: 0, first: i, at: i },
            Pattern::Lower => Row { head: 0, first: 0, at: row(i) },
            Pattern::Arrow(arrow) => {
                let first = arrow.block[i].start;
                Row { head: if first == 0 { 0 } else { arrow.n_global }, first, at: arrow.at[i] }
            }
        }
    }

    /// How many positions from the first on are columns of every block.
    pub fn n_global(&self) -> usize {
        match self {
            Pattern::Arrow(arrow) => arrow.n_global,
            _ => 0,
        }
    }

    /// Positions whose rows have a column `j`, from `j` on: to this one, exclusive.
    pub fn end(&self, j: usize, dim: usize) -> usize {
        match self {
            Pattern::Diagonal => j + 1,
            Pattern::Lower => dim,
            Pattern::Arrow(arrow) if j < arrow.n_global => dim,
            Pattern::Arrow(arrow) => arrow.block[j].end,
        }
    }

    /// The coordinate at a position.
    #[inline]
    pub fn coordinate(&self, position: usize) -> usize {
        match self {
            Pattern::Arrow(arrow) => arrow.order[position],
            _ => position,
        }
    }

    /// `[coordinate][W]` in the order of positions.
    pub fn gather<const W: usize>(&self, x: &[f64], into: &mut [f64]) {
        match self {
            Pattern::Arrow(arrow) => {
                for (&i, into) in arrow.order.iter().zip(into.chunks_exact_mut(W)) {
                    into.copy_from_slice(&x[i * W..(i + 1) * W]);
                }
            }
            _ => into.copy_from_slice(x),
        }
    }

    /// The other way.
    pub fn scatter<const W: usize>(&self, x: &[f64], into: &mut [f64]) {
        match self {
            Pattern::Arrow(arrow) => {
                for (&i, x) in arrow.order.iter().zip(x.chunks_exact(W)) {
                    into[i * W..(i + 1) * W].copy_from_slice(x);
                }
            }
            _ => into.copy_from_slice(x),
        }
    }

    /// `x = L x`, in place, for `W` vectors side by side, `[position][W]`.
    pub fn multiply<const W: usize>(&self, l: &[f64], x: &mut [f64]) {
        for i in (0..x.len() / W).rev() {
            let row = self.row(i);
            let mut sum: [f64; W] = element(x, i);
            sum.iter_mut().for_each(|s| *s *= l[row.diagonal(i)]);
            row.each(i, |j, k| add(&mut sum, l[k], &x[j * W..]));
            x[i * W..(i + 1) * W].copy_from_slice(&sum);
        }
    }

    /// `x = L^-1 x`.
    pub fn solve<const W: usize>(&self, l: &[f64], x: &mut [f64]) {
        for i in 0..x.len() / W {
            let row = self.row(i);
            let mut sum: [f64; W] = element(x, i);
            row.each(i, |j, k| add(&mut sum, -l[k], &x[j * W..]));
            sum.iter_mut().for_each(|s| *s /= l[row.diagonal(i)]);
            x[i * W..(i + 1) * W].copy_from_slice(&sum);
        }
    }

    /// `x = L' x`.
    pub fn multiply_transposed<const W: usize>(&self, l: &[f64], x: &mut [f64]) {
        for i in 0..x.len() / W {
            let row = self.row(i);
            let own: [f64; W] = element(x, i);
            let diagonal = l[row.diagonal(i)];
            x[i * W..(i + 1) * W].iter_mut().for_each(|x| *x *= diagonal);
            row.each(i, |j, k| add_to(&mut x[j * W..], l[k], &own));
        }
    }

    /// `x = L'^-1 x`.
    pub fn solve_transposed<const W: usize>(&self, l: &[f64], x: &mut [f64]) {
        for i in (0..x.len() / W).rev() {
            let row = self.row(i);
            let diagonal = l[row.diagonal(i)];
            x[i * W..(i + 1) * W].iter_mut().for_each(|x| *x /= diagonal);
            let own: [f64; W] = element(x, i);
            row.each(i, |j, k| add_to(&mut x[j * W..], -l[k], &own));
        }
    }

    /// `A B`, packed; it has the pattern of its factors.
    pub fn product(&self, a: &[f64], b: &[f64], dim: usize) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        let mut x = vec![0.0; dim];
        for j in 0..dim {
            for i in j..self.end(j, dim) {
                let row = self.row(i);
                let at = row.get(i, j);
                x[i] = at.map_or(0.0, |at| b[at]);
                let mut sum = a[row.diagonal(i)] * x[i];
                row.each_from(j, i, |k, at| sum += a[at] * x[k]);
                at.into_iter().for_each(|at| out[at] = sum);
            }
        }
        out
    }

    /// `B^-1 A`, packed; it has the pattern of its factors.
    pub fn divide(&self, a: &[f64], b: &[f64], dim: usize) -> Vec<f64> {
        let mut out = vec![0.0; a.len()];
        let mut x = vec![0.0; dim];
        for j in 0..dim {
            for i in j..self.end(j, dim) {
                let row = self.row(i);
                let at = row.get(i, j);
                let mut rhs = at.map_or(0.0, |at| a[at]);
                row.each_from(j, i, |k, at| rhs -= b[at] * x[k]);
                x[i] = rhs / b[row.diagonal(i)];
                at.into_iter().for_each(|at| out[at] = x[i]);
            }
        }
        out
    }

    /// `sum log L_ii` of a triangle with its true diagonal.
    pub fn log_det(&self, l: &[f64], dim: usize) -> f64 {
        (0..dim).map(|i| l[self.row(i).diagonal(i)].ln()).sum()
    }
}

#[inline]
fn element<const W: usize>(x: &[f64], i: usize) -> [f64; W] {
    let mut out = [0.0; W];
    out.copy_from_slice(&x[i * W..(i + 1) * W]);
    out
}

/// `sum += a x` for the vectors of one element.
#[inline]
pub(crate) fn add<const W: usize>(sum: &mut [f64; W], a: f64, x: &[f64]) {
    for (s, x) in sum.iter_mut().zip(&x[..W]) {
        *s += a * x;
    }
}

/// The same into a slice.
#[inline]
fn add_to<const W: usize>(sum: &mut [f64], a: f64, x: &[f64; W]) {
    for (s, x) in sum[..W].iter_mut().zip(x) {
        *s += a * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{DMatrix, DVector};

    /// Coordinates 1 and 4 are global; two blocks, of three and of two.
    fn arrow() -> Pattern {
        let blocks = vec![Some(7), None, Some(2), Some(7), None, Some(2), Some(7)];
        Pattern::Arrow(Arc::new(Arrow::new(blocks)))
    }

    fn values(n: usize) -> Vec<f64> {
        (0..n).map(|k| 1.5 + (k as f64 * 1.7).sin()).collect()
    }

    fn dense(pattern: &Pattern, l: &[f64], dim: usize) -> DMatrix<f64> {
        let mut out = DMatrix::zeros(dim, dim);
        for i in 0..dim {
            let row = pattern.row(i);
            row.each(i, |j, k| out[(i, j)] = l[k]);
            out[(i, i)] = l[row.diagonal(i)];
            for j in 0..dim {
                assert_eq!(row.get(i, j).map_or(0.0, |k| l[k]), out[(i, j)]);
            }
        }
        out
    }

    #[test]
    fn products_and_solutions_are_those_of_the_dense_matrix() {
        for pattern in [Pattern::Diagonal, Pattern::Lower, arrow()] {
            let dim = 7;
            let l = values(pattern.size(dim));
            let matrix = dense(&pattern, &l, dim);
            let x = DVector::from_vec(values(dim));
            let inverse = matrix.clone().try_inverse().unwrap();
            type Operation = fn(&Pattern, &[f64], &mut [f64]);
            let operations: [(Operation, DMatrix<f64>); 4] = [
                (Pattern::multiply::<1>, matrix.clone()),
                (Pattern::solve::<1>, inverse.clone()),
                (Pattern::multiply_transposed::<1>, matrix.transpose()),
                (Pattern::solve_transposed::<1>, inverse.transpose()),
            ];
            for (operation, expected) in operations {
                let mut found = x.as_slice().to_vec();
                operation(&pattern, &l, &mut found);
                for (f, e) in found.iter().zip((expected * &x).iter()) {
                    assert!((f - e).abs() < 1e-9 * (1.0 + e.abs()), "{pattern:?}: {f} {e}");
                }
            }
            let other: Vec<f64> = l.iter().map(|x| 1.0 + 0.3 * x).collect();
            let quotient = dense(&pattern, &pattern.divide(&other, &l, dim), dim);
            let expected = &inverse * dense(&pattern, &other, dim);
            assert!((quotient - expected).amax() < 1e-10, "{pattern:?}");
            let product = dense(&pattern, &pattern.product(&l, &other, dim), dim);
            assert!((product - &matrix * dense(&pattern, &other, dim)).amax() < 1e-10, "{pattern:?}");
            assert!((pattern.log_det(&l, dim) - matrix.determinant().ln()).abs() < 1e-12);
            // nothing beyond `end` has a column j
            for j in 0..dim {
                let last = (0..dim).filter(|&i| matrix[(i, j)] != 0.0).max().unwrap();
                assert_eq!(pattern.end(j, dim), last + 1);
            }
        }
    }

    #[test]
    fn an_arrow_has_globals_first_and_then_its_blocks() {
        let Pattern::Arrow(arrow) = arrow() else { panic!() };
        assert_eq!(arrow.globals(), [1, 4]);
        assert_eq!(arrow.locals().collect::<Vec<_>>(), [&[2, 5][..], &[0, 3, 6]]);
        // 1 + 2 of the globals, 3 + 4 of one block, 3 + 4 + 5 of the other
        assert_eq!(arrow.size(), 22);
        let lone = Arrow::new(vec![Some(0), Some(1)]);
        assert_eq!((lone.n_global(), lone.size()), (0, 2));
    }

    #[test]
    fn gather_and_scatter_are_inverse() {
        let pattern = arrow();
        let x = values(14);
        let (mut gathered, mut back) = (vec![0.0; 14], vec![0.0; 14]);
        pattern.gather::<2>(&x, &mut gathered);
        assert_eq!(gathered[..2], x[2..4]);
        pattern.scatter::<2>(&gathered, &mut back);
        assert_eq!(back, x);
    }
}
