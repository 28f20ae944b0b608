//! Linear-Gaussian recurrences: recognised, so that their states are summed out exactly.
//!
//! All states of the block are normal (at the first row also flat, or known), with means that are
//! affine in the states at the row before and sds free of states; what is seen of them is normal, its
//! mean affine in the states and its sd free of them; and nothing else uses them. A let over states
//! counts as what it stands for. States of such a block are drawn back afterwards, given the rest.

use graph::ir::{Binary, Unary};

use crate::check::dims::union;
use crate::check::expr::{apply1, apply2};
use crate::check::recurrence::is_line;
use crate::typed::{Call, Def, Form, Kind, Law, Model, RecurrenceDef, SeriesKind, Step, Typed};

/// Expansions of lets in one block: chains of lets may double at each link.
const MAX_EXPANSIONS: usize = 1_000;
/// States of a filter, whose step is written out.
const MAX_STATES: usize = 12;

/// A block whose states are summed out.
#[derive(Clone, Debug)]
pub struct Linear {
    pub start: Vec<Start>,
    /// By state: its mean in terms of the states at the row before, and its sd.
    pub next: Vec<(Affine, Typed)>,
    pub seen: Vec<Seen>,
}

/// A state at a first row.
#[derive(Clone, Debug)]
pub enum Start {
    Normal { mean: Typed, sd: Typed },
    Known(Typed),
    Diffuse,
}

/// A likelihood of the states, by position in [`Model::observes`].
#[derive(Clone, Debug)]
pub struct Seen {
    pub observe: usize,
    pub mean: Affine,
    pub sd: Typed,
}

/// `sum_i coefficient_i z_i + rest`; what is absent is zero.
#[derive(Clone, Debug)]
pub struct Affine {
    pub coefficients: Vec<Option<Typed>>,
    pub rest: Option<Typed>,
}

/// Finds the linear-Gaussian blocks of `model`, and says so in them.
pub fn recognise(model: &mut Model) {
    for block in 0..model.recurrences.len() {
        let found = Reader::new(model, block).linear();
        model.recurrences[block].linear = found;
    }
}

struct Reader<'m> {
    model: &'m Model,
    block: usize,
    def: &'m RecurrenceDef,
    /// By let: does it depend on the states?
    lets: Vec<bool>,
    left: usize,
}

