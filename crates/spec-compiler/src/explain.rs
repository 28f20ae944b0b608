//! A [`Spec`] as stable text: what `fit explain --phase ast` prints.

use std::fmt::{self, Display, Write};

use units::Unit;

use crate::ast::{
    Choice, DimSize, Family, Inference, Observe, Ode, Output, Recurrence, RowDim, Spanned, Spec,
    StackColumns, Table,
};

/// One line a fact, sections in the order of the language, entries in the order of the file;
/// expressions with no bracket that is not needed. Sections without entries are left out.
impl Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Lines { out: f, depth: 0 };
        out.line(format_args!("model {}", self.model.name))?;
        if let Some(text) = &self.description {
            out.line(format_args!("description {:?}", text.value))?;
        }
        out.section("data", &self.data, table)?;
        out.section("dims", &self.dims, |out, dim| match &dim.size {
            DimSize::Size(size) => out.line(format_args!("{} {}", dim.name.name, size.value)),
            DimSize::Labels(labels) => out.line(format_args!("{} {}", dim.name.name, list(labels))),
        })?;
        let units: Vec<&str> = self.units.declared().collect();
        if !units.is_empty() {
            out.line(format_args!("units {}", units.join(", ")))?;
        }
        out.section("latent", &self.latent, |out, latent| {
            out.line(format_args!("{} ~ {}{}", latent.target, latent.prior, unit(&latent.unit)))
        })?;
        out.section("let", &self.lets, |out, entry| {
            out.line(format_args!("{} = {}{}", entry.target, entry.value, unit(&entry.unit)))
        })?;
        out.section("ode", &self.ode, ode)?;
        out.section("recurrence", &self.recurrence, recurrence)?;
        out.section("observe", &self.observe, |out, Observe { target, law, rows }| match rows {
            Some(rows) => out.line(format_args!("{target} ~ {law} where {rows}")),
            None => out.line(format_args!("{target} ~ {law}")),
        })?;
        inference(&mut out, &self.inference)?;
        let Output { report, draws } = &self.output;
        if report.is_some() || !draws.is_empty() {
            out.line("output")?;
        }
        for (what, names) in [("report", report.as_ref()), ("draws", Some(draws).filter(|d| !d.is_empty()))] {
            let Some(names) = names else { continue };
            let names: Vec<&str> = names.iter().map(|name| name.name.as_str()).collect();
            out.nested(|out| out.line(format_args!("{what} {}", names.join(", "))))?;
        }
        Ok(())
    }
}

struct Lines<'a, 'f> {
    out: &'a mut fmt::Formatter<'f>,
    depth: usize,
}

impl Lines<'_, '_> {
    fn line(&mut self, text: impl Display) -> fmt::Result {
        for _ in 0..self.depth {
            self.out.write_str("  ")?;
        }
        writeln!(self.out, "{text}")
    }

