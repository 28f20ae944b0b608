//! Tokens to an [`Expr`], by precedence climbing (Pratt 1973), and the left sides of colons.
//!
//! Tightest first: calls and brackets; `^` (right); unary minus; `@ * /` (left); `+ -`;
//! comparisons, which do not chain; `not`; `and`; `or`. So `-x^2` is `-(x^2)`.

use super::token::{Bracket, Token, tokens};
use super::{
    Arg, BinaryOp, Declaration, DimName, Expr, ExprKind, Ident, Index, MAX_HEIGHT, MAX_NESTING, UnaryOp,
    binding,
};
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::Span;
use crate::yaml::Text;

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// The expression that the whole text is.
///
/// # Errors
/// The first mistake of the text. Texts of any size and nesting are refused in linear time.
pub fn parse_expr(text: &Text) -> Result<Expr> {
    let mut parser = Parser::new(text)?;
    if *parser.peek() == Token::End {
        return fail(errors::empty_expression(parser.span()));
    }
    let tree = parser.expression(0)?;
    parser.end()?;
    Ok(tree.expr)
}

/// The left of a colon: a name, or a name over dimensions.
///
/// # Errors
/// Where it is not a name, a dimension is not a name, or a dimension stands there twice.
pub fn parse_declaration(text: &Text) -> Result<Declaration> {
    let start = text.as_str().trim_start();
    if !start.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        let span = text.span(0, text.as_str().len());
        return fail(errors::not_a_name(span, "the left of a colon", start));
    }
    if start.starts_with("for ") || start.starts_with("for(") {
        return fail(errors::no_loops(text.span(0, text.as_str().len())));
    }
    let mut parser = Parser::new(text)?;
    let mut name = parser.ident("a name")?;
    let mut table = None;
    if *parser.peek() == Token::Dot {
        parser.take();
        table = Some(std::mem::replace(&mut name, parser.ident("a column")?));
    }
    let mut dims: Vec<DimName> = Vec::new();
    if let Token::Open(Bracket::Square) = parser.peek() {
        let open = parser.take().1;
        loop {
            let dim = parser.dim_name("a dimension")?;
            let same = |known: &&DimName| known.name == dim.name && known.primes == dim.primes;
            if let Some(first) = dims.iter().find(same) {
                return fail(errors::repeated_dimension(&dim, first.span));
            }
            dims.push(dim);
            if !parser.comma_or_close(Bracket::Square, open)? {
                break;
            }
        }
    }
    if *parser.peek() != Token::End {
        return fail(errors::not_a_declaration(parser.span(), parser.shown()));
    }
    let span = parser.since(table.as_ref().unwrap_or(&name).span);
    Ok(Declaration { table, name, dims, span })
}

/// A dimension by itself: `state`, `state'`.
///
/// # Errors
/// Where the text is anything else.
pub fn parse_dim_name(text: &Text) -> Result<DimName> {
    let mut parser = Parser::new(text)?;
    let dim = parser.dim_name("a dimension")?;
    parser.end()?;
    Ok(dim)
}

fn fail<T>(mistake: Diagnostic) -> Result<T> {
    Err(Box::new(mistake))
}

/// An expression with the height of its tree.
struct Tree {
    expr: Expr,
    height: usize,
}

struct Parser<'t, 'a> {
    text: &'t Text<'a>,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
}

