//! Units: those of expressions from those of their parts, and whether equations agree in them.
//!
//! Columns, latents, lets and states may be declared to have a unit. What carries none is unknown, not
//! dimensionless, and agrees with everything; but where it stands beside what is known, in a sum, as an
//! argument of a law, as a state that is observed, its unit follows and is known from there on ([`follow`]).
//! That goes on until nothing new follows; then every expression is read once more, and what does not
//! agree is told. What a mistake was found in is unknown, so that one mistake has one message.

mod declared;
mod follow;
mod laws;
mod sides;
mod walk;

use std::collections::{BTreeMap, HashMap, HashSet};

use units::Unit;
use units::check::State;

use crate::check::MAX_MISTAKES;
use crate::core::Core;
use crate::diagnostic::{Diagnostic, Label};
use crate::errors::{self, Side};
use crate::source::Span;
use crate::typed::{Def, Model, SeriesRef, Step, Typed, Units};
use laws::Variable;

/// A unit that follows from another goes against the order of definitions at most so often.
const MAX_ROUNDS: usize = 16;
/// Expressions and parts of them that are read: nothing follows any more beyond so many, which only a
/// file that is made for it has.
const MAX_WORK: usize = 20_000_000;

/// Fills `model.units` and the factors of conversions, and returns what is wrong.
pub fn check(model: &mut Model, core: &Core) -> Vec<Diagnostic> {
    let mut checker = Checker::new(model, core);
    checker.declare();
    if checker.known.is_empty() && model.conversions.is_empty() {
        return checker.mistakes;
    }
    // What is observed tells a state's unit rather than what it begins with.
    for by_value in [false, true] {
        checker.states_by_value = by_value;
        for _ in 0..MAX_ROUNDS {
            checker.changed = false;
            checker.forwards();
            checker.backwards();
            if !checker.changed {
                break;
            }
        }
    }
    checker.telling = true;
    checker.forwards();
    let (units, factors) = (checker.units(), std::mem::take(&mut checker.factors));
    let mistakes = checker.mistakes;
    model.units = units;
    for (conversion, factor) in model.conversions.iter_mut().zip(factors) {
        conversion.factor = factor;
    }
    mistakes
}

/// What has a unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Slot {
    Latent(usize),
    Let(usize),
    Column {
        table: usize,
        column: usize,
    },
    State {
        solve: usize,
        state: usize,
    },
    Series(SeriesRef),
    /// Lets over running states, and over states at the row before.
    RateLet {
        solve: usize,
        position: usize,
    },
    StepLet {
        block: usize,
        position: usize,
    },
}

/// A unit, and the place that says so.
#[derive(Clone, Debug)]
struct Known {
    unit: Unit,
    declared: bool,
    at: Span,
}

struct Checker<'m> {
    model: &'m Model,
    core: &'m Core,
    /// Declared, or found so far.
    known: HashMap<Slot, Known>,
    /// Of lets, by their values in this round.
    values: HashMap<Slot, State>,
    /// What lets, whose unit is unknown, should be in.
    wanted: HashMap<Slot, Unit>,
    /// The let that a value is that of, by its place.
    let_at: HashMap<Span, usize>,
    /// In whose rates, and the unit of its time.
    solve: Option<(usize, State)>,
    /// Does an expression only say its unit, without telling anybody?
    silent: bool,
    telling: bool,
    /// Expressions read so far.
    work: usize,
    /// Does the unit of a state follow from its values and rates?
    states_by_value: bool,
    changed: bool,
    factors: Vec<Option<f64>>,
    mistakes: Vec<Diagnostic>,
    told: HashSet<Span>,
}

