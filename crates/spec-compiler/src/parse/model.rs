//! The sections `latent:`, `let:`, `ode:`, `observe:` and `factor:`.

use super::read::Reader;
use crate::ast::{Factor, Latent, Let, Observe, Ode, Solver, State};
use crate::errors;
use crate::expr::Expr;
use crate::words;
use crate::yaml::{Entry, Node};

pub(super) fn latents(reader: &mut Reader, node: Option<&Node>) -> Vec<Latent> {
    let entries = reader.entries(node, "`latent:`", "a mapping `name: distribution`");
    let declared = reader.declarations(entries, false);
    let latents = declared.into_iter().filter_map(|(target, entry)| {
        let slot = format!("the prior of `{}`", entry.key.text);
        let (prior, unit) = match &entry.value {
            node @ Node::Map(_) => {
                let fields = reader.fields(node, &slot, &words::LATENT, entry.key.span)?;
                let prior = fields.get("prior").and_then(|node| reader.law(node, &slot));
                (prior, fields.get("unit").and_then(|node| reader.unit(node, &slot)))
            }
            node => (reader.law(node, &slot), None),
        };
        Some(Latent { target: target?, prior: prior?, unit })
    });
    latents.collect()
}

pub(super) fn lets(reader: &mut Reader, node: Option<&Node>) -> Vec<Let> {
    let entries = reader.entries(node, "`let:`", "a mapping `name: expression`");
    let declared = reader.declarations(entries, false);
    let lets = declared.into_iter().filter_map(|(target, entry)| {
        let slot = format!("`{}`", entry.key.text);
        let (value, unit) = match &entry.value {
            node @ Node::Map(_) => {
                let fields = reader.fields(node, &slot, &words::LET, entry.key.span)?;
                let value = fields.get("value").and_then(|node| reader.expr(node, &slot));
                (value, fields.get("unit").and_then(|node| reader.unit(node, &slot)))
            }
            node => (reader.expr(node, &slot), None),
        };
        Some(Let { target: target?, value: value?, unit })
    });
    lets.collect()
}

pub(super) fn observations(reader: &mut Reader, node: Option<&Node>) -> Vec<Observe> {
    let entries = reader.entries(node, "`observe:`", "a mapping `name: distribution`");
    let declared = reader.declarations(entries, true);
    let observations = declared.into_iter().filter_map(|(target, entry)| {
        let slot = format!("the likelihood of `{}`", entry.key.text);
        let (law, rows) = match &entry.value {
            node @ Node::Map(_) => {
                let fields = reader.fields(node, &slot, &words::OBSERVE, entry.key.span)?;
                let law = fields.get("law").and_then(|node| reader.law(node, &slot));
                let rows = fields.get("where");
                let rows = rows.and_then(|node| reader.expr(node, "`where:`"));
                (law, rows)
            }
            node => (reader.law(node, &slot), None),
        };
        Some(Observe { target: target?, law: law?, rows })
    });
    observations.collect()
}

pub(super) fn factors(reader: &mut Reader, node: Option<&Node>) -> Vec<Factor> {
    let entries = reader.entries(node, "`factor:`", "a mapping `name: log density`");
    let factors = entries.iter().filter_map(|entry| {
        let name = reader.key(&entry.key, "a factor");
        let value = reader.expr(&entry.value, &format!("the factor `{}`", entry.key.text));
        Some(Factor { name: name?, value: value? })
    });
    factors.collect()
}

pub(super) fn odes(reader: &mut Reader, node: Option<&Node>) -> Vec<Ode> {
    let expected = "a mapping `name: {at: time, states: {...}}`";
    let entries = reader.entries(node, "`ode:`", expected);
    entries.iter().filter_map(|entry| ode(reader, entry)).collect()
}

fn ode(reader: &mut Reader, entry: &Entry) -> Option<Ode> {
    let name = reader.key(&entry.key, "an `ode:` block");
    let slot = format!("the `ode:` block `{}`", entry.key.text);
    let fields = reader.fields(&entry.value, &slot, &words::ODE, entry.key.span)?;
    let at = fields.get("at").and_then(|node| reader.expr(node, "`at:`"));
    let start = fields.get("start").and_then(|node| reader.expr(node, "`start:`"));
    let rows = fields.get("rows").and_then(|node| reader.name(node, "`rows:`"));
    let states = states(reader, fields.get("states"));
    let solver = fields.get("solver").map(|node| solver(reader, node));
    Some(Ode {
        name: name?,
        at: at?,
        start,
        rows,
        states,
        solver: solver.unwrap_or_default(),
        span: entry.key.span.to(entry.value.span()),
    })
}

fn states(reader: &mut Reader, node: Option<&Node>) -> Vec<State> {
    let expected = "a mapping `name: {initial: 1, rate: \"-k * name\"}`";
    let entries = match node {
        // Unlike a section, a system without states is a mistake.
        Some(node @ Node::Scalar(_)) => {
            reader.no_scalar(node, "`states:`", expected);
            &[]
        }
        node => reader.entries(node, "`states:`", expected),
    };
    let declared = reader.declarations(entries, false);
    let states = declared.into_iter().filter_map(|(target, entry)| {
        let slot = format!("the state `{}`", entry.key.text);
        let fields = reader.fields(&entry.value, &slot, &words::STATE, entry.key.span)?;
        let mut part = |word: &str| -> Option<Expr> {
            let slot = format!("`{word}:` of {slot}");
            let value = fields.get(word).and_then(|node| reader.expr(node, &slot))?;
            if word == "initial" && value.as_name() == Some("steady_state") {
                reader.report(errors::later_version(value.span, "`initial: steady_state`"));
                return None;
            }
            Some(value)
        };
        let (initial, rate) = (part("initial"), part("rate"));
        let unit = fields.get("unit").and_then(|node| reader.unit(node, &slot));
        Some(State { target: target?, initial: initial?, rate: rate?, unit })
    });
    states.collect()
}

fn solver(reader: &mut Reader, node: &Node) -> Solver {
    let Some(fields) = reader.fields(node, "`solver:`", &words::SOLVER, node.span()) else {
        return Solver::default();
    };
    Solver {
        method: fields.get("method").and_then(|node| reader.choice(node)),
        rtol: fields.get("rtol").and_then(|node| reader.positive(node, "rtol")),
        atol: fields.get("atol").and_then(|node| reader.positive(node, "atol")),
        sensitivity: fields.get("sensitivity").and_then(|node| reader.choice(node)),
    }
}
