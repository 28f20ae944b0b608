//! Outcomes that their own laws read: a value that is its own parameter, two that are each other's, and rows
//! that have two laws. None of these is a joint density.

use std::collections::{BTreeSet, HashMap, HashSet};

use distributions::Domain;

use super::scope::Scope;
use crate::errors;
use crate::source::Span;
use crate::typed::{DimRef, Form, Kind, Law, ObserveDef, Typed};

/// A column of a table, by position.
type Column = (usize, usize);

/// Which element of a value is read, seen from the element whose law reads it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Which {
    /// The like one.
    Own,
    /// The same for all, which is the like one for one of them: its dimension and label.
    One(String, String),
    /// All along a dimension that the law's value has, its own among them.
    All { at: Span, word: &'static str },
}

/// What is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Column(Column),
    /// The same as levels to look up by.
    Index(Column),
    /// A stack, or one of its columns.
    Stack {
        table: usize,
        stack: usize,
        one: Option<usize>,
    },
    Let(usize),
}

struct Read {
    what: What,
    which: Which,
    /// Where the text names it, and by which let it came.
    at: Span,
    through: Option<usize>,
}

/// A part to look at.
struct Part<'t> {
    value: &'t Typed,
    which: Which,
    at: Span,
    through: Option<usize>,
    /// Elements that are all that is taken of it.
    elements: Vec<(DimRef, usize)>,
}

/// What `values` read for an element over `dims`, beside values of earlier rows.
fn reads<'t>(scope: &'t Scope, values: Vec<&'t Typed>, dims: &[DimRef]) -> Vec<Read> {
    let new = |value: &'t Typed| Part {
        value,
        which: Which::Own,
        at: value.span,
        through: None,
        elements: Vec::new(),
    };
    let mut todo: Vec<Part> = values.into_iter().map(new).collect();
    let (mut lets, mut states, mut step_lets) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut out = Vec::new();
    while let Some(Part { value, which, at, through, elements }) = todo.pop() {
        // The smallest part of the law's own text that holds it.
        let at = if at.to(value.span) == at { value.span } else { at };
        let what = match &value.kind {
            Kind::Column { table, column } => Some(What::Column((*table, *column))),
            Kind::Level(i) => Some(What::Column((scope.indices[*i].table, scope.indices[*i].column))),
            Kind::Lookup { indices, .. } => {
                let index = |i: &usize| What::Index((scope.indices[*i].table, scope.indices[*i].column));
                let index = |i| Read { what: index(i), which: which.clone(), at, through };
                out.extend(indices.iter().map(index));
                None
            }
            Kind::Stack { table, stack } => {
                let dim = scope.tables[*table].stacks[*stack].dim;
                let one = elements.iter().find(|(d, _)| *d == dim).map(|(_, k)| *k);
                Some(What::Stack { table: *table, stack: *stack, one })
            }
            Kind::Let(i) => Some(What::Let(*i)),
            Kind::Lag { .. } => continue,
            _ => None,
        };
        if let Some(what) = what {
            out.push(Read { what, which: which.clone(), at, through });
        }
        let part = |value: &'t Typed, through| Part {
            value,
            which: which.clone(),
            at,
            through,
            elements: elements.clone(),
        };
        match &value.kind {
            Kind::Let(i) => {
                if lets.insert((*i, elements.clone(), which.clone()))
                    && let Some(def) = &scope.lets[*i].done
                {
                    todo.push(part(&def.value, through.or(Some(*i))));
                }
            }
            Kind::Series(s) | Kind::Current(s) => {
                if states.insert((*s, which.clone())) {
                    let next =
                        scope.recurrences[s.block].done.iter().flat_map(|r| r.states[s.state].next.args());
                    todo.extend(next.map(|value| Part { elements: Vec::new(), ..part(value, through) }));
                }
            }
            Kind::StepLet { block, position } => {
                if step_lets.insert((*block, *position, which.clone())) {
                    let value = scope.recurrences[*block].done.iter().map(|r| &r.lets[*position]);
                    todo.extend(value.map(|value| Part { elements: Vec::new(), ..part(value, through) }));
                }
            }
            _ => {
                let (which, element) = inside(scope, value, &which, dims, at);
                let elements: Vec<_> = elements.iter().copied().chain(element).collect();
                let part =
                    |value| Part { value, which: which.clone(), at, through, elements: elements.clone() };
                let parts = value.parts().into_iter();
                match is_itself(value) {
                    true => todo.extend(parts.map(behind_names).map(part)),
                    false => todo.extend(parts.map(part)),
                }
            }
        }
    }
    out
}

