// The catalogue's queries. Those that SQLite has nothing for are empty: their columns are there.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/sql/catalogue.h"
#include "compute/sql/pg_types.h"

namespace hexad::compute::sql {
namespace {

// SQLite's own tables (sqlite_sequence, sqlite_stat1) are not shown.
#define OWN_NAME "name not like 'sqlite\\_%' escape '\\'"

// Every index, under the name that PostgreSQL gives it. A primary key that is the rowid, or the
// table itself, has no row in sqlite_schema: its OID is its table's, a thousand million further.
#define INDEXES                                                                                  \
  "select coalesce(i.rowid + 16384, s.rowid + 1000016384) as oid, s.rowid + 16384 as relid,"     \
  " s.name as relation, case l.origin when 'pk' then s.name || '_pkey' when 'u' then s.name ||"  \
  " '_' || (select group_concat(k.name, '_') from pragma_index_info(l.name) k) || '_key'"        \
  " else l.name end as name, l.\"unique\" as uniq, l.origin as origin,"                          \
  " (select group_concat(coalesce(k.name, '(expression)'), ', ') from pragma_index_info(l.name)" \
  " k) as keys, (select group_concat(k.cid + 1, ' ') from pragma_index_info(l.name) k) as"       \
  " numbers, (select count(*) from pragma_index_info(l.name)) as count, i.sql as sql,"           \
  " l.name as own"                                                                               \
  " from sqlite_schema s, pragma_index_list(s.name) l"                                           \
  " left join sqlite_schema i on i.type = 'index' and i.name = l.name"                           \
  " where s.type = 'table' and s." OWN_NAME                                                      \
  " union all "                                                                                  \
  "select s.rowid + 1000016384, s.rowid + 16384, s.name, s.name || '_pkey', 1, 'pk', k.name,"    \
  " k.cid + 1, 1, null, null"                                                                    \
  " from sqlite_schema s, pragma_table_info(s.name) k where s.type = 'table' and k.pk = 1"       \
  " and s." OWN_NAME                                                                             \
  " and not exists (select 1 from pragma_index_list(s.name) o where o.origin = 'pk')"

// A rowid that is a column counts by itself.
#define COUNTS                                                                 \
  "(a.pk = 1 and lower(a.type) = 'integer'"                                    \
  " and (select count(*) from pragma_table_info(s.name) o where o.pk > 0) = 1" \
  " and not exists (select 1 from pragma_index_list(s.name) o where o.origin = 'pk'))"

constexpr char kClassColumns[] =
    "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid,"
    " relfilenode oid, reltablespace oid, relpages int4, reltuples float4, reltoastrelid oid,"
    " relhasindex bool, relisshared bool, relpersistence text, relkind text, relnatts int2,"
    " relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool,"
    " relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident text,"
    " relispartition bool, relacl text, reloptions text, relpartbound text";
constexpr char kClass[] =
    "select s.rowid + 16384, s.name, 2200, 0, 0, 10, iif(s.type = 'table', 2, 0), s.rootpage, 0, 0,"
    " -1, 0, s.type = 'table' and (exists (select 1 from pragma_index_list(s.name)) or"
    " exists (select 1 from pragma_table_info(s.name) k where k.pk > 0)), 0, 'p',"
    " iif(s.type = 'table', 'r', 'v'), (select count(*) from pragma_table_info(s.name)),"
    " pg_count_checks(s.sql), s.type = 'view',"
    // Whoever asks for foreign keys looks here first: PostgreSQL's are triggers.
    " exists (select 1 from sqlite_schema t where t.type = 'trigger' and t.tbl_name = s.name)"
    " or exists (select 1 from pragma_foreign_key_list(s.name)) or exists (select 1 from"
    " sqlite_schema r, pragma_foreign_key_list(r.name) f where r.type = 'table' and"
    " lower(f.\"table\") = lower(s.name)),"
    " 0, 0, 0, 1, 'd', 0, null, null, null"
    " from sqlite_schema s where s.type in ('table', 'view') and s." OWN_NAME
    " union all "
    "select x.oid, x.name, 2200, 0, 0, 10, 403, 0, 0, 0, -1, 0, 0, 0, 'p', 'i', x.count, 0, 0, 0,"
    " 0, 0, 0, 1, 'n', 0, null, null, null from (" INDEXES ") x";

constexpr char kAttributeColumns[] =
    "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2,"
    " attndims int4, atttypmod int4, attstorage text, attcompression text, attnotnull bool,"
    " atthasdef bool, attidentity text, attgenerated text, attisdropped bool, attislocal bool,"
    " attinhcount int4, attcollation oid, attacl text, attoptions text, attdefault text hidden";
constexpr char kAttribute[] =
    "select s.rowid + 16384, a.name, pg_declared_type(a.type), -1, -1, a.cid + 1, 0,"
    " pg_declared_modifier(a.type), 'p', '', a.\"notnull\" or a.pk > 0, a.dflt_value is not null,"
    " iif(" COUNTS
    ", 'd', ''), iif(a.hidden in (2, 3), 's', ''), 0, 1, 0, 0, null, null,"
    " a.dflt_value from sqlite_schema s, pragma_table_xinfo(s.name) a"
    " where s.type in ('table', 'view') and a.hidden <> 1 and s." OWN_NAME
    " union all "
    "select x.oid, coalesce(k.name, 'expr'), pg_declared_type(coalesce(a.type, 'text')), -1, -1,"
    " k.seqno + 1, 0, pg_declared_modifier(coalesce(a.type, 'text')), 'p', '', 0, 0, '', '', 0, 1,"
    " 0, 0, null, null, null from (" INDEXES
    ") x, pragma_index_info(x.own) k"
    " left join pragma_table_info(x.relation) a on a.cid = k.cid"
    " union all "
    "select s.rowid + 1000016384, a.name, pg_declared_type(a.type), -1, -1, 1, 0, -1, 'p', '', 1,"
    " 0, '', '', 0, 1, 0, 0, null, null, null from sqlite_schema s, pragma_table_info(s.name) a"
    " where s.type = 'table' and " COUNTS " and s." OWN_NAME;

constexpr char kIndexColumns[] =
    "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool,"
    " indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool,"
    " indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool,"
    " indisreplident bool, indkey text, indcollation text, indclass text, indoption text,"
    " indexprs text, indpred text, inddefinition text hidden, indcolumns text hidden";
constexpr char kIndex[] =
    "select x.oid, x.relid, x.count, x.count, x.uniq, 0, x.origin = 'pk', 0, 1, 0, 1, 0, 1, 1, 0,"
    " x.numbers, '', '', '', null, null,"
    " 'CREATE ' || iif(x.uniq, 'UNIQUE ', '') || 'INDEX ' || x.name || ' ON public.' || x.relation"
    " || ' USING btree ' || coalesce(pg_index_body(x.sql), '(' || x.keys || ')'), x.keys"
    " from (" INDEXES ") x";

constexpr char kConstraintColumns[] =
    "oid oid, conname name, connamespace oid, contype text, condeferrable bool, condeferred bool,"
    " convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid,"
    " confupdtype text, confdeltype text, confmatchtype text, conislocal bool, coninhcount int4,"
    " connoinherit bool, conkey text, confkey text, conbin text, condefinition text hidden";
constexpr char kConstraint[] =
    "select x.oid + 1000000000, x.name, 2200, iif(x.origin = 'pk', 'p', 'u'), 0, 0, 1, x.relid, 0,"
    " x.oid, 0, 0, ' ', ' ', ' ', 1, 0, 1, '{' || replace(x.numbers, ' ', ',') || '}', null, null,"
    " iif(x.origin = 'pk', 'PRIMARY KEY (', 'UNIQUE (') || x.keys || ')'"
    " from (" INDEXES
    ") x where x.origin in ('pk', 'u')"
    " union all "
    "select 3000000000 + s.rowid * 1000 + f.id,"
    " s.name || '_' || group_concat(f.\"from\", '_') || '_fkey', 2200, 'f', 0, 0, 1,"
    " s.rowid + 16384, 0, 0, 0,"
    " (select t.rowid + 16384 from sqlite_schema t where t.type = 'table' and"
    " lower(t.name) = lower(f.\"table\")),"
    " pg_action_letter(f.on_update), pg_action_letter(f.on_delete), 's', 1, 0, 1,"
    " '{' || group_concat((select c.cid + 1 from pragma_table_info(s.name) c where"
    " c.name = f.\"from\")) || '}', '{' || group_concat((select c.cid + 1 from"
    " pragma_table_info(f.\"table\") c where c.name = f.\"to\" or (f.\"to\" is null and"
    " c.pk = f.seq + 1))) || '}', null,"
    " 'FOREIGN KEY (' || group_concat(f.\"from\", ', ') || ') REFERENCES ' || f.\"table\" ||"
    " '(' || group_concat(coalesce(f.\"to\", (select c.name from pragma_table_info(f.\"table\") c"
    " where c.pk = f.seq + 1)), ', ') || ')' || iif(f.on_update = 'NO ACTION', '', ' ON UPDATE ' ||"
    " f.on_update) || iif(f.on_delete = 'NO ACTION', '', ' ON DELETE ' || f.on_delete)"
    " from sqlite_schema s, pragma_foreign_key_list(s.name) f where s.type = 'table' and "
    "s." OWN_NAME
    " group by s.rowid, f.id"
    " union all "
    "select 4000000000 + s.rowid * 1000 + k.ordinality,"
    " s.name || '_check' || iif(k.ordinality > 1, k.ordinality - 1, ''), 2200, 'c', 0, 0, 1,"
    " s.rowid + 16384, 0, 0, 0, 0, ' ', ' ', ' ', 1, 0, 0, null, null, null, 'CHECK ' || k.value"
    " from sqlite_schema s, pg_checks(s.sql) k where s.type = 'table' and s." OWN_NAME;

constexpr char kTrigger[] =
    "select t.rowid + 16384, (select s.rowid + 16384 from sqlite_schema s where"
    " s.type in ('table', 'view') and s.name = t.tbl_name), 0, t.name, 0, 0, 'O', 0, t.sql"
    " from sqlite_schema t where t.type = 'trigger'";

// Rows that there never are.
constexpr char kNothing[] = "";

std::string TypeRows() {
  std::string rows;
  for (const PgType& type : PgTypes()) {
    const uint32_t collation = type.category == 'S' ? 100 : 0;
    absl::StrAppend(&rows, rows.empty() ? "values (" : ", (", type.oid, ", '",
                    std::string(type.name), "', 11, 10, ", type.bytes, ", ",
                    type.bytes > 0 && type.bytes <= 8 ? 1 : 0, ", 'b', '");
    absl::StrAppend(&rows, std::string(1, type.category), "', 0, 1, ',', 0, 0, 0, '",
                    std::string(type.name), "in', '", std::string(type.name), "out', 0, 0, -1, 0, ",
                    collation, ", null)");
  }
  return rows;
}

constexpr char kInformationColumns[] =
    "select current_database(), 'public', c.relname, a.attname, a.attnum, a.attdefault,"
    " iif(a.attnotnull, 'NO', 'YES'), format_type(a.atttypid, null),"
    " iif(a.atttypid in (1042, 1043) and a.atttypmod > 0, a.atttypmod - 4, null),"
    " iif(a.atttypid = 1700 and a.atttypmod > 0, (a.atttypmod - 4) >> 16, null),"
    " iif(a.atttypid = 1700 and a.atttypmod > 0, (a.atttypmod - 4) & 65535, null), t.typname,"
    " iif(a.attidentity = '', 'NO', 'YES'), iif(a.attidentity = '', null, 'BY DEFAULT'),"
    " iif(a.attgenerated = '', 'NEVER', 'ALWAYS'), iif(c.relkind = 'r', 'YES', 'NO')"
    " from pg_class c, pg_attribute a, pg_type t"
    " where c.relkind in ('r', 'v') and a.attrelid = c.oid and t.oid = a.atttypid";

std::vector<CatalogueTable> MakeTables() {
  static const std::string kTypes = TypeRows();
  static const std::string kRole =
      "select 10, 'hexad', 1, 1, 1, 1, 1, 1, -1, '********', null, 1, null";
  return {
      {"pg_class", kClassColumns, kClass},
      {"pg_attribute", kAttributeColumns, kAttribute},
      {"pg_index", kIndexColumns, kIndex},
      {"pg_constraint", kConstraintColumns, kConstraint},
      {"pg_attrdef", "oid oid, adrelid oid, adnum int2, adbin text",
       "select attrelid * 1000 + attnum, attrelid, attnum, attdefault from pg_attribute"
       " where attdefault is not null"},
      {"pg_trigger",
       "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled text,"
       " tgisinternal bool, tgdefinition text hidden",
       kTrigger},
      {"pg_namespace", "oid oid, nspname name, nspowner oid, nspacl text",
       "values (11, 'pg_catalog', 10, null), (2200, 'public', 10, null),"
       " (13000, 'information_schema', 10, null)"},
      {"pg_database",
       "oid oid, datname name, datdba oid, encoding int4, datlocprovider text, datistemplate bool,"
       " datallowconn bool, datconnlimit int4, dattablespace oid, datcollate text, datctype text,"
       " daticulocale text, datcollversion text, datacl text",
       "select 16383, current_database(), 10, 6, 'c', 0, 1, -1, 1663, 'C', 'C', null, null, null"},
      {"pg_roles",
       "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool,"
       " rolcreatedb bool, rolcanlogin bool, rolreplication bool, rolconnlimit int4,"
       " rolpassword text, rolvaliduntil text, rolbypassrls bool, rolconfig text",
       kRole},
      {"pg_user", "usename name, usesysid oid, usecreatedb bool, usesuper bool",
       "select 'hexad', 10, 1, 1"},
      {"pg_auth_members", "roleid oid, member oid, grantor oid, admin_option bool", kNothing},
      {"pg_am", "oid oid, amname name, amhandler oid, amtype text",
       "values (2, 'heap', 0, 't'), (403, 'btree', 0, 'i')"},
      {"pg_collation", "oid oid, collname name, collnamespace oid",
       "values (100, 'default', 11), (950, 'C', 11)"},
      {"pg_tablespace", "oid oid, spcname name, spcowner oid, spcacl text, spcoptions text",
       "select 1663, 'pg_default', 10, null, null"},
      {"pg_type",
       "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool,"
       " typtype text, typcategory text, typispreferred bool, typisdefined bool, typdelim text,"
       " typrelid oid, typelem oid, typarray oid, typinput text, typoutput text, typnotnull bool,"
       " typbasetype oid, typtypmod int4, typndims int4, typcollation oid, typdefault text",
       kTypes},
      {"pg_inherits", "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool",
       kNothing},
      {"pg_policy",
       "oid oid, polname name, polrelid oid, polcmd text, polpermissive bool, polroles text,"
       " polqual text, polwithcheck text",
       kNothing},
      {"pg_statistic_ext",
       "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4,"
       " stxkeys text, stxkind text, stxexprs text",
       kNothing},
      {"pg_publication", "oid oid, pubname name, pubowner oid, puballtables bool", kNothing},
      {"pg_publication_rel", "oid oid, prpubid oid, prrelid oid, prqual text, prattrs text",
       kNothing},
      {"pg_publication_namespace", "oid oid, pnpubid oid, pnnspid oid", kNothing},
      {"pg_description", "objoid oid, classoid oid, objsubid int4, description text", kNothing},
      {"pg_shdescription", "objoid oid, classoid oid, description text", kNothing},
      {"pg_extension", "oid oid, extname name, extowner oid, extnamespace oid, extversion text",
       kNothing},
      {"pg_proc",
       "oid oid, proname name, pronamespace oid, proowner oid, prokind text, prorettype oid,"
       " proargtypes text, prosrc text",
       kNothing},
      {"pg_enum", "oid oid, enumtypid oid, enumsortorder float4, enumlabel name", kNothing},
      {"pg_range", "rngtypid oid, rngsubtype oid, rngmultitypid oid", kNothing},
      {"pg_sequence", "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8", kNothing},
      {"pg_depend",
       "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4,"
       " deptype text",
       kNothing},
      {"pg_partitioned_table", "partrelid oid, partstrat text, partnatts int2", kNothing},
      {"pg_foreign_table", "ftrelid oid, ftserver oid, ftoptions text", kNothing},
      {"pg_foreign_server", "oid oid, srvname name, srvowner oid", kNothing},
      {"pg_tables",
       "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool,"
       " hasrules bool, hastriggers bool, rowsecurity bool",
       "select 'public', relname, 'hexad', null, relhasindex, 0, relhastriggers, 0 from pg_class"
       " where relkind = 'r'"},
      {"pg_views", "schemaname name, viewname name, viewowner name, definition text",
       "select 'public', name, 'hexad', sql from sqlite_schema where type = 'view'"},
      {"pg_indexes",
       "schemaname name, tablename name, indexname name, tablespace name, indexdef text",
       "select 'public', t.relname, c.relname, null, i.inddefinition from pg_index i, pg_class c,"
       " pg_class t where c.oid = i.indexrelid and t.oid = i.indrelid"},
      {"information_schema_schemata", "catalog_name name, schema_name name, schema_owner name",
       "select current_database(), nspname, 'hexad' from pg_namespace"},
      {"information_schema_tables",
       "table_catalog name, table_schema name, table_name name, table_type text,"
       " is_insertable_into text",
       "select current_database(), 'public', relname, iif(relkind = 'r', 'BASE TABLE', 'VIEW'),"
       " iif(relkind = 'r', 'YES', 'NO') from pg_class where relkind in ('r', 'v')"},
      {"information_schema_columns",
       "table_catalog name, table_schema name, table_name name, column_name name,"
       " ordinal_position int4, column_default text, is_nullable text, data_type text,"
       " character_maximum_length int4, numeric_precision int4, numeric_scale int4, udt_name name,"
       " is_identity text, identity_generation text, is_generated text, is_updatable text",
       kInformationColumns},
      {"information_schema_table_constraints",
       "constraint_catalog name, constraint_schema name, constraint_name name,"
       " table_catalog name, table_schema name, table_name name, constraint_type text",
       "select current_database(), 'public', k.conname, current_database(), 'public', c.relname,"
       " case k.contype when 'p' then 'PRIMARY KEY' when 'u' then 'UNIQUE' when 'f' then"
       " 'FOREIGN KEY' else 'CHECK' end from pg_constraint k, pg_class c where c.oid = k.conrelid"},
      {"information_schema_key_column_usage",
       "constraint_catalog name, constraint_schema name, constraint_name name,"
       " table_catalog name, table_schema name, table_name name, column_name name,"
       " ordinal_position int4",
       "select current_database(), 'public', k.conname, current_database(), 'public', c.relname,"
       " a.attname, n.ordinality from pg_constraint k, pg_class c, unnest(k.conkey) n,"
       " pg_attribute a where c.oid = k.conrelid and a.attrelid = k.conrelid"
       " and a.attnum = cast(n.value as integer) and k.contype in ('p', 'u', 'f')"},
  };
}

}  // namespace

std::span<const CatalogueTable> CatalogueTables() {
  static const std::vector<CatalogueTable> kTables = MakeTables();
  return kTables;
}

}  // namespace hexad::compute::sql
