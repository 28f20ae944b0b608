//! Coordinates as a lower triangle, column by column, so that a matrix of n rows costs about 2 n nodes.

use graph::ir::{Binary, DimId, Graph, NodeId, Size};

/// How the elements of a lower triangle over `(row, col)` are laid out along one dimension: the columns
/// one after the other, each from the diagonal, or from below it, to the last row.
#[derive(Clone, Debug)]
pub struct Triangle {
    pub row: DimId,
    pub col: DimId,
    pub size: usize,
    coordinate: [DimId; 1],
    /// The rows of each column that has any, as dimensions.
    parts: Vec<DimId>,
    /// The first row of the first column: 1 without the diagonal.
    first: usize,
}

impl Triangle {
    /// Over two dimensions of one size, which must be known and leave elements: else `None`.
    pub fn new(g: &mut Graph, name: &str, (row, col): (DimId, DimId), diagonal: bool) -> Option<Triangle> {
        let (Size::Fixed(size), Size::Fixed(other)) = (g.dim(row).size, g.dim(col).size) else { return None };
        let first = usize::from(!diagonal);
        if size != other || size <= first {
            return None;
        }
        let lengths = (1..=size - first).rev();
        let parts = lengths.clone().map(|n| super::dimension(g, name, "column", n)).collect();
        let coordinate = [super::dimension(g, name, "coordinate", lengths.sum())];
        Some(Triangle { row, col, size, coordinate, parts, first })
    }

    pub fn coordinates(&self) -> &[DimId] {
        &self.coordinate
    }

    /// The matrix of the coordinates `u`, zeros elsewhere.
    pub fn unpack(&self, g: &mut Graph, u: NodeId) -> NodeId {
        let (mut start, mut columns) = (0, Vec::new());
        for (j, &part) in self.parts.iter().enumerate() {
            let column = g.slice(u, self.coordinate[0], start, part);
            columns.push(g.pad(column, part, j + self.first, self.row));
            start += self.size - self.first - j;
        }
        columns.resize(self.size, g.constant(0.0));
        g.stack(&columns, self.col)
    }

    /// The coordinates of a matrix, of which the rest is not looked at.
    pub fn pack(&self, g: &mut Graph, x: NodeId) -> NodeId {
        let x = g.expand(x, &[self.row, self.col]);
        let mut parts = Vec::new();
        for (j, &part) in self.parts.iter().enumerate() {
            let column = g.element(x, self.col, j);
            parts.push(g.slice(column, self.row, j + self.first, part));
        }
        let dims: Vec<Option<DimId>> = self.parts.iter().map(|&d| Some(d)).collect();
        g.concat(&parts, &dims, self.coordinate[0])
    }

    /// Is an element on the diagonal?
    pub fn on_diagonal(&self, g: &mut Graph) -> NodeId {
        let (i, j) = (g.iota(self.row), g.iota(self.col));
        g.binary(Binary::Eq, i, j)
    }

    /// The lower factor with this diagonal, and below it the other elements: in the form by which
    /// [`known_diagonal`](super::known_diagonal) knows it.
    pub fn factor(&self, g: &mut Graph, diagonal: NodeId, below: NodeId) -> NodeId {
        let (i, j, zero) = (g.iota(self.row), g.iota(self.col), g.constant(0.0));
        let (on, kept) = (self.on_diagonal(g), g.binary(Binary::Le, j, i));
        let elements = g.select(on, diagonal, below);
        g.select(kept, elements, zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use graph::interpret::evaluate;
    use graph::ir::{Kind, Role, Varies};
    use graph::value::{Bindings, Value};

    #[test]
    fn columns_follow_each_other() {
        for (diagonal, n, expected) in [
            (true, 6, [1.0, 0.0, 0.0, 2.0, 4.0, 0.0, 3.0, 5.0, 6.0]),
            (false, 3, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0, 3.0, 0.0]),
        ] {
            let mut g = Graph::new();
            let row = g.add_dim("d", Role::Plain, Size::Fixed(3));
            let col = g.prime(row);
            let t = Triangle::new(&mut g, "x", (row, col), diagonal).unwrap();
            let u = g.input("u", Varies::Lane, Kind::Real, t.coordinates());
            let x = t.unpack(&mut g, u);
            let back = t.pack(&mut g, x);
            let mut bindings = Bindings::default();
            let values: Vec<f64> = (1..=n).map(f64::from).collect();
            bindings.data.insert("u".into(), Value::Real(values.clone()));
            let found = evaluate(&g, &[x, back], &bindings).unwrap();
            assert_eq!(found, [Value::Real(expected.to_vec()), Value::Real(values)]);
        }
    }
}
