//! What may be called and read, on one page: the guard's tables, and nothing else.
//!
//! In: a name as PostgreSQL would look it up, the name that qualifies it, and what is [`Known`] of the database. Out: why it
//! is refused, if it is. Pure; every pattern is compiled once and matched against whole names of at most 63 bytes.
//!
//! | A function | is called if |
//! |---|---|
//! | of an extension, or in C outside `pg_catalog` | [`EXTENSIONS`] lists it |
//! | `pg_*` | [`PG`] lists it |
//! | of PostgreSQL that it marks volatile | [`VOLATILE`] lists it |
//! | of PostgreSQL that it does not mark so | [`DANGEROUS`] does not list it |
//! | any other: somebody wrote it for this database | the role may execute it |
//!
//! A name that is both PostgreSQL's and an extension's (`replace`, with citext) counts as PostgreSQL's, unless the
//! extension's schema is written before it.
//!
//! # What this does not stop
//! A function that somebody wrote for this database, whatever it does: review those. Operators and input functions of an
//! extension's types, which have no name here.

use super::{known::Known, pattern::Pattern};

/// Functions of PostGIS that analysts cannot do without and that crash PostgreSQL when they meet an unsound shape: one with
/// coordinates that are no number, infinite or huge, with empty or nested parts, or that is malformed. A text that calls one of
/// them may write no such shape: see [`super::shape`].
const FRAGILE: &str = "st_(intersects|contains|within|covers|coveredby|buffer|union|unaryunion|intersection|difference|symdifference|centroid|pointonsurface|dump|dumppoints|clusterwithin|subdivide)";

/// The functions of extensions that analysts use. Each was called with NaN, infinite, empty, nested, huge and missing values
/// of every argument before it came here; what crashed PostgreSQL or could not be interrupted for long stayed out, but for
/// [`FRAGILE`].
static EXTENSIONS: Pattern = Pattern::whole(&[
    // PostGIS. Making shapes:
    "st_(make(point|pointm|envelope|box2d|line|polygon)|3dmakebox|point(m|z|zm)?|polygon|setsrid|collect|multi|tileenvelope|addmeasure)",
    "st_(geom|geometry|geog|geography|point|line|poly|polygon)fromtext|st_geomfrom(ewkt|geojson|geohash)|st_pointfromgeohash",
    "st_(add|remove|set)point|geometry|geography|box2d|box3d|json|jsonb|bytea",
    // Measuring and relating:
    "st_(area|length|length2d|perimeter|3dlength|3dperimeter|azimuth|angle|distance|distancesphere|distancespheroid|maxdistance|project)",
    "st_(dwithin|touches|overlaps|crosses|disjoint|equals|orderingequals|relate|relatematch|containsproperly|pointinsidecircle)",
    // Looking at shapes:
    "st_[xyzm]|st_[xyz](min|max)|st_n(points|rings|dims)|st_num(points|geometries|interiorrings?)|st_(start|end)point|st_pointn|st_geometryn",
    "st_(exteriorring|interiorringn|dumprings|geometrytype|dimension|coorddim|points|boundary|summary|memsize|srid)|geometrytype",
    "st_(isempty|isvalid|isvalidreason|isvaliddetail|isclosed|isring|iscollection|ispolygonc?cw|hasarc|isvalidtrajectory)",
    // Writing them:
    "st_(astext|asewkt|asgeojson|asbinary|asewkb|ashexewkb|geohash|box2dfromgeohash|asencodedpolyline)",
    // Changing them:
    "st_(transform|convexhull|simplify|simplifyvw|envelope|orientedenvelope|boundingdiagonal|expand|closestpoint|shortestline|longestline)",
    "st_line(interpolatepoints?|locatepoint|substring|merge|frommultipoint)|st_(snaptogrid|quantizecoordinates|reduceprecision|snap|makevalid)",
    "st_force(2d|3d|collection|polygonc?cw|rhr)|st_(flipcoordinates|reverse|normalize|translate|scale|rotate|affine|chaikinsmoothing)",
    "st_(collectionextract|collectionhomogenize|buildarea|polygonize|curvetoline|delaunaytriangles|shiftlongitude)",
    // Clusters, grids, trajectories, versions:
    "st_(3d)?extent|st_cluster(dbscan|kmeans|intersecting)|st_(square|hexagon)(grid)?",
    "st_(closestpointofapproach|cpawithin|locatealong|locatebetween|locatebetweenelevations|interpolatepoint|filterbym)",
    "postgis_(version|full_version|lib_version|geos_version|proj_version|scripts_installed)|find_srid",
    FRAGILE,
    // TimescaleDB
    "time_bucket(_gapfill|_ng)?|locf|interpolate|first|last|histogram|approximate_row_count|show_chunks",
    "hypertable_((approximate_)?(detailed_)?size|index_size|(compression|columnstore)_stats)|chunk_(compression|columnstore)_stats|chunks_detailed_size",
    // pg_trgm, fuzzystrmatch, unaccent, earthdistance, cube
    "similarity|show_trgm|levenshtein|levenshtein_less_equal|soundex|difference|metaphone|dmetaphone|dmetaphone_alt|unaccent",
    "cube|earth|earth_distance|earth_box|ll_to_earth|latitude|longitude|gc_to_sec|sec_to_gc|geo_distance|cube_(distance|dim|ll_coord|ur_coord)",
    // hstore, ltree, intarray, citext
    "akeys|avals|skeys|svals|each|exist|defined|fetchval|slice|hstore_to_(json|jsonb|array)",
    "nlevel|subpath|subltree|lca|ltree2text|text2ltree|icount|idx|sort_asc|sort_desc|subarray|uniq|citext",
    // uuid-ossp, pgcrypto
    "uuid_generate_v4|uuid_nil|digest|hmac",
]);

