//! Differentiable graphs over named dimensions, and the programs that run them.
//!
//! A model is one graph: its log density, and by [`vjp`](vjp::vjp) the gradient beside it, simplified,
//! printed and checked by the same machinery. Monte-Carlo draws never appear in a graph: an input is
//! marked as varying by lane, and a [`Program`](program::Program) runs whatever depends on it for
//! eight draws in one register, streaming over the rows of tables in blocks that stay in cache.
//!
//! ```
//! use graph::ir::{Graph, Kind, Role, Size, Varies};
//! use graph::program::{Options, Program};
//! use graph::value::{Bindings, Value};
//! use graph::vjp::value_and_grad;
//! use numerics::lanes::Lanes;
//!
//! // -1/2 sum over rows of (y - mu)^2
//! let mut g = Graph::new();
//! let row = g.add_dim("row", Role::Row, Size::Bound);
//! let mu = g.input("mu", Varies::Lane, Kind::Real, &[]);
//! let y = g.input("y", Varies::Data, Kind::Real, &[row]);
//! let d = g.sub(y, mu);
//! let s = g.square(d);
//! let total = g.sum(s, &[row]);
//! let out = g.scale(-0.5, total);
//!
//! let d = value_and_grad(&g, out, &[mu], &[])?;
//! let mut b = Bindings::default();
//! b.sizes.insert("row".into(), 3);
//! b.data.insert("y".into(), Value::Real(vec![1.0, 2.0, 6.0]));
//! let p = Program::compile(&d.graph, &[d.value, d.grads[0]], &b, &Options::default())?;
//!
//! let (mut z, mut result) = (Lanes::zeros(1, 2), Lanes::zeros(2, 2));
//! z.set_lane(0, &[3.0]);
//! z.set_lane(1, &[1.0]);
//! z.pad();
//! p.eval(&mut p.workspace(), &[], &z, &mut result, &mut Vec::new());
//! assert_eq!(result.lane(0), [-7.0, 0.0]);
//! assert_eq!(result.lane(1), [-13.0, 6.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to look: [`ir`] the types, `types` the rule of every op, [`build`] the smart constructors,
//! [`vjp`] and [`jvp`] the derivatives, [`passes`] whole-graph rewrites, [`text`] the printed form,
//! [`interpret`] what every op means, [`on_demand`] single elements of it, [`program`] how it is run fast, [`foreign`] the one hatch,
//! [`log_tail`] tails of laws without a closed form.
//! Nothing here knows of probability.

pub mod batches;
pub mod build;
pub mod derivative;
pub mod foreign;
pub mod interpret;
pub mod ir;
pub mod jvp;
mod layout;
pub mod log_tail;
mod names;
pub mod on_demand;
pub mod passes;
pub mod program;
mod rewrite;
pub mod text;
pub mod types;
pub mod value;
pub mod vjp;
