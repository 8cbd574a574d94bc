//! What may not be called or read, by name: the guard's tables, and nothing else.
//!
//! In: a name as PostgreSQL would look it up, and the name it is qualified with. Out: what the thing would do, if it is
//! refused. Pure; every pattern is compiled once and matched against whole names of at most 63 bytes.
//!
//! Functions called `pg_*` are refused unless [`PG_ALLOWED`] lists them: that is PostgreSQL's own name space, it grows with
//! every version, and most of what is dangerous lives in it. All others are allowed unless a group of [`FUNCTIONS`] lists
//! them. The tables were made from every function of PostgreSQL 15 and 18, their contrib modules and PostGIS.
//!
//! # What this does not stop
//! A function that somebody wrote for this database and that does the same under another name: review those.

use {regex::Regex, std::sync::LazyLock};

/// Names that are refused for one reason.
pub(super) struct Group {
    /// Completes the sentence "it is refused because it …".
    pub(super) does: &'static str,
    /// Alternatives of a regular expression, each for a whole name in lower case.
    names: &'static [&'static str],
}

/// Functions that are refused, by what they would do. The `pg_*` names here are refused anyway; they are listed so that
/// the message can say why.
pub(super) const FUNCTIONS: &[Group] = &[
    Group {
        does: "takes or releases locks that outlive the query; enough of them stop the whole server",
        names: &[r"pg_(try_)?advisory_\w+", "pgrowlocks", "lockrow", "unlockrows", "addauth", "checkauth"],
    },
    Group {
        does: "acts on or looks into other sessions",
        names: &[
            r"pg_(cancel|terminate)_backend",
            r"pg_(safe_snapshot_)?blocking_pids",
            r"pg_stat_get_(activity|backend_\w+|progress_info|wal_senders|wal_receiver|subscription)",
            r"pg_stat_statements\w*|pg_lock_status|pg_prepared_(statement|xact)|pg_cursor|pg_log_backend_memory_contexts",
            r"[gs]et_backend_priority|powa_\w+",
        ],
    },
    Group {
        does: "changes settings of the session, its role or its connections",
        names: &[
            "set_config|set_limit|set_curcfg",
            r"(re)?set_(session_)?user|hll_set_\w+|prepare_all|hypopg\w*",
            "(enable|disable)longtransactions|addtosearchpath|setsearchpathforinstall",
        ],
    },
    Group { does: "holds a database connection without working", names: &[r"pg_sleep\w*"] },
    Group {
        does: "sends a message or event to other sessions",
        names: &[r"pg_notify|pg_listening_channels|pg_notification_queue_usage|amqp_\w+"],
    },
    Group {
        does: "reads or writes files on the server",
        names: &[
            r"pg_read_\w+|pg_ls_\w+|pg_stat_file|pg_file_\w+|pg_logdir_ls|pg_current_logfile|pg_rotate_logfile\w*",
            r"pg_hba_file_rules|pg_ident_file_mappings|pg_show_all_file_settings",
            r"read_(csv|parquet|json|ndjson|text|blob|xlsx)(_\w+)?|(iceberg|delta|parquet|sqlite|mysql|postgres)_(scan|query)",
            "xslt_process",
        ],
    },
    Group {
        does: "reads or writes large objects",
        names: &[
            "lo_(close|creat|create|export|from_bytea|get|import|lseek|lseek64|open|put|tell|tell64|truncate|truncate64|unlink)",
            "loread|lowrite|lo_manage|lo_oid",
        ],
    },
    Group {
        does: "runs SQL that it is given as text, which no check here can see",
        names: &[
            r"(query|table|schema|database|cursor)_to_\w+",
            r"ts_stat|ts_rewrite|crosstab\w*|connectby|_?pgr_\w+|_(v4)?trsp",
            r"_?st_mapalgebra\w*",
            r"(\w+_)?(run|exec|execute|eval|evaluate)_(dynamic_)?(sql|query|statement|command|ddl|dml)",
            r"exec_immediate|cypher|(lives|throws|performs)_(ok|like|imatching|matching|ilike|within)",
        ],
    },
    Group {
        does: "works in a library that no time limit and no cancel request can interrupt",
        names: &[
            r"xpath\w*|xmlexists|xmltable",
            "_?st_(hausdorffdistance|frechetdistance|minimumclearance(line)?|aslatlontext)",
        ],
    },
    // Found by the generator test with PostGIS 3.3: an empty prefix, a NaN among the arguments.
    Group {
        does: "brings down PostgreSQL, with everybody's sessions, when it is given certain values",
        names: &[r"_?st_asgml|_?st_voronoi\w*|st_wrapx"],
    },
    Group {
        does: "opens a connection to another server or program",
        names: &[
            r"dblink\w*|(postgres|mysql|oracle|odbc|jdbc|tds|sqlite|redis|mongo|hdfs|ogr)_fdw_\w+|(oracle|jdbc|odbc)_(exec\w*|diag|\w*query)",
            "http|http_(get|post|put|patch|delete|head|header|set_curlopt|reset_curlopt|list_curlopt)",
            r"curl(_\w+)?|memcache_\w+|pgpool_\w+|pg_background\w*|run_command_on_\w+",
            r"(query_export_to|table_import_from)_\w+",
            r"sys_(eval|exec|bineval|fileread|get|set)|plr_\w+|install_rcmd|reload_plr_modules|r_(eval|exec)",
        ],
    },
    Group {
        does: "moves, reads or removes values of a sequence",
        names: &["nextval|setval|currval|lastval|pg_get_sequence_data"],
    },
    Group {
        does: "writes to the write-ahead log, takes a transaction id or a snapshot, or steers backup and replication",
        names: &[
            r"txid_current|pg_current_xact_id|pg_export_snapshot|pg_logical_\w+|pg_(create|drop|copy|sync|alter)_\w+",
            r"pg_replication_\w+|pg_backup_\w+|pg_(start|stop)_backup|pg_switch_(wal|xlog)|pg_promote|pg_wal_\w+|pg_reload_conf",
            r"gettransactionid|create_distributed_restore_point",
        ],
    },
    Group {
        does: "resets statistics or does maintenance",
        names: &[
            r"pg_stat_reset\w*|pg_stat_clear_snapshot|pg_stat_force_next_flush|pg_(clear|restore)_\w+_stats|pg_prewarm",
            r"brin_(de)?summarize_\w+|gin_clean_pending_list|autoprewarm_\w+|heap_force_\w+|binary_upgrade_\w+",
            r"run_maintenance\w*|create_(sub_)?parent|create_partition\w*",
            r"(undo_partition|partition_data|drop_partition)\w*|reapply_privileges|apply_(cluster|constraints)|table_log_restore_\w+",
        ],
    },
    Group {
        does: "reads raw pages or the planner's statistics, past the grants on tables",
        names: &[
            r"get_raw_page|page_header|page_checksum|fsm_page_contents|heap_(page|tuple)_\w+|tuple_data_split|verify_heapam",
            r"(bt|brin|gin|gist|hash|rum)_\w*page_\w+|bt_metap|brin_revmap_data|hash_bitmap_info|(bt|gin)_index_\w*check",
            r"pgstat\w+|pgfadvise\w*|pgfincore\w*|pgsysconf\w*|pldbg_\w+",
            "_postgis_(stats|selectivity|join_selectivity|index_extent)",
        ],
    },
    Group {
        does: "changes hypertables, chunks, policies or background jobs of TimescaleDB, or reports on its installation",
        names: &[
            r"create_(distributed_)?hypertable|distributed_exec|add_dimension|cagg_migrate\w*|refresh_continuous_aggregate",
            r"set_(adaptive_chunking|chunk_time_interval|partitioning_interval|number_partitions|integer_now_func|replication_factor)",
            r"(create|attach|detach|drop|move|copy|split|merge|reorder|(de|re)?compress|rebuild|(un)?freeze|refresh|(un)?tier)_chunks?",
            r"convert_to_(column|row)store|rebuild_columnstore|cleanup_copy_chunk\w*|(enable|disable)_(chunk_skipping|column_stats|tiering)",
            r"(add|alter|delete|run)_job|(add|remove|alter)_\w*polic(y|ies)|remove_all_policies",
            r"(add|alter|attach|detach|delete)_data_node|(attach|detach)_tablespaces?|timescaledb_(pre|post)_restore|get_telemetry_report",
        ],
    },
    Group {
        does: "changes spatial tables, their constraints or PostGIS itself",
        names: &[
            r"(add|drop)geometry(column|table)|dropgeometrytable|updategeometrysrid|populate_geometry_columns|postgis_extensions_upgrade",
            r"_?(add|drop)_?(raster|overview)_?constraints?\w*|_?updaterastersrid|st_createoverview|st_fromflatgeobuftotable",
            r"(create|drop|copy|rename|upgrade)topology|(add|drop|rename|fixcorrupt)topogeometrycolumn|(create|clear|to)topogeom|topogeom_(add|rem)\w*",
            r"topogeo_(add|load)\w*|st_(add|mod|rem|remove|move|new|change)(iso)?(node|edge|face)\w*|st_changeedgegeom|st_(createtopogeo|inittopogeo)",
            r"add(node|edge|face)|polygonize|populate_topology_layer|removeunusedprimitives|maketopologyprecise|_?validatetopology\w*",
            r"loader_(generate_\w+|load_staged_data)|install_(geocode_settings|missing_indexes|pagc_tables)|\w+_generate_script|create_census_base_tables|set_geocode_setting|topology_load_tiger",
        ],
    },
    Group {
        does: "reaches files and network addresses through raster bands outside the database or through GDAL",
        names: &[
            r"_?st_addband|st_band(path|filesize|filetimestamp)|st_setband(path|index)|st_rastfrom\w*wkb|st_(from|as)gdalraster",
        ],
    },
    Group {
        does: "creates, loads or distributes tables or graphs",
        names: &[
            r"(create|drop|alter|load)_(graph|vlabel|elabel|label)|load_(labels|edges)_from_file",
            r"(create|undistribute|alter|truncate)_(distributed|reference|local_to)_\w*table\w*|undistribute_table|citus_\w+",
        ],
    },
    Group {
        does: "is the inside of a procedural language or foreign-data wrapper",
        names: &[r"\w+_(call|inline)_handler|pl\w*_validator|fmgr_\w+_validator|\w+_fdw_(handler|validator)"],
    },
];

