//! A normal by its mean and its Cholesky factor: what the closed-form updates work on.

use nalgebra::{Cholesky, DMatrix, DVector};
use numerics::lanes::Lanes;

use crate::coordinates::{Coordinates, Scale, row};

/// `N(mean, factor factor')` over `dim` coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    pub mean: DVector<f64>,
    /// Lower triangular, positive diagonal, zeros above.
    pub factor: DMatrix<f64>,
}

impl Normal {
    /// The member of [`full_rank`](crate::families) with these parameters.
    pub fn of_full_rank(lambda: &[f64], dim: usize) -> Normal {
        let l = &lambda[dim..];
        let element = |i: usize, j: usize| match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => l[row(i) + i].exp(),
            std::cmp::Ordering::Greater => l[row(i) + j],
        };
        Normal {
            mean: DVector::from_column_slice(&lambda[..dim]),
            factor: DMatrix::from_fn(dim, dim, element),
        }
    }

    /// Its parameters as a member of `full_rank`: the mean, then the factor by rows with the logarithm
    /// of its diagonal.
    pub fn to_full_rank(&self) -> Vec<f64> {
        let dim = self.mean.len();
        let element = |i: usize, j: usize| {
            let x = self.factor[(i, j)];
            if i == j { x.ln() } else { x }
        };
        let triangle = (0..dim).flat_map(|i| (0..=i).map(move |j| element(i, j)));
        self.mean.iter().copied().chain(triangle).collect()
    }

    /// `None` where the covariance is not positive definite.
    pub fn of_covariance(mean: DVector<f64>, covariance: DMatrix<f64>) -> Option<Normal> {
        let factor = Cholesky::new(covariance)?.l();
        (mean.iter().chain(factor.iter()).all(|x| x.is_finite())).then_some(Normal { mean, factor })
    }

    pub fn covariance(&self) -> DMatrix<f64> {
        &self.factor * self.factor.transpose()
    }

    /// `self`, where `inner` is a normal in the coordinates in which `self` is standard.
    pub fn then(&self, inner: &Normal) -> Normal {
        Normal {
            mean: &self.mean + &self.factor * &inner.mean,
            factor: (&self.factor * &inner.factor).lower_triangle(),
        }
    }

    /// Coordinates in which a normal, itself given in `outer`, is standard.
    pub fn standardised(&self, outer: &Coordinates) -> Coordinates {
        let dim = self.mean.len();
        let linear = Coordinates { centre: vec![0.0; dim], scale: outer.scale.clone() };
        let (mut unit, mut columns) = (Lanes::zeros(dim, dim), Lanes::zeros(dim, dim));
        (0..dim).for_each(|j| unit.set(j, j, 1.0));
        linear.forward(&unit, &mut columns);
        let scale = DMatrix::from_fn(dim, dim, |i, j| columns.get(i, j));
        let centre = DVector::from_column_slice(&outer.centre);
        let whole = Normal { mean: centre, factor: scale }.then(self);
        let triangle = (0..dim).flat_map(|i| (0..=i).map(move |j| (i, j)));
        Coordinates {
            centre: whole.mean.as_slice().to_vec(),
            scale: Scale::Lower(triangle.map(|at| whole.factor[at]).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families;
    use crate::options::FamilyChoice;

    #[test]
    fn it_is_the_full_rank_member_of_its_parameters() {
        let lambda = [0.3, -1.0, 2.0, 0.2, 0.7, -0.4, 0.1, 0.9, -0.6];
        let normal = Normal::of_full_rank(&lambda, 3);
        for (a, b) in normal.to_full_rank().iter().zip(lambda) {
            assert!((a - b).abs() < 1e-15);
        }
        let family = families::build(FamilyChoice::FullRank, 3);
        let (mut eps, mut z) = (Lanes::zeros(3, 1), Lanes::zeros(3, 1));
        eps.set_lane(0, &[0.5, -1.5, 0.8]);
        family.rsample(&lambda, &eps, &mut z);
        let expected = &normal.mean + &normal.factor * DVector::from_vec(eps.lane(0));
        assert!((expected - DVector::from_vec(z.lane(0))).amax() < 1e-14);
    }

    #[test]
    fn a_normal_in_coordinates_is_standard_in_its_own() {
        let outer = Coordinates { centre: vec![1.0, 2.0], scale: Scale::Lower(vec![2.0, -0.5, 3.0]) };
        let normal = Normal::of_full_rank(&[0.5, -0.2, 0.3, 0.8, -0.1], 2);
        let own = normal.standardised(&outer);
        let (mut u, mut z, mut w) = (Lanes::zeros(2, 1), Lanes::zeros(2, 1), Lanes::zeros(2, 1));
        u.set_lane(0, &[0.7, -1.1]);
        own.forward(&u, &mut z);
        let inner = &normal.mean + &normal.factor * DVector::from_vec(u.lane(0));
        u.set_lane(0, inner.as_slice());
        outer.forward(&u, &mut w);
        assert!((z.get(0, 0) - w.get(0, 0)).abs() < 1e-14 && (z.get(1, 0) - w.get(1, 0)).abs() < 1e-14);
    }
}
