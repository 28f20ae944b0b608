//! An expression as the text that parses to it, with no bracket that is not needed.

use std::fmt;

use super::{Arg, BinaryOp, Declaration, DimName, Expr, ExprKind, Index, UnaryOp, binding};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => f.write_str(&number(*value)),
            ExprKind::Text(text) => f.write_str(&quoted(text)),
            ExprKind::Name(name) => name.fmt(f),
            ExprKind::Unit(unit) => f.write_str(&written_unit(unit)),
            ExprKind::Member { base, member } => {
                match base.kind {
                    // `3.mu` would be read as a number.
                    ExprKind::Number(_) => write!(f, "({base})")?,
                    _ => bracketed(f, base, binding::ATOM)?,
                }
                write!(f, ".{}", member.name)
            }
            ExprKind::Call { function, args } => {
                write!(f, "{}(", function.name)?;
                list(f, args)?;
                f.write_str(")")
            }
            ExprKind::Index { base, indices } => {
                bracketed(f, base, binding::ATOM)?;
                f.write_str("[")?;
                list(f, indices)?;
                f.write_str("]")
            }
            ExprKind::Unary { op, operand } => match op {
                UnaryOp::Neg => {
                    f.write_str("-")?;
                    bracketed(f, operand, binding::NEG)
                }
                UnaryOp::Not => {
                    f.write_str("not ")?;
                    bracketed(f, operand, binding::NOT)
                }
            },
            ExprKind::Binary { op, left, right } => {
                let (least_left, least_right) = op.operands();
                bracketed(f, left, least_left)?;
                match op {
                    BinaryOp::Pow => f.write_str("^")?,
                    _ => write!(f, " {} ", op.symbol())?,
                }
                // A prefix minus needs no brackets on the right: `a^-b`, `a * -b`.
                let least_right = match &right.kind {
                    ExprKind::Unary { op: UnaryOp::Neg, .. } => 0,
                    _ => least_right,
                };
                bracketed(f, right, least_right)
            }
            ExprKind::Array(items) => {
                f.write_str("[")?;
                list(f, items)?;
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for DimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        (0..self.primes).try_for_each(|_| f.write_str("'"))
    }
}

impl fmt::Display for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            write!(f, "{}.", table.name)?;
        }
        f.write_str(&self.name.name)?;
        if self.dims.is_empty() {
            return Ok(());
        }
        f.write_str("[")?;
        list(f, &self.dims)?;
        f.write_str("]")
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}={}", name.name, self.value),
            None => self.value.fmt(f),
        }
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Index::Lookup(value) => value.fmt(f),
            Index::Element { dim, value } => write!(f, "{dim}={value}"),
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

fn bracketed(f: &mut fmt::Formatter<'_>, expr: &Expr, least: u8) -> fmt::Result {
    let own = match &expr.kind {
        ExprKind::Unary { op: UnaryOp::Neg, .. } => binding::NEG,
        ExprKind::Unary { op: UnaryOp::Not, .. } => binding::NOT,
        ExprKind::Binary { op, .. } => op.binding(),
        _ => binding::ATOM,
    };
    if own < least { write!(f, "({expr})") } else { write!(f, "{expr}") }
}

/// A unit, `mM/min`, as it stands in an expression: without blanks, where it is made of names.
pub(crate) fn written_unit(unit: &Expr) -> String {
    fn is_quotient(e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Name(_) | ExprKind::Number(_) => true,
            ExprKind::Unary { op, operand } => *op == UnaryOp::Neg && is_quotient(operand),
            ExprKind::Binary { op, left, right } => {
                let simple = matches!(op, BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow);
                simple && is_quotient(left) && is_quotient(right)
            }
            _ => false,
        }
    }
    let text = unit.to_string();
    if is_quotient(unit) { text.split_whitespace().collect() } else { text }
}

/// The shortest digits that are read back as the same float; whole numbers without a point.
pub(crate) fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 { format!("{value:.0}") } else { format!("{value:?}") }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
