//! The values of nodes: of data once, of everything else for a block of draws at a time.

use std::collections::HashMap;

use graph::interpret::evaluate;
use graph::ir::{Graph, NodeId, Varies};
use graph::program::{Options, PlanError, Program, Workspace};
use graph::value::{Bindings, Value};
use numerics::lanes::{LANES, Lanes};

/// Where the elements of a node begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Fixed(usize),
    Lane(usize),
}

/// The values of nodes for a block of draws.
pub struct Values {
    places: HashMap<NodeId, Place>,
    fixed: Vec<f64>,
    out: Lanes,
}

impl Values {
    /// The values of `nodes` for one draw, whose inputs are all in `bindings`.
    pub fn new(graph: &Graph, nodes: &[NodeId], bindings: &Bindings) -> Result<Values, PlanError> {
        let (mut places, mut fixed) = (HashMap::new(), Vec::new());
        for (&n, value) in nodes.iter().zip(evaluate(graph, nodes, bindings)?) {
            places.insert(n, Place::Fixed(fixed.len()));
            match value {
                Value::Real(v) => fixed.extend(v),
                Value::Index(v) => fixed.extend(v.into_iter().map(f64::from)),
            }
        }
        Ok(Values { places, fixed, out: Lanes::zeros(0, 1) })
    }

    /// Room for the values of nodes that have so many elements, to be [set](Values::set).
    pub fn blank(nodes: impl Iterator<Item = (NodeId, usize)>) -> Values {
        let (mut places, mut n) = (HashMap::new(), 0);
        for (node, len) in nodes {
            places.entry(node).or_insert_with(|| {
                n += len;
                Place::Fixed(n - len)
            });
        }
        Values { places, fixed: vec![0.0; n], out: Lanes::zeros(0, 1) }
    }

    /// Sets an element of a node that does not vary by lane.
    pub fn set(&mut self, n: NodeId, element: usize, value: f64) {
        if let Place::Fixed(start) = self.places[&n] {
            self.fixed[start + element] = value;
        }
    }

    pub fn place(&self, n: NodeId) -> Place {
        self.places[&n]
    }

    /// The values in one lane.
    pub fn lane(&self, lane: usize) -> Reader<'_> {
        let tile = if self.out.n() > 0 { self.out.tile(lane / LANES) } else { &[] };
        Reader { fixed: &self.fixed, tile, lane: lane % LANES }
    }
}

/// Nodes with the program that computes them.
pub struct Nodes {
    values: Values,
    program: Option<(Program, Workspace)>,
}

impl Nodes {
    /// Plans `nodes`; those that are data are computed now.
    pub fn new(
        graph: &Graph,
        nodes: &[NodeId],
        bindings: &Bindings,
        options: &Options,
    ) -> Result<Nodes, PlanError> {
        let mut sorted = nodes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let (data, lane): (Vec<NodeId>, Vec<NodeId>) =
            sorted.into_iter().partition(|&n| graph.varies(n) == Varies::Data);
        let mut values = Values::new(graph, &data, bindings)?;
        if lane.is_empty() {
            return Ok(Nodes { values, program: None });
        }
        let program = Program::compile(graph, &lane, bindings, options)?;
        for (k, &n) in lane.iter().enumerate() {
            values.places.insert(n, Place::Lane(program.output_range(k).start));
        }
        let workspace = program.workspace();
        Ok(Nodes { values, program: Some((program, workspace)) })
    }

    /// Elements that vary by draw.
    pub fn n_out(&self) -> usize {
        self.program.as_ref().map_or(0, |(p, _)| p.n_out())
    }

    /// All for the draws `z`; a failed draw is NaN.
    pub fn eval(&mut self, z: &Lanes) -> &Values {
        if let Some((program, workspace)) = &mut self.program {
            let out = &mut self.values.out;
            if out.lanes() != z.lanes() || out.n() != program.n_out() {
                *out = Lanes::zeros(program.n_out(), z.lanes());
            }
            program.eval(workspace, &[], z, out, &mut Vec::new());
        }
        &self.values
    }
}

/// The values of one draw.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    fixed: &'a [f64],
    tile: &'a [f64],
    lane: usize,
}

impl Reader<'_> {
    #[inline]
    pub fn get(&self, place: Place, element: usize) -> f64 {
        match place {
            Place::Fixed(start) => self.fixed[start + element],
            Place::Lane(start) => self.tile[(start + element) * LANES + self.lane],
        }
    }
}
