//! One variable's law over its elements: which numbers each draw reads, and the draw.

use std::sync::Arc;

use graph::ir::{DimId, NodeId};
use model::{Drawing, Elements, Lookup, Recipe, Target, Uniforms, Variable};

use crate::error::AnswerError;
use crate::nodes::{Place, Reader, Values};

/// Attempts at an order that sorting does not give.
const ORDER_ATTEMPTS: usize = 100_000;

/// Where a node's element for a value is: its strides along the dimensions that are walked.
#[derive(Debug)]
struct Operand {
    node: NodeId,
    place: Place,
    /// (slot, stride)
    along: Vec<(usize, usize)>,
    /// Steps to the elements along the law's own dimensions.
    own: Vec<usize>,
}

impl Operand {
    fn start(&self, at: &[usize]) -> usize {
        self.along.iter().map(|&(slot, stride)| at[slot] * stride).sum()
    }

    fn one(&self, reader: Reader<'_>, at: &[usize]) -> f64 {
        reader.get(self.place, self.start(at))
    }
}

enum Step<'t> {
    Law { drawing: Box<dyn Drawing + 't>, params: Vec<Operand>, values: Vec<f64>, ends: Vec<usize> },
    Truncated { base: Box<Step<'t>>, lower: Option<Operand>, upper: Option<Operand> },
    Ordered { base: Box<Step<'t>>, slot: usize, alike: bool },
    Mixture { weights: Vec<Operand>, components: Vec<Step<'t>> },
    MixtureOver { weights: Operand, component: Box<Step<'t>>, slot: usize, n: usize },
    Computed(Operand),
}

/// A discrete latent that the law depends on.
struct Chosen {
    slot: usize,
    latent: usize,
    /// Its plates: (slot, stride), and what the slot's elements look up there.
    along: Vec<(usize, usize, Option<Arc<Lookup>>)>,
}

/// Draws values of one variable; each thread has its own.
pub struct Drawer<'t> {
    step: Step<'t>,
    at: Vec<usize>,
    /// Sizes and slots of the dimensions that values are independent along, in memory order.
    batch: Vec<usize>,
    chosen: Vec<Chosen>,
    /// Of the value that starts at an element: strides of the batch, and steps along its own dimensions.
    strides: Vec<usize>,
    event: Vec<usize>,
    name: &'t str,
}

/// Strides of dimensions in memory order.
pub fn strides(target: &Target, dims: &[DimId]) -> Vec<usize> {
    let mut out = vec![1; dims.len()];
    for k in (0..dims.len().saturating_sub(1)).rev() {
        out[k] = out[k + 1] * target.size(dims[k + 1]);
    }
    out
}

/// From an element of an array over `dims` to the one at the same place of an array over some of them,
/// `has`.
pub fn element_of(target: &Target, dims: &[DimId], has: &[DimId]) -> impl Fn(usize) -> usize + use<> {
    element_by(target, dims, has, &[])
}

/// The same, where elements along rows look up those along a plate that `has` instead.
pub fn element_by(
    target: &Target,
    dims: &[DimId],
    has: &[DimId],
    lookups: &[Arc<Lookup>],
) -> impl Fn(usize) -> usize + use<> {
    /// A dimension of `has`: where its place stands in an element, its stride, and what is looked up there.
    struct Part {
        from: Option<(usize, usize)>,
        stride: usize,
        lookup: Option<Arc<Lookup>>,
    }
    let own = strides(target, dims);
    let step = |(d, stride): (&DimId, usize)| {
        let lookup = lookups.iter().find(|l| l.plate == *d).cloned();
        let along = lookup.as_ref().map_or(*d, |l| l.rows);
        // A dimension that is not there has one place.
        let found = dims.iter().position(|x| *x == along);
        Part { from: found.map(|k| (own[k], target.size(along))), stride, lookup }
    };
    let parts: Vec<Part> = has.iter().zip(strides(target, has)).map(step).collect();
    move |e| {
        let at = |part: &Part| {
            let at = part.from.map_or(0, |(own, n)| e / own % n);
            part.lookup.as_ref().map_or(at, |l| l.at[at] as usize) * part.stride
        };
        parts.iter().map(at).sum()
    }
}

/// Steps from the first to each of the elements along `own`, outermost first, of an array over `dims`.
fn steps(target: &Target, dims: &[DimId], own: &[DimId]) -> Vec<usize> {
    let all = strides(target, dims);
    let mut out = vec![0];
    for d in own {
        let Some(k) = dims.iter().position(|x| x == d) else { continue };
        let (n, stride) = (target.size(*d), all[k]);
        out = out.iter().flat_map(|s| (0..n).map(move |i| s + i * stride)).collect();
    }
    out
}

/// The dimensions that the values of `variable` are independent along.
pub fn batch_of(variable: &Variable) -> Vec<DimId> {
    variable.dims.iter().copied().filter(|d| !variable.event.contains(d)).collect()
}

impl<'t> Drawer<'t> {
    /// `by_entry`: values as they came into the data, where that was by a window.
    pub fn new(target: &'t Target, variable: &'t Variable, nodes: &Values, by_entry: bool) -> Drawer<'t> {
        let batch = batch_of(variable);
        let mut slots = batch.clone();
        let step = compile(target, &variable.law, nodes, by_entry, &mut slots);
        // A slot stands for a discrete latent where its dimension is that of the latent's values.
        let chosen = (0..slots.len()).filter_map(|slot| {
            let latent = target.discrete.iter().position(|d| d.values == slots[slot])?;
            let plates = &target.discrete[latent].dims;
            let lookups = variable.lookups.get(&slots[slot]).map_or(&[][..], Vec::as_slice);
            let step = |(d, stride): (&DimId, usize)| {
                let lookup = lookups.iter().find(|l| l.plate == *d).cloned();
                let along = lookup.as_ref().map_or(*d, |l| l.rows);
                Some((batch.iter().position(|b| *b == along)?, stride, lookup))
            };
            let along = plates.iter().zip(strides(target, plates)).filter_map(step).collect();
            Some(Chosen { slot, latent, along })
        });
        let all = strides(target, &variable.dims);
        let place = |d: &DimId| variable.dims.iter().position(|x| x == d).expect("one of them");
        Drawer {
            chosen: chosen.collect(),
            step,
            at: vec![0; slots.len()],
            batch: batch.iter().map(|&d| target.size(d)).collect(),
            strides: batch.iter().map(|d| all[place(d)]).collect(),
            event: steps(target, &variable.dims, &variable.event),
            name: &variable.name,
        }
    }

    /// Values that are independent of each other given the parameters.
    pub fn n_values(&self) -> usize {
        self.batch.iter().product()
    }

    /// Elements of one value.
    pub fn n_event(&self) -> usize {
        self.event.len()
    }

    /// Where the elements of value `k` are, in memory order of the variable.
    pub fn elements(&self, k: usize) -> impl Iterator<Item = usize> + '_ {
        let (mut rest, mut start) = (k, 0);
        for (n, stride) in self.batch.iter().zip(&self.strides).rev() {
            start += rest % n * stride;
            rest /= n;
        }
        self.event.iter().map(move |e| start + e)
    }

    /// Value `k`, given the parameters in `reader` and the positions of the values of discrete latents.
    pub fn draw(
        &mut self,
        k: usize,
        reader: Reader<'_>,
        discrete: &dyn Fn(usize, usize) -> usize,
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), AnswerError> {
        self.go_to(k, discrete);
        draw(&mut self.step, &mut self.at, reader, None, uniforms, out)
            .map_err(|why| AnswerError::Draw { name: self.name.into(), why })
    }

    /// The elements of value `k` that are not `known`, given those in `out` that are.
    pub fn draw_given(
        &mut self,
        k: usize,
        reader: Reader<'_>,
        discrete: &dyn Fn(usize, usize) -> usize,
        known: &[bool],
        uniforms: &mut Uniforms<'_>,
        out: &mut [f64],
    ) -> Result<(), AnswerError> {
        self.go_to(k, discrete);
        let failed = |why| AnswerError::Draw { name: self.name.into(), why };
        let Step::Law { drawing, params, values, ends } = &mut self.step else {
            return Err(failed("some of its rows have a value and others have none".into()));
        };
        read(params, values, &self.at, reader);
        drawing.draw_given(Elements { values, ends }, known, uniforms, out).map_err(|e| failed(e.to_string()))
    }

    /// The elements of nodes that value `k` is drawn by.
    pub fn reads(&mut self, k: usize, discrete: &dyn Fn(usize, usize) -> usize) -> Vec<(NodeId, usize)> {
        self.go_to(k, discrete);
        let mut out = Vec::new();
        reads(&self.step, &mut self.at, self.event.len(), &mut out);
        out
    }

    /// Walks to value `k`, with the positions of the values of discrete latents there.
    fn go_to(&mut self, k: usize, discrete: &dyn Fn(usize, usize) -> usize) {
        let mut rest = k;
        for (slot, n) in self.batch.iter().enumerate().rev() {
            self.at[slot] = rest % n;
            rest /= n;
        }
        for c in &self.chosen {
            let at = |(slot, stride, lookup): &(usize, usize, Option<Arc<Lookup>>)| {
                let at = self.at[*slot];
                lookup.as_ref().map_or(at, |l| l.at[at] as usize) * stride
            };
            let element = c.along.iter().map(at).sum();
            self.at[c.slot] = discrete(c.latent, element);
        }
    }
}

fn compile<'t>(
    target: &'t Target,
    recipe: &'t Recipe,
    nodes: &Values,
    by_entry: bool,
    slots: &mut Vec<DimId>,
) -> Step<'t> {
    let slot_of = |d: DimId, slots: &mut Vec<DimId>| {
        slots.iter().position(|&s| s == d).unwrap_or_else(|| {
            slots.push(d);
            slots.len() - 1
        })
    };
    let operand = |n: NodeId, own: &[DimId], slots: &mut Vec<DimId>| {
        let dims = &target.graph.ty(n).dims;
        let along = dims.iter().zip(strides(target, dims)).filter(|(d, _)| !own.contains(d));
        let along = along.map(|(&d, stride)| (slot_of(d, slots), stride)).collect();
        Operand { node: n, place: nodes.place(n), along, own: steps(target, dims, own) }
    };
    match recipe {
        Recipe::Law { sampler, params, own } => {
            let params: Vec<Operand> = params.iter().map(|&n| operand(n, own, slots)).collect();
            let mut end = 0;
            let ends: Vec<usize> = params
                .iter()
                .map(|p| {
                    end += p.own.len();
                    end
                })
                .collect();
            Step::Law { drawing: sampler.start(), values: vec![0.0; end], params, ends }
        }
        Recipe::Truncated { base, by_entry: entry, .. } if *entry && !by_entry => {
            compile(target, base, nodes, by_entry, slots)
        }
        Recipe::Truncated { base, lower, upper, .. } => Step::Truncated {
            lower: lower.map(|n| operand(n, &[], slots)),
            upper: upper.map(|n| operand(n, &[], slots)),
            base: Box::new(compile(target, base, nodes, by_entry, slots)),
        },
        Recipe::Ordered { base, along, alike } => {
            let slot = slot_of(*along, slots);
            Step::Ordered {
                base: Box::new(compile(target, base, nodes, by_entry, slots)),
                slot,
                alike: *alike,
            }
        }
        Recipe::Mixture { weights, components } => Step::Mixture {
            weights: weights.iter().map(|&n| operand(n, &[], slots)).collect(),
            components: components.iter().map(|c| compile(target, c, nodes, by_entry, slots)).collect(),
        },
        Recipe::MixtureOver { weights, component, over } => {
            let slot = slot_of(*over, slots);
            Step::MixtureOver {
                weights: operand(*weights, &[], slots),
                component: Box::new(compile(target, component, nodes, by_entry, slots)),
                slot,
                n: target.size(*over),
            }
        }
        Recipe::Computed { value, .. } => Step::Computed(operand(*value, &[], slots)),
    }
}

