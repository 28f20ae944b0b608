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

/// What one value of a law is, and which dimensions its parameters have beyond those of the values:
/// [`Params::event`] names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A number; parameters line up with it element by element.
    Scalar,
    /// An outcome, which a parameter ([`Shape::Along`](crate::Shape)) has its own dimension for,
    /// `event()[0]`: a number that counts from 1, or as data an index into that dimension.
    Outcome,
    /// Numbers along `event()[0]`.
    Vector,
    /// Numbers over `event()[0]` and its prime, `event()[1]`.
    Matrix,
}

/// Which parameters move and stretch a law: its value, or the logarithm of it, is the location plus the
/// scale times what depends on neither. Slots, by their first alternative.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocationScale {
    pub location: usize,
    pub scale: usize,
    /// It is the logarithm.
    pub log: bool,
}

/// A law, over named dimensions: elementwise, or of vectors and matrices over some of them.
///
/// A caller binds its arguments ([`Params::bind`]), lets [`check`](Distribution::check) judge the
/// constant ones, asks for the [`support`](Distribution::support), and emits the density.
pub trait Distribution: Debug + Send + Sync {
    /// As in a specification: `student_t`.
    fn name(&self) -> &'static str;

    /// One line for the table of distributions.
    fn doc(&self) -> &'static str;

    fn slots(&self) -> &[Slot];

    /// What one value is.
    fn event(&self) -> Event {
        Event::Scalar
    }

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

    /// How many outcomes there are where the parameter along them has `n` elements.
    fn outcomes(&self, n: usize) -> usize {
        n
    }

    /// The slots whose values are the ends of the support, by their first alternative: a bijector may
    /// stand on them where they are not constants.
    fn ends(&self) -> (Option<usize>, Option<usize>) {
        (None, None)
    }

    /// The ends of the support that parameters are, as far as they are given.
    fn bounds(&self, params: &Params<NodeId>) -> (Option<NodeId>, Option<NodeId>) {
        let (lower, upper) = self.ends();
        let of = |slot: Option<usize>| slot.and_then(|k| params.given(k)).map(|g| g.value);
        (of(lower), of(upper))
    }

    /// Its location and scale, if it has both.
    fn location_scale(&self) -> Option<LocationScale> {
        None
    }

    /// Can `x` be observed? [`Support::contains`], less an end where the density is zero or infinite
    /// whatever the parameters (0 for a lognormal).
    fn observable(&self, support: Support, x: f64) -> bool {
        support.contains(x)
    }

    /// Can a whole value be observed: are its elements possible together? `x` has the elements of one
    /// value, matrices row by row, and a parameter its own, where it is data. A caller asks
    /// [`observable`](Distribution::observable) of each element first.
    fn observable_value(&self, params: &Params<Option<&[f64]>>, x: &[f64]) -> bool {
        let _ = (params, x);
        true
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

    /// The law that it adds a parameter to, if it is made of another: `hurdle`.
    fn modifies(&self) -> Option<&'static dyn Distribution> {
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

    /// Emits ln p(x), constants included: elementwise, or for each vector or matrix, without its own
    /// dimensions. It may lack dimensions along which it is the same (sum it with `Graph::sum`, which
    /// counts those).
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

    /// One draw of a law of numbers with scalar parameters.
    ///
    /// # Errors
    /// An improper law has no draws.
    fn sample(&self, params: &Params<f64>, uniforms: &mut Uniforms<'_>) -> Result<f64, DistributionError>;

    /// One draw of any law. A parameter is given as its elements along the law's own dimensions, or a
    /// lone one that is the same for all; `out` has the elements of one value, matrices row by row.
    ///
    /// # Errors
    /// As of [`sample`](Distribution::sample).
    fn sample_into(
        &self,
        params: &Params<&[f64]>,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), DistributionError> {
        out[0] = self.sample(&params.map(|p| p[0]), uniforms)?;
        Ok(())
    }

    /// The elements of `out` that are not `known`, drawn given those that are, of a law of vectors.
    ///
    /// # Errors
    /// A law that has no such draws.
    fn sample_given(
        &self,
        _: &Params<&[f64]>,
        _known: &[bool],
        _: &mut Uniforms<'_>,
        _out: &mut [f64],
    ) -> Result<(), DistributionError> {
        Err(DistributionError::NoConditional { distribution: self.name() })
    }

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