/// Schemas of extensions that write, schedule or connect: no function of theirs is called, whatever its name.
const SCHEMAS: &[&str] = &[
    // Schedulers, queues, partitioning, repacking.
    "cron|partman|pgq|pgq_\\w+|pgmq|pgagent|repack|londiste|mimeo|fact_loader",
    // Network and cloud.
    "net|http|aws_s3|aws_lambda|aws_commons|aws_\\w+|azure_\\w+|google_ml|ai|pgml|vectorize|amqp|supabase_functions|duckdb",
    // Replication and clusters.
    "pglogical|bdr|spock|repmgr|pgautofailover|pgl_ddl_deploy",
    // Secrets, SQL from text, file access in the style of Oracle.
    "vault|pgsodium|graphql|graphql_public|dbms_\\w+|utl_\\w+",
    // TimescaleDB's and PostGIS' inner functions.
    "_timescaledb_\\w+|topology",
];

/// The `pg_*` functions that may be called: they describe objects, sizes and counters, and do nothing else.
const PG_ALLOWED: &[&str] = &[
    // Definitions of objects as SQL, and names of objects.
    r"pg_get_(constraintdef|expr|functiondef|function_\w+|indexdef|keywords|object_address|partition_constraintdef|partkeydef)",
    r"pg_get_(replica_identity_index|ruledef|serial_sequence|statisticsobjdef\w*|triggerdef|userbyid|viewdef|catalog_foreign_keys|acl)",
    r"pg_describe_object|pg_identify_object(_as_address)?|pg_filenode_relation|pg_relation_file(node|path)|pg_basetype",
    // Visibility on the search path, privileges.
    r"pg_(collation|conversion|function|opclass|operator|opfamily|statistics_obj|table|ts_config|ts_dict|ts_parser|ts_template|type)_is_visible",
    r"pg_has_role|pg_is_other_temp_schema|pg_my_temp_schema|pg_(column|relation)_is_updatable|pg_relation_is_publishable",
    // Sizes, storage, encodings, types, properties.
    r"pg_(column|database|indexes|relation|table|tablespace|total_relation)_size|pg_size_(pretty|bytes)|pg_column_(compression|toast_chunk_id)",
    r"pg_typeof|pg_collation_for|pg_collation_actual_version|pg_database_collation_actual_version|pg_client_encoding|pg_encoding_(to_char|max_length)|pg_char_to_encoding",
    r"pg_index(am)?_has_property|pg_index_column_has_property|pg_input_(is_valid|error_info)|pg_options_to_table|pg_lsn|pg_mcv_list_items",
    r"pg_partition_(tree|root|ancestors)|pg_tablespace_(databases|location)|pg_sequence_(parameters|last_value)",
    // The server and this session.
    r"pg_backend_pid|pg_conf_load_time|pg_postmaster_start_time|pg_jit_available|pg_trigger_depth|pg_timezone_(names|abbrevs\w*)",
    r"pg_available_extensions|pg_available_extension_versions|pg_extension_update_paths|pg_settings_get_flags|pg_show_all_settings",
    // How far a replica is behind.
    r"pg_is_in_recovery|pg_is_wal_replay_paused|pg_last_(wal_receive_lsn|wal_replay_lsn|xact_replay_timestamp)|pg_current_wal_lsn|pg_wal_lsn_diff",
    // Transactions and snapshots, without taking an id.
    r"pg_current_(snapshot|xact_id_if_assigned)|pg_snapshot_(xip|xmax|xmin)|pg_visible_in_snapshot|pg_xact_(status|commit_timestamp\w*)|pg_last_committed_xact",
    // Counters of tables, functions and the server; those of sessions are left out.
    r"pg_stat_get_(db|tuples|xact|function|last|total|bgwriter|checkpoint|checkpointer|buf)_\w+|pg_stat_get_(wal|io|slru|archiver|snapshot_timestamp)",
    r"pg_stat_get_(live|dead)_tuples|pg_stat_get_(ins|mod)_since_\w+|pg_stat_get_blocks_\w+|pg_stat_get_numscans|pg_stat_get_lastscan|pg_stat_have_stats",
    r"pg_stat_get_(auto)?(vacuum|analyze)_count",
];