/// The elements that a draw of `n_event` elements reads.
fn reads(step: &Step<'_>, at: &mut Vec<usize>, n_event: usize, out: &mut Vec<(NodeId, usize)>) {
    let one = |o: &Operand, at: &[usize]| (o.node, o.start(at));
    match step {
        Step::Law { params, .. } => {
            for p in params {
                let start = p.start(at);
                out.extend(p.own.iter().map(|step| (p.node, start + step)));
            }
        }
        Step::Truncated { base, lower, upper } => {
            out.extend(lower.iter().chain(upper).map(|o| one(o, at)));
            reads(base, at, n_event, out);
        }
        Step::Ordered { base, slot, .. } => {
            for i in 0..n_event {
                at[*slot] = i;
                reads(base, at, 1, out);
            }
        }
        Step::Mixture { weights, components } => {
            out.extend(weights.iter().map(|o| one(o, at)));
            components.iter().for_each(|c| reads(c, at, n_event, out));
        }
        Step::MixtureOver { weights, component, slot, n } => {
            for k in 0..*n {
                at[*slot] = k;
                out.push(one(weights, at));
                reads(component, at, n_event, out);
            }
        }
        Step::Computed(value) => out.push(one(value, at)),
    }
}

/// The parameters of one value, one after the other.
fn read(params: &[Operand], values: &mut [f64], at: &[usize], reader: Reader<'_>) {
    let mut values = values.iter_mut();
    for p in params {
        let start = p.start(at);
        for (step, value) in p.own.iter().zip(&mut values) {
            *value = reader.get(p.place, start + step);
        }
    }
}

