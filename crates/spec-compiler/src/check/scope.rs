//! Who is called what: the names of a model, and two things under one name.

use crate::check::lags;
use std::collections::{BTreeMap, HashSet};

use crate::ast::Missing;
use crate::check::MAX_MISTAKES;
use crate::check::data::LoadedTable;
use crate::check::dims::Dims;
use crate::check::expr::Dropped;
use crate::check::laws;
use crate::core::{Core, ItemKind, Origin, Recur, Solve};
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::expr::{CONSTANT, Declaration, DimName, Expr};
use crate::source::Span;
use crate::typed::{self, Conversion, DimRef, Discrete, IndexDef, LagDef, Met, SeriesRef, Typed, Variable};

/// Elements of one array, rows left aside: a draw holds as many numbers at once.
pub const MAX_BY_ROW: u64 = 10_000_000;
/// Elements of one array, rows included.
const MAX_ELEMENTS: u64 = 250_000_000;

/// A latent as written, and as checked.
pub struct LatentEntry<'a> {
    pub target: &'a Declaration,
    pub law: &'a Expr,
    pub origin: &'a Origin,
    pub dims: Option<Vec<DimRef>>,
    pub done: Option<typed::Latent>,
}

pub struct LetEntry<'a> {
    pub target: &'a Declaration,
    pub value: &'a Expr,
    pub origin: &'a Origin,
    /// Its value where it is one number.
    pub constant: Option<f64>,
    /// The columns whose nulls leave it without a value in their rows.
    pub dropped: Dropped,
    pub done: Option<typed::LetDef>,
}

pub struct SolveEntry<'a> {
    pub block: &'a Solve,
    pub origin: &'a Origin,
    /// The dimension of the rows the solution is wanted at.
    pub rows: Option<DimRef>,
    /// The lets that run with its rates, each after those it mentions; found by `order`.
    pub running: Vec<usize>,
    pub done: Option<typed::SolveDef>,
}

/// A let over states at the row before.
pub struct StepLet {
    pub value: Typed,
    pub met: Met,
    pub dropped: Dropped,
}

pub struct RecurrenceEntry<'a> {
    pub block: &'a Recur,
    pub origin: &'a Origin,
    /// The rows it runs along, and their table.
    pub rows: Option<(DimRef, usize)>,
    /// By state: its dimensions without the rows, as written.
    pub own: Vec<Option<Vec<DimRef>>>,
    /// By state, where its values are finitely many: they, the second dimension of them for the row
    /// before, and the dimension whose elements they are.
    pub discrete: Vec<Option<(Discrete, DimRef, Option<DimRef>)>>,
    /// The lets over its states that run with it, each after those it mentions; found by `order`.
    pub running: Vec<usize>,
    /// They, checked.
    pub lets: Vec<StepLet>,
    pub done: Option<typed::RecurrenceDef>,
}

/// Everything that has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symbol {
    Latent(usize),
    Let(usize),
    State { solve: usize, state: usize },
    Series(SeriesRef),
    Column { table: usize, column: usize },
    Stack { table: usize, stack: usize },
}

pub struct Scope<'a> {
    pub tables: Vec<LoadedTable>,
    pub dims: Dims,
    pub indices: Vec<IndexDef>,
    pub latents: Vec<LatentEntry<'a>>,
    pub lets: Vec<LetEntry<'a>>,
    pub solves: Vec<SolveEntry<'a>>,
    pub recurrences: Vec<RecurrenceEntry<'a>>,
    pub lags: Vec<LagDef>,
    pub conversions: Vec<Conversion>,
    /// The names that units may have.
    pub units: &'a units::Vocabulary,
    pub mistakes: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
    /// Lets that were searched for reductions along these rows.
    pub lets_looked_at: HashSet<(usize, Vec<DimRef>)>,
    /// What a bare name means outside a rate; columns of several tables are all there.
    names: BTreeMap<String, Vec<Symbol>>,
    /// Some column has nulls that are to be dropped.
    pub has_dropped: bool,
    /// Some latent is discrete.
    pub has_discrete: bool,
    /// Columns found to be numbers.
    pub numeric: HashSet<(usize, usize)>,
    /// Elements of latents, and of lets to report, so far.
    pub coordinates: u64,
    pub reported: u64,
    /// Levels of an earlier fit, which come first.
    pub earlier: super::Levels,
    /// The data are new: what is observed of them may be missing.
    pub is_prediction: bool,
}

