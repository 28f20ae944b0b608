//! Fusions within a block: fewer instructions, fewer passes over memory.

mod affine;
mod products;
mod squares;
mod twins;

use super::items::Items;

/// All fusions, in the order that lets each see what it needs.
pub fn fuse(items: &mut Items) {
    squares::fuse(items);
    affine::fuse(items);
    products::fuse(items);
    twins::fuse(items);
}
