#include "compute/sql/pg_types.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "compute/sql/types.h"

namespace hexad::compute::sql {
namespace {

constexpr uint32_t kBpchar = 1042;
constexpr int kHeader = 4;  // a modifier counts the length word that varying values have

constexpr std::array kTypes = {
    PgType{"bool", kBool, "boolean", 1, 'B', "pg_bool"},
    PgType{"bytea", kBytea, "bytea", -1, 'U', "pg_bytea"},
    PgType{"char", 18, "\"char\"", 1, 'Z'},
    PgType{"name", 19, "name", 64, 'S'},
    PgType{"int8", kInt8, "bigint", 8, 'N', "pg_int8"},
    PgType{"int2", kInt2, "smallint", 2, 'N', "pg_int2"},
    PgType{"int4", kInt4, "integer", 4, 'N', "pg_int4"},
    PgType{"regproc", 24, "regproc", 4, 'N'},
    PgType{"text", kText, "text", -1, 'S'},
    PgType{"oid", 26, "oid", 4, 'N', "pg_int8"},
    PgType{"xid", 28, "xid", 4, 'U', "pg_int8"},
    PgType{"json", 114, "json"},
    PgType{"xml", 142, "xml"},
    PgType{"float4", kFloat4, "real", 4, 'N', "pg_float8"},
    PgType{"float8", kFloat8, "double precision", 8, 'N', "pg_float8"},
    PgType{"unknown", kUnknown, "unknown", -2, 'X'},
    PgType{"inet", 869, "inet", -1, 'I'},
    PgType{"bpchar", kBpchar, "character", -1, 'S'},
    PgType{"varchar", kVarchar, "character varying", -1, 'S'},
    PgType{"date", 1082, "date", 4, 'D', "pg_date"},
    PgType{"time", 1083, "time without time zone", 8, 'D', "pg_time"},
    PgType{"timestamp", 1114, "timestamp without time zone", 8, 'D', "pg_timestamp"},
    PgType{"timestamptz", 1184, "timestamp with time zone", 8, 'D', "pg_timestamp"},
    PgType{"interval", 1186, "interval", 16, 'T', ""},
    PgType{"timetz", 1266, "time with time zone", 12, 'D', "pg_time"},
    PgType{"numeric", kNumeric, "numeric", -1, 'N', "pg_numeric"},
    PgType{"regclass", 2205, "regclass", 4, 'N', "pg_regclass"},
    PgType{"regtype", 2206, "regtype", 4, 'N', "pg_regtype"},
    PgType{"uuid", 2950, "uuid", 16, 'U'},
    PgType{"jsonb", 3802, "jsonb"},
    PgType{"regnamespace", 4089, "regnamespace", 4, 'N', "pg_regnamespace"},
    PgType{"regrole", 4096, "regrole", 4, 'N'},
};

using Alias = std::pair<std::string_view, std::string_view>;
constexpr std::array kAliases = {
    Alias{"int", "int4"},       Alias{"serial", "int4"},        Alias{"serial4", "int4"},
    Alias{"bigserial", "int8"}, Alias{"serial8", "int8"},       Alias{"smallserial", "int2"},
    Alias{"serial2", "int2"},   Alias{"decimal", "numeric"},    Alias{"dec", "numeric"},
    Alias{"float", "float8"},   Alias{"char", "bpchar"},        Alias{"blob", "bytea"},
    Alias{"clob", "text"},      Alias{"datetime", "timestamp"}, Alias{"timestamp", "timestamp"},
    Alias{"time", "time"},
};

// "  Character   VARYING (20) " is "character varying" and "20".
struct Parts {
  std::string name;
  std::string arguments;
};
Parts PartsOf(std::string_view declared) {
  std::string lower = absl::AsciiStrToLower(std::string(declared));
  Parts parts;
  const size_t open = lower.find('(');
  const size_t close = lower.find(')', open == std::string::npos ? 0 : open);
  if (open != std::string::npos && close != std::string::npos) {
    parts.arguments = lower.substr(open + 1, close - open - 1);
    lower = absl::StrCat(lower.substr(0, open), " ", lower.substr(close + 1));
  }
  for (const auto word : absl::StrSplit(lower, ' ', absl::SkipWhitespace())) {
    if (!parts.name.empty()) parts.name += ' ';
    parts.name += std::string(word);
  }
  return parts;
}

int ModifierOf(uint32_t oid, const std::string& arguments) {
  const std::vector<std::string> texts = absl::StrSplit(arguments, ',');
  int first = 0;
  int second = 0;
  if (!absl::SimpleAtoi(texts[0], &first) || first < 0 || first > 10'000'000) return -1;
  if (oid == kVarchar || oid == kBpchar) return first + kHeader;
  if (oid != kNumeric || first > 1000) return -1;
  if (texts.size() > 1 && (!absl::SimpleAtoi(texts[1], &second) || second < 0 || second > 1000)) {
    return -1;
  }
  return ((first << 16) | second) + kHeader;
}

}  // namespace

std::span<const PgType> PgTypes() { return kTypes; }

const PgType* FindPgType(std::string_view name) {
  std::string wanted = PartsOf(name).name;
  for (const auto& [alias, of] : kAliases) {
    if (wanted == alias) wanted = std::string(of);
  }
  const auto found = std::ranges::find_if(
      kTypes, [&](const PgType& type) { return type.name == wanted || type.shown == wanted; });
  return found == kTypes.end() ? nullptr : &*found;
}

const PgType* FindPgType(uint32_t oid) {
  const auto found = std::ranges::find(kTypes, oid, &PgType::oid);
  return found == kTypes.end() ? nullptr : &*found;
}

DeclaredType PgTypeOfDeclared(std::string_view declared) {
  const PgType* const known = FindPgType(declared);
  const uint32_t oid =
      known != nullptr ? known->oid : TypeOfDeclared(std::string(declared).c_str());
  return {oid, ModifierOf(oid, PartsOf(declared).arguments)};
}

std::string FormatType(uint32_t oid, int modifier) {
  const PgType* const type = FindPgType(oid);
  if (type == nullptr) return oid == 0 ? "-" : "???";
  if (modifier < kHeader) return std::string(type->shown);
  const int value = modifier - kHeader;
  if (oid == kVarchar || oid == kBpchar)
    return absl::StrCat(std::string(type->shown), "(", value, ")");
  if (oid != kNumeric) return std::string(type->shown);
  return absl::StrCat("numeric(", value >> 16, ",", value & 0xffff, ")");
}

}  // namespace hexad::compute::sql
