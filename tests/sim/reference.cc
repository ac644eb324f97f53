#include "tests/sim/reference.h"

#include <algorithm>

namespace hexad::sim {

void ReferenceVolume::See(const Event& event) {
  if (const auto* issued = std::get_if<MtrIssued>(&event)) {
    Add(*issued);
  } else if (const auto* acked = std::get_if<MtrAcked>(&event)) {
    const auto mtr = mtrs_.find(acked->commit);
    if (mtr == mtrs_.end()) return;
    mtr->second.acked = true;
    if (mtr->second.fate == Fate::kIssued) mtr->second.fate = Fate::kDurable;
  } else if (const auto* opened = std::get_if<EpochOpened>(&event)) {
    Fork(*opened->start);
  }
}

void ReferenceVolume::Add(const MtrIssued& issued) {
  Mtr mtr;
  mtr.writer = issued.writer;
  mtr.epoch = issued.epoch;
  mtr.first = issued.first;
  mtr.commit = issued.commit;
  // A zombie: whoever succeeded it has cut this off before it was made.
  if (issued.epoch < newest_) mtr.fate = Fate::kAnnulled;
  mtrs_.emplace(issued.commit, mtr);
  for (const PageWrite& write : *issued.writes) {
    if (write.kind == quorum::RecordKind::kTruncate) {
      const auto place =
          std::upper_bound(truncates_.begin(), truncates_.end(), issued.commit,
                           [](Lsn lsn, const Cut& other) { return lsn < other.commit; });
      truncates_.insert(place, {issued.commit, write.page});
      continue;
    }
    Change change{issued.commit, {write.offset, write.bytes, false}};
    change.write.whole = write.kind == quorum::RecordKind::kPageImage;
    auto& changes = changes_[write.page];
    // A zombie's LSNs lie below those of its successor.
    const auto place =
        std::upper_bound(changes.begin(), changes.end(), issued.commit,
                         [](Lsn lsn, const Change& other) { return lsn < other.commit; });
    changes.insert(place, std::move(change));
    pages_ = std::max<uint64_t>(pages_, uint64_t{write.page.value()} + 1);
  }
}

// What the new history holds is durable from now on: its writer may show it to anybody. What it
// does not hold, and was not durable before, never happened.
void ReferenceVolume::Fork(const quorum::WriterStart& start) {
  const quorum::Path& path = start.pg_paths.front().path;
  for (auto& [commit, mtr] : mtrs_) {
    if (mtr.fate != Fate::kIssued || mtr.epoch >= start.epoch) continue;
    mtr.fate = path.Visible(path.timeline(), commit) ? Fate::kDurable : Fate::kAnnulled;
  }
  newest_ = std::max(newest_, start.epoch);
}

const ReferenceVolume::Mtr* ReferenceVolume::Holding(Lsn lsn) const {
  const auto mtr = mtrs_.lower_bound(lsn);
  return mtr == mtrs_.end() || mtr->second.first > lsn ? nullptr : &mtr->second;
}

bool ReferenceVolume::IsAnnulled(Lsn commit) const {
  const auto mtr = mtrs_.find(commit);
  return mtr != mtrs_.end() && mtr->second.fate == Fate::kAnnulled;
}

std::string ReferenceVolume::PageAt(PageNo page, Lsn read_point) const {
  Image& image = images_[page];
  if (image.bytes.empty() || image.read_point > read_point) {
    image = Image{Lsn::None(), std::string(page_size_, '\0')};
  }
  const Lsn after = std::exchange(image.read_point, read_point);
  const auto in_reach = [&](Lsn commit) {
    return commit > after && commit <= read_point && !IsAnnulled(commit);
  };
  auto cut = std::find_if(truncates_.begin(), truncates_.end(),
                          [&](const Cut& c) { return c.from <= page && in_reach(c.commit); });
  const auto changes = changes_.find(page);
  const auto truncate_before = [&](Lsn commit) {
    for (; cut != truncates_.end() && cut->commit <= commit; ++cut) {
      if (cut->from <= page && in_reach(cut->commit)) image.bytes.assign(page_size_, '\0');
    }
  };
  if (changes != changes_.end()) {
    const auto first =
        std::upper_bound(changes->second.begin(), changes->second.end(), after,
                         [](Lsn lsn, const Change& change) { return lsn < change.commit; });
    for (auto at = first; at != changes->second.end() && at->commit <= read_point; ++at) {
      const Change& change = *at;
      if (!in_reach(change.commit)) continue;
      truncate_before(change.commit);
      if (change.write.whole) {
        image.bytes = change.write.bytes;
      } else {
        image.bytes.replace(change.write.offset, change.write.bytes.size(), change.write.bytes);
      }
    }
  }
  truncate_before(read_point);
  return image.bytes;
}

}  // namespace hexad::sim
