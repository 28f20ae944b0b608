//! What is to be computed for every lane: the graph's nodes, some of them fused.

use super::kernels::map::Ternary;
use crate::ir::{Binary, DimId, Graph, NodeId, Op, Unary};
use crate::layout::reachable;

/// How a node is computed.
#[derive(Clone, Debug)]
pub enum Code {
    /// As the graph says.
    Plain(Op),
    /// `a` over more dimensions: a product with ones.
    Expand,
    /// A product and a sum in one.
    Fused(Ternary),
    /// A sum of terms over one dimension; plain terms have one argument, the others two.
    Affine(Vec<AffineTerm>),
    /// The sum of squares over dimensions.
    SumOfSquares(Vec<DimId>),
    /// Two nodes from one argument, this one the earlier of them.
    Twin(TwinOp, [NodeId; 2]),
    /// The other result of a twin, its argument.
    SecondOf,
}

/// Pairs of functions that share most of their work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TwinOp {
    SoftplusSigmoid,
    SinCos,
}

/// What a term of an affine sum is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermKind {
    /// `x`
    Plain,
    /// `(lane scalar, draw-free column)`: their product.
    Scaled,
    /// `(x, index)`
    Gather,
}

#[derive(Clone, Copy, Debug)]
pub struct AffineTerm {
    pub kind: TermKind,
    pub negative: bool,
}

#[derive(Clone, Debug)]
pub struct Item {
    pub code: Code,
    pub args: Vec<NodeId>,
}

/// The lifted nodes that the outputs need, by node.
pub struct Items<'a> {
    pub graph: &'a Graph,
    item: Vec<Option<Item>>,
    uses: Vec<u32>,
    lifted: Vec<bool>,
}

impl<'a> Items<'a> {
    /// `lifted` tells which nodes have a value per lane.
    pub fn new(graph: &'a Graph, lifted: Vec<bool>, outputs: &[NodeId]) -> Items<'a> {
        let n = graph.nodes().len();
        let mut items = Items { graph, item: vec![None; n], uses: vec![0; n], lifted };
        for n in reachable(graph, outputs) {
            if !items.lifted[n.index()] {
                continue;
            }
            let node = graph.node(n);
            let mut item = Item { code: Code::Plain(node.op.clone()), args: node.args.clone() };
            if node.op == Op::Binary(Binary::Mul) {
                let ones = |a: NodeId| matches!(graph.node(a).op, Op::Ones(_));
                if let Some(k) = (0..2).find(|&k| ones(node.args[k])) {
                    item = Item { code: Code::Expand, args: vec![node.args[1 - k]] };
                }
            }
            items.item[n.index()] = Some(item);
        }
        for i in 0..n {
            let args = items.item[i].as_ref().map_or(Vec::new(), |item| item.args.clone());
            args.iter().for_each(|a| items.uses[a.index()] += 1);
        }
        outputs.iter().for_each(|o| items.uses[o.index()] += 1);
        items
    }

    /// Every item, in topological order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.item.len() as u32).map(NodeId).filter(|n| self.item[n.index()].is_some())
    }

    pub fn get(&self, n: NodeId) -> Option<&Item> {
        self.item[n.index()].as_ref()
    }

    /// The item of a lifted node.
    pub fn of(&self, n: NodeId) -> &Item {
        self.get(n).expect("a lifted, needed node")
    }

    pub fn is_lifted(&self, n: NodeId) -> bool {
        self.lifted[n.index()]
    }

    pub fn uses(&self, n: NodeId) -> u32 {
        self.uses[n.index()]
    }

    /// The arguments of `n` if it is this unary op.
    pub fn unary(&self, n: NodeId, op: Unary) -> Option<NodeId> {
        match self.get(n) {
            Some(Item { code: Code::Plain(Op::Unary(o)), args }) if *o == op => Some(args[0]),
            _ => None,
        }
    }

    /// The arguments of `n` if it is this binary op.
    pub fn binary(&self, n: NodeId, op: Binary) -> Option<[NodeId; 2]> {
        match self.get(n) {
            Some(Item { code: Code::Plain(Op::Binary(o)), args }) if *o == op => Some([args[0], args[1]]),
            _ => None,
        }
    }

    /// Computes `n` otherwise; an argument nobody else uses is no longer computed.
    pub fn replace(&mut self, n: NodeId, code: Code, args: Vec<NodeId>) {
        args.iter().for_each(|a| self.uses[a.index()] += 1);
        let old = self.item[n.index()].replace(Item { code, args });
        old.into_iter().flat_map(|item| item.args).for_each(|a| self.release(a));
    }

    fn release(&mut self, n: NodeId) {
        self.uses[n.index()] -= 1;
        if self.uses[n.index()] == 0
            && let Some(item) = self.item[n.index()].take()
        {
            item.args.into_iter().for_each(|a| self.release(a));
        }
    }
}
