#include "tests/sim/runner.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "quorum/base/check.h"
#include "tests/sim/checkers/checkers.h"
#include "tests/sim/options.h"

#ifdef HEXAD_COVERAGE
extern "C" void __gcov_dump();  // _exit leaves out what counts
#endif

namespace hexad::sim {
namespace {

using nlohmann::json;

constexpr size_t kKeptWords = 16 << 10;  // the last ones of a child that dies

std::string ToJson(const RunResult& result) {
  const Verdict& v = result.verdict;
  return json{{"seed", result.seed},
              {"exit_code", result.exit_code},
              {"message", result.message},
              {"at", v.at.nanos()},
              {"trace", v.trace},
              {"counts",
               {v.mtrs_acked, v.mtrs_unknown, v.openings, v.fenced, v.pages_read, v.restarts,
                v.events}},
              {"marks", result.marks},
              {"cpu_micros", result.cpu_micros}}
             .dump() +
         "\n";
}

RunResult FromJson(const std::string& line) {
  const json from = json::parse(line);
  RunResult result;
  result.seed = from.at("seed");
  result.exit_code = from.at("exit_code");
  result.message = from.at("message");
  result.marks = from.at("marks").get<MarkCounts>();
  result.cpu_micros = from.at("cpu_micros");
  Verdict& v = result.verdict;
  v.failure = static_cast<FailureClass>(result.exit_code);
  v.message = result.message;
  v.at = Instant(from.at("at").get<int64_t>());
  v.trace = from.at("trace");
  const json& counts = from.at("counts");
  v.mtrs_acked = counts.at(0);
  v.mtrs_unknown = counts.at(1);
  v.openings = counts.at(2);
  v.fenced = counts.at(3);
  v.pages_read = counts.at(4);
  v.restarts = counts.at(5);
  v.events = counts.at(6);
  return result;
}

void WriteAll(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t wrote = write(fd, text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) _exit(kExitCrash);
    at += static_cast<size_t>(wrote);
  }
}

// A child that does seeds one after the other and writes a line for each. What it prints itself (an
// INVARIANT's last words) comes through a second pipe.
class Worker {
 public:
  Worker(uint64_t first, uint64_t last, uint64_t step, const SeedRun& run)
      : next_(first), last_(last), step_(step), run_(run) {}

  bool Start() {
    if (next_ > last_) return false;
    int results[2];
    int words[2];
    INVARIANT(pipe(results) == 0);
    INVARIANT(pipe(words) == 0);
    std::fflush(stdout);
    pid_ = fork();
    INVARIANT(pid_ >= 0);
    if (pid_ == 0) {
      close(results[0]);
      close(words[0]);
      dup2(words[1], STDERR_FILENO);
      Work(results[1]);
    }
    close(results[1]);
    close(words[1]);
    results_ = results[0];
    words_ = words[0];
    deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(kRunTimeoutSeconds);
    return true;
  }

  int results() const { return results_; }
  int words() const { return words_; }
  bool running() const { return pid_ > 0; }

  // Reads what is there. A result for each line; one more if the child died in the middle of a
  // seed.
  std::vector<RunResult> Read() {
    char buffer[1 << 14];
    const ssize_t got = read(results_, buffer, sizeof buffer);
    if (got > 0) {
      text_.append(buffer, static_cast<size_t>(got));
      return TakeLines();
    }
    std::vector<RunResult> last;
    if (auto died = Reap()) last.push_back(*std::move(died));
    return last;
  }

  // What the child prints is taken as it comes: a full pipe would stop it.
  bool ReadWords() {
    char buffer[4096];
    const ssize_t got = read(words_, buffer, sizeof buffer);
    if (got <= 0) return false;
    said_.append(buffer, static_cast<size_t>(got));
    if (said_.size() > kKeptWords) said_.erase(0, said_.size() - kKeptWords);
    return true;
  }

  void KillIfLate() {
    if (running() && std::chrono::steady_clock::now() > deadline_) kill(pid_, SIGKILL);
  }
  void Stop() {
    if (!running()) return;
    kill(pid_, SIGKILL);
    Reap();
  }

 private:
  [[noreturn]] void Work(int out) {
    for (uint64_t seed = next_; seed <= last_; seed += step_) {
      WriteAll(out, ToJson(run_(seed)));
    }
#ifdef HEXAD_COVERAGE
    __gcov_dump();
#endif
    _exit(0);
  }

