// Proves that the simulator catches what it is there to catch: every planted bug (*.bug, see
// plant.cmake) must fail by the checker it names, at a seed that hexad-sim without it passes.
//
//   bug_bank BUGS PROGRAMS [NAME...]    each bug: its known seed first; where that seed draws other
//                                       events by now, from seed 1 on
//   HEXAD_BUG_SEEDS=2000 bug_bank ...   each bug from seed 1 on until any checker catches it, with
//   a
//                                       table of who caught it, at which seed and in how many
//                                       seconds, and the median; HEXAD_BUG_JOBS at once (2)
//
// Exit codes: 0 all caught, 18 one was not, 77 the programs are not built (ninja sim_bugs).
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kExitBugMissed = 18;
constexpr int kExitNotBuilt = 77;
constexpr uint64_t kSeedsPerBug = 2'000;  // a bug that needs more is missed

struct Bug {
  std::string name;
  std::map<std::string, std::string> fields;  // the lines before "--- find"
};

struct Run {
  int exit_code = 0;
  std::string verdict;  // the line that starts with FAILED, without that word
};

Bug ReadBug(const fs::path& file) {
  Bug bug{file.stem().string(), {}};
  std::ifstream in(file);
  for (std::string line; std::getline(in, line) && line != "--- find";) {
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) bug.fields[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return bug;
}

std::vector<Bug> ReadBugs(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<Bug> bugs;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".bug") continue;
    Bug bug = ReadBug(entry.path());
    const bool asked = std::find(names.begin(), names.end(), bug.name) != names.end();
    if (asked || names.empty()) bugs.push_back(std::move(bug));
  }
  std::sort(bugs.begin(), bugs.end(), [](const Bug& a, const Bug& b) { return a.name < b.name; });
  return bugs;
}

Run RunSeed(const fs::path& program, uint64_t seed) {
  const std::string command =
      program.string() + " --seed " + std::to_string(seed) + " --quiet --no-minimize 2>&1";
  Run run;
  FILE* out = popen(command.c_str(), "r");
  if (out == nullptr) return {-1, "cannot be started"};
  std::array<char, 1 << 12> buffer;
  while (fgets(buffer.data(), buffer.size(), out) != nullptr) {
    const std::string line = buffer.data();
    if (line.starts_with("FAILED ")) run.verdict = line.substr(7, line.find('\n') - 7);
  }
  const int status = pclose(out);
  run.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

// Failed, and not for a reason that has nothing to do with what was run; `by` is in the verdict.
bool Caught(const Run& run, const std::string& by) {
  return run.exit_code != 0 && !run.verdict.empty() && run.verdict.find(by) != std::string::npos;
}

int Setting(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::max(1, std::atoi(text));
}

// ---- searching ----------------------------------------------------------------------------------

struct Found {
  uint64_t seed = 0;
  std::string verdict;
  double seconds = 0;
};

// The lowest seed that fails in the way that is looked for (`by` in the verdict; "" takes all).
// Waves of `jobs` seeds: whatever the jobs, the answer is the same.
std::optional<Found> Search(const fs::path& program, uint64_t seeds, const std::string& by) {
  const auto began = Clock::now();
  const int jobs = Setting("HEXAD_BUG_JOBS", 2);
  for (uint64_t first = 1; first <= seeds; first += static_cast<uint64_t>(jobs)) {
    std::vector<Run> runs(static_cast<size_t>(jobs));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < runs.size(); ++i) {
      threads.emplace_back([&, i] { runs[i] = RunSeed(program, first + i); });
    }
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < runs.size() && first + i <= seeds; ++i) {
      if (!Caught(runs[i], by)) continue;
      const std::chrono::duration<double> took = Clock::now() - began;
      return Found{first + i, runs[i].verdict, took.count()};
    }
  }
  return std::nullopt;
}

// ---- each by the checker it names ---------------------------------------------------------------

// Any change of what a run draws moves the seeds, so a known seed only saves the search.
std::optional<Found> FindByName(const Bug& bug, const fs::path& program) {
  const std::string& by = bug.fields.at("caught by");
  const uint64_t known = std::stoull(bug.fields.at("seed"));
  if (Run run = RunSeed(program, known); Caught(run, by)) return Found{known, run.verdict, 0};
  return Search(program, kSeedsPerBug, by);
}

bool CheckBug(const Bug& bug, const fs::path& programs) {
  const auto found = FindByName(bug, programs / ("hexad-sim-bug-" + bug.name));
  if (!found.has_value()) {
    std::printf("MISSED  %-30s not one of %lu seeds fails by %s\n", bug.name.c_str(), kSeedsPerBug,
                bug.fields.at("caught by").c_str());
    return false;
  }
  const Run sound = RunSeed(programs / "hexad-sim", found->seed);
  std::printf("%s  %-30s seed %4lu%s: %s\n", sound.exit_code == 0 ? "caught" : "MISSED",
              bug.name.c_str(), found->seed, found->seconds > 0 ? " (searched)" : "",
              found->verdict.substr(0, 110).c_str());
  if (sound.exit_code != 0) {
    std::printf("        hexad-sim fails without the bug: %s\n", sound.verdict.c_str());
  }
  std::fflush(stdout);
  return sound.exit_code == 0;
}

// ---- each by whoever is first -------------------------------------------------------------------

int SearchAll(const std::vector<Bug>& bugs, const fs::path& programs, uint64_t seeds) {
  std::vector<uint64_t> needed;
  std::printf("%-36s %5s %8s  %s\n", "bug", "seed", "seconds", "caught by");
  for (const Bug& bug : bugs) {
    const auto found = Search(programs / ("hexad-sim-bug-" + bug.name), seeds, "");
    if (found.has_value()) {
      std::printf("%-36s %5lu %8.1f  %s\n", bug.name.c_str(), found->seed, found->seconds,
                  found->verdict.substr(0, 110).c_str());
      needed.push_back(found->seed);
    } else {
      std::printf("%-36s     -        -  MISSED by %lu seeds\n", bug.name.c_str(), seeds);
    }
    std::fflush(stdout);
  }
  std::sort(needed.begin(), needed.end());
  const uint64_t median = needed.empty() ? 0 : needed[(needed.size() - 1) / 2];
  std::printf("%zu of %zu caught, median %lu seeds\n", needed.size(), bugs.size(), median);
  return needed.size() == bugs.size() ? 0 : kExitBugMissed;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "bug_bank BUGS PROGRAMS [NAME...]\n");
    return 2;
  }
  const fs::path programs = argv[2];
  const std::vector<Bug> bugs = ReadBugs(argv[1], {argv + 3, argv + argc});
  for (const Bug& bug : bugs) {
    if (fs::exists(programs / ("hexad-sim-bug-" + bug.name))) continue;
    std::printf("hexad-sim-bug-%s is not built: ninja sim_bugs\n", bug.name.c_str());
    return kExitNotBuilt;
  }
  if (bugs.empty()) return kExitBugMissed;
  if (const int seeds = Setting("HEXAD_BUG_SEEDS", 0); std::getenv("HEXAD_BUG_SEEDS") != nullptr) {
    return SearchAll(bugs, programs, static_cast<uint64_t>(seeds));
  }
  const auto caught = std::count_if(bugs.begin(), bugs.end(),
                                    [&](const Bug& bug) { return CheckBug(bug, programs); });
  std::printf("%ld of %zu caught\n", static_cast<long>(caught), bugs.size());
  return static_cast<size_t>(caught) == bugs.size() ? 0 : kExitBugMissed;
}