/// The `pg_*` functions that may be called: they describe objects, sizes and counters, and do nothing else.
static PG: Pattern = Pattern::whole(&[
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
    r"pg_index(am)?_has_property|pg_index_column_has_property|pg_options_to_table|pg_lsn|pg_mcv_list_items",
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
]);

/// PostgreSQL's own functions that are marked volatile and do nothing but give a value. (`setseed` is undone after the call.)
static VOLATILE: Pattern = Pattern::whole(&[
    "random|random_normal|setseed|gen_random_uuid|uuidv4|uuidv7|clock_timestamp|timeofday|txid_status|current_query",
    "bernoulli|system", // after TABLESAMPLE
]);

/// PostgreSQL's own functions, and words that call one, that it does not mark volatile and that are dangerous all the same.
static DANGEROUS: [Group; 5] = [
    Group {
        does: "runs SQL that it is given as text, or packs whole tables into one value, past every limit",
        names: Pattern::whole(&[
            "(query|table|schema|database|cursor)_to_xml(schema|_and_xmlschema)?|ts_stat|ts_rewrite",
        ]),
    },
    Group {
        does: "hands a text to the input function of any type that it is given by number",
        names: Pattern::whole(&["(record|array|domain|range|multirange)_in"]),
    },
    Group { does: "calls a function that has the name of a type", names: Pattern::whole(&["treat"]) },
    Group {
        does: "works in a library that no time limit and no cancel request can interrupt",
        names: Pattern::whole(&["xpath|xpath_exists|xmlexists|xmltable"]),
    },
    Group { does: "takes a transaction id", names: Pattern::whole(&["txid_current"]) },
];

/// Functions of which one argument must be a plain number, and why.
const PLAIN: &[Plain] = &[
    Plain {
        name: "st_transform",
        argument: 2,
        most: 999_999.0,
        because: "a text in its place could name files on the database server; it must be the number of a coordinate system",
        fragile_only: false,
    },
    Plain {
        name: "st_buffer",
        argument: 2,
        most: 1_000_000.0,
        because: "with this database's GEOS library an extreme or computed radius can bring PostgreSQL down",
        fragile_only: true,
    },
    Plain {
        name: "histogram",
        argument: 4,
        most: 10_000.0,
        because: "making many buckets cannot be interrupted",
        fragile_only: false,
    },
];

/// A function of which one argument must be a number that is written as such.
pub(super) struct Plain {
    pub(super) name: &'static str,
    /// Which one, counted from 1.
    pub(super) argument: usize,
    /// The largest size. The smallest is a thousand millionth, or zero.
    pub(super) most: f64,
    pub(super) because: &'static str,
    /// Only where [`Known::fragile_geos`].
    pub(super) fragile_only: bool,
}

/// Schemas that hold the insides of software: nothing in them is named, be it a relation, a type or a function. So are the
/// schemas that an extension has made for itself, but for [`OPEN_SCHEMAS`].
static INTERNAL_SCHEMAS: Pattern = Pattern::whole(&[r"_timescaledb_\w+|pg_toast"]);
/// Schemas of extensions whose relations are there to be read.
static OPEN_SCHEMAS: Pattern = Pattern::whole(&["timescaledb_(information|experimental)|toolkit_experimental"]);

