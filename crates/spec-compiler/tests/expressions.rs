//! Expressions: precedence, printing that parses back, and texts that are no expressions.

mod support;

use std::collections::BTreeSet;

use spec_compiler::Span;
use spec_compiler::expr::{
    Arg, BinaryOp, DimName, Expr, ExprKind, Ident, Index, UnaryOp, parse_declaration, parse_expr,
};
use spec_compiler::yaml::Text;
use support::Random;

fn parse(text: &str) -> Expr {
    match parse_expr(&Text::verbatim(text, 0)) {
        Ok(expr) => expr,
        Err(mistake) => panic!("{text}: {mistake} at {:?}", mistake.primary.span),
    }
}

/// The tree with a bracket around every node that has parts.
fn tree(expr: &Expr) -> String {
    let list = |items: Vec<String>| items.join(" ");
    match &expr.kind {
        ExprKind::Number(value) => format!("{value:?}"),
        ExprKind::Text(text) => format!("{text:?}"),
        ExprKind::Unit(unit) => format!("(unit {})", tree(unit)),
        ExprKind::Name(name) => name.to_string(),
        ExprKind::Member { base, member } => format!("(. {} {})", tree(base), member.name),
        ExprKind::Call { function, args } => {
            let arg = |arg: &Arg| match &arg.name {
                Some(name) => format!("{}: {}", name.name, tree(&arg.value)),
                None => tree(&arg.value),
            };
            let args = list(args.iter().map(arg).collect());
            format!("({} {args})", function.name)
        }
        ExprKind::Index { base, indices } => {
            let index = |index: &Index| match index {
                Index::Lookup(value) => tree(value),
                Index::Element { dim, value } => format!("{dim}: {}", tree(value)),
            };
            let indices = list(indices.iter().map(index).collect());
            format!("([] {} {indices})", tree(base))
        }
        ExprKind::Unary { op, operand } => format!("({op:?} {})", tree(operand)),
        ExprKind::Binary { op, left, right } => {
            format!("({} {} {})", op.symbol(), tree(left), tree(right))
        }
        ExprKind::Array(items) => format!("[{}]", list(items.iter().map(tree).collect())),
    }
}

fn check(input: &str, expected: &str) {
    assert_eq!(tree(&parse(input)), expected, "{input}");
}

#[test]
fn operators_bind_as_the_language_says() {
    check("-x^2", "(Neg (^ x 2.0))");
    check("2^3^4", "(^ 2.0 (^ 3.0 4.0))");
    check("2^-x^2", "(^ 2.0 (Neg (^ x 2.0)))");
    check("2^-x * y", "(* (^ 2.0 (Neg x)) y)");
    check("(-x)^2", "(^ (Neg x) 2.0)");
    check("-a * b", "(* (Neg a) b)");
    check("a * -b", "(* a (Neg b))");
    check("a - -b", "(- a (Neg b))");
    check("+a", "a");
    check("a - b - c", "(- (- a b) c)");
    check("a / b * c @ d", "(@ (* (/ a b) c) d)");
    check("a + b * c", "(+ a (* b c))");
    check("b0 + x @ b", "(+ b0 (@ x b))");
}

#[test]
fn comparisons_and_words_bind_as_the_language_says() {
    check("a + 1 < b * 2", "(< (+ a 1.0) (* b 2.0))");
    check("not a == b", "(Not (== a b))");
    check("not not a and b", "(and (Not (Not a)) b)");
    check("a or b and not c", "(or a (and b (Not c)))");
    check("a and b or c and d", "(or (and a b) (and c d))");
    check("a < b and b <= c", "(and (< a b) (<= b c))");
    check("(a < b) == c", "(== (< a b) c)");
    check("a != b or a > c or a >= d", "(or (or (!= a b) (> a c)) (>= a d))");
}

#[test]
fn numbers_have_every_usual_form() {
    check("1e-8", "1e-8");
    check(".5 + 3. + 1.5E+3", "(+ (+ 0.5 3.0) 1500.0)");
    check("0 + 0.25 + 10", "(+ (+ 0.0 0.25) 10.0)");
    check("5e-324", "5e-324");
}

#[test]
fn names_lookups_and_calls() {
    check("alpha[county] + slope * floor", "(+ ([] alpha county) (* slope floor))");
    check("sigma[part=2]", "([] sigma part: 2.0)");
    check("theta[i=2, state'=calm]", "([] theta i: 2.0 state': calm)");
    check("beta[county, feature]", "([] beta county feature)");
    check("x @ beta[county]", "(@ x ([] beta county))");
    check("m[f(x)][y]", "([] ([] m (f x)) y)");
    check("dirichlet(alpha, over=state')", "(dirichlet alpha over: state')");
    check("homes.county", "(. homes county)");
    check("encoder(x).mu[k]", "([] (. (encoder x) mu) k)");
    check("bernoulli(logit = b0 + x @ b)", "(bernoulli logit: (+ b0 (@ x b)))");
    check("f(a == b, c = d == e)", "(f (== a b) c: (== d e))");
    check("flat()", "(flat )");
    check("[[4, 2], [2, 4]]", "[[4.0 2.0] [2.0 4.0]]");
    check("[]", "[]");
}

