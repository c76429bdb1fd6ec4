//! The statements of the adapter.

use super::rows;

/// The statements for one schema.
pub(super) struct Statements {
    pub append: String,
    pub tail: String,
    pub identity: String,
    pub listen: String,
    pub secret: String,
    pub record_secret: String,
    pub note: String,
    pub replace_note: String,
}

impl Statements {
    pub fn of(schema: &str) -> Statements {
        Statements {
            append: format!(
                "SELECT reached, sequences, chains, conflicts
                   FROM \"{schema}\".append($1, $2, $3, $4, $5, $6, $7)"
            ),
            tail: format!(
                "SELECT {} FROM \"{schema}\".commits
                  WHERE sequence > $1 ORDER BY sequence LIMIT $2",
                rows::COLUMNS
            ),
            identity: format!("SELECT log_id FROM \"{schema}\".log"),
            listen: format!("LISTEN \"{schema}\""),
            secret: format!("SELECT secret_digest FROM \"{schema}\".log"),
            record_secret: format!(
                "UPDATE \"{schema}\".log SET secret_digest = $1 WHERE secret_digest IS NULL OR $2"
            ),
            note: format!("SELECT note FROM \"{schema}\".signed_checkpoint"),
            replace_note: format!("SELECT \"{schema}\".replace_checkpoint($1, $2)"),
        }
    }
}
