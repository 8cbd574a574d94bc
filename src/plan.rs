//! What PostgreSQL's plan of a query tells: the tables that it reads, by which conditions, and the tables that it crosses.
//!
//! In: the text of `EXPLAIN (VERBOSE, FORMAT JSON)`. Out: [`Plan`]. Pure; the form is PostgreSQL's, so what is not as expected is
//! passed over.

use serde_json::Value;

/// What a plan tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every table that is read to its end.
    pub scans: Vec<Scan>,
    /// The aliases on both sides of a join without a condition, and about how many pairs of rows there are.
    pub crossed: Vec<(String, String, u64)>,
}

/// A table that is read.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    /// Its schema.
    pub schema: String,
    /// Its name; that of a partition or chunk, where there are such.
    pub table: String,
    /// The conditions by which rows are left out, as PostgreSQL writes them.
    pub conditions: String,
}

/// Nodes that hand on each row as it comes: below a `LIMIT` they end early.
const STREAMING: &[&str] =
    &["Limit", "Subquery Scan", "Append", "Result", "ProjectSet", "Custom Scan", "LockRows", "Gather", "CTE Scan"];
/// The members of a node that hold conditions.
const CONDITIONS: &[&str] = &[
    "Filter",
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Vectorized Filter",
    "Startup Exclusion",
    "Runtime Exclusion",
    "Order By",
];
/// A join of fewer pairs is no matter.
const MANY_PAIRS: u64 = 10_000;
/// How deep a plan is read.
const DEEPEST: usize = 100;

impl Plan {
    /// Reads a plan; an empty one when it is none.
    pub fn read(json: &str) -> Plan {
        let mut plan = Plan::default();
        if let Ok(value) = serde_json::from_str::<Value>(json)
            && let Some(top) = value.get(0).and_then(|first| first.get("Plan"))
        {
            plan.node(top, false, 0);
        }
        plan
    }

    fn node(&mut self, node: &Value, ends_early: bool, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let kind = text(node, "Node Type");
        let ends_early = kind == "Limit" || (ends_early && (STREAMING.contains(&kind) || kind.ends_with("Scan")));
        let children = children(node);
        if let (table, true) = (text(node, "Relation Name"), !ends_early)
            && !table.is_empty()
        {
            let mut conditions = String::new();
            gather(node, &mut conditions, depth);
            self.scans.push(Scan { schema: text(node, "Schema").to_owned(), table: table.to_owned(), conditions });
        }
        if let ("Nested Loop", None, [outer, inner]) = (kind, node.get("Join Filter"), children) {
            let pairs = rows(outer).saturating_mul(rows(inner));
            let (left, inner_text) = (aliases(outer, depth), inner.to_string());
            let joins = left.iter().any(|alias| inner_text.contains(&format!("{alias}.")));
            if let ([left, ..], [right, ..], false, true) = (
                left.as_slice(),
                aliases(inner, depth).as_slice(),
                joins,
                pairs >= MANY_PAIRS && rows(outer) > 1 && rows(inner) > 1,
            ) {
                self.crossed.push((left.clone(), right.clone(), pairs));
            }
        }
        // What is inside a scan of a compressed chunk belongs to that chunk.
        if text(node, "Relation Name").is_empty() || kind != "Custom Scan" {
            for child in children {
                self.node(child, ends_early, depth.saturating_add(1));
            }
        }
    }
}

fn text<'a>(node: &'a Value, member: &str) -> &'a str {
    node.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn rows(node: &Value) -> u64 {
    node.get("Plan Rows").and_then(Value::as_u64).unwrap_or_default()
}

fn children(node: &Value) -> &[Value] {
    node.get("Plans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The conditions of a node and of those below it.
fn gather(node: &Value, conditions: &mut String, depth: usize) {
    for condition in CONDITIONS.iter().map(|member| text(node, member)).filter(|condition| !condition.is_empty()) {
        conditions.push_str(condition);
        conditions.push(' ');
    }
    for child in children(node).iter().filter(|_| depth <= DEEPEST) {
        gather(child, conditions, depth.saturating_add(1));
    }
}

/// The aliases of the tables that are read below a node.
fn aliases(node: &Value, depth: usize) -> Vec<String> {
    let own = Some(text(node, "Alias")).filter(|alias| !alias.is_empty()).map(str::to_owned);
    let below =
        children(node).iter().filter(|_| depth <= DEEPEST).flat_map(|child| aliases(child, depth.saturating_add(1)));
    own.into_iter().chain(below).collect()
}

#[cfg(test)]
#[path = "../tests/unit/plan.rs"]
mod tests;
