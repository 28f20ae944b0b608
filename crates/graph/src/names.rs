//! The name of every op, as printed and parsed.

use crate::ir::{Binary, Op, Reduction, Unary};

/// A table of variants and their words, and the word of a variant: none can be forgotten.
macro_rules! words {
    ($(#[$doc:meta])* $table:ident, $word:ident of $ops:ident { $($variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        pub const $table: &[($ops, &str)] = &[$(($ops::$variant, $text)),*];

        fn $word(op: $ops) -> &'static str {
            match op {
                $($ops::$variant => $text,)*
            }
        }
    };
}

words! {
    /// Every unary op with its word.
    UNARY, unary of Unary {
        Neg "neg",
        Abs "abs",
        Sign "sign",
        Recip "recip",
        Sqrt "sqrt",
        Square "square",
        Exp "exp",
        Ln "ln",
        Log1p "log1p",
        Expm1 "expm1",
        Tanh "tanh",
        Sigmoid "sigmoid",
        Softplus "softplus",
        Sin "sin",
        Cos "cos",
        Erf "erf",
        Erfc "erfc",
        LogNdtr "log_ndtr",
        Lgamma "lgamma",
        Digamma "digamma",
        Trigamma "trigamma",
        LgammaRest "lgamma_rest",
        DigammaRest "digamma_rest",
        TrigammaRest "trigamma_rest",
        Atan "atan",
        LogBesselI0e "log_bessel_i0e",
        BesselGap "bessel_gap",
        Floor "floor",
        Not "not",
        Detach "detach",
    }
}

words! {
    /// Every binary op with its word.
    BINARY, binary of Binary {
        Add "add",
        Sub "sub",
        Mul "mul",
        Div "div",
        Pow "pow",
        Max "max",
        Min "min",
        Log1pGap "log1p_gap",
        Lt "lt",
        Le "le",
        Eq "eq",
    }
}

words! {
    /// Every reduction with its word.
    REDUCTIONS, reduction of Reduction {
        Sum "sum",
        Max "reduce_max",
        Min "reduce_min",
    }
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
            Op::Unary(u) => unary(*u),
            Op::Binary(b) => binary(*b),
            Op::LogTail(t) => t.word(),
            Op::Select => "select",
            Op::Reduce(r, _) => reduction(*r),
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
