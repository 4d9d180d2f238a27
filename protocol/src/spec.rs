//! Generated documents: written in the next step.
