//! Integrals of `e^phi(v)` and of slowly varying weights with it, over v from 0 up.
//!
//! Panels of 20 Gauss-Legendre nodes, laid so that phi bends and falls by no more in each than the
//! nodes can follow. Far from where phi has its structure a panel grows with its distance from there,
//! so that a law spread over a hundred decades (a shape of 1e-100) takes as many panels as there are
//! powers of two in it, and one of a moderate shape three to six.

/// phi, its slope and -(its second derivative), all that the panels depend on.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub phi: f64,
    pub slope: f64,
    pub curvature: f64,
}

/// `e^phi` with phi(0) = 0, and what is summed with it.
pub(super) trait Integrand {
    fn shape(&self, v: f64) -> Shape;

    /// Adds `width e^phi(v)` times each weight at v, and returns `width e^phi(v)`.
    fn add(&mut self, v: f64, width: f64) -> f64;
}

/// The most that phi may change in a panel, by its slopes at the ends, and by its curvature there: 20
/// nodes then leave 1e-16 of the integral.
const FALL: f64 = 20.0;
const BEND: f64 = 20.0;

/// More than any f64 arguments need.
const MOST_PANELS: usize = 20_000;

/// Visits nodes from 0 to `end` (or to where nothing is left). `structure` is the range of v within
/// which the nearest singularities are some units off the real axis, or closer to it than phi tells.
pub(super) fn integrate(f: &mut impl Integrand, structure: (f64, f64), end: f64) {
    let mut v = 0.0;
    let mut total = 0.0;
    let mut here = f.shape(0.0);
    for _ in 0..MOST_PANELS {
        // Singularities are pi off the axis; towards them half of the way is left.
        let off = (0.5 * (structure.0 - v)).max(v - structure.1);
        let most = off.max(5.0).min(end - v);
        let mut h = most.min(FALL / here.slope.abs()).min((BEND / here.curvature).sqrt());
        let mut next = f.shape(v + h);
        while h * next.slope.abs() > 1.1 * FALL || h * h * next.curvature > 1.1 * BEND {
            h *= 0.5;
            next = f.shape(v + h);
        }
        let half = 0.5 * h;
        let middle = v + half;
        for (x, w) in NODES {
            total += f.add(middle - half * x, half * w);
            total += f.add(middle + half * x, half * w);
        }
        v += h;
        here = next;
        // phi is concave, or ends: no more than this is left. NaN ends it too.
        let left = here.phi.exp() * (end - v).min(1.0 / here.slope.abs());
        let goes_on = here.slope > 0.0 || left > 1e-18 * total;
        if !goes_on || v >= end {
            return;
        }
    }
}

/// Positive nodes and weights of the rule of 20 (mpmath 1.3, 50 digits).
const NODES: [(f64, f64); 10] = [
    (0.07652652113349734, 0.15275338713072584),
    (0.22778585114164507, 0.14917298647260374),
    (0.37370608871541955, 0.14209610931838204),
    (0.5108670019508271, 0.13168863844917664),
    (0.636053680726515, 0.11819453196151841),
    (0.7463319064601508, 0.10193011981724044),
    (0.8391169718222188, 0.08327674157670475),
    (0.912234428251326, 0.06267204833410907),
    (0.9639719272779138, 0.04060142980038694),
    (0.9931285991850949, 0.017614007139152118),
];

#[cfg(test)]
mod tests {
    use super::*;

    struct Powers(f64, [f64; 3], u32);

    impl Integrand for Powers {
        fn shape(&self, v: f64) -> Shape {
            Shape { phi: -self.0 * v, slope: -self.0, curvature: 0.0 }
        }
        fn add(&mut self, v: f64, width: f64) -> f64 {
            let e = width * (-self.0 * v).exp();
            (0..3).for_each(|k| self.1[k] += e * v.powi(k as i32));
            self.2 += 1;
            e
        }
    }

    /// int v^k e^(-r v) = k! / r^(k + 1)
    #[test]
    fn exponentials_of_any_rate() {
        for (rate, panels) in
            [(1e-100f64, 337), (1e-8, 31), (0.3, 6), (1.0, 5), (7.0, 3), (1e9, 3), (1e100, 3)]
        {
            let mut f = Powers(rate, [0.0; 3], 0);
            integrate(&mut f, (0.0, 0.0), f64::INFINITY);
            for (k, (found, expected)) in f.1.into_iter().zip([1.0, 1.0, 2.0]).enumerate() {
                let scaled = found * rate.powi(k as i32 + 1);
                assert!((scaled / expected - 1.0).abs() < 1e-14, "{rate:e}, {k}: {scaled}");
            }
            // Their number is what it costs.
            assert_eq!(f.2, 20 * panels, "{rate:e}");
        }
    }
}
