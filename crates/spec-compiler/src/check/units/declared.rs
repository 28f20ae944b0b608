//! Units that the spec declares.

use units::check::agree;

use crate::check::units::{Checker, Known, Slot};
use crate::core::ItemKind;
use crate::errors;
use crate::source::Span;
use crate::typed::SeriesRef;

impl Checker<'_> {
    /// Notes every declared unit.
    pub(super) fn declare(&mut self) {
        let core = self.core;
        let (mut latents, mut lets, mut solves, mut recurrences) = (0, 0, 0, 0);
        let next = |n: &mut usize| std::mem::replace(n, *n + 1);
        for item in &core.items {
            match &item.kind {
                ItemKind::Sample { unit, .. } => {
                    let slot = Slot::Latent(next(&mut latents));
                    unit.iter().for_each(|unit| self.note(slot, &unit.value, unit.span));
                }
                ItemKind::Let { unit, .. } => {
                    let slot = Slot::Let(next(&mut lets));
                    unit.iter().for_each(|unit| self.note(slot, &unit.value, unit.span));
                }
                ItemKind::Solve(block) => {
                    let solve = next(&mut solves);
                    for (state, s) in block.states.iter().enumerate() {
                        let slot = Slot::State { solve, state };
                        s.unit.iter().for_each(|unit| self.note(slot, &unit.value, unit.span));
                    }
                }
                ItemKind::Recur(r) => {
                    let block = next(&mut recurrences);
                    for (state, s) in r.states.iter().enumerate() {
                        let slot = Slot::Series(SeriesRef { block, state });
                        s.unit.iter().for_each(|unit| self.note(slot, &unit.value, unit.span));
                    }
                }
                ItemKind::Observe { .. } | ItemKind::Factor { .. } => {}
            }
        }
        (0..core.tables.len()).for_each(|table| self.declare_columns(table));
    }

    fn note(&mut self, slot: Slot, unit: &units::Unit, at: Span) {
        self.known.insert(slot, Known { unit: unit.clone(), declared: true, at });
    }

    /// `units: {time: min, x: mM}`, where `x` is a column or a stack.
    fn declare_columns(&mut self, table: usize) {
        let (core, model) = (self.core, self.model);
        let (ast, loaded) = (&core.tables[table], &model.tables[table]);
        let stack_of = |name: &str| loaded.stacks.iter().find(|s| s.name == name);
        // Columns first: what a stack says of them must agree.
        for (name, unit) in &ast.units {
            match loaded.column(&name.name) {
                Some(column) => self.note(Slot::Column { table, column }, &unit.value, unit.span),
                None if stack_of(&name.name).is_some() => {}
                None => {
                    let columns = loaded.data.columns.iter().map(|c| c.name.clone());
                    let mut known: Vec<String> =
                        columns.chain(loaded.stacks.iter().map(|s| s.name.clone())).collect();
                    known.sort();
                    self.mistakes.push(errors::no_column(name.span, &name.name, &loaded.name, &known));
                }
            }
        }
        for (name, unit) in &ast.units {
            let Some(stack) = stack_of(&name.name) else { continue };
            for &column in &stack.columns {
                let slot = Slot::Column { table, column };
                match self.known.get(&slot) {
                    Some(own) if agree(&own.unit, &unit.value).is_err() => {
                        let column = &loaded.data.columns[column].name;
                        let (own, of) = ((own.at, &own.unit), (unit.span, &unit.value));
                        self.mistakes.push(errors::stack_unit(column, own, &stack.name, of));
                    }
                    Some(_) => {}
                    None => self.note(slot, &unit.value, unit.span),
                }
            }
        }
    }
}
