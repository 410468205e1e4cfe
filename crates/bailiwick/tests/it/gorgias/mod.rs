//! Tests of gorgias.
