//! The text form of a graph: printed, parsed and checked.
//!
//! ```text
//! dim home: row = ?
//! dim county: plain = 3
//! dim kept: row = count %2
//! input alpha: lane [county]
//! input of: data index(county)[home]
//! input seen: data [home]
//!
//! %0 = input alpha : [county]
//! %1 = input of : index(county)[home]
//! %2 = input seen : [home]
//! %3 = gather %0, %1 : [home]
//! %4 = contract(home) %2, %3 : []
//! return %4
//! ```
//!
//! Dimensions come first (`?`: told by the data), then inputs, then nodes in topological order, each
//! with its type, then the nodes that are wanted. What an op needs beside its arguments stands in
//! parentheses; the body of a scan follows it in braces. Names that are no words are quoted. `#`
//! begins a comment. A graph prints what its outputs need, and all inputs; printing what was parsed
//! from a print gives the same text.

mod check;
mod lex;
mod parse;
mod print;

pub use crate::names::{BINARY, REDUCTIONS, UNARY};
pub use check::{CheckError, check};
pub use lex::ParseError;
pub use parse::{Resolver, parse, parse_with};