/// Which elements of its parts `value` is made of, where it is read as `which`, and the one that is taken.
fn inside(
    scope: &Scope,
    value: &Typed,
    which: &Which,
    dims: &[DimRef],
    at: Span,
) -> (Which, Option<(DimRef, usize)>) {
    let mixed = || value.mixes().is_some_and(|(over, _)| over.iter().any(|d| dims.contains(d)));
    match &value.kind {
        Kind::Element { dim, at: k, .. } => {
            let which = match which {
                Which::Own if dims.contains(dim) => {
                    Which::One(scope.dims[*dim].name.clone(), scope.dims[*dim].label(*k))
                }
                other => other.clone(),
            };
            (which, Some((*dim, *k)))
        }
        // The element itself is among those that each is made of, and tells most.
        Kind::CumulativeSum { .. } | Kind::Basis { .. } => (which.clone(), None),
        _ if is_itself(value) => (which.clone(), None),
        kind if *which == Which::Own && mixed() => {
            let word = match kind {
                Kind::Reduce { how, .. } => how.word(),
                Kind::Contract { .. } => "@",
                _ => "",
            };
            (Which::All { at, word }, None)
        }
        _ => (which.clone(), None),
    }
}

/// Is it `identity(d) @ x`, which is x?
fn is_itself(t: &Typed) -> bool {
    let is_identity = |t: &Typed| matches!(behind_names(t).kind, Kind::Identity { .. });
    matches!(&t.kind, Kind::Contract { left, right, .. } if is_identity(left) || is_identity(right))
}

/// Without the other names that its dimensions took.
fn behind_names(t: &Typed) -> &Typed {
    let mut here = t;
    while let Kind::Rename { base, .. } = &here.kind {
        here = base;
    }
    here
}

/// What is observed, as others may read it.
struct Own {
    columns: BTreeSet<Column>,
    is_let: Option<usize>,
    /// Of a let: the columns that each element of it is made of.
    made_of: BTreeSet<Column>,
}

impl Own {
    fn of(scope: &Scope, value: &Typed) -> Own {
        let (mut columns, mut is_let, mut made_of) = (BTreeSet::new(), None, BTreeSet::new());
        match &value.kind {
            Kind::Column { table, column } => drop(columns.insert((*table, *column))),
            Kind::Level(i) => drop(columns.insert((scope.indices[*i].table, scope.indices[*i].column))),
            Kind::Stack { table, stack } => columns = columns_of(scope, *table, *stack, None),
            Kind::Let(i) => {
                is_let = Some(*i);
                let value = scope.lets[*i].done.iter().map(|l| &l.value).collect();
                let own = reads(scope, value, &value_dims(scope, *i));
                made_of = read_columns(scope, own.iter().filter(|r| r.which == Which::Own));
            }
            _ => {}
        }
        Own { columns, is_let, made_of }
    }

    /// Does reading `what` read it, or a part of it?
    fn is_read(&self, scope: &Scope, what: What) -> bool {
        match what {
            What::Column(c) | What::Index(c) => self.columns.contains(&c),
            What::Stack { table, stack, one } => {
                columns_of(scope, table, stack, one).iter().any(|c| self.columns.contains(c))
            }
            What::Let(i) => self.is_let == Some(i),
        }
    }

    /// Every column with a law of its own, or of a let that is made of it alone.
    fn cells(&self) -> &BTreeSet<Column> {
        if self.is_let.is_some() { &self.made_of } else { &self.columns }
    }
}

fn value_dims(scope: &Scope, i: usize) -> Vec<DimRef> {
    scope.lets[i].done.as_ref().map_or_else(Vec::new, |l| l.value.dims.clone())
}

fn columns_of(scope: &Scope, table: usize, stack: usize, one: Option<usize>) -> BTreeSet<Column> {
    let columns = &scope.tables[table].stacks[stack].columns;
    let of = columns.iter().enumerate().filter(|(k, _)| one.is_none_or(|one| one == *k));
    of.map(|(_, c)| (table, *c)).collect()
}

