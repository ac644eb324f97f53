#include "tests/sim/fault.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "quorum/base/prng.h"
#include "tests/sim/options.h"

namespace hexad::sim {
namespace {

struct KindRow {
  FaultKind kind;
  std::string_view name;
  // How long it lasts, in milliseconds; 0, 0: it is over at once.
  int64_t shortest;
  int64_t longest;
};

constexpr std::array<KindRow, kFaultKinds> kRows = {{
    {FaultKind::kKillNode, "kill-node", 20, 4000},
    {FaultKind::kKillAz, "kill-az", 100, 4000},
    {FaultKind::kPowerNode, "power-node", 20, 4000},
    {FaultKind::kPowerAll, "power-all", 20, 1000},
    {FaultKind::kPauseNode, "pause-node", 10, 8000},
    {FaultKind::kJumpNode, "jump-node", 1, 3'600'000},
    {FaultKind::kKillWriter, "kill-writer", 0, 0},
    {FaultKind::kPauseWriter, "pause-writer", 100, 6000},
    {FaultKind::kJumpWriter, "jump-writer", 1, 60'000},
    {FaultKind::kContender, "contender", 0, 0},
    {FaultKind::kIsolateNode, "isolate-node", 10, 8000},
    {FaultKind::kIsolateAz, "isolate-az", 10, 6000},
    {FaultKind::kDeafNode, "deaf-node", 10, 8000},
    {FaultKind::kMuteNode, "mute-node", 10, 8000},
    {FaultKind::kNoGossip, "no-gossip", 100, 8000},
    {FaultKind::kSwizzle, "swizzle", 500, 6000},
    {FaultKind::kBreakStream, "break-stream", 0, 0},
    {FaultKind::kSlowLink, "slow-link", 100, 8000},
    {FaultKind::kLossyLinks, "lossy-links", 100, 8000},
    {FaultKind::kSlowDisk, "slow-disk", 100, 8000},
    {FaultKind::kFullDisk, "full-disk", 50, 4000},
    {FaultKind::kFailWrite, "fail-write", 0, 0},
    {FaultKind::kWipe, "wipe", 20, 2000},
    {FaultKind::kRotBoxcar, "rot-boxcar", 0, 0},
    {FaultKind::kLoseBoxcar, "lose-boxcar", 0, 0},
    {FaultKind::kRotVersion, "rot-version", 0, 0},
    {FaultKind::kMisplace, "misplace", 0, 0},
}};

const KindRow& RowOf(FaultKind kind) { return kRows[static_cast<size_t>(kind)]; }

constexpr bool RowsAreInOrder() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].kind != static_cast<FaultKind>(i)) return false;
  }
  return true;
}
static_assert(RowsAreInOrder());

enum class TargetKind { kNode, kAz, kCompute, kNothing };

TargetKind TargetOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kKillAz:
    case FaultKind::kIsolateAz:
      return TargetKind::kAz;
    case FaultKind::kKillWriter:
    case FaultKind::kPauseWriter:
    case FaultKind::kJumpWriter:
    case FaultKind::kContender:
      return TargetKind::kCompute;
    case FaultKind::kPowerAll:
    case FaultKind::kNoGossip:
    case FaultKind::kSwizzle:
    case FaultKind::kLossyLinks:
      return TargetKind::kNothing;
    default:
      return TargetKind::kNode;
  }
}

std::string TargetName(FaultKind kind, uint32_t target) {
  switch (TargetOf(kind)) {
    case TargetKind::kNode:
      return absl::StrCat("n", target + 1);
    case TargetKind::kAz:
      return absl::StrCat("az:", std::string(1, static_cast<char>('a' + target)));
    case TargetKind::kCompute:
      return absl::StrCat("compute", target + 1);
    case TargetKind::kNothing:
      break;
  }
  return "all";
}

bool ParseTarget(FaultKind kind, std::string_view text, uint32_t& target) {
  const std::string wanted(text);
  for (target = 0; target < 64; ++target) {
    if (TargetName(kind, target) == wanted) return true;
  }
  return false;
}

// Mostly short, now and then long: both matter, and long ones hide what comes after them.
Duration DrawDuration(const KindRow& row, Prng& prng) {
  const auto span = static_cast<uint64_t>(row.longest - row.shortest + 1);
  const uint64_t reach = prng.OneIn(3) ? span : std::max<uint64_t>(span / 8, 1);
  return Duration::Millis(row.shortest + static_cast<int64_t>(prng.Below(reach)));
}

