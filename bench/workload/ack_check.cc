#include "bench/workload/ack_check.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hexad::workload {
namespace {

constexpr size_t kExamples = 10;

void Complain(AckVerdict& verdict, std::string what) {
  if (verdict.examples.size() < kExamples) verdict.examples.push_back(std::move(what));
}

// Does a record with at least this sequence cover some byte of [offset, offset + length)?
bool CoveredBy(const std::vector<WorkloadRecord>& found, const WorkloadRecord& wanted) {
  return std::any_of(found.begin(), found.end(), [&](const WorkloadRecord& r) {
    return r.sequence >= wanted.sequence && r.offset < wanted.offset + wanted.length &&
           wanted.offset < r.offset + r.length;
  });
}

}  // namespace

absl::Status AckCheck::LoadAckLog(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat("cannot read the ack log ", file));
  std::string line;
  for (uint64_t number = 1; std::getline(in, line); ++number) {
    if (in.eof()) break;  // no line end: torn
    const auto parsed = ParseAckLine(line);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(file, " line ", number, ": ", parsed.status().message()));
    }
    Add(*parsed);
  }
  return absl::OkStatus();
}

void AckCheck::Add(const AckLine& line) { lines_.push_back(line); }

Lsn AckCheck::HighestAcked() const {
  Lsn highest;
  for (const AckLine& line : lines_) highest = std::max(highest, line.lsn);
  return highest;
}

std::vector<PageNo> AckCheck::PagesNeeded() const {
  std::set<PageNo> pages;
  for (const AckLine& line : lines_) pages.insert(line.record.page);
  return {pages.begin(), pages.end()};
}

void AckCheck::Show(PageNo page, std::string_view bytes) {
  shown_[page] = FindRecords(page, bytes);
}

// The very record; or what a later MTR put over it.
bool AckCheck::Proves(const Records& found, const WorkloadRecord& acked) const {
  return std::any_of(found.begin(), found.end(), [&](const WorkloadRecord& r) {
    if (r.sequence == acked.sequence) {
      return r.offset == acked.offset && r.checksum == acked.checksum;
    }
    return r.sequence > acked.sequence && CoveredBy({r}, acked);
  });
}

AckVerdict AckCheck::Finish() const {
  AckVerdict verdict;
  for (const AckLine& line : lines_) {
    ++verdict.acked;
    const auto page = shown_.find(line.record.page);
    if (page != shown_.end() && Proves(page->second, line.record)) {
      ++verdict.present;
      continue;
    }
    ++verdict.missing;
    Complain(verdict, absl::StrCat("LSN ", line.lsn.value(), " was acknowledged, but page ",
                                   line.record.page.value(),
                                   page == shown_.end() ? " could not be read"
                                                        : " holds neither it nor anything later"));
  }
  CheckWhole(verdict);
  return verdict;
}

void AckCheck::CheckWhole(AckVerdict& verdict) const {
  for (const auto& [page, records] : shown_) {
    verdict.records += records.size();
    for (const WorkloadRecord& record : records) {
      const uint32_t first = page.value() - record.position;
      for (uint32_t i = 0; i < record.count; ++i) {
        const auto neighbour = shown_.find(PageNo(first + i));
        if (neighbour == shown_.end() || CoveredBy(neighbour->second, record)) continue;
        ++verdict.partial_mtrs;
        Complain(verdict, absl::StrCat("the MTR with sequence ", absl::Hex(record.sequence),
                                       " wrote page ", page.value(), ", but not page ", first + i));
        break;
      }
    }
  }
}

}  // namespace hexad::workload
