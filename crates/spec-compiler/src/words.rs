//! The keys of the language, block by block: what may stand where, now and in later versions.

pub mod meaning;

/// The keys that one kind of mapping may have.
#[derive(Debug)]
pub struct Block {
    /// The block as messages call it.
    pub name: &'static str,
    pub words: &'static [Word],
}

#[derive(Debug)]
pub struct Word {
    pub word: &'static str,
    pub status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Required,
    Optional,
    /// A word of the language that this version refuses by name.
    Later,
}

impl Block {
    /// The words that this version understands.
    pub fn understood(&'static self) -> impl Iterator<Item = &'static str> {
        self.words.iter().filter(|word| word.status != Status::Later).map(|word| word.word)
    }

    pub fn status(&self, key: &str) -> Option<Status> {
        let word = self.words.iter().find(|word| word.word == key)?;
        Some(word.status)
    }
}

const fn required(word: &'static str) -> Word {
    let status = Status::Required;
    Word { word, status }
}

const fn optional(word: &'static str) -> Word {
    let status = Status::Optional;
    Word { word, status }
}

const fn later(word: &'static str) -> Word {
    let status = Status::Later;
    Word { word, status }
}

pub static SPEC: Block = Block {
    name: "a spec",
    words: &[
        required("model"),
        optional("description"),
        optional("data"),
        optional("dims"),
        optional("units"),
        optional("latent"),
        optional("let"),
        optional("ode"),
        optional("recurrence"),
        optional("observe"),
        optional("factor"),
        optional("inference"),
        optional("output"),
        optional("include"),
        optional("override"),
        optional("version"),
        later("scm"),
        later("control"),
        later("noise"),
        later("trainable"),
        later("objective"),
        later("networks"),
        later("guide"),
        later("queries"),
    ],
};

pub static TABLE: Block = Block {
    name: "a table",
    words: &[
        required("file"),
        optional("rows"),
        optional("key"),
        optional("index"),
        optional("levels"),
        optional("columns"),
        optional("stack"),
        optional("missing"),
        optional("ordered_by"),
        optional("units"),
        later("holdout"),
    ],
};

pub static STACK: Block = Block { name: "a stack", words: &[required("columns"), required("dim")] };

pub static LATENT: Block = Block { name: "a latent", words: &[required("prior"), optional("unit")] };

pub static LET: Block = Block { name: "a let", words: &[required("value"), optional("unit")] };

pub static ODE: Block = Block {
    name: "an `ode:` block",
    words: &[
        required("at"),
        required("states"),
        optional("start"),
        optional("rows"),
        optional("solver"),
        later("by"),
        later("events"),
        later("reactions"),
        later("algebraic"),
        later("experiments"),
    ],
};

pub static STATE: Block =
    Block { name: "a state", words: &[required("initial"), required("rate"), optional("unit")] };

pub static RECURRENCE: Block =
    Block { name: "a `recurrence:` block", words: &[required("over"), required("states"), optional("by")] };

pub static SERIES_STATE: Block =
    Block { name: "a state", words: &[required("initial"), required("next"), optional("unit")] };

pub static SOLVER: Block = Block {
    name: "`solver:`",
    words: &[optional("method"), optional("rtol"), optional("atol"), optional("sensitivity")],
};

pub static OBSERVE: Block = Block { name: "a likelihood", words: &[required("law"), optional("where")] };

pub static INFERENCE: Block = Block {
    name: "`inference:`",
    words: &[
        optional("method"),
        optional("family"),
        optional("gradient"),
        optional("optimizer"),
        optional("covariance"),
        optional("paths"),
        optional("noise"),
        optional("draws"),
        optional("posterior_draws"),
        optional("seed"),
        optional("centring"),
        optional("steps"),
        optional("minibatch"),
        later("kl_warmup"),
        later("local_reparameterization"),
        later("precision"),
        later("prior"),
    ],
};

pub static OUTPUT: Block = Block { name: "`output:`", words: &[optional("report"), optional("draws")] };