impl<'a> Scope<'a> {
    pub fn new(core: &'a Core, tables: Vec<LoadedTable>, dims: Dims, earlier: super::Levels) -> Scope<'a> {
        let has_dropped = tables.iter().any(|t| {
            t.missing.iter().any(|&(c, how)| how == Missing::Drop && !t.data.columns[c].nulls.is_empty())
        });
        let mut scope = Scope {
            tables,
            dims,
            indices: Vec::new(),
            latents: Vec::new(),
            lets: Vec::new(),
            solves: Vec::new(),
            recurrences: Vec::new(),
            lags: Vec::new(),
            conversions: Vec::new(),
            units: &core.units,
            mistakes: Vec::new(),
            warnings: Vec::new(),
            lets_looked_at: HashSet::new(),
            names: BTreeMap::new(),
            has_dropped,
            has_discrete: false,
            numeric: HashSet::new(),
            coordinates: 0,
            reported: 0,
            earlier,
            is_prediction: false,
        };
        for item in &core.items {
            let origin = &item.origin;
            match &item.kind {
                ItemKind::Sample { target, law, .. } => {
                    scope.latents.push(LatentEntry { target, law, origin, dims: None, done: None })
                }
                ItemKind::Let { target, value, .. } => scope.lets.push(LetEntry {
                    target,
                    value,
                    origin,
                    constant: None,
                    dropped: Dropped::new(),
                    done: None,
                }),
                ItemKind::Solve(block) => scope.solves.push(SolveEntry {
                    block,
                    origin,
                    rows: None,
                    running: Vec::new(),
                    done: None,
                }),
                ItemKind::Recur(block) => scope.recurrences.push(RecurrenceEntry {
                    block,
                    origin,
                    rows: None,
                    own: Vec::new(),
                    discrete: vec![None; block.states.len()],
                    running: Vec::new(),
                    lets: Vec::new(),
                    done: None,
                }),
                ItemKind::Observe { .. } | ItemKind::Factor { .. } => {}
            }
        }
        scope.name_columns();
        scope.name_definitions();
        scope.check_levels();
        lags::dimensions(&mut scope, core);
        for i in 0..scope.latents.len() {
            scope.latents[i].dims = scope.declared_dims(scope.latents[i].target);
        }
        for i in 0..scope.solves.len() {
            scope.solves[i].rows = scope.rows_of_solve(scope.solves[i].block);
        }
        for i in 0..scope.recurrences.len() {
            let block = scope.recurrences[i].block;
            scope.recurrences[i].rows = scope.rows_of_recurrence(block);
            let own = block.states.iter().map(|s| scope.declared_dims(&s.target));
            scope.recurrences[i].own = own.collect();
        }
        scope
    }

    pub fn tell(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// Tells why something has no value.
    pub fn fail<T>(&mut self, mistake: Diagnostic) -> Option<T> {
        self.tell(mistake);
        None
    }

    /// There are mistakes enough.
    pub fn is_full(&self) -> bool {
        self.mistakes.len() >= MAX_MISTAKES
    }

    fn name_columns(&mut self) {
        let mut clashes = Vec::new();
        for (table, t) in self.tables.iter().enumerate() {
            for (column, c) in t.data.columns.iter().enumerate() {
                self.names.entry(c.name.clone()).or_default().push(Symbol::Column { table, column });
            }
            for (stack, s) in t.stacks.iter().enumerate() {
                if s.name == CONSTANT {
                    clashes.push(errors::name_of_constant(s.span, &s.name));
                } else if t.column(&s.name).is_some() {
                    clashes.push(errors::name_is_column(s.span, &s.name, &t.name, t.span));
                } else {
                    self.names.entry(s.name.clone()).or_default().push(Symbol::Stack { table, stack });
                }
            }
        }
        self.mistakes.extend(clashes);
    }

    /// Latents, lets and states are unique, and none is called as a column is.
    fn name_definitions(&mut self) {
        let mut defined: Vec<(&'a str, Span, Symbol)> = Vec::new();
        let name_of = |d: &'a Declaration| (d.name.name.as_str(), d.name.span);
        for (i, l) in self.latents.iter().enumerate() {
            let (name, span) = name_of(l.target);
            defined.push((name, span, Symbol::Latent(i)));
        }
        for (i, l) in self.lets.iter().enumerate() {
            let (name, span) = name_of(l.target);
            defined.push((name, span, Symbol::Let(i)));
        }
        for (solve, s) in self.solves.iter().enumerate() {
            for (state, s) in s.block.states.iter().enumerate() {
                let (name, span) = name_of(&s.target);
                defined.push((name, span, Symbol::State { solve, state }));
            }
        }
        for (block, r) in self.recurrences.iter().enumerate() {
            for (state, s) in r.block.states.iter().enumerate() {
                let (name, span) = name_of(&s.target);
                defined.push((name, span, Symbol::Series(SeriesRef { block, state })));
            }
        }
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        for (name, span, symbol) in defined {
            if let Some(&first) = first.get(name) {
                self.tell(errors::name_twice(span, name, first));
                continue;
            }
            first.insert(name, span);
            if ["log_joint", "log_q"].contains(&name) {
                self.tell(errors::reserved_name(span, name));
            }
            if name == CONSTANT {
                self.tell(errors::name_of_constant(span, name));
                continue;
            }
            if let Some(&[Symbol::Column { table, .. } | Symbol::Stack { table, .. }, ..]) =
                self.names.insert(name.to_string(), vec![symbol]).as_deref()
            {
                let t = &self.tables[table];
                let clash = errors::name_is_column(span, name, &t.name, t.span);
                self.tell(clash);
            }
        }
    }

    /// The dimension of that name, with its primes; levels of a column are collected when first
    /// asked for.
    pub fn dim(&mut self, name: &DimName) -> Option<DimRef> {
        let base = match self.dims.find(&name.name) {
            Some(d) => d,
            None => self.level_dim(&name.name, name.span)?,
        };
        Some((0..name.primes).fold(base, |d, _| self.dims.prime(d)))
    }

    /// The dimensions on the left of a colon, in the order written.
    pub fn declared_dims(&mut self, target: &Declaration) -> Option<Vec<DimRef>> {
        let found: Vec<Option<DimRef>> = target.dims.iter().map(|d| self.dim(d)).collect();
        let dims: Vec<DimRef> = found.into_iter().collect::<Option<_>>()?;
        self.fits_budget(&dims, target.span).then_some(dims)
    }

    /// Tells where an array over `dims` would have more elements than the budget allows.
    pub fn fits_budget(&mut self, dims: &[DimRef], span: Span) -> bool {
        let (rows, others) = self.dims.elements(dims);
        let limit = match () {
            _ if others > MAX_BY_ROW => MAX_BY_ROW,
            _ if rows.saturating_mul(others) > MAX_ELEMENTS => MAX_ELEMENTS,
            _ => return true,
        };
        let has = self.dims.show(dims);
        self.tell(errors::too_large(span, &has, limit));
        false
    }

    /// The elements, rows left aside, of values over `dims` for all combinations of `met`; and what these
    /// are called, each with how many values it has.
    pub fn combinations(&self, met: &Met, dims: &[DimRef]) -> (u64, Vec<(String, usize)>) {
        let size = |v: Variable| Some(self.dims[self.values_of(v)?.dim].size);
        let met: Vec<(String, usize)> =
            met.keys().filter_map(|v| Some((self.name_of(*v), size(*v)?))).collect();
        let (_, others) = self.dims.elements(dims);
        (met.iter().fold(others, |n, (_, size)| n.saturating_mul(*size as u64)), met)
    }

    /// Tells where values over `dims` that depend on all of `met` would have more elements than the
    /// budget allows: each is carried for every combination of theirs.
    pub fn fits_combinations(&mut self, met: &Met, dims: &[DimRef], span: Span) -> bool {
        if let Some((v, _)) = met.iter().find(|(_, ways)| ways.len() > 1) {
            let name = self.name_of(*v);
            self.tell(errors::discrete_twice(span, &name));
            return false;
        }
        let (by_row, met) = self.combinations(met, dims);
        let (rows, _) = self.dims.elements(dims);
        let limit = match by_row > MAX_BY_ROW {
            true => MAX_BY_ROW,
            false => MAX_ELEMENTS,
        };
        if met.len() < 2 || (by_row <= MAX_BY_ROW && rows.saturating_mul(by_row) <= MAX_ELEMENTS) {
            return true;
        }
        let met: Vec<(&str, usize)> = met.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        let mistake = errors::too_many_combinations(span, &met, &errors::more_than(limit));
        self.tell(mistake);
        false
    }

    fn rows_of_solve(&mut self, block: &Solve) -> Option<DimRef> {
        if let Some(rows) = &block.rows {
            return self.dim(&DimName { name: rows.name.clone(), primes: 0, span: rows.span });
        }
        if let Some(&[Symbol::Column { table, .. }]) = block.at.as_name().map(|n| self.lookup(n)) {
            return Some(self.tables[table].rows);
        }
        if let &[only] = &self.tables.iter().map(|t| t.rows).collect::<Vec<_>>()[..] {
            return Some(only);
        }
        let known: Option<&[Symbol]> = block.at.as_name().map(|n| self.lookup(n));
        match known {
            // The name is unknown, which is told where it is read.
            Some([]) => None,
            _ => self.fail(errors::solve_rows(block.at.span, &block.name.name)),
        }
    }

    /// The rows that a recurrence runs along are those of a table.
    fn rows_of_recurrence(&mut self, block: &Recur) -> Option<(DimRef, usize)> {
        let over = &block.over;
        let found = self.dims.find(&over.name);
        let table = found.and_then(|d| self.tables.iter().position(|t| t.rows == d));
        match (found, table) {
            (Some(d), Some(table)) => Some((d, table)),
            _ => {
                let rows = self.tables.iter().map(|t| self.dims[t.rows].name.clone()).collect::<Vec<_>>();
                self.fail(errors::recurrence_over(over.span, &over.name, found.is_some(), &rows))
            }
        }
    }

    /// The dimensions of a state at the rows, sorted.
    pub fn series_dims(&self, state: SeriesRef) -> Option<Vec<DimRef>> {
        let entry = &self.recurrences[state.block];
        let mut dims = entry.own[state.state].clone()?;
        dims.push(entry.rows?.0);
        dims.sort();
        Some(dims)
    }

    pub fn is_discrete_state(&self, s: SeriesRef) -> bool {
        self.recurrences[s.block].discrete[s.state].is_some()
    }

    /// The plates of a discrete variable.
    pub fn plates(&self, variable: Variable) -> Vec<DimRef> {
        match variable {
            Variable::Latent(i) => self.latents[i].dims.clone().unwrap_or_default(),
            Variable::State(s) | Variable::Before(s) => self.series_dims(s).unwrap_or_default(),
        }
    }

    /// What a discrete variable is called.
    pub fn name_of(&self, variable: Variable) -> String {
        match variable {
            Variable::Latent(i) => self.latents[i].target.name.name.clone(),
            Variable::State(s) | Variable::Before(s) => self.series_name(s),
        }
    }

    pub fn series_name(&self, s: SeriesRef) -> String {
        self.recurrences[s.block].block.states[s.state].target.name.name.clone()
    }

    /// Are the nulls of this column inferred?
    pub fn imputes(&self, table: usize, column: usize) -> bool {
        let t = &self.tables[table];
        t.imputes(column) && !t.data.columns[column].nulls.is_empty()
    }

    pub fn is_discrete(&self, latent: usize) -> bool {
        self.latents[latent].done.as_ref().is_some_and(|l| l.discrete.is_some())
    }

    /// The values of a latent or state, where they are finitely many.
    pub fn values_of(&self, variable: Variable) -> Option<Discrete> {
        match variable {
            Variable::Latent(i) => self.latents[i].done.as_ref()?.discrete,
            Variable::State(s) | Variable::Before(s) => Some(self.recurrences[s.block].discrete[s.state]?.0),
        }
    }

    /// The dimension that the values of a discrete variable are elements of, if its law has one.
    pub fn outcomes(&self, variable: Variable) -> Option<DimRef> {
        match variable {
            Variable::Latent(i) => outcomes_of(&self.latents[i].done.as_ref()?.law),
            Variable::State(s) | Variable::Before(s) => self.recurrences[s.block].discrete[s.state]?.2,
        }
    }

    /// Is it the rows of a table, labelled or not?
    pub fn has_rows(&self, d: DimRef) -> bool {
        self.tables.iter().any(|t| t.rows == d)
    }

    /// The table whose rows are among `dims`.
    pub fn table_of(&self, dims: &[DimRef]) -> Option<usize> {
        let found = (0..self.tables.len()).find(|&t| dims.contains(&self.tables[t].rows));
        found.or(if self.tables.len() == 1 { Some(0) } else { None })
    }

    /// What a bare name means outside a rate.
    pub fn lookup(&self, name: &str) -> &[Symbol] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// The names of the tables that symbols are columns of.
    pub fn tables_of(&self, symbols: &[Symbol]) -> Vec<String> {
        let table = |s: &Symbol| match s {
            Symbol::Column { table, .. } | Symbol::Stack { table, .. } => {
                Some(self.tables[*table].name.clone())
            }
            _ => None,
        };
        symbols.iter().filter_map(table).collect()
    }

    /// Every name an expression may use, for "did you mean".
    pub fn all_names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub fn column_names(&self, table: Option<usize>) -> Vec<String> {
        let tables = match table {
            Some(t) => &self.tables[t..=t],
            None => &self.tables[..],
        };
        let names = tables.iter().flat_map(|t| t.data.columns.iter().map(|c| c.name.clone()));
        let mut seen = HashSet::new();
        names.filter(|n| seen.insert(n.clone())).collect()
    }

    pub fn reportable(&self) -> Vec<String> {
        let latents = self.latents.iter().map(|l| l.target.name.name.clone());
        latents.chain(self.lets.iter().map(|l| l.target.name.name.clone())).collect()
    }
}

/// The dimension that the values of a discrete law are elements of, if it has one.
pub fn outcomes_of(law: &typed::Law) -> Option<DimRef> {
    let call = law.only_call()?;
    laws::has_levels(call.distribution).then(|| call.event[0])
}