/// Relations that may not be read although a role may have the right to.
static RELATIONS: [Group; 4] = [
    Group {
        does: "shows what other sessions and jobs are doing",
        names: Pattern::whole(&[
            r"pg_stat_(activity|statements\w*|monitor\w*|kcache\w*|replication|subscription|wal_receiver|ssl|gssapi|progress_\w+)",
            r"timescaledb_information\.(jobs|job_errors|job_history)|timescaledb_experimental\.policies",
            r"pg_qualstats\w*|pg_store_plans\w*|pg_wait_sampling\w*|pg_locks|pg_prepared_(statements|xacts)|pg_cursors",
        ]),
    },
    Group {
        does: "holds passwords or the secrets of connections",
        names: Pattern::whole(&[
            "pg_authid|pg_shadow|pg_user_mappings?|pg_foreign_server|pg_subscription|pg_dist_(authinfo|poolinfo)",
            r"information_schema\._?(pg_)?(foreign_servers|foreign_server_options|user_mappings|user_mapping_options)",
        ]),
    },
    Group {
        does: "shows files, memory or replication of the server",
        names: Pattern::whole(&[
            r"pg_hba_file_rules|pg_ident_file_mappings|pg_file_settings|pg_config|pg_aios|pg_shmem_allocations\w*",
            r"pg_backend_memory_contexts|pg_dsm_registry\w*|pg_replication_slots|pg_replication_origin_status|pg_buffercache\w*",
        ]),
    },
    Group {
        does: "holds values of tables past the grants on them",
        names: Pattern::whole(&[r"pg_largeobject|pg_statistic|pg_statistic_ext_data|pg_toast_\w+"]),
    },
];

/// Said of a function of an extension.
const FOREIGN: &str = "belongs to an extension and is not on the list of its functions that are tried and harmless";
/// Said of a `pg_*` function.
const UNLISTED: &str = "is not on the list of harmless pg_* functions";
/// Said of one of PostgreSQL's own.
const EFFECTS: &str = "may do more than compute a value (PostgreSQL marks it volatile)";

/// How a function is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// `name(…)`.
    Parentheses,
    /// `value.name`, which calls a function of one argument where there is no such column: `(5).pg_sleep`.
    Dot,
}

/// Why the function is refused, if it is. `schema` is the name before the last dot, in a call with parentheses.
pub(super) fn function(known: &Known, schema: Option<&str>, name: &str, notation: Notation) -> Option<&'static str> {
    let here = |of: &str| schema.is_none_or(|schema| schema == of);
    let parentheses = notation == Notation::Parentheses;
    // The functions that the call may mean.
    let mut meant = known.functions(name).iter().filter(|of| here(&of.schema) && (parentheses || of.unary));
    let core = meant.clone().find(|of| !of.foreign);
    let is_pg = name.starts_with("pg_");

    if parentheses
        && here("pg_catalog")
        && let Some(does) = find(&DANGEROUS, name)
    {
        return Some(does);
    }
    if is_pg && (parentheses || core.is_some()) && !PG.surely_matches(name) {
        return Some(UNLISTED);
    }
    match core {
        Some(core) => (core.volatile && !is_pg && !VOLATILE.surely_matches(name)).then_some(EFFECTS),
        None => (meant.next().is_some() && !EXTENSIONS.surely_matches(name)).then_some(FOREIGN),
    }
}

/// Whether the function is one of [`FRAGILE`].
pub(super) fn is_fragile(name: &str) -> bool {
    static NAMES: Pattern = Pattern::whole(&[FRAGILE]);
    name.starts_with("st_") && NAMES.may_match(name)
}

/// The argument of this function that must be a plain number, if one must.
pub(super) fn plain(known: &Known, name: &str) -> Option<&'static Plain> {
    PLAIN.iter().find(|plain| plain.name == name && (!plain.fragile_only || known.fragile_geos().is_some()))
}

/// Whether nothing in this schema may be named.
pub(super) fn is_internal(known: &Known, schema: &str) -> bool {
    INTERNAL_SCHEMAS.may_match(schema) || (known.is_of_an_extension(schema) && !OPEN_SCHEMAS.surely_matches(schema))
}

/// What reading the relation would show, if it is refused. `schema` is the name before the last dot.
pub(super) fn relation(schema: Option<&str>, name: &str) -> Option<&'static str> {
    match schema {
        Some(schema @ ("information_schema" | "timescaledb_information" | "timescaledb_experimental")) => {
            find(&RELATIONS, &format!("{schema}.{name}"))
        }
        // Keeps ordinary names away from the patterns.
        _ if name.starts_with("pg_") => find(&RELATIONS, name),
        _ => None,
    }
}

/// Names with one reason.
struct Group {
    /// Completes the sentence "it is refused because it …".
    does: &'static str,
    names: Pattern,
}

/// What a name does, if one of the groups has it.
fn find(groups: &'static [Group], name: &str) -> Option<&'static str> {
    groups.iter().find(|group| group.names.may_match(name)).map(|group| group.does)
}

#[cfg(test)]
#[path = "../../tests/unit/guard/callable.rs"]
mod tests;
