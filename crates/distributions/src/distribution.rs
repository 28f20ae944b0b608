//! The interface of a distribution.

use std::fmt::Debug;

use graph::ir::{Graph, NodeId};
use model::Support;

use crate::error::DistributionError;
use crate::evaluate::implicit_by_tails;
use crate::params::{Params, Slot};

/// Uniform numbers, each strictly between 0 and 1; a sampler takes as many as it needs.
pub type Uniforms<'a> = dyn FnMut() -> f64 + 'a;

/// Both tails on the log scale: ln P(X <= x) and ln P(X > x).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tails<T> {
    pub log_cdf: T,
    pub log_survival: T,
}

/// A univariate law, elementwise over named dimensions.
///
/// A caller binds its arguments ([`Params::bind`]), lets [`check`](Distribution::check) judge the
/// constant ones, asks for the [`support`](Distribution::support), and emits the density.
pub trait Distribution: Debug + Send + Sync {
    /// As in a specification: `student_t`.
    fn name(&self) -> &'static str;

    /// One line for the table of distributions.
    fn doc(&self) -> &'static str;

    fn slots(&self) -> &'static [Slot];

    /// A support that holds whatever the parameters are.
    fn widest_support(&self) -> Support;

    /// The support for these parameters (`None`: not a constant). A caller with data may ask row by
    /// row, with the row's values.
    ///
    /// # Errors
    /// Where the support depends on a parameter that is not constant, or is empty.
    fn support(&self, constants: &Params<Option<f64>>) -> Result<Support, DistributionError> {
        let _ = constants;
        Ok(self.widest_support())
    }

    /// Can `x` be observed? [`Support::contains`], less an end where the density is zero or infinite
    /// whatever the parameters (0 for a lognormal).
    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x)
    }

    fn is_discrete(&self) -> bool {
        self.widest_support().is_discrete()
    }

    /// False where the density has no finite integral.
    fn is_proper(&self) -> bool {
        true
    }

    /// Judges the parameters that are constant.
    ///
    /// # Errors
    /// A constant outside its domain, or bounds that do not leave room.
    fn check(&self, constants: &Params<Option<f64>>) -> Result<(), DistributionError> {
        check_domains(self.name(), self.slots(), constants)
    }

    /// Emits ln p(x), elementwise, constants included; it may lack dimensions along which it is the
    /// same (sum it with `Graph::sum`, which counts those).
    ///
    /// Outside the support it is -inf where `x` depends on a latent. Where `x` is data it is
    /// unspecified there: the compiler checks data with [`observable`](Distribution::observable).
    ///
    /// # Errors
    /// A pairing that is not supported, by name.
    fn log_prob(
        &self,
        g: &mut Graph,
        params: &Params<NodeId>,
        x: NodeId,
    ) -> Result<NodeId, DistributionError>;

    /// Emits both tails at `x`, inside the support or at its ends; `None` where the graph has no
    /// operation for them, or the law is discrete (its probabilities are summed instead).
    fn tails(&self, g: &mut Graph, params: &Params<NodeId>, x: NodeId) -> Option<Tails<NodeId>> {
        let _ = (g, params, x);
        None
    }

    /// Both tails as numbers, of a law whose tails the graph cannot express. Ask
    /// [`tails_at`](crate::tails_at), which knows both kinds.
    fn scalar_tails(&self, params: &Params<f64>, x: f64) -> Option<Tails<f64>> {
        let _ = (params, x);
        None
    }

    /// Derivatives of a draw `x` by each parameter that is given, in the order of the slots, its
    /// probability held fixed: `-(dF/dtheta) / p(x)` (implicit reparameterisation; of a location and a
    /// scale, 1 and z). `x` lies in the support, off its ends. `None` where there is none: of a discrete
    /// or improper law.
    ///
    /// Of any law with tails in the graph it is had from their derivatives; closed forms are quicker.
    fn implicit(&self, params: &Params<f64>, x: f64) -> Option<Vec<f64>> {
        if self.is_discrete() || !self.is_proper() {
            return None;
        }
        implicit_by_tails(params, x, |g, params, x| self.tails(g, params, x))
    }

    /// One draw.
    ///
    /// # Errors
    /// An improper law has no draws.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError>;

    /// `None` where it does not exist or is not known.
    fn mean(&self, params: &Params<f64>) -> Option<f64>;

    /// `None` where it does not exist or is not known; may be infinite.
    fn variance(&self, params: &Params<f64>) -> Option<f64>;
}

pub(crate) fn check_domains(
    distribution: &'static str,
    slots: &[Slot],
    constants: &Params<Option<f64>>,
) -> Result<(), DistributionError> {
    for (k, given) in constants.iter() {
        let parameter = slots[k].alternatives[given.alternative];
        if let Some(found) = given.value
            && !parameter.domain.contains(found)
        {
            let (parameter, expected) = (parameter.name, parameter.domain);
            return Err(DistributionError::OutOfDomain { distribution, parameter, expected, found });
        }
    }
    Ok(())
}

/// Which parameters are constants of the graph.
pub fn constants(g: &Graph, params: &Params<NodeId>) -> Params<Option<f64>> {
    params.map(|n| g.as_const(n))
}