  std::vector<RunResult> TakeLines() {
    std::vector<RunResult> results;
    size_t end = 0;
    while ((end = text_.find('\n')) != std::string::npos) {
      results.push_back(FromJson(text_.substr(0, end)));
      text_.erase(0, end + 1);
      next_ = results.back().seed + step_;
      deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(kRunTimeoutSeconds);
    }
    return results;
  }

  // The child has ended. If it died, what it was doing failed, and the next one goes on behind it.
  std::optional<RunResult> Reap() {
    while (ReadWords()) {
    }
    std::string said = std::exchange(said_, "");
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    close(results_);
    close(words_);
    text_.clear();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      next_ = last_ + 1;
      return std::nullopt;
    }
    RunResult died;
    died.seed = next_;
    const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    died.exit_code = aborted ? kExitInvariant : kExitCrash;
    while (!said.empty() && said.back() == '\n') said.pop_back();
    died.message =
        absl::StrCat(aborted ? "a core stopped itself: " : "the run died: ", said,
                     WIFSIGNALED(status) ? absl::StrCat(" (signal ", WTERMSIG(status), ")") : "");
    next_ += step_;
    return died;
  }

  uint64_t next_;
  const uint64_t last_;
  const uint64_t step_;
  const SeedRun run_;
  pid_t pid_ = -1;
  int results_ = -1;
  int words_ = -1;
  std::string text_;
  std::string said_;
  std::chrono::steady_clock::time_point deadline_;
};

void RunWorkers(std::vector<Worker> workers, const SeedDone& done) {
  for (Worker& worker : workers) worker.Start();
  for (bool go_on = true; go_on;) {
    std::vector<pollfd> fds;  // two of each worker
    std::vector<Worker*> polled;
    for (Worker& worker : workers) {
      if (!worker.running()) continue;
      fds.push_back({worker.results(), POLLIN, 0});
      fds.push_back({worker.words(), POLLIN, 0});
      polled.push_back(&worker);
    }
    if (fds.empty()) break;
    poll(fds.data(), fds.size(), 1000);
    for (size_t i = 0; i < polled.size() && go_on; ++i) {
      polled[i]->KillIfLate();
      if ((fds[2 * i + 1].revents & POLLIN) != 0) polled[i]->ReadWords();
      if (fds[2 * i].revents == 0) continue;
      for (const RunResult& result : polled[i]->Read()) go_on = go_on && done(result);
      if (!polled[i]->running() && go_on) polled[i]->Start();
    }
  }
  for (Worker& worker : workers) worker.Stop();
}

}  // namespace

std::string RunResult::Kind() const {
  if (exit_code == static_cast<int>(FailureClass::kSafety)) {
    return message.substr(0, message.find(':'));
  }
  if (exit_code == kExitInvariant) return message;
  return exit_code == kExitCrash ? "crash" : std::string(NameOf(verdict.failure));
}

int64_t CpuMicros() {
  timespec now{};
  INVARIANT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1000;
}

RunResult RunHere(uint64_t seed, const std::optional<FaultPlan>& plan, World::Narrate narrate) {
  const int64_t began = CpuMicros();
  const SimOptions options = DrawOptions(seed);
  ResetMarks(seed);
  RunResult result;
  result.seed = seed;
  {
    World world(options, AllCheckers(options), std::move(narrate));
    result.verdict = world.Run(plan.has_value() ? *plan : DrawFaults(options));
  }
  result.exit_code = static_cast<int>(result.verdict.failure);
  result.message = result.verdict.message;
  result.marks = ReachedMarks();
  result.cpu_micros = CpuMicros() - began;
  return result;
}

void RunTold(uint64_t seed, const FaultPlan& plan, World::Narrate narrate) {
  std::fflush(stdout);
  const pid_t child = fork();
  INVARIANT(child >= 0);
  if (child == 0) {
    alarm(kRunTimeoutSeconds);
    RunHere(seed, plan, std::move(narrate));
    std::fflush(stdout);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

RunResult RunApart(uint64_t seed, const std::optional<FaultPlan>& plan) {
  RunResult result;
  RunSeeds(
      {seed, seed, 1}, [&](uint64_t which) { return RunHere(which, plan, nullptr); },
      [&](const RunResult& done) {
        result = done;
        return true;
      });
  return result;
}

void RunSeeds(const SeedRange& range, const SeedRun& run, const SeedDone& done) {
  std::vector<Worker> workers;
  for (int job = 0; job < range.jobs; ++job) {
    workers.emplace_back(range.first + static_cast<uint64_t>(job), range.last,
                         static_cast<uint64_t>(range.jobs), run);
  }
  RunWorkers(std::move(workers), done);
}

}  // namespace hexad::sim
