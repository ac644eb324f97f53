#include "compute/sql/volume_functions.h"

#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "compute/place_text.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

struct Context {
  sqlite3* db;
  DatabaseFile& file;
  MakeClone clone;

  Volume& volume() const { return file.database().volume(); }
};

using Answer = absl::StatusOr<std::variant<std::monostate, int64_t, std::string>>;

std::string TextOf(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text == nullptr ? "" : std::string(text, static_cast<size_t>(sqlite3_value_bytes(value)));
}

absl::StatusOr<backtrack::ForkTarget> PlaceOf(sqlite3_value* value) {
  return PlaceFromText(TextOf(value), absl::ToUnixMicros(absl::Now()));
}

std::string CommitText(const quorum::CommitPoint& commit) {
  const std::string lsn = absl::StrCat("LSN ", commit.lsn.value());
  if (commit.time.value() == 0) return lsn;
  return absl::StrCat(lsn, " (", TimeText(commit.time.value()), ")");
}

absl::Status CheckAlone(const Context& context, const char* function) {
  if (sqlite3_get_autocommit(context.db) != 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(function, "() cannot run inside a transaction block"));
}

Answer Backtrack(const Context& context, int, sqlite3_value** arguments) {
  if (absl::Status alone = CheckAlone(context, "hexad_backtrack"); !alone.ok()) return alone;
  if (context.file.database().read_only()) {
    return absl::FailedPreconditionError(
        "this database is a volume as of the past; connect to the volume itself to take it there");
  }
  const auto place = PlaceOf(arguments[0]);
  if (!place.ok()) return place.status();
  const Lsn before = context.volume().vdl();
  const auto done = context.volume().Backtrack(*place);
  if (!done.ok()) return done.status();
  std::string said = absl::StrCat("now at ", CommitText(done->forked_at));
  if (done->first_left.has_value()) {
    absl::StrAppend(&said, "; return with hexad_backtrack('", before.value(), "')");
  }
  return said;
}

Answer Clone(const Context& context, int count, sqlite3_value** arguments) {
  if (absl::Status alone = CheckAlone(context, "hexad_clone"); !alone.ok()) return alone;
  if (context.clone == nullptr) return absl::UnavailableError("this server makes no clones");
  CloneSpec spec;
  spec.parent = context.volume().Status().name;
  spec.name = TextOf(arguments[0]);
  spec.at_least = context.volume().vdl();
  if (count > 1) {
    const auto place = PlaceOf(arguments[1]);
    if (!place.ok()) return place.status();
    std::visit([&spec](const auto& at) { spec.at = at; }, *place);
  } else if (context.file.database().read_only()) {
    return absl::InvalidArgumentError(
        "this database is a volume as of the past: say where the clone shall begin");
  }
  const auto cloned = context.clone(spec);
  if (!cloned.ok()) return cloned.status();
  return absl::StrCat("database ", spec.name, " is ", spec.parent, " as of ",
                      CommitText(cloned->forked_at));
}

Answer LsnAt(const Context& context, int, sqlite3_value** arguments) {
  const auto place = PlaceOf(arguments[0]);
  if (!place.ok()) return place.status();
  const auto around = context.volume().Locate(*place);
  if (!around.ok()) return around.status();
  if (!around->before.has_value()) return std::monostate();
  return static_cast<int64_t>(around->before->lsn.value());
}

struct Token {
  uint64_t timeline = 0;
  Lsn lsn;
};

std::optional<Token> TokenFrom(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  uint64_t timeline = 0;
  uint64_t lsn = 0;
  const bool whole = parts.size() == 2 && absl::SimpleHexAtoi(parts[0], &timeline) &&
                     absl::SimpleAtoi(parts[1], &lsn) && lsn > 0;
  if (!whole) return std::nullopt;
  return Token{timeline, Lsn(lsn)};
}

// An LSN is issued once in a timeline, by one epoch: so it is in the visible history if and only if
// that commit is. Above the VDL only this writer's own epoch may still decide.
Answer CommitStatus(const Context& context, int, sqlite3_value** arguments) {
  const auto token = TokenFrom(TextOf(arguments[0]));
  if (!token.has_value()) return absl::InvalidArgumentError("this is no token of a commit");
  const VolumeStatus status = context.volume().Status();
  if (token->timeline != status.manifest.timeline.value()) {
    return absl::InvalidArgumentError("this is a token of another volume's commit");
  }
  if (!status.history.has_value()) return absl::UnavailableError("the volume is being opened");
  const TimelineId timeline(token->timeline);
  const Lsn lsn = token->lsn;
  if (status.history->path.Visible(timeline, lsn)) {
    return std::string(lsn <= status.vdl ? "committed" : "unknown");
  }
  for (const quorum::Branch& branch : status.history->branches) {
    if (branch.path.Visible(timeline, lsn) && lsn <= branch.end.at) return std::string("undone");
  }
  return std::string("not committed");
}

void Give(sqlite3_context* call, const Context& context, const Answer& answer) {
  if (!answer.ok()) {
    // SQLite's codes have no room for what it is: LastReport finds it here.
    context.file.set_trouble(answer.status());
    sqlite3_result_error(call, std::string(answer.status().message()).c_str(), -1);
    sqlite3_result_error_code(call, SQLITE_IOERR);
  } else if (const auto* number = std::get_if<int64_t>(&*answer)) {
    sqlite3_result_int64(call, *number);
  } else if (const auto* text = std::get_if<std::string>(&*answer)) {
    sqlite3_result_text64(call, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
}

template <Answer (*function)(const Context&, int, sqlite3_value**)>
void Run(sqlite3_context* call, int count, sqlite3_value** arguments) {
  const auto& context = *static_cast<const Context*>(sqlite3_user_data(call));
  Give(call, context, function(context, count, arguments));
}

struct Function {
  const char* name;
  int arguments;
  void (*run)(sqlite3_context*, int, sqlite3_value**);
};
constexpr std::array kFunctions = {
    Function{"hexad_backtrack", 1, Run<Backtrack>},
    Function{"hexad_clone", 1, Run<Clone>},
    Function{"hexad_clone", 2, Run<Clone>},
    Function{"hexad_lsn_at", 1, Run<LsnAt>},
    Function{"hexad_commit_status", 1, Run<CommitStatus>},
};

void Free(void* context) { delete static_cast<Context*>(context); }

}  // namespace

void AddVolumeFunctions(sqlite3* db, DatabaseFile& file, MakeClone clone) {
  for (const Function& function : kFunctions) {
    const int added = sqlite3_create_function_v2(
        db, function.name, function.arguments, SQLITE_UTF8 | SQLITE_DIRECTONLY,
        new Context{db, file, clone}, function.run, nullptr, nullptr, Free);
    INVARIANT(added == SQLITE_OK);
  }
}

std::string CommitToken(const Volume& volume, Lsn commit) {
  return absl::StrCat(absl::Hex(volume.Status().manifest.timeline.value()), "-", commit.value());
}

}  // namespace hexad::compute::sql
