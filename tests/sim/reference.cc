#include "tests/sim/reference.h"

#include <algorithm>

namespace hexad::sim {

using Fate = MtrHistory::Fate;

namespace {

// Where in a list by commit LSN what has a higher one begins.
template <class Item>
auto Above(const std::vector<Item>& items, Lsn commit) {
  return std::upper_bound(items.begin(), items.end(), commit,
                          [](Lsn lsn, const Item& item) { return lsn < item.mtr->commit; });
}

}  // namespace

bool Keeps(const quorum::PgPath& start, Lsn lsn) {
  const TimelineId timeline = start.path.timeline();
  if (start.path.Visible(timeline, lsn)) return true;
  return std::any_of(start.branches.begin(), start.branches.end(), [&](const auto& branch) {
    return lsn <= branch.end.at && branch.path.Visible(timeline, lsn);
  });
}

// ---- MTRs ---------------------------------------------------------------------------------------

void MtrHistory::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    Mtr mtr{issued->writer, issued->epoch, issued->first, issued->commit};
    // A zombie: whoever succeeded it has cut this off before it was made.
    if (issued->epoch < newest_) mtr.fate = Fate::kAnnulled;
    mtrs_.emplace(issued->commit, mtr);
  } else if (const auto* acked = std::get_if<MtrAcked>(&event)) {
    const auto mtr = mtrs_.find(acked->commit);
    if (mtr == mtrs_.end()) return;
    mtr->second.acked = true;
    if (mtr->second.fate == Fate::kIssued) mtr->second.fate = Fate::kDurable;
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    Fork(*opened->start);
  }
}

// What the new history holds is durable from now on: its writer may show it to anybody. What it
// does not hold, and was not durable before, never happened.
void MtrHistory::Fork(const quorum::WriterStart& start) {
  for (auto& [commit, mtr] : mtrs_) {
    if (mtr.fate != Fate::kIssued || mtr.epoch >= start.epoch) continue;
    mtr.fate = Keeps(start.pg_paths.front(), commit) ? Fate::kDurable : Fate::kAnnulled;
  }
  newest_ = std::max(newest_, start.epoch);
}

const MtrHistory::Mtr* MtrHistory::Holding(Lsn lsn) const {
  const auto mtr = mtrs_.lower_bound(lsn);
  return mtr == mtrs_.end() || mtr->second.first > lsn ? nullptr : &mtr->second;
}

// ---- pages --------------------------------------------------------------------------------------

void ReferenceVolume::See(const Event& event) {
  history_.See(event);
  if (const auto* issued = std::get_if<MtrIssued>(&event)) Add(*issued);
}

// A zombie's LSNs lie below those of its successor: not always at the end.
void ReferenceVolume::Add(const MtrIssued& issued) {
  const MtrHistory::Mtr* mtr = &history_.mtrs().at(issued.commit);
  for (const PageWrite& write : *issued.writes) {
    if (write.kind == quorum::RecordKind::kTruncate) {
      truncates_.insert(Above(truncates_, issued.commit), {mtr, write.page});
      continue;
    }
    Change change{mtr, {write.offset, write.bytes, false}};
    change.write.whole = write.kind == quorum::RecordKind::kPageImage;
    auto& changes = changes_[write.page];
    changes.insert(Above(changes, issued.commit), std::move(change));
    pages_ = std::max<uint64_t>(pages_, uint64_t{write.page.value()} + 1);
  }
}

const std::string& ReferenceVolume::PageAt(PageNo page, Lsn read_point,
                                           const quorum::Path& history) const {
  auto& images = images_[page];
  auto above = images.upper_bound(read_point);
  while (above != images.begin() && !history.CanForkAt(std::prev(above)->first)) {
    --above;
  }
  const bool first = above == images.begin();
  const Lsn from = first ? Lsn::None() : std::prev(above)->first;
  if (!first && from == read_point) return std::prev(above)->second;
  std::string image = first ? std::string(page_size_, '\0') : std::prev(above)->second;
  Advance(page, {from, read_point, history}, image);
  const std::string& made = images.emplace(read_point, std::move(image)).first->second;
  if (images.size() > kKeptImages) {
    const auto lowest = images.begin();
    images.erase(lowest->first == read_point ? std::next(lowest) : lowest);
  }
  return made;
}

void ReferenceVolume::Advance(PageNo page, const Span& span, std::string& image) const {
  const auto& [from, to, history] = span;
  const auto happened = [&](const MtrHistory::Mtr& mtr) {
    return mtr.commit <= span.to && span.history.CanForkAt(mtr.commit);
  };
  auto cut = Above(truncates_, from);
  const auto truncate_before = [&](Lsn commit) {
    for (; cut != truncates_.end() && cut->mtr->commit <= commit; ++cut) {
      if (cut->from <= page && happened(*cut->mtr)) image.assign(page_size_, '\0');
    }
  };
  if (const auto changes = changes_.find(page); changes != changes_.end()) {
    for (auto change = Above(changes->second, from); change != changes->second.end(); ++change) {
      if (change->mtr->commit > to) break;
      if (!happened(*change->mtr)) continue;
      truncate_before(change->mtr->commit);
      const Write& write = change->write;
      if (write.whole) {
        image = write.bytes;
      } else {
        image.replace(write.offset, write.bytes.size(), write.bytes);
      }
    }
  }
  truncate_before(to);
}

}  // namespace hexad::sim
