//! That a graph is what its nodes say.

use crate::ir::{Graph, InputId, Kind, Op, Size, Varies};
use crate::types::{TypeError, infer};

/// The first thing wrong with a graph; node and dimension numbers are those of the graph, or of the
/// body of the scan that is named.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum CheckError {
    #[error("%{node} uses %{arg}, which is not made before it")]
    Order { node: u32, arg: u32 },
    #[error("%{node}: {error}")]
    Type { node: u32, error: TypeError },
    #[error("%{node} is marked {found}, but is {expected}")]
    Marked { node: u32, expected: String, found: String },
    #[error("input `{input}` has {found} nodes")]
    Input { input: String, found: usize },
    #[error("%{node} uses dimension {dim}, which does not exist")]
    Dim { node: u32, dim: u32 },
    #[error("dimension `{dim}`: {why}")]
    Size { dim: String, why: String },
    #[error("two {what} are called `{name}`")]
    Name { what: String, name: String },
    #[error("in the body of %{scan}: {error}")]
    Body { scan: u32, error: Box<CheckError> },
}

/// Checks names, that every dimension is known, topological order, that every node has the type and
/// variation its op gives it, that masks which rows are counted by are draw-free and exist, and the
/// bodies of scans likewise.
pub fn check(g: &Graph) -> Result<(), CheckError> {
    let repeated = |names: Vec<&String>, what: &str| {
        let twice = (0..names.len()).find(|&i| names[..i].contains(&names[i]));
        twice.map_or(Ok(()), |i| Err(CheckError::Name { what: what.into(), name: names[i].clone() }))
    };
    repeated(g.dims().iter().map(|d| &d.name).collect(), "dimensions")?;
    repeated(g.inputs().iter().map(|i| &i.name).collect(), "inputs")?;
    nodes(g, g.dims().len())?;
    for d in g.dims() {
        let Size::Count(mask) = d.size else { continue };
        let why = match g.nodes().get(mask.index()) {
            None => format!("counted by %{}, which does not exist", mask.0),
            Some(m) if m.varies != Varies::Data => {
                format!("counted by %{}, which differs from draw to draw", mask.0)
            }
            Some(m) if m.ty.kind != Kind::Real || m.ty.dims.len() != 1 => {
                format!("counted by %{}, which is no mask of one dimension", mask.0)
            }
            Some(_) => continue,
        };
        return Err(CheckError::Size { dim: d.name.clone(), why });
    }
    Ok(())
}

fn nodes(g: &Graph, n_dims: usize) -> Result<(), CheckError> {
    for (k, input) in g.inputs().iter().enumerate() {
        let op = Op::Input(InputId(k as u32));
        let found = g.nodes().iter().filter(|n| n.op == op).count();
        if found != 1 {
            return Err(CheckError::Input { input: input.name.clone(), found });
        }
    }
    for (i, node) in g.nodes().iter().enumerate() {
        let at = i as u32;
        if let Some(a) = node.args.iter().find(|a| a.index() >= i) {
            return Err(CheckError::Order { node: at, arg: a.0 });
        }
        if let Op::Scan(s) = &node.op {
            let body = |error| CheckError::Body { scan: at, error: Box::new(error) };
            nodes(&s.body, n_dims).map_err(body)?;
            let end = s.body.nodes().len();
            if let Some(o) = s.outputs.iter().find(|o| o.index() >= end) {
                return Err(body(CheckError::Order { node: end as u32, arg: o.0 }));
            }
        }
        let known = node.ty.dims.iter().chain(match &node.ty.kind {
            Kind::Index(d) => Some(d),
            _ => None,
        });
        if let Some(d) = known.into_iter().find(|d| d.index() >= n_dims) {
            return Err(CheckError::Dim { node: at, dim: d.0 });
        }
        let ty = infer(g, &node.op, &node.args).map_err(|error| CheckError::Type { node: at, error })?;
        if ty != node.ty {
            return Err(CheckError::Marked {
                node: at,
                expected: g.show_ty(&ty),
                found: g.show_ty(&node.ty),
            });
        }
        let varies = match &node.op {
            Op::Input(k) => g.inputs()[k.0 as usize].varies,
            _ => node.args.iter().map(|&a| g.varies(a)).max().unwrap_or(Varies::Data),
        };
        if varies != node.varies {
            let show = |v: Varies| format!("{v:?}").to_lowercase();
            return Err(CheckError::Marked { node: at, expected: show(varies), found: show(node.varies) });
        }
    }
    Ok(())
}
