//! `bailiwick demo`: a server over fresh, realistic data, for newcomers and for tests.

mod people;
mod plan;
mod texts;
