//! Why there is no answer.

use graph::program::PlanError;
use tables::TableError;

#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Table(#[from] TableError),
    /// A law that is no probability law.
    #[error("`{name}` cannot be drawn: {law} has no finite integral; give it a proper prior, or a value")]
    Improper { name: String, law: String },
    /// A law with a window that is not normalised.
    #[error(
        "`{name}` cannot be drawn: {law} between bounds is not normalised, so it says how likely the bounds are too; write `uniform(lower, upper)`, or give it a value"
    )]
    Unnormalised { name: String, law: String },
    #[error("`{name}` cannot be drawn: {why}")]
    Draw { name: String, why: String },
    /// A part of a vector is known, and the rest would have to be drawn given it.
    #[error(
        "`{name}` has known and new elements, and its law is of all of them together: it cannot be drawn for new ones alone"
    )]
    PartlyKnown { name: String },
    /// A new value would have to wait for a discrete latent that is drawn given everything else.
    #[error(
        "new values of `{name}` depend on the discrete latent `{discrete}`, which is drawn last: they cannot be drawn"
    )]
    AfterDiscrete { name: String, discrete: String },
    /// A new value would have to wait for states that are drawn given it.
    #[error(
        "new values of `{name}` depend on the state `{state}`, which is drawn given them: they cannot be drawn; write `missing: {{{name}: drop}}`"
    )]
    AfterState { name: String, state: String },
    /// What is drawn depends on what would be drawn after it.
    #[error(
        "`{name}` depends on the observed `{column}`, which is drawn after it: the model has no order to draw in"
    )]
    BeforeData { name: String, column: String },
    /// Values that wait for each other.
    #[error("{value} depends on {on}: the model has no order to draw in")]
    Circle { name: String, value: String, on: String },
    /// Trials that are counted from outcomes, in another way than one column beside them.
    #[error(
        "the trials of `{name}` are made of its own values, and no one column that nothing else reads has the rest of them: it is not known what they would be with other values; give the trials a column of their own"
    )]
    Trials { name: String },
    /// A law reads data that draws of a let do not change.
    #[error(
        "`{name}` reads `{column}`, which would stay as it was: what is drawn is `{computed}`, a let computed from it; write the law of `{name}` with `{computed}`, or observe `{column}` itself"
    )]
    NotPutBack { name: String, column: String, computed: String },
    /// A law reads functions that were computed beforehand.
    #[error("`{name}` reads a basis at the values of `{column}` in the file: it cannot follow what is drawn")]
    Basis { name: String, column: String },
    /// A drawn value that another part of the model has no level for.
    #[error("`{name}` was drawn as {value}, which is no level of the model that reads it")]
    NoLevel { name: String, value: String },
    /// A term that no draw obeys.
    #[error("the density has a factor, `{name}`: it says how likely values are, not how they are drawn")]
    Factor { name: String },
    #[error("there is no latent `{name}` to give a value to; there are {}", known.join(", "))]
    UnknownLatent { name: String, known: Vec<String> },
    #[error("`{name}` cannot be {}: it must be {support}", model::rounded(*value))]
    OutsideSupport { name: String, value: f64, support: String },
    /// A bound that depends on what else is drawn.
    #[error(
        "`{name}` cannot be {}: it lies outside its bounds, which depend on other latents, in draw {draw}", model::rounded(*value)
    )]
    BeyondBound { name: String, value: f64, draw: u32 },
    /// Elements that are no value together.
    #[error("`{name}` cannot have the values given: it must be {support}")]
    NoSuchValue { name: String, support: String },
    /// Some elements of a value that has a law as a whole.
    #[error("`{name}` needs all its elements given, or none: it must be {support}")]
    PartGiven { name: String, support: String },
    #[error("`{name}` is given twice")]
    GivenTwice { name: String },
}

impl AnswerError {
    /// The variable whose law is in the way of a draw.
    pub fn law(&self) -> Option<&str> {
        match self {
            AnswerError::Improper { name, .. }
            | AnswerError::Unnormalised { name, .. }
            | AnswerError::Draw { name, .. }
            | AnswerError::BeforeData { name, .. }
            | AnswerError::Circle { name, .. }
            | AnswerError::Trials { name }
            | AnswerError::NotPutBack { name, .. }
            | AnswerError::Basis { name, .. } => Some(name),
            _ => None,
        }
    }
}
