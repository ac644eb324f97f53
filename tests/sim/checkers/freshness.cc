#include "tests/sim/checkers/freshness.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace hexad::sim {

void FreshnessChecker::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    mtrs_.emplace(issued->commit, issued->first);
  } else if (const auto* moved = std::get_if<VdlMoved>(&event)) {
    highest_vdl_ = std::max(highest_vdl_, moved->vdl);
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    OnOpened(*opened->start);
  } else if (const auto* persisted = std::get_if<BatchPersisted>(&event)) {
    retained_.See(*persisted);
  } else if (const auto* offered = std::get_if<ReadPointOffered>(&event)) {
    OnOffered(*offered);
  }
}

void FreshnessChecker::OnOpened(const quorum::WriterStart& start) {
  highest_vdl_ = std::max(highest_vdl_, start.vdl);
  if (start.epoch < newest_) return;  // fenced already, and does not know it
  newest_ = start.epoch;
  newest_start_ = start.vdl;
  history_ = start.pg_paths.front();
  // A branch that is over, because it ended below what is retained, is told no more.
  const bool over = highest_shown_ < retained_.from();
  Expect(highest_shown_.IsNone() || over || Keeps(*history_, highest_shown_),
         "a snapshot was shown at ", highest_shown_.value(), ", and the history of epoch ",
         newest_.number, " does not hold it: ", history_->path.Describe());
}

bool FreshnessChecker::EndsAnMtr(Lsn lsn) const { return lsn.IsNone() || mtrs_.contains(lsn); }

void FreshnessChecker::OnOffered(const ReadPointOffered& offered) {
  const auto [at, is_first] = readers_.try_emplace(offered.reader);
  Reader& reader = at->second;
  const Lsn read_point = offered.read_point;
  const auto below = [&](Lsn lsn) {
    return read_point < lsn && offered.history->Visible(offered.history->timeline(), lsn);
  };
  Expect(!below(reader.read_point), "process ", offered.reader, " reads at ", read_point.value(),
         " after ", reader.read_point.value());
  Expect(EndsAnMtr(read_point), "process ", offered.reader, " reads at ", read_point.value(),
         ", which is not the end of an MTR");
  if (offered.snapshot && !read_point.IsNone()) {
    Expect(read_point <= std::max(highest_vdl_, disks_->highest_fork()), "process ", offered.reader,
           " takes a snapshot at ", read_point.value(),
           ", above every VDL: ", highest_vdl_.value());
    Expect(!history_.has_value() || Keeps(*history_, read_point), "process ", offered.reader,
           " takes a snapshot at ", read_point.value(), ", which epoch ", newest_.number,
           " has cut off");
    highest_shown_ = std::max(highest_shown_, read_point);
  }
  if (offered.snapshot && !is_first) {
    // Reads may claim an older epoch, which has the same history up to there.
    Expect(offered.history->epoch() >= reader.newest, "process ", offered.reader,
           " takes a snapshot of epoch ", offered.history->epoch().number,
           ", and asked after epoch ", reader.newest.number, " had opened");
    Expect(!below(reader.opened_by_then), "process ", offered.reader, " takes a snapshot at ",
           read_point.value(), ", and asked after an epoch had opened at ",
           reader.opened_by_then.value());
  }
  reader = Reader{read_point, newest_start_, newest_};
}

}  // namespace hexad::sim
