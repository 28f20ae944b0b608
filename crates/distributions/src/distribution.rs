//! The interface of a distribution.

use std::fmt::Debug;

use graph::ir::{Graph, NodeId};
use model::Support;

use crate::error::DistributionError;
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

    fn slots(&self) -> &[Slot];

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

    /// Does the density's formula give a number where a parameter that is given so is outside its domain?
    /// Then it is guarded ([`in_domain`](crate::in_domain)).
    fn finite_outside(&self, slot: usize, alternative: usize) -> bool {
        self.slots()[slot].alternatives[alternative].finite_outside
    }

    /// A value that has a probability of its own beside a density, which `log_prob` gives there: such a
    /// law is for data, as it has no bijector.
    fn atom(&self) -> Option<f64> {
        None
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
