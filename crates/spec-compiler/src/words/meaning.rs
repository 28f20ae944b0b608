//! What stands behind each key of [`crate::words`]: its shape and a line for whoever writes it.
//!
//! From here come the JSON Schema of editors (`fit schema`) and the ways that an override may go. A
//! test says which key lacks its line.

use super::{
    Block, INFERENCE, LATENT, LET, OBSERVE, ODE, OUTPUT, RECURRENCE, SERIES_STATE, SOLVER, SPEC, STACK,
    STATE, Status, TABLE,
};
use crate::ast::{self, Choice};
use crate::parse::{LANGUAGE_VERSION, MIN_POSTERIOR_DRAWS};

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text, taken letter for letter.
    Text,
    /// A name of the model: letters, digits and `_`.
    Name,
    /// A list of texts.
    Texts,
    Names,
    /// A number, or arithmetic on numbers.
    Number,
    /// A whole number of at least so much.
    Whole(u64),
    /// This whole number.
    Exactly(u64),
    /// A formula; lists are arrays.
    Expression,
    /// A call of a distribution.
    Law,
    /// One of some words.
    Choice(fn() -> Vec<&'static str>),
    /// A mapping with the keys of a block.
    Block(&'static Block),
    /// A mapping with names of one's own.
    Entries(&'static Shape),
    Either(&'static [Shape]),
    /// Anything at all.
    Any,
}

/// One key of a block.
#[derive(Debug)]
pub struct Meaning {
    pub word: &'static str,
    pub shape: Shape,
    pub doc: &'static str,
}

const fn key(word: &'static str, shape: Shape, doc: &'static str) -> Meaning {
    Meaning { word, shape, doc }
}

fn words_of<C: Choice>() -> Vec<&'static str> {
    C::WORDS.iter().map(|&(word, _)| word).collect()
}

/// Every block with its keys.
pub static MEANINGS: &[(&Block, &[Meaning])] = &[
    (
        &SPEC,
        &[
            key(
                "version",
                Shape::Exactly(LANGUAGE_VERSION),
                "The version of the language that the spec is written in.",
            ),
            key("model", Shape::Text, "The name of the model, and of the folder of its results."),
            key("description", Shape::Text, "Free text."),
            key(
                "include",
                Shape::Either(&[Shape::Text, Shape::Texts]),
                "Files whose sections are added to this one; paths are relative to this file.",
            ),
            key(
                "override",
                Shape::Entries(&Shape::Any),
                "Entries of included files to replace: `latent.tau: half_normal(1)`.",
            ),
            key(
                "data",
                Shape::Entries(&Shape::Block(&TABLE)),
                "Tables, each a CSV or Parquet file: `homes: {file: homes.csv, rows: home}`.",
            ),
            key(
                "dims",
                Shape::Entries(&Shape::Either(&[Shape::Whole(1), Shape::Texts])),
                "Dimensions of a size, `k: 9`, or with labels, `part: [left, right]`.",
            ),
            key("units", Shape::Names, "Names of units of one's own, of what is counted: `[fish, people]`."),
            key(
                "latent",
                Shape::Entries(&Shape::Either(&[Shape::Law, Shape::Block(&LATENT)])),
                "What is to be inferred, each with its prior: `theta[school]: normal(mu, tau)`.",
            ),
            key(
                "let",
                Shape::Entries(&Shape::Either(&[Shape::Expression, Shape::Block(&LET)])),
                "Named expressions: `effect: alpha[county] + slope * floor`.",
            ),
            key("ode", Shape::Entries(&Shape::Block(&ODE)), "Systems of differential equations."),
            key(
                "recurrence",
                Shape::Entries(&Shape::Block(&RECURRENCE)),
                "States along the rows of a table.",
            ),
            key(
                "observe",
                Shape::Entries(&Shape::Either(&[Shape::Law, Shape::Block(&OBSERVE)])),
                "The likelihood: columns with their laws, `y: normal(mu, sigma)`.",
            ),
            key("factor", Shape::Entries(&Shape::Expression), "Further terms of the log density."),
            key("inference", Shape::Block(&INFERENCE), "How to fit; every key has a default."),
            key("output", Shape::Block(&OUTPUT), "What to report."),
        ],
    ),
    (
        &TABLE,
        &[
            key("file", Shape::Text, "CSV or Parquet; the path is relative to this file."),
            key("rows", Shape::Name, "The rows have no labels and form the dimension of this name."),
            key(
                "key",
                Shape::Name,
                "The column of this name is unique, labels the rows and is their dimension.",
            ),
            key(
                "index",
                Shape::Entries(&Shape::Name),
                "Columns that take their levels from another dimension.",
            ),
            key(
                "levels",
                Shape::Entries(&Shape::Texts),
                "The order of a dimension's levels, instead of sorted.",
            ),
            key("columns", Shape::Entries(&Shape::Text), "Other names for columns: `age: \"Age (yrs)\"`."),
            key("stack", Shape::Entries(&Shape::Block(&STACK)), "Columns side by side as one variable."),
            key(
                "missing",
                Shape::Entries(&Shape::Choice(words_of::<ast::Missing>)),
                "What a missing value of a column means.",
            ),
            key("ordered_by", Shape::Name, "The column that sorts the rows."),
            key(
                "units",
                Shape::Entries(&Shape::Text),
                "Units of columns and stacks: `{time: min, product: mM}`.",
            ),
        ],
    ),
    (
        &STACK,
        &[
            key(
                "columns",
                Shape::Either(&[Shape::Text, Shape::Texts]),
                "A pattern such as \"x*\", or a list of columns.",
            ),
            key("dim", Shape::Name, "The dimension that the columns form."),
        ],
    ),
    (
        &LATENT,
        &[
            key("prior", Shape::Law, "The prior."),
            key("unit", Shape::Text, "The unit that its values are in: `mM/min`."),
        ],
    ),
    (
        &LET,
        &[
            key("value", Shape::Expression, "The expression."),
            key("unit", Shape::Text, "The unit that its value must have; a bare number is in it."),
        ],
    ),
    (
        &ODE,
        &[
            key("at", Shape::Expression, "The column of times at which the solution is wanted."),
            key(
                "states",
                Shape::Entries(&Shape::Block(&STATE)),
                "The states, `name: {initial: 10, rate: -k * name}`.",
            ),
            key("start", Shape::Expression, "When `initial` holds; 0 by default."),
            key("rows", Shape::Name, "The dimension of the rows that the solution is wanted at."),
            key("solver", Shape::Block(&SOLVER), "How to solve; every key has a default."),
        ],
    ),
    (
        &STATE,
        &[
            key("initial", Shape::Expression, "The value at `start:`."),
            key("rate", Shape::Expression, "The derivative by time."),
            key("unit", Shape::Text, "The unit of the state, where it does not follow."),
        ],
    ),
    (
        &RECURRENCE,
        &[
            key("over", Shape::Name, "The dimension of the rows that the states go along."),
            key("by", Shape::Name, "The column whose levels are series of their own."),
            key(
                "states",
                Shape::Entries(&Shape::Block(&SERIES_STATE)),
                "The states, `name: {initial: normal(0, 1), next: normal(a * name, s)}`.",
            ),
        ],
    ),
    (
        &SERIES_STATE,
        &[
            key(
                "initial",
                Shape::Either(&[Shape::Law, Shape::Expression]),
                "The law or value at the first row.",
            ),
            key(
                "next",
                Shape::Either(&[Shape::Law, Shape::Expression]),
                "The law or value at each later row.",
            ),
            key("unit", Shape::Text, "The unit of the state, where it does not follow."),
        ],
    ),
    (
        &SOLVER,
        &[
            key(
                "method",
                Shape::Choice(words_of::<ast::OdeMethod>),
                "The method of steps; `auto` by default.",
            ),
            key("rtol", Shape::Number, "The relative tolerance; 1e-8 by default."),
            key("atol", Shape::Number, "The absolute tolerance; 1e-10 by default."),
            key("sensitivity", Shape::Choice(words_of::<ast::Sensitivity>), "How derivatives are found."),
        ],
    ),
    (
        &OBSERVE,
        &[
            key("law", Shape::Law, "The distribution of the column."),
            key("where", Shape::Expression, "The rows that it holds for: `t > 5`."),
        ],
    ),
    (
        &INFERENCE,
        &[
            key(
                "method",
                Shape::Choice(words_of::<ast::Method>),
                "`auto` fits, checks and corrects; `nuts` samples; `map` is a point.",
            ),
            key(
                "family",
                Shape::Text,
                "`mean_field`, `low_rank(8)`, `structured`, `full_rank`, `mixture(3)` or `flow(4)`.",
            ),
            key("gradient", Shape::Choice(words_of::<ast::Gradient>), "The estimator of the gradient."),
            key(
                "noise",
                Shape::Choice(words_of::<ast::DrawNoise>),
                "How the draws of a step relate to each other; `independent` by default.",
            ),
            key(
                "optimizer",
                Shape::Choice(words_of::<ast::Optimizer>),
                "What moves the family; `adam` by default.",
            ),
            key(
                "covariance",
                Shape::Choice(words_of::<ast::Covariance>),
                "Whose covariance the draws have; the family's by default.",
            ),
            key("paths", Shape::Whole(1), "Descents of `pathfinder`; 8 by default."),
            key(
                "draws",
                Shape::Whole(1),
                "Monte-Carlo draws a step; by default as the optimizer needs them.",
            ),
            key(
                "posterior_draws",
                Shape::Whole(MIN_POSTERIOR_DRAWS),
                "Rows of `posterior.parquet`, at least 100; 4000 by default.",
            ),
            key("seed", Shape::Whole(0), "The seed of all random numbers; 1 by default."),
            key(
                "centring",
                Shape::Choice(words_of::<ast::Centring>),
                "How hierarchies are parameterised; `auto` by default.",
            ),
            key("steps", Shape::Whole(1), "Exactly so many steps, instead of the stop rule's."),
            key(
                "minibatch",
                Shape::Entries(&Shape::Whole(1)),
                "`{row: 1000}`: how many rows of a table a step of the climb sees; all by default.",
            ),
        ],
    ),
    (
        &OUTPUT,
        &[
            key("report", Shape::Names, "The names to report, instead of all."),
            key("draws", Shape::Names, "Names that vary by row, whose draws are written too."),
        ],
    ),
];

/// What `word` means in `block`; nothing where the table above lacks it.
pub fn meaning(block: &Block, word: &str) -> Option<&'static Meaning> {
    let (_, meanings) = MEANINGS.iter().find(|(other, _)| std::ptr::eq(*other, block))?;
    meanings.iter().find(|meaning| meaning.word == word)
}

impl Shape {
    /// The mapping among what the value may be.
    pub fn mapping(self) -> Option<Shape> {
        match self {
            Shape::Block(_) | Shape::Entries(_) => Some(self),
            Shape::Either(shapes) => shapes.iter().find_map(|shape| shape.mapping()),
            _ => None,
        }
    }

    /// What stands behind the key `word` of this mapping, if it may have such a key.
    pub fn inside(self, word: &str) -> Option<Shape> {
        match self.mapping()? {
            Shape::Entries(shape) => Some(*shape),
            Shape::Block(block) => match block.status(word)? {
                Status::Later => None,
                _ => Some(meaning(block, word).map_or(Shape::Any, |meaning| meaning.shape)),
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every block that a value of this shape can be, with those inside.
    fn blocks(shape: Shape, out: &mut Vec<&'static Block>) {
        match shape {
            Shape::Block(block) if !out.iter().any(|known| std::ptr::eq(*known, block)) => {
                out.push(block);
                for word in block.understood() {
                    let meaning = meaning(block, word)
                        .unwrap_or_else(|| panic!("`{word}` of {} has no line in `MEANINGS`", block.name));
                    blocks(meaning.shape, out);
                }
            }
            Shape::Entries(inside) => blocks(*inside, out),
            Shape::Either(shapes) => shapes.iter().for_each(|&shape| blocks(shape, out)),
            _ => {}
        }
    }

    #[test]
    fn every_key_has_a_meaning_and_every_meaning_a_key() {
        let mut reached = Vec::new();
        blocks(Shape::Block(&SPEC), &mut reached);
        for (block, meanings) in MEANINGS {
            assert!(reached.iter().any(|other| std::ptr::eq(*other, *block)), "{} is in no spec", block.name);
            for Meaning { word, doc, .. } in *meanings {
                assert!(block.understood().any(|known| known == *word), "{} has no `{word}`", block.name);
                assert!(doc.ends_with('.') && doc.len() > 8, "{word}: {doc}");
            }
        }
        // Nor is a block forgotten.
        let text = include_str!("../words.rs");
        assert_eq!(text.matches("pub static ").count(), reached.len());
    }
}
