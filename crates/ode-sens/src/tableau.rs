//! Tsit5: the coefficients of Tsitouras, "Runge-Kutta pairs of order 5(4) satisfying only the first
//! column simplifying assumption", Computers and Mathematics with Applications 62 (2011), 770-775.

/// Stages; the last is the first of the next step.
pub(crate) const STAGES: usize = 7;

/// Nodes c.
pub(crate) const C: [f64; STAGES] = [0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0];

/// Stage weights a; row 6 are also the weights of the fifth-order solution.
pub(crate) const A: [[f64; 6]; STAGES] = [
    [0.0; 6],
    [0.161, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-0.008480655492356989, 0.335480655492357, 0.0, 0.0, 0.0, 0.0],
    [2.8971530571054935, -6.359448489975075, 4.3622954328695815, 0.0, 0.0, 0.0],
    [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525, 0.0, 0.0],
    [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383, 0.0],
    [0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774],
];

/// Fifth- minus fourth-order weights: the error estimate.
pub(crate) const E: [f64; STAGES] = [
    -0.001780011052225777,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    1.0 / 66.0,
];

/// Dense output: `b_j(theta) = theta (D[j][0] + theta (D[j][1] + theta (D[j][2] + theta D[j][3])))`
/// and `y(t + theta h) = y + h sum_j b_j(theta) k_j`, of order four.
pub(crate) const D: [[f64; 4]; STAGES] = [
    [1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216],
    [0.0, 0.13169999999999998, -0.2234, 0.1017],
    [0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253],
    [0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902],
    [0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928],
    [0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661],
    [0.0, 1.5, -4.0, 2.5],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_conditions_hold() {
        for (row, c) in A.iter().zip(C) {
            assert!((row.iter().sum::<f64>() - c).abs() < 1e-14, "the row of {c}");
        }
        for power in 0..5 {
            let s: f64 = (0..6).map(|j| A[6][j] * C[j].powi(power)).sum();
            assert!((s - 1.0 / (power + 1) as f64).abs() < 1e-14, "quadrature of degree {power}");
        }
        for power in 0..4 {
            let s: f64 = (0..STAGES).map(|j| E[j] * C[j].powi(power)).sum();
            assert!(s.abs() < 1e-13, "the error estimate sees degree {power}: {s}");
        }
    }

    #[test]
    fn dense_output_meets_both_ends_and_integrates_cubics() {
        let b = |j: usize, x: f64| x * (D[j][0] + x * (D[j][1] + x * (D[j][2] + x * D[j][3])));
        for (j, end) in A[6].into_iter().chain([0.0]).enumerate() {
            assert!((b(j, 1.0) - end).abs() < 1e-13, "weight {j} at the end");
        }
        for x in [0.25, 0.5, 0.9] {
            for power in 0..4 {
                let s: f64 = (0..STAGES).map(|j| b(j, x) * C[j].powi(power)).sum();
                let exact = x.powi(power + 1) / (power + 1) as f64;
                assert!((s - exact).abs() < 1e-13, "degree {power} at {x}: {s} {exact}");
            }
        }
    }
}
