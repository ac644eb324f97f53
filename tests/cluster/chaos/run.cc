#include "tests/cluster/chaos/run.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/format.h"
#include "cli/launcher/bring_up.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/wait.h"
#include "cli/verify/verification.h"
#include "tests/cluster/chaos/history.h"
#include "tests/cluster/chaos/inflict.h"

namespace hexad::chaos {
namespace {

using cluster_test::LoadSample;
using cluster_test::LoopDisk;
using cluster_test::LoopDisks;
using cluster_test::SteadyLoad;
using cluster_test::WriterEnd;

constexpr char kVolume[] = "bench";
constexpr char kWriterLane[] = "writer";
constexpr int kProveEvery = 8;
constexpr uint64_t kDiskBytes = uint64_t{4} << 30;
constexpr uint64_t kSomeMtrs = 50;
constexpr double kResumesWithinSeconds = 45;
constexpr launcher::Millis kCatchesUpWithin{60'000};
// After a fault began: what was on its way is acknowledged or not, and a writer may first have to
// open the volume anew.
constexpr double kSettlesWithinSeconds = 1.5;
constexpr uint64_t kP99 = 9'900;

class ChaosRun {
 public:
  explicit ChaosRun(const RunOptions& options) : options_(options) {}
  absl::Status Go();

 private:
  absl::Status BringUp();
  void StartLoad();
  absl::Status Play(int number, const Episode& episode);
  absl::Status Inflict(const Episode& episode);
  absl::Status Heal(const Episode& episode);
  void Pause(double seconds) const;
  // Takes what the load saw since the last call into the history, and sums it up.
  struct Seen {
    cli::LoadWindow window;
    uint64_t acked_late = 0;  // after `settled_s`
    std::vector<std::string> ends;
  };
  Seen Collect(double settled_s);
  void Judge(int number, const Episode& episode, const Seen& seen, double began_s);
  absl::Status AwaitCaughtUp();
  absl::Status Prove();
  void Violated(const std::string& what);
  // Before the disks go from under them.
  absl::Status StopEverything();
  double Now() const { return load_began_s_ + (load_ ? load_->Now() : 0); }

  const RunOptions& options_;
  std::unique_ptr<launcher::Launcher> launcher_;
  std::optional<LoopDisks> disks_;
  std::optional<Inflicter> inflicter_;
  std::unique_ptr<SteadyLoad> load_;
  double load_began_s_ = 0;
  History history_;
  std::vector<std::string> violations_;
};

std::string Clock(double seconds) {
  const auto whole = static_cast<int>(seconds);
  return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
}

// The user's word for it, or how it begins; each once.
std::set<std::string> Shortened(const std::vector<std::string>& ends) {
  constexpr size_t kShown = 60;
  std::set<std::string> shown;
  for (const std::string& end : ends) {
    std::string words = end.substr(0, kShown);
    for (const char* word : {"READ_ONLY", "COMMIT_UNKNOWN", "FENCED", "RETRY"}) {
      if (absl::StrContains(end, word)) words = word;
    }
    shown.insert(words);
  }
  return shown;
}

std::string AckLog(const launcher::Launcher& launcher) {
  return launcher.dir().folder() + "/logs/chaos.acks";
}

absl::Status ChaosRun::BringUp() {
  launcher::ClusterRequest request;
  request.faults = true;
  auto launcher = launcher::BringUp(options_.folder, request, options_.launcher);
  if (!launcher.ok()) {
    // Half of it may run.
    auto dir = launcher::ClusterDir::Open(options_.folder);
    if (dir.ok()) {
      launcher_ = std::make_unique<launcher::Launcher>(*std::move(dir), options_.launcher);
    }
    return launcher.status();
  }
  launcher_ = std::make_unique<launcher::Launcher>(*std::move(launcher));
  if (const char* missing = LoopDisk::Missing(); missing != nullptr) {
    options_.tell(absl::StrCat("power cuts are skipped: ", missing, "; kill -9 stands for them"));
  } else {
    launcher::ProcessNames nodes;
    for (const auto& node : launcher_->record().nodes) nodes.push_back(node.id);
    if (absl::Status down = launcher_->Stop(nodes); !down.ok()) return down;
    auto disks = LoopDisks::Make(*launcher_, options_.folder, kDiskBytes);
    if (!disks.ok()) return disks.status();
    disks_.emplace(*std::move(disks));
    if (absl::Status up = launcher_->Start(nodes); !up.ok()) return up;
  }
  inflicter_.emplace(*launcher_, disks_);
  for (const auto& node : launcher_->record().nodes) history_.lanes.emplace_back(node.id, node.az);
  history_.lanes.emplace_back(kWriterLane, "");
  return absl::OkStatus();
}

void ChaosRun::StartLoad() {
  load_ =
      std::make_unique<SteadyLoad>(*launcher_, SteadyLoad::Options{.ack_log = AckLog(*launcher_)});
}

void ChaosRun::Pause(double seconds) const {
  const double until = Now() + seconds;
  while (Now() < until && !options_.launcher.interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void ChaosRun::Violated(const std::string& what) {
  violations_.push_back(what);
  options_.tell("  VIOLATION: " + what);
}

ChaosRun::Seen ChaosRun::Collect(double settled_s) {
  Seen seen;
  for (LoadSample& sample : load_->TakeSamples()) {
    sample.at_s += load_began_s_;
    seen.window.acked += sample.acked;
    seen.window.millis += static_cast<uint64_t>(sample.seconds * 1'000);
    for (const auto& [us, count] : sample.commit_us) seen.window.commit_us[us] += count;
    if (sample.at_s - sample.seconds > settled_s) seen.acked_late += sample.acked;
    history_.samples.push_back(std::move(sample));
  }
  for (WriterEnd& end : load_->TakeEnds()) {
    end.at_s += load_began_s_;
    seen.ends.push_back(end.why);
    history_.ends.push_back(std::move(end));
  }
  return seen;
}

absl::Status ChaosRun::Inflict(const Episode& episode) {
  for (const Fault& fault : episode.faults) {
    if (absl::Status begun = inflicter_->Begin(fault, *load_); !begun.ok()) return begun;
    const std::vector<std::string> lanes =
        OnWriter(fault.kind) ? std::vector<std::string>{kWriterLane} : fault.nodes;
    for (const std::string& lane : lanes) {
      history_.bars.push_back({.lane = lane,
                               .kind = NameOf(fault.kind),
                               .text = InWords(fault),
                               .from_s = Now(),
                               .to_s = Now()});
    }
  }
  return absl::OkStatus();
}

absl::Status ChaosRun::Heal(const Episode& episode) {
  if (absl::Status healed = inflicter_->HealLinksAndDisks(); !healed.ok()) return healed;
  for (const Fault& fault : episode.faults) {
    if (absl::Status ended = inflicter_->End(fault, *load_); !ended.ok()) return ended;
  }
  return absl::OkStatus();
}

void ChaosRun::Judge(int number, const Episode& episode, const Seen& seen, double began_s) {
  const size_t blocked = episode.blocked();
  std::string effect;
  if (blocked > 2) {
    effect = absl::StrCat(blocked, " of 6 lost: writes stopped");
    if (seen.acked_late > 0) {
      Violated(absl::StrCat("episode ", number, ": ", seen.acked_late, " MTRs acknowledged while ",
                            blocked, " of 6 nodes could not answer"));
    }
  } else {
    effect = absl::StrCat(cli::Thousands(static_cast<uint64_t>(seen.window.MtrsPerSecond())),
                          " MTRs/s, p99 ", cli::Micros(seen.window.CommitMicros(kP99)));
    if (!episode.writer_suffers() && seen.acked_late == 0) {
      Violated(absl::StrCat("episode ", number, ": no MTR acknowledged with ", blocked,
                            " of 6 nodes lost"));
    }
    if (!episode.writer_suffers() && !seen.ends.empty()) {
      Violated(absl::StrCat("episode ", number, ": the writer ended with ", blocked,
                            " of 6 nodes lost: ", seen.ends[0]));
    }
  }
  for (const std::string& end : Shortened(seen.ends)) absl::StrAppend(&effect, "; writer: ", end);
  history_.told.push_back({.at_s = began_s,
                           .to_s = Now(),
                           .what = InWords(episode),
                           .effect = effect,
                           .good = violations_.empty()});
  options_.tell(absl::StrFormat("%6s  %-46s %s", Clock(began_s), InWords(episode), effect));
}

// Until each node holds all that its peers held when everything was healed.
absl::Status ChaosRun::AwaitCaughtUp() {
  std::optional<uint64_t> goal;
  return launcher::WaitUntil(
      {"the nodes to catch up", kCatchesUpWithin, "hexad status"}, [&]() -> absl::StatusOr<bool> {
        for (const launcher::VolumePicture& volume : launcher::Look(*launcher_).volumes) {
          if (volume.name != kVolume) continue;
          uint64_t lowest = UINT64_MAX;
          uint64_t highest = 0;
          for (const launcher::SegmentPicture& segment : volume.pgs[0].segments) {
            lowest = std::min(lowest, segment.scl);
            highest = std::max(highest, segment.scl);
          }
          if (!goal) goal = highest;
          return lowest >= *goal;
        }
        return false;
      });
}

absl::Status ChaosRun::Play(int number, const Episode& episode) {
  const double began_s = Now();
  Collect(began_s);
  const size_t first_bar = history_.bars.size();
  if (absl::Status inflicted = Inflict(episode); !inflicted.ok()) return inflicted;
  const double settled_s = Now() + kSettlesWithinSeconds;
  Pause(episode.lasts_s);
  Seen seen = Collect(settled_s);
  // Fewer than a handful of intervals prove no silence.
  const double waits_until = settled_s + 15;
  while (episode.blocked() <= 2 && !episode.writer_suffers() && seen.acked_late == 0 &&
         Now() < waits_until && !options_.launcher.interrupted()) {
    Pause(0.25);
    const Seen more = Collect(settled_s);
    seen.acked_late += more.acked_late;
  }
  Judge(number, episode, seen, began_s);
  if (absl::Status healed = Heal(episode); !healed.ok()) return healed;
  for (size_t i = first_bar; i < history_.bars.size(); ++i) history_.bars[i].to_s = Now();
  if (options_.launcher.interrupted()) return absl::OkStatus();
  if (!load_->AwaitMore(kSomeMtrs, kResumesWithinSeconds)) {
    Violated(absl::StrCat("after episode ", number, " writes did not resume within ",
                          kResumesWithinSeconds, " s"));
  }
  if (const absl::Status filled = AwaitCaughtUp(); !filled.ok()) {
    Violated(absl::StrCat("after episode ", number, ": ", filled.message()));
  }
  Pause(episode.calm_s);
  return absl::OkStatus();
}

// Everything is healed: the load ends, and what it was promised is looked for.
absl::Status ChaosRun::Prove() {
  Proof proof{.from_s = Now(), .to_s = 0, .good = true, .text = ""};
  Collect(Now());
  const auto began = std::chrono::steady_clock::now();
  load_began_s_ = Now();
  load_.reset();
  const auto verification =
      cli::Verify(*launcher_, {.volume = kVolume, .ack_log = AckLog(*launcher_)},
                  {.progress = false, .interrupted = [] { return false; }});
  if (!verification.ok()) return verification.status();
  const absl::Status verdict = cli::VerdictOf(*verification);
  const workload::AckVerdict& acks = *verification->acks;
  history_.acked += acks.acked;
  proof.text = absl::StrCat(cli::Thousands(acks.present), " of ", cli::Thousands(acks.acked),
                            " acknowledged MTRs present, ", acks.partial_mtrs, " partly there; ",
                            verification->comparison.segments, " segments equal over ",
                            cli::Thousands(verification->comparison.pages), " pages");
  proof.good = verdict.ok();
  load_began_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  proof.to_s = load_began_s_;
  options_.tell(absl::StrFormat("%6s  %-46s %s", Clock(proof.from_s),
                                verdict.ok() ? "proved" : "NOT PROVED", proof.text));
  if (!verdict.ok()) Violated(std::string(verdict.message()));
  history_.proofs.push_back(std::move(proof));
  std::error_code ignored;
  if (verdict.ok()) std::filesystem::remove(AckLog(*launcher_), ignored);
  return absl::OkStatus();
}

absl::Status ChaosRun::StopEverything() {
  if (absl::Status healed = launcher::HealFaults(*launcher_); !healed.ok()) return healed;
  launcher::ProcessNames names = {launcher::kBench, launcher::kCompute};
  for (const auto& node : launcher_->record().nodes) names.push_back(node.id);
  names.emplace_back(launcher::kRelay);
  return launcher_->Stop(names);
}

absl::Status ChaosRun::Go() {
  history_.seed = options_.seed;
  history_.command = absl::StrFormat("cluster-scripts/chaos --seed %u --minutes %g", options_.seed,
                                     options_.minutes);
  options_.tell(history_.command);
  if (absl::Status up = BringUp(); !up.ok()) {
    if (launcher_ != nullptr) StopEverything().IgnoreError();
    return up;
  }
  EpisodePlan plan(options_.seed, launcher_->record().nodes, disks_.has_value());
  StartLoad();
  absl::Status broken;
  if (!load_->AwaitMore(kSomeMtrs, kResumesWithinSeconds)) {
    broken = absl::UnavailableError("the first writer acknowledged nothing");
  }
  int played = 0;
  const auto over = [&] {
    return !broken.ok() || Now() >= options_.minutes * 60 || options_.launcher.interrupted() ||
           !violations_.empty();
  };
  while (!over()) {
    broken = Play(++played, plan.Next());
    if (!broken.ok() || options_.launcher.interrupted() || !violations_.empty()) break;
    if (played % kProveEvery != 0) continue;
    broken = Prove();
    if (!over()) StartLoad();
  }
  if (broken.ok() && load_ && !options_.launcher.interrupted()) broken = Prove();
  history_.seconds = Now();
  if (load_) Collect(Now());
  load_.reset();
  history_.good = broken.ok() && violations_.empty();
  history_.verdict = !broken.ok() ? absl::StrCat("broken off: ", broken.message())
                     : violations_.empty()
                         ? absl::StrCat(played, " episodes, ", cli::Thousands(history_.acked),
                                        " acknowledged MTRs: every one present, none partly "
                                        "there, six segments equal")
                         : violations_[0];
  options_.tell(absl::StrCat(history_.good ? "held: " : "VIOLATED: ", history_.verdict));
  const absl::Status written = WritePage(history_, options_.page);
  if (absl::Status stopped = StopEverything(); !stopped.ok()) return stopped;
  if (!broken.ok()) return broken;
  if (!violations_.empty()) return absl::DataLossError(violations_[0]);
  return written;
}

}  // namespace

absl::Status Run(const RunOptions& options) { return ChaosRun(options).Go(); }

}  // namespace hexad::chaos