/// Relations and types that stand after a dot without being a function: `pg_catalog.pg_class`, `x::pg_catalog.pg_lsn`.
const PG_CATALOG: &[&str] = &[
    r"pg_(aggregate|am|amop|amproc|attrdef|attribute|auth_members|available_extensions|available_extension_versions|cast|class)",
    r"pg_(collation|constraint|conversion|database|db_role_setting|default_acl|depend|description|enum|event_trigger|extension)",
    r"pg_(foreign_data_wrapper|foreign_table|group|index|indexes|inherits|init_privs|language|largeobject_metadata|matviews)",
    r"pg_(namespace|opclass|operator|opfamily|parameter_acl|partitioned_table|policies|policy|proc|range|rewrite|roles|rules)",
    r"pg_publication(_namespace|_rel|_tables)?|pg_replication_origin|pg_subscription_rel|pg_(sh)?seclabels?|pg_sh(depend|description)",
    r"pg_(sequence|sequences|settings|tables|tablespace|timezone_abbrevs|timezone_names|transform|trigger|type|user|views|wait_events)",
    r"pg_ts_(config|config_map|dict|parser|template)|pg_statistic_ext|pg_stats(_ext|_ext_exprs)?",
    r"pg_stat(io)?_(xact_)?(all|sys|user)_(tables|indexes|sequences|functions)",
    r"pg_stat_(archiver|bgwriter|checkpointer|database|database_conflicts|io|slru|wal|recovery_prefetch|replication_slots|subscription_stats)",
    r"pg_(lsn|snapshot|node_tree|ndistinct|dependencies|mcv_list|ddl_command|brin_\w+_summary)",
];