#[test]
fn texts_and_letters_of_any_script() {
    check("county == 'St. John''s'", "(== county \"St. John's\")");
    check("county == \"a 'b'\"", "(== county \"a 'b'\")");
    check("\u{3b1}_1 * na\u{ef}ve", "(* \u{3b1}_1 na\u{ef}ve)");
    check("y + n + no + on + E", "(+ (+ (+ (+ y n) no) on) E)");
    check("  x\n + \t y ", "(+ x y)");
}

#[test]
fn every_part_knows_its_place() {
    let text = "-(a + f(b, c=[1])) * t.x[i=2]";
    let mut parts = Vec::new();
    let whole = parse(text);
    let mut todo = vec![&whole];
    while let Some(expr) = todo.pop() {
        parts.push(&text[expr.span.range()]);
        todo.extend(expr.children().into_iter().rev());
    }
    let expected = [
        text,
        "-(a + f(b, c=[1]))",
        "(a + f(b, c=[1]))",
        "a",
        "f(b, c=[1])",
        "b",
        "[1]",
        "1",
        "t.x[i=2]",
        "t.x",
        "t",
        "2",
    ];
    assert_eq!(parts, expected);
}

#[test]
fn left_sides_are_names_over_dimensions() {
    let check = |text: &str, expected: &str| {
        let declared = parse_declaration(&Text::verbatim(text, 0));
        let shown = match declared {
            Ok(declared) => {
                assert_eq!(&text[declared.span.range()], text.trim());
                declared.to_string()
            }
            Err(mistake) => mistake.code.to_string(),
        };
        assert_eq!(shown, expected, "{text}");
    };
    check("y", "y");
    check("theta[school]", "theta[school]");
    check("alpha [state,state' ]", "alpha[state, state']");
    check("z[d]", "z[d]");
    check("z[d, d]", "repeated_dimension");
    check("z[d', d']", "repeated_dimension");
    check("z[]", "expected_name");
    check("z[d", "unclosed_bracket");
    check("z(d)", "not_a_declaration");
    check("z[d] + 1", "not_a_declaration");
    check("z'", "unexpected_prime");
    check("2z", "not_a_name");
    check("", "not_a_name");
    check("not", "expected_name");
}

const OPS: [BinaryOp; 14] = [
    BinaryOp::Or,
    BinaryOp::And,
    BinaryOp::Equal,
    BinaryOp::NotEqual,
    BinaryOp::Less,
    BinaryOp::LessEqual,
    BinaryOp::Greater,
    BinaryOp::GreaterEqual,
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Contract,
    BinaryOp::Pow,
];

fn ident(random: &mut Random) -> Ident {
    Ident {
        name: random.one(&["x", "mu", "\u{3b2}_1", "no", "E", "notx", "e1"]).to_string(),
        span: Span::default(),
    }
}

fn dim(random: &mut Random) -> DimName {
    let Ident { name, span } = ident(random);
    let primes = random.one(&[0, 0, 1, 2]);
    DimName { name, primes, span }
}

/// Any tree that the grammar can make.
fn generate(random: &mut Random, depth: usize) -> Expr {
    let inner = |random: &mut Random| Box::new(generate(random, depth - 1));
    let kind = match random.below(if depth == 0 { 3 } else { 11 }) {
        0 => ExprKind::Number(random.one(&[0.0, 1.0, 0.1, 1e-8, 2.5e300, 5e-324, 1e15, 1e22, 123.0])),
        1 => ExprKind::Name(dim(random)),
        2 => ExprKind::Text(random.one(&["a b", "it's", "\"", "", "''"]).to_string()),
        3 => ExprKind::Member { base: inner(random), member: ident(random) },
        4 => {
            let positional = random.below(3);
            let mut args = Vec::new();
            for _ in 0..positional {
                args.push(Arg { name: None, value: *inner(random) });
            }
            let mut names = BTreeSet::new();
            for _ in 0..random.below(3) {
                let name = ident(random);
                if names.insert(name.name.clone()) {
                    args.push(Arg { name: Some(name), value: *inner(random) });
                }
            }
            ExprKind::Call { function: ident(random), args }
        }
        5 => {
            let indices = (0..1 + random.below(2)).map(|_| match random.below(2) {
                0 => Index::Lookup(*inner(random)),
                _ => Index::Element { dim: dim(random), value: *inner(random) },
            });
            let indices = indices.collect();
            ExprKind::Index { base: inner(random), indices }
        }
        6 => ExprKind::Unary { op: random.one(&[UnaryOp::Neg, UnaryOp::Not]), operand: inner(random) },
        7 => ExprKind::Array((0..random.below(3)).map(|_| *inner(random)).collect()),
        8 => {
            let function = Ident { name: "convert".into(), span: Span::default() };
            let unit = Expr { kind: ExprKind::Unit(inner(random)), span: Span::default() };
            let args = [*inner(random), unit].map(|value| Arg { name: None, value });
            ExprKind::Call { function, args: args.into() }
        }
        _ => ExprKind::Binary { op: random.one(&OPS), left: inner(random), right: inner(random) },
    };
    Expr { kind, span: Span::default() }
}

#[test]
fn what_is_printed_parses_to_the_same_tree() {
    let mut random = Random(1);
    for _ in 0..20_000 {
        let depth = random.below(6);
        let expr = generate(&mut random, depth);
        let text = expr.to_string();
        let back = parse(&text);
        assert_eq!(tree(&back), tree(&expr), "{text}");
        assert_eq!(back.to_string(), text);
    }
}
