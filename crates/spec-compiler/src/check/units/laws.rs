//! Laws: which units their parameters have, given that of their variable.

use graph::ir::Unary;
use units::check::{CheckError, State, agree};
use units::laws::{LawUnits, ParameterUnit};

use crate::check::units::{Checker, Slot};
use crate::errors;
use crate::source::Span;
use crate::typed::{Call, Form, Kind, Law, Typed};

/// What stands left of the colon.
pub(super) struct Variable<'v> {
    name: &'v str,
    of: Of<'v>,
    /// Its values are positions in a dimension, or counts of its own.
    discrete: bool,
}

/// An argument of a law, with its rule; of a logarithm, what is under it.
struct Parameter<'t> {
    name: &'static str,
    /// For a message.
    what: String,
    rule: ParameterUnit,
    arg: &'t Typed,
    found: State,
}

enum Of<'v> {
    Slot(Slot),
    Value(&'v Typed),
}

impl<'v> Variable<'v> {
    pub(super) fn named(name: &'v str, slot: Slot, discrete: bool) -> Variable<'v> {
        Variable { name, of: Of::Slot(slot), discrete }
    }

    pub(super) fn observed(name: &'v str, value: &'v Typed) -> Variable<'v> {
        Variable { name, of: Of::Value(value), discrete: false }
    }
}

impl Checker<'_> {
    pub(super) fn law(&mut self, law: &Law, v: &Variable) {
        match &law.form {
            Form::Call(call) => self.call(law.span, call, v),
            Form::Truncated { base, bounds } => {
                self.law(base, v);
                for end in bounds.lower.iter().chain(&bounds.upper) {
                    self.in_unit_of(v, &format!("a bound of `{}`", law.name()), end);
                }
            }
            Form::Censored { base, left, right, interval } => {
                self.law(base, v);
                for condition in left.iter().chain(right) {
                    self.state(condition);
                }
                for end in interval.iter().flat_map(|ends| ends.iter()) {
                    self.in_unit_of(v, &format!("an end of `{}`", law.name()), end);
                }
            }
            Form::Ordered { base } => self.law(base, v),
            Form::Mixture { weights, components } => {
                weights.iter().for_each(|weight| self.weight(weight));
                components.iter().for_each(|component| self.law(component, v));
            }
            Form::MixtureOver { weights, component, .. } => {
                self.weight(weights);
                self.law(component, v);
            }
        }
    }

    fn weight(&mut self, weight: &Typed) {
        let found = self.state(weight);
        if let (Err(_), State::Known(unit)) = (units::check::plain(&found), &found) {
            self.wrong(weight.span, |c| errors::plain_wanted("a weight", &c.side(weight, unit)));
        }
    }

    /// A bound of the variable.
    fn in_unit_of(&mut self, v: &Variable, what: &str, t: &Typed) {
        let found = self.state(t);
        let State::Known(unit) = self.unit_of_variable(v) else { return };
        match found {
            State::Known(found) if agree(&unit, &found).is_err() => {
                self.wrong(t.span, |c| {
                    let variable = (v.name, c.place(v), &unit);
                    errors::parameter_unit(what, &c.side(t, &found), variable, &unit)
                });
            }
            State::Unlabelled => self.follows(t, &unit),
            _ => {}
        }
    }

    fn unit_of_variable(&mut self, v: &Variable) -> State {
        match v.of {
            Of::Slot(slot) => self.unit_of(slot),
            Of::Value(value) => self.quietly(value),
        }
    }

    /// The place that says the unit of the variable.
    fn place(&self, v: &Variable) -> Span {
        match v.of {
            Of::Slot(slot) => self.source(slot).map_or(Span::at(0), |(at, _)| at),
            Of::Value(value) => {
                let source = self.slot_of(value).and_then(|slot| self.source(slot));
                source.map_or(value.span, |(at, _)| at)
            }
        }
    }

    fn call(&mut self, span: Span, call: &Call, v: &Variable) {
        let law = call.distribution.name();
        // The variable, and all parameters but one, are those of the law that it modifies.
        let of = call.distribution.modifies().map_or(law, |base| base.name());
        let Some(units) = units::laws::of(of) else {
            call.args.iter().for_each(|arg| _ = self.state(arg));
            return;
        };
        let parameters = self.parameters(call, units);
        let mut variable = self.unit_of_variable(v);
        if let State::Unlabelled = variable
            && !v.discrete
        {
            let told = parameters.iter().map(|p| (units.infer([(p.rule, &p.found)]), p.arg.span));
            let told = { told }.find(|(unit, _)| unit.unit().is_some());
            let (unit, at) = told.unwrap_or((State::Unlabelled, span));
            variable = unit;
            if let State::Known(unit) = &variable {
                match v.of {
                    Of::Slot(slot) => self.found(slot, unit, at),
                    Of::Value(value) => self.follows(value, unit),
                }
            }
        }
        if let (Err(error), State::Known(_)) = (units.variable(&variable), &variable) {
            self.wrong(span, |c| errors::law_unit(span, law, (v.name, c.place(v)), &error));
            return;
        }
        for parameter in &parameters {
            self.parameter(units, parameter, v, &variable);
        }
    }

    fn parameters<'t>(&mut self, call: &'t Call, units: &LawUnits) -> Vec<Parameter<'t>> {
        let slots = call.distribution.slots();
        let parameter = |(k, given): (usize, distributions::Given<usize>)| {
            let name = slots[k].alternatives[given.alternative].name;
            let rows = [Some(units), units::laws::of(call.distribution.name())];
            let (units, rule) =
                rows.into_iter().flatten().find_map(|row| Some((row, row.parameter(name)?)))?;
            let arg = &call.args[given.value];
            // In `lognormal(log(level), s)` the level is in the unit of the variable.
            let (rule, arg, what) = match (rule, &arg.kind) {
                (ParameterUnit::LogOf, Kind::Apply1(Unary::Ln, number)) => {
                    (ParameterUnit::Same, &**number, "what has its logarithm in ")
                }
                _ => (rule, arg, ""),
            };
            let what = format!("{what}`{name}` of `{}`", units.name);
            Some(Parameter { name, what, rule, arg, found: self.state(arg) })
        };
        call.params.iter().filter_map(parameter).collect()
    }

    fn parameter(&mut self, law: &LawUnits, p: &Parameter, v: &Variable, variable: &State) {
        let plain = matches!(p.rule, ParameterUnit::Dimensionless | ParameterUnit::LogOf);
        match (law.check(p.rule, variable, &p.found), &p.found) {
            (Ok(()), State::Unlabelled) if !plain => {
                if let State::Known(unit) = variable
                    && let Ok(Some(wanted)) = p.rule.given(unit)
                {
                    self.follows(p.arg, &wanted);
                }
            }
            (Ok(()), _) => {}
            (Err(error), State::Known(unit)) => {
                self.wrong(p.arg.span, |c| {
                    let side = c.side(p.arg, unit);
                    match (p.rule, &error, variable) {
                        (ParameterUnit::LogOf, ..) => errors::log_wanted((p.name, law.name), &side),
                        (
                            _,
                            CheckError::Different { left: wanted, .. }
                            | CheckError::Scale { left: wanted, .. },
                            State::Known(of),
                        ) => errors::parameter_unit(&p.what, &side, (v.name, c.place(v), of), wanted),
                        _ => errors::plain_wanted(&p.what, &side),
                    }
                });
            }
            (Err(_), _) => {}
        }
    }
}
