//! Laws: calls of distributions, and what modifies them.

use std::fmt;

use distributions::{Distribution, DistributionError, Params};
use model::Support;

use super::{DimRef, Typed};
use crate::source::Span;

/// What stands right of the colon of a random variable: a call of a distribution, and what modifies it.
#[derive(Clone, Debug)]
pub struct Law {
    pub form: Form,
    /// The widest there may be, where it depends on parameters that vary.
    pub support: Support,
    /// Why the support is not the same for all elements, if it is not.
    pub varies: Option<DistributionError>,
    /// The dimensions of one value: none for a number.
    pub event: Vec<DimRef>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Form {
    Call(Call),
    /// `truncated(d, lower=, upper=)`
    Truncated {
        base: Box<Law>,
        bounds: Bounds,
    },
    /// `censored(d, left=, right=, interval=[lo, hi])`: conditions, and the ends of a row's interval.
    Censored {
        base: Box<Law>,
        left: Option<Typed>,
        right: Option<Typed>,
        interval: Option<Box<[Typed; 2]>>,
    },
    /// `ordered(d)`: ascending along the law's dimension.
    Ordered {
        base: Box<Law>,
    },
    /// `mixture(weights, d1, d2, ...)`
    Mixture {
        weights: Vec<Typed>,
        components: Vec<Law>,
    },
    /// `mixture(weights, d, over=k)`
    MixtureOver {
        weights: Box<Typed>,
        component: Box<Law>,
        over: DimRef,
    },
}

/// `lower=` and `upper=`, where they are given.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    pub lower: Option<Typed>,
    pub upper: Option<Typed>,
    /// Both as numbers, infinite where there is none, if they are constants.
    pub constant: Option<(f64, f64)>,
}

/// A call of a distribution, its arguments by parameter.
#[derive(Clone)]
pub struct Call {
    pub distribution: &'static dyn Distribution,
    pub args: Vec<Typed>,
    /// Which argument is which parameter.
    pub params: Params<usize>,
    /// The dimensions of the law beyond those of its values: see [`distributions::Event`].
    pub event: Vec<DimRef>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.distribution.name())
    }
}

impl Law {
    /// What messages call it.
    pub fn name(&self) -> &'static str {
        match &self.form {
            Form::Call(call) => call.distribution.name(),
            Form::Truncated { .. } => "truncated",
            Form::Censored { .. } => "censored",
            Form::Ordered { .. } => "ordered",
            Form::Mixture { .. } | Form::MixtureOver { .. } => "mixture",
        }
    }

    /// The laws that it modifies.
    pub fn parts(&self) -> &[Law] {
        match &self.form {
            Form::Call(_) => &[],
            Form::Truncated { base, .. }
            | Form::Censored { base, .. }
            | Form::Ordered { base }
            | Form::MixtureOver { component: base, .. } => std::slice::from_ref(base),
            Form::Mixture { components, .. } => components,
        }
    }

    /// Its own arguments and those of its parts, each with the dimensions that it may have beyond the
    /// left side's.
    pub fn args(&self) -> Vec<(&Typed, Vec<DimRef>)> {
        let mut out = Vec::new();
        self.collect(&[], &mut out);
        out
    }

    fn collect<'l>(&'l self, beyond: &[DimRef], out: &mut Vec<(&'l Typed, Vec<DimRef>)>) {
        let mut own: Vec<&Typed> = Vec::new();
        let mut beyond = beyond.to_vec();
        match &self.form {
            Form::Call(call) => {
                beyond.extend(&call.event);
                own.extend(&call.args);
            }
            Form::Truncated { bounds, .. } => own.extend(bounds.lower.iter().chain(&bounds.upper)),
            Form::Censored { left, right, interval, .. } => {
                own.extend(left.iter().chain(right).chain(interval.iter().flat_map(|i| i.iter())));
            }
            Form::Ordered { .. } => {}
            Form::Mixture { weights, .. } => own.extend(weights),
            Form::MixtureOver { weights, over, .. } => {
                beyond.push(*over);
                own.push(weights);
            }
        }
        out.extend(own.into_iter().map(|t| (t, beyond.clone())));
        self.parts().iter().for_each(|part| part.collect(&beyond, out));
    }

    /// The calls of distributions in it.
    pub fn calls(&self) -> Vec<&Call> {
        match &self.form {
            Form::Call(call) => vec![call],
            _ => self.parts().iter().flat_map(Law::calls).collect(),
        }
    }

    /// Has a value a probability of its own, beside a density?
    pub fn has_atom(&self) -> bool {
        self.calls().iter().any(|call| call.distribution.atom().is_some())
    }

    /// The call that it is a call of, if it is one, modified or not.
    pub fn only_call(&self) -> Option<&Call> {
        match self.calls()[..] {
            [call] => Some(call),
            _ => None,
        }
    }
}