/// The columns that are read as values.
fn read_columns<'r>(scope: &Scope, reads: impl Iterator<Item = &'r Read>) -> BTreeSet<Column> {
    let of = |read: &'r Read| match read.what {
        What::Column(c) => BTreeSet::from([c]),
        What::Stack { table, stack, one } => columns_of(scope, table, stack, one),
        What::Index(_) | What::Let(_) => BTreeSet::new(),
    };
    reads.flat_map(of).collect()
}

/// Tells where a parameter of `law` is made of the very element of `value` whose law it is, and warns where it
/// is made of all elements. With a `where:` the one row that reads itself may be left out.
pub fn is_free_of_its_outcome(
    scope: &mut Scope,
    value: &Typed,
    law: &Law,
    name: &str,
    has_mask: bool,
) -> bool {
    let own = Own::of(scope, value);
    let found = reads(scope, parameters(law), &value.dims);
    // Of a let, every column that it is made of.
    let alike = || found.iter().filter(|r| r.which == Which::Own);
    let is_known = !own.made_of.is_empty() && own.made_of.is_subset(&read_columns(scope, alike()));
    let made_of = |r: &Read| is_known && !read_columns(scope, [r].into_iter()).is_disjoint(&own.made_of);
    let mut mistake = None;
    let mut warnings = Vec::new();
    for read in &found {
        let through = read.through.map(|i| {
            let target = scope.lets[i].target;
            (target.name.name.as_str(), target.span)
        });
        let shown = match read.what {
            What::Column((t, c)) | What::Index((t, c)) => scope.tables[t].data.columns[c].name.as_str(),
            What::Stack { table, stack, .. } => scope.tables[table].stacks[stack].name.as_str(),
            What::Let(i) => scope.lets[i].target.name.name.as_str(),
        };
        let is_own = own.is_read(scope, read.what);
        let told = match &read.which {
            Which::Own if is_own => Some(errors::own_outcome(read.at, name, shown, through)),
            Which::Own if made_of(read) => Some(errors::outcome_made_of(read.at, name, shown, through)),
            Which::One(dim, label) if is_own && !has_mask => {
                Some(errors::outcome_of_one_row(read.at, name, &format!("{shown}[{dim}={label}]"), through))
            }
            Which::All { at, word } if is_own => {
                warnings.push(errors::outcome_among_all(*at, name, shown, word, through));
                None
            }
            _ => None,
        };
        mistake = mistake.or(told);
    }
    scope.warnings.extend(warnings);
    match mistake {
        Some(mistake) => {
            scope.tell(mistake);
            false
        }
        None => true,
    }
}

/// Tells where outcomes are parameters of each other's laws in the same row, in a circle, and warns of rows that
/// have a law as a column and another as a let. A `where:` may keep the rows of two laws apart.
pub fn have_one_law_each(scope: &mut Scope, observes: &[ObserveDef]) {
    let own: Vec<Own> = observes.iter().map(|o| Own::of(scope, &o.value)).collect();
    let read: Vec<Vec<Read>> = observes
        .iter()
        .map(|o| {
            let mut found = reads(scope, parameters(&o.law), &o.value.dims);
            found.retain(|r| r.which == Which::Own);
            found
        })
        .collect();
    let is_free = |i: usize| observes[i].mask.is_none();
    let owners = Owners::of(&own);
    let edges: Vec<Vec<usize>> = (0..observes.len())
        .map(|a| {
            let columns = read_columns(scope, read[a].iter());
            let may_be_read = read[a].iter().flat_map(|r| owners.of_what(scope, r.what));
            let is_read = |b: usize| {
                let made_of = !own[b].made_of.is_empty() && own[b].made_of.is_subset(&columns);
                made_of || read[a].iter().any(|r| own[b].is_read(scope, r.what))
            };
            let candidates: BTreeSet<usize> =
                may_be_read.filter(|&b| b != a && is_free(a) && is_free(b)).collect();
            candidates.into_iter().filter(|&b| is_read(b)).collect()
        })
        .collect();
    let circle = circle(&edges);
    let mut told = Vec::new();
    if let Some(circle) = circle {
        let named: Vec<(String, Span)> =
            circle.iter().map(|&i| (observes[i].name.clone(), observes[i].law.span)).collect();
        scope.tell(errors::outcomes_in_a_circle(&named));
    }
    for (k, o) in observes.iter().enumerate() {
        if own[k].made_of.is_empty() || !is_free(k) {
            continue;
        }
        // A law given what the let is made of, as the trials of a multinomial are, is no second one of it.
        let given = |p: usize| {
            let values = observes[p].law.args().into_iter().map(|(arg, _)| arg).collect();
            let found = reads(scope, values, &observes[p].value.dims);
            !read_columns(scope, found.iter()).is_disjoint(&own[k].made_of)
        };
        let other = |p: &usize| {
            let cells = own[*p].cells();
            let counts = own[*p].is_let.is_none() || (*p < k && cells.len() == 1);
            *p != k && counts && is_free(*p) && !given(*p)
        };
        let others: BTreeSet<usize> =
            own[k].made_of.iter().flat_map(|c| owners.of_column(*c)).filter(other).collect();
        let cells: BTreeSet<Column> = others.iter().flat_map(|&p| own[p].cells().iter().copied()).collect();
        if let (Some(&first), true) = (others.first(), own[k].made_of.is_subset(&cells)) {
            let first = &observes[first];
            told.push(errors::counted_twice(o.origin.span, &o.name, &first.name, first.origin.span));
        }
    }
    scope.warnings.extend(told);
}

