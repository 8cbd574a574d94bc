//! What a request is answered with: the settings and the parts that all requests share.

use std::sync::Arc;

use crate::{
    config::{Config, MASKED},
    db::Database,
    freshness::Freshness,
    instructions::Instructions,
    metrics::Metrics,
    permits::Permits,
    role_check::RoleCheck,
};

/// The state of the running server that the tools and the MCP methods work with.
pub struct AppState {
    /// The settings.
    pub config: Config,
    /// The database.
    pub database: Arc<Database>,
    /// The verdict on the database role.
    pub role_check: Arc<RoleCheck>,
    /// From when to when tables have rows.
    pub freshness: Arc<Freshness>,
    /// The running calls.
    pub permits: Arc<Permits>,
    /// What a model gets to read at the start.
    pub instructions: Instructions,
    /// What counts the calls.
    pub metrics: Arc<Metrics>,
}

impl AppState {
    /// Puts the parts together.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn new(config: Config, database: Database, role_check: RoleCheck) -> std::io::Result<Arc<AppState>> {
        let permits = Permits::start(config.max_per_analyst)?;
        let (database, role_check, metrics) = (Arc::new(database), Arc::new(role_check), Arc::default());
        // What shows parts of hidden columns is named where those are: what a model reads at the start is short.
        let schemas = config.readable_schemas.iter().filter(|schema| *schema != MASKED).cloned().collect();
        let freshness = Arc::new(Freshness::new(Arc::clone(&database), Arc::clone(&role_check)));
        let instructions =
            Instructions::new(Arc::clone(&database), Arc::clone(&role_check), Arc::clone(&freshness), schemas);
        Ok(Arc::new(AppState { config, database, role_check, freshness, permits, instructions, metrics }))
    }
}
