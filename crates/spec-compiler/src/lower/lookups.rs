//! How the rows of a term find their elements of discrete variables that live on coarser plates: `mu[z[g]]`, for
//! `z` over the levels of the column `g`.

use std::sync::Arc;

use graph::ir::{DimId, Kind as NodeKind, NodeId, Varies};
use graph::value::Value;
use model::{Lookup, Lookups};

use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::lower::Lowering;
use crate::lower::discrete::{Discrete, Term};
use crate::typed::Met;

/// One lookup after another, as far as it leads to what has `plates`.
pub fn then(
    first: Option<&Arc<Lookup>>,
    next: Option<&Arc<Lookup>>,
    plates: &[DimId],
) -> Option<Arc<Lookup>> {
    match (first, next) {
        (Some(a), Some(b)) if a.plate == b.rows => Some(Arc::new(chained(a, b))),
        (Some(a), _) => plates.contains(&a.plate).then(|| a.clone()),
        (None, next) => next.cloned(),
    }
}

fn chained(a: &Lookup, b: &Lookup) -> Lookup {
    let at = a.at.iter().map(|&k| b.at[k as usize]).collect();
    Lookup { rows: a.rows, plate: b.plate, at }
}

/// The lookup that leads from where `first` does to where `whole` does, both of the same rows; `None` where rows that
/// come together there part.
fn beyond(first: &Lookup, whole: &Lookup) -> Option<Lookup> {
    let n = first.at.iter().max().map_or(0, |m| *m as usize + 1);
    let mut at: Vec<Option<u32>> = vec![None; n];
    for (&a, &b) in first.at.iter().zip(&whole.at) {
        if *at[a as usize].get_or_insert(b) != b {
            return None;
        }
    }
    let at = at.into_iter().map(|b| b.unwrap_or(0)).collect();
    Some(Lookup { rows: first.plate, plate: whole.plate, at })
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

    /// How a term finds its elements of `v`, where it looks them up.
    pub fn lookup_of(&self, v: &Discrete, t: &Term) -> Result<Option<Arc<Lookup>>, Diagnostic> {
        let all = of(v, t);
        let name_of = |d: DimId| self.graph.dim(d).name.as_str();
        if all.len() > 1 {
            let dims: Vec<&str> = all.iter().map(|l| name_of(l.plate)).collect();
            return Err(errors::discrete_looked_up(v.span, &v.name, &dims));
        }
        let found = |d: &DimId| match all.iter().find(|l| l.plate == *d) {
            Some(lookup) => t.plates.contains(&lookup.rows) && !t.plates.contains(d),
            None => t.plates.contains(d),
        };
        match v.plates.iter().find(|d| !found(d)) {
            Some(stray) => Err(errors::discrete_in_vector(v.span, &v.name, name_of(*stray))),
            None => Ok(all.first().cloned()),
        }
    }

    /// What `node`, which has the plates of `t`, adds up to by element of `v`.
    pub fn onto(&mut self, v: &Discrete, t: &Term, lookup: Option<&Lookup>, node: NodeId) -> NodeId {
        let rows = lookup.map(|l| l.rows);
        let is_inner = |d: &DimId| Some(*d) != rows && !v.plates.contains(d);
        let inner: Vec<DimId> = t.plates.iter().copied().filter(is_inner).collect();
        let node = self.graph.sum(node, &inner);
        match lookup {
            Some(lookup) => {
                let index = self.index_of(lookup);
                self.graph.scatter_add(node, index)
            }
            None => node,
        }
    }
}

fn of<'t>(v: &Discrete, t: &'t Term) -> &'t [Arc<Lookup>] {
    t.lookups.get(&v.values).map_or(&[], Vec::as_slice)
}

/// Does each element of `v` meet one of `u`, where both are in the term `t`?
pub fn goes_along(v: &Discrete, u: &Discrete, t: &Term) -> bool {
    if u.state().is_some() || (v.state().is_some() && !of(u, t).is_empty()) {
        return false;
    }
    u.plates.iter().all(|q| match (of(u, t).iter().find(|l| l.plate == *q), of(v, t).first()) {
        (None, None) => v.plates.contains(q),
        (None, Some(own)) => v.plates.contains(q) && own.plate != *q,
        (Some(l), None) => v.plates.contains(&l.rows),
        (Some(l), Some(own)) => l.rows == own.rows && beyond(own, l).is_some(),
    })
}

/// How elements of `u` are found once `t` is added up by element of another variable, whose elements it finds by
/// `own`.
pub fn left_of(u: &Discrete, t: &Term, own: Option<&Lookup>) -> Vec<Arc<Lookup>> {
    let left = |l: &Arc<Lookup>| match own {
        None => Some(l.clone()),
        Some(own) if *own == **l => None,
        Some(own) => beyond(own, l).map(Arc::new),
    };
    of(u, t).iter().filter_map(left).collect()
}
