//! What a data set is made of: the observed variables, and where their values enter the graph.

use std::collections::{BTreeMap, BTreeSet};

use graph::ir::{NodeId, Op};
use model::{Carrier, Generated, Observed, Recipe, Role, Stands, Target};

use crate::drawer::{batch_of, strides};
use crate::error::AnswerError;
use crate::levels::{reach, reach_until};
use crate::simulate::trials::Trials;

/// What the elements of a node are that draws decide.
#[derive(Debug)]
pub enum Holds<'t> {
    /// Cells of columns, by position in their table, beside each other.
    Cells {
        table: usize,
        columns: Vec<Option<usize>>,
        rows_first: bool,
        /// Positions among these.
        labels: Option<&'t [String]>,
    },
    /// The nulls of a column that are inferred, and the rows they stand in.
    Nulls { site: usize, table: usize, column: usize, rows: &'t [usize] },
    /// A let that has a law: the values of an observed variable (by position in [`Plan::seen`]).
    Computed(usize),
}

/// An observed variable.
#[derive(Debug)]
pub struct Seen<'t> {
    pub of: &'t Generated,
    pub observed: &'t Observed,
    /// What its law reads.
    pub params: Vec<NodeId>,
    /// 0 where it is not drawn.
    pub masks: Vec<NodeId>,
    /// They depend on its own values: those in the file decide.
    pub masks_by_file: bool,
    /// By element: a null that is inferred, and so drawn, though its cell stays empty.
    pub inferred: Vec<bool>,
    /// The number of trials, where it is made of the values themselves: that of the file stays.
    pub trials: Option<Trials>,
    /// By element: which value it belongs to.
    pub value_of: Vec<usize>,
    /// Steps from row to row and from column to column.
    steps: (usize, usize),
}

/// The observed variables and where they enter the graph.
pub struct Plan<'t> {
    pub target: &'t Target,
    /// In the order of the file.
    pub seen: Vec<Seen<'t>>,
    /// Nodes whose elements draws decide.
    pub open: BTreeMap<NodeId, Holds<'t>>,
    /// States whose laws read what is drawn: their input, and the node that they are computed by.
    pub states: Vec<(NodeId, NodeId)>,
    /// By table and column: the variables that speak of it, and which of their columns it is.
    pub covers: BTreeMap<(usize, usize), Vec<(usize, usize)>>,
}

impl<'t> Seen<'t> {
    fn new(target: &'t Target, of: &'t Generated, observed: &'t Observed) -> Seen<'t> {
        let dims = &of.variable.dims;
        let mut params = of.variable.law.nodes();
        params.sort_unstable();
        params.dedup();
        let masks = [observed.present, observed.possible, observed.within];
        let mut seen = Seen {
            of,
            observed,
            params,
            masks: masks.into_iter().flatten().collect(),
            masks_by_file: false,
            inferred: vec![false; target.count(dims)],
            trials: None,
            value_of: Vec::new(),
            steps: (1, 0),
        };
        let all = strides(target, dims);
        if let Stands::Columns { table, .. } | Stands::Outcomes { table, .. } = &observed.stands {
            let rows = target.tables[*table].dim;
            let step = |is: &dyn Fn(usize) -> bool| (0..dims.len()).find(|&k| is(k)).map(|k| all[k]);
            let along = step(&|k| dims[k] == rows).unwrap_or(1);
            seen.steps = (along, step(&|k| dims[k] != rows).unwrap_or(0));
        }
        // Values go by the dimensions they are independent along.
        let batch = batch_of(&of.variable);
        let own = strides(target, &batch);
        let at = |e: usize| -> usize {
            let part = |(d, stride): (&graph::ir::DimId, &usize)| {
                let k = dims.iter().position(|x| x == d).expect("one of them");
                e / all[k] % target.size(*d) * stride
            };
            batch.iter().zip(&own).map(part).sum()
        };
        seen.value_of = (0..target.count(dims)).map(at).collect();
        seen
    }

    pub fn name(&self) -> &'t str {
        &self.of.variable.name
    }

    /// The element in a row of one of its columns.
    pub fn element(&self, row: usize, column: usize) -> usize {
        row * self.steps.0 + column * self.steps.1
    }