impl<'m> Checker<'m> {
    fn new(model: &'m Model, core: &'m Core) -> Checker<'m> {
        Checker {
            model,
            core,
            known: HashMap::new(),
            values: HashMap::new(),
            wanted: HashMap::new(),
            let_at: model.lets.iter().enumerate().map(|(i, l)| (l.value.span, i)).collect(),
            solve: None,
            silent: false,
            telling: false,
            work: 0,
            states_by_value: false,
            changed: false,
            factors: vec![None; model.conversions.len()],
            mistakes: Vec::new(),
            told: HashSet::new(),
        }
    }

    /// Reads every expression of the model, each after what it mentions.
    fn forwards(&mut self) {
        let model = self.model;
        self.wanted.clear();
        for def in &model.order {
            match *def {
                Def::Latent(i) => {
                    let latent = &model.latents[i];
                    let discrete = latent.discrete.is_some();
                    self.law(&latent.law, &Variable::named(&latent.name, Slot::Latent(i), discrete));
                }
                Def::Let(i) => self.define(Slot::Let(i), &model.lets[i].value),
                Def::Solve(i) => self.solve(i),
                Def::Recurrence(i) => self.recurrence(i),
            }
        }
        for o in &model.observes {
            if let Some(mask) = &o.mask {
                self.state(mask);
            }
            self.law(&o.law, &Variable::observed(&o.name, &o.value));
        }
        for factor in &model.factors {
            let found = self.state(&factor.value);
            if let (Err(_), State::Known(unit)) = (units::check::plain(&found), &found) {
                self.wrong(factor.value.span, |c| errors::factor_unit(&c.side(&factor.value, unit)));
            }
        }
    }

    /// A let, or one that runs along.
    fn define(&mut self, slot: Slot, value: &Typed) {
        let found = self.state(value);
        // A let that runs along is declared as the let itself is.
        let of = self.let_at.get(&value.span).map_or(slot, |&i| Slot::Let(i));
        let declared = self.known.get(&of).filter(|known| known.declared).cloned();
        if let Some(known) = declared {
            self.must_be(of, &known, value, &found);
            self.values.insert(slot, State::Known(known.unit));
        } else {
            self.values.insert(slot, found);
        }
    }

    /// A value must be in a unit that is known for its name.
    fn must_be(&mut self, slot: Slot, known: &Known, value: &Typed, found: &State) {
        match found {
            State::Known(unit) => {
                if units::check::agree(&known.unit, unit).is_err() {
                    self.wrong(value.span, |c| {
                        let at = c.source(slot).unwrap_or((known.at, String::new()));
                        errors::declared_unit(&c.name(slot), &known.unit, at, &c.side(value, unit))
                    });
                }
            }
            State::Unlabelled => self.follows(value, &known.unit),
            State::Number(_) => {}
        }
    }

    /// The state of a solve or recurrence has the unit of its value.
    fn is(&mut self, slot: Slot, value: &Typed) {
        let found = self.state(value);
        match (self.known.get(&slot).cloned(), &found) {
            (Some(known), found) => {
                self.must_be(slot, &known, value, found);
            }
            (None, State::Known(unit)) if self.states_by_value => self.found(slot, unit, value.span),
            (None, _) => {}
        }
    }

    fn solve(&mut self, solve: usize) {
        let def = &self.model.solves[solve];
        let time = self.state(&def.at);
        let mut wrong: Option<(Unit, Unit)> = None;
        self.solve = Some((solve, time.clone()));
        for (position, value) in def.rate_lets.iter().enumerate() {
            self.define(Slot::RateLet { solve, position }, value);
        }
        for (state, s) in def.states.iter().enumerate() {
            let slot = Slot::State { solve, state };
            self.is(slot, &s.initial);
            let found = self.state(&s.rate);
            let (of, State::Known(t)) = (self.unit_of(slot), &time) else { continue };
            match (&of, &found) {
                (State::Known(of), State::Known(unit)) => {
                    let wanted = of.over(t);
                    let same = |told: &(Unit, Unit)| told.0.same_unit(&wanted) && told.1.same_unit(unit);
                    if units::check::agree(&wanted, unit).is_err() && wrong.as_ref().is_some_and(same) {
                        self.and_here(s.rate.span);
                    } else if units::check::agree(&wanted, unit).is_err() {
                        wrong = Some((wanted.clone(), unit.clone()));
                        self.wrong(s.rate.span, |c| {
                            let state = Side { source: c.source(slot), ..c.side(&s.initial, of) };
                            errors::rate_unit(&c.side(&s.rate, unit), &state, &c.side(&def.at, t), &wanted)
                        });
                    }
                }
                (State::Known(of), State::Unlabelled) => self.follows(&s.rate, &of.over(t)),
                (_, State::Known(unit)) if self.states_by_value => {
                    self.found(slot, &unit.times(t), s.rate.span);
                }
                _ => {}
            }
        }
        self.solve = None;
    }

    fn recurrence(&mut self, block: usize) {
        let def = &self.model.recurrences[block];
        for (position, value) in def.lets.iter().enumerate() {
            self.define(Slot::StepLet { block, position }, value);
        }
        for (state, s) in def.states.iter().enumerate() {
            let slot = Slot::Series(SeriesRef { block, state });
            for step in [&s.initial, &s.next] {
                match step {
                    Step::Value(value) => self.is(slot, value),
                    Step::Law(law) => {
                        let discrete = law.support.is_discrete();
                        self.law(law, &Variable::named(&s.name, slot, discrete));
                    }
                }
            }
        }
    }

    /// What lets should be in goes on to what they are made of.
    fn backwards(&mut self) {
        let model = self.model;
        for (solve, def) in model.solves.iter().enumerate() {
            self.solve = Some((solve, State::Unlabelled));
            for (position, value) in def.rate_lets.iter().enumerate().rev() {
                self.hand_on(Slot::RateLet { solve, position }, value);
            }
        }
        self.solve = None;
        for (block, def) in model.recurrences.iter().enumerate() {
            for (position, value) in def.lets.iter().enumerate().rev() {
                self.hand_on(Slot::StepLet { block, position }, value);
            }
        }
        for def in model.order.iter().rev() {
            if let Def::Let(i) = *def {
                self.hand_on(Slot::Let(i), &model.lets[i].value);
            }
        }
    }

    fn hand_on(&mut self, slot: Slot, value: &Typed) {
        if let Some(unit) = self.wanted.remove(&slot) {
            self.follows(value, &unit);
        }
    }

    fn unit_of(&self, slot: Slot) -> State {
        match self.known.get(&slot) {
            Some(known) => State::Known(known.unit.clone()),
            None => self.values.get(&slot).cloned().unwrap_or(State::Unlabelled),
        }
    }

    /// The unit of `slot` follows from what stands at `at`.
    fn found(&mut self, slot: Slot, unit: &Unit, at: Span) {
        if !self.silent && !self.known.contains_key(&slot) {
            self.known.insert(slot, Known { unit: unit.clone(), declared: false, at });
            self.changed = true;
        }
    }

    /// Tells a mistake of what stands at `at`, once; what it is in is unknown.
    fn wrong(&mut self, at: Span, mistake: impl FnOnce(&Self) -> Diagnostic) -> State {
        let full = self.mistakes.len() >= MAX_MISTAKES;
        if self.telling && !self.silent && !full && self.told.insert(at) {
            let mistake = mistake(self);
            self.mistakes.push(mistake);
        }
        State::Unlabelled
    }

    /// The last mistake is made here as well.
    fn and_here(&mut self, at: Span) {
        if let (true, Some(mistake)) = (self.telling, self.mistakes.last_mut()) {
            mistake.secondary.push(Label { span: at, text: "and here".into() });
        }
    }

    /// What is known in the end.
    fn units(&mut self) -> Units {
        let mut named = BTreeMap::new();
        let mut columns = BTreeMap::new();
        for (slot, known) in &self.known {
            match slot {
                Slot::Column { table, column } => {
                    columns.insert((*table, *column), known.unit.clone());
                }
                slot => {
                    named.insert(self.name(*slot), known.unit.clone());
                }
            }
        }
        for (i, l) in self.model.lets.iter().enumerate() {
            if let State::Known(unit) = self.unit_of(Slot::Let(i)) {
                named.insert(l.name.clone(), unit);
            }
        }
        let model = self.model;
        let observed = model.observes.iter().enumerate().filter_map(|(i, o)| {
            let State::Known(unit) = self.quietly(&o.value) else { return None };
            Some((i, unit))
        });
        let observed = observed.collect();
        Units { named, columns, observed }
    }
}
