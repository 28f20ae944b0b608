//! YAML text to a tree with a span on every scalar, key, mapping and sequence.
//!
//! The events come from serde-saphyr's own parser; its serde layer is not used, because a
//! deserialised value has lost the style of its scalars and half of its spans. Scalars stay text:
//! `no`, `012` and `1_000` mean what the place where they stand says. Anchors and aliases work and
//! are counted, tags and several documents are refused.

mod fault;
mod text;

use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Options, Parser, ScalarStyle, ScanError, Span as Range, StrInput, StructureStyle, options,
};

use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::source::{Source, Span};
pub use text::Text;

/// Mappings and sequences inside each other.
pub const MAX_NESTING: usize = 64;
/// Scalars, mappings and sequences, counted again wherever an alias repeats them.
pub const MAX_NODES: usize = 100_000;
/// Uses of `*name`.
pub const MAX_ALIASES: usize = 1_000;

/// A value of the tree.
#[derive(Clone, Debug)]
pub enum Node {
    Scalar(Scalar),
    Seq(Seq),
    Map(Map),
    /// A value whose mistake is already reported; readers pass it over in silence.
    Bad(Span),
}

/// Text with its place. `span` covers the raw token: with its quotes, but of a text block only the
/// lines below the header.
#[derive(Clone, Debug)]
pub struct Scalar {
    pub text: String,
    pub style: Style,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

#[derive(Clone, Debug)]
pub struct Seq {
    pub items: Vec<Node>,
    pub span: Span,
}

/// Entries in the order of the file; keys are unique.
#[derive(Clone, Debug)]
pub struct Map {
    pub entries: Vec<Entry>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: Scalar,
    pub value: Node,
}

impl Node {
    pub fn span(&self) -> Span {
        match self {
            Node::Scalar(scalar) => scalar.span,
            Node::Seq(seq) => seq.span,
            Node::Map(map) => map.span,
            Node::Bad(span) => *span,
        }
    }

    /// What the value is called in a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Scalar(scalar) if scalar.is_null() => "nothing",
            Node::Scalar(_) => "a single value",
            Node::Seq(_) => "a list",
            Node::Map(_) => "a mapping",
            Node::Bad(_) => "a broken value",
        }
    }
}

impl Node {
    /// With its places, of itself and of all inside, in a space that lies `by` further on.
    pub(crate) fn shift(&mut self, by: u32) {
        match self {
            Node::Scalar(scalar) => scalar.span = scalar.span.shifted(by),
            Node::Seq(seq) => {
                seq.span = seq.span.shifted(by);
                seq.items.iter_mut().for_each(|item| item.shift(by));
            }
            Node::Map(map) => map.shift(by),
            Node::Bad(span) => *span = span.shifted(by),
        }
    }
}

impl Map {
    /// As [`Node::shift`].
    pub(crate) fn shift(&mut self, by: u32) {
        self.span = self.span.shifted(by);
        for Entry { key, value } in &mut self.entries {
            key.span = key.span.shifted(by);
            value.shift(by);
        }
    }
}

impl Scalar {
    /// Nothing after the colon, or YAML's written forms of nothing.
    pub fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(self.text.as_str(), "" | "~" | "null")
    }
}

/// The root mapping of a spec.
///
/// Mistakes are added to `out`. Nothing is returned where the text is not YAML, exceeds a budget
/// or is no mapping; otherwise the tree is whole but for [`Node::Bad`].
pub fn parse(source: &Source, out: &mut Vec<Diagnostic>) -> Option<Map> {
    with_builder(source, out, |builder| builder.document())
}

/// A text that is one value of any kind; an empty one is nothing.
///
/// As [`parse`] otherwise.
pub(crate) fn parse_value(source: &Source, out: &mut Vec<Diagnostic>) -> Option<Node> {
    let nothing = || {
        let span = Span::at(source.text().len());
        Node::Scalar(Scalar { text: String::new(), style: Style::Plain, span })
    };
    with_builder(source, out, |builder| Ok(Some(builder.root()?.unwrap_or_else(nothing))))
}

