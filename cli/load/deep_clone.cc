#include "cli/load/deep_clone.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/interrupt.h"
#include "cli/launcher/admin_client.h"
#include "cli/launcher/volumes.h"
#include "cli/launcher/wait.h"

namespace hexad::cli {
namespace {

constexpr int kLevels = 5;
constexpr uint32_t kPages = 240;
constexpr uint32_t kPagesPerLevel = 12;  // one page in so many is changed by a level
constexpr uint32_t kRecordBytes = 4'000;
// A node coalesces a timeline once it has 64 MiB of hot log.
constexpr uint64_t kLevelBytes = uint64_t{80} << 20;
constexpr uint32_t kRounds = 6;
constexpr Duration kDurable = Duration::Seconds(30);
constexpr launcher::Millis kCoalesced{30'000};
constexpr launcher::Millis kDescribe{2'000};

std::string NameOf(int level) {
  return level == 0 ? "deep-root" : absl::StrCat("deep-clone-", level);
}

uint64_t Median(std::vector<uint64_t>& values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

class DeepClone {
 public:
  explicit DeepClone(launcher::Launcher& launcher) : launcher_(launcher) {}

  absl::StatusOr<DeepReads> Run() {
    auto cluster = launcher::ConnectToNodes(launcher_.record(), launcher::kBench);
    if (!cluster.ok()) return cluster.status();
    cluster_ = *std::move(cluster);
    // What a run that was killed has left.
    if (absl::Status dropped = DropAll(); !dropped.ok()) return dropped;
    const auto reads = MakeAndRead();
    if (absl::Status dropped = DropAll(); reads.ok() && !dropped.ok()) return dropped;
    return reads;
  }

 private:
  absl::StatusOr<DeepReads> MakeAndRead() {
    absl::Status done = launcher::EnsureVolume(launcher_, *cluster_, NameOf(0));
    for (int level = 0; level <= kLevels && done.ok(); ++level) done = MakeLevel(level);
    if (done.ok()) done = AwaitCoalesced();
    if (!done.ok()) return done;
    return Read();
  }

  absl::Status DropAll() {
    for (int level = kLevels; level >= 0; --level) {
      const absl::Status dropped = cluster_->Drop(NameOf(level), true);
      // A node that coalesces drops afterwards, and may confirm too late.
      if (absl::IsUnavailable(dropped) || absl::IsNotFound(dropped)) continue;
      if (!dropped.ok()) return dropped;
    }
    return absl::OkStatus();
  }

  // Level 0 writes every page; every other level one in kPagesPerLevel, each its own.
  absl::Status MakeLevel(int level) {
    if (level > 0) {
      compute::CloneSpec spec;
      spec.parent = NameOf(level - 1);
      spec.name = NameOf(level);
      spec.at_least = newest_;
      if (const auto made = cluster_->Clone(spec); !made.ok()) return made.status();
    }
    const auto volume = cluster_->Open(NameOf(level), {});
    if (!volume.ok()) return volume.status();
    Lsn newest;
    for (uint64_t written = 0; written < kLevelBytes;) {
      for (uint32_t page = 0; page < kPages; ++page) {
        if (level > 0 && page % kPagesPerLevel != static_cast<uint32_t>(level)) continue;
        if (Interrupted()) return absl::CancelledError("interrupted");
        compute::Mtr mtr = (*volume)->BeginMtr();
        const std::string bytes(kRecordBytes, static_cast<char>('a' + written % 26));
        if (absl::Status put = mtr.Write(PageNo(page), 0, bytes); !put.ok()) return put;
        const auto lsn = (*volume)->Commit(std::move(mtr));
        if (!lsn.ok()) return lsn.status();
        newest = *lsn;
        written += kRecordBytes;
      }
    }
    if (absl::Status in = (*volume)->WaitDurable(newest, kDurable); !in.ok()) return in;
    newest_ = newest;
    (*volume)->Close();
    return absl::OkStatus();
  }

  // Until every node has begun to keep every level's pages in its page store.
  absl::Status AwaitCoalesced() {
    return launcher::WaitUntil(
        {"the nodes to coalesce what was written", kCoalesced, "hexad status", Interrupted},
        [&]() -> absl::StatusOr<bool> {
          const std::vector<bool> all(launcher_.record().nodes.size(), true);
          for (const auto& node : launcher_.client().DescribeNodes(all, true, kDescribe)) {
            if (!node.ok()) return node.status();
            for (const auto& segment : node->segments()) {
              const bool ours = segment.name().starts_with("deep-");
              if (ours && segment.coalesced_lsn() <= segment.forked_at()) return false;
            }
          }
          return true;
        });
  }

  struct Reader {
    std::shared_ptr<compute::Volume> volume;
    std::shared_ptr<const compute::ReadView> view;
    absl::StatusOr<uint64_t> Micros(uint32_t page) const {
      const auto begin = std::chrono::steady_clock::now();
      const auto read = volume->ReadPage(PageNo(page), view->read_point());
      const auto passed = std::chrono::steady_clock::now() - begin;
      if (!read.ok()) return read.status();
      return static_cast<uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(passed).count());
    }
  };
  // Its cache holds nothing for long.
  absl::StatusOr<Reader> OpenReader(int level) {
    compute::OpenOptions options;
    options.read_only = true;
    options.cache_bytes = 1;
    const auto volume = cluster_->Open(NameOf(level), options);
    if (!volume.ok()) return volume.status();
    return Reader{*volume, (*volume)->PinReadPoint()};
  }

  absl::StatusOr<DeepReads> Read() {
    std::vector<Reader> levels;
    for (int level = 0; level <= kLevels; ++level) {
      auto reader = OpenReader(level);
      if (!reader.ok()) return reader.status();
      levels.push_back(*std::move(reader));
    }
    std::vector<uint64_t> root, inherited, changed, changed_inherited;
    for (uint32_t at = 0; at < kRounds * kPages; ++at) {
      if (Interrupted()) return absl::CancelledError("interrupted");
      const uint32_t page = at % kPages;
      const uint32_t by = page % kPagesPerLevel <= kLevels ? page % kPagesPerLevel : 0;
      const auto there = levels[by].Micros(page);
      if (!there.ok()) return there.status();
      const auto deepest = levels[kLevels].Micros(page);
      if (!deepest.ok()) return deepest.status();
      (by == 0 ? root : changed).push_back(*there);
      (by == 0 ? inherited : changed_inherited).push_back(*deepest);
    }
    return DeepReads{Median(root), Median(inherited), Median(changed), Median(changed_inherited)};
  }

  launcher::Launcher& launcher_;
  std::unique_ptr<compute::Cluster> cluster_;
  Lsn newest_;
};

}  // namespace

absl::StatusOr<DeepReads> ReadDeepClone(launcher::Launcher& launcher) {
  return DeepClone(launcher).Run();
}

}  // namespace hexad::cli
