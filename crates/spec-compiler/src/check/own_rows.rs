//! Reductions that sum away the rows of the left side: a density all the same, but seldom meant.

use std::collections::HashSet;

use super::expr;
use super::scope::Scope;
use crate::errors;
use crate::typed::{DimRef, Kind, Typed};

/// Warns of reductions without `over=` in `values`, or in lets that they use, that go along the rows of what
/// they are for, `name` over `dims`: every row gets the same number. Of data alone that is as it should be:
/// `x - mean(x)`.
pub fn warn_of_rows_summed_away(scope: &mut Scope, values: &[&Typed], dims: &[DimRef], name: &str) {
    let rows: Vec<DimRef> = dims.iter().copied().filter(|d| scope.has_rows(*d)).collect();
    if rows.is_empty() {
        return;
    }
    let mut found = Vec::new();
    let mut looked_at = std::mem::take(&mut scope.lets_looked_at);
    let mut step_lets = HashSet::new();
    let mut todo: Vec<&Typed> = values.to_vec();
    while let Some(t) = todo.pop() {
        match &t.kind {
            Kind::Let(i) if looked_at.insert((*i, rows.clone())) => {
                todo.extend(scope.lets[*i].done.iter().filter(|l| !l.data_only).map(|l| &l.value));
            }
            Kind::StepLet { block, position } if step_lets.insert((*block, *position)) => {
                todo.push(&scope.recurrences[*block].lets[*position].value)
            }
            Kind::Reduce { how, over, bare: true, arg } if !expr::is_data(scope, arg) => {
                if let Some(row) = rows.iter().find(|d| over.contains(d)) {
                    let others: Vec<String> =
                        over.iter().filter(|d| *d != row).map(|d| scope.dims[*d].name.clone()).collect();
                    let row = scope.dims[*row].name.clone();
                    found.push(errors::rows_summed_away(t.span, how.word(), name, &row, &others));
                }
            }
            _ => {}
        }
        todo.extend(t.parts());
    }
    scope.lets_looked_at = looked_at;
    scope.warnings.extend(found);
}
