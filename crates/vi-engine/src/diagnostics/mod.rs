//! What tells whether an approximation may be believed.

pub mod check;
pub mod mixing;
pub mod resample;
pub mod score;
pub mod verdict;
