//! Expressions: numbers, names, calls, lookups and operators, each with its place in the spec.

mod constant;
mod parse;
mod print;
mod token;

use crate::source::Span;
pub use constant::{CONSTANT, NotConstant, constant};
pub use parse::{parse_declaration, parse_dim_name, parse_expr};
pub(crate) use print::written_unit;

/// Brackets and prefix operators inside each other.
pub const MAX_NESTING: usize = 100;
/// The height of an expression's tree, so that recursion over it is safe on a small stack.
pub const MAX_HEIGHT: usize = 500;
/// Tokens of one expression.
pub const MAX_TOKENS: usize = 50_000;

#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    /// Finite, and not negative: a sign is [`UnaryOp::Neg`].
    Number(f64),
    /// A quoted text, for levels that are no names: `county == 'New York'`.
    Text(String),
    /// A variable, column, dimension (`state'`), level or constant, whichever the place asks for.
    Name(DimName),
    /// `table.column`, `encoder(x).mu`
    Member {
        base: Box<Expr>,
        member: Ident,
    },
    /// `normal(mu, sd=1)`. Positional arguments come first; names are unique.
    Call {
        function: Ident,
        args: Vec<Arg>,
    },
    /// `alpha[county]`, `theta[i=2]`; at least one index.
    Index {
        base: Box<Expr>,
        indices: Vec<Index>,
    },
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// The unit of `convert(x, mM/min)`, as an expression of names, or a quoted text.
    Unit(Box<Expr>),
    /// `[[4, 2], [2, 4]]`, an interval `[lo, hi]`; may be empty.
    Array(Vec<Expr>),
}

/// A name with its place. Letters, digits and `_`, not beginning with a digit.
#[derive(Clone, Debug)]
pub struct Ident {
    pub name: String,
    pub span: Span,
}

/// A name with as many primes as were written: `state`, `state'`.
#[derive(Clone, Debug)]
pub struct DimName {
    pub name: String,
    pub primes: u8,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Expr,
}

#[derive(Clone, Debug)]
pub enum Index {
    /// `[county]`: each row's level.
    Lookup(Expr),
    /// `[part=2]`: one element or level of a dimension.
    Element { dim: DimName, value: Expr },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    Neg,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Sub,
    Mul,
    Div,
    /// `@`, the contraction over a shared dimension.
    Contract,
    Pow,
}

/// The left of a colon: `sigma`, `theta[school]`, `alpha[state, state']`.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The table of an observed column, where it is said.
    pub table: Option<Ident>,
    pub name: Ident,
    /// Distinct; empty without brackets.
    pub dims: Vec<DimName>,
    pub span: Span,
}

/// How tightly an operator binds; a larger number binds tighter.
pub(crate) mod binding {
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const ADD: u8 = 5;
    pub const MUL: u8 = 6;
    pub const NEG: u8 = 7;
    pub const POW: u8 = 8;
    pub const ATOM: u8 = 9;
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "or",
            BinaryOp::And => "and",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Contract => "@",
            BinaryOp::Pow => "^",
        }
    }

    pub fn is_comparison(self) -> bool {
        self.binding() == binding::COMPARE
    }

    pub(crate) fn binding(self) -> u8 {
        match self {
            BinaryOp::Or => binding::OR,
            BinaryOp::And => binding::AND,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Less
            | BinaryOp::LessEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterEqual => binding::COMPARE,
            BinaryOp::Add | BinaryOp::Sub => binding::ADD,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Contract => binding::MUL,
            BinaryOp::Pow => binding::POW,
        }
    }

    /// The least binding of an operand that needs no brackets: left, right.
    pub(crate) fn operands(self) -> (u8, u8) {
        let own = self.binding();
        match self {
            BinaryOp::Pow => (own + 1, own),
            _ if self.is_comparison() => (own + 1, own + 1),
            _ => (own, own + 1),
        }
    }
}

impl Expr {
    /// The direct parts, from left to right.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            // The names in a unit are none of the model.
            ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::Name(_) | ExprKind::Unit(_) => Vec::new(),
            ExprKind::Member { base, .. } => vec![base],
            ExprKind::Call { args, .. } => args.iter().map(|arg| &arg.value).collect(),
            ExprKind::Index { base, indices } => {
                let values = indices.iter().map(|index| match index {
                    Index::Lookup(value) | Index::Element { value, .. } => value,
                });
                std::iter::once(&**base).chain(values).collect()
            }
            ExprKind::Unary { operand, .. } => vec![operand],
            ExprKind::Binary { left, right, .. } => vec![left, right],
            ExprKind::Array(items) => items.iter().collect(),
        }
    }

    /// The name, where the expression is nothing but a name without primes.
    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) if name.primes == 0 => Some(&name.name),
            _ => None,
        }
    }
}
