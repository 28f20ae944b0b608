//! Draws from a normal with the posterior's scores there, seen from where the normal is standard: what
//! closed-form updates are made of.

use nalgebra::DMatrix;
use numerics::lanes::Lanes;

use crate::estimator::mean_and_mcse;
use crate::families::Family;
use crate::observe::TraceRow;
use crate::state::State;
use crate::target::Target;

/// The draws of a step that could be evaluated.
pub(crate) struct Batch {
    /// Their base noise, `[n_base]` x draws.
    pub eps: DMatrix<f64>,
    /// In whitened coordinates, `[dim]` x draws.
    pub draws: DMatrix<f64>,
    /// Gradients of the posterior's log density there, pulled to where q is standard, `[dim]` x draws.
    pub score: DMatrix<f64>,
    /// The same less those of q: zero where the two are one.
    pub differences: DMatrix<f64>,
    elbo: f64,
    elbo_mcse: f64,
}

impl Batch {
    /// Draws from the family at `state.lambda`, by base noise `eps` (`[n_base]` x draws). `pull` takes
    /// gradients (`[dim]` x draws) in whitened coordinates to where q is standard: `factor' gradient`.
    pub fn draw(
        target: &mut Target,
        state: &State,
        family: &dyn Family,
        eps: &Lanes,
        pull: impl Fn(&DMatrix<f64>) -> DMatrix<f64>,
    ) -> Batch {
        let (dim, draws) = (family.dim(), eps.lanes());
        let mut u = Lanes::zeros(dim, draws);
        family.rsample(&state.lambda, eps, &mut u);
        let (mut z, mut grad, mut q_score) = (u.clone(), u.clone(), u.clone());
        let (mut value, mut log_q) = (vec![0.0; draws], vec![0.0; draws]);
        target.eval_whitened(&state.coordinates, &u, &mut z, &mut value, Some(&mut grad));
        family.log_q(&state.lambda, &u, &mut log_q, Some(&mut q_score));
        let (elbo, elbo_mcse, _) = mean_and_mcse(value.iter().zip(&log_q).map(|(p, q)| p - q));
        let good: Vec<usize> = (0..draws).filter(|&lane| value[lane].is_finite()).collect();
        let of = |x: &Lanes| DMatrix::from_fn(x.n(), good.len(), |i, k| x.get(i, good[k]));
        let slopes = of(&grad);
        let differences = pull(&(&slopes - of(&q_score)));
        Batch { eps: of(eps), draws: of(&u), score: pull(&slopes), differences, elbo, elbo_mcse }
    }

    /// For the trace. The gradient whose variance stands there is that of the ELBO in the mean, where q is
    /// standard (of low rank: in whitened coordinates), by sticking the landing.
    pub fn row(&self, step: u64) -> TraceRow {
        TraceRow { step, elbo: self.elbo, elbo_mcse: self.elbo_mcse, grad_var: self.grad_var() }
    }

    fn grad_var(&self) -> f64 {
        let n = self.eps.ncols() as f64;
        let mean = self.differences.column_mean();
        let squares: f64 = self.differences.column_iter().map(|d| (d - &mean).norm_squared()).sum();
        if n > 1.0 { squares / (n * (n - 1.0)) } else { f64::NAN }
    }
}
