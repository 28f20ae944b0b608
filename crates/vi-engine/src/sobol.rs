//! Sobol' points, scrambled after Owen: a set of points that covers the unit cube more evenly than
//! independent ones, each of which is uniform on its own.
//!
//! The direction numbers are the first of "new-joe-kuo-6" (S. Joe and F. Y. Kuo, Constructing Sobol
//! sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30, 2008). The scrambling
//! is Owen's nested uniform one (A. B. Owen, Randomly permuted (t,m,s)-nets and (t,s)-sequences,
//! 1995), exactly: the digits that tell the points of a set apart are flipped by random bits, one a
//! node of their binary tree, and what follows them is independent uniform noise.

use numerics::random::{Counter, Key};

/// Coordinates that have direction numbers.
pub const DIMENSIONS: usize = TABLE.len() + 1;

/// Binary digits of a point, before its noise: more points are never in one set.
const DIGITS: u32 = 24;

/// The direction numbers of one coordinate, `DIGITS` digits each.
pub struct Direction([u32; DIGITS as usize]);

impl Direction {
    /// Of coordinate `dimension`, below [`DIMENSIONS`].
    pub fn new(dimension: usize) -> Direction {
        let mut m = [1u64; DIGITS as usize];
        if let Some((polynomial, initial)) = dimension.checked_sub(1).map(|i| TABLE[i]) {
            let degree = initial.len();
            for k in 0..m.len() {
                m[k] = match initial.get(k) {
                    Some(m) => u64::from(*m),
                    // m_k = 2 a_1 m_(k-1) + ... + 2^s m_(k-s) + m_(k-s), by exclusive or
                    None => (1..=degree).fold(m[k - degree], |sum, j| {
                        let a = u64::from(polynomial) >> (degree - j) & 1;
                        sum ^ (a * m[k - j]) << j
                    }),
                };
            }
        }
        Direction(std::array::from_fn(|k| (m[k] << (DIGITS as usize - 1 - k)) as u32))
    }

    /// The digits of point `i`, the first the highest of [`DIGITS`].
    fn digits(&self, i: u32) -> u32 {
        (0..DIGITS).filter(|k| i >> k & 1 == 1).fold(0, |sum, k| sum ^ self.0[k as usize])
    }

    /// The first coordinates of a set of points, in (0, 1): `out` is `[points]`. The scrambling is that
    /// of `key` and `at`, which tells sets apart by its step and row; its other places count.
    pub fn points(&self, key: Key, at: Counter, out: &mut [f64]) {
        let told_apart = out.len().next_power_of_two().trailing_zeros();
        let mut word = (0, 0);
        for (i, out) in out.iter_mut().enumerate() {
            let digits = self.digits(i as u32) >> (DIGITS - told_apart);
            let mut scrambled = digits;
            for k in 0..told_apart {
                // the node of the digits before this one, numbered as in a heap
                let node = 1 << k | digits >> (told_apart - k);
                let attempt = 1 + u64::from(node / 64);
                if word.0 != attempt {
                    word = (attempt, key.bits(Counter { draw: 0, attempt, ..at }));
                }
                scrambled ^= ((word.1 >> (node % 64) & 1) as u32) << (told_apart - 1 - k);
            }
            let rest = key.uniform(Counter { draw: i as u32, attempt: 0, ..at });
            // rounding must not make it one
            *out = ((f64::from(scrambled) + rest) * 0.5f64.powi(told_apart as i32))
                .min(1.0 - f64::EPSILON / 2.0);
        }
    }
}

