//! From values on the user's scale to the unconstrained coordinates of a model.

use graph::ir::{Kind, Varies};
use graph::program::{Options, Program};
use model::Target;
use numerics::lanes::Lanes;

use crate::compiled::CompileError;

/// The input that stands for a value.
const GIVEN: &str = "(given)";

/// The coordinates of points given on the user's scale: `[value, point]`, site by site, the elements
/// of each in memory order. A coordinate is infinite where a value lies on the edge of its support and
/// NaN where it lies outside.
///
/// # Errors
/// A bijector whose inverse cannot be compiled.
pub fn unconstrain(target: &Target, values: &Lanes, options: &Options) -> Result<Lanes, CompileError> {
    let dim = target.coordinates().len();
    let points = values.lanes();
    let mut z = Lanes::zeros(dim, points);
    let (mut first, mut coordinate) = (0, 0);
    // Site by site: the ends of a support may be what earlier sites are.
    for site in &target.sites {
        let mut g = target.graph.clone();
        let given = g.input(GIVEN, Varies::Lane, Kind::Real, &site.dims);
        let u = site.bijector.inverse(&mut g, given);
        let dims = g.ty(site.unconstrained).dims.clone();
        let u = g.expand(u, &dims);
        let program = Program::compile(&g, &[u], &target.bindings, options)?;
        let (n, k) = (site.labels.len(), site.coordinates.len());
        // Behind the coordinates there may be other inputs, of the noise of states that are summed out.
        let (mut input, mut out) = (Lanes::zeros(program.n_in(), points), Lanes::zeros(k, points));
        let given = program.input_range(GIVEN).expect("it was made above").start;
        for lane in 0..points {
            (0..coordinate).for_each(|i| input.set(i, lane, z.get(i, lane)));
            (0..n).for_each(|i| input.set(given + i, lane, values.get(first + i, lane)));
        }
        input.pad();
        program.eval(&mut program.workspace(), &[], &input, &mut out, &mut Vec::new());
        for lane in 0..points {
            (0..k).for_each(|i| z.set(coordinate + i, lane, out.get(i, lane)));
        }
        first += n;
        coordinate += k;
    }
    z.pad();
    Ok(z)
}
