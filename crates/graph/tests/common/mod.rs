//! What the test suites share.
#![allow(dead_code)]

pub mod expressions;
pub mod op_examples;
pub mod pass;
pub mod small_examples;
pub mod test_op;
