#include "compute/sql/types.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/function_values.h"

namespace hexad::compute::sql {
namespace {

bool Has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

template <class Integer>
std::string BigEndian(Integer value) {
  std::string bytes;
  for (int shift = static_cast<int>(sizeof(value)) * 8 - 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<uint64_t>(value) >> shift));
  }
  return bytes;
}

int64_t FromBigEndian(std::string_view bytes) {
  // The sign is the first byte's.
  int64_t value = static_cast<int8_t>(bytes[0]);
  for (const char byte : bytes.substr(1)) value = value * 256 + static_cast<uint8_t>(byte);
  return value;
}

std::string_view BytesOfValue(sqlite3_value* value) {
  const void* bytes = sqlite3_value_blob(value);
  const auto size = static_cast<size_t>(sqlite3_value_bytes(value));
  return {static_cast<const char*>(bytes), bytes == nullptr ? 0 : size};
}

std::string_view TextOfValue(sqlite3_value* value) {
  const unsigned char* text = sqlite3_value_text(value);
  const auto size = static_cast<size_t>(sqlite3_value_bytes(value));
  return {reinterpret_cast<const char*>(text), text == nullptr ? 0 : size};
}

absl::Status NoBinary(const Column& column) {
  return absl::InvalidArgumentError(
      absl::StrCat("column ", column.name, " has a value that is not of its declared type"));
}

absl::Status AppendInteger(sqlite3_value* value, const Column& column, Answers& answers) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) return NoBinary(column);
  const int64_t number = sqlite3_value_int64(value);
  if (column.type == kInt8) {
    answers.Value(BigEndian(number));
    return absl::OkStatus();
  }
  if (column.type == kBool) {
    answers.Value(std::string(1, number != 0 ? '\1' : '\0'));
    return absl::OkStatus();
  }
  const bool is_short = column.type == kInt2;
  const int64_t limit =
      is_short ? std::numeric_limits<int16_t>::max() : int64_t{std::numeric_limits<int32_t>::max()};
  if (number > limit || number < -limit - 1) return NoBinary(column);
  answers.Value(is_short ? BigEndian(static_cast<int16_t>(number))
                         : BigEndian(static_cast<int32_t>(number)));
  return absl::OkStatus();
}

absl::Status AppendBinary(sqlite3_value* value, const Column& column, Answers& answers) {
  switch (column.type) {
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8:
      return AppendInteger(value, column, answers);
    case kFloat8: {
      const int type = sqlite3_value_type(value);
      if (type != SQLITE_FLOAT && type != SQLITE_INTEGER) return NoBinary(column);
      answers.Value(BigEndian(std::bit_cast<int64_t>(sqlite3_value_double(value))));
      return absl::OkStatus();
    }
    case kNumeric:
      return NoBinary(column);
    case kBytea:
      answers.Value(BytesOfValue(value));
      return absl::OkStatus();
    default:
      answers.Value(TextOfValue(value));
      return absl::OkStatus();
  }
}

// PostgreSQL prints the shortest text that reads back as the same number.
std::string TextOfDouble(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number);
  return std::string(text, end.ptr);
}

absl::Status NotA(const char* type, std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("invalid input syntax for type ", type, ": \"", std::string(text), "\""));
}

absl::Status WrongSize(size_t bytes) {
  return absl::InvalidArgumentError(
      absl::StrCat("a binary parameter of ", bytes, " bytes does not fit its type"));
}

absl::Status BindText(sqlite3_stmt* statement, int index, std::string_view text) {
  sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return absl::OkStatus();
}

absl::Status BindBlob(sqlite3_stmt* statement, int index, std::string_view bytes) {
  sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return absl::OkStatus();
}

absl::Status BindBinary(sqlite3_stmt* statement, int index, Oid type, std::string_view bytes) {
  const int16_t expected = BytesOf(type);
  if (expected >= 0 && bytes.size() != static_cast<size_t>(expected)) {
    return WrongSize(bytes.size());
  }
  switch (type) {
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8:
      sqlite3_bind_int64(statement, index, FromBigEndian(bytes));
      return absl::OkStatus();
    case kFloat4: {
      const auto bits = static_cast<uint32_t>(FromBigEndian(bytes));
      sqlite3_bind_double(statement, index, double{std::bit_cast<float>(bits)});
      return absl::OkStatus();
    }
    case kFloat8:
      sqlite3_bind_double(statement, index, std::bit_cast<double>(FromBigEndian(bytes)));
      return absl::OkStatus();
    case kBytea:
    case kUnspecified:  // only a client with bytes sends them so, without asking what they are
      return BindBlob(statement, index, bytes);
    case kNumeric:
      return absl::InvalidArgumentError("numeric parameters are taken in text only");
    default:
      return BindText(statement, index, bytes);
  }
}

