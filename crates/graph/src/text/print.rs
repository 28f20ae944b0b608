//! Graph to text.

use std::collections::HashMap;
use std::fmt::Write;

use crate::derivative::ancestors;
use crate::ir::{DimId, Graph, Kind, NodeId, Op, Role, Scan, Size, Ty, Varies};

impl Graph {
    /// The text form of what `outputs` need; see [`crate::text`].
    pub fn print(&self, outputs: &[NodeId]) -> String {
        let masks =
            self.dims().iter().filter_map(|d| if let Size::Count(m) = d.size { Some(m) } else { None });
        let needed: Vec<NodeId> = outputs.iter().copied().chain(masks).collect();
        let mut p = Printer { dims: self, out: String::new() };
        let number = numbers(self, &needed);
        for d in self.dims() {
            let role = match d.role {
                Role::Row => "row",
                Role::Plain => "plain",
            };
            let size = match d.size {
                Size::Fixed(n) => n.to_string(),
                Size::Bound => "?".into(),
                Size::Count(m) => format!("count %{}", number[&m]),
            };
            p.line(0, &format!("dim {}: {role} = {size}", quoted(&d.name)));
        }
        p.graph(self, outputs, &number, 0);
        p.out
    }
}

/// A name as it is, or in quotes where it is no word.
pub fn quoted(name: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "_.'".contains(c);
    let starts = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if starts && name != "_" && name.chars().all(word) {
        return name.into();
    }
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub fn varies(v: Varies) -> &'static str {
    match v {
        Varies::Data => "data",
        Varies::Shared => "shared",
        Varies::Lane => "lane",
    }
}

/// The numbers of the nodes that are printed: those needed, and all inputs.
fn numbers(g: &Graph, needed: &[NodeId]) -> HashMap<NodeId, usize> {
    let live = ancestors(g, needed);
    let ids = (0..g.nodes().len() as u32).map(NodeId);
    ids.filter(|n| live[n.index()] || matches!(g.node(*n).op, Op::Input(_))).zip(0..).collect()
}

struct Printer<'a> {
    /// Whose dimension table names the dimensions.
    dims: &'a Graph,
    out: String,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        // A string takes whatever is written to it.
        let _ = writeln!(self.out, "{:1$}{text}", "", 2 * depth);
    }

    fn name(&self, d: DimId) -> String {
        quoted(&self.dims.dim(d).name)
    }

    fn names(&self, dims: &[DimId]) -> String {
        dims.iter().map(|&d| self.name(d)).collect::<Vec<_>>().join(", ")
    }

    fn ty(&self, ty: &Ty) -> String {
        let dims = self.names(&ty.dims);
        match ty.kind {
            Kind::Real => format!("[{dims}]"),
            Kind::Index(d) => format!("index({})[{dims}]", self.name(d)),
            Kind::Tuple => "tuple".into(),
        }
    }

    /// Inputs, nodes and results.
    fn graph(&mut self, g: &Graph, outputs: &[NodeId], number: &HashMap<NodeId, usize>, depth: usize) {
        for i in g.inputs() {
            self.line(depth, &format!("input {}: {} {}", quoted(&i.name), varies(i.varies), self.ty(&i.ty)));
        }
        if depth == 0 {
            self.line(0, "");
        }
        let list =
            |nodes: &[NodeId]| nodes.iter().map(|n| format!("%{}", number[n])).collect::<Vec<_>>().join(", ");
        for (i, node) in g.nodes().iter().enumerate() {
            let Some(k) = number.get(&NodeId(i as u32)) else { continue };
            let (op, ty) = (self.op(g, &node.op), self.ty(&node.ty));
            let args = if node.args.is_empty() { String::new() } else { format!(" {}", list(&node.args)) };
            let open = if matches!(node.op, Op::Scan(_)) { " {" } else { "" };
            self.line(depth, &format!("%{k} = {op}{args} : {ty}{open}"));
            if let Op::Scan(s) = &node.op {
                self.graph(&s.body, &s.outputs, &numbers(&s.body, &s.outputs), depth + 1);
                self.line(depth, "}");
            }
        }
        self.line(depth, &format!("return {}", list(outputs)));
    }

    /// The op's word and what it needs beside its arguments.
    fn op(&self, g: &Graph, op: &Op) -> String {
        let name = |d: &DimId| self.name(*d);
        let with = match op {
            Op::Const(x) => return format!("const {:?}", x.0),
            Op::Input(i) => return format!("input {}", quoted(&g.inputs()[i.0 as usize].name)),
            Op::Foreign(f) => return format!("foreign {}", quoted(f.0.name())),
            Op::Unary(_) | Op::Binary(_) | Op::LogTail(_) | Op::Select | Op::Gather | Op::ScatterAdd => {
                return op.name().into();
            }
            Op::Size(d) | Op::Iota(d) => name(d),
            Op::Ones(dims) => self.names(dims),
            Op::Reduce(_, over) | Op::Contract { over } => self.names(over),
            Op::Element { dim, at } | Op::Place { dim, at } => format!("{}, {at}", name(dim)),
            Op::Slice { dim, start, into } => format!("{}, {start}, {}", name(dim), name(into)),
            Op::Pad { from, start, dim } => format!("{}, {start}, {}", name(from), name(dim)),
            Op::Concat { parts, into } => {
                let parts: Vec<String> = parts.iter().map(|p| p.as_ref().map_or("_".into(), name)).collect();
                format!("{}; {}", name(into), parts.join(", "))
            }
            Op::Shift { dim, by, fill } => format!("{}, {by}, {:?}", name(dim), fill.0),
            Op::Rename(map) => {
                map.iter().map(|(a, b)| format!("{} -> {}", name(a), name(b))).collect::<Vec<_>>().join(", ")
            }
            Op::Filter { dim, into } => format!("{}, {}", name(dim), name(into)),
            Op::Cholesky { row, col } => format!("{}, {}", name(row), name(col)),
            Op::TriSolve { row, col, transposed } => {
                format!("{}, {}{}", name(row), name(col), if *transposed { ", transposed" } else { "" })
            }
            Op::GramFactor { over, row, col, grouped } => {
                let grouped = if *grouped { ", grouped" } else { "" };
                format!("{}, {}, {}{grouped}", name(over), name(row), name(col))
            }
            Op::Scan(s) => {
                let Scan { over, n_carry, n_step, reverse, .. } = &**s;
                let reverse = if *reverse { ", reverse" } else { "" };
                format!("{}, {n_carry}, {n_step}{reverse}", name(over))
            }
            Op::Output(k) => k.to_string(),
        };
        format!("{}({with})", op.name())
    }
}
