//! Laws of several laws, and of several values: `mixture`, `ordered`.

use model::Support;

use super::{form_of, latent_behind, law, modified};
use crate::check::expr::{self, Context};
use crate::check::scope::Scope;
use crate::errors;
use crate::expr::{Arg, Expr, ExprKind};
use crate::typed::{Form, Law, Typed};

/// `ordered(normal(0, 5))`: of a vector's elements, in ascending order.
pub fn ordered(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    let (base, [over]) = modified(scope, e, args, ["over"], context)?;
    let dim = match over {
        Some(over) => expr::one_dim(scope, over)?,
        None => match context.dims() {
            &[one] => one,
            left => {
                let names: Vec<String> = left.iter().map(|&d| scope.dims[d].name.clone()).collect();
                return scope.fail(errors::vector_over(e.span, "ordered", &names));
            }
        },
    };
    if base.has_atom() {
        return scope.fail(errors::atom(base.span, base.name(), "ordered"));
    }
    let Support::Interval { lower, upper } = base.support else {
        return scope.fail(errors::ordered_form(base.span));
    };
    if !base.event.is_empty() || base.varies.is_some() {
        return scope.fail(errors::ordered_form(base.span));
    }
    // Laws that differ by latents along the dimension have a normaliser that nobody knows.
    let args = base.args();
    if let Some((t, _)) = args.iter().find(|(t, _)| t.dims.contains(&dim) && !expr::is_data(scope, t)) {
        let mistake = errors::ordered_varies(t.span, &scope.dims[dim].name);
        return scope.fail(mistake);
    }
    let support = Support::Ordered { lower, upper };
    Some(Law {
        form: Form::Ordered { base: Box::new(base) },
        support,
        varies: None,
        event: vec![dim],
        span: e.span,
    })
}

/// `mixture([p, 1 - p], d1, d2)`, `mixture(w, d1, d2)`, `mixture(w, d, over=k)`
pub fn mixture(scope: &mut Scope, e: &Expr, args: &[Arg], context: &Context) -> Option<Law> {
    let over = args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.name == "over"));
    let values: Vec<&Arg> = args.iter().filter(|a| a.name.is_none()).collect();
    if let Some(word) = args.iter().filter_map(|a| a.name.as_ref()).find(|n| n.name != "over") {
        return scope.fail(errors::unknown_argument(word.span, &word.name, "mixture", &["over"]));
    }
    let [weights, components @ ..] = &values[..] else {
        return scope.fail(errors::modifier_form(e.span, "mixture", form_of("mixture").0));
    };
    if let Some(over) = over {
        let over = expr::one_dim(scope, &over.value)?;
        let [component] = components else {
            return scope.fail(errors::modifier_form(e.span, "mixture", "mixture(w, d, over=k)"));
        };
        let weights = expr::expr(scope, &weights.value, context);
        let component = law(scope, &component.value, context);
        let (weights, component) = (Box::new(weights?), Box::new(component?));
        if !may_be_weights(scope, std::slice::from_ref(&weights)) {
            return None;
        }
        if !weights.dims.contains(&over) {
            let (has, dim) = (scope.dims.show(&weights.dims), scope.dims[over].name.clone());
            return scope.fail(errors::not_over(weights.span, "the first argument", &has, &dim));
        }
        let (support, varies, event) = (component.support, component.varies.clone(), component.event.clone());
        let form = Form::MixtureOver { weights, component, over };
        return Some(Law { form, support, varies, event, span: e.span });
    }
    if let [_] = components {
        return scope.fail(errors::mixture_of_one(e.span, form_of("mixture").0));
    }
    let laws: Vec<Option<Law>> = components.iter().map(|a| law(scope, &a.value, context)).collect();
    let weights = self::weights(scope, &weights.value, components.len(), context);
    let laws: Vec<Law> = laws.into_iter().collect::<Option<_>>()?;
    let weights = weights?;
    if !may_be_weights(scope, &weights) {
        return None;
    }
    let (Some(first), true) = (laws.first(), laws.len() >= 2) else {
        return scope.fail(errors::modifier_form(e.span, "mixture", form_of("mixture").0));
    };
    let mut support = first.support;
    for other in &laws[1..] {
        let Some(both) = hull(support, other.support)
            .filter(|_| other.event == first.event && other.has_atom() == first.has_atom())
        else {
            return scope.fail(errors::mixed_supports(other.span, other.name(), first.name()));
        };
        support = both;
    }
    let varies = laws.iter().find_map(|l| l.varies.clone());
    let event = first.event.clone();
    Some(Law { form: Form::Mixture { weights, components: laws }, support, varies, event, span: e.span })
}

/// One weight a component: written out, or along the one dimension of that size.
fn weights(scope: &mut Scope, e: &Expr, n: usize, context: &Context) -> Option<Vec<Typed>> {
    if let ExprKind::Array(items) = &e.kind {
        if items.len() != n {
            return scope.fail(errors::mixture_weights(e.span, items.len(), n));
        }
        let typed: Vec<Option<Typed>> = items.iter().map(|x| expr::expr(scope, x, context)).collect();
        return typed.into_iter().collect();
    }
    let all = expr::expr(scope, e, context)?;
    let own: Vec<_> = all.dims.iter().copied().filter(|d| !context.dims().contains(d)).collect();
    match own[..] {
        [dim] if scope.dims[dim].size == n => {
            Some((0..n).map(|at| expr::element_of(&all, dim, at)).collect())
        }
        [dim] => {
            let found = scope.dims[dim].size;
            scope.fail(errors::mixture_weights(e.span, found, n))
        }
        _ => scope.fail(errors::modifier_form(e.span, "mixture", form_of("mixture").0)),
    }
}

/// Is none of them a latent that can be negative?
fn may_be_weights(scope: &mut Scope, weights: &[Typed]) -> bool {
    let domain = distributions::Domain::NonNegative;
    for weight in weights {
        if let Some((name, support)) = latent_behind(scope, weight)
            && !domain.includes(support)
        {
            let mistake = errors::latent_domain(weight.span, ("a weight", "mixture"), domain, name, support);
            scope.tell(mistake);
            return false;
        }
    }
    true
}

/// The least support that holds both, of one kind.
fn hull(a: Support, b: Support) -> Option<Support> {
    let ((l1, u1), (l2, u2)) = (a.range(), b.range());
    let (lower, upper) = (l1.min(l2), u1.max(u2));
    match (a, b) {
        (Support::Interval { .. }, Support::Interval { .. }) => Some(Support::Interval { lower, upper }),
        (Support::Integers { .. }, Support::Integers { .. }) => Some(Support::Integers { lower, upper }),
        _ => (a == b).then_some(a),
    }
}
