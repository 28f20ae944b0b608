//! How the rows of a term find their elements of discrete variables that live on coarser plates: `mu[z[g]]`, for
//! `z` over the levels of the column `g`.

use std::sync::Arc;

use graph::ir::{DimId, Kind as NodeKind, NodeId, Role, Size, Varies};
use graph::value::Value;
use model::{Lookup, Lookups};

use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::lower::Lowering;
use crate::lower::discrete::{Discrete, Term};
use crate::typed::Met;

/// Lookups that follow each other as one: by the elements that `next` leads to, those that `first` does. What `first`
/// leads to stays where it is one of `plates`.
pub fn then(first: &[Arc<Lookup>], next: &[Arc<Lookup>], plates: &[DimId]) -> Vec<Arc<Lookup>> {
    let mut out = Vec::new();
    for a in first {
        out.extend(next.iter().filter(|b| b.rows == a.plate).map(|b| Arc::new(chained(a, b))));
        out.extend(plates.contains(&a.plate).then(|| a.clone()));
    }
    out.extend(next.iter().filter(|b| first.iter().all(|a| a.plate != b.rows)).cloned());
    out
}

fn chained(a: &Lookup, b: &Lookup) -> Lookup {
    let at = a.at.iter().map(|&k| b.at[k as usize]).collect();
    Lookup { rows: a.rows, plate: b.plate, at }
}

/// The lookup that leads from where `first` does, among `n`, to where `whole` does, both of the same rows; `None` where
/// rows that come together there part. What no row tells is not known.
fn beyond(first: &Lookup, whole: &Lookup, n: usize) -> Option<Vec<Option<u32>>> {
    let mut at: Vec<Option<u32>> = vec![None; n];
    for (&a, &b) in first.at.iter().zip(&whole.at) {
        if *at[a as usize].get_or_insert(b) != b {
            return None;
        }
    }
    Some(at)
}

/// How elements look up those of another variable, as far as a term tells: by rows, plate and element.
#[derive(PartialEq)]
pub struct Left(Vec<(DimId, DimId, Vec<Option<u32>>)>);

impl Left {
    /// What both tell; `None` where they contradict each other.
    pub fn with(self, other: &Left) -> Option<Left> {
        let both = |(mine, theirs): (&mut Option<u32>, &Option<u32>)| match (*mine, *theirs) {
            (Some(a), Some(b)) => a == b,
            (a, b) => {
                *mine = a.or(b);
                true
            }
        };
        let mut out = self;
        let alike = out.0.len() == other.0.len()
            && out.0.iter_mut().zip(&other.0).all(|(a, b)| {
                (a.0, a.1, a.2.len()) == (b.0, b.1, b.2.len()) && a.2.iter_mut().zip(&b.2).all(both)
            });
        alike.then_some(out)
    }

    /// Elements of which no row tells may look up any.
    pub fn known(self) -> Vec<Arc<Lookup>> {
        let one = |(rows, plate, at): (DimId, DimId, Vec<Option<u32>>)| {
            let at = at.into_iter().map(|at| at.unwrap_or(0)).collect();
            Arc::new(Lookup { rows, plate, at })
        };
        self.0.into_iter().map(one).collect()
    }
}