impl<'t, 'a> Parser<'t, 'a> {
    fn new(text: &'t Text<'a>) -> Result<Parser<'t, 'a>> {
        Ok(Parser { text, tokens: tokens(text)?, at: 0, depth: 0 })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Span {
        self.tokens[self.at].1
    }

    /// The place after the last character, for what is missing there.
    fn end_of_text(&self) -> Span {
        let trimmed = self.text.as_str().trim_end().len();
        Span::at(self.text.span(0, trimmed).end as usize)
    }

    fn take(&mut self) -> (Token, Span) {
        let taken = self.tokens[self.at].clone();
        // The last token is the end, which stays.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        taken
    }

    /// The next token as a reader would name it.
    fn shown(&self) -> String {
        match self.peek() {
            Token::End => "the end".to_string(),
            Token::Number(value) => format!("`{}`", super::print::number(*value)),
            Token::Text(text) => format!("'{text}'"),
            Token::Name(name, primes) => format!("`{name}{}`", "'".repeat((*primes).into())),
            Token::Not => "`not`".to_string(),
            Token::Op(op) => format!("`{}`", op.symbol()),
            Token::Assign => "`=`".to_string(),
            Token::Comma => "`,`".to_string(),
            Token::Dot => "`.`".to_string(),
            Token::Bar => "`|`".to_string(),
            Token::Open(bracket) => format!("`{}`", bracket.open()),
            Token::Close(bracket) => format!("`{}`", bracket.close()),
        }
    }

    /// Nothing may be left.
    fn end(&mut self) -> Result<()> {
        match self.peek() {
            Token::End => Ok(()),
            Token::Close(bracket) => fail(errors::stray_close(self.span(), bracket.close())),
            _ => fail(self.stray()),
        }
    }

    /// What stands where an operator or the end was expected.
    fn stray(&self) -> Diagnostic {
        let span = self.span();
        match self.peek() {
            Token::Assign => errors::single_equals(span),
            Token::Bar | Token::Open(Bracket::Curly) => errors::query_only(span, &self.shown()),
            Token::Comma => errors::stray_comma(span),
            _ if let Some(at) = self.conditional() => errors::no_conditional(at),
            next => {
                let before = self.at.checked_sub(1).map(|at| &self.tokens[at].0);
                let quantity = match (before, next) {
                    (Some(Token::Number(number)), Token::Name(unit, 0)) => Some((*number, unit.as_str())),
                    _ => None,
                };
                errors::missing_operator(span, &self.shown(), quantity)
            }
        }
    }

    /// Where a choice is written in words: `if c then a else b`, `a if c else b`.
    fn conditional(&self) -> Option<Span> {
        let is_if = |t: &Token| matches!(t, Token::Name(name, 0) if name == "if");
        self.tokens.iter().find(|(t, _)| is_if(t)).map(|(_, span)| *span)
    }

    fn tree(&self, kind: ExprKind, span: Span, below: usize) -> Result<Tree> {
        if below >= MAX_HEIGHT {
            return fail(errors::expression_too_deep(span));
        }
        Ok(Tree { expr: Expr { kind, span }, height: below + 1 })
    }

    /// An expression whose operators bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Tree> {
        if self.depth == MAX_NESTING {
            return fail(errors::expression_too_deep(self.span()));
        }
        self.depth += 1;
        let mut left = self.prefix(least)?;
        // Whether the loop itself built `left` as a comparison: one in brackets may be compared.
        let mut compared = false;
        while let Token::Op(op) = *self.peek() {
            let own = op.binding();
            if own < least {
                break;
            }
            let op_span = self.take().1;
            if op.is_comparison() && compared {
                return fail(errors::chained_comparison(op_span, left.expr.span));
            }
            compared = op.is_comparison();
            let right = self.expression(op.operands().1)?;
            let span = left.expr.span.to(right.expr.span);
            let below = left.height.max(right.height);
            let kind = ExprKind::Binary { op, left: Box::new(left.expr), right: Box::new(right.expr) };
            left = self.tree(kind, span, below)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self, least: u8) -> Result<Tree> {
        let start = self.span();
        let (op, operand) = match self.peek() {
            Token::Op(BinaryOp::Sub) => (UnaryOp::Neg, binding::NEG),
            Token::Op(BinaryOp::Add) => {
                self.take();
                return self.expression(binding::NEG);
            }
            Token::Not if least > binding::NOT => return fail(errors::bracket_not(start)),
            Token::Not => (UnaryOp::Not, binding::NOT),
            _ => return self.postfix(),
        };
        self.take();
        let operand = self.expression(operand)?;
        let span = start.to(operand.expr.span);
        let kind = ExprKind::Unary { op, operand: Box::new(operand.expr) };
        self.tree(kind, span, operand.height)
    }

    fn postfix(&mut self) -> Result<Tree> {
        let mut base = self.atom()?;
        loop {
            match self.peek() {
                Token::Dot => {
                    self.take();
                    let member = self.ident("the name of a column or output")?;
                    let span = base.expr.span.to(member.span);
                    let kind = ExprKind::Member { base: Box::new(base.expr), member };
                    base = self.tree(kind, span, base.height)?;
                }
                Token::Open(Bracket::Square) => {
                    let open = self.take().1;
                    let (indices, below) = self.indices(open)?;
                    let span = self.since(base.expr.span);
                    let height = base.height.max(below);
                    let kind = ExprKind::Index { base: Box::new(base.expr), indices };
                    base = self.tree(kind, span, height)?;
                }
                Token::Open(Bracket::Round) => {
                    if let ExprKind::Member { member, .. } = &base.expr.kind {
                        return fail(errors::module_call(self.span(), base.expr.span, &member.name));
                    }
                    return fail(errors::not_callable(self.span(), base.expr.span));
                }
                _ => return Ok(base),
            }
        }
    }

    fn atom(&mut self) -> Result<Tree> {
        let (token, span) = self.tokens[self.at].clone();
        match token {
            Token::Number(value) => {
                self.take();
                self.tree(ExprKind::Number(value), span, 0)
            }
            Token::Text(text) => {
                self.take();
                self.tree(ExprKind::Text(text), span, 0)
            }
            Token::Name(name, primes) => {
                self.take();
                if primes == 0 && *self.peek() == Token::Open(Bracket::Round) {
                    let open = self.take().1;
                    let (mut args, below) = self.args(open)?;
                    if let ("convert", Some(Arg { name: None, value })) = (name.as_str(), args.get_mut(1)) {
                        let (span, unit) = (value.span, Box::new(value.clone()));
                        *value = Expr { kind: ExprKind::Unit(unit), span };
                    }
                    let function = Ident { name, span };
                    return self.tree(ExprKind::Call { function, args }, self.since(span), below);
                }
                let name = DimName { name, primes, span };
                self.tree(ExprKind::Name(name), span, 0)
            }
            Token::Open(Bracket::Round) => {
                self.take();
                if *self.peek() == Token::Close(Bracket::Round) {
                    return fail(errors::empty_brackets(span.to(self.span())));
                }
                let mut inner = self.expression(0)?;
                self.close(Bracket::Round, span)?;
                inner.expr.span = self.since(span);
                Ok(inner)
            }
            Token::Open(Bracket::Square) => {
                self.take();
                let (items, below) = self.items(span)?;
                self.tree(ExprKind::Array(items), self.since(span), below)
            }
            _ => fail(self.missing_operand()),
        }
    }

    /// From `start` to the end of the token before this one.
    fn since(&self, start: Span) -> Span {
        start.to(self.tokens[self.at.saturating_sub(1)].1)
    }

    fn items(&mut self, open: Span) -> Result<(Vec<Expr>, usize)> {
        let (mut items, mut below) = (Vec::new(), 0);
        if *self.peek() == Token::Close(Bracket::Square) {
            self.take();
            return Ok((items, below));
        }
        loop {
            let item = self.expression(0)?;
            below = below.max(item.height);
            items.push(item.expr);
            if !self.comma_or_close(Bracket::Square, open)? {
                return Ok((items, below));
            }
        }
    }

    /// What stands where a number, name or bracket was expected.
    fn missing_operand(&self) -> Diagnostic {
        let span = match self.peek() {
            Token::End => self.end_of_text(),
            _ => self.span(),
        };
        let before = self.at.checked_sub(1).map(|before| &self.tokens[before]);
        match (self.peek(), before) {
            (Token::Assign, _) => errors::single_equals(span),
            (Token::Comma | Token::Close(_), Some((Token::Comma, comma))) => {
                errors::missing_argument(span, *comma)
            }
            (Token::Comma, Some((Token::Open(_), open))) => errors::missing_argument(span, *open),
            (Token::Close(bracket), None) => errors::stray_close(span, bracket.close()),
            (_, Some((Token::Op(op), place))) => {
                errors::missing_operand(span, op.symbol(), *place, &self.shown())
            }
            (Token::Bar | Token::Open(Bracket::Curly), _) => errors::query_only(span, &self.shown()),
            _ => errors::expected_value(span, &self.shown()),
        }
    }

    fn args(&mut self, open: Span) -> Result<(Vec<Arg>, usize)> {
        let mut args: Vec<Arg> = Vec::new();
        let mut below = 0;
        if *self.peek() == Token::Close(Bracket::Round) {
            self.take();
            return Ok((args, below));
        }
        loop {
            let name = self.label()?;
            let value = self.expression(0)?;
            if let Some(name) = &name {
                let named = args.iter().filter_map(|arg| arg.name.as_ref());
                if let Some(first) = { named }.find(|known| known.name == name.name) {
                    return fail(errors::repeated_argument(name, first.span));
                }
            } else if let Some(Arg { name: Some(before), .. }) = args.last() {
                return fail(errors::positional_after_named(value.expr.span, before));
            }
            below = below.max(value.height);
            args.push(Arg { name, value: value.expr });
            if !self.comma_or_close(Bracket::Round, open)? {
                return Ok((args, below));
            }
        }
    }

    /// `name =` before a value.
    fn label(&mut self) -> Result<Option<Ident>> {
        let Some((Token::Assign, _)) = self.tokens.get(self.at + 1) else {
            return Ok(None);
        };
        if !matches!(self.peek(), Token::Name(_, 0)) {
            return Ok(None);
        }
        let name = self.ident("the name of an argument")?;
        self.take();
        Ok(Some(name))
    }

    fn indices(&mut self, open: Span) -> Result<(Vec<Index>, usize)> {
        let mut indices = Vec::new();
        let mut below = 0;
        if *self.peek() == Token::Close(Bracket::Square) {
            return fail(errors::empty_index(open.to(self.span())));
        }
        loop {
            let element = matches!(self.tokens.get(self.at + 1), Some((Token::Assign, _)))
                && matches!(self.peek(), Token::Name(..));
            let dim = if element {
                let dim = self.dim_name("a dimension")?;
                self.take();
                Some(dim)
            } else {
                None
            };
            let value = self.expression(0)?;
            below = below.max(value.height);
            let value = value.expr;
            indices.push(match dim {
                Some(dim) => Index::Element { dim, value },
                None => Index::Lookup(value),
            });
            if !self.comma_or_close(Bracket::Square, open)? {
                return Ok((indices, below));
            }
        }
    }

    /// True after a comma, false after the closing bracket.
    fn comma_or_close(&mut self, bracket: Bracket, open: Span) -> Result<bool> {
        if *self.peek() == Token::Comma {
            self.take();
            return Ok(true);
        }
        self.close(bracket, open)?;
        Ok(false)
    }

    fn close(&mut self, bracket: Bracket, open: Span) -> Result<()> {
        match self.peek() {
            Token::Close(found) if *found == bracket => {
                self.take();
                Ok(())
            }
            Token::Close(found) => {
                fail(errors::mismatched_close(self.span(), found.close(), open, bracket.close()))
            }
            Token::End => {
                let end = self.end_of_text();
                fail(errors::unclosed(open, bracket.open(), bracket.close(), end))
            }
            Token::Comma => fail(errors::stray_comma(self.span())),
            _ => fail(self.stray()),
        }
    }

    fn ident(&mut self, expected: &str) -> Result<Ident> {
        let DimName { name, primes, span } = self.dim_name(expected)?;
        if primes > 0 {
            return fail(errors::unexpected_prime(span, &name));
        }
        Ok(Ident { name, span })
    }

    fn dim_name(&mut self, expected: &str) -> Result<DimName> {
        let (Token::Name(name, primes), span) = self.tokens[self.at].clone() else {
            return fail(self.expected(expected));
        };
        self.take();
        Ok(DimName { name, primes, span })
    }

    fn expected(&self, expected: &str) -> Diagnostic {
        let span = match self.peek() {
            Token::End => self.end_of_text(),
            _ => self.span(),
        };
        errors::expected_name(span, expected, &self.shown())
    }
}
