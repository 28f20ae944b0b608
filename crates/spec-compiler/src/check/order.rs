//! What must be known before what: definitions in dependency order, cycles refused.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::check::scope::{Scope, Symbol};
use crate::core::Solve;
use crate::errors;
use crate::expr::{Expr, ExprKind, Index};
use crate::source::Span;
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
        ExprKind::Member { base, .. } => names(base, out),
        _ => e.children().into_iter().for_each(|c| names(c, out)),
    }
}

fn names_of(e: &Expr) -> Vec<&str> {
    let mut out = Vec::new();
    names(e, &mut out);
    out
}

/// The name that means the running time in the rates of a block.
pub fn time_name(block: &Solve) -> Option<&str> {
    match &block.at.kind {
        ExprKind::Member { member, .. } => Some(&member.name),
        _ => block.at.as_name(),
    }
}

/// What the lets mention, found once.
struct Mentions<'a> {
    lets: Vec<Vec<&'a str>>,
    /// The lets that mention a let.
    users: Vec<Vec<usize>>,
    /// The lets that mention a state of a solve, and of a recurrence.
    over_solves: Vec<Vec<usize>>,
    over_series: Vec<Vec<usize>>,
}

impl<'a> Mentions<'a> {
    fn of(scope: &Scope<'a>) -> Mentions<'a> {
        let lets: Vec<Vec<&str>> = scope.lets.iter().map(|l| names_of(l.value)).collect();
        let mut users = vec![Vec::new(); lets.len()];
        let mut over_solves = vec![Vec::new(); scope.solves.len()];
        let mut over_series = vec![Vec::new(); scope.recurrences.len()];
        for (i, names) in lets.iter().enumerate() {
            for n in names {
                match *scope.lookup(n) {
                    [Symbol::Let(j)] => users[j].push(i),
                    [Symbol::State { solve, .. }] => over_solves[solve].push(i),
                    [Symbol::Series(s)] => over_series[s.block].push(i),
                    _ => {}
                }
            }
        }
        Mentions { lets, users, over_solves, over_series }
    }

    /// The lets `over` a block's states and those that mention these: inside the block they run.
    fn running(&self, over: &[usize]) -> HashSet<usize> {
        let mut hit: HashSet<usize> = over.iter().copied().collect();
        let mut todo = over.to_vec();
        while let Some(i) = todo.pop() {
            todo.extend(self.users[i].iter().filter(|&&user| hit.insert(user)));
        }
        hit
    }

    /// The running lets that the expressions `inside` a block use, each after those it mentions; those
    /// of a circle in any order.
    fn used_inside(&self, scope: &Scope, over: &[usize], inside: &[&'a Expr]) -> Vec<usize> {
        let running = self.running(over);
        let uses = |names: &[&str]| -> Vec<usize> {
            let of = names.iter().filter_map(|n| match scope.lookup(n) {
                [Symbol::Let(i)] if running.contains(i) => Some(*i),
                _ => None,
            });
            of.collect()
        };
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        for e in inside {
            // Depth first, on a stack of our own: chains of lets may be long.
            let mut stack: Vec<(Option<usize>, Vec<usize>)> = vec![(None, uses(&names_of(e)))];
            while let Some((of, rest)) = stack.last_mut() {
                match rest.pop() {
                    Some(next) => {
                        if seen.insert(next) {
                            stack.push((Some(next), uses(&self.lets[next])));
                        }
                    }
                    None => {
                        out.extend(*of);
                        stack.pop();
                    }
                }
            }
        }
        out
    }
}

/// All definitions, each after what it mentions; finds the running lets of every solve. Circles are
/// told, their members left out.
pub fn sort(scope: &mut Scope) -> Vec<Def> {
    let mut defs: Vec<Def> = Vec::new();
    defs.extend((0..scope.latents.len()).map(Def::Latent));
    defs.extend((0..scope.lets.len()).map(Def::Let));
    defs.extend((0..scope.solves.len()).map(Def::Solve));
    defs.extend((0..scope.recurrences.len()).map(Def::Recurrence));
    let mentions = Mentions::of(scope);
    for i in 0..scope.solves.len() {
        let rates: Vec<&Expr> = scope.solves[i].block.states.iter().map(|s| &s.rate).collect();
        scope.solves[i].running = mentions.used_inside(scope, &mentions.over_solves[i], &rates);
    }
    for i in 0..scope.recurrences.len() {
        let nexts: Vec<&Expr> = scope.recurrences[i].block.states.iter().map(|s| &s.next).collect();
        scope.recurrences[i].running = mentions.used_inside(scope, &mentions.over_series[i], &nexts);
    }
    let needs = needs(scope, &mentions, &defs);
    // Kahn's algorithm, in the order of the file where it is free.
    let mut takers: Vec<Vec<usize>> = vec![Vec::new(); defs.len()];
    for (k, n) in needs.iter().enumerate() {
        for &d in n {
            takers[d].push(k);
        }
    }
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut ready: BTreeSet<usize> = (0..defs.len()).filter(|&k| waiting[k] == 0).collect();
    let mut known = vec![false; defs.len()];
    let mut out = Vec::new();
    loop {
        while let Some(k) = ready.pop_first() {
            known[k] = true;
            out.push(defs[k]);
            for &t in &takers[k] {
                waiting[t] -= 1;
                if waiting[t] == 0 && !known[t] {
                    ready.insert(t);
                }
            }
        }
        let Some(stuck) = known.iter().position(|k| !k) else { return out };
        let cycle = cycle_behind(stuck, &needs, &known);
        let named: Vec<(String, Span)> = cycle.iter().map(|&k| name_of(scope, defs[k])).collect();
        scope.tell(errors::cycle(&named));
        // Told; what only mentions it goes on.
        for k in cycle {
            known[k] = true;
            for &t in &takers[k] {
                waiting[t] -= 1;
                if waiting[t] == 0 && !known[t] {
                    ready.insert(t);
                }
            }
        }
    }
}

/// For each definition the positions of those it mentions.
fn needs(scope: &Scope, mentions: &Mentions, defs: &[Def]) -> Vec<Vec<usize>> {
    let index: HashMap<Def, usize> = defs.iter().enumerate().map(|(k, d)| (*d, k)).collect();
    let of_name = |n: &&str| -> Option<usize> {
        let def = match *scope.lookup(n) {
            [Symbol::Latent(i)] => Def::Latent(i),
            [Symbol::Let(i)] => Def::Let(i),
            [Symbol::State { solve, .. }] => Def::Solve(solve),
            [Symbol::Series(s)] => Def::Recurrence(s.block),
            _ => return None,
        };
        index.get(&def).copied()
    };
    let needs = defs.iter().map(|def| {
        let mut found: Vec<usize> = match *def {
            Def::Latent(i) => names_of(scope.latents[i].law).iter().filter_map(of_name).collect(),
            Def::Let(i) => mentions.lets[i].iter().filter_map(of_name).collect(),
            Def::Solve(i) => {
                let block = scope.solves[i].block;
                let mut outside = names_of(&block.at);
                let mut inside = Vec::new();
                for s in &block.states {
                    names(&s.initial, &mut outside);
                    names(&s.rate, &mut inside);
                }
                let running = &scope.solves[i].running;
                inside.extend(running.iter().flat_map(|&l| &mentions.lets[l]));
                let runs: HashSet<usize> = running.iter().copied().collect();
                // In its own rates a state runs, and so do the lets over it.
                let own = |n: &&str| match scope.lookup(n) {
                    [Symbol::State { solve, .. }] => *solve == i,
                    [Symbol::Let(l)] => runs.contains(l),
                    _ => false,
                };
                inside.retain(|n| !own(n));
                outside.iter().chain(&inside).filter_map(of_name).collect()
            }
            Def::Recurrence(i) => {
                let mut inside = Vec::new();
                for s in &scope.recurrences[i].block.states {
                    names(&s.initial, &mut inside);
                    names(&s.next, &mut inside);
                }
                let running = &scope.recurrences[i].running;
                inside.extend(running.iter().flat_map(|&l| &mentions.lets[l]));
                let runs: HashSet<usize> = running.iter().copied().collect();
                inside.retain(|n| match scope.lookup(n) {
                    [Symbol::Series(s)] => s.block != i,
                    [Symbol::Let(l)] => !runs.contains(l),
                    _ => true,
                });
                inside.iter().filter_map(of_name).collect()
            }
        };
        found.sort_unstable();
        found.dedup();
        found
    });
    needs.collect()
}

/// A circle that `start`, which is not known, leads to; from its first definition in the file.
fn cycle_behind(start: usize, needs: &[Vec<usize>], known: &[bool]) -> Vec<usize> {
    let mut at = vec![None; needs.len()];
    let mut path = Vec::new();
    let mut here = start;
    let mut cycle = loop {
        if let Some(first) = at[here] {
            break path.split_off(first);
        }
        at[here] = Some(path.len());
        path.push(here);
        match needs[here].iter().find(|&&d| !known[d]) {
            Some(&next) => here = next,
            // Cannot be: what is not known waits for something that is not known.
            None => break path,
        }
    };
    let first = (0..cycle.len()).min_by_key(|&k| cycle[k]).unwrap_or(0);
    cycle.rotate_left(first);
    cycle
}

fn name_of(scope: &Scope, d: Def) -> (String, Span) {
    let ident = match d {
        Def::Latent(i) => &scope.latents[i].target.name,
        Def::Let(i) => &scope.lets[i].target.name,
        Def::Solve(i) => &scope.solves[i].block.name,
        Def::Recurrence(i) => &scope.recurrences[i].block.name,
    };
    (ident.name.clone(), ident.span)
}
