//! Text to graph.

use std::sync::Arc;

use super::lex::{ParseError, Placed, Token, lex};
use crate::foreign::Foreign;
use crate::ir::{DimId, ForeignRef, Graph, InputId, Kind, NodeId, Op, Real, Role, Scan, Size, Ty, Varies};
use crate::log_tail::LOG_TAILS;
use crate::names::{BINARY, REDUCTIONS, UNARY};

/// Finds a foreign op by its name.
pub type Resolver<'a> = &'a dyn Fn(&str) -> Option<Arc<dyn Foreign>>;

/// The graph and its outputs; see [`crate::text`]. Foreign ops are refused: [`parse_with`] takes
/// them.
pub fn parse(text: &str) -> Result<(Graph, Vec<NodeId>), ParseError> {
    parse_with(text, &|_| None)
}

/// [`parse`] with the foreign ops that `resolve` knows.
pub fn parse_with(text: &str, resolve: Resolver<'_>) -> Result<(Graph, Vec<NodeId>), ParseError> {
    let mut p = Parser { tokens: lex(text)?, at: 0, resolve };
    let mut g = Graph::new();
    let mut counted = Vec::new();
    while p.word("dim") {
        let at = p.place();
        let name = p.name()?;
        if g.find_dim(&name).is_some() {
            return Err(fail(at, format!("dimension `{name}` exists already")));
        }
        p.symbol(":")?;
        let role = p.one_of(&[("row", Role::Row), ("plain", Role::Plain)])?;
        p.symbol("=")?;
        let size = if p.is("?") {
            Size::Bound
        } else if p.word("count") {
            counted.push((p.place(), p.peek_node()?));
            Size::Count(p.node(None)?)
        } else {
            Size::Fixed(p.whole()?)
        };
        g.add_dim(&name, role, size);
    }
    let outputs = p.body(&mut g)?;
    p.expect(&Token::End)?;
    if let Some((at, n)) = counted.into_iter().find(|(_, n)| n.index() >= g.nodes().len()) {
        return Err(fail(at, format!("there is no node %{}", n.0)));
    }
    Ok((g, outputs))
}

type Place = (usize, usize);

fn fail((line, column): Place, message: String) -> ParseError {
    ParseError { line, column, message }
}

