//! What must be known before what: definitions in dependency order, cycles refused.

use std::collections::HashMap;

use crate::check::mistakes;
use crate::check::scope::{Scope, Symbol};
use crate::expr::{Expr, ExprKind, Index};
use crate::typed::Def;

/// Every name an expression mentions, left to right.
fn names<'e>(e: &'e Expr, out: &mut Vec<&'e str>) {
    match &e.kind {
        ExprKind::Name(n) => out.push(&n.name),
        ExprKind::Call { args, .. } => {
            for a in args {
                // `over=` takes a dimension.
                if a.name.as_ref().is_none_or(|n| n.name != "over") {
                    names(&a.value, out);
                }
            }
        }
        ExprKind::Index { base, indices } => {
            names(base, out);
            for i in indices {
                if let Index::Lookup(v) = i {
                    names(v, out);
                }
            }
        }
        _ => e.children().into_iter().for_each(|c| names(c, out)),
    }
}

/// Lets that mention a state of `solve`, directly or through other lets: in its rates they run.
fn runs(scope: &Scope, solve: usize) -> Vec<bool> {
    let mentions: Vec<Vec<Symbol>> = scope.lets.iter().map(|l| symbols(scope, l.value)).collect();
    let mut hit: Vec<bool> = mentions
        .iter()
        .map(|m| m.iter().any(|s| matches!(s, Symbol::State { solve: k, .. } if *k == solve)))
        .collect();
    loop {
        let next: Vec<bool> = mentions
            .iter()
            .enumerate()
            .map(|(i, m)| hit[i] || m.iter().any(|s| matches!(s, Symbol::Let(j) if hit[*j])))
            .collect();
        if next == hit {
            return hit;
        }
        hit = next;
    }
}

fn symbols(scope: &Scope, e: &Expr) -> Vec<Symbol> {
    let mut found = Vec::new();
    names(e, &mut found);
    found.into_iter().filter_map(|n| scope.lookup(n).first().copied()).collect()
}

/// The running lets that the rates of `solve` use, each after those it mentions.
pub fn running_lets(scope: &Scope, solve: usize) -> Vec<usize> {
    let running = runs(scope, solve);
    let uses = |e: &Expr| -> Vec<usize> {
        let of = symbols(scope, e).into_iter();
        of.filter_map(|s| if let Symbol::Let(i) = s { running[i].then_some(i) } else { None }).collect()
    };
    let mut todo: Vec<usize> = scope.solves[solve].block.states.iter().flat_map(|s| uses(&s.rate)).collect();
    let mut needed: Vec<usize> = Vec::new();
    while let Some(i) = todo.pop() {
        if !needed.contains(&i) {
            needed.push(i);
            todo.extend(uses(scope.lets[i].value));
        }
    }
    let edges: HashMap<usize, Vec<usize>> = needed.iter().map(|&i| (i, uses(scope.lets[i].value))).collect();
    let mut out: Vec<usize> = Vec::new();
    while let Some(&i) =
        needed.iter().find(|&&i| !out.contains(&i) && edges[&i].iter().all(|d| out.contains(d)))
    {
        out.push(i);
    }
    out
}

/// All definitions, each after what it mentions; `None` (and a mistake) where they go in a circle.
pub fn sort(scope: &mut Scope) -> Option<Vec<Def>> {
    let mut nodes: Vec<Def> = Vec::new();
    nodes.extend((0..scope.latents.len()).map(Def::Latent));
    nodes.extend((0..scope.lets.len()).map(Def::Let));
    nodes.extend((0..scope.solves.len()).map(Def::Solve));
    let index: HashMap<(u8, usize), usize> = nodes.iter().enumerate().map(|(k, d)| (key(*d), k)).collect();
    let of_symbol = |s: Symbol| -> Option<usize> {
        let d = match s {
            Symbol::Latent(i) => Def::Latent(i),
            Symbol::Let(i) => Def::Let(i),
            Symbol::State { solve, .. } => Def::Solve(solve),
            Symbol::Column { .. } | Symbol::Stack { .. } => return None,
        };
        index.get(&key(d)).copied()
    };
    let mut needs: Vec<Vec<usize>> = nodes
        .iter()
        .map(|d| match *d {
            Def::Latent(i) => {
                symbols(scope, scope.latents[i].law).into_iter().filter_map(of_symbol).collect()
            }
            Def::Let(i) => symbols(scope, scope.lets[i].value).into_iter().filter_map(of_symbol).collect(),
            Def::Solve(i) => {
                let own = |s: &Symbol| !matches!(s, Symbol::State { solve, .. } if *solve == i);
                let running = running_lets(scope, i);
                let block = scope.solves[i].block;
                let mut found: Vec<Symbol> = symbols(scope, &block.at);
                for s in &block.states {
                    found.extend(symbols(scope, &s.initial));
                    found.extend(symbols(scope, &s.rate).into_iter().filter(own));
                }
                for &l in &running {
                    found.extend(symbols(scope, scope.lets[l].value).into_iter().filter(own));
                }
                found.retain(|s| !matches!(s, Symbol::Let(l) if running.contains(l)));
                found.into_iter().filter_map(of_symbol).collect()
            }
        })
        .collect();
    for n in &mut needs {
        n.sort_unstable();
        n.dedup();
    }
    // Kahn's algorithm, in the order of the file where it is free.
    let mut takers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (k, n) in needs.iter().enumerate() {
        for &d in n {
            takers[d].push(k);
        }
    }
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut ready: std::collections::BTreeSet<usize> =
        (0..nodes.len()).filter(|&k| waiting[k] == 0).collect();
    let mut out = Vec::new();
    while let Some(k) = ready.pop_first() {
        out.push(nodes[k]);
        for &t in &takers[k] {
            waiting[t] -= 1;
            if waiting[t] == 0 {
                ready.insert(t);
            }
        }
    }
    if out.len() == nodes.len() {
        return Some(out);
    }
    // Walk backwards among the unready until one repeats: that is a cycle.
    let stuck: Vec<bool> = (0..nodes.len()).map(|k| !out.contains(&nodes[k])).collect();
    let mut path = vec![stuck.iter().position(|&s| s).unwrap_or(0)];
    let cycle = loop {
        let here = path[path.len() - 1];
        let Some(&next) = needs[here].iter().find(|&&d| stuck[d]) else { break path };
        if let Some(at) = path.iter().position(|&p| p == next) {
            break path[at..].to_vec();
        }
        path.push(next);
    };
    let named: Vec<(String, crate::source::Span)> = cycle.iter().map(|&k| name_of(scope, nodes[k])).collect();
    scope.mistakes.push(mistakes::cycle(&named));
    None
}

fn key(d: Def) -> (u8, usize) {
    match d {
        Def::Latent(i) => (0, i),
        Def::Let(i) => (1, i),
        Def::Solve(i) => (2, i),
    }
}

fn name_of(scope: &Scope, d: Def) -> (String, crate::source::Span) {
    match d {
        Def::Latent(i) => (scope.latents[i].target.name.name.clone(), scope.latents[i].target.name.span),
        Def::Let(i) => (scope.lets[i].target.name.name.clone(), scope.lets[i].target.name.span),
        Def::Solve(i) => (scope.solves[i].block.name.name.clone(), scope.solves[i].block.name.span),
    }
}