    /// An element, as a reader looks for it.
    pub fn place(&self, target: &Target, element: usize) -> String {
        let name = self.name();
        match self.of.variable.dims[..] {
            [d] if target.graph.is_row(d) => format!("`{name}` in row {}", element + 1),
            [] => format!("`{name}`"),
            _ => format!("element {} of `{name}`", element + 1),
        }
    }
}

impl<'t> Plan<'t> {
    /// # Errors
    /// What depends on data that are drawn after it, or that draws would not change.
    pub fn new(target: &'t Target) -> Result<Plan<'t>, AnswerError> {
        let seen = target.variables.iter().filter_map(|of| match &of.role {
            Role::Observed(o) => Some(Seen::new(target, of, o)),
            _ => None,
        });
        let (open, states, covers) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut plan = Plan { target, seen: seen.collect(), open, states, covers };
        plan.open_cells();
        plan.open_nulls();
        for (s, seen) in plan.seen.iter().enumerate() {
            if seen.observed.stands == Stands::Computed {
                plan.open.insert(seen.observed.value, Holds::Computed(s));
            }
        }
        plan.count_trials()?;
        plan.run_states();
        plan.priors_come_first()?;
        plan.bases_are_of_data()?;
        plan.nothing_stays()?;
        for s in 0..plan.seen.len() {
            let found = reach(&target.graph, &plan.seen[s].masks);
            let own = |(n, holds): (&NodeId, &Holds)| found.nodes.contains(n) && plan.is_of(holds, s);
            plan.seen[s].masks_by_file = plan.open.iter().any(own);
        }
        Ok(plan)
    }

    /// The inputs with cells of observed columns.
    fn open_cells(&mut self) {
        let target = self.target;
        for (s, seen) in self.seen.iter().enumerate() {
            let (table, columns) = match &seen.observed.stands {
                Stands::Columns { table, columns } => (*table, columns.clone()),
                Stands::Outcomes { table, column, .. } => (*table, vec![*column]),
                Stands::Computed => continue,
            };
            for (at, column) in columns.into_iter().enumerate() {
                self.covers.entry((table, column)).or_default().push((s, at));
            }
        }
        let inputs: BTreeMap<&str, NodeId> = (0..target.graph.nodes().len() as u32)
            .map(NodeId)
            .filter_map(|n| match target.graph.node(n).op {
                Op::Input(id) => Some((target.graph.inputs()[id.0 as usize].name.as_str(), n)),
                _ => None,
            })
            .collect();
        for &(table, column) in self.covers.keys() {
            for (_, carrier) in target.tables[table].carriers.iter().filter(|(c, _)| *c == column) {
                let (input, at, n, rows_first, labels) = match carrier {
                    Carrier::Values { input } => (input, 0, 1, true, None),
                    Carrier::Part { input, at, n, rows_first } => (input, *at, *n, *rows_first, None),
                    Carrier::Positions { input, labels } => (input, 0, 1, true, Some(labels.as_slice())),
                };
                let Some(&node) = inputs.get(input.as_str()) else { continue };
                let holds = self.open.entry(node).or_insert_with(|| Holds::Cells {
                    table,
                    columns: vec![None; n],
                    rows_first,
                    labels,
                });
                if let Holds::Cells { columns, .. } = holds {
                    columns[at] = Some(column);
                }
            }
        }
    }

    /// The latents that stand for nulls of observed columns.
    fn open_nulls(&mut self) {
        let target = self.target;
        for of in &target.variables {
            let Role::Nulls { site, rows } = &of.role else { continue };
            let s = &target.sites[*site];
            let is_of = |(table, column): &(usize, usize)| target.tables[*table].columns[*column] == s.name;
            let Some(&(table, column)) = self.covers.keys().find(|c| is_of(c)) else { continue };
            for &(v, at) in &self.covers[&(table, column)] {
                for &row in rows {
                    let e = self.seen[v].element(row, at);
                    self.seen[v].inferred[e] = true;
                }
            }
            self.open.insert(s.value, Holds::Nulls { site: *site, table, column, rows });
        }
    }

    /// The variables that speak of a cell, with the element that it is of them.
    pub fn covering(&self, table: usize, column: usize, row: usize) -> Vec<(usize, usize)> {
        let all = self.covers.get(&(table, column)).map_or(&[][..], Vec::as_slice);
        all.iter().map(|&(s, at)| (s, self.seen[s].element(row, at))).collect()
    }

    pub fn is_of(&self, holds: &Holds, s: usize) -> bool {
        let speaks = |table: usize, column: usize| {
            self.covers.get(&(table, column)).is_some_and(|all| all.iter().any(|(v, _)| *v == s))
        };
        match holds {
            Holds::Cells { table, columns, .. } => columns.iter().flatten().any(|&c| speaks(*table, c)),
            Holds::Nulls { table, column, .. } => speaks(*table, *column),
            Holds::Computed(v) => *v == s,
        }
    }

    /// Which of what draws decide is behind these nodes: the name of an observed variable or a state.
    fn decided(&self, nodes: &[NodeId]) -> Option<&'t str> {
        let found = reach(&self.target.graph, nodes);
        if let Some((_, holds)) = self.open.iter().find(|(n, _)| found.nodes.contains(n)) {
            let s = (0..self.seen.len()).find(|&s| self.is_of(holds, s))?;
            return Some(self.seen[s].name());
        }
        let is_run = |input: NodeId| self.states.iter().any(|(n, _)| *n == input);
        let all = self.target.states.iter();
        let mut states = all.filter(|s| found.nodes.contains(&s.input) && is_run(s.input));
        states.next().map(|s| s.name.as_str())
    }

