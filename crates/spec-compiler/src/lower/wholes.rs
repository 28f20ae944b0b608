//! Values whose elements belong together, known before any draw: are arguments that are vectors or
//! matrices of data what their parameters take, and can observed ones come from their law?

use distributions::{Parameter, Shape};
use graph::ir::{DimId, NodeId, Varies};

use super::data::does_count;
use crate::errors;
use crate::lower::Lowering;
use crate::typed::{Call, DimRef, Form, ObserveDef, Typed};

impl Lowering<'_> {
    /// The elements of an argument that belong together must be a value together, wherever they count.
    pub fn whole_is_good(
        &mut self,
        call: &Call,
        parameter: Parameter,
        arg: &Typed,
        dims: &[DimRef],
        counts: Option<&[f64]>,
    ) -> bool {
        let own = match parameter.shape {
            Shape::Square => &call.event[..],
            _ => &call.event[..1],
        };
        let n = self.expr(arg);
        let Some(has) = self.dims_of(n) else { return true };
        // Where it lacks one of them the density says so.
        if parameter.shape == Shape::Square && !own.iter().all(|d| has.contains(d)) {
            return true;
        }
        let over: Vec<DimRef> = has.into_iter().filter(|d| !own.contains(d)).collect();
        let plates = dims.iter().filter(|d| !own.contains(d));
        let counts = counts
            .filter(|_| plates.clone().count() == over.len() && plates.clone().all(|d| over.contains(d)));
        let wholes = self.wholes(n, &over, own);
        let fault = wholes.iter().enumerate().find_map(|(e, whole)| {
            let fault = parameter.domain.fault(whole).filter(|_| does_count(counts, e));
            fault.map(|fault| (e, fault))
        });
        let Some((e, fault)) = fault else { return true };
        let labels = |k: usize| own.iter().map(|d| self.model.dims[d.0].label(k)).next().unwrap_or_default();
        let place = match &over[..] {
            [] => None,
            over => Some(self.place(over, e)),
        };
        let law = call.distribution.name();
        let mistake =
            errors::whole_domain(arg.span, (parameter.name, law), parameter.domain, &fault, &labels, place);
        self.mistakes.push(mistake);
        false
    }

    /// The elements of a draw-free node: for each place over `dims`, in memory order, those along `own`,
    /// the last of them varying fastest.
    fn wholes(&mut self, n: NodeId, dims: &[DimRef], own: &[DimRef]) -> Vec<Vec<f64>> {
        let all: Vec<DimRef> = dims.iter().chain(own).copied().collect();
        let values = self.data_over(n, &all);
        let in_memory = self.graph.canonical(self.dim_ids(&all));
        let stride_of = |l: &Self, d: DimId| -> usize {
            let after = in_memory.iter().skip_while(|&&x| x != d).skip(1);
            after.map(|&d| l.size_of(d)).product()
        };
        let positions = |l: &Self, dims: &[DimId]| {
            dims.iter().fold(vec![0], |starts: Vec<usize>, &d| {
                let (n, stride) = (l.size_of(d), stride_of(l, d));
                starts.iter().flat_map(|s| (0..n).map(move |i| s + i * stride)).collect()
            })
        };
        let places = positions(self, &self.graph.canonical(self.dim_ids(dims)));
        let elements = positions(self, &self.dim_ids(own));
        if values.len() != places.len() * elements.len() {
            return Vec::new();
        }
        places.iter().map(|p| elements.iter().map(|e| values[p + e]).collect()).collect()
    }

    /// Every observed vector or matrix must be possible under its law.
    pub fn whole_outcomes_are_possible(&mut self, o: &ObserveDef, x: NodeId, counts: Option<&[f64]>) -> bool {
        let own = &o.law.event;
        let over: Vec<DimRef> = o.value.dims.iter().copied().filter(|d| !own.contains(d)).collect();
        let values = self.wholes(x, &over, own);
        let call = match &o.law.form {
            Form::Call(call) => call,
            Form::Ordered { .. } => {
                let ascends = |e: usize| values[e].is_sorted_by(|a, b| a < b);
                return self.are_possible(o, &values, &over, counts, ascends);
            }
            _ => return true,
        };
        let argument = |l: &mut Self, arg: &Typed| {
            let n = l.expr(arg);
            let (along, others): (Vec<DimRef>, Vec<_>) =
                l.dims_of(n)?.into_iter().partition(|d| call.event.contains(d));
            let known = l.graph.varies(n) == Varies::Data && others.iter().all(|d| over.contains(d));
            known.then(|| l.wholes(n, &over, &along))
        };
        let arguments: Vec<Option<Vec<Vec<f64>>>> = call.args.iter().map(|arg| argument(self, arg)).collect();
        let possible = |e: usize| {
            let here = call
                .params
                .map(|i| arguments[i].as_ref().and_then(|wholes| wholes.get(e)).map(Vec::as_slice));
            let each = values[e].iter().all(|&x| call.distribution.observable(o.law.support, x));
            each && call.distribution.observable_value(&here, &values[e])
        };
        self.are_possible(o, &values, &over, counts, possible)
    }

    /// Is each of the values over `over` that count possible?
    fn are_possible(
        &mut self,
        o: &ObserveDef,
        values: &[Vec<f64>],
        over: &[DimRef],
        counts: Option<&[f64]>,
        possible: impl Fn(usize) -> bool,
    ) -> bool {
        let Some(e) = (0..values.len()).find(|&e| does_count(counts, e) && !possible(e)) else {
            return true;
        };
        let place = self.place(over, e);
        let mistake = errors::unsupported_value(
            o.origin.span,
            &o.name,
            &place,
            &values[e],
            o.law.name(),
            o.law.support,
        );
        self.mistakes.push(mistake);
        false
    }

    fn size_of(&self, d: DimId) -> usize {
        self.model_dim(d).map_or(1, |d| self.model.dims[d.0].size)
    }

    pub fn model_dim(&self, d: DimId) -> Option<DimRef> {
        self.dims.iter().position(|x| *x == d).map(DimRef)
    }

    /// The dimensions of a node, those of the values of discrete variables among them; nothing where it
    /// has one that is not the model's.
    pub fn dims_of(&self, n: NodeId) -> Option<Vec<DimRef>> {
        self.graph.ty(n).dims.iter().map(|&d| self.model_dim(d)).collect()
    }
}
