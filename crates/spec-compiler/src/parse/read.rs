//! Typed readers of YAML nodes; each reports what it does not find and returns nothing then.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use units::{Unit, Vocabulary};

use crate::ast::{Choice, Spanned};
use crate::diagnostic::Diagnostic;
use crate::errors;
use crate::expr::{self, Declaration, Expr, ExprKind, Ident, constant, parse_expr};
use crate::nearest::nearest;
use crate::source::{Source, Span};
use crate::words::{Block, Status};
use crate::yaml::{Entry, Map, Node, Scalar, Text};

/// In bytes; file systems allow 255 for a folder.
const MAX_MODEL_NAME: usize = 200;

pub(super) struct Reader<'a> {
    source: &'a Source,
    out: &'a mut Vec<Diagnostic>,
    /// The names that units may have.
    vocabulary: Vocabulary,
}

/// The understood entries of a mapping with fixed keys.
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    /// Words that unknown keys were probably meant to be.
    meant: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, word: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key.text == word)?;
        Some(&entry.value)
    }

    /// Neither there nor misspelt, which is reported already.
    pub(super) fn lacks(&self, word: &str) -> bool {
        self.get(word).is_none() && !self.meant.contains(&word)
    }

    pub(super) fn key_span(&self, word: &str) -> Option<Span> {
        let entry = self.entries.iter().find(|entry| entry.key.text == word)?;
        Some(entry.key.span)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, out: &'a mut Vec<Diagnostic>) -> Reader<'a> {
        Reader { source, out, vocabulary: Vocabulary::default() }
    }

    pub(super) fn report(&mut self, mistake: Diagnostic) {
        self.out.push(mistake);
    }

    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    fn keep<T>(&mut self, result: Result<T, Box<Diagnostic>>) -> Option<T> {
        result.map_err(|mistake| self.out.push(*mistake)).ok()
    }

    /// The part of `span` on its first line: a whole mapping would bury its message under its lines.
    fn first_line(&self, Span { start, end }: Span) -> Span {
        Span::new(start as usize, self.source.line_at(start as usize).end.min(end) as usize)
    }

    fn wrong_shape(&mut self, node: &Node, slot: &str, expected: &str) {
        if let Node::Bad(_) = node {
            return;
        }
        let span = match node {
            Node::Scalar(scalar) => scalar.span,
            node => self.first_line(node.span()),
        };
        let mistake = errors::wrong_shape(span, slot, expected, node.kind());
        self.out.push(mistake);
    }

    /// The root, whose missing `model:` has a message of its own.
    pub(super) fn root<'n>(&mut self, map: &'n Map, block: &'static Block) -> Fields<'n> {
        let fields = self.keys(map, block);
        if fields.lacks("model") {
            let first = map.entries.first().map_or(map.span, |entry| entry.key.span);
            self.report(errors::missing_model(first));
        }
        fields
    }

    /// A mapping with the keys of `block`; a missing key is reported at `owner`.
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        slot: &str,
        block: &'static Block,
        owner: Span,
    ) -> Option<Fields<'n>> {
        let Node::Map(map) = node else {
            let keys: Vec<&str> = block.understood().collect();
            let expected = format!("a mapping with the keys {}", keys.join(", "));
            self.wrong_shape(node, slot, &expected);
            return None;
        };
        let fields = self.keys(map, block);
        // What a later version brings may stand in for what is missing here.
        let later = map.entries.iter().any(|entry| block.status(&entry.key.text) == Some(Status::Later));
        for word in block.words {
            if word.status == Status::Required && fields.lacks(word.word) && !later {
                self.report(errors::missing_key(word.word, block.name, owner));
            }
        }
        Some(fields)
    }

    fn keys<'n>(&mut self, map: &'n Map, block: &'static Block) -> Fields<'n> {
        let mut meant = Vec::new();
        for Entry { key, .. } in &map.entries {
            match block.status(&key.text) {
                Some(Status::Required | Status::Optional) => {}
                Some(Status::Later) => {
                    let what = format!("`{}:`", key.text);
                    self.report(errors::later_version(key.span, &what));
                }
                None => {
                    let known: Vec<&str> = block.understood().collect();
                    let mistake = errors::unknown_key(&key.text, key.span, block.name, &known);
                    self.report(mistake);
                    meant.extend(nearest(&key.text, block.understood()));
                }
            }
        }
        Fields { entries: &map.entries, meant }
    }

    /// The entries of a mapping with free keys; an empty section has none.
    pub(super) fn entries<'n>(&mut self, node: Option<&'n Node>, slot: &str, expected: &str) -> &'n [Entry] {
        match node {
            Some(Node::Map(map)) => &map.entries,
            Some(Node::Scalar(scalar)) if scalar.is_null() => &[],
            Some(Node::Scalar(scalar)) => {
                let line = self.source.slice(scalar.span).lines().next().unwrap_or_default();
                self.report(errors::entries_expected(scalar.span, slot, expected, line));
                &[]
            }
            Some(node @ Node::Seq(_)) => {
                let span = self.first_line(node.span());
                self.report(errors::entries_listed(span, slot, expected));
                &[]
            }
            Some(Node::Bad(_)) | None => &[],
        }
    }

    /// Reports a single value where none can be.
    pub(super) fn no_scalar(&mut self, node: &Node, slot: &str, expected: &str) {
        self.wrong_shape(node, slot, expected);
    }

    /// The items of a list with at least one.
    pub(super) fn items<'n>(&mut self, node: &'n Node, slot: &str, expected: &str) -> Option<&'n [Node]> {
        match node {
            Node::Seq(seq) if !seq.items.is_empty() => Some(&seq.items),
            Node::Seq(seq) => {
                let mistake = errors::wrong_shape(seq.span, slot, expected, "nothing");
                self.report(mistake);
                None
            }
            node => {
                self.wrong_shape(node, slot, expected);
                None
            }
        }
    }

    /// A single value that is not empty.
    fn scalar<'n>(&mut self, node: &'n Node, slot: &str, expected: &str) -> Option<&'n Scalar> {
        match node {
            Node::Scalar(scalar) if !scalar.is_null() => Some(scalar),
            node => {
                self.wrong_shape(node, slot, expected);
                None
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node, slot: &str) -> Option<Spanned<String>> {
        let scalar = self.scalar(node, slot, "a text")?;
        Some(Spanned { value: scalar.text.clone(), span: scalar.span })
    }

    /// A path, as the spec's own folder sees it: those of an included file are relative to that file.
    pub(super) fn path(&mut self, node: &Node, slot: &str) -> Option<Spanned<String>> {
        let Spanned { value, span } = self.text(node, slot)?;
        let folder = self.source.folder(span);
        let value = match folder.as_os_str().is_empty() {
            true => value,
            false => folder.join(value).to_string_lossy().into_owned(),
        };
        Some(Spanned { value, span })
    }

    /// Distinct texts, at least one; `levels`, labels and columns are taken letter for letter.
    pub(super) fn labels(&mut self, node: &Node, slot: &str) -> Option<Vec<Spanned<String>>> {
        let items = self.items(node, slot, "a list of names")?;
        let mut seen: HashMap<&str, Span> = HashMap::new();
        let mut labels = Vec::new();
        for item in items {
            let Some(scalar) = self.scalar(item, slot, "a list of names") else {
                continue;
            };
            if let Some(&first) = seen.get(scalar.text.as_str()) {
                self.report(errors::duplicate_label(&scalar.text, scalar.span, first));
                continue;
            }
            seen.insert(&scalar.text, scalar.span);
            labels.push(Spanned { value: scalar.text.clone(), span: scalar.span });
        }
        Some(labels)
    }

    /// `units: [fish, people]`: names that units may have from here on.
    pub(super) fn declare_units(&mut self, node: Option<&Node>) {
        let names = node.and_then(|node| self.labels(node, "`units:`")).unwrap_or_default();
        let mut declared: Vec<String> = Vec::new();
        for Spanned { value, span } in names {
            match Vocabulary::new([&value]) {
                Ok(_) => declared.push(value),
                Err(error) => self.report(errors::unit(span, &error.what)),
            }
        }
        self.vocabulary = Vocabulary::new(&declared).unwrap_or_default();
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// A unit, such as `mM/min`.
    pub(super) fn unit(&mut self, node: &Node, slot: &str) -> Option<Spanned<Unit>> {
        let scalar = self.scalar(node, &format!("the unit of {slot}"), "a unit, such as `mM/min`")?;
        match self.vocabulary.parse(&scalar.text) {
            Ok(value) => Some(Spanned { value, span: scalar.span }),
            Err(error) => {
                let place = Text::of(scalar, self.source).span(error.at.start, error.at.end);
                self.report(errors::unit(place, &error.what));
                None
            }
        }
    }

    pub(super) fn model_name(&mut self, node: &Node) -> Option<Ident> {
        if let Node::Map(map) = node {
            let span = self.first_line(map.span);
            self.report(errors::model_block(span));
            return None;
        }
        let scalar = self.scalar(node, "`model:`", "a name")?;
        let allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let fits = (1..=MAX_MODEL_NAME).contains(&scalar.text.len()) && !scalar.text.starts_with('-');
        if !fits || !scalar.text.chars().all(allowed) {
            self.report(errors::not_a_model_name(scalar.span, &scalar.text));
            return None;
        }
        Some(ident(scalar))
    }

    pub(super) fn name(&mut self, node: &Node, slot: &str) -> Option<Ident> {
        let scalar = self.scalar(node, slot, "a name")?;
        self.key(scalar, slot)
    }

    /// A key, or a scalar, that is a plain name.
    pub(super) fn key(&mut self, scalar: &Scalar, slot: &str) -> Option<Ident> {
        let text = &scalar.text;
        let starts = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !starts || !text.chars().all(|c| c.is_alphanumeric() || c == '_') {
            self.report(errors::not_a_name(scalar.span, slot, text));
            return None;
        }
        Some(ident(scalar))
    }

    pub(super) fn declaration(&mut self, key: &Scalar) -> Option<Declaration> {
        let parsed = expr::parse_declaration(&Text::of(key, self.source));
        self.keep(parsed)
    }

    /// Declarations of one section with distinct names, with their values; only a section of
    /// columns may name tables.
    pub(super) fn declarations<'n>(
        &mut self,
        entries: &'n [Entry],
        columns: bool,
    ) -> Vec<(Option<Declaration>, &'n Entry)> {
        let mut seen: HashMap<String, Span> = HashMap::new();
        let mut declared = Vec::new();
        for entry in entries {
            let target = self.declaration(&entry.key);
            if let Some(Declaration { name, table, .. }) = &target {
                let full = match table {
                    Some(table) if columns => format!("{}.{}", table.name, name.name),
                    Some(table) => {
                        self.report(errors::not_a_name(table.span, "the left of a colon", &entry.key.text));
                        declared.push((None, entry));
                        continue;
                    }
                    None => name.name.clone(),
                };
                if let Some(&first) = seen.get(&full) {
                    self.report(errors::name_twice(name.span, &name.name, first));
                } else {
                    seen.insert(full, name.span);
                }
            }
            declared.push((target, entry));
        }
        declared
    }

    /// An expression; a YAML list is an array of expressions.
    pub(super) fn expr(&mut self, node: &Node, slot: &str) -> Option<Expr> {
        match node {
            Node::Seq(seq) => {
                let items: Vec<Option<Expr>> = seq.items.iter().map(|item| self.expr(item, slot)).collect();
                let items: Option<Vec<Expr>> = items.into_iter().collect();
                Some(Expr { kind: ExprKind::Array(items?), span: seq.span })
            }
            node => {
                let scalar = self.scalar(node, slot, "an expression")?;
                let parsed = parse_expr(&Text::of(scalar, self.source));
                self.keep(parsed)
            }
        }
    }

    /// A call: only a distribution or one that modifies it can be a law.
    pub(super) fn law(&mut self, node: &Node, slot: &str) -> Option<Expr> {
        if let Node::Scalar(scalar) = node
            && scalar.is_null()
        {
            self.report(errors::law_missing(scalar.span, slot));
            return None;
        }
        let law = self.expr(node, slot)?;
        if !matches!(law.kind, ExprKind::Call { .. }) {
            let found = law.to_string();
            self.report(errors::law_expected(law.span, slot, &found));
            return None;
        }
        Some(law)
    }

    /// A number, or arithmetic on numbers.
    fn number(&mut self, node: &Node, slot: &str) -> Option<Spanned<f64>> {
        let expr = self.expr(node, &format!("`{slot}:`"))?;
        match constant(&expr) {
            Ok(value) => Some(Spanned { value, span: expr.span }),
            Err(expr::NotConstant(span)) => {
                self.report(errors::not_a_number(span, slot));
                None
            }
        }
    }

    pub(super) fn positive(&mut self, node: &Node, slot: &str) -> Option<Spanned<f64>> {
        let number = self.number(node, slot)?;
        if !(number.value > 0.0 && number.value.is_finite()) {
            self.report(errors::number_out_of_range(number.span, slot, "a positive number"));
            return None;
        }
        Some(number)
    }

    /// A whole number of at least `least`.
    pub(super) fn whole(
        &mut self,
        node: &Node,
        slot: &str,
        range: RangeInclusive<u64>,
    ) -> Option<Spanned<u64>> {
        // Digits are read as they are: a float would round a seed above 2^53.
        if let Node::Scalar(Scalar { text, span, .. }) = node
            && let Ok(value) = text.trim().parse::<u64>()
            && range.contains(&value)
            && (text == "0" || !text.starts_with(['0', '+']))
        {
            return Some(Spanned { value, span: *span });
        }
        let number = self.number(node, slot)?;
        let Spanned { value, span } = number;
        let exact = 2_u64.pow(53);
        let (least, most) = (*range.start(), *range.end());
        if value.fract() != 0.0 || !(least as f64..=most.min(exact) as f64).contains(&value) {
            let expected = match most {
                u64::MAX => format!("a whole number of at least {least}"),
                _ => format!("a whole number from {least} to {most}"),
            };
            self.report(errors::number_out_of_range(span, slot, &expected));
            return None;
        }
        Some(Spanned { value: value as u64, span })
    }

    pub(super) fn choice<C: Choice>(&mut self, node: &Node) -> Option<Spanned<C>> {
        let words: Vec<&str> = C::WORDS.iter().map(|&(word, _)| word).collect();
        let expected = format!("one of {}", words.join(", "));
        let scalar = self.scalar(node, &format!("`{}:`", C::SLOT), &expected)?;
        let text = scalar.text.as_str();
        if let Some(&(_, value)) = C::WORDS.iter().find(|(word, _)| *word == text) {
            return Some(Spanned { value, span: scalar.span });
        }
        self.report(if C::LATER.contains(&text) {
            errors::later_version(scalar.span, &format!("`{}: {text}`", C::SLOT))
        } else {
            errors::unknown_choice(scalar.span, C::SLOT, text, &words)
        });
        None
    }
}

fn ident(scalar: &Scalar) -> Ident {
    Ident { name: scalar.text.clone(), span: scalar.span }
}
