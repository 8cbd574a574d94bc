//! What the directory of Claude's connectors requires of a tool, and how much a model has to read before its first call.

use serde_json::{Value, json};

use crate::support::server::Server;

/// The most bytes of the instructions and of the names, descriptions and schemas of all tools that a model sees.
const MOST: usize = 7_100;

/// Words by which a text gives orders; a description that does counts as an injection.
const ORDERS: &[&str] = &[
    "always",
    "never",
    "must",
    "should",
    "shall",
    "do not",
    "don't",
    "have to",
    "make sure",
    "be sure",
    "ensure",
    "remember",
    "important",
    "required to",
    "please",
    "prefer",
    "first call",
    "before calling",
    "before any",
    "you",
    "your",
    "instead of calling",
];

/// Verbs with which an order would begin.
const VERBS: &[&str] = &[
    "aggregate",
    "apply",
    "ask",
    "avoid",
    "begin",
    "call",
    "check",
    "choose",
    "combine",
    "consult",
    "explore",
    "filter",
    "find",
    "follow",
    "get",
    "give",
    "group",
    "ignore",
    "include",
    "join",
    "keep",
    "limit",
    "look",
    "note",
    "order",
    "pass",
    "query",
    "read",
    "refer",
    "return",
    "run",
    "search",
    "see",
    "select",
    "send",
    "set",
    "show",
    "sort",
    "specify",
    "start",
    "stop",
    "take",
    "tell",
    "treat",
    "try",
    "use",
    "wait",
    "write",
];

/// The order that a text gives, if it gives one.
fn order(text: &str) -> Option<String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '_' | '.'))
        .map(|word| word.trim_matches(['.', '\'']).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let words = format!(" {} ", words.join(" "));
    let order = ORDERS.iter().find(|order| words.contains(&format!(" {order} "))).map(|order| (*order).to_owned());
    order.or_else(|| {
        // A sentence begins after the end of one, a colon or a mark of a list. Two tools have names that are verbs.
        text.split(['\n', ':', ';', '!']).flat_map(|part| part.split(". ")).find_map(|sentence| {
            let sentence = sentence.trim_start_matches(['-', ' ']);
            let (first, _) = sentence.split_once(' ')?;
            let of_a_tool = ["search finds", "query answers"].iter().any(|fact| sentence.starts_with(fact));
            (VERBS.contains(&first.to_lowercase().as_str()) && !of_a_tool).then(|| sentence.to_owned())
        })
    })
}

#[test]
fn an_order_is_seen() {
    for text in [
        "Lists tables. Always call list_schemas first.",
        "Rows. You should filter.",
        "IMPORTANT: the data end early",
        "Returns rows. Call list_schemas before it.",
        "- Use schema.table names",
        "Rows; do not total them",
    ] {
        assert!(order(text).is_some(), "{text}");
    }
    assert_eq!(order("Lists tables. Names are written schema.table; a mustard-coloured row is data."), None);
}

#[test]
fn every_tool_is_as_the_directory_of_connectors_wants_it() {
    let server = Server::start(&[]);
    let listed = server.alice().legacy("tools/list", json!({})).json();
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        assert!((1..=64).contains(&name.len()) && name.bytes().all(plain), "{name}");
        let title = tool["title"].as_str().unwrap();
        assert!(!title.is_empty() && tool["annotations"]["title"] == title, "{name}: {title}");
        let hints = ["readOnlyHint", "destructiveHint"].map(|hint| tool["annotations"].get(hint));
        assert_eq!(hints, [Some(&json!(true)), None], "{name}");
        let description = tool["description"].as_str().unwrap();
        assert!(description.chars().count() < 2_000 && description.len() < 2_048, "{name}: {}", description.len());
        assert_eq!(order(description), None, "{name} gives an order");
        for (argument, property) in tool["inputSchema"]["properties"].as_object().unwrap() {
            let description = property["description"].as_str().unwrap_or_default();
            assert_eq!(order(description), None, "{argument} of {name} gives an order");
        }
        // A tool that takes a language has to say where it is described.
        let documented = description.contains("https://www.postgresql.org/docs/current/sql-select.html");
        assert_eq!(documented, name == "query", "{name}");
    }
}

#[test]
fn the_instructions_give_no_orders_and_all_that_is_read_at_the_start_is_short() {
    let server = Server::start(&[]);
    let initialized = server.alice().legacy("initialize", json!({ "protocolVersion": "2025-11-25" })).json();
    let instructions = initialized["result"]["instructions"].as_str().unwrap();
    // What stands after the name of a schema was written by the database's owner.
    let schemas = ["reporting: ", "tracksolid: ", "tickets: ", "fuel: "];
    let own = instructions.lines().filter(|line| !schemas.iter().any(|schema| line.starts_with(schema)));
    for line in own {
        assert_eq!(order(line), None, "the instructions give an order");
    }
    let listed = server.alice().legacy("tools/list", json!({})).json();
    let read = |tool: &Value| {
        let parts =
            json!({ "name": tool["name"], "description": tool["description"], "inputSchema": tool["inputSchema"] });
        parts.to_string().len()
    };
    let for_models = |tool: &&Value| tool["_meta"]["ui"]["visibility"] != json!(["app"]);
    let tools: usize = listed["result"]["tools"].as_array().unwrap().iter().filter(for_models).map(read).sum();
    let all = instructions.len() + tools;
    assert!(all <= MOST, "instructions {} and tools {tools}: {all} bytes, more than {MOST}", instructions.len());
}
