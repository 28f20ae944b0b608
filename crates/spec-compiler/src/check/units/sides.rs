//! Expressions as messages speak of them: names, what is written, units with where they come from.

use units::Unit;
use units::check::State;

use crate::check::units::{Checker, Known, Slot};
use crate::core::ItemKind;
use crate::errors::Side;
use crate::expr::Expr;
use crate::source::Span;
use crate::typed::{Kind, Typed};

/// Parts of an expression whose units a message tells.
const MAX_PARTS: usize = 4;

impl Checker<'_> {
    /// What an expression that is a name, looked up or not, is the name of.
    pub(super) fn slot_of(&self, t: &Typed) -> Option<Slot> {
        Some(match &t.kind {
            Kind::Latent(i) => Slot::Latent(*i),
            Kind::Let(i) => Slot::Let(*i),
            Kind::Column { table, column } => Slot::Column { table: *table, column: *column },
            Kind::State { solve, state } => Slot::State { solve: *solve, state: *state },
            Kind::Running(state) => Slot::State { solve: self.solve.as_ref()?.0, state: *state },
            Kind::RateLet(position) => Slot::RateLet { solve: self.solve.as_ref()?.0, position: *position },
            Kind::Time => return self.slot_of(&self.model.solves[self.solve.as_ref()?.0].at),
            Kind::Series(s) | Kind::Previous(s) | Kind::Current(s) => Slot::Series(*s),
            Kind::StepLet { block, position } => Slot::StepLet { block: *block, position: *position },
            Kind::Element { base, dim, at } => match base.kind {
                Kind::Stack { table, stack } => {
                    let stack = &self.model.tables[table].stacks[stack];
                    let column = *stack.columns.get(*at).filter(|_| stack.dim == *dim)?;
                    Slot::Column { table, column }
                }
                _ => return self.slot_of(base),
            },
            Kind::Lag { base, .. }
            | Kind::Lookup { base, .. }
            | Kind::At { base, .. }
            | Kind::Rename { base, .. }
            | Kind::Spread(base) => return self.slot_of(base),
            _ => return None,
        })
    }

    /// A let that runs along as the let itself.
    fn itself(&self, slot: Slot) -> Slot {
        let value = match slot {
            Slot::RateLet { solve, position } => &self.model.solves[solve].rate_lets[position],
            Slot::StepLet { block, position } => &self.model.recurrences[block].lets[position],
            _ => return slot,
        };
        self.let_at.get(&value.span).map_or(slot, |&i| Slot::Let(i))
    }

    pub(super) fn name(&self, slot: Slot) -> String {
        let m = self.model;
        match self.itself(slot) {
            Slot::Latent(i) => m.latents[i].name.clone(),
            Slot::Let(i) => m.lets[i].name.clone(),
            Slot::Column { table, column } => m.tables[table].data.columns[column].name.clone(),
            Slot::State { solve, state } => m.solves[solve].states[state].name.clone(),
            Slot::Series(s) => m.recurrences[s.block].states[s.state].name.clone(),
            Slot::RateLet { .. } | Slot::StepLet { .. } => "this".into(),
        }
    }

    /// Where the unit of `slot` comes from, with the words for there.
    pub(super) fn source(&self, slot: Slot) -> Option<(Span, String)> {
        let name = self.name(slot);
        if let Some(Known { unit, declared, at }) = self.known.get(&self.itself(slot)) {
            let is = if unit.is_one() { "is a plain number".into() } else { format!("is in {unit}") };
            let how = if *declared { "" } else { ", which follows from here" };
            return Some((*at, format!("`{name}` {is}{how}")));
        }
        let (State::Known(unit), Slot::Let(i)) = (self.unit_of(slot), self.itself(slot)) else { return None };
        let is = if unit.is_one() { "is a plain number".into() } else { format!("is in {unit}") };
        let mut parts = Vec::new();
        self.parts(&self.model.lets[i].value, &mut parts);
        let parts: Vec<String> = parts.iter().map(|(_, name, unit)| format!("`{name}` in {unit}")).collect();
        let from = if parts.is_empty() { String::new() } else { format!(", from {}", parts.join(", ")) };
        Some((self.model.lets[i].origin.span, format!("`{name}` {is}{from}")))
    }

    /// `t`, which is in `unit`, for a message.
    pub(super) fn side(&self, t: &Typed, unit: &Unit) -> Side {
        let slot = self.slot_of(t);
        let mut parts = Vec::new();
        if slot.is_none() {
            self.parts(t, &mut parts);
        }
        // Of one name alone it is told where its unit comes from.
        let only = if let [(slot, ..)] = parts[..] { Some(slot) } else { slot };
        let parts = parts.into_iter().map(|(_, name, unit)| (name, unit)).collect();
        Side {
            span: t.span,
            unit: unit.clone(),
            text: self.text(t.span),
            parts,
            source: only.and_then(|slot| self.source(slot)),
        }
    }

    /// The names in `t` with their units.
    fn parts(&self, t: &Typed, out: &mut Vec<(Slot, String, String)>) {
        if let Some(slot) = self.slot_of(t) {
            if let State::Known(unit) = self.unit_of(slot) {
                let part = (self.itself(slot), self.name(slot), unit.to_string());
                if out.len() < MAX_PARTS && !out.contains(&part) {
                    out.push(part);
                }
            }
            return;
        }
        if let Kind::Stack { table, stack } = t.kind
            && let State::Known(unit) = self.stack(table, stack)
        {
            let stack = &self.model.tables[table].stacks[stack];
            let slot = Slot::Column { table, column: stack.columns[0] };
            out.push((slot, stack.name.clone(), unit.to_string()));
        }
        t.parts().into_iter().for_each(|part| self.parts(part, out));
    }

    /// What is written at `span`.
    pub(super) fn text(&self, span: Span) -> String {
        let mut exprs: Vec<&Expr> = Vec::new();
        for item in &self.core.items {
            match &item.kind {
                ItemKind::Sample { law, .. } => exprs.push(law),
                ItemKind::Let { value, .. } | ItemKind::Factor { value, .. } => exprs.push(value),
                ItemKind::Observe { law, rows, .. } => exprs.extend([law].into_iter().chain(rows)),
                ItemKind::Solve(block) => {
                    exprs.push(&block.at);
                    exprs.extend(block.states.iter().flat_map(|s| [&s.initial, &s.rate]));
                }
                ItemKind::Recur(block) => {
                    exprs.extend(block.states.iter().flat_map(|s| [&s.initial, &s.next]))
                }
            }
        }
        while let Some(e) = exprs.pop() {
            if e.span == span {
                return e.to_string();
            }
            exprs.extend(e.children());
        }
        "x".into()
    }
}
