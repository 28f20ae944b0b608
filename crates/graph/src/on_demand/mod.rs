//! Elements of nodes on demand: each is computed when it is asked for, once, from those that it needs.
//!
//! A series whose law reads its own past is drawn row after row, and every row needs some elements of
//! some nodes only. Here elements of *open* nodes are [given](OnDemand::give) one after the other; to
//! [ask](OnDemand::get) for what is not known yet tells which are missing. Of a [`Select`](Op::Select)
//! only the branch that is taken is needed, of a scan only the steps so far, each for itself; what
//! mixes elements (a factor of a matrix, a foreign op) needs all of its arguments. So all rows of a
//! table cost about as much as the interpreter takes for them at once, in whatever order they are
//! asked for.
//!
//! Values are those of [`interpret`], to the last bit.

mod operands;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::interpret;
use crate::ir::{DimId, Graph, Kind, NodeId, Op, Scan};
use crate::layout::{Sizes, reachable, stride_of};
use crate::program::PlanError;
use crate::value::{Bindings, Value};
use operands::Layout;

/// An element of an open node that has not been given.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Missing {
    pub node: NodeId,
    pub element: usize,
}

/// The elements of a graph's nodes, as far as they are known.
pub struct OnDemand<'g> {
    sizes: Sizes,
    /// By node of the graph: what depends on no open node.
    fixed: Vec<Option<Value>>,
    /// By node of the graph, where it is open: the values that it was bound to.
    open: HashMap<NodeId, Value>,
    /// Nodes of the graph that are read instead of others.
    instead: HashMap<NodeId, NodeId>,
    /// The graph, then the bodies of scans.
    sheets: Vec<Sheet<'g>>,
    /// By sheet and scan.
    bodies: HashMap<(usize, NodeId), usize>,
    /// The elements of the graph, then those of each step.
    frames: Vec<Frame>,
    /// By frame and scan: the frames of its steps.
    steps: HashMap<(usize, NodeId), Vec<Option<usize>>>,
    /// By frame and node: what is computed as a whole.
    wholes: HashMap<(usize, NodeId), Vec<Value>>,
    /// What has to be computed before what is below it.
    todo: Vec<At>,
    missing: Vec<Missing>,
}

/// A graph with where its elements are kept.
struct Sheet<'g> {
    graph: &'g Graph,
    /// By node: where its elements begin in a frame.
    starts: Vec<usize>,
    n: usize,
    layouts: Vec<Option<Rc<Layout>>>,
}

/// Elements of one evaluation of a sheet.
struct Frame {
    sheet: usize,
    /// The frame, scan and step that it is the body of.
    inside: Option<(usize, NodeId, usize)>,
    values: Vec<f64>,
    known: Vec<bool>,
}

#[derive(Clone, Copy)]
struct At {
    frame: usize,
    node: NodeId,
    element: usize,
}

/// Where an element is found.
enum Found {
    Value(f64),
    /// To be computed first.
    Todo(At),
    Missing(Missing),
}

