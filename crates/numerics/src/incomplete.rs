//! Incomplete gamma and beta integrals, Student's t and von Mises: both tails on the log scale, and
//! what a draw does when a shape moves.
//!
//! Fix the probability of a draw x and move a parameter: F(x(theta), theta) stays, so
//! `dx/dtheta = -(dF/dtheta) / p(x)`, the *implicit* derivative (Figurnov, Mohamed and Mnih, Implicit
//! reparameterization gradients, 2018). With the score `s(t) = d ln p(t) / dtheta` it is an integral
//! over either side of x,
//!
//! ```text
//! dx/dtheta = int_x^inf s(t) p(t)/p(x) dt = -int_-inf^x s(t) p(t)/p(x) dt,
//! ```
//!
//! since all of `s p` integrates to zero. The score of each law here changes sign once (of a
//! symmetric law, once on either side of its middle), so on one of the two sides nothing cancels: that
//! one is taken. Written in the logarithm or the log odds of t, or in the angle, the ratio `p(t)/p(x)` is
//! `e^phi` with a phi that is known without cancellation, and `quadrature` integrates it whatever the
//! shapes. The same integral without the score is a tail over
//! the density at its edge, from which the tails come. Digits are kept in either tail, at shapes from
//! 1e-4 to 1e6, and beyond.
//!
//! | module | law | implicit derivative of | errors, relative |
//! |---|---|---|---|
//! | [`gamma`] | gamma(a, 1) | ln x and x by a | 1e-12 |
//! | [`beta`] | beta(a, b) | the log odds of x by a and b | 1e-12 |
//! | [`student_t`] | Student's t | ln z and z by the degrees of freedom | 1e-12 |
//! | [`von_mises`] | von Mises, mean 0 | x by the concentration | 1e-12 |
//!
//! They are for one number at a time and take the standard library's exp and ln: 1 to 10 microseconds
//! each.

pub mod beta;
pub mod gamma;
mod parts;
mod quadrature;
pub mod student_t;
pub mod von_mises;

pub use parts::ln_1m_exp;

/// Both tails of a law at a point t, in the coordinate w that its module names (ln t or the log odds
/// of t); g is the density of w.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tails {
    /// ln P(T <= t)
    pub ln_p: f64,
    /// ln P(T > t)
    pub ln_q: f64,
    /// g / P(T <= t) = d ln_p / dw
    pub rate_p: f64,
    /// g / P(T > t) = -d ln_q / dw
    pub rate_q: f64,
}

impl Tails {
    const NAN: Tails = Tails { ln_p: f64::NAN, ln_q: f64::NAN, rate_p: f64::NAN, rate_q: f64::NAN };

    /// From ln g and integrals of g over its value at the point: of the side on which g falls, and, if
    /// that turns out to hold more than half, of the other.
    fn from_sides(ln_g: f64, falls_above: bool, falling: f64, other: impl FnOnce() -> f64) -> Tails {
        let mut near = (ln_g + falling.ln(), 1.0 / falling);
        let far = if near.0 > -std::f64::consts::LN_2 {
            let other = other();
            let far = (ln_g + other.ln(), 1.0 / other);
            near.0 = (-far.0.exp()).ln_1p();
            far
        } else {
            let l = (-near.0.exp()).ln_1p();
            (l, (ln_g - l).exp())
        };
        let (above, below) = if falls_above { (near, far) } else { (far, near) };
        Tails { ln_p: below.0, ln_q: above.0, rate_p: below.1, rate_q: above.1 }
    }
}