/// Of every coordinate after the first, its primitive polynomial by its coefficients as binary digits,
/// and the initial numbers.
#[rustfmt::skip]
const TABLE: [(u32, &[u32]); 127] = [
    (3, &[1]), (7, &[1, 3]), (11, &[1, 3, 1]), (13, &[1, 1, 1]), (19, &[1, 1, 3, 3]), (25, &[1, 3, 5, 13]),
    (37, &[1, 1, 5, 5, 17]), (41, &[1, 1, 5, 5, 5]), (47, &[1, 1, 7, 11, 19]), (55, &[1, 1, 5, 1, 1]),
    (59, &[1, 1, 1, 3, 11]), (61, &[1, 3, 5, 5, 31]), (67, &[1, 3, 3, 9, 7, 49]),
    (91, &[1, 1, 1, 15, 21, 21]), (97, &[1, 3, 1, 13, 27, 49]), (103, &[1, 1, 1, 15, 7, 5]),
    (109, &[1, 3, 1, 15, 13, 25]), (115, &[1, 1, 5, 5, 19, 61]), (131, &[1, 3, 7, 11, 23, 15, 103]),
    (137, &[1, 3, 7, 13, 13, 15, 69]), (143, &[1, 1, 3, 13, 7, 35, 63]), (145, &[1, 3, 5, 9, 1, 25, 53]),
    (157, &[1, 3, 1, 13, 9, 35, 107]), (167, &[1, 3, 1, 5, 27, 61, 31]), (171, &[1, 1, 5, 11, 19, 41, 61]),
    (185, &[1, 3, 5, 3, 3, 13, 69]), (191, &[1, 1, 7, 13, 1, 19, 1]), (193, &[1, 3, 7, 5, 13, 19, 59]),
    (203, &[1, 1, 3, 9, 25, 29, 41]), (211, &[1, 3, 5, 13, 23, 1, 55]), (213, &[1, 3, 7, 3, 13, 59, 17]),
    (229, &[1, 3, 1, 3, 5, 53, 69]), (239, &[1, 1, 5, 5, 23, 33, 13]), (241, &[1, 1, 7, 7, 1, 61, 123]),
    (247, &[1, 1, 7, 9, 13, 61, 49]), (253, &[1, 3, 3, 5, 3, 55, 33]),
    (285, &[1, 3, 1, 15, 31, 13, 49, 245]), (299, &[1, 3, 5, 15, 31, 59, 63, 97]),
    (301, &[1, 3, 1, 11, 11, 11, 77, 249]), (333, &[1, 3, 1, 11, 27, 43, 71, 9]),
    (351, &[1, 1, 7, 15, 21, 11, 81, 45]), (355, &[1, 3, 7, 3, 25, 31, 65, 79]),
    (357, &[1, 3, 1, 1, 19, 11, 3, 205]), (361, &[1, 1, 5, 9, 19, 21, 29, 157]),
    (369, &[1, 3, 7, 11, 1, 33, 89, 185]), (391, &[1, 3, 3, 3, 15, 9, 79, 71]),
    (397, &[1, 3, 7, 11, 15, 39, 119, 27]), (425, &[1, 1, 3, 1, 11, 31, 97, 225]),
    (451, &[1, 1, 1, 3, 23, 43, 57, 177]), (463, &[1, 3, 7, 7, 17, 17, 37, 71]),
    (487, &[1, 3, 1, 5, 27, 63, 123, 213]), (501, &[1, 1, 3, 5, 11, 43, 53, 133]),
    (529, &[1, 3, 5, 5, 29, 17, 47, 173, 479]), (539, &[1, 3, 3, 11, 3, 1, 109, 9, 69]),
    (545, &[1, 1, 1, 5, 17, 39, 23, 5, 343]), (557, &[1, 3, 1, 5, 25, 15, 31, 103, 499]),
    (563, &[1, 1, 1, 11, 11, 17, 63, 105, 183]), (601, &[1, 1, 5, 11, 9, 29, 97, 231, 363]),
    (607, &[1, 1, 5, 15, 19, 45, 41, 7, 383]), (617, &[1, 3, 7, 7, 31, 19, 83, 137, 221]),
    (623, &[1, 1, 1, 3, 23, 15, 111, 223, 83]), (631, &[1, 1, 5, 13, 31, 15, 55, 25, 161]),
    (637, &[1, 1, 3, 13, 25, 47, 39, 87, 257]), (647, &[1, 1, 1, 11, 21, 53, 125, 249, 293]),
    (661, &[1, 1, 7, 11, 11, 7, 57, 79, 323]), (675, &[1, 1, 5, 5, 17, 13, 81, 3, 131]),
    (677, &[1, 1, 7, 13, 23, 7, 65, 251, 475]), (687, &[1, 3, 5, 1, 9, 43, 3, 149, 11]),
    (695, &[1, 1, 3, 13, 31, 13, 13, 255, 487]), (701, &[1, 3, 3, 1, 5, 63, 89, 91, 127]),
    (719, &[1, 1, 3, 3, 1, 19, 123, 127, 237]), (721, &[1, 1, 5, 7, 23, 31, 37, 243, 289]),
    (731, &[1, 1, 5, 11, 17, 53, 117, 183, 491]), (757, &[1, 1, 1, 5, 1, 13, 13, 209, 345]),
    (761, &[1, 1, 3, 15, 1, 57, 115, 7, 33]), (787, &[1, 3, 1, 11, 7, 43, 81, 207, 175]),
    (789, &[1, 3, 1, 1, 15, 27, 63, 255, 49]), (799, &[1, 3, 5, 3, 27, 61, 105, 171, 305]),
    (803, &[1, 1, 5, 3, 1, 3, 57, 249, 149]), (817, &[1, 1, 3, 5, 5, 57, 15, 13, 159]),
    (827, &[1, 1, 1, 11, 7, 11, 105, 141, 225]), (847, &[1, 3, 3, 5, 27, 59, 121, 101, 271]),
    (859, &[1, 3, 5, 9, 11, 49, 51, 59, 115]), (865, &[1, 1, 7, 1, 23, 45, 125, 71, 419]),
    (875, &[1, 1, 3, 5, 23, 5, 105, 109, 75]), (877, &[1, 1, 7, 15, 7, 11, 67, 121, 453]),
    (883, &[1, 3, 7, 3, 9, 13, 31, 27, 449]), (895, &[1, 3, 1, 15, 19, 39, 39, 89, 15]),
    (901, &[1, 1, 1, 1, 1, 33, 73, 145, 379]), (911, &[1, 3, 1, 15, 15, 43, 29, 13, 483]),
    (949, &[1, 1, 7, 3, 19, 27, 85, 131, 431]), (953, &[1, 3, 3, 3, 5, 35, 23, 195, 349]),
    (967, &[1, 3, 3, 7, 9, 27, 39, 59, 297]), (971, &[1, 1, 3, 9, 11, 17, 13, 241, 157]),
    (973, &[1, 3, 7, 15, 25, 57, 33, 189, 213]), (981, &[1, 1, 7, 1, 9, 55, 73, 83, 217]),
    (985, &[1, 3, 3, 13, 19, 27, 23, 113, 249]), (995, &[1, 3, 5, 3, 23, 43, 3, 253, 479]),
    (1001, &[1, 1, 5, 5, 11, 5, 45, 117, 217]), (1019, &[1, 3, 3, 7, 29, 37, 33, 123, 147]),
    (1033, &[1, 3, 1, 15, 5, 5, 37, 227, 223, 459]), (1051, &[1, 1, 7, 5, 5, 39, 63, 255, 135, 487]),
    (1063, &[1, 3, 1, 7, 9, 7, 87, 249, 217, 599]), (1069, &[1, 1, 3, 13, 9, 47, 7, 225, 363, 247]),
    (1125, &[1, 3, 7, 13, 19, 13, 9, 67, 9, 737]), (1135, &[1, 3, 5, 5, 19, 59, 7, 41, 319, 677]),
    (1153, &[1, 1, 5, 3, 31, 63, 15, 43, 207, 789]), (1163, &[1, 1, 7, 9, 13, 39, 3, 47, 497, 169]),
    (1221, &[1, 3, 1, 7, 21, 17, 97, 19, 415, 905]), (1239, &[1, 3, 7, 1, 3, 31, 71, 111, 165, 127]),
    (1255, &[1, 1, 5, 11, 1, 61, 83, 119, 203, 847]), (1267, &[1, 3, 3, 13, 9, 61, 19, 97, 47, 35]),
    (1279, &[1, 1, 7, 7, 15, 29, 63, 95, 417, 469]), (1293, &[1, 3, 1, 9, 25, 9, 71, 57, 213, 385]),
    (1305, &[1, 3, 5, 13, 31, 47, 101, 57, 39, 341]), (1315, &[1, 1, 3, 3, 31, 57, 125, 173, 365, 551]),
    (1329, &[1, 3, 7, 1, 13, 57, 67, 157, 451, 707]), (1341, &[1, 1, 1, 7, 21, 13, 105, 89, 429, 965]),
    (1347, &[1, 1, 5, 9, 17, 51, 45, 119, 157, 141]), (1367, &[1, 3, 7, 7, 13, 45, 91, 9, 129, 741]),
    (1387, &[1, 3, 7, 1, 23, 57, 67, 141, 151, 571]), (1413, &[1, 1, 3, 11, 17, 47, 93, 107, 375, 157]),
    (1423, &[1, 3, 3, 5, 11, 21, 43, 51, 169, 915]), (1431, &[1, 1, 5, 3, 15, 55, 101, 67, 455, 625]),
    (1441, &[1, 3, 5, 9, 1, 23, 29, 47, 345, 595]), (1479, &[1, 3, 7, 7, 5, 49, 29, 155, 323, 589]),
    (1509, &[1, 3, 3, 7, 5, 41, 127, 61, 261, 717]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17: `qmc.Sobol(128, scramble=False)`, whose i-th point is ours of the i-th Gray code.
    #[test]
    fn unscrambled_points_are_those_of_scipy() {
        let golden = [
            (3, [0.75, 0.25, 0.25, 0.75, 0.25]),
            (2, [0.25, 0.75, 0.75, 0.25, 0.75]),
            (6, [0.375, 0.375, 0.625, 0.125, 0.625]),
            (7, [0.875, 0.875, 0.125, 0.625, 0.125]),
            (540, [0.2197265625, 0.0966796875, 0.5185546875, 0.4462890625, 0.5439453125]),
            (
                48681,
                [
                    0.5800323486328125,
                    0.5904998779296875,
                    0.7326812744140625,
                    0.5161590576171875,
                    0.4937896728515625,
                ],
            ),
        ];
        for (i, expected) in golden {
            for (dimension, expected) in [0, 1, 2, 63, 127].into_iter().zip(expected) {
                let x = f64::from(Direction::new(dimension).digits(i)) * 0.5f64.powi(DIGITS as i32);
                assert_eq!(x, expected, "point {i}, dimension {dimension}");
            }
        }
    }

    fn points(dimension: usize, n: usize, row: u64) -> Vec<f64> {
        let mut out = vec![0.0; n];
        let key = Key::new(3, "test", &format!("d{dimension}"), "");
        Direction::new(dimension).points(key, Counter { row, ..Counter::default() }, &mut out);
        out
    }

    /// Scrambled or not, 2^m points have one in each of 2^m intervals, and the first two coordinates one
    /// in each box of area 2^-m: they are a (0, m, 2)-net.
    #[test]
    fn scrambled_points_are_a_net() {
        let m = 6;
        let n = 1 << m;
        for row in 0..5 {
            let (x, y) = (points(0, n, row), points(1, n, row));
            for split in 0..=m {
                let (columns, rows) = (1 << split, 1 << (m - split));
                let mut boxes = vec![0; n];
                for (x, y) in x.iter().zip(&y) {
                    boxes[(x * columns as f64) as usize * rows + (y * rows as f64) as usize] += 1;
                }
                assert!(boxes.iter().all(|n| *n == 1), "{columns} x {rows}");
            }
        }
    }

    /// The mean over sets is that of the uniform distribution, for a function that is neither smooth nor
    /// symmetric, and one set is far closer to it than independent points would be.
    #[test]
    fn sets_are_unbiased_and_even() {
        let f = |x: f64, y: f64| (2.0 * x).exp() * if y > 0.3 { 1.0 } else { 0.0 };
        let truth = 0.7 * (2f64.exp() - 1.0) / 2.0;
        let (sets, n) = (2000, 32);
        let estimates: Vec<f64> = (0..sets)
            .map(|row| {
                let (x, y) = (points(4, n, row), points(90, n, row));
                x.iter().zip(&y).map(|(x, y)| f(*x, *y)).sum::<f64>() / n as f64
            })
            .collect();
        let mean = estimates.iter().sum::<f64>() / sets as f64;
        let variance = estimates.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / sets as f64;
        assert!((mean - truth).abs() < 4.0 * (variance / sets as f64).sqrt(), "{mean} {truth}");
        let independent = (0.7 * (4f64.exp() - 1.0) / 4.0 - truth * truth) / n as f64;
        assert!(variance < 0.4 * independent, "{variance} {independent}");
    }

    #[test]
    fn a_single_point_is_uniform() {
        let mean = (0..4000).map(|row| points(2, 1, row)[0]).sum::<f64>() / 4000.0;
        assert!((mean - 0.5).abs() < 4.0 / 12f64.sqrt() / 4000f64.sqrt());
    }
}