bool ParseSeconds(std::string_view text, int64_t& nanos) {
  double seconds = 0;
  if (text.empty() || text.back() != 's') return false;
  text.remove_suffix(1);
  if (!absl::SimpleAtod(absl::string_view(text.data(), text.size()), &seconds)) return false;
  if (!(seconds >= 0 && seconds < 1e6)) return false;
  nanos = static_cast<int64_t>(seconds * 1e9 + 0.5);
  return true;
}

std::string Seconds(int64_t nanos) {
  return absl::StrFormat("%d.%09ds", nanos / 1'000'000'000, nanos % 1'000'000'000);
}

absl::StatusOr<Fault> ParseLine(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  const auto wrong = [&](std::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("fault \"", line, "\": ", std::string(what)));
  };
  if (words.size() != 8 || words[0] != "at" || words[4] != "for" || words[6] != "draw") {
    return wrong("expected: at TIMEs KIND TARGET for TIMEs draw NUMBER");
  }
  Fault fault;
  int64_t at = 0;
  int64_t lasts = 0;
  if (!ParseSeconds(words[1], at)) return wrong("the first time is no time");
  if (!ParseSeconds(words[5], lasts)) return wrong("the second time is no time");
  fault.at = Instant(at);
  fault.lasts = Duration::Nanos(lasts);
  const auto row = std::find_if(kRows.begin(), kRows.end(),
                                [&](const KindRow& r) { return r.name == words[2]; });
  if (row == kRows.end()) return wrong("no such kind of fault");
  fault.kind = row->kind;
  if (!ParseTarget(fault.kind, words[3], fault.target)) return wrong("no such target");
  if (!absl::SimpleAtoi(words[7], &fault.draw)) return wrong("the last word is no number");
  return fault;
}

}  // namespace

std::string_view NameOf(FaultKind kind) { return RowOf(kind).name; }

bool IsHarm(FaultKind kind) { return kind >= FaultKind::kFailWrite; }

std::string Fault::Describe() const {
  return absl::StrCat("at ", Seconds(at.nanos()), " ", std::string(NameOf(kind)), " ",
                      TargetName(kind, target), " for ", Seconds(lasts.nanos()), " draw ", draw);
}

FaultPlan DrawFaults(const SimOptions& options) {
  Prng prng(options.seed ^ 0x6661756c74ULL);
  FaultPlan plan;
  const uint32_t total =
      std::accumulate(options.fault_weights.begin(), options.fault_weights.end(), uint32_t{0});
  if (total == 0) return plan;
  std::vector<uint32_t> fragile;
  while (fragile.size() < options.fragile) {
    const auto node = static_cast<uint32_t>(prng.Below(options.nodes));
    if (std::find(fragile.begin(), fragile.end(), node) == fragile.end()) fragile.push_back(node);
  }
  const auto mean = static_cast<uint64_t>(options.fault_every.nanos());
  Instant at = Instant() + Duration::Millis(500);
  const Instant end = Instant() + options.safety;
  for (;;) {
    at = at + Duration::Nanos(static_cast<int64_t>(prng.Below(2 * mean)));
    if (at >= end) return plan;
    uint64_t pick = prng.Below(total);
    size_t kind = 0;
    while (pick >= options.fault_weights[kind]) pick -= options.fault_weights[kind++];
    Fault fault;
    fault.at = at;
    fault.kind = static_cast<FaultKind>(kind);
    const uint64_t target = prng.Next();
    fault.lasts = DrawDuration(RowOf(fault.kind), prng);
    fault.draw = prng.Below(1'000'000'000);
    switch (TargetOf(fault.kind)) {
      case TargetKind::kNode:
        fault.target = static_cast<uint32_t>(target % options.nodes);
        break;
      case TargetKind::kAz:
        fault.target = static_cast<uint32_t>(target % 3);
        break;
      case TargetKind::kCompute:
        fault.target = static_cast<uint32_t>(target % 2);
        break;
      case TargetKind::kNothing:
        break;
    }
    if (IsHarm(fault.kind)) {
      if (fragile.empty()) continue;
      fault.target = fragile[target % fragile.size()];
    }
    plan.push_back(fault);
  }
}

std::string ToText(const FaultPlan& plan) {
  std::string text;
  for (const Fault& fault : plan) absl::StrAppend(&text, fault.Describe(), "\n");
  return text;
}

absl::StatusOr<FaultPlan> FromText(std::string_view text) {
  FaultPlan plan;
  const std::vector<std::string> lines =
      absl::StrSplit(absl::string_view(text.data(), text.size()), '\n');
  for (const std::string& line : lines) {
    if (line.empty() || line.front() == '#') continue;
    auto fault = ParseLine(line);
    if (!fault.ok()) return fault.status();
    plan.push_back(*fault);
  }
  std::stable_sort(plan.begin(), plan.end(),
                   [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return plan;
}

}  // namespace hexad::sim
