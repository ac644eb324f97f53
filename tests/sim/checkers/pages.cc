#include "tests/sim/checkers/pages.h"

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void PageChecker::See(const Event& event) {
  reference_.See(event);
  const auto* read = std::get_if<PageAnswered>(&event);
  if (read == nullptr) return;
  const std::string& want = reference_.PageAt(read->page, read->read_point, *read->history);
  if (read->bytes == want) return;
  size_t at = 0;
  while (at < want.size() && at < read->bytes.size() && want[at] == read->bytes[at]) ++at;
  Fail(absl::StrCat("n", read->node + 1, " gave process ", read->reader, " page ",
                    read->page.value(), " at ", read->read_point.value(), " with LSN ",
                    read->page_lsn.value(), "; it differs from byte ", at, " on"));
}

}  // namespace hexad::sim
