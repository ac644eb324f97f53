#include "tests/cluster/background_load.h"

#include "cli/launcher/volumes.h"
#include "cli/launcher/wait.h"

namespace hexad::cluster_test {
namespace {

constexpr launcher::Millis kMoreAcksTimeout{30'000};
constexpr launcher::Millis kEndTimeout{40'000};
constexpr Duration kLongestRun = Duration::Seconds(120);

}  // namespace

OpenedVolume::OpenedVolume(ScratchCluster& cluster, const std::string& name,
                           const compute::OpenOptions& options, const std::string& as) {
  auto connected = launcher::ConnectToNodes(cluster.launcher().record(), as);
  EXPECT_TRUE(connected.ok()) << connected.status();
  if (!connected.ok()) return;
  cluster_ = *std::move(connected);
  const absl::Status made = launcher::EnsureVolume(cluster.launcher(), *cluster_, name);
  EXPECT_TRUE(made.ok()) << made;
  auto volume = cluster_->Open(name, options);
  EXPECT_TRUE(volume.ok()) << volume.status();
  if (volume.ok()) volume_ = *std::move(volume);
}

compute::OpenOptions ReadOnly() {
  compute::OpenOptions options;
  options.read_only = true;
  return options;
}

workload::WriteOptions BackgroundLoad::Defaults() {
  workload::WriteOptions options;
  options.pages = 256;
  options.records_per_mtr = 3;
  options.duration = kLongestRun;
  return options;
}

BackgroundLoad::BackgroundLoad(compute::Volume& volume, const std::string& ack_log,
                               workload::WriteOptions options)
    : options_(std::move(options)) {
  options_.ack_log = ack_log;
  options_.interrupted = [this] { return asked_to_end_.load(); };
  options_.progress_every = Duration::Millis(20);
  options_.progress = [this](const workload::WriteProgress& now) { acked_ = now.acked; };
  thread_ = std::thread([this, &volume] {
    result_ = workload::RunWriteWorkload(volume, options_);
    if (result_.ok()) acked_ = result_->acked;
    over_ = true;
  });
}

BackgroundLoad::~BackgroundLoad() {
  asked_to_end_ = true;
  if (thread_.joinable()) thread_.join();
}

bool BackgroundLoad::AwaitMore(uint64_t mtrs) const {
  const uint64_t goal = acked_ + mtrs;
  launcher::WaitUntil({"more acknowledged MTRs", kMoreAcksTimeout, ""},
                      [&]() -> absl::StatusOr<bool> { return acked_ >= goal || over_; })
      .IgnoreError();
  return acked_ >= goal;
}

bool BackgroundLoad::AwaitEnd() const {
  return launcher::WaitUntil({"the writer to end", kEndTimeout, ""},
                             [&]() -> absl::StatusOr<bool> { return over_.load(); })
      .ok();
}

workload::WriteResult BackgroundLoad::End() {
  asked_to_end_ = true;
  if (thread_.joinable()) thread_.join();
  EXPECT_TRUE(result_.ok()) << result_.status();
  return result_.ok() ? *result_ : workload::WriteResult();
}

absl::Status PutDurably(compute::Volume& volume, PageNo page, const std::string& text,
                        Duration timeout) {
  compute::Mtr mtr = volume.BeginMtr();
  if (absl::Status written = mtr.Write(page, 0, text); !written.ok()) return written;
  const auto lsn = volume.Commit(std::move(mtr));
  return lsn.ok() ? volume.WaitDurable(*lsn, timeout) : lsn.status();
}

workload::AckVerdict CheckAcks(compute::Volume& volume, const std::string& ack_log) {
  workload::AckCheck acks;
  const absl::Status loaded = acks.LoadAckLog(ack_log);
  EXPECT_TRUE(loaded.ok()) << loaded;
  const auto view = volume.PinReadPoint();
  for (const PageNo page : acks.PagesNeeded()) {
    const auto read = volume.ReadPage(page, view->read_point());
    EXPECT_TRUE(read.ok()) << "page " << page.value() << ": " << read.status();
    if (read.ok()) acks.Show(page, read->page);
  }
  return acks.Finish();
}

std::string Complaint(const workload::AckVerdict& verdict) {
  std::string text = std::to_string(verdict.missing) + " of " + std::to_string(verdict.acked) +
                     " acknowledged MTRs missing, " + std::to_string(verdict.partial_mtrs) +
                     " partly there";
  for (const std::string& example : verdict.examples) text += "\n  " + example;
  return text;
}

}  // namespace hexad::cluster_test
