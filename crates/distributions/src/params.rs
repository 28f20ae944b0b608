//! The parameters of a distribution: what it declares, and what a call gives.

use graph::ir::DimId;

use crate::distribution::Distribution;
use crate::domain::Domain;
use crate::error::DistributionError;

/// The dimensions of a parameter beyond those of the values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// None: one number a value, whatever the value is.
    Scalar,
    /// That of the law, along which it may also be the same: the mean of a vector.
    Elementwise,
    /// One of its own, which tells the law's: the probabilities of outcomes.
    Along,
    /// That of the law and its prime: a covariance.
    Square,
}

/// One way to give a parameter.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub domain: Domain,
    pub shape: Shape,
    /// The density's formula gives a number outside the domain too, where that of most has the
    /// logarithm of a negative one: it must be guarded ([`in_domain`](crate::in_domain)).
    pub finite_outside: bool,
}

impl Parameter {
    pub const fn new(name: &'static str, domain: Domain) -> Parameter {
        Parameter { name, domain, shape: Shape::Scalar, finite_outside: false }
    }

    pub const fn shaped(self, shape: Shape) -> Parameter {
        Parameter { shape, ..self }
    }

    pub const fn finite_outside(self) -> Parameter {
        Parameter { finite_outside: true, ..self }
    }
}

/// One thing a call must say, in one of several ways: `p`, or `logit=`. The first way may stand by
/// position, unless the slot is by name; the others are named.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slot {
    pub alternatives: &'static [Parameter],
    pub optional: bool,
    /// Never by position.
    pub by_name: bool,
}

impl Slot {
    pub const fn required(alternatives: &'static [Parameter]) -> Slot {
        Slot { alternatives, optional: false, by_name: false }
    }

    /// Needed, by name.
    pub const fn named(alternatives: &'static [Parameter]) -> Slot {
        Slot { alternatives, optional: false, by_name: true }
    }

    /// May be left out; by name only.
    pub const fn optional(alternatives: &'static [Parameter]) -> Slot {
        Slot { alternatives, optional: true, by_name: true }
    }
}

/// A value, and which of its slot's alternatives it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Given<T> {
    pub alternative: usize,
    pub value: T,
}

/// The arguments of one call, slot by slot: graph nodes where a density is emitted, numbers where a
/// draw is made, `Option<f64>` where the question is which of them are constant.
#[derive(Clone, PartialEq, Debug)]
pub struct Params<T> {
    slots: Vec<Option<Given<T>>>,
    event: Vec<DimId>,
}

impl<T: Copy> Params<T> {
    /// Sorts the arguments of a call into the slots of `distribution`.
    ///
    /// # Errors
    /// Too many arguments, an unknown name, a parameter given twice or in two ways, or none.
    pub fn bind(
        distribution: &dyn Distribution,
        positional: &[T],
        named: &[(&str, T)],
    ) -> Result<Params<T>, DistributionError> {
        let (slots, name) = (distribution.slots(), distribution.name());
        let by_position = slots.iter().filter(|s| !s.by_name).count();
        if positional.len() > by_position {
            let (expected, found) = (by_position, positional.len());
            return Err(DistributionError::TooManyArguments { distribution: name, expected, found });
        }
        let mut given = vec![None; slots.len()];
        let in_order = (0..slots.len()).filter(|&k| !slots[k].by_name);
        for (k, &value) in in_order.zip(positional) {
            given[k] = Some(Given { alternative: 0, value });
        }
        for &(word, value) in named {
            let find = |s: &Slot| s.alternatives.iter().position(|p| p.name == word);
            let found = slots.iter().enumerate().find_map(|(k, s)| Some((k, find(s)?)));
            let Some((k, alternative)) = found else {
                let known = slots.iter().flat_map(|s| s.alternatives).map(|p| p.name).collect();
                let parameter = word.to_string();
                return Err(DistributionError::UnknownParameter { distribution: name, parameter, known });
            };
            let names = slots[k].alternatives;
            if let Some(Given { alternative: other, .. }) = given[k] {
                let (first, second) = (names[other].name, names[alternative].name);
                return Err(if other == alternative {
                    DistributionError::GivenTwice { distribution: name, parameter: first }
                } else {
                    DistributionError::Conflict { distribution: name, first, second }
                });
            }
            given[k] = Some(Given { alternative, value });
        }
        if let Some(k) = (0..slots.len()).find(|&k| given[k].is_none() && !slots[k].optional) {
            let alternatives = slots[k].alternatives.iter().map(|p| p.name).collect();
            return Err(DistributionError::Missing { distribution: name, alternatives });
        }
        Ok(Params { slots: given, event: Vec::new() })
    }

    /// What slot `k` was given, if it is optional or has alternatives.
    pub fn given(&self, k: usize) -> Option<Given<T>> {
        self.slots[k]
    }

    /// The value of a required slot.
    pub fn at(&self, k: usize) -> T {
        self.slots[k].expect("binding fills required slots").value
    }

    /// Every value given: `(slot, what)`.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Given<T>)> + '_ {
        self.slots.iter().enumerate().filter_map(|(k, g)| Some((k, (*g)?)))
    }

    /// Gives a required slot, which has a value, another.
    pub fn set(&mut self, k: usize, value: T) {
        self.slots[k].as_mut().expect("binding fills required slots").value = value;
    }

    /// Overwrites every value given, in the order of [`iter`](Params::iter).
    pub fn refill(&mut self, mut value: impl FnMut() -> T) {
        self.slots.iter_mut().flatten().for_each(|given| given.value = value());
    }

    /// With one slot more: of a law that modifies another, after that one's own.
    pub fn and(mut self, given: Given<T>) -> Params<T> {
        self.slots.push(Some(given));
        self
    }

    /// All but the last slot, and what that was given: a law's own parameters, and its modifier's.
    pub(crate) fn split_last(&self) -> (Params<T>, Option<Given<T>>) {
        let (last, rest) = self.slots.split_last().expect("a modifier has a slot");
        (Params { slots: rest.to_vec(), event: self.event.clone() }, *last)
    }

    pub fn map<U>(&self, mut f: impl FnMut(T) -> U) -> Params<U> {
        let mut given = |g: Given<T>| Given { alternative: g.alternative, value: f(g.value) };
        Params { slots: self.slots.iter().map(|g| g.map(&mut given)).collect(), event: self.event.clone() }
    }

    /// The dimensions along which the law is one law: see [`Event`](crate::Event); of a vector its prime
    /// too, if matrices are among the parameters.
    pub fn event(&self) -> &[DimId] {
        &self.event
    }

    pub fn over(self, event: &[DimId]) -> Params<T> {
        Params { event: event.to_vec(), ..self }
    }
}

impl<T: Copy> Params<Option<T>> {
    /// All values, if all are known.
    pub fn all(&self) -> Option<Params<T>> {
        let known = self.iter().all(|(_, g)| g.value.is_some());
        known.then(|| self.map(|v| v.expect("just checked")))
    }
}
