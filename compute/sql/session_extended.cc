// The extended protocol: statements are prepared, bound, run and closed by messages of their own.
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compute/sql/session.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {
namespace {

// A client that never closes what it prepares is stopped before it fills the server's memory.
constexpr size_t kMaxPrepared = 10'000;
constexpr size_t kMaxPortals = 1'000;

}  // namespace

Session::Next Session::On(const Parse& parse) {
  const auto refuse = [&](std::string_view sqlstate, std::string message) {
    Fail(sqlstate, std::move(message));
    skips_ = true;
    return Next::kFrame;
  };
  if (!parse.statement.empty() && statements_.contains(parse.statement)) {
    return refuse("42P05", absl::StrCat("prepared statement \"", std::string(parse.statement),
                                        "\" already exists"));
  }
  if (statements_.size() >= kMaxPrepared) {
    return refuse("53000", absl::StrCat(kMaxPrepared, " statements are prepared; close some"));
  }
  std::string_view rest = parse.text;
  auto prepared = PrepareFirst(rest, /*lasting=*/!parse.statement.empty());
  if (prepared == nullptr) {
    skips_ = true;
    return Next::kFrame;
  }
  if (!SkipBlanks(rest).empty()) {
    return refuse(kSyntaxError, "a prepared statement cannot have several commands");
  }
  for (size_t i = 0; i < prepared->types.size() && i < parse.types.size(); ++i) {
    if (parse.types[i] != kUnspecified) prepared->types[i] = parse.types[i];
  }
  statements_[std::string(parse.statement)] = std::move(prepared);
  Answers(out_).ParseComplete();
  return Next::kFrame;
}

// The statement that was prepared is used if no other portal has it.
std::optional<std::unique_ptr<Portal>> Session::MakePortal(
    std::shared_ptr<PreparedStatement> prepared) {
  StatementPtr statement = std::move(prepared->idle);
  if (statement == nullptr && prepared->ForSqlite()) {
    ChooseSnapshot(/*writes=*/false);
    auto again = connection_->Prepare(prepared->sql(), /*lasting=*/true);
    if (again.statement == nullptr) {
      Fail(connection_->LastReport(again.result));
      return std::nullopt;
    }
    statement = std::move(again.statement);
  }
  return std::make_unique<Portal>(std::move(prepared), std::move(statement));
}

Session::Next Session::On(const Bind& bind) {
  const auto found = statements_.find(bind.statement);
  const auto skip = [&] {
    skips_ = true;
    return Next::kFrame;
  };
  if (found == statements_.end()) {
    Fail(kUnknownStatement,
         absl::StrCat("prepared statement \"", std::string(bind.statement), "\" does not exist"));
    return skip();
  }
  if (bind.portal.empty()) portals_.erase("");
  if (portals_.contains(bind.portal) || portals_.size() >= kMaxPortals) {
    Fail("42P03", absl::StrCat("cursor \"", std::string(bind.portal),
                               "\" already exists, or there are too many"));
    return skip();
  }
  auto portal = MakePortal(found->second);
  if (!portal.has_value()) return skip();
  if (const absl::Status bound = (*portal)->BindValues(bind); !bound.ok()) {
    const bool text = absl::StrContains(bound.message(), "invalid input syntax");
    Fail(text ? kBadText : kBadBinary, std::string(bound.message()));
    return skip();
  }
  portals_[std::string(bind.portal)] = *std::move(portal);
  Answers(out_).BindComplete();
  return Next::kFrame;
}

// The types of a read's expressions are those of its first row: it is begun here.
void Session::DescribePortal(Portal& portal) {
  Answers answers(out_);
  if (portal.words().kind == StatementKind::kShow) {
    answers.RowDescription(std::vector<Column>{{"setting", kText, -1, Format::kText}});
    return;
  }
  const bool rows = portal.statement() != nullptr && !portal.copies_out() &&
                    sqlite3_column_count(portal.statement()) > 0;
  if (!rows) {
    answers.NoData();
    return;
  }
  if (!portal.writes() && !portal.begun() && !failed_ && !Step(portal)) {
    skips_ = true;
    return;
  }
  answers.RowDescription(portal.Columns());
}

Session::Next Session::On(const Describe& describe) {
  const std::string name(describe.name);
  if (describe.portal) {
    const auto found = portals_.find(describe.name);
    if (found != portals_.end()) {
      DescribePortal(*found->second);
    } else {
      Fail(kUnknownPortal, absl::StrCat("portal \"", name, "\" does not exist"));
      skips_ = true;
    }
    return Next::kFrame;
  }
  const auto found = statements_.find(describe.name);
  if (found == statements_.end()) {
    Fail(kUnknownStatement, absl::StrCat("prepared statement \"", name, "\" does not exist"));
    skips_ = true;
    return Next::kFrame;
  }
  // What a client was told, its values are.
  std::vector<uint32_t>& types = found->second->types;
  for (uint32_t& type : types) type = type == kUnspecified ? uint32_t{kText} : type;
  Answers(out_).ParameterDescription(types);
  auto portal = MakePortal(found->second);
  if (!portal.has_value()) {
    skips_ = true;
    return Next::kFrame;
  }
  sqlite3_stmt* statement = (*portal)->statement();
  const bool rows =
      statement != nullptr && !(*portal)->copies_out() && sqlite3_column_count(statement) > 0;
  if (rows) {
    Answers(out_).RowDescription(ColumnsOf(statement));
  } else {
    Answers(out_).NoData();
  }
  return Next::kFrame;
}

Session::Next Session::On(const Execute& execute) {
  const auto found = portals_.find(execute.portal);
  if (found == portals_.end()) {
    Fail(kUnknownPortal,
         absl::StrCat("portal \"", std::string(execute.portal), "\" does not exist"));
    skips_ = true;
    return Next::kFrame;
  }
  running_ = found->second.get();
  max_rows_ = execute.max_rows;
  // Alone it needs no transaction around it.
  if (following_ != 'S' && running_->prepared().ForSqlite()) EnterImplicit();
  return GoOnWithPortal();
}

Session::Next Session::GoOnWithPortal() {
  switch (Run(*running_, max_rows_, /*describe=*/false)) {
    case RunEnd::kPlace:
      return Next::kPlace;
    case RunEnd::kFull:
    case RunEnd::kCopyIn:
      return Next::kSend;
    case RunEnd::kFailed:
      skips_ = true;
      break;
    case RunEnd::kDone:
      break;
  }
  running_ = nullptr;
  return Next::kFrame;
}

Session::Next Session::On(const Close& close) {
  if (close.portal) {
    if (const auto found = portals_.find(close.name); found != portals_.end()) {
      portals_.erase(found);
    }
  } else if (const auto found = statements_.find(close.name); found != statements_.end()) {
    statements_.erase(found);
  }
  Answers(out_).CloseComplete();
  return Next::kFrame;
}

Session::Next Session::On(const Sync&) {
  skips_ = false;
  if (transaction_ != Transaction::kExplicit) portals_.clear();
  LeaveImplicit();
  return ReadyForQuery();
}

Session::Next Session::On(const Password&) {
  return End(kProtocolViolation, "a password that nobody asked for");
}

}  // namespace hexad::compute::sql
