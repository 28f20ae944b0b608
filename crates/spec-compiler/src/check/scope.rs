//! Who is called what: the names of a model, and two things under one name.

use crate::check::data::LoadedTable;
use crate::check::mistakes;
use crate::core::{Core, ItemKind, Solve};
use crate::diagnostic::Diagnostic;
use crate::expr::{Declaration, DimName, Expr};
use crate::source::Span;
use crate::typed::{self, DimRef, IndexDef, ModelDim};

/// A latent as written, and as checked.
pub struct LatentEntry<'a> {
    pub target: &'a Declaration,
    pub law: &'a Expr,
    pub dims: Option<Vec<DimRef>>,
    pub done: Option<typed::Latent>,
}

pub struct LetEntry<'a> {
    pub target: &'a Declaration,
    pub value: &'a Expr,
    pub done: Option<typed::LetDef>,
}

pub struct SolveEntry<'a> {
    pub block: &'a Solve,
    /// The dimension of the rows the solution is wanted at.
    pub rows: Option<DimRef>,
    pub done: Option<typed::SolveDef>,
}

/// Everything that has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symbol {
    Latent(usize),
    Let(usize),
    State { solve: usize, state: usize },
    Column { table: usize, column: usize },
    Stack { table: usize, stack: usize },
}

pub struct Scope<'a> {
    pub tables: Vec<LoadedTable>,
    pub dims: Vec<ModelDim>,
    pub indices: Vec<IndexDef>,
    pub latents: Vec<LatentEntry<'a>>,
    pub lets: Vec<LetEntry<'a>>,
    pub solves: Vec<SolveEntry<'a>>,
    pub mistakes: Vec<Diagnostic>,
}