    /// States that are summed out, and read what is drawn, run along with it.
    fn run_states(&mut self) {
        let target = self.target;
        loop {
            let before = self.states.len();
            for of in &target.variables {
                if let (Role::State(k), Recipe::Computed { value, .. }) = (&of.role, &of.variable.law)
                    && !self.states.iter().any(|(n, _)| *n == target.states[*k].input)
                    && self.decided(&[*value]).is_some()
                {
                    self.states.push((target.states[*k].input, *value));
                }
            }
            // A state may read another that does.
            if self.states.len() == before {
                return;
            }
        }
    }

    /// No latent depends on what is observed.
    fn priors_come_first(&self) -> Result<(), AnswerError> {
        for of in &self.target.variables {
            if matches!(of.role, Role::Site(_) | Role::Discrete(_))
                && let Some(column) = self.decided(&of.variable.law.nodes())
            {
                let (name, column) = (of.variable.name.clone(), column.to_string());
                return Err(AnswerError::BeforeData { name, column });
            }
        }
        Ok(())
    }

    /// No basis is of what is drawn.
    fn bases_are_of_data(&self) -> Result<(), AnswerError> {
        let target = self.target;
        for of in &target.variables {
            let found = reach(&target.graph, &of.variable.law.nodes());
            for (_, x) in target.bases.iter().filter(|(made, _)| found.nodes.contains(made)) {
                if let Some(column) = self.decided(&[*x]) {
                    let (name, column) = (of.variable.name.clone(), column.to_string());
                    return Err(AnswerError::Basis { name, column });
                }
            }
        }
        Ok(())
    }

    /// What a let computes cannot be put back into its columns: a law that reads all of these itself would
    /// read them as they were.
    fn nothing_stays(&self) -> Result<(), AnswerError> {
        let target = self.target;
        let mut columns: BTreeMap<NodeId, String> = BTreeMap::new();
        for t in &target.tables {
            for (column, carrier) in &t.carriers {
                let (Carrier::Values { input } | Carrier::Part { input, .. }) = carrier else { continue };
                for (n, node) in target.graph.nodes().iter().enumerate() {
                    if let Op::Input(id) = node.op
                        && target.graph.inputs()[id.0 as usize].name == *input
                    {
                        columns.insert(NodeId(n as u32), t.columns[*column].clone());
                    }
                }
            }
        }
        for computed in self.seen.iter().filter(|s| s.observed.stands == Stands::Computed) {
            let value = computed.observed.value;
            let made_of: BTreeSet<NodeId> = reach(&target.graph, &[value])
                .nodes
                .into_iter()
                .filter(|n| columns.contains_key(n) && (*n == value || !self.open.contains_key(n)))
                .collect();
            for of in &target.variables {
                let found = reach_until(&target.graph, &of.variable.law.nodes(), |n| n == value);
                let reads = |n: &NodeId| *n != value && found.nodes.contains(n);
                if let Some(first) = made_of.first()
                    && made_of.iter().all(reads)
                {
                    let (name, column) = (of.variable.name.clone(), columns[first].clone());
                    return Err(AnswerError::NotPutBack { name, column, computed: computed.name().into() });
                }
            }
        }
        Ok(())
    }
}
