use crate::lower::Lowering;
impl Lowering<'_> { pub fn solve(&mut self, i: usize) { let d=&self.model.solves[i]; self.refuse(d.span, "ode", "in work".into()); } }