/// Relations that may not be read although a role may have the right to.
pub(super) const RELATIONS: &[Group] = &[
    Group {
        does: "shows what other analysts and sessions are running",
        names: &[
            r"pg_stat_(activity|statements\w*|monitor\w*|kcache\w*|replication|subscription|wal_receiver|ssl|gssapi|progress_\w+)",
            r"pg_qualstats\w*|pg_store_plans\w*|pg_wait_sampling\w*|pg_locks|pg_prepared_(statements|xacts)|pg_cursors",
        ],
    },
    Group {
        does: "holds passwords or the secrets of connections",
        names: &[
            "pg_authid|pg_shadow|pg_user_mappings?|pg_foreign_server|pg_subscription|pg_dist_(authinfo|poolinfo)",
            r"information_schema\._?(pg_)?(foreign_servers|foreign_server_options|user_mappings|user_mapping_options)",
        ],
    },
    Group {
        does: "shows files, memory or replication of the server",
        names: &[
            r"pg_hba_file_rules|pg_ident_file_mappings|pg_file_settings|pg_config|pg_aios|pg_shmem_allocations\w*",
            r"pg_backend_memory_contexts|pg_dsm_registry\w*|pg_replication_slots|pg_replication_origin_status|pg_buffercache\w*",
        ],
    },
    Group {
        does: "holds values of tables past the grants on them",
        names: &[r"pg_largeobject|pg_statistic|pg_statistic_ext_data|pg_toast_\w+"],
    },
];

