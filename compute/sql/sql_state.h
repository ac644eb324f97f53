// PostgreSQL's error codes for what SQLite and the volume report (PostgreSQL 15 manual, appendix
// A). Clients decide by these whether to try again.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "compute/sql/wire.h"

namespace hexad::compute::sql {

inline constexpr std::string_view kSuccess = "00000";
inline constexpr std::string_view kConnectionFailure = "08006";
inline constexpr std::string_view kProtocolViolation = "08P01";
inline constexpr std::string_view kResolutionUnknown = "08007";  // COMMIT_UNKNOWN
inline constexpr std::string_view kFeatureNotSupported = "0A000";
inline constexpr std::string_view kWrongPassword = "28P01";
inline constexpr std::string_view kBadBinary = "22P03";
inline constexpr std::string_view kOutOfRange = "22003";
inline constexpr std::string_view kBadValue = "22023";
inline constexpr std::string_view kBadText = "22P02";
inline constexpr std::string_view kReadOnlyTransaction = "25006";
inline constexpr std::string_view kFailedTransaction = "25P02";
inline constexpr std::string_view kNoTransaction = "25P01";
inline constexpr std::string_view kIdleInTransaction = "25P03";
inline constexpr std::string_view kActiveTransaction = "25001";
inline constexpr std::string_view kUnknownStatement = "26000";
inline constexpr std::string_view kUnknownPortal = "34000";
inline constexpr std::string_view kUnknownDatabase = "3D000";
inline constexpr std::string_view kDuplicateDatabase = "42P04";
inline constexpr std::string_view kSerializationFailure = "40001";
inline constexpr std::string_view kSyntaxError = "42601";
inline constexpr std::string_view kTooManyConnections = "53300";
inline constexpr std::string_view kQueryCanceled = "57014";
inline constexpr std::string_view kCannotConnectNow = "57P03";
inline constexpr std::string_view kIoError = "58030";
inline constexpr std::string_view kInternalError = "XX000";

// Of an extended result code, with SQLite's message: "no such table: t" is 42P01. `trouble` is what
// the database file knows of a failed read, lock or commit (DatabaseFile::trouble), OK if nothing.
Report ReportOf(int result, std::string_view message, const absl::Status& trouble);
// Of what the volume says of a commit or of itself: RETRY, READ_ONLY, COMMIT_UNKNOWN, FENCED.
Report ReportOf(const absl::Status& status);

}  // namespace hexad::compute::sql
