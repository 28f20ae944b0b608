//! The small core every domain expands into: sample, let, solve, recur, observe. After elaboration no
//! phase knows which section a line came from, but each item keeps its origin.

use std::fmt;

use units::{Unit, Vocabulary};

use crate::ast::{self, Spanned};
use crate::expr::{Declaration, Expr, Ident};
use crate::source::Span;

/// A model in core form. Items keep the order of the file; their dependencies are found later.
#[derive(Clone, Debug)]
pub struct Core {
    pub model: Ident,
    /// The names that units may have.
    pub units: Vocabulary,
    pub tables: Vec<ast::Table>,
    pub dims: Vec<ast::Dim>,
    pub items: Vec<Item>,
    pub inference: ast::Inference,
    pub output: ast::Output,
}

/// One statement and why it is there.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: ItemKind,
    pub origin: Origin,
}

/// The user's line behind a piece of core, and what made it of that line.
#[derive(Clone, Debug)]
pub struct Origin {
    pub span: Span,
    /// `prior of mu`, `likelihood of y`, `ode reaction`.
    pub why: String,
}

#[derive(Clone, Debug)]
pub enum ItemKind {
    /// A continuous random variable with its law.
    Sample { target: Declaration, law: Expr, unit: Option<Spanned<Unit>> },
    /// A named expression.
    Let { target: Declaration, value: Expr, unit: Option<Spanned<Unit>> },
    /// An initial value problem whose solution is wanted at the rows of a table.
    Solve(Solve),
    /// Values from row to row of a table.
    Recur(Recur),
    /// Data with their law.
    Observe { target: Declaration, law: Expr, rows: Option<Expr> },
    /// A term of the log density.
    Factor { name: Ident, value: Expr },
}

/// `states' = rates`, from `initial` at `start` to the times `at`.
#[derive(Clone, Debug)]
pub struct Solve {
    pub name: Ident,
    pub at: Expr,
    pub start: Option<Expr>,
    pub rows: Option<Ident>,
    pub states: Vec<ast::State>,
    pub solver: ast::Solver,
}

/// States along the rows `over`, which begin anew for each value of the column `by`.
#[derive(Clone, Debug)]
pub struct Recur {
    pub name: Ident,
    pub over: Ident,
    pub by: Option<Ident>,
    pub states: Vec<ast::SeriesState>,
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "core {}", self.model.name)?;
        for item in &self.items {
            match &item.kind {
                ItemKind::Sample { target, law, .. } => writeln!(f, "  sample  {target} ~ {law}")?,
                ItemKind::Factor { name, value } => writeln!(f, "  factor  {} = {value}", name.name)?,
                ItemKind::Let { target, value, .. } => writeln!(f, "  let     {target} = {value}")?,
                ItemKind::Observe { target, law, rows } => {
                    write!(f, "  observe {target} ~ {law}")?;
                    match rows {
                        Some(rows) => writeln!(f, " where {rows}")?,
                        None => writeln!(f)?,
                    }
                }
                ItemKind::Recur(r) => {
                    let by = r.by.as_ref().map_or(String::new(), |by| format!(" by {}", by.name));
                    writeln!(f, "  recur   {} over {}{by}", r.name.name, r.over.name)?;
                    for state in &r.states {
                        writeln!(f, "    {} first {}, then {}", state.target, state.initial, state.next)?;
                    }
                }
                ItemKind::Solve(s) => {
                    writeln!(f, "  solve   {} at {}", s.name.name, s.at)?;
                    for state in &s.states {
                        writeln!(f, "    {}' = {}, initially {}", state.target, state.rate, state.initial)?;
                    }
                }
            }
        }
        Ok(())
    }
}