fn draw(
    step: &mut Step<'_>,
    at: &mut Vec<usize>,
    reader: Reader<'_>,
    window: Option<(f64, f64)>,
    uniforms: &mut Uniforms<'_>,
    out: &mut [f64],
) -> Result<(), String> {
    match step {
        Step::Law { drawing, params, values, ends } => {
            read(params, values, at, reader);
            drawing.draw(Elements { values, ends }, window, uniforms, out).map_err(|e| e.to_string())
        }
        Step::Truncated { base, lower, upper } => {
            let end = |o: &Option<Operand>, none: f64| o.as_ref().map_or(none, |o| o.one(reader, at));
            let window = (end(lower, f64::NEG_INFINITY), end(upper, f64::INFINITY));
            draw(base, at, reader, Some(window), uniforms, out)
        }
        Step::Ordered { base, slot, alike } => {
            for _ in 0..ORDER_ATTEMPTS {
                for i in 0..out.len() {
                    at[*slot] = i;
                    draw(base, at, reader, window, uniforms, &mut out[i..i + 1])?;
                }
                if *alike {
                    out.sort_by(f64::total_cmp);
                }
                if !out.windows(2).any(|w| w[0] > w[1]) {
                    return Ok(());
                }
            }
            Err(format!("{ORDER_ATTEMPTS} draws were not in order"))
        }
        Step::Mixture { weights, components } => {
            let k = choose(weights.len(), &mut |k| weights[k].one(reader, at), uniforms);
            match k {
                Some(k) => draw(&mut components[k], at, reader, window, uniforms, out),
                None => {
                    out.fill(f64::NAN);
                    Ok(())
                }
            }
        }
        Step::MixtureOver { weights, component, slot, n } => {
            let k = choose(
                *n,
                &mut |k| {
                    at[*slot] = k;
                    weights.one(reader, at)
                },
                uniforms,
            );
            match k {
                Some(k) => {
                    at[*slot] = k;
                    draw(component, at, reader, window, uniforms, out)
                }
                None => {
                    out.fill(f64::NAN);
                    Ok(())
                }
            }
        }
        Step::Computed(value) => {
            out[0] = value.one(reader, at);
            Ok(())
        }
    }
}

/// A position, by weights that add up to anything; `None` where they are none.
pub fn choose(n: usize, weight: &mut dyn FnMut(usize) -> f64, uniforms: &mut Uniforms<'_>) -> Option<usize> {
    let total: f64 = (0..n).map(&mut *weight).sum();
    if !(total > 0.0 && total.is_finite()) {
        return None;
    }
    let mut left = uniforms() * total;
    let mut last = None;
    for k in 0..n {
        let w = weight(k);
        if w > 0.0 {
            last = Some(k);
        }
        left -= w;
        if left < 0.0 {
            break;
        }
    }
    last
}