impl<'a> Scope<'a> {
    pub fn new(core: &'a Core, tables: Vec<LoadedTable>, dims: Vec<ModelDim>) -> Scope<'a> {
        let mut scope = Scope {
            tables,
            dims,
            indices: Vec::new(),
            latents: Vec::new(),
            lets: Vec::new(),
            solves: Vec::new(),
            mistakes: Vec::new(),
        };
        for item in &core.items {
            match &item.kind {
                ItemKind::Sample { target, law } => {
                    scope.latents.push(LatentEntry { target, law, dims: None, done: None })
                }
                ItemKind::Let { target, value } => scope.lets.push(LetEntry { target, value, done: None }),
                ItemKind::Solve(block) => scope.solves.push(SolveEntry { block, rows: None, done: None }),
                ItemKind::Observe { .. } => {}
            }
        }
        scope.refuse_doubles();
        for i in 0..scope.latents.len() {
            scope.latents[i].dims = scope.declared_dims(scope.latents[i].target);
        }
        for i in 0..scope.solves.len() {
            scope.solves[i].rows = scope.rows_of_solve(scope.solves[i].block);
        }
        scope
    }

    /// Names that the file defines, with their places.
    fn defined(&self) -> Vec<(&'a str, Span)> {
        let mut out: Vec<(&'a str, Span)> = Vec::new();
        out.extend(self.latents.iter().map(|l| (l.target.name.name.as_str(), l.target.name.span)));
        out.extend(self.lets.iter().map(|l| (l.target.name.name.as_str(), l.target.name.span)));
        for s in &self.solves {
            out.extend(s.block.states.iter().map(|s| (s.target.name.name.as_str(), s.target.name.span)));
        }
        out
    }

    fn refuse_doubles(&mut self) {
        let mut seen: std::collections::HashMap<&str, Span> = std::collections::HashMap::new();
        let mut found = Vec::new();
        for (name, span) in self.defined() {
            if let Some(&first) = seen.get(name) {
                found.push(mistakes::name_twice(span, name, first));
                continue;
            }
            seen.insert(name, span);
            for t in &self.tables {
                if t.column(name).is_some() || t.stacks.iter().any(|s| s.name == name) {
                    found.push(mistakes::name_is_column(span, name, &t.name, t.span));
                }
            }
        }
        for t in &self.tables {
            for s in &t.stacks {
                if t.column(&s.name).is_some() {
                    found.push(mistakes::name_is_column(s.span, &s.name, &t.name, t.span));
                }
            }
        }
        self.mistakes.extend(found);
    }

    pub fn find_dim(&self, name: &str) -> Option<DimRef> {
        self.dims.iter().position(|d| d.name == name).map(DimRef)
    }

    /// The dimension of that name, with its primes; levels of a column are collected when first
    /// asked for.
    pub fn dim(&mut self, name: &DimName) -> Option<DimRef> {
        let base = match self.find_dim(&name.name) {
            Some(d) => d,
            None => match self.level_dim(&name.name) {
                Some(d) => d,
                None => {
                    let mut known: Vec<String> = self.dims.iter().map(|d| d.name.clone()).collect();
                    for t in &self.tables {
                        known.extend(
                            t.data
                                .columns
                                .iter()
                                .filter(|c| c.cells.kind() == "text")
                                .map(|c| c.name.clone()),
                        );
                    }
                    self.mistakes.push(mistakes::unknown_dim(name.span, &name.name, &known));
                    return None;
                }
            },
        };
        Some((0..name.primes).fold(base, |d, _| self.prime(d)))
    }

    /// The primed copy of a dimension.
    pub fn prime(&mut self, d: DimRef) -> DimRef {
        let name = format!("{}'", self.dims[d.0].name);
        self.find_dim(&name).unwrap_or_else(|| {
            let dim = self.dims[d.0].clone();
            self.dims.push(ModelDim { name, rows_of: None, ..dim });
            DimRef(self.dims.len() - 1)
        })
    }

    /// The dimensions on the left of a colon, in the order written.
    pub fn declared_dims(&mut self, target: &Declaration) -> Option<Vec<DimRef>> {
        let found: Vec<Option<DimRef>> = target.dims.iter().map(|d| self.dim(d)).collect();
        found.into_iter().collect()
    }

    fn rows_of_solve(&mut self, block: &Solve) -> Option<DimRef> {
        if let Some(rows) = &block.rows {
            return self.dim(&DimName { name: rows.name.clone(), primes: 0, span: rows.span });
        }
        if let Some(name) = block.at.as_name() {
            let tables: Vec<usize> =
                (0..self.tables.len()).filter(|&t| self.tables[t].column(name).is_some()).collect();
            if let [t] = tables[..] {
                return Some(self.tables[t].rows);
            }
        }
        match &self.tables[..] {
            [only] => Some(only.rows),
            _ => {
                self.mistakes.push(mistakes::solve_rows(block.at.span, &block.name.name));
                None
            }
        }
    }

    /// The table whose rows are among `dims`.
    pub fn table_of(&self, dims: &[DimRef]) -> Option<usize> {
        let found = (0..self.tables.len()).find(|&t| dims.contains(&self.tables[t].rows));
        found.or(if self.tables.len() == 1 { Some(0) } else { None })
    }

    /// What a bare name means outside a rate; columns in several tables are all returned.
    pub fn lookup(&self, name: &str) -> Vec<Symbol> {
        if let Some(i) = self.latents.iter().position(|l| l.target.name.name == name) {
            return vec![Symbol::Latent(i)];
        }
        if let Some(i) = self.lets.iter().position(|l| l.target.name.name == name) {
            return vec![Symbol::Let(i)];
        }
        for (solve, s) in self.solves.iter().enumerate() {
            if let Some(state) = s.block.states.iter().position(|s| s.target.name.name == name) {
                return vec![Symbol::State { solve, state }];
            }
        }
        let mut out = Vec::new();
        for (table, t) in self.tables.iter().enumerate() {
            if let Some(column) = t.column(name) {
                out.push(Symbol::Column { table, column });
            }
            if let Some(stack) = t.stacks.iter().position(|s| s.name == name) {
                out.push(Symbol::Stack { table, stack });
            }
        }
        out
    }

    /// Every name an expression may use, for "did you mean".
    pub fn all_names(&self) -> Vec<String> {
        let mut out: Vec<String> = self.defined().into_iter().map(|(n, _)| n.to_string()).collect();
        for t in &self.tables {
            out.extend(t.data.columns.iter().map(|c| c.name.clone()));
            out.extend(t.stacks.iter().map(|s| s.name.clone()));
        }
        out
    }

    pub fn reportable(&self) -> Vec<String> {
        let latents = self.latents.iter().map(|l| l.target.name.name.clone());
        latents.chain(self.lets.iter().map(|l| l.target.name.name.clone())).collect()
    }

    pub fn is_reportable(&self, name: &str) -> bool {
        self.reportable().iter().any(|n| n == name)
    }
}
