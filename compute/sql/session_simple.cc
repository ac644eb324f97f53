// The simple protocol: one Query, its statements one after the other.
#include <utility>

#include "compute/sql/session.h"
#include "compute/sql/sql_state.h"

namespace hexad::compute::sql {

Session::Next Session::On(const Query& query) {
  portals_.erase("");
  query_.emplace();
  query_->text = std::string(query.text);
  query_->rest = query_->text;
  if (SkipBlanks(query_->rest).empty()) Answers(out_).EmptyQueryResponse();
  return GoOnWithQuery();
}

// The next statement becomes the query's portal. False: there is none, or it cannot be.
bool Session::NextStatement() {
  const bool first = query_->rest.data() == query_->text.data();
  auto prepared = PrepareFirst(query_->rest, /*lasting=*/false);
  if (prepared == nullptr) return false;
  query_->one_of_many = !first || !SkipBlanks(query_->rest).empty();
  StatementPtr statement = std::move(prepared->idle);
  if (!prepared->types.empty()) {
    Fail("42P02", "there is no parameter $1: a simple query has none");
    return false;
  }
  query_->portal = std::make_unique<Portal>(std::move(prepared), std::move(statement));
  if (query_->one_of_many && query_->portal->prepared().ForSqlite()) EnterImplicit();
  return true;
}

Session::Next Session::GoOnWithQuery() {
  for (;;) {
    if (query_->portal == nullptr) {
      if (SkipBlanks(query_->rest).empty()) LeaveImplicit();
      if (SkipBlanks(query_->rest).empty() || !NextStatement()) break;
    }
    const RunEnd end = Run(*query_->portal, 0, /*describe=*/true);
    if (end == RunEnd::kPlace) return Next::kPlace;
    if (end == RunEnd::kFull || end == RunEnd::kCopyIn) return Next::kSend;
    query_->portal.reset();
    if (end == RunEnd::kFailed) break;
  }
  query_.reset();
  return ReadyForQuery();
}

}  // namespace hexad::compute::sql