impl<'m> Reader<'m> {
    fn new(model: &'m Model, block: usize) -> Reader<'m> {
        let lets = vec![false; model.lets.len()];
        let mut r = Reader { model, block, def: &model.recurrences[block], lets, left: MAX_EXPANSIONS };
        for def in &model.order {
            if let Def::Let(i) = *def {
                r.lets[i] = r.depends(&model.lets[i].value);
            }
        }
        r
    }

    /// Does `t` speak of the block's states?
    fn depends(&self, t: &Typed) -> bool {
        match &t.kind {
            Kind::Series(s) | Kind::Previous(s) | Kind::Current(s) => s.block == self.block,
            Kind::StepLet { block, .. } => *block == self.block,
            Kind::Let(i) => self.lets[*i],
            _ => t.parts().into_iter().any(|part| self.depends(part)),
        }
    }

    fn linear(&mut self) -> Option<Linear> {
        let (model, def) = (self.model, self.def);
        let noisy = |kind: &SeriesKind| *kind == SeriesKind::Noise;
        if def.states.len() > MAX_STATES || !def.states.iter().all(|s| noisy(&s.kind) && s.own.is_empty()) {
            return None;
        }
        if self.used_elsewhere() {
            return None;
        }
        let (mut start, mut next) = (Vec::new(), Vec::new());
        for s in &def.states {
            start.push(match &s.initial {
                Step::Value(value) => Start::Known(self.free(value)?),
                Step::Law(law) if is_line(law) => Start::Diffuse,
                Step::Law(law) => {
                    let [mean, sd] = normal(law)?;
                    Start::Normal { mean: self.free(mean)?, sd: self.free(sd)? }
                }
            });
            let [mean, sd] = normal(s.next.law()?)?;
            next.push((self.affine(mean)?, self.free(sd)?));
        }
        let mut seen = Vec::new();
        for (observe, o) in model.observes.iter().enumerate() {
            if !o.law.args().iter().any(|(arg, _)| self.depends(arg)) {
                continue;
            }
            let [mean, sd] = normal(&o.law)?;
            let clean = |t: &Typed| !self.depends(t);
            if o.value.dims != [def.rows] || !clean(&o.value) || !o.mask.as_ref().is_none_or(clean) {
                return None;
            }
            seen.push(Seen { observe, mean: self.affine(mean)?, sd: self.free(sd)? });
        }
        // Without anything seen there is nothing to gain.
        (!seen.is_empty()).then_some(Linear { start, next, seen })
    }

    /// Does anything but likelihoods and lets by row use the states?
    fn used_elsewhere(&self) -> bool {
        let m = self.model;
        let law = |law: &Law| law.args().iter().any(|(arg, _)| self.depends(arg));
        let lets = m.lets.iter().zip(&self.lets);
        let whole =
            lets.filter(|(_, depends)| **depends).any(|(l, _)| !l.value.dims.contains(&self.def.rows));
        let solves = m.solves.iter().any(|s| {
            let of_states = s.states.iter().flat_map(|s| [&s.initial, &s.rate]);
            of_states.chain(&s.rate_lets).chain([&s.at]).any(|t| self.depends(t))
        });
        let recurrences = m.recurrences.iter().enumerate().filter(|(b, _)| *b != self.block).any(|(_, r)| {
            let args = r.states.iter().flat_map(|s| s.initial.args().into_iter().chain(s.next.args()));
            args.chain(&r.lets).any(|t| self.depends(t))
        });
        let masks = m.observes.iter().any(|o| self.depends(&o.value));
        whole
            || solves
            || recurrences
            || masks
            || m.latents.iter().any(|l| law(&l.law))
            || m.factors.iter().any(|f| self.depends(&f.value))
    }

    /// `t`, where it is one number a row and free of states and of discrete variables.
    fn free(&self, t: &Typed) -> Option<Typed> {
        let by_row = t.dims.iter().all(|d| *d == self.def.rows);
        (by_row && !self.depends(t) && !self.discrete(t)).then(|| t.clone())
    }

    fn discrete(&self, t: &Typed) -> bool {
        let m = self.model;
        match &t.kind {
            Kind::Latent(i) => m.latents[*i].discrete.is_some(),
            Kind::At { .. } => true,
            Kind::Let(i) => !m.lets[*i].met.is_empty(),
            Kind::Series(s) => {
                matches!(m.recurrences[s.block].states[s.state].kind, SeriesKind::Discrete { .. })
            }
            _ => t.parts().into_iter().any(|part| self.discrete(part)),
        }
    }

    fn affine(&mut self, t: &Typed) -> Option<Affine> {
        let n = self.def.states.len();
        let none = || Affine { coefficients: vec![None; n], rest: None };
        if !self.depends(t) {
            return Some(Affine { rest: Some(self.free(t)?), ..none() });
        }
        match &t.kind {
            Kind::Series(s) | Kind::Previous(s) => {
                let mut out = none();
                out.coefficients[s.state] =
                    Some(Typed { kind: Kind::Const(1.0), dims: vec![], span: t.span });
                Some(out)
            }
            Kind::Let(i) => {
                self.left = self.left.checked_sub(1)?;
                let model = self.model;
                self.affine(&model.lets[*i].value)
            }
            Kind::StepLet { position, .. } => {
                self.left = self.left.checked_sub(1)?;
                let def = self.def;
                self.affine(&def.lets[*position])
            }
            Kind::Spread(x) if t.dims == [self.def.rows] => self.affine(x),
            Kind::Apply1(Unary::Neg, x) => {
                let x = self.affine(x)?;
                Some(x.map(|c| apply1(Unary::Neg, c, t.span)))
            }
            Kind::Apply2(op @ (Binary::Add | Binary::Sub), a, b) => {
                let (a, b) = (self.affine(a)?, self.affine(b)?);
                Some(a.plus(b, *op, t))
            }
            Kind::Apply2(Binary::Mul, a, b) => {
                let (x, c) = if self.depends(a) { (a, b) } else { (b, a) };
                let (x, c) = (self.affine(x)?, self.free(c)?);
                Some(x.map(|x| apply2(Binary::Mul, x, c.clone(), t.span)))
            }
            Kind::Apply2(Binary::Div, a, b) => {
                let (x, c) = (self.affine(a)?, self.free(b)?);
                Some(x.map(|x| apply2(Binary::Div, x, c.clone(), t.span)))
            }
            Kind::Select(c, a, b) => {
                let (c, a, b) = (self.free(c)?, self.affine(a)?, self.affine(b)?);
                Some(a.chosen(b, &c, t))
            }
            _ => None,
        }
    }
}

impl Affine {
    fn map(self, mut f: impl FnMut(Typed) -> Typed) -> Affine {
        let coefficients = self.coefficients.into_iter().map(|c| c.map(&mut f)).collect();
        Affine { coefficients, rest: self.rest.map(f) }
    }

    fn both(self, other: Affine, mut f: impl FnMut(Option<Typed>, Option<Typed>) -> Option<Typed>) -> Affine {
        let rest = f(self.rest, other.rest);
        let pairs = self.coefficients.into_iter().zip(other.coefficients);
        Affine { coefficients: pairs.map(|(a, b)| f(a, b)).collect(), rest }
    }

    fn plus(self, other: Affine, op: Binary, t: &Typed) -> Affine {
        self.both(other, |a, b| match (a, b) {
            (Some(a), Some(b)) => Some(apply2(op, a, b, t.span)),
            (None, Some(b)) if op == Binary::Sub => Some(apply1(Unary::Neg, b, t.span)),
            (a, b) => a.or(b),
        })
    }

    fn chosen(self, other: Affine, c: &Typed, t: &Typed) -> Affine {
        let zero = || Typed { kind: Kind::Const(0.0), dims: vec![], span: t.span };
        self.both(other, |a, b| {
            if a.is_none() && b.is_none() {
                return None;
            }
            let (a, b) = (a.unwrap_or_else(zero), b.unwrap_or_else(zero));
            let dims = union(&c.dims, &union(&a.dims, &b.dims));
            let kind = Kind::Select(Box::new(c.clone()), Box::new(a), Box::new(b));
            Some(Typed { kind, dims, span: t.span })
        })
    }
}

/// The mean and sd of a plain normal.
fn normal(law: &Law) -> Option<[&Typed; 2]> {
    let Form::Call(Call { distribution, args, params, .. }) = &law.form else { return None };
    (distribution.name() == "normal").then(|| [&args[params.at(0)], &args[params.at(1)]])
}