/// What `read` makes of the text, its last mistake added to `out`.
fn with_builder<T>(
    source: &Source,
    out: &mut Vec<Diagnostic>,
    read: impl FnOnce(&mut Builder) -> Result<Option<T>, Fatal>,
) -> Option<T> {
    let options: Options = options! {
        disallow_directives: true,
        flow_nesting_limit: MAX_NESTING,
        block_nesting_limit: MAX_NESTING,
        emit_comments: false,
    };
    let mut builder = Builder {
        source,
        events: Parser::new_from_str_with_options(source.text(), options),
        out,
        anchors: HashMap::new(),
        open: Vec::new(),
        last: None,
        nodes: 0,
        aliases: 0,
    };
    match read(&mut builder) {
        Ok(found) => found,
        Err(mistake) => {
            out.push(*mistake);
            None
        }
    }
}

/// What stops the reading of the file.
type Fatal = Box<Diagnostic>;

struct Builder<'a> {
    source: &'a Source,
    events: Parser<'a, StrInput<'a>>,
    out: &'a mut Vec<Diagnostic>,
    /// Finished anchored nodes with their sizes.
    anchors: HashMap<usize, (Node, usize)>,
    /// The opening brackets of the flow collections being read.
    open: Vec<Span>,
    /// The scalar or flow collection that ended last.
    last: Option<Last>,
    nodes: usize,
    aliases: usize,
}

/// The piece before a syntax error, which often is its cause.
#[derive(Clone, Copy)]
struct Last {
    span: Span,
    flow_collection: bool,
    plain: bool,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Fatal> {
        match self.events.next_event() {
            Some(Ok((event, range))) => {
                if let Some(tag) = range.tag_span() {
                    return Err(Box::new(errors::tag(self.span(&tag), self.source)));
                }
                let span = self.span(&range);
                Ok((event, span))
            }
            Some(Err(error)) => Err(Box::new(self.fault(&error))),
            None => Ok((Event::StreamEnd, Span::at(self.source.text().len()))),
        }
    }

    fn span(&self, range: &Range) -> Span {
        let bytes = range.byte_range().unwrap_or(0..0);
        let start = self.source.floor(bytes.start);
        Span::new(start, self.source.floor(bytes.end))
    }

    fn fault(&self, error: &ScanError) -> Diagnostic {
        let at = error.marker().byte_offset().unwrap_or(0);
        fault::explain(self.source, error.kind(), self.source.floor(at), self.open.last().copied(), self.last)
    }