struct Parser<'a> {
    tokens: Vec<Placed>,
    at: usize,
    resolve: Resolver<'a>,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn place(&self) -> Place {
        self.tokens[self.at].1
    }

    fn next(&mut self) -> Token {
        let t = self.peek().clone();
        // The end stays.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        t
    }

    fn wanted<T>(&self, what: &str) -> Result<T, ParseError> {
        Err(fail(self.place(), format!("expected {what}, found {}", self.peek().show())))
    }

    fn expect(&mut self, t: &Token) -> Result<(), ParseError> {
        if self.peek() != t {
            return self.wanted(&t.show());
        }
        self.next();
        Ok(())
    }

    fn symbol(&mut self, s: &'static str) -> Result<(), ParseError> {
        self.expect(&Token::Symbol(s))
    }

    /// Takes a symbol if it comes next.
    fn is(&mut self, s: &'static str) -> bool {
        let found = self.peek() == &Token::Symbol(s);
        if found {
            self.next();
        }
        found
    }

    /// Takes a word if it comes next.
    fn word(&mut self, w: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(n) if n == w);
        if found {
            self.next();
        }
        found
    }

    fn name(&mut self) -> Result<String, ParseError> {
        match self.peek().clone() {
            Token::Name(n) => {
                self.next();
                Ok(n)
            }
            _ => self.wanted("a name"),
        }
    }

    fn one_of<T: Copy>(&mut self, table: &[(&str, T)]) -> Result<T, ParseError> {
        let found = table.iter().find(|(w, _)| self.word(w));
        let words: Vec<String> = table.iter().map(|(w, _)| format!("`{w}`")).collect();
        found.map_or_else(|| self.wanted(&words.join(" or ")), |f| Ok(f.1))
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, ParseError> {
        let text = match self.peek() {
            Token::Number(n) => n,
            // inf and NaN
            Token::Name(n) => n,
            _ => return self.wanted(what),
        };
        match text.parse() {
            Ok(x) => {
                self.next();
                Ok(x)
            }
            Err(_) => self.wanted(what),
        }
    }

    fn whole(&mut self) -> Result<usize, ParseError> {
        self.number("a whole number")
    }

    fn peek_node(&self) -> Result<NodeId, ParseError> {
        match self.peek() {
            Token::Node(n) => Ok(NodeId(*n)),
            _ => self.wanted("a node"),
        }
    }

    /// A node, made before if a graph is given.
    fn node(&mut self, of: Option<&Graph>) -> Result<NodeId, ParseError> {
        let n = self.peek_node()?;
        if of.is_some_and(|g| n.index() >= g.nodes().len()) {
            return Err(fail(self.place(), format!("%{} comes later, or not at all", n.0)));
        }
        self.next();
        Ok(n)
    }

    fn nodes(&mut self, g: &Graph) -> Result<Vec<NodeId>, ParseError> {
        let mut out = Vec::new();
        if matches!(self.peek(), Token::Node(_)) {
            out.push(self.node(Some(g))?);
            while self.is(",") {
                out.push(self.node(Some(g))?);
            }
        }
        Ok(out)
    }

    fn dim(&mut self, g: &Graph) -> Result<DimId, ParseError> {
        let at = self.place();
        let name = self.name()?;
        g.find_dim(&name).ok_or_else(|| fail(at, format!("there is no dimension `{name}`")))
    }

    /// Dimensions up to a closing symbol, which is taken.
    fn dims(&mut self, g: &Graph, close: &'static str) -> Result<Vec<DimId>, ParseError> {
        let mut out = Vec::new();
        if !self.is(close) {
            out.push(self.dim(g)?);
            while self.is(",") {
                out.push(self.dim(g)?);
            }
            self.symbol(close)?;
        }
        Ok(out)
    }

    fn ty(&mut self, g: &Graph) -> Result<Ty, ParseError> {
        if self.word("tuple") {
            return Ok(Ty { kind: Kind::Tuple, dims: Vec::new() });
        }
        let kind = if self.word("index") {
            self.symbol("(")?;
            let d = self.dim(g)?;
            self.symbol(")")?;
            Kind::Index(d)
        } else {
            Kind::Real
        };
        self.symbol("[")?;
        Ok(Ty { kind, dims: self.dims(g, "]")? })
    }

    /// Inputs, nodes and results of a graph or of a scan's body.
    fn body(&mut self, g: &mut Graph) -> Result<Vec<NodeId>, ParseError> {
        while self.word("input") {
            let at = self.place();
            let name = self.name()?;
            if g.inputs.iter().any(|i| i.name == name) {
                return Err(fail(at, format!("input `{name}` exists already")));
            }
            self.symbol(":")?;
            let kinds = [("data", Varies::Data), ("shared", Varies::Shared), ("lane", Varies::Lane)];
            let varies = self.one_of(&kinds)?;
            let mut ty = self.ty(g)?;
            ty.dims = g.canonical(ty.dims);
            g.inputs.push(crate::ir::Input { name, varies, ty });
        }
        while !self.word("return") {
            self.statement(g)?;
        }
        self.nodes(g)
    }

    fn statement(&mut self, g: &mut Graph) -> Result<(), ParseError> {
        let start = self.place();
        let n = self.node(None)?;
        if n.index() != g.nodes().len() {
            return Err(fail(start, format!("this is node %{}", g.nodes().len())));
        }
        self.symbol("=")?;
        let at = self.place();
        let mut op = self.op(g)?;
        let args = self.nodes(g)?;
        self.symbol(":")?;
        let place = self.place();
        let written = self.ty(g)?;
        if let Op::Scan(s) = op {
            self.symbol("{")?;
            let mut body = Graph::with_dims_of(g);
            let outputs = self.body(&mut body)?;
            self.symbol("}")?;
            if let Some(k) = (0..body.inputs().len())
                .find(|&k| !body.nodes().iter().any(|n| n.op == Op::Input(InputId(k as u32))))
            {
                return Err(fail(at, format!("input `{}` of the body has no node", body.inputs()[k].name)));
            }
            op = Op::Scan(Arc::new(Scan {
                body,
                outputs,
                over: s.over,
                n_carry: s.n_carry,
                n_step: s.n_step,
                reverse: s.reverse,
            }));
        }
        let made = g.push(op, &args).map_err(|e| fail(at, e.to_string()))?;
        if made != n {
            return Err(fail(start, format!("this is %{} again", made.0)));
        }
        if g.ty(made) != &written {
            return Err(fail(place, format!("the type is {}", g.show_ty(g.ty(made)))));
        }
        Ok(())
    }

    /// An op with what stands in its parentheses; a scan without its body.
    fn op(&mut self, g: &Graph) -> Result<Op, ParseError> {
        let at = self.place();
        let word = self.name()?;
        let found = |table: &[(Op, &str)]| table.iter().find(|(_, w)| *w == word).map(|(op, _)| op.clone());
        let plain: Vec<(Op, &str)> = UNARY
            .iter()
            .map(|&(u, w)| (Op::Unary(u), w))
            .chain(BINARY.iter().map(|&(b, w)| (Op::Binary(b), w)))
            .chain(LOG_TAILS.iter().map(|&(t, w)| (Op::LogTail(t), w)))
            .chain([(Op::Select, "select"), (Op::Gather, "gather"), (Op::ScatterAdd, "scatter_add")])
            .collect();
        if let Some(op) = found(&plain) {
            return Ok(op);
        }
        match word.as_str() {
            "const" => return Ok(Op::Const(Real(self.number("a number")?))),
            "input" => {
                let at = self.place();
                let name = self.name()?;
                let k = g.inputs().iter().position(|i| i.name == name);
                let k = k.ok_or_else(|| fail(at, format!("there is no input `{name}`")))?;
                return Ok(Op::Input(InputId(k as u32)));
            }
            "foreign" => {
                let at = self.place();
                let name = self.name()?;
                let f = (self.resolve)(&name)
                    .ok_or_else(|| fail(at, format!("there is no foreign op `{name}`")))?;
                return Ok(Op::Foreign(ForeignRef(f)));
            }
            _ => {}
        }
        self.symbol("(")?;
        if let Some(&(r, _)) = REDUCTIONS.iter().find(|(_, w)| *w == word) {
            return Ok(Op::Reduce(r, self.dims(g, ")")?));
        }
        let op = match word.as_str() {
            "contract" => return Ok(Op::Contract { over: self.dims(g, ")")? }),
            "ones" => return Ok(Op::Ones(self.dims(g, ")")?)),
            "size" => Op::Size(self.dim(g)?),
            "iota" => Op::Iota(self.dim(g)?),
            "element" => {
                let dim = self.dim(g)?;
                Op::Element { dim, at: self.after_comma(Self::whole)? }
            }
            "place" => {
                let dim = self.dim(g)?;
                Op::Place { dim, at: self.after_comma(Self::whole)? }
            }
            "slice" => {
                let (dim, start) = (self.dim(g)?, self.after_comma(Self::whole)?);
                Op::Slice { dim, start, into: self.after_comma(|p| p.dim(g))? }
            }
            "pad" => {
                let (from, start) = (self.dim(g)?, self.after_comma(Self::whole)?);
                Op::Pad { from, start, dim: self.after_comma(|p| p.dim(g))? }
            }
            "concat" => {
                let into = self.dim(g)?;
                self.symbol(";")?;
                let mut parts = vec![self.part(g)?];
                while self.is(",") {
                    parts.push(self.part(g)?);
                }
                Op::Concat { parts, into }
            }
            "shift" => {
                let dim = self.dim(g)?;
                let by = self.after_comma(|p| p.number("a whole number"))?;
                Op::Shift { dim, by, fill: Real(self.after_comma(|p| p.number("a number"))?) }
            }
            "rename" => {
                let mut map = vec![self.renamed(g)?];
                while self.is(",") {
                    map.push(self.renamed(g)?);
                }
                Op::Rename(map)
            }
            "filter" => {
                let dim = self.dim(g)?;
                Op::Filter { dim, into: self.after_comma(|p| p.dim(g))? }
            }
            "cholesky" => {
                let row = self.dim(g)?;
                Op::Cholesky { row, col: self.after_comma(|p| p.dim(g))? }
            }
            "tri_solve" => {
                let (row, col) = (self.dim(g)?, self.after_comma(|p| p.dim(g))?);
                Op::TriSolve { row, col, transposed: self.flag("transposed")? }
            }
            "gram_factor" => {
                let (over, row) = (self.dim(g)?, self.after_comma(|p| p.dim(g))?);
                let col = self.after_comma(|p| p.dim(g))?;
                Op::GramFactor { over, row, col, grouped: self.flag("grouped")? }
            }
            "scan" => {
                let (over, n_carry) = (self.dim(g)?, self.after_comma(Self::whole)?);
                let n_step = self.after_comma(Self::whole)?;
                let reverse = self.flag("reverse")?;
                Op::Scan(Arc::new(Scan {
                    over,
                    n_carry,
                    n_step,
                    reverse,
                    body: Graph::new(),
                    outputs: Vec::new(),
                }))
            }
            "output" => Op::Output(self.whole()?),
            _ => return Err(fail(at, format!("there is no op `{word}`"))),
        };
        self.symbol(")")?;
        Ok(op)
    }

    fn after_comma<T>(
        &mut self,
        f: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.symbol(",")?;
        f(self)
    }

    /// `, word` or nothing.
    fn flag(&mut self, word: &str) -> Result<bool, ParseError> {
        if !self.is(",") {
            return Ok(false);
        }
        if self.word(word) { Ok(true) } else { self.wanted(&format!("`{word}`")) }
    }

    fn part(&mut self, g: &Graph) -> Result<Option<DimId>, ParseError> {
        if self.word("_") { Ok(None) } else { self.dim(g).map(Some) }
    }

    fn renamed(&mut self, g: &Graph) -> Result<(DimId, DimId), ParseError> {
        let from = self.dim(g)?;
        self.symbol("->")?;
        Ok((from, self.dim(g)?))
    }
}