    fn nested(&mut self, body: impl FnOnce(&mut Self) -> fmt::Result) -> fmt::Result {
        self.depth += 1;
        body(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn section<T>(
        &mut self,
        name: &str,
        entries: &[T],
        mut entry: impl FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        if entries.is_empty() {
            return Ok(());
        }
        self.line(name)?;
        self.nested(|out| entries.iter().try_for_each(|item| entry(out, item)))
    }
}

fn table(out: &mut Lines, table: &Table) -> fmt::Result {
    out.line(format_args!("table {}", table.name.name))?;
    out.nested(|out| {
        out.line(format_args!("file {:?}", table.file.value))?;
        match &table.rows {
            RowDim::Rows(rows) => out.line(format_args!("rows {}", rows.name))?,
            RowDim::Key(key) => out.line(format_args!("key {}", key.name))?,
        }
        for (column, dim) in &table.index {
            out.line(format_args!("index {} -> {}", column.name, dim.name))?;
        }
        for (dim, levels) in &table.levels {
            out.line(format_args!("levels {} {}", dim.name, list(levels)))?;
        }
        for (name, column) in &table.columns {
            out.line(format_args!("column {} = {:?}", name.name, column.value))?;
        }
        for stack in &table.stack {
            let columns = match &stack.columns {
                StackColumns::Glob(glob) => format!("{:?}", glob.value),
                StackColumns::List(columns) => list(columns),
            };
            let (name, dim) = (&stack.name.name, &stack.dim.name);
            out.line(format_args!("stack {name}[{dim}] = {columns}"))?;
        }
        for (column, missing) in &table.missing {
            out.line(format_args!("missing {} {}", column.name, missing.value.word()))?;
        }
        if let Some(column) = &table.ordered_by {
            out.line(format_args!("ordered_by {}", column.name))?;
        }
        for (column, unit) in &table.units {
            out.line(format_args!("unit {} in {}", column.name, unit.value))?;
        }
        Ok(())
    })
}

fn ode(out: &mut Lines, ode: &Ode) -> fmt::Result {
    out.line(&ode.name.name)?;
    out.nested(|out| {
        out.line(format_args!("at {}", ode.at))?;
        if let Some(start) = &ode.start {
            out.line(format_args!("start {start}"))?;
        }
        if let Some(rows) = &ode.rows {
            out.line(format_args!("rows {}", rows.name))?;
        }
        for state in &ode.states {
            out.line(format_args!("state {}{}", state.target, unit(&state.unit)))?;
            out.nested(|out| {
                out.line(format_args!("initial {}", state.initial))?;
                out.line(format_args!("rate {}", state.rate))
            })?;
        }
        let solver = &ode.solver;
        let mut words = Words::default();
        words.add("method", solver.method.as_ref().map(|m| m.value.word()));
        words.add("rtol", solver.rtol.as_ref().map(|x| format!("{:?}", x.value)));
        words.add("atol", solver.atol.as_ref().map(|x| format!("{:?}", x.value)));
        words.add("sensitivity", solver.sensitivity.as_ref().map(|s| s.value.word()));
        words.line(out, "solver")
    })
}

fn recurrence(out: &mut Lines, block: &Recurrence) -> fmt::Result {
    out.line(&block.name.name)?;
    out.nested(|out| {
        out.line(format_args!("over {}", block.over.name))?;
        if let Some(by) = &block.by {
            out.line(format_args!("by {}", by.name))?;
        }
        for state in &block.states {
            out.line(format_args!("state {}{}", state.target, unit(&state.unit)))?;
            out.nested(|out| {
                out.line(format_args!("initial {}", state.initial))?;
                out.line(format_args!("next {}", state.next))
            })?;
        }
        Ok(())
    })
}

fn inference(out: &mut Lines, inference: &Inference) -> fmt::Result {
    let mut words = Words::default();
    words.add("method", inference.method.as_ref().map(|m| m.value.word()));
    let family = inference.family.as_ref().map(|family| match family.value {
        Family::MeanField => "mean_field".to_string(),
        Family::FullRank => "full_rank".to_string(),
        Family::LowRank(rank) => format!("low_rank({rank})"),
        Family::Structured => "structured".to_string(),
        Family::Mixture(components) => format!("mixture({components})"),
        Family::Flow(layers) => format!("flow({layers})"),
    });
    words.add("family", family);
    words.add("gradient", inference.gradient.as_ref().map(|g| g.value.word()));
    words.add("optimizer", inference.optimizer.as_ref().map(|o| o.value.word()));
    words.add("covariance", inference.covariance.as_ref().map(|c| c.value.word()));
    words.add("paths", inference.paths.as_ref().map(|n| n.value));
    words.add("noise", inference.noise.as_ref().map(|n| n.value.word()));
    words.add("draws", inference.draws.as_ref().map(|n| n.value));
    words.add("posterior_draws", inference.posterior_draws.as_ref().map(|n| n.value));
    words.add("seed", inference.seed.as_ref().map(|n| n.value));
    words.add("centring", inference.centring.as_ref().map(|c| c.value.word()));
    words.add("steps", inference.steps.as_ref().map(|n| n.value));
    let minibatch = inference.minibatch.as_ref();
    words.add("minibatch", minibatch.map(|(rows, n)| format!("{}:{}", rows.name, n.value)));
    words.line(out, "inference")
}

/// `name=value` pairs on one line.
#[derive(Default)]
struct Words(String);

impl Words {
    fn add(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(self.0, " {name}={value}");
        }
    }

    fn line(&self, out: &mut Lines, head: &str) -> fmt::Result {
        match self.0.as_str() {
            "" => Ok(()),
            words => out.line(format_args!("{head}{words}")),
        }
    }
}

/// ` in mM`, or nothing.
fn unit(unit: &Option<Spanned<Unit>>) -> String {
    unit.as_ref().map_or(String::new(), |unit| format!(" in {}", unit.value))
}

fn list(texts: &[Spanned<String>]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{:?}", text.value)).collect();
    quoted.join(", ")
}