/// By column and by let: the observed, by position, that are it or made of it.
struct Owners {
    columns: HashMap<Column, Vec<usize>>,
    lets: HashMap<usize, usize>,
}

impl Owners {
    fn of(own: &[Own]) -> Owners {
        let mut out = Owners { columns: HashMap::new(), lets: HashMap::new() };
        for (k, own) in own.iter().enumerate() {
            own.cells().iter().for_each(|c| out.columns.entry(*c).or_default().push(k));
            out.lets.extend(own.is_let.map(|i| (i, k)));
        }
        out
    }

    fn of_column(&self, c: Column) -> impl Iterator<Item = usize> {
        self.columns.get(&c).into_iter().flatten().copied()
    }

    fn of_what(&self, scope: &Scope, what: What) -> Vec<usize> {
        match what {
            What::Column(c) | What::Index(c) => self.of_column(c).collect(),
            What::Stack { table, stack, one } => {
                columns_of(scope, table, stack, one).into_iter().flat_map(|c| self.of_column(c)).collect()
            }
            What::Let(i) => self.lets.get(&i).copied().into_iter().collect(),
        }
    }
}

/// Some circle, each needing the next.
fn circle(edges: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut is_done = vec![false; edges.len()];
    for start in 0..edges.len() {
        // A path, each with the edges it has yet to follow.
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let (node, edge) = (*at, *next);
            *next += 1;
            match edges[node].get(edge) {
                _ if is_done[node] => drop(path.pop()),
                None => {
                    is_done[node] = true;
                    path.pop();
                }
                Some(&to) => match path.iter().position(|(n, _)| *n == to) {
                    Some(from) => return Some(path[from..].iter().map(|(n, _)| *n).collect()),
                    None => path.push((to, 0)),
                },
            }
        }
    }
    None
}

/// The expressions that the density of `law` is made of, without what tells how a value was seen or of how many
/// it is: the conditions of `censored` are about the outcome itself, and trials are won and lost.
fn parameters(law: &Law) -> Vec<&Typed> {
    let mut out: Vec<&Typed> = match &law.form {
        Form::Call(call) => {
            let domain = |k: usize, a: usize| call.distribution.slots()[k].alternatives[a].domain;
            let given = call.params.iter().filter(|(k, g)| domain(*k, g.alternative) != Domain::Count);
            given.map(|(_, g)| &call.args[g.value]).collect()
        }
        Form::Truncated { bounds, .. } => bounds.lower.iter().chain(&bounds.upper).collect(),
        Form::Mixture { weights, .. } => weights.iter().collect(),
        Form::MixtureOver { weights, .. } => vec![weights],
        Form::Censored { .. } | Form::Ordered { .. } => Vec::new(),
    };
    out.extend(law.parts().iter().flat_map(parameters));
    out
}
