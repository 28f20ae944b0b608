//! From core to the typed model: every name resolved, every dimension inferred, every mistake told.

pub mod data;
pub(crate) mod dims;
mod expr;
pub mod functions;
mod glob;
mod lags;
pub(crate) mod laws;
mod levels;
pub mod linear;
mod order;
mod own_outcomes;
mod own_rows;
pub(crate) mod recurrence;
mod scope;
pub mod series;
mod solve;
mod units;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use model::{DataSource, Support};

use crate::core::{Core, Item, ItemKind, Origin};
use crate::diagnostic::{Diagnostic, Label};
use crate::errors;
use crate::expr::{Declaration, Expr, ExprKind, Ident};
use crate::source::Span;
use crate::typed::{
    Def, DimRef, Discrete, FactorDef, Form, Imputed, Kind, Latent, Law, LetDef, Met, Model, ModelDim,
    ObserveDef, Typed, Units,
};
use expr::Context;
pub(crate) use scope::MAX_BY_ROW;
use scope::{Scope, Symbol};

/// Checking ends after this many mistakes: nobody reads more, and each costs a search for the name
/// that was meant.
const MAX_MISTAKES: usize = 100;
/// Unconstrained coordinates of a model.
pub(crate) const MAX_COORDINATES: u64 = 4_000_000;
/// Values of one discrete latent, each carried through the density.
const MAX_VALUES: u64 = 10_000;
/// Elements of a let for all combinations of the discrete latents it is made of, of which one is drawn.
const MAX_DRAWN_FROM: u64 = 1_000_000;
/// Columns of `posterior.parquet`.
const MAX_REPORTED: u64 = 4_000_000;

/// Checks `core` against its data, whose paths are relative to `base`.
///
/// # Errors
/// All mistakes that could be found, each once.
pub fn check(core: &Core, base: &Path, source: &dyn DataSource) -> Result<Model, Vec<Diagnostic>> {
    check_after(core, base, source, &Levels::new(), false)
}

/// Levels that dimensions have, by name, before any table is read.
pub type Levels = BTreeMap<String, Vec<String>>;

/// The same, where dimensions begin with the levels that they had in an earlier fit.
///
/// # Errors
/// As [`check`].
pub fn check_after(
    core: &Core,
    base: &Path,
    source: &dyn DataSource,
    earlier: &Levels,
    is_prediction: bool,
) -> Result<Model, Vec<Diagnostic>> {
    let loaded = data::load(core, base, source);
    if !loaded.mistakes.is_empty() {
        return Err(loaded.mistakes);
    }
    let mut scope = Scope::new(core, loaded.tables, loaded.dims, earlier.clone());
    scope.is_prediction = is_prediction;
    // In dependency order; a definition that fails is poisoned, so that it is reported once.
    let sorted = order::sort(&mut scope);
    for def in &sorted {
        if scope.is_full() {
            break;
        }
        match *def {
            Def::Latent(i) => latent(&mut scope, i),
            Def::Let(i) => let_(&mut scope, i),
            Def::Solve(i) => solve::solve(&mut scope, i),
            Def::Recurrence(i) => recurrence::recurrence(&mut scope, i),
        }
    }
    let (mut observes, mut factors) = (Vec::new(), Vec::new());
    for item in &core.items {
        match &item.kind {
            ItemKind::Observe { target, law, rows } => {
                let new = observe(&mut scope, target, law, rows.as_ref(), &item.origin);
                if let Some((new, first)) =
                    new.as_ref().and_then(|new| Some((new, twin(&scope, &observes, new)?)))
                {
                    scope.tell(errors::observed_twice(new.origin.span, &new.name, first));
                }
                observes.extend(new);
            }
            ItemKind::Factor { name, value } => {
                factors.extend(factor(&mut scope, name, value, &item.origin));
            }
            _ => {}
        }
    }
    own_outcomes::have_one_law_each(&mut scope, &observes);
    minibatch(&mut scope, core);
    let imputed = imputed(&mut scope, core, &observes);
    if let Some(names) = &core.output.report {
        names.iter().for_each(|name| reported(&mut scope, name));
    }
    core.output.draws.iter().for_each(|name| drawn(&mut scope, name));
    let report = core.output.report.as_ref().map(|names| names.iter().map(|n| n.name.clone()).collect());
    let mut mistakes = std::mem::take(&mut scope.mistakes);
    let latents: Option<Vec<Latent>> = scope.latents.into_iter().map(|l| l.done).collect();
    let lets: Option<Vec<LetDef>> = scope.lets.into_iter().map(|l| l.done).collect();
    let solves: Option<Vec<_>> = scope.solves.into_iter().map(|s| s.done).collect();
    let recurrences: Option<Vec<_>> = scope.recurrences.into_iter().map(|r| r.done).collect();
    match (latents, lets, solves, recurrences) {
        (Some(latents), Some(lets), Some(solves), Some(recurrences)) if mistakes.is_empty() => {
            let mut model = Model {
                name: core.model.name.clone(),
                dims: scope.dims.into_vec(),
                tables: scope.tables,
                indices: scope.indices,
                latents,
                lets,
                solves,
                recurrences,
                lags: scope.lags,
                observes,
                factors,
                imputed,
                conversions: scope.conversions,
                units: Units::default(),
                order: sorted,
                report,
                drawn: core.output.draws.iter().map(|n| n.name.clone()).collect(),
                inference: core.inference.clone(),
                warnings: merged(scope.warnings),
            };
            let mut mistakes = units::check(&mut model, core);
            if !mistakes.is_empty() {
                mistakes.sort_by_key(|d| d.primary.span);
                return Err(merged(mistakes));
            }
            linear::recognise(&mut model);
            Ok(model)
        }
        _ => {
            debug_assert!(!mistakes.is_empty(), "what fails says why");
            mistakes.sort_by_key(|d| d.primary.span);
            Err(merged(mistakes))
        }
    }
}

