//! What zero-inflated laws and hurdles share: the probability of the zeros they bring, which is one
//! parameter after those of the law they modify.

use numerics::special::sigmoid;

use crate::prelude::*;

/// The probability of the zeros.
pub const ZERO: Slot = Slot::named(&[
    Parameter::new("zero", Domain::Unit).finite_outside(),
    Parameter::new("zero_logit", Domain::Real),
]);

/// The slots of `base` and that of the zeros.
pub fn slots(base: &dyn Distribution) -> Vec<Slot> {
    base.slots().iter().copied().chain([ZERO]).collect()
}

/// Is `base` a law of counts from 0, whatever its parameters?
pub fn is_of_counts(base: &dyn Distribution) -> bool {
    let from_zero = matches!(base.widest_support(), Support::Integers { lower, .. } if lower == 0.0);
    from_zero && base.event() == Event::Scalar
}

/// (ln z, ln(1 - z)) of the probability z of a zero, and the base's own parameters.
pub fn log_weights(g: &mut Graph, params: &Params<NodeId>) -> (NodeId, NodeId, Params<NodeId>) {
    let (base, zero) = params.split_last();
    let zero = zero.expect("required");
    let (ln_zero, ln_rest) = if zero.alternative == 1 {
        let minus = g.neg(zero.value);
        let (up, down) = (g.softplus(zero.value), g.softplus(minus));
        (g.neg(down), g.neg(up))
    } else {
        let rest = emit::complement(g, zero.value);
        (emit::ln(g, zero.value), g.ln(rest))
    };
    (ln_zero, ln_rest, base)
}

/// z, and the base's own parameters.
pub fn probability(params: &Params<f64>) -> (f64, Params<f64>) {
    let (base, zero) = params.split_last();
    let zero = zero.expect("required");
    (if zero.alternative == 1 { sigmoid(zero.value) } else { zero.value }, base)
}

/// The base judges its own, then z is looked at.
pub fn check(
    name: &'static str,
    base: &dyn Distribution,
    constants: &Params<Option<f64>>,
) -> Result<(), DistributionError> {
    base.check(&constants.split_last().0)?;
    crate::distribution::check_domains(name, &slots(base), constants)
}
