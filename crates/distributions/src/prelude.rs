//! What every distribution's file needs.

pub(crate) use graph::ir::{DimId, Graph, NodeId, Unary};
pub(crate) use model::Support;

pub(crate) use crate::distribution::{Distribution, Event, LocationScale, Tails, Uniforms};
pub(crate) use crate::domain::Domain;
pub(crate) use crate::emit;
pub(crate) use crate::error::DistributionError;
pub(crate) use crate::params::{Parameter, Params, Shape, Slot};
pub(crate) use crate::random;
