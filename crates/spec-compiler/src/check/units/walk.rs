//! The unit of an expression, by the rules of [`units::check`].

use graph::ir::{Binary, Unary};
use units::check::{self, CheckError, Checked, State};

use crate::check::functions::ELEMENTWISE;
use crate::check::units::Checker;
use crate::errors;
use crate::source::Span;
use crate::typed::{Basis, Kind, Reducer, Typed};

/// What may be wrong with the one argument of a function.
type Rule = fn(&State) -> Checked;

impl Checker<'_> {
    /// The unit of `t`; what is wrong inside is told.
    pub(super) fn state(&mut self, t: &Typed) -> State {
        self.work += 1;
        if let Some(slot) = self.slot_of(t) {
            return self.unit_of(slot);
        }
        match &t.kind {
            Kind::Const(x) => State::Number(Some(*x)),
            Kind::Array { .. } | Kind::Identity { .. } | Kind::Factor(_) => State::Number(None),
            Kind::Stack { table, stack } => self.stack(*table, *stack),
            // Its unit, where the time is no column.
            Kind::Time => self.solve.as_ref().map_or(State::Unlabelled, |(_, time)| time.clone()),
            Kind::HasPast(_) => State::plain(),
            Kind::Level(_) => State::Unlabelled,
            Kind::Lag { base, .. }
            | Kind::Lookup { base, .. }
            | Kind::At { base, .. }
            | Kind::Element { base, .. }
            | Kind::Rename { base, .. }
            | Kind::Spread(base) => self.state(base),
            Kind::Apply1(op, x) => self.unary(t.span, *op, x),
            Kind::Apply2(Binary::Mul, x, factor) if matches!(factor.kind, Kind::Factor(_)) => {
                self.convert(t.span, x, factor)
            }
            Kind::Apply2(op, a, b) => self.binary(t.span, *op, a, b),
            Kind::Select(condition, a, b) => {
                self.state(condition);
                let found = self.meet(a, b, check::join);
                self.agreed(t.span, "are alternatives", (a, b), found)
            }
            Kind::Reduce { how, arg, .. } => match how {
                Reducer::LogSumExp => self.function(t.span, arg, check::transcendental),
                Reducer::Sum | Reducer::Mean | Reducer::Sd | Reducer::Max | Reducer::Min => {
                    check::kept(&self.state(arg))
                }
            },
            Kind::CumulativeSum { arg, .. } => check::kept(&self.state(arg)),
            Kind::Diagonal { matrix, .. } => self.state(matrix),
            Kind::Contract { left, right, .. } => {
                let (left, right) = (self.state(left), self.state(right));
                check::mul(&left, &right)
            }
            Kind::SolveTriangular { factor, right, .. } => {
                let (factor, right) = (self.state(factor), self.state(right));
                check::div(&right, &factor)
            }
            Kind::Cholesky { matrix, .. } => self.function(t.span, matrix, check::sqrt),
            Kind::Stacked { parts, .. } => {
                let mut parts = parts.iter();
                let Some(first) = parts.next() else { return State::Number(None) };
                parts.fold(self.state(first), |_, part| {
                    let found = self.meet(first, part, check::join);
                    self.agreed(t.span, "stand side by side", (first, part), found)
                })
            }
            Kind::Basis { basis, x, .. } => self.basis(t.span, basis, x),
            // The square root of a spectral density, which has the unit of the length: its product with
            // the sines, of one over that root, is plain.
            Kind::SpectralScale { frequency, length, .. } => {
                let (f, l) = (self.state(frequency), self.state(length));
                let turns = check::mul(&f, &l);
                if let (Err(_), State::Known(_), State::Known(length_unit)) = (check::plain(&turns), &f, &l) {
                    return self.wrong(t.span, |c| {
                        errors::plain_wanted("a length in those of the column", &c.side(length, length_unit))
                    });
                }
                check::sqrt(&l).unwrap_or(State::Unlabelled)
            }
            // Names, which have been looked up.
            Kind::Latent(_)
            | Kind::Let(_)
            | Kind::Column { .. }
            | Kind::State { .. }
            | Kind::Series(_)
            | Kind::Previous(_)
            | Kind::Current(_)
            | Kind::StepLet { .. }
            | Kind::Running(_)
            | Kind::RateLet(_) => State::Unlabelled,
        }
    }

    /// Of columns side by side: theirs, where they have one in common.
    pub(super) fn stack(&self, table: usize, stack: usize) -> State {
        let columns = &self.model.tables[table].stacks[stack].columns;
        let mut units = columns.iter().map(|&column| self.unit_of(super::Slot::Column { table, column }));
        let Some(State::Known(first)) = units.next() else { return State::Unlabelled };
        match units.all(|unit| unit.unit().is_some_and(|unit| unit.same_unit(&first))) {
            true => State::Known(first),
            false => State::Unlabelled,
        }
    }

    /// Two that must agree; what the one lacks follows from the other.
    fn meet(&mut self, a: &Typed, b: &Typed, rule: fn(&State, &State) -> Checked) -> (State, State, Checked) {
        let (left, right) = (self.state(a), self.state(b));
        match (&left, &right) {
            (State::Known(unit), State::Unlabelled) => self.follows(b, unit),
            (State::Unlabelled, State::Known(unit)) => self.follows(a, unit),
            _ => {}
        }
        let found = rule(&left, &right);
        (left, right, found)
    }

    fn binary(&mut self, span: Span, op: Binary, a: &Typed, b: &Typed) -> State {
        let (doing, rule): (_, fn(&State, &State) -> Checked) = match op {
            Binary::Add => ("are added", check::add),
            Binary::Sub => ("are subtracted", check::sub),
            Binary::Max | Binary::Min => ("are compared", check::join),
            Binary::Lt | Binary::Le | Binary::Eq | Binary::Log1pGap => ("are compared", check::compare),
            Binary::Mul | Binary::Div => {
                let (left, right) = (self.state(a), self.state(b));
                return if op == Binary::Mul { check::mul(&left, &right) } else { check::div(&left, &right) };
            }
            Binary::Pow => {
                let (base, exponent) = (self.state(a), self.state(b));
                return match check::pow(&base, &exponent) {
                    Ok(found) => found,
                    Err(error) => self.not_raised(span, (a, &base), (b, &exponent), &error),
                };
            }
        };
        let found = self.meet(a, b, rule);
        self.agreed(span, doing, (a, b), found)
    }

    fn agreed(
        &mut self,
        span: Span,
        doing: &str,
        (a, b): (&Typed, &Typed),
        (left, right, found): (State, State, Checked),
    ) -> State {
        let error = match found {
            Ok(found) => return found,
            Err(error) => error,
        };
        self.wrong(span, |c| match (error, left, right) {
            (CheckError::BareNumber { unit }, State::Known(_), _) => {
                errors::bare_number(b.span, &c.side(a, &unit))
            }
            (CheckError::BareNumber { unit }, ..) => errors::bare_number(a.span, &c.side(b, &unit)),
            (_, State::Known(left), State::Known(right)) => {
                let (left, right) = (c.side(a, &left), c.side(b, &right));
                match left.span <= right.span {
                    true => errors::units_disagree(doing, &left, &right),
                    false => errors::units_disagree(doing, &right, &left),
                }
            }
            (error, ..) => unreachable!("{error} is of two units"),
        })
    }

    fn not_raised(
        &mut self,
        span: Span,
        (a, base): (&Typed, &State),
        (b, exponent): (&Typed, &State),
        error: &CheckError,
    ) -> State {
        self.wrong(span, |c| match (error, base, exponent) {
            (CheckError::NotDimensionless { .. } | CheckError::NotPlain { .. }, _, State::Known(unit)) => {
                errors::plain_wanted("an exponent", &c.side(b, unit))
            }
            (error, State::Known(unit), _) => errors::power(span, &c.side(a, unit), error),
            (error, ..) => unreachable!("{error} is of a unit"),
        })
    }

    fn unary(&mut self, span: Span, op: Unary, x: &Typed) -> State {
        match op {
            Unary::Neg => check::neg(&self.state(x)),
            Unary::Abs | Unary::Floor => check::kept(&self.state(x)),
            Unary::Sign => check::sign(&self.state(x)),
            Unary::Recip => check::recip(&self.state(x)),
            Unary::Not => {
                self.state(x);
                State::plain()
            }
            Unary::Sqrt => self.function(span, x, check::sqrt),
            Unary::Square => self.function(span, x, check::square),
            Unary::Exp | Unary::Expm1 | Unary::Softplus => self.function(span, x, check::exponential),
            _ => self.function(span, x, check::transcendental),
        }
    }

    fn function(&mut self, span: Span, x: &Typed, rule: Rule) -> State {
        let found = self.state(x);
        match (rule(&found), found) {
            (Ok(found), _) => found,
            (Err(error @ (CheckError::Power(_) | CheckError::VaryingPower { .. })), State::Known(unit)) => {
                self.wrong(span, |c| errors::power(span, &c.side(x, &unit), &error))
            }
            (Err(_), State::Known(unit)) => self.wrong(span, |c| {
                let name = c.function_at(span);
                errors::plain_wanted(&name, &c.side(x, &unit))
            }),
            (Err(_), _) => State::Unlabelled,
        }
    }

    /// `` `log` ``, as written.
    fn function_at(&self, span: Span) -> String {
        let text = self.text(span);
        match text.split_once('(') {
            Some((name, _)) if ELEMENTWISE.iter().any(|f| f.0 == name) => format!("`{name}`"),
            Some((name, _)) if crate::check::functions::names().contains(&name) => format!("`{name}`"),
            _ => "this".into(),
        }
    }

    fn convert(&mut self, span: Span, x: &Typed, factor: &Typed) -> State {
        let Kind::Factor(i) = factor.kind else { return State::Unlabelled };
        let found = self.state(x);
        let to = &self.model.conversions[i].to;
        match (check::convert(&found, to), &found) {
            (Ok((state, by)), _) => {
                self.factors[i] = Some(by);
                state
            }
            (Err(CheckError::Conversion(error)), State::Known(unit)) => {
                self.wrong(span, |c| errors::conversion(factor.span, &c.side(x, unit), &error))
            }
            (Err(_), _) => {
                self.wrong(span, |c| errors::nothing_to_convert(x.span, &c.text(x.span), to));
                State::Known(to.clone())
            }
        }
    }

    fn basis(&mut self, span: Span, basis: &Basis, x: &Typed) -> State {
        match basis {
            Basis::Spline { .. } => {
                self.state(x);
                State::plain()
            }
            Basis::Frequency { .. } => check::recip(&self.state(x)),
            // Their squares integrate to one over the box.
            Basis::Hilbert { .. } => check::recip(&self.function(span, x, check::sqrt)),
        }
    }
}
