//! The server as its users and its attackers meet it: the real binary, real sockets, a real PostgreSQL.
//!
//! Everything runs against a throw-away cluster of its own (`support::cluster`). A machine without PostgreSQL or PostGIS
//! fails these tests; nothing is skipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a test says what went wrong by failing"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the tests are the administrator of their own database, and look at the environment for its programs"
)]

mod answers;
mod auth;
mod containment;
mod differential;
mod directory;
mod errors;
mod fuzz;
mod guard;
mod hidden_columns;
mod hidden_columns_server;
mod http;
mod layers;
mod lock_outage;
mod mcp;
mod names;
mod network;
mod oauth;
mod operations;
mod progress;
mod restart;
mod session;
mod show;
mod sign_in;
mod startup;
mod stuck;
mod support;
mod sweep;
mod tools;
mod types;
mod versions;