impl<'g> OnDemand<'g> {
    /// Elements of the nodes `wanted` may be asked for, those of `open` are given, and those of the first
    /// of each two nodes in `instead` are those of the second, which must not depend on it; every other
    /// input is taken by name from the bindings, as are the first values of open nodes.
    ///
    /// # Errors
    /// As those of [`interpret::evaluate`].
    pub fn new(
        graph: &'g Graph,
        bindings: &Bindings,
        open: &[NodeId],
        instead: &[(NodeId, NodeId)],
        wanted: &[NodeId],
    ) -> Result<OnDemand<'g>, PlanError> {
        let sizes = Sizes::resolve(graph, bindings)?;
        let is_open: HashSet<NodeId> = open.iter().copied().collect();
        let instead: HashMap<NodeId, NodeId> = instead.iter().copied().collect();
        // What is computed element by element; the rest is at once.
        let mut waits = vec![false; graph.nodes().len()];
        for (n, node) in graph.nodes().iter().enumerate() {
            let id = NodeId(n as u32);
            let begins = is_open.contains(&id) || instead.contains_key(&id);
            waits[n] = begins || node.args.iter().any(|a| waits[a.index()]);
        }
        let mut seen = vec![false; graph.nodes().len()];
        let mut stack = wanted.to_vec();
        let (mut fixed, mut lazy) = (Vec::new(), Vec::new());
        while let Some(n) = stack.pop() {
            if std::mem::replace(&mut seen[n.index()], true) || is_open.contains(&n) {
                continue;
            }
            if let Some(&other) = instead.get(&n) {
                stack.push(other);
                continue;
            }
            match waits[n.index()] {
                true => {
                    lazy.push(n);
                    stack.extend(&graph.node(n).args);
                }
                false => fixed.push(n),
            }
        }
        sizes.check(graph, &lazy)?;
        let known = interpret::evaluate_sized(graph, &fixed, bindings, &sizes)?;
        let mut by_node: Vec<Option<Value>> = vec![None; graph.nodes().len()];
        fixed.iter().zip(known).for_each(|(n, v)| by_node[n.index()] = Some(v));
        let first = interpret::evaluate_sized(graph, open, bindings, &sizes)?;
        let open: HashMap<NodeId, Value> = open.iter().copied().zip(first).collect();
        lazy.extend(open.keys());
        let root = Sheet::new(graph, &sizes, lazy.into_iter());
        let frame = Frame::new(0, None, root.n);
        Ok(OnDemand {
            sizes,
            fixed: by_node,
            open,
            instead,
            sheets: vec![root],
            bodies: HashMap::new(),
            frames: vec![frame],
            steps: HashMap::new(),
            wholes: HashMap::new(),
            todo: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// Says what an element of an open node is; positions of an index as numbers.
    pub fn give(&mut self, node: NodeId, element: usize, value: f64) {
        debug_assert!(self.open.contains_key(&node), "an open node");
        self.frames[0].put(self.sheets[0].starts[node.index()] + element, value);
    }

    /// What an open node was bound to.
    pub fn bound(&self, node: NodeId, element: usize) -> f64 {
        number(&self.open[&node], element)
    }

    /// Element `element` of a wanted node.
    ///
    /// # Errors
    /// The elements of open nodes that it needs, as far as it could be told without them.
    pub fn get(&mut self, node: NodeId, element: usize) -> Result<f64, Vec<Missing>> {
        let asked = At { frame: 0, node, element };
        self.missing.clear();
        match self.find(asked) {
            Found::Value(x) => return Ok(x),
            Found::Missing(m) => return Err(vec![m]),
            Found::Todo(at) => self.todo.push(at),
        }
        while let Some(&at) = self.todo.last() {
            if self.is_known(at) {
                self.todo.pop();
                continue;
            }
            if self.compute(at) {
                continue;
            }
            if !self.missing.is_empty() {
                self.todo.clear();
                return Err(std::mem::take(&mut self.missing));
            }
        }
        match self.find(asked) {
            Found::Value(x) => Ok(x),
            _ => unreachable!("it has just been computed"),
        }
    }

    fn graph_of(&self, frame: usize) -> &'g Graph {
        self.sheets[self.frames[frame].sheet].graph
    }

    /// Follows inputs of bodies and results of scans to where an element is kept.
    fn find(&mut self, mut at: At) -> Found {
        loop {
            let graph = self.graph_of(at.frame);
            if at.frame == 0 {
                if let Some(value) = &self.fixed[at.node.index()] {
                    return Found::Value(number(value, at.element));
                }
                if let Some(&node) = self.instead.get(&at.node) {
                    at.node = node;
                    continue;
                }
                if self.open.contains_key(&at.node) {
                    let kept = self.sheets[0].starts[at.node.index()] + at.element;
                    return match self.frames[0].get(kept) {
                        Some(x) => Found::Value(x),
                        None => Found::Missing(Missing { node: at.node, element: at.element }),
                    };
                }
            }
            match &graph.node(at.node).op {
                Op::Input(id) => {
                    let (frame, scan, step) =
                        self.frames[at.frame].inside.expect("other inputs of the graph are fixed");
                    let node = self.graph_of(frame).node(scan);
                    let Op::Scan(s) = &node.op else { unreachable!("the body of a scan") };
                    let k = id.0 as usize;
                    if k < s.n_carry {
                        return self.kept(at);
                    }
                    let arg = node.args[k];
                    let element = match k < s.n_carry + s.n_step {
                        true => {
                            let dims = &graph.ty(at.node).dims;
                            self.at_step(dims, &self.graph_of(frame).ty(arg).dims, s, step, at.element)
                        }
                        false => at.element,
                    };
                    at = At { frame, node: arg, element };
                }
                Op::Output(k) => {
                    let tuple = graph.node(at.node).args[0];
                    let Op::Scan(s) = &graph.node(tuple).op else {
                        return match self.wholes.get(&(at.frame, tuple)) {
                            Some(all) => Found::Value(number(&all[*k], at.element)),
                            None => Found::Todo(At { node: tuple, element: 0, ..at }),
                        };
                    };
                    let n = self.sizes.of(s.over);
                    if *k < s.n_carry {
                        at = match (n, s.reverse) {
                            (0, _) => At { node: graph.node(tuple).args[*k], ..at },
                            (_, true) => self.inside(at, tuple, 0, s.outputs[*k]),
                            (_, false) => self.inside(at, tuple, n - 1, s.outputs[*k]),
                        };
                        continue;
                    }
                    let (step, element) = self.of_step(&graph.ty(at.node).dims, s, *k, at.element);
                    at = self.inside(At { element, ..at }, tuple, step, s.outputs[*k]);
                }
                op if operands::is_whole(op) => {
                    return match self.wholes.get(&(at.frame, at.node)) {
                        Some(all) => Found::Value(number(&all[0], at.element)),
                        None => Found::Todo(At { element: 0, ..at }),
                    };
                }
                _ => return self.kept(at),
            }
        }
    }

    fn kept(&self, at: At) -> Found {
        let frame = &self.frames[at.frame];
        match frame.get(self.sheets[frame.sheet].starts[at.node.index()] + at.element) {
            Some(x) => Found::Value(x),
            None => Found::Todo(at),
        }
    }

    fn is_known(&mut self, at: At) -> bool {
        match self.graph_of(at.frame).node(at.node).op {
            Op::Foreign(_) => self.wholes.contains_key(&(at.frame, at.node)),
            _ => matches!(self.find(at), Found::Value(_)),
        }
    }

    /// An argument's element, if it is known; else it is noted what has to come first.
    fn read(&mut self, at: At) -> Option<f64> {
        match self.find(at) {
            Found::Value(x) => return Some(x),
            Found::Todo(at) => self.todo.push(at),
            Found::Missing(m) => self.missing.push(m),
        }
        None
    }

    /// Computes an element whose arguments are known; false where some are not.
    fn compute(&mut self, at: At) -> bool {
        let graph = self.graph_of(at.frame);
        let node = graph.node(at.node);
        if operands::is_whole(&node.op) {
            return self.compute_whole(at);
        }
        let value = match node.op {
            Op::Input(id) => self.carry(at, id.0 as usize),
            _ => {
                let layout = self.layout(at.frame, at.node);
                layout.value(&node.op, at.element, &mut |k, element| {
                    self.read(At { frame: at.frame, node: node.args[k], element })
                })
            }
        };
        let Some(value) = value else { return false };
        let frame = &mut self.frames[at.frame];
        frame.put(self.sheets[frame.sheet].starts[at.node.index()] + at.element, value);
        true
    }

    /// What a step is handed on by the one before it.
    fn carry(&mut self, at: At, k: usize) -> Option<f64> {
        let (frame, scan, step) = self.frames[at.frame].inside.expect("only a body has carries");
        let node = self.graph_of(frame).node(scan);
        let Op::Scan(s) = &node.op else { unreachable!("the body of a scan") };
        let before = match s.reverse {
            true => (step + 1 < self.sizes.of(s.over)).then_some(step + 1),
            false => step.checked_sub(1),
        };
        let from = match before {
            None => At { frame, node: node.args[k], element: at.element },
            Some(t) => self.inside(At { frame, ..at }, scan, t, s.outputs[k]),
        };
        self.read(from)
    }

    fn compute_whole(&mut self, at: At) -> bool {
        let graph = self.graph_of(at.frame);
        let node = graph.node(at.node);
        let mut args = Vec::with_capacity(node.args.len());
        let mut complete = true;
        for &arg in &node.args {
            let n = self.sizes.count(&graph.ty(arg).dims);
            let mut values = Vec::with_capacity(n);
            for element in 0..n {
                values.extend(self.read(At { frame: at.frame, node: arg, element }));
            }
            complete &= values.len() == n;
            args.push(match graph.ty(arg).kind {
                Kind::Index(_) => Value::Index(values.into_iter().map(|x| x as u32).collect()),
                _ => Value::Real(values),
            });
        }
        if complete {
            let args: Vec<&Value> = args.iter().collect();
            let values = interpret::apply(graph, &self.sizes, at.node, &args);
            self.wholes.insert((at.frame, at.node), values);
        }
        complete
    }

    fn layout(&mut self, frame: usize, node: NodeId) -> Rc<Layout> {
        let sheet = &mut self.sheets[self.frames[frame].sheet];
        let (graph, sizes) = (sheet.graph, &self.sizes);
        let layout =
            sheet.layouts[node.index()].get_or_insert_with(|| Rc::new(Layout::of(graph, sizes, node)));
        layout.clone()
    }

    /// Where the element of `at` is in the body of a scan of the same frame.
    fn inside(&mut self, at: At, scan: NodeId, step: usize, node: NodeId) -> At {
        let key = (at.frame, scan);
        let n = {
            let Op::Scan(s) = &self.graph_of(at.frame).node(scan).op else { unreachable!("a scan") };
            self.sizes.of(s.over)
        };
        if let Some(frame) = self.steps.entry(key).or_insert_with(|| vec![None; n])[step] {
            return At { frame, node, ..at };
        }
        let sheet = self.body(self.frames[at.frame].sheet, scan);
        let frame = self.frames.len();
        self.frames.push(Frame::new(sheet, Some((at.frame, scan, step)), self.sheets[sheet].n));
        self.steps.get_mut(&key).expect("made above")[step] = Some(frame);
        At { frame, node, ..at }
    }

    fn body(&mut self, sheet: usize, scan: NodeId) -> usize {
        if let Some(&made) = self.bodies.get(&(sheet, scan)) {
            return made;
        }
        let graph = self.sheets[sheet].graph;
        let Op::Scan(s) = &graph.node(scan).op else { unreachable!("a scan") };
        let keeps = |n: &NodeId| match s.body.node(*n).op {
            Op::Input(id) => (id.0 as usize) < s.n_carry,
            Op::Output(_) => false,
            _ => s.body.ty(*n).kind != Kind::Tuple,
        };
        let nodes = reachable(&s.body, &s.outputs).into_iter().filter(keeps);
        let made = self.sheets.len();
        self.sheets.push(Sheet::new(&s.body, &self.sizes, nodes));
        self.bodies.insert((sheet, scan), made);
        made
    }

    /// The element of what is handed to a scan that its step sees as this one.
    fn at_step(&self, inside: &[DimId], outside: &[DimId], s: &Scan, step: usize, element: usize) -> usize {
        let strides = self.sizes.strides(outside);
        let along: Vec<usize> = inside.iter().map(|&d| stride_of(&strides, d)).collect();
        let counts: Vec<usize> = inside.iter().map(|&d| self.sizes.of(d)).collect();
        step * stride_of(&strides, s.over) + operands::offset(&counts, &along, element)
    }

    /// The step that an element of a scan's result `k` over `dims` comes from, and which it is there.
    fn of_step(&self, dims: &[DimId], s: &Scan, k: usize, element: usize) -> (usize, usize) {
        let inside = self.sizes.strides(&s.body.ty(s.outputs[k]).dims);
        let counts: Vec<usize> = dims.iter().map(|&d| self.sizes.of(d)).collect();
        let along: Vec<usize> = dims.iter().map(|&d| stride_of(&inside, d)).collect();
        let steps: Vec<usize> = dims.iter().map(|&d| usize::from(d == s.over)).collect();
        (operands::offset(&counts, &steps, element), operands::offset(&counts, &along, element))
    }
}

impl<'g> Sheet<'g> {
    /// Room for the elements of `nodes`.
    fn new(graph: &'g Graph, sizes: &Sizes, nodes: impl Iterator<Item = NodeId>) -> Sheet<'g> {
        let mut starts = vec![usize::MAX; graph.nodes().len()];
        let mut n = 0;
        for node in nodes {
            starts[node.index()] = n;
            n += sizes.count(&graph.ty(node).dims);
        }
        Sheet { graph, starts, n, layouts: vec![None; graph.nodes().len()] }
    }
}

impl Frame {
    fn new(sheet: usize, inside: Option<(usize, NodeId, usize)>, n: usize) -> Frame {
        Frame { sheet, inside, values: vec![0.0; n], known: vec![false; n] }
    }

    fn get(&self, element: usize) -> Option<f64> {
        self.known[element].then(|| self.values[element])
    }

    fn put(&mut self, element: usize, value: f64) {
        self.values[element] = value;
        self.known[element] = true;
    }
}

fn number(value: &Value, element: usize) -> f64 {
    match value {
        Value::Real(v) => v[element],
        Value::Index(v) => f64::from(v[element]),
    }
}