/// Said of a `pg_*` function that no group knows.
pub(super) const UNLISTED: &str = "is not on the list of harmless pg_* functions";
/// Said of a function in one of [`SCHEMAS`].
pub(super) const IN_SCHEMA: &str = "belongs to an extension that writes, schedules or connects";

/// What calling the function would do, if it is refused. `schema` is the name before the last dot.
pub(super) fn function(schema: Option<&str>, name: &str) -> Option<&'static str> {
    static IN_A_SCHEMA: LazyLock<Names> = LazyLock::new(|| Names::of(SCHEMAS));
    if schema.is_some_and(|schema| IN_A_SCHEMA.may_have(schema)) {
        return Some(IN_SCHEMA);
    }
    unqualified_function(name)
}

/// The same for a name after a dot and without parentheses: PostgreSQL calls the function there too, with what stands
/// before the dot (`(5).pg_sleep`, `g.pg_try_advisory_lock` over `generate_series(…) g`).
pub(super) fn attribute(name: &str) -> Option<&'static str> {
    static CATALOG: LazyLock<Names> = LazyLock::new(|| Names::of(PG_CATALOG));
    if name.starts_with("pg_") && CATALOG.surely_has(name) { None } else { unqualified_function(name) }
}

fn unqualified_function(name: &str) -> Option<&'static str> {
    static ALLOWED: LazyLock<Names> = LazyLock::new(|| Names::of(PG_ALLOWED));
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(FUNCTIONS));
    if name.starts_with("pg_") {
        return if ALLOWED.surely_has(name) { None } else { TABLE.find(name).or(Some(UNLISTED)) };
    }
    TABLE.find(name)
}

/// What reading the relation would show, if it is refused. `schema` is the name before the last dot.
pub(super) fn relation(schema: Option<&str>, name: &str) -> Option<&'static str> {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(RELATIONS));
    // Only these two beginnings occur in the table; the check keeps ordinary names away from the pattern.
    if schema == Some("information_schema") {
        return TABLE.find(&format!("information_schema.{name}"));
    }
    if name.starts_with("pg_") { TABLE.find(name) } else { None }
}

/// Groups with their patterns compiled: one pattern decides, the groups' own are asked only for the reason.
struct Table {
    any: Names,
    groups: Vec<(Names, &'static str)>,
}

impl Table {
    fn of(groups: &'static [Group]) -> Table {
        let all: Vec<&str> = groups.iter().flat_map(|group| group.names).copied().collect();
        Table {
            any: Names::of(&all),
            groups: groups.iter().map(|group| (Names::of(group.names), group.does)).collect(),
        }
    }

    fn find(&self, name: &str) -> Option<&'static str> {
        if !self.any.may_have(name) {
            return None;
        }
        self.groups.iter().find(|(names, _)| names.may_have(name)).map(|&(_, does)| does)
    }
}

/// A set of whole names. `None` would be a pattern that does not compile: a test rules that out, and each of the two
/// questions answers on the safe side.
struct Names(Option<Regex>);

impl Names {
    fn of(alternatives: &[&str]) -> Names {
        Names(Regex::new(&format!("(?-u)^(?:{})$", alternatives.join("|"))).ok())
    }

    /// For what is refused.
    fn may_have(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.is_match(name))
    }

    /// For what is allowed.
    fn surely_has(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|names| names.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        let groups = FUNCTIONS.iter().chain(RELATIONS).map(|group| group.names);
        for names in groups.chain([SCHEMAS, PG_ALLOWED, PG_CATALOG]) {
            assert!(Names::of(names).0.is_some(), "{names:?}");
        }
    }

    #[test]
    fn pg_functions_are_refused_unless_listed() {
        assert_eq!(function(None, "pg_get_viewdef"), None);
        assert_eq!(function(Some("pg_catalog"), "pg_no_such_function"), Some(UNLISTED));
        assert_eq!(attribute("pg_class"), None);
        assert_eq!(attribute("pg_no_such_relation"), Some(UNLISTED));
    }

    #[test]
    fn columns_with_ordinary_names_are_not_attributes() {
        for name in [
            "http_status",
            "aws_region",
            "lo_orderkey",
            "loader_id",
            "schedule",
            "schedule_id",
            "hash_index",
            "execute",
        ] {
            assert_eq!(attribute(name), None, "{name}");
        }
    }

    #[test]
    fn the_document_names_every_group() {
        let document = include_str!("../../docs/guard.md");
        for group in FUNCTIONS.iter().chain(RELATIONS) {
            assert!(document.contains(group.does), "docs/guard.md lacks: {}", group.does);
        }
    }
}