impl Lowering<'_> {
    /// What is looked up of the discrete variables that something depends on.
    pub fn lookups(&self, met: &Met) -> Lookups {
        let mut out = Lookups::new();
        for (v, ways) in met {
            // The check has refused what has several.
            let Some(way) = ways.first() else { continue };
            let found = way.iter().filter_map(|(plate, columns)| self.by_columns(self.dim(*plate), columns));
            out.insert(self.values_of(*v), found.collect());
        }
        out
    }

    /// By columns of one table after the other, the row's own last.
    fn by_columns(&self, plate: DimId, columns: &[usize]) -> Option<Arc<Lookup>> {
        let step = |&i: &usize| {
            let def = &self.model.indices[i];
            let rows = self.dim(self.model.tables[def.table].rows);
            Lookup { rows, plate: self.dim(def.dim), at: def.values.clone() }
        };
        let all = columns.iter().rev().map(step).reduce(|a, b| chained(&a, &b))?;
        Some(Arc::new(Lookup { plate, ..all }))
    }

    /// The index by which rows look something up.
    pub fn index_of(&mut self, lookup: &Lookup) -> NodeId {
        let name_of = |d: DimId| self.graph.dim(d).name.as_str();
        let (rows, plate) = (name_of(lookup.rows), name_of(lookup.plate));
        let is_free = |name: &String| match self.bindings.data.get(name) {
            Some(Value::Index(at)) => *at == lookup.at,
            _ => true,
        };
        let mut names = (1..).map(|k| format!("{plate} of {rows} ({k})"));
        let name = names.find(is_free).expect("numbers do not end");
        if let Some(&made) = self.row_inputs.get(&name) {
            return made;
        }
        self.bindings.data.insert(name.clone(), Value::Index(lookup.at.clone()));
        let made = self.graph.input(&name, Varies::Data, NodeKind::Index(lookup.plate), &[lookup.rows]);
        self.row_inputs.insert(name, made);
        made
    }

    /// What a term looks up of `v`.
    pub fn lookups_of(&self, v: &Discrete, t: &Term) -> Result<Vec<Arc<Lookup>>, Box<Diagnostic>> {
        let all = of(v, t);
        let found = |d: &DimId| match all.iter().find(|l| l.plate == *d) {
            Some(lookup) => t.plates.contains(&lookup.rows) && !t.plates.contains(d),
            None => t.plates.contains(d),
        };
        let stray = v.plates.iter().find(|d| !found(d)).copied();
        // Of one row of one table.
        let stray = stray.or(all.iter().find(|l| l.rows != all[0].rows).map(|l| l.plate));
        match stray {
            Some(d) => {
                let dim = &self.graph.dim(d).name;
                Err(Box::new(errors::discrete_in_vector(v.span, &v.name, dim)))
            }
            None => Ok(all.to_vec()),
        }
    }

    /// What `node`, which has the plates of `t`, adds up to by element of `v`.
    pub fn onto(&mut self, v: &Discrete, t: &Term, lookups: &[Arc<Lookup>], node: NodeId) -> NodeId {
        let rows = lookups.first().map(|l| l.rows);
        let is_inner = |d: &DimId| Some(*d) != rows && !v.plates.contains(d);
        let inner: Vec<DimId> = t.plates.iter().copied().filter(is_inner).collect();
        let node = self.graph.sum(node, &inner);
        match lookups {
            [] => node,
            [one] => {
                let index = self.index_of(one);
                self.graph.scatter_add(node, index)
            }
            several => self.onto_several(several, node),
        }
    }

    /// Onto all combinations of several plates, which are one dimension first, then apart.
    fn onto_several(&mut self, lookups: &[Arc<Lookup>], node: NodeId) -> NodeId {
        let mut plates: Vec<&Lookup> = lookups.iter().map(|l| &**l).collect();
        // The smaller outside: there are as many slices.
        plates.sort_by_key(|l| self.size(l.plate));
        let dims: Vec<DimId> = plates.iter().map(|l| l.plate).collect();
        let all = self.combined(&dims, dims.iter().map(|d| self.size(*d)).product());
        let position = |row: usize| plates.iter().fold(0, |p, l| p * self.size(l.plate) as u32 + l.at[row]);
        let at = (0..plates[0].at.len()).map(position).collect();
        let index = self.index_of(&Lookup { rows: plates[0].rows, plate: all, at });
        let node = self.graph.scatter_add(node, index);
        self.apart(node, &dims)
    }

    fn size(&self, d: DimId) -> usize {
        self.bindings.sizes[&self.graph.dim(d).name]
    }

    /// One dimension for all combinations of these.
    pub fn combined(&mut self, dims: &[DimId], size: usize) -> DimId {
        if let [one] = dims {
            return *one;
        }
        let names: Vec<&str> = dims.iter().map(|d| self.graph.dim(*d).name.as_str()).collect();
        let name = names.join(", ");
        match self.graph.find_dim(&name) {
            Some(found) => found,
            None => self.graph.add_dim(&name, Role::Plain, Size::Fixed(size)),
        }
    }

    /// The other way round.
    fn apart(&mut self, node: NodeId, dims: &[DimId]) -> NodeId {
        let [outer, rest @ ..] = dims else { return node };
        if rest.is_empty() {
            return node;
        }
        let each: usize = rest.iter().map(|d| self.size(*d)).product();
        let n = self.size(*outer);
        let (all, inner) = (self.combined(dims, n * each), self.combined(rest, each));
        let slices: Vec<NodeId> = (0..n)
            .map(|k| {
                let slice = self.graph.slice(node, all, k * each, inner);
                self.apart(slice, rest)
            })
            .collect();
        self.graph.stack(&slices, *outer)
    }

    /// Does each element of `v` meet one element of `u`, where both are in the term `t`? Then `v` may be summed out
    /// first: `u` is there still, for each element of `v`. Of each plate of `u`, the term
    ///
    /// - has it as a plate itself: it must be one of `v`'s, and `v` must not look it up;
    /// - looks it up by rows: `v` has these rows, or looks up the same, or something by which the other is told.
    pub fn goes_along(&self, v: &Discrete, u: &Discrete, t: &Term) -> bool {
        let (own, theirs) = (of(v, t), of(u, t));
        if u.state().is_some() || (v.state().is_some() && !theirs.is_empty()) {
            return false;
        }
        u.plates.iter().all(|q| match theirs.iter().find(|l| l.plate == *q) {
            None => v.plates.contains(q) && own.iter().all(|l| l.plate != *q),
            Some(l) if own.is_empty() => v.plates.contains(&l.rows),
            Some(l) => own.contains(l) || self.told_by(own, l).is_some(),
        })
    }

    /// How elements of `v` look up those of `u`, once `t` is added up by element of `v`, which it looks up by `own`.
    pub fn left_of(&self, u: &Discrete, t: &Term, own: &[Arc<Lookup>]) -> Left {
        let left = |l: &Arc<Lookup>| {
            if own.is_empty() {
                return Some((l.rows, l.plate, l.at.iter().map(|at| Some(*at)).collect()));
            }
            // The same: their elements stand at the same place now.
            if own.contains(l) {
                return None;
            }
            Some((own[0].plate, l.plate, self.told_by(own, l)?))
        };
        Left(of(u, t).iter().filter_map(left).collect())
    }

    /// What `own` leads to looks up what `l` does.
    fn told_by(&self, own: &[Arc<Lookup>], l: &Lookup) -> Option<Vec<Option<u32>>> {
        let [first] = own else { return None };
        if first.rows == l.rows { beyond(first, l, self.size(first.plate)) } else { None }
    }
}

fn of<'t>(v: &Discrete, t: &'t Term) -> &'t [Arc<Lookup>] {
    t.lookups.get(&v.values).map_or(&[], Vec::as_slice)
}
