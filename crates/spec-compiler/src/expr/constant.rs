//! The value of an expression without names (but `pi`): `1e-8`, `4 * 1000`, `2^10`, `exp(1)`.

use super::{Arg, BinaryOp, Expr, ExprKind, UnaryOp};
use crate::source::Span;

/// The name of 3.14159..., which nothing else can have.
pub const CONSTANT: &str = "pi";

/// The part of an expression that has no value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotConstant(pub Span);

/// Evaluates numbers, `pi`, signs, `+ - * / ^` and `exp`, `log`, `sqrt` in 64-bit floats. Division by
/// zero and overflow give what IEEE 754 says; the place that asks checks its range.
///
/// # Errors
/// [`NotConstant`] with the first part that is anything else, such as a name.
pub fn constant(expr: &Expr) -> Result<f64, NotConstant> {
    match &expr.kind {
        ExprKind::Number(value) => Ok(*value),
        ExprKind::Name(name) if name.name == CONSTANT && name.primes == 0 => Ok(std::f64::consts::PI),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => Ok(-constant(operand)?),
        ExprKind::Binary { op, left, right } => {
            let apply: fn(f64, f64) -> f64 = match op {
                BinaryOp::Add => |a, b| a + b,
                BinaryOp::Sub => |a, b| a - b,
                BinaryOp::Mul => |a, b| a * b,
                BinaryOp::Div => |a, b| a / b,
                BinaryOp::Pow => f64::powf,
                _ => return Err(NotConstant(expr.span)),
            };
            Ok(apply(constant(left)?, constant(right)?))
        }
        ExprKind::Call { function, args } => {
            let apply: fn(f64) -> f64 = match function.name.as_str() {
                "exp" => f64::exp,
                "log" => f64::ln,
                "sqrt" => f64::sqrt,
                _ => return Err(NotConstant(function.span)),
            };
            match args.as_slice() {
                [Arg { name: None, value }] => Ok(apply(constant(value)?)),
                _ => Err(NotConstant(expr.span)),
            }
        }
        _ => Err(NotConstant(expr.span)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse_expr;
    use crate::yaml::Text;

    #[test]
    fn arithmetic_without_names_has_a_value() {
        let value = |text: &str| constant(&parse_expr(&Text::verbatim(text, 0)).unwrap());
        assert_eq!(value("-2^2 + 4 * 1000"), Ok(3996.0));
        assert_eq!(value("2^-1 / sqrt(4)"), Ok(0.25));
        assert_eq!(value("2^3^2"), Ok(512.0));
        assert_eq!(value("2 * pi"), Ok(std::f64::consts::TAU));
        assert_eq!(value("8 - 4 - 2"), Ok(2.0));
        assert_eq!(value("2 * n"), Err(NotConstant(Span::new(4, 5))));
        assert!(value("exp(1, 2)").is_err());
    }
}
