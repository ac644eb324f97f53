#include "cli/demo/tour.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/demo/load_process.h"
#include "cli/format.h"
#include "cli/launcher/bring_up.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/picture.h"
#include "cli/launcher/plan.h"
#include "cli/launcher/wait.h"
#include "cli/load/bench_volume.h"
#include "cli/verify/verification.h"

namespace hexad::cli {
namespace {

constexpr char kVolume[] = "bench";
constexpr uint64_t kWindowMillis = 3'000;
constexpr launcher::Millis kCatchUpTimeout{60'000};
constexpr uint64_t kP99 = 9'900;

using Clock = std::chrono::steady_clock;
double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

uint64_t LinesOf(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const auto lines = std::count(std::istreambuf_iterator<char>(in), {}, '\n');
  return static_cast<uint64_t>(lines);
}

class Tour {
 public:
  explicit Tour(const TourOptions& options) : options_(options) {}

  absl::Status Run() {
    for (const auto step : {&Tour::BringUp, &Tour::StartLoad, &Tour::LoseNode, &Tour::LoseAz,
                            &Tour::KillWriter, &Tour::Recover, &Tour::Prove}) {
      const absl::Status done = (this->*step)();
      if (done.ok()) continue;
      if (load_) load_->Kill().IgnoreError();
      return done;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status BringUp() {
    const auto begin = Clock::now();
    auto launcher = launcher::BringUp(options_.folder, {}, options_.launcher);
    if (!launcher.ok()) return launcher.status();
    launcher_ = std::make_unique<launcher::Launcher>(*std::move(launcher));
    const launcher::ClusterRecord& record = launcher_->record();
    const size_t up = launcher::Look(*launcher_).UpNodes().size();
    if (up != record.nodes.size()) {
      return launcher::Failed(
          absl::StatusCode::kFailedPrecondition,
          {absl::StrCat("only ", up, " of ", record.nodes.size(), " nodes take part"),
           "the demo begins with a whole cluster", "hexad doctor"});
    }
    options_.tell("cluster up",
                  absl::StrCat(Count(up, "node"), " in ", Count(record.Azs().size(), "AZ"),
                               launcher_->started().empty()
                                   ? ", running already"
                                   : ", serving after " + Seconds(SecondsSince(begin))));
    return EndOldLoad();
  }

  // A demo that was killed leaves its workload behind.
  absl::Status EndOldLoad() {
    if (launcher_->StateOf(launcher::kBench) == launcher::ProcessState::kDown) {
      return absl::OkStatus();
    }
    options_.tell("", "an earlier workload still ran; it is ended");
    return launcher_->Kill({launcher::kBench});
  }

  absl::Status StartLoad() {
    auto load = LoadProcess::Start(*launcher_, AckLog());
    if (!load.ok()) return load.status();
    load_.emplace(*std::move(load));
    const auto window = load_->Watch(kWindowMillis);
    if (!window.ok()) return window.status();
    quiet_p99_us_ = window->CommitMicros(kP99);
    options_.tell("load", absl::StrCat(Numbers(*window), Vdl(*window)));
    return absl::OkStatus();
  }

  absl::Status LoseNode() {
    return LoseAndReturn(launcher_->record().nodes[2].id, launcher_->record().nodes[2].id);
  }

  absl::Status LoseAz() {
    const std::string az = launcher_->record().Azs()[1];
    return LoseAndReturn("az:" + az, "az " + az);
  }

  absl::Status LoseAndReturn(const std::string& target, const std::string& shown) {
    const auto plan = launcher::MakePlan(*launcher_, launcher::Action::kKill, target);
    if (!plan.ok()) return plan.status();
    if (absl::Status allowed = launcher::CheckAllowed(*plan, false); !allowed.ok()) return allowed;
    load_->Skip();
    if (absl::Status done = launcher::Execute(*launcher_, *plan); !done.ok()) return done;
    const auto window = load_->Watch(kWindowMillis);
    if (!window.ok()) return window.status();
    options_.tell(shown + " killed", absl::StrCat("writes go on: ", Numbers(*window), " (before: ",
                                                  Micros(quiet_p99_us_), ")", Vdl(*window)));

    const auto begin = Clock::now();
    if (absl::Status back = launcher_->Start(plan->Names()); !back.ok()) return back;
    const auto filled = WaitUntilFilled(plan->Names());
    if (!filled.ok()) return filled.status();
    const auto meanwhile = load_->Watch(1);
    if (!meanwhile.ok()) return meanwhile.status();
    options_.tell(shown + " restarted",
                  absl::StrCat("filled up by its peers: ", Thousands(*filled), " LSNs in ",
                               Seconds(SecondsSince(begin)), ", ", meanwhile->failed,
                               " failed meanwhile", Vdl(*meanwhile)));
    return absl::OkStatus();
  }

  // Until each of these nodes holds all that its peers held when it came back. Returns how many
  // LSNs the emptiest of them had missed.
  absl::StatusOr<uint64_t> WaitUntilFilled(const launcher::ProcessNames& nodes) {
    const std::map<std::string, uint64_t> at_return = Scls();
    uint64_t goal = 0;
    for (const auto& [node, scl] : at_return) goal = std::max(goal, scl);
    uint64_t missed = 0;
    for (const std::string& node : nodes) {
      const auto scl = at_return.find(node);
      missed = std::max(missed, goal - (scl == at_return.end() ? 0 : scl->second));
    }
    const absl::Status filled =
        launcher::WaitUntil({absl::StrCat(absl::StrJoin(nodes, ", "),
                                          " to be filled by gossip up to LSN ", Thousands(goal)),
                             kCatchUpTimeout, "hexad status", options_.launcher.interrupted},
                            [&]() -> absl::StatusOr<bool> {
                              std::map<std::string, uint64_t> now = Scls();
                              for (const std::string& node : nodes) {
                                if (now[node] < goal) return false;
                              }
                              return true;
                            });
    if (!filled.ok()) return filled;
    return missed;
  }

  // The workload volume's SCL at each node, as the nodes tell it.
  std::map<std::string, uint64_t> Scls() {
    std::map<std::string, uint64_t> scls;
    for (const launcher::VolumePicture& volume : launcher::Look(*launcher_).volumes) {
      if (volume.name != kVolume) continue;
      for (const launcher::SegmentPicture& segment : volume.pgs[0].segments) {
        scls[segment.node] = segment.scl;
      }
    }
    return scls;
  }

  absl::Status KillWriter() {
    const auto window = load_->Watch(1'000);
    if (!window.ok()) return window.status();
    if (absl::Status killed = load_->Kill(); !killed.ok()) return killed;
    load_.reset();
    options_.tell("writer killed", absl::StrCat("kill -9 at full speed; its ack log holds ",
                                                Thousands(LinesOf(AckLog())), " MTRs"));
    return absl::OkStatus();
  }

  absl::Status Recover() {
    const auto bench = BenchVolume::Open(*launcher_, kVolume, false);
    if (!bench.ok()) return bench.status();
    const compute::VolumeStatus status = (*bench)->volume().Status();
    options_.tell("writer recovered",
                  absl::StrCat("epoch ", status.epoch.number, " open for writing in ",
                               Micros(static_cast<uint64_t>((*bench)->opening().micros())),
                               ", VDL ", Thousands(status.vdl.value())));
    return absl::OkStatus();
  }

  absl::Status Prove() {
    const auto verification =
        Verify(*launcher_, {.volume = kVolume, .ack_log = AckLog()},
               {.progress = options_.progress, .interrupted = options_.launcher.interrupted});
    if (!verification.ok()) return verification.status();
    if (absl::Status verdict = VerdictOf(*verification); !verdict.ok()) return verdict;
    const workload::AckVerdict& acks = *verification->acks;
    options_.tell("verified", absl::StrCat(Thousands(acks.present), " of ", Thousands(acks.acked),
                                           " acknowledged MTRs present, ", acks.missing,
                                           " missing, ", acks.partial_mtrs, " partly there"));
    options_.tell("compared",
                  absl::StrCat("all ", verification->comparison.segments, " segments equal over ",
                               Thousands(verification->comparison.pages), " pages (",
                               Seconds(verification->seconds), ")"));
    return absl::OkStatus();
  }

  std::string AckLog() const { return launcher_->dir().folder() + "/logs/bench.acks"; }

  static std::string Numbers(const LoadWindow& window) {
    return absl::StrCat(Thousands(static_cast<uint64_t>(window.MtrsPerSecond())), " MTRs/s, ",
                        window.failed, " failed, p99 ", Micros(window.CommitMicros(kP99)));
  }
  static std::string Vdl(const LoadWindow& window) {
    return absl::StrCat(", VDL ", Thousands(window.vdl));
  }

  const TourOptions& options_;
  std::unique_ptr<launcher::Launcher> launcher_;
  std::optional<LoadProcess> load_;
  uint64_t quiet_p99_us_ = 0;  // with everything up
};

}  // namespace

absl::Status RunTour(const TourOptions& options) { return Tour(options).Run(); }

}  // namespace hexad::cli