absl::Status BindBool(sqlite3_stmt* statement, int index, std::string_view text) {
  const std::string word = absl::AsciiStrToLower(std::string(text));
  const bool yes = word == "t" || word == "true" || word == "1" || word == "on" || word == "yes";
  const bool no = word == "f" || word == "false" || word == "0" || word == "off" || word == "no";
  if (!yes && !no) return NotA("boolean", text);
  sqlite3_bind_int64(statement, index, yes ? 1 : 0);
  return absl::OkStatus();
}

absl::Status BindBytea(sqlite3_stmt* statement, int index, std::string_view text) {
  if (!text.starts_with("\\x")) return BindBlob(statement, index, text);
  const std::string hex(text.substr(2));
  const bool whole = hex.size() % 2 == 0 && std::ranges::all_of(hex, [](char digit) {
                       return std::isxdigit(static_cast<unsigned char>(digit)) != 0;
                     });
  if (!whole) return NotA("bytea", text);
  return BindBlob(statement, index, absl::HexStringToBytes(hex));
}

}  // namespace

Oid TypeOfDeclared(const char* declared) {
  if (declared == nullptr) return kText;
  const std::string name = absl::AsciiStrToUpper(declared);
  if (Has(name, "BOOL")) return kBool;
  if (Has(name, "INTERVAL")) return kText;  // no INT
  if (Has(name, "BIGINT") || Has(name, "INT8") || Has(name, "BIGSERIAL")) return kInt8;
  if (Has(name, "SMALLINT") || Has(name, "INT2")) return kInt2;
  if (Has(name, "INT") || Has(name, "SERIAL")) return kInt4;
  if (Has(name, "VARCHAR")) return kVarchar;
  if (Has(name, "CHAR") || Has(name, "CLOB") || Has(name, "TEXT")) return kText;
  if (Has(name, "BLOB") || Has(name, "BYTEA")) return kBytea;
  if (Has(name, "REAL") || Has(name, "FLOA") || Has(name, "DOUB")) return kFloat8;
  if (Has(name, "NUMERIC") || Has(name, "DECIMAL")) return kNumeric;
  return kText;
}

Oid TypeOfValue(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      switch (sqlite3_value_subtype(value)) {
        case kIsBool:
          return kBool;
        case kIsInt2:
          return kInt2;
        case kIsInt4:
          return kInt4;
        default:
          return kInt8;
      }
    case SQLITE_FLOAT:
      return kFloat8;
    case SQLITE_BLOB:
      return kBytea;
    default:
      return kText;
  }
}

int16_t BytesOf(Oid type) {
  switch (type) {
    case kBool:
      return 1;
    case kInt2:
      return 2;
    case kInt4:
    case kFloat4:
      return 4;
    case kInt8:
    case kFloat8:
      return 8;
    default:
      return -1;
  }
}

std::string_view TextForm(sqlite3_value* value, uint32_t type, std::string& scratch) {
  const int held = sqlite3_value_type(value);
  if (type == kBool && held == SQLITE_INTEGER) {
    return sqlite3_value_int64(value) != 0 ? "t" : "f";
  }
  if (held == SQLITE_FLOAT) return scratch = TextOfDouble(sqlite3_value_double(value));
  if (held != SQLITE_BLOB) return TextOfValue(value);
  return scratch = absl::StrCat("\\x", absl::BytesToHexString(std::string(BytesOfValue(value))));
}

absl::Status AppendValue(sqlite3_value* value, const Column& column, Answers& answers) {
  if (sqlite3_value_type(value) == SQLITE_NULL) {
    answers.Null();
    return absl::OkStatus();
  }
  if (column.format == Format::kBinary) return AppendBinary(value, column, answers);
  std::string scratch;
  answers.Value(TextForm(value, column.type, scratch));
  return absl::OkStatus();
}

absl::Status BindValue(sqlite3_stmt* statement, int index, Oid type, Format format,
                       std::optional<std::string_view> bytes) {
  if (!bytes.has_value()) {
    sqlite3_bind_null(statement, index);
    return absl::OkStatus();
  }
  if (format == Format::kBinary) return BindBinary(statement, index, type, *bytes);
  switch (type) {
    case kBool:
      return BindBool(statement, index, *bytes);
    case kInt2:
    case kInt4:
    case kInt8: {
      int64_t number = 0;
      if (!absl::SimpleAtoi(std::string(*bytes), &number)) return NotA("integer", *bytes);
      sqlite3_bind_int64(statement, index, number);
      return absl::OkStatus();
    }
    case kFloat4:
    case kFloat8: {
      double number = 0;
      if (!absl::SimpleAtod(std::string(*bytes), &number)) return NotA("double precision", *bytes);
      sqlite3_bind_double(statement, index, number);
      return absl::OkStatus();
    }
    case kBytea:
      return BindBytea(statement, index, *bytes);
    default:
      return BindText(statement, index, *bytes);
  }
}

}  // namespace hexad::compute::sql
