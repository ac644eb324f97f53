#include "tests/cluster/steady_load.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "cli/launcher/wait.h"

namespace hexad::cluster_test {
namespace {

constexpr std::chrono::milliseconds kLookEvery{100};
constexpr double kSampleEvery = 0.25;
// A writer that could not go on would not at once, either.
constexpr double kWaitsAfterAnEnd = 0.3;

double MonotonicSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string TraceFile(const launcher::Launcher& launcher) {
  return launcher.dir().folder() + "/logs/bench.trace";
}

}  // namespace

SteadyLoad::SteadyLoad(launcher::Launcher& launcher, Options options)
    : launcher_(launcher),
      options_(std::move(options)),
      began_s_(MonotonicSeconds()),
      thread_([this] { Run(); }) {}

SteadyLoad::~SteadyLoad() {
  over_ = true;
  thread_.join();
  launcher::Signal(writer_, SIGKILL).IgnoreError();
  launcher::WaitUntil({"the writer to end", launcher::Millis(5'000), ""},
                      [this]() -> absl::StatusOr<bool> {
                        return launcher::StateOf(writer_) == launcher::ProcessState::kDown;
                      })
      .IgnoreError();
}

double SteadyLoad::Now() const { return MonotonicSeconds() - began_s_; }

absl::StatusOr<launcher::ProcessIdentity> SteadyLoad::StartWriter() {
  std::error_code ignored;
  std::filesystem::remove(TraceFile(launcher_), ignored);
  std::filesystem::remove(launcher_.dir().log_file(launcher::kBench), ignored);
  // A process that this folder remembers by name would be stopped twice: bench remembers itself.
  return launcher::Spawn(
      {{launcher_.options().bin_dir + "/hexad", "bench", "write", "--dir", launcher_.dir().folder(),
        "--seconds", "86400", "--pages", options_.pages, "--depth", options_.depth,
        "--records-per-mtr", "3", "--ack-log", options_.ack_log},
       launcher_.dir().log_file(launcher::kBench),
       launcher::EnvironmentOf(launcher_, launcher::kBench)});
}

void SteadyLoad::Run() {
  cli::LoadTraceReader trace(TraceFile(launcher_));
  bool running = false;
  while (!over_) {
    if (!running && Now() >= again_s_) {
      const auto started = StartWriter();
      trace = cli::LoadTraceReader(TraceFile(launcher_));
      const std::lock_guard lock(mutex_);
      if (started.ok()) writer_ = *started;
      killed_by_us_ = false;
      running = started.ok();
    }
    std::this_thread::sleep_for(kLookEvery);
    CountAcks();
    Look(trace);
    const std::lock_guard lock(mutex_);
    if (running && launcher::StateOf(writer_) == launcher::ProcessState::kDown) {
      running = false;
      if (!killed_by_us_) ends_.push_back({Now(), LastWords()});
      again_s_ = Now() + (killed_by_us_ ? 0 : kWaitsAfterAnEnd);
    }
  }
}

// Whole lines only: a writer that is killed may leave half of one.
void SteadyLoad::CountAcks() {
  std::ifstream in(options_.ack_log, std::ios::binary);
  if (!in) return;
  in.seekg(counted_);
  std::string grown(std::istreambuf_iterator<char>(in), {});
  counted_ += static_cast<std::streamoff>(grown.size());
  acked_ += static_cast<uint64_t>(std::count(grown.begin(), grown.end(), '\n'));
}

void SteadyLoad::Look(cli::LoadTraceReader& trace) {
  const double now = Now();
  if (now - looked_s_ < kSampleEvery) return;
  cli::LoadWindow window = trace.TakeNew();
  const std::lock_guard lock(mutex_);
  samples_.push_back({.at_s = now,
                      .seconds = now - looked_s_,
                      .acked = window.acked,
                      .commit_us = std::move(window.commit_us)});
  looked_s_ = now;
}

std::string SteadyLoad::LastWords() const {
  std::ifstream in(launcher_.dir().log_file(launcher::kBench));
  std::string words = "ended without a word";
  for (std::string line; std::getline(in, line);) {
    if (absl::StartsWith(line, "hexad: ")) words = line.substr(7);
  }
  return words;
}

void SteadyLoad::Signal(int signal) {
  const std::lock_guard lock(mutex_);
  if (signal == SIGKILL) killed_by_us_ = true;
  launcher::Signal(writer_, signal).IgnoreError();
}

bool SteadyLoad::AwaitMore(uint64_t mtrs, double seconds) const {
  const uint64_t goal = acked_ + mtrs;
  return launcher::WaitUntil(
             {"more acknowledged MTRs", launcher::Millis(static_cast<int64_t>(seconds * 1000)), ""},
             [&]() -> absl::StatusOr<bool> { return acked_ >= goal; })
      .ok();
}

std::vector<LoadSample> SteadyLoad::TakeSamples() {
  const std::lock_guard lock(mutex_);
  return std::exchange(samples_, {});
}

std::vector<WriterEnd> SteadyLoad::TakeEnds() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ends_, {});
}

}  // namespace hexad::cluster_test
