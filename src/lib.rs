//! `analytics_mcp`: a hosted, read-only MCP server over PostgreSQL.
//!
//! A request goes one way: socket → [`http`] → [`auth`] → [`jsonrpc`] → [`mcp`] → [`tools`] → [`guard`] → [`statement`] →
//! [`db`] → [`rows`] → [`answer`] → response, with [`audit`] as witness. [`server`] is that way as far as the message, and
//! [`tools::call`] from there. The modules below stand in the order in which they are best read. A type that carries a guarantee
//! has private fields and one constructor, so that no stage can be left out: [`auth::Analyst`], [`guard::ReadOnlySql`],
//! [`statement::Statement`], [`audit::Entry`].
//!
//! The security boundary is the database role's privileges; everything here is defence in depth around it
//! (docs/threat-model.md).
pub mod config;
pub mod app;
pub mod server;
mod readiness;

pub mod http;

pub mod auth;
pub mod oauth;
pub mod page;

pub mod jsonrpc;
pub mod mcp;
pub mod view;
pub mod instructions;

pub mod tools;
pub mod guard;
pub mod statement;
pub mod db;
pub mod role_check;
pub mod hidden_columns;
pub mod definitions;
pub mod catalog;
pub mod freshness;
mod advice;
pub mod rows;
pub mod plan;
pub mod answer;

pub mod permits;
pub mod audit;
mod invisible;
pub mod metrics;
pub mod error;

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision of the source, where the build was given one (the variable `ANALYTICS_MCP_REVISION`).
pub const REVISION: Option<&str> = match option_env!("ANALYTICS_MCP_REVISION") {
    Some(revision) if !revision.is_empty() => Some(revision),
    _ => None,
};
