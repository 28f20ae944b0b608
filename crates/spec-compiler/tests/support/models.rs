//! Specs compiled over tables in memory, and values of their graphs at given coordinates.

use std::path::Path;

use graph::ir::{Graph, NodeId};
use graph::value::{Bindings, Value};
use model::Target;
use spec_compiler::{Compiled, Source, compile, render};

use super::Tables;

/// The model of a spec without a mistake.
#[track_caller]
pub fn compiled(text: &str, tables: &Tables) -> Compiled {
    let source = Source::new("spec.yaml", text).unwrap();
    compile(&source, Path::new(""), tables).unwrap_or_else(|m| panic!("{}", render(&m, &source)))
}

/// What is said of a spec with mistakes.
#[track_caller]
pub fn mistakes(text: &str, tables: &Tables) -> String {
    let source = Source::new("spec.yaml", text).unwrap();
    match compile(&source, Path::new(""), tables) {
        Ok(_) => panic!("compiled:\n{text}"),
        Err(m) => render(&m, &source),
    }
}

/// The data of the target, its unconstrained coordinates at `u`, in their order.
pub fn at(t: &Target, u: &[f64]) -> Bindings {
    let mut b = t.bindings.clone();
    let mut rest = u;
    for s in &t.sites {
        let (own, next) = rest.split_at(s.coordinates.len());
        b.data.insert(s.name.clone(), Value::Real(own.to_vec()));
        rest = next;
    }
    assert!(rest.is_empty(), "{:?}", t.coordinates());
    b
}

/// The same with the coordinates of each latent by its name.
pub fn named(t: &Target, coordinates: &[(&str, &[f64])]) -> Bindings {
    let of = |s: &model::Site| {
        let given = coordinates.iter().find(|(name, _)| *name == s.name);
        let given = given.unwrap_or_else(|| panic!("{} is not given", s.name)).1;
        assert_eq!(s.coordinates.len(), given.len(), "{:?}", s.coordinates);
        given
    };
    at(t, &t.sites.iter().flat_map(of).copied().collect::<Vec<_>>())
}

/// The values of a real node, by the interpreter.
pub fn evaluate(graph: &Graph, node: NodeId, bindings: &Bindings) -> Vec<f64> {
    match graph::interpret::evaluate(graph, &[node], bindings).unwrap().remove(0) {
        Value::Real(v) => v,
        Value::Index(_) => unreachable!("the node is real"),
    }
}

/// The log joint density, by the interpreter.
pub fn log_joint(t: &Target, bindings: &Bindings) -> f64 {
    evaluate(&t.graph, t.log_joint, bindings)[0]
}

/// ln N(x; m, s).
pub fn normal(x: f64, m: f64, s: f64) -> f64 {
    -0.5 * ((x - m) / s).powi(2) - s.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
}
