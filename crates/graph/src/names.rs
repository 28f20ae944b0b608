//! The name of every op, as printed and parsed.

use crate::ir::{Binary, Op, Reduction, Unary};

/// One table for unary ops: the variant and its word.
pub const UNARY: &[(Unary, &str)] = &[
    (Unary::Neg, "neg"),
    (Unary::Abs, "abs"),
    (Unary::Sign, "sign"),
    (Unary::Recip, "recip"),
    (Unary::Sqrt, "sqrt"),
    (Unary::Square, "square"),
    (Unary::Exp, "exp"),
    (Unary::Ln, "ln"),
    (Unary::Log1p, "log1p"),
    (Unary::Expm1, "expm1"),
    (Unary::Tanh, "tanh"),
    (Unary::Sigmoid, "sigmoid"),
    (Unary::Softplus, "softplus"),
    (Unary::Sin, "sin"),
    (Unary::Cos, "cos"),
    (Unary::Erf, "erf"),
    (Unary::Erfc, "erfc"),
    (Unary::LogNdtr, "log_ndtr"),
    (Unary::Lgamma, "lgamma"),
    (Unary::Digamma, "digamma"),
    (Unary::Trigamma, "trigamma"),
    (Unary::Floor, "floor"),
    (Unary::Not, "not"),
    (Unary::Detach, "detach"),
];

/// One table for binary ops.
pub const BINARY: &[(Binary, &str)] = &[
    (Binary::Add, "add"),
    (Binary::Sub, "sub"),
    (Binary::Mul, "mul"),
    (Binary::Div, "div"),
    (Binary::Pow, "pow"),
    (Binary::Max, "max"),
    (Binary::Min, "min"),
    (Binary::Lt, "lt"),
    (Binary::Le, "le"),
    (Binary::Eq, "eq"),
];

/// One table for reductions.
pub const REDUCTIONS: &[(Reduction, &str)] =
    &[(Reduction::Sum, "sum"), (Reduction::Max, "reduce_max"), (Reduction::Min, "reduce_min")];

fn word<T: PartialEq>(table: &[(T, &'static str)], op: &T) -> &'static str {
    table.iter().find(|(o, _)| o == op).map_or("?", |(_, w)| w)
}

impl Op {
    /// The op's word in the text form.
    pub fn name(&self) -> &str {
        match self {
            Op::Const(_) => "const",
            Op::Input(_) => "input",
            Op::Size(_) => "size",
            Op::Iota(_) => "iota",
            Op::Ones(_) => "ones",
            Op::Unary(u) => word(UNARY, u),
            Op::Binary(b) => word(BINARY, b),
            Op::Select => "select",
            Op::Reduce(r, _) => word(REDUCTIONS, r),
            Op::Contract { .. } => "contract",
            Op::Gather => "gather",
            Op::ScatterAdd => "scatter_add",
            Op::Element { .. } => "element",
            Op::Place { .. } => "place",
            Op::Slice { .. } => "slice",
            Op::Pad { .. } => "pad",
            Op::Concat { .. } => "concat",
            Op::Shift { .. } => "shift",
            Op::Rename(_) => "rename",
            Op::Filter { .. } => "filter",
            Op::Cholesky { .. } => "cholesky",
            Op::TriSolve { .. } => "tri_solve",
            Op::GramFactor { .. } => "gram_factor",
            Op::Scan(_) => "scan",
            Op::Foreign(f) => f.0.name(),
            Op::Output(_) => "output",
        }
    }
}
