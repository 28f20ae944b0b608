//! Buffers that are not needed at the same time share memory.

use std::collections::HashMap;

use super::instr::{Access, BufId, Instr};
use super::lower::Buf;

/// First and last use of a buffer, in the order of time.
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    pub first: usize,
    pub last: usize,
}

/// The uses of buffers, one time an instruction from `start`, or one time for all of them.
pub fn uses(
    code: &mut [Instr],
    start: usize,
    together: bool,
    mine: &dyn Fn(BufId) -> bool,
    into: &mut HashMap<BufId, Interval>,
) {
    for (i, instr) in code.iter_mut().enumerate() {
        let now = if together { start } else { start + i };
        instr.operands(&mut |o, _: Access| {
            if let Some(b) = o.buf.filter(|&b| mine(b)) {
                let interval = into.entry(b).or_insert(Interval { first: now, last: now });
                interval.first = interval.first.min(now);
                interval.last = interval.last.max(now);
            }
        });
    }
}

/// Offsets, in elements, for buffers with these lives: in the order of their first use, each into
/// the smallest hole that fits. `heir` tells whose memory a buffer may take over as that one dies.
pub fn assign(
    lives: &HashMap<BufId, Interval>,
    bufs: &[Buf],
    heir: &HashMap<BufId, BufId>,
) -> (HashMap<BufId, usize>, usize) {
    let mut order: Vec<(BufId, Interval)> = lives.iter().map(|(&b, &i)| (b, i)).collect();
    order.sort_by_key(|(b, i)| (i.first, *b));
    // Taken memory: (offset, length, last use).
    let mut taken: Vec<(usize, usize, usize)> = Vec::new();
    let mut at: HashMap<BufId, usize> = HashMap::new();
    let mut total = 0;
    for (b, life) in order {
        let len = bufs[b as usize].len;
        if let Some(parent) = heir.get(&b)
            && let Some(&offset) = at.get(parent)
            && let Some(slot) = taken.iter_mut().find(|s| s.0 == offset && s.1 == len && s.2 == life.first)
        {
            slot.2 = life.last;
            at.insert(b, offset);
            continue;
        }
        taken.retain(|s| s.2 >= life.first);
        taken.sort();
        let (mut end, mut best): (usize, Option<(usize, usize)>) = (0, None);
        for &(offset, n, _) in &taken {
            if offset >= end + len && best.is_none_or(|(gap, _)| offset - end < gap) {
                best = Some((offset - end, end));
            }
            end = end.max(offset + n);
        }
        let offset = best.map_or(end, |(_, at)| at);
        if len > 0 {
            taken.push((offset, len, life.last));
        }
        at.insert(b, offset);
        total = total.max(offset + len);
    }
    (at, total)
}

/// Who may take over whose memory: results of elementwise instructions, from operands that die there.
pub fn heirs(
    code: &mut [Instr],
    start: usize,
    lives: &HashMap<BufId, Interval>,
    bufs: &[Buf],
    into: &mut HashMap<BufId, BufId>,
) {
    for (i, instr) in code.iter_mut().enumerate() {
        let now = start + i;
        let mut result = None;
        instr.operands(&mut |o, access| {
            if access == Access::Write {
                result = result.or(o.buf);
            }
        });
        let Some(result) = result.filter(|r| lives.get(r).is_some_and(|l| l.first == now)) else { continue };
        let dies = |b: &BufId| {
            lives.get(b).is_some_and(|l| l.last == now) && bufs[*b as usize].len == bufs[result as usize].len
        };
        if let Some(parent) = instr.in_place().find(dies) {
            into.insert(result, parent);
        }
    }
}

/// Uses, heirs and offsets of straight code.
pub fn place(
    code: &mut [Instr],
    bufs: &[Buf],
    mine: &dyn Fn(BufId) -> bool,
) -> (HashMap<BufId, usize>, usize) {
    let (mut lives, mut heir) = (HashMap::new(), HashMap::new());
    uses(code, 0, false, mine, &mut lives);
    heirs(code, 0, &lives, bufs, &mut heir);
    assign(&lives, bufs, &heir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_shared_only_by_lives_that_do_not_touch() {
        let lives: HashMap<BufId, Interval> = [(0, 0, 2), (1, 1, 3), (2, 3, 4), (3, 5, 5)]
            .map(|(b, first, last)| (b, Interval { first, last }))
            .into();
        let bufs: Vec<Buf> = [4, 8, 4, 12].map(|len| Buf { len, block: false, stored: None }).into();
        let (at, total) = assign(&lives, &bufs, &HashMap::new());
        assert_eq!((at[&0], at[&1], at[&2], at[&3], total), (0, 4, 0, 0, 12));
    }
}
