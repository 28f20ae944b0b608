//! What follows for an expression of unknown unit from the unit that it must have.

use graph::ir::{Binary, Unary};
use units::Unit;
use units::check::{self, State};

use crate::check::units::{Checker, MAX_WORK, Slot};
use crate::typed::{Kind, Reducer, Typed};

impl Checker<'_> {
    /// The unit of `t`, without telling or learning anything.
    pub(super) fn quietly(&mut self, t: &Typed) -> State {
        let before = std::mem::replace(&mut self.silent, true);
        let found = self.state(t);
        self.silent = before;
        found
    }

    /// `t` is in `unit`, if its own is unknown: then so are the names in it, as far as that says.
    ///
    /// Of a product the one factor follows if the others are known.
    pub(super) fn follows(&mut self, t: &Typed, unit: &Unit) {
        // That something is used as a plain number says little: an unlabelled `x` in `1 + x`.
        if self.silent
            || unit.is_one()
            || self.work > MAX_WORK
            || !matches!(self.quietly(t), State::Unlabelled)
        {
            return;
        }
        match (self.slot_of(t), &t.kind) {
            (Some(slot @ (Slot::Let(_) | Slot::RateLet { .. } | Slot::StepLet { .. })), _) => {
                self.wanted.entry(slot).or_insert_with(|| unit.clone());
            }
            (Some(slot), _) => self.found(slot, unit, t.span),
            (None, Kind::Stack { table, stack }) => {
                for &column in &self.model.tables[*table].stacks[*stack].columns {
                    self.found(Slot::Column { table: *table, column }, unit, t.span);
                }
            }
            (None, Kind::Apply2(op, a, b)) => self.of_operands(*op, (a, b), unit),
            (None, Kind::Contract { left, right, .. }) => {
                self.of_operands(Binary::Mul, (left, right), unit);
            }
            (None, Kind::Select(_, a, b)) => {
                self.follows(a, unit);
                self.follows(b, unit);
            }
            (None, Kind::Stacked { parts, .. }) => parts.iter().for_each(|part| self.follows(part, unit)),
            (
                None,
                Kind::Apply1(Unary::Neg | Unary::Abs | Unary::Floor, x)
                | Kind::Reduce {
                    how: Reducer::Sum | Reducer::Mean | Reducer::Sd | Reducer::Max | Reducer::Min,
                    arg: x,
                    ..
                }
                | Kind::CumulativeSum { arg: x, .. }
                | Kind::Diagonal { matrix: x, .. }
                | Kind::Spread(x)
                | Kind::Lag { base: x, .. }
                | Kind::Lookup { base: x, .. }
                | Kind::At { base: x, .. }
                | Kind::Element { base: x, .. }
                | Kind::Rename { base: x, .. },
            ) => self.follows(x, unit),
            (None, Kind::Apply1(Unary::Recip, x)) => self.follows(x, &unit.recip()),
            (None, Kind::Apply1(Unary::Sqrt, x) | Kind::Cholesky { matrix: x, .. }) => {
                self.power_follows(x, unit, 2.0);
            }
            (None, Kind::Apply1(Unary::Square, x)) => self.power_follows(x, unit, 0.5),
            _ => {}
        }
    }

    fn of_operands(&mut self, op: Binary, (a, b): (&Typed, &Typed), unit: &Unit) {
        let whole = State::Known(unit.clone());
        if let Binary::Add | Binary::Sub | Binary::Max | Binary::Min = op {
            self.follows(a, unit);
            self.follows(b, unit);
            return;
        }
        let (left, right) = (self.quietly(a), self.quietly(b));
        let unknown = |s: &State| matches!(s, State::Unlabelled);
        match op {
            // What is converted may have been in any unit.
            Binary::Mul if matches!(b.kind, Kind::Factor(_)) => {}
            Binary::Mul if unknown(&left) => self.state_follows(a, &check::div(&whole, &right)),
            Binary::Mul => self.state_follows(b, &check::div(&whole, &left)),
            Binary::Div if unknown(&left) => self.state_follows(a, &check::mul(&whole, &right)),
            Binary::Div => self.state_follows(b, &check::div(&left, &whole)),
            Binary::Pow => {
                if let State::Number(Some(power)) = right {
                    self.power_follows(a, unit, power.recip());
                }
            }
            _ => {}
        }
    }

    fn power_follows(&mut self, t: &Typed, unit: &Unit, power: f64) {
        if let Ok(found) = check::pow(&State::Known(unit.clone()), &State::Number(Some(power))) {
            self.state_follows(t, &found);
        }
    }

    fn state_follows(&mut self, t: &Typed, found: &State) {
        if let State::Known(unit) = found {
            self.follows(t, unit);
        }
    }
}
