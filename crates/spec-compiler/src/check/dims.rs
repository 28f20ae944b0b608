//! The dimensions of a model, by position and by name.

use std::collections::HashMap;
use std::ops::Index;

use crate::typed::{DimRef, ModelDim};

/// Grows as dimensions are met; a name stands for one dimension.
#[derive(Clone, Debug, Default)]
pub struct Dims {
    all: Vec<ModelDim>,
    by_name: HashMap<String, DimRef>,
}

impl Dims {
    pub fn find(&self, name: &str) -> Option<DimRef> {
        self.by_name.get(name).copied()
    }

    /// A dimension of a name that is not taken.
    pub fn add(&mut self, dim: ModelDim) -> DimRef {
        let d = DimRef(self.all.len());
        self.by_name.insert(dim.name.clone(), d);
        self.all.push(dim);
        d
    }

    /// The primed copy of a dimension, whose rows are not those of a table.
    pub fn prime(&mut self, d: DimRef) -> DimRef {
        let name = format!("{}'", self[d].name);
        match self.find(&name) {
            Some(p) => p,
            None => self.add(ModelDim { name, rows_of: None, ..self[d].clone() }),
        }
    }

    /// The dimension that `d` is a copy of, or `d` itself.
    pub fn unprimed(&self, d: DimRef) -> DimRef {
        self.find(self[d].name.trim_end_matches('\'')).unwrap_or(d)
    }

    /// `d` and `d'` where `dims` has both.
    pub fn pairs(&self, dims: &[DimRef]) -> Vec<(DimRef, DimRef)> {
        let primed = |&d: &DimRef| self.find(&format!("{}'", self[d].name)).map(|p| (d, p));
        dims.iter().filter_map(primed).filter(|(_, p)| dims.contains(p)).collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|d| d.name.clone()).collect()
    }

    /// `[school, k]`, or nothing for a scalar.
    pub fn show(&self, dims: &[DimRef]) -> String {
        crate::typed::show_dims(&self.all, dims)
    }

    /// How many elements an array over `dims` has, rows and other dimensions apart; as large as a
    /// number can be where it is larger.
    pub fn elements(&self, dims: &[DimRef]) -> (u64, u64) {
        let product = |rows: bool| {
            let sizes = dims.iter().filter(|d| self[**d].rows_of.is_some() == rows);
            sizes.fold(1_u64, |n, d| n.saturating_mul(self[*d].size as u64))
        };
        (product(true), product(false))
    }

    pub fn into_vec(self) -> Vec<ModelDim> {
        self.all
    }
}

impl Index<DimRef> for Dims {
    type Output = ModelDim;

    fn index(&self, d: DimRef) -> &ModelDim {
        &self.all[d.0]
    }
}

/// The union of two sorted lists, sorted.
pub fn union(a: &[DimRef], b: &[DimRef]) -> Vec<DimRef> {
    let mut out: Vec<DimRef> = a.iter().chain(b).copied().collect();
    out.sort();
    out.dedup();
    out
}
