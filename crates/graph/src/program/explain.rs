//! A stable print of a program: stages, modes of row reductions, instructions, memory.

use std::fmt::Write;

use numerics::simd::Isa;

use super::compile::{RowsCode, StageCode};
use super::instr::{Instr, What};
use super::items::Items;
use super::schedule::Pass;

pub struct Describe<'a> {
    pub stages: &'a [StageCode],
    /// Of passes over rows.
    pub notes: &'a [Option<String>],
    pub tile_len: usize,
    pub block_len: usize,
    pub fixed: usize,
    pub isa: Isa,
    pub block_rows: usize,
    /// Matrices packed in panels.
    pub packed: Vec<String>,
}

/// What a pass does for whom.
pub fn pass(items: &Items, pass: &Pass, code: &RowsCode) -> String {
    let g = items.graph;
    let mode = if pass.again { "two-pass" } else { "linear" };
    let mut out = format!(
        "rows of {} ({} rows, {} chunk{})\n",
        g.dim(pass.dim).name,
        code.rows,
        code.chunks.len() - 1,
        if code.chunks.len() == 2 { "" } else { "s" }
    );
    for (mode, nodes) in [(mode, &pass.sinks), ("stored", &pass.stores)] {
        for &n in nodes {
            let _ = writeln!(out, "  {mode}: n{} {} {}", n.0, g.node(n).op.name(), g.show_ty(g.ty(n)));
        }
    }
    out
}

fn print(out: &mut String, code: &[Instr], indent: usize) {
    for i in code {
        if let What::Tape(t) = &i.what {
            for label in &t.labels {
                let _ = writeln!(out, "{:indent$}{label}", "");
            }
            continue;
        }
        let _ = writeln!(out, "{:indent$}{}", "", i.label);
        if let What::Scan(s) = &i.what {
            let mut mode = if s.reverse { "sequential, from the last" } else { "sequential" }.to_string();
            if let Some((every, _)) = &s.save {
                let _ = write!(mode, ", carries checkpointed every {every}");
            }
            let _ = writeln!(out, "{:indent$}  {} steps, {mode}:", "", s.n);
            if let Some(again) = &s.again {
                let _ = writeln!(
                    out,
                    "{:indent$}    run again from checkpoints, {} steps each:",
                    "", again.every
                );
                print(out, &again.step, indent + 6);
            }
            print(out, &s.body, indent + 4);
        }
    }
}

pub fn program(d: &Describe) -> String {
    let mut out = format!(
        "program: {}, blocks of {} rows; {} numbers, a tile {} bytes, a block {} bytes\n",
        d.isa,
        d.block_rows,
        d.fixed,
        d.tile_len * 64,
        d.block_len * 64
    );
    for matrix in &d.packed {
        let _ = writeln!(out, "packed in panels, in place of a plain copy: {matrix}");
    }
    for (stage, note) in d.stages.iter().zip(d.notes) {
        match stage {
            StageCode::Flat(code) => {
                let _ = writeln!(out, "once");
                print(&mut out, code, 4);
            }
            StageCode::Rows(rows) => {
                out.push_str(note.as_deref().unwrap_or("rows\n"));
                print(&mut out, &rows.code, 4);
            }
        }
    }
    out
}
