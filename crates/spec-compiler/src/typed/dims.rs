//! Dimensions with their sizes and labels.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

/// A dimension of the model, by position in [`Model::dims`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DimRef(pub usize);

/// A named dimension with its size, known since the data are read.
#[derive(Clone, Debug)]
pub struct ModelDim {
    /// With its primes.
    pub name: String,
    /// The table whose unlabelled rows it is.
    pub rows_of: Option<usize>,
    pub size: usize,
    /// Labels where it has them; otherwise elements count from 1.
    pub labels: Option<Labels>,
}

/// Labels of elements; copies of a dimension share them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labels(Arc<[String]>);

impl From<Vec<String>> for Labels {
    fn from(labels: Vec<String>) -> Labels {
        Labels(labels.into())
    }
}

impl Deref for Labels {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl serde::Serialize for Labels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl ModelDim {
    /// The label of element `i` (zero-based).
    pub fn label(&self, i: usize) -> String {
        match &self.labels {
            Some(l) => l[i].clone(),
            None => (i + 1).to_string(),
        }
    }

    /// The first labels, for messages: a dimension may have millions of elements.
    pub fn first_labels(&self) -> Vec<String> {
        (0..self.size.min(1000)).map(|i| self.label(i)).collect()
    }

    /// Finds elements by label.
    pub fn positions(&self) -> Positions<'_> {
        let labels = self.labels.as_ref();
        Positions {
            size: self.size,
            by_label: labels.map(|l| l.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect()),
        }
    }
}

/// The zero-based position of each label of a dimension.
pub struct Positions<'d> {
    size: usize,
    by_label: Option<HashMap<&'d str, usize>>,
}

impl Positions<'_> {
    pub fn of(&self, label: &str) -> Option<usize> {
        match &self.by_label {
            Some(labels) => labels.get(label).copied(),
            None => label.parse::<usize>().ok().filter(|n| (1..=self.size).contains(n)).map(|n| n - 1),
        }
    }
}