/// One message for one mistake: places where the same is said again are added to the first.
fn merged(mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    const MAX_PLACES: usize = 4;
    let mut first: HashMap<(&'static str, String, Option<String>), usize> = HashMap::new();
    let mut places = HashSet::new();
    let mut out: Vec<Diagnostic> = Vec::new();
    for d in mistakes {
        let said = (d.code, d.message.clone(), d.help.clone());
        if !places.insert((d.code, d.primary.span)) {
            continue;
        }
        match first.get(&said) {
            None => {
                first.insert(said, out.len());
                out.push(d);
            }
            Some(&k) => {
                if out[k].secondary.len() < MAX_PLACES {
                    out[k].secondary.push(Label { span: d.primary.span, text: "and here".into() });
                }
            }
        }
    }
    out
}

fn latent(scope: &mut Scope, i: usize) {
    let (target, law, origin) = (scope.latents[i].target, scope.latents[i].law, scope.latents[i].origin);
    let Some(dims) = scope.latents[i].dims.clone() else { return };
    let (rows, others) = scope.dims.elements(&dims);
    scope.coordinates = scope.coordinates.saturating_add(rows.saturating_mul(others));
    if scope.coordinates > MAX_COORDINATES {
        scope.tell(errors::too_many_values(target.span, "unknowns in one model", MAX_COORDINATES));
        return;
    }
    let context = Context::of_rows(scope.table_of(&dims), &dims);
    let Some(law) = laws::law(scope, law, &context) else { return };
    let Some(met) = combinations(scope, &law, &dims) else { return };
    let name = target.name.name.clone();
    if let Form::Censored { .. } = law.form {
        scope.tell(errors::censored_latent(law.span, &name));
        return;
    }
    if law.has_atom() {
        scope.tell(errors::atom(law.span, law.name(), "a latent"));
        return;
    }
    let discrete = match law.support {
        Support::Integers { lower, upper } => match values_of(scope, &name, &law, lower, upper) {
            Some(discrete) => Some(discrete),
            None => return,
        },
        _ => None,
    };
    if let (Some(error), false) = (&law.varies, has_ends(&law)) {
        let calls = law.calls();
        let found = calls.iter().find_map(|c| Some((*c, laws::offender(error, c.distribution, &c.params)?)));
        let (call, at) = found.map_or((calls[0], law.span), |(c, i)| (c, c.args[i].span));
        scope.tell(errors::arguments(at, error, call.distribution));
        return;
    }
    let args: Vec<Typed> = law.args().into_iter().map(|(arg, _)| arg.clone()).collect();
    let whole = args.iter().all(|arg| expr::needs_every_row(scope, arg, "a prior needs every row"));
    if whole && laws::fits(scope, &law, &dims, &target.name, false) {
        own_rows::warn_of_rows_summed_away(scope, &args.iter().collect::<Vec<_>>(), &dims, &name);
        scope.has_discrete |= discrete.is_some();
        scope.latents[i].done = Some(Latent { name, dims, law, discrete, met, origin: origin.clone() });
    }
}

/// Are the ends of its support nodes, which a bijector may stand on?
fn has_ends(law: &Law) -> bool {
    match &law.form {
        Form::Truncated { bounds, .. } => bounds.constant.is_none(),
        Form::Call(call) => call.distribution.ends() != (None, None),
        _ => false,
    }
}

/// A dimension for the values of a discrete latent.
pub fn values_of(scope: &mut Scope, name: &str, law: &Law, lower: f64, upper: f64) -> Option<Discrete> {
    let count = upper - lower + 1.0;
    if law.varies.is_some() || !count.is_finite() {
        return scope.fail(errors::endless_latent(law.span, name, law.name()));
    }
    if count > MAX_VALUES as f64 {
        return scope.fail(errors::too_many_values(law.span, "values of one discrete latent", MAX_VALUES));
    }
    let dim =
        ModelDim { name: format!("values of {name}"), rows_of: None, size: count as usize, labels: None };
    Some(Discrete { dim: scope.dims.add(dim), first: lower })
}

fn factor(scope: &mut Scope, name: &Ident, value: &Expr, origin: &Origin) -> Option<FactorDef> {
    let table = expr::table_of_columns(scope, value);
    let value = expr::expr(scope, value, &Context::of_rows(table, &[]))?;
    let met = expr::discrete(scope, &value);
    if !expr::needs_every_row(scope, &value, "a factor needs every row")
        || !scope.fits_combinations(&met, &value.dims, value.span)
    {
        return None;
    }
    own_rows::warn_of_rows_summed_away(scope, &[&value], &value.dims, &name.name);
    Some(FactorDef { name: name.name.clone(), value, met, origin: origin.clone() })
}

/// The discrete variables of a law, where they can be summed out together.
fn combinations(scope: &mut Scope, law: &Law, dims: &[DimRef]) -> Option<Met> {
    let met = expr::all_discrete(scope, law.args().into_iter().map(|(arg, _)| arg));
    scope.fits_combinations(&met, dims, law.span).then_some(met)
}

/// Where what a likelihood is of has one already, by another name: `y` and `table.y`, or a let that is `y`.
fn twin(scope: &Scope, observes: &[ObserveDef], new: &ObserveDef) -> Option<Span> {
    let same = |o: &&ObserveDef| match (behind(scope, &o.value), behind(scope, &new.value)) {
        (Kind::Column { table, column }, Kind::Column { table: t, column: c }) => (table, column) == (t, c),
        (Kind::Stack { table, stack }, Kind::Stack { table: t, stack: s }) => (table, stack) == (t, s),
        (Kind::Let(a), Kind::Let(b)) => a == b,
        _ => false,
    };
    observes.iter().find(same).map(|o| o.origin.span)
}

/// What a let that is another name for a value is a name for.
fn behind<'s>(scope: &'s Scope, value: &'s Typed) -> &'s Kind {
    let mut here = value;
    while let Kind::Let(i) = here.kind
        && let Some(def) = &scope.lets[i].done
        && matches!(def.value.kind, Kind::Let(_) | Kind::Column { .. } | Kind::Stack { .. })
    {
        here = &def.value;
    }
    &here.kind
}

/// A minibatch is of the rows of a table.
fn minibatch(scope: &mut Scope, core: &Core) {
    let Some((rows, _)) = &core.inference.minibatch else { return };
    let all: Vec<String> = scope.tables.iter().map(|t| scope.dims[t.rows].name.clone()).collect();
    if !all.contains(&rows.name) {
        scope.tell(errors::minibatch_rows(rows.span, &rows.name, &all));
    }
}

/// The columns whose nulls are inferred, each by its law in `observe:`.
fn imputed(scope: &mut Scope, core: &Core, observes: &[ObserveDef]) -> Vec<Imputed> {
    let mut out = Vec::new();
    for table in 0..scope.tables.len() {
        for column in 0..scope.tables[table].data.columns.len() {
            if !scope.imputes(table, column) {
                continue;
            }
            let is_it = |o: &ObserveDef| match o.value.kind {
                Kind::Column { table: t, column: c } => (t, c) == (table, column),
                Kind::Level(i) => (scope.indices[i].table, scope.indices[i].column) == (table, column),
                _ => false,
            };
            let c = &scope.tables[table].data.columns[column];
            let name = c.name.clone();
            let nulls = c.nulls.clone();
            let Some(observe) = observes.iter().position(is_it) else {
                // A law that failed has told why.
                let of_it = |item: &Item| match &item.kind {
                    ItemKind::Observe { target, .. } => target.name.name == name,
                    _ => false,
                };
                if !core.items.iter().any(of_it) {
                    let span = scope.tables[table].span;
                    scope.tell(errors::imputed_without_law(span, &name));
                }
                continue;
            };
            let o = &observes[observe];
            if o.law.support.is_discrete()
                || o.law.varies.is_some()
                || o.law.has_atom()
                || !o.law.event.is_empty()
            {
                scope.tell(errors::imputed_law(o.law.span, &name, o.law.name()));
                continue;
            }
            let t = &scope.tables[table];
            let key = t.is_key.then(|| t.data.column(&scope.dims[t.rows].name)).flatten();
            // Rows with a key are called by it, others are counted.
            let keys = key.and_then(model::Column::labels);
            let label = |&r: &usize| keys.as_ref().map_or_else(|| (r + 1).to_string(), |k| k[r].clone());
            let labels: Vec<String> = nulls.iter().map(label).collect();
            let dim = ModelDim {
                name: format!("missing {name}"),
                rows_of: None,
                size: labels.len(),
                labels: Some(labels.into()),
            };
            out.push(Imputed { table, column, dim: scope.dims.add(dim), observe });
        }
    }
    out
}

fn let_(scope: &mut Scope, i: usize) {
    let (target, value, origin) = (scope.lets[i].target, scope.lets[i].value, scope.lets[i].origin);
    let Some(declared) = scope.declared_dims(target) else { return };
    let own = declared.iter().find_map(|d| scope.dims[*d].rows_of);
    let table = own.or_else(|| expr::table_of_columns(scope, value));
    let context = Context::of_rows(table, &declared);
    let Some(typed) = expr::let_value(scope, target, value, &context) else { return };
    let data_only = expr::is_data(scope, &typed);
    let (rows, others) = scope.dims.elements(&typed.dims);
    if !data_only && rows == 1 {
        scope.reported = scope.reported.saturating_add(others);
        if scope.reported > MAX_REPORTED {
            scope.tell(errors::too_many_values(target.span, "values to report", MAX_REPORTED));
            return;
        }
    }
    scope.lets[i].constant = laws::constant_of(scope, &typed);
    scope.lets[i].dropped = expr::dropped(scope, &typed);
    let met = expr::discrete(scope, &typed);
    let is_reported = !data_only
        && (met.is_empty()
            || (rows == 1
                && scope.lets[i].dropped.is_empty()
                && met.values().all(|ways| ways.len() == 1)
                && scope.combinations(&met, &typed.dims).0 <= MAX_DRAWN_FROM));
    scope.lets[i].done = Some(LetDef {
        name: target.name.name.clone(),
        dims: if declared.is_empty() { typed.dims.clone() } else { declared },
        met,
        is_reported,
        dropped: scope.lets[i].dropped.clone(),
        known: expr::is_known(scope, &typed),
        value: typed,
        data_only,
        origin: origin.clone(),
    });
}

fn observe(
    scope: &mut Scope,
    target: &Declaration,
    law: &Expr,
    rows: Option<&Expr>,
    origin: &Origin,
) -> Option<ObserveDef> {
    // Outcomes are levels of a dimension that their law knows.
    let outcomes = match is_outcome(law) {
        true => expr::observed_column(scope, target),
        false => None,
    };
    let value = match outcomes {
        Some((table, column)) => Some(Typed {
            kind: Kind::Column { table, column },
            dims: vec![scope.tables[table].rows],
            span: target.span,
        }),
        None => expr::observed(scope, target),
    };
    // What the law says wrong is told even where the left side is wrong, whose rows are known then.
    let dims = match &value {
        Some(value) => value.dims.clone(),
        None => expr::observed_column(scope, target).map(|(t, _)| scope.tables[t].rows).into_iter().collect(),
    };
    let context = Context::of_rows(scope.table_of(&dims), &dims);
    let mask = match rows {
        None => None,
        Some(rows) => {
            let mask = expr::expr(scope, rows, &context)?;
            if value.is_some()
                && (!expr::is_data(scope, &mask) || mask.dims.iter().any(|d| !dims.contains(d)))
            {
                scope.tell(errors::where_is_data(mask.span));
                return None;
            }
            Some(expr::truth(mask))
        }
    };
    let law = laws::law(scope, law, &context)?;
    let met = combinations(scope, &law, &dims)?;
    let name = match &target.table {
        Some(table) => format!("{}.{}", table.name, target.name.name),
        None => target.name.name.clone(),
    };
    let mut value = value?;
    if let (Some((table, column)), Some(call)) = (outcomes, law.only_call()) {
        let levels = scope.dims.unprimed(call.event[0]);
        value.kind = Kind::Level(scope.index(table, column, levels, target.span)?);
    }
    if !laws::fits(scope, &law, &dims, &target.name, true) {
        return None;
    }
    if !is_whole(scope, &value, mask.as_ref(), &law)
        || !own_outcomes::is_free_of_its_outcome(scope, &value, &law, &name, mask.is_some())
    {
        return None;
    }
    let args: Vec<&Typed> = law.args().into_iter().map(|(arg, _)| arg).collect();
    own_rows::warn_of_rows_summed_away(scope, &args, &dims, &name);
    let read = args.into_iter().chain([&value]).chain(&mask);
    let dropped = read.flat_map(|t| expr::dropped(scope, t)).collect();
    Some(ObserveDef { name, value, mask, dropped, law, met, origin: origin.clone() })
}

/// Counts a likelihood every element of each of the values that its law speaks of?
fn is_whole(scope: &mut Scope, value: &Typed, mask: Option<&Typed>, law: &Law) -> bool {
    if let Some(mask) = mask
        && let Some(&d) = law.event.iter().find(|d| mask.dims.contains(d))
    {
        let dim = scope.dims[d].name.clone();
        scope.tell(errors::where_in_vector(mask.span, law.name(), &dim));
        return false;
    }
    let args = law.args().into_iter().map(|(arg, beyond)| (arg, [&law.event[..], &beyond].concat()));
    // What a prediction lacks of an observed vector, it predicts.
    let observed = (!scope.is_prediction).then(|| (value, law.event.clone()));
    let read: Vec<_> = observed.into_iter().chain(args).collect();
    read.iter().all(|(t, along)| expr::whole_along(scope, t, along, law.name()))
}

/// Is it a law whose outcomes are the levels of a dimension?
fn is_outcome(law: &Expr) -> bool {
    let ExprKind::Call { function, .. } = &law.kind else { return false };
    distributions::lookup(&function.name).is_some_and(laws::has_levels)
}

/// A name of `output: {report: [...]}`.
fn reported(scope: &mut Scope, name: &Ident) {
    match *scope.lookup(&name.name) {
        [Symbol::Let(i)] => {
            let Some(let_) = &scope.lets[i].done else { return };
            if let_.data_only {
                scope.tell(errors::reported_data(name.span, &name.name));
            } else if !let_.is_reported
                && let Some((&discrete, _)) = let_.met.first_key_value()
            {
                let of = scope.name_of(discrete);
                scope.tell(errors::reported_discrete(name.span, &name.name, &of));
            }
        }
        [Symbol::Latent(_) | Symbol::State { .. } | Symbol::Series(_)] => {}
        _ => {
            let known = scope.reportable();
            scope.tell(errors::unknown_reported(name.span, &name.name, &known));
        }
    }
}

/// A name of `output: {draws: [...]}`: one of those that are reported, and by row.
fn drawn(scope: &mut Scope, name: &Ident) {
    reported(scope, name);
    let dims = match *scope.lookup(&name.name) {
        [Symbol::Latent(i)] => scope.latents[i].dims.clone(),
        [Symbol::Let(i)] => scope.lets[i].done.as_ref().map(|l| l.dims.clone()),
        _ => return,
    };
    if dims.is_some_and(|dims| dims.iter().all(|d| scope.dims[*d].rows_of.is_none())) {
        scope.tell(errors::drawn_not_by_row(name.span, &name.name));
    }
}