    /// The value of the text's one document.
    fn root(&mut self) -> Result<Option<Node>, Fatal> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(Box::new(errors::second_document(span)));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.node(event, span)?),
            }
        }
    }

    fn document(&mut self) -> Result<Option<Map>, Fatal> {
        match self.root()? {
            None => Err(Box::new(errors::empty_file())),
            Some(Node::Scalar(scalar)) if scalar.is_null() => Err(Box::new(errors::empty_file())),
            Some(Node::Map(map)) => Ok(Some(map)),
            Some(Node::Bad(_)) => Ok(None),
            Some(node) => Err(Box::new(fault::not_a_mapping(self.source, &node))),
        }
    }

    /// The node that `event` begins. Recursion is bounded by [`MAX_NESTING`].
    fn node(&mut self, event: Event<'a>, span: Span) -> Result<Node, Fatal> {
        let before = self.nodes;
        self.count(1, span)?;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let style = style_of(style);
                // A text block ends before the next entry, not after the breaks in between.
                let raw = self.source.slice(span).trim_end();
                let span = match style {
                    Style::Literal | Style::Folded if !raw.is_empty() => {
                        Span::new(span.start as usize, span.start as usize + raw.len())
                    }
                    _ => span,
                };
                self.last = Some(Last { span, flow_collection: false, plain: style == Style::Plain });
                // The parser spells a value that is not there as `~`.
                let text = match style {
                    Style::Plain if span.is_empty() => String::new(),
                    _ => text.into_owned(),
                };
                (Node::Scalar(Scalar { text, style, span }), anchor)
            }
            Event::SequenceStart(style, anchor, _) => (self.seq(style, span)?, anchor),
            Event::MappingStart(style, anchor, _) => (self.map(style, span)?, anchor),
            Event::Alias(id) => {
                self.aliases += 1;
                if self.aliases > MAX_ALIASES {
                    return Err(Box::new(errors::too_many_aliases(span)));
                }
                let Some((_, size)) = self.anchors.get(&id) else {
                    return Err(Box::new(errors::alias_inside_itself(span)));
                };
                // Counted before it is copied.
                self.count(*size, span)?;
                (self.anchors[&id].0.clone(), 0)
            }
            _ => return Err(Box::new(errors::yaml_syntax(span, "expected a value"))),
        };
        if anchor != 0 {
            let size = self.nodes - before;
            // The kept copy counts too: anchors inside anchors would otherwise multiply memory.
            self.count(size, span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Fatal> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(Box::new(errors::too_many_nodes(span)));
        }
        Ok(())
    }

    fn open(&mut self, style: StructureStyle, start: Span) {
        if style == StructureStyle::Flow {
            self.open.push(start);
        }
    }

    /// The whole span of a collection: to its bracket, or to the end of its last item.
    fn close(&mut self, style: StructureStyle, start: Span, end: Span, last: Option<Span>) -> Span {
        match style {
            StructureStyle::Flow => {
                self.open.pop();
                let span = start.to(end);
                self.last = Some(Last { span, flow_collection: true, plain: false });
                span
            }
            StructureStyle::Block => Span::at(start.start as usize).to(last.unwrap_or(start)),
        }
    }

    fn seq(&mut self, style: StructureStyle, start: Span) -> Result<Node, Fatal> {
        self.open(style, start);
        let mut items = Vec::new();
        let end = loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break span;
            }
            items.push(self.node(event, span)?);
        };
        let span = self.close(style, start, end, items.last().map(Node::span));
        if style == StructureStyle::Flow {
            items = self.rejoin_items(items);
        }
        Ok(Node::Seq(Seq { items, span }))
    }

    fn map(&mut self, style: StructureStyle, start: Span) -> Result<Node, Fatal> {
        self.open(style, start);
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let end = loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break span;
            }
            let key = self.node(event, span)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span)?;
            entries.push((key, value));
        };
        let last = entries.last().map(|(key, value)| key.span().to(value.span()));
        let span = self.close(style, start, end, last);
        if style == StructureStyle::Flow {
            entries = self.rejoin_entries(entries);
        }
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut unique = Vec::new();
        for (key, value) in entries {
            let Node::Scalar(key) = key else {
                if !matches!(key, Node::Bad(_)) {
                    self.out.push(errors::complex_key(key.span(), key.kind()));
                }
                continue;
            };
            match seen.get(&key.text) {
                Some(&first) => {
                    let again = errors::duplicate_key(&key.text, key.span, first);
                    self.out.push(again);
                }
                None => {
                    seen.insert(key.text.clone(), key.span);
                    unique.push(Entry { key, value });
                }
            }
        }
        Ok(Node::Map(Map { entries: unique, span }))
    }

    /// Finds values that a comma cut in two: `[normal(0, 1), a]` is read as three items.
    fn rejoin_items(&mut self, items: Vec<Node>) -> Vec<Node> {
        let mut whole = Vec::new();
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            let mut depth = plain_depth(&item);
            if depth <= 0 {
                whole.push(item);
                continue;
            }
            let mut span = item.span();
            while depth > 0
                && let Some(piece) = items.next()
            {
                depth += plain_depth(&piece);
                span = span.to(piece.span());
            }
            self.out.push(errors::comma_ended_value(item.span(), span, self.source));
            whole.push(Node::Bad(span));
        }
        whole
    }

    /// As [`Builder::rejoin_items`] for `{initial: normal(0, 10), rate: 1}`.
    fn rejoin_entries(&mut self, entries: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
        let mut whole = Vec::new();
        let mut entries = entries.into_iter();
        while let Some((key, value)) = entries.next() {
            let cut = if plain_depth(&key) > 0 { &key } else { &value };
            let mut depth = plain_depth(cut);
            if depth <= 0 {
                whole.push((key, value));
                continue;
            }
            let first = cut.span();
            let mut span = first;
            while depth > 0
                && let Some((key, value)) = entries.next()
            {
                depth += plain_depth(&key) + plain_depth(&value);
                span = span.to(key.span()).to(value.span());
            }
            self.out.push(errors::comma_ended_value(first, span, self.source));
            whole.push((key, Node::Bad(span)));
        }
        whole
    }
}

/// Brackets opened less brackets closed in a plain scalar; 0 for everything else.
fn plain_depth(node: &Node) -> i64 {
    match node {
        Node::Scalar(scalar) if scalar.style == Style::Plain => scalar
            .text
            .bytes()
            .map(|byte| match byte {
                b'(' | b'[' | b'{' => 1,
                b')' | b']' | b'}' => -1,
                _ => 0,
            })
            .sum(),
        _ => 0,
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}
