// hexad-chaos: random faults against a live cluster, with the proof that nothing acknowledged was
// lost, and a page to look at. cluster-scripts/chaos calls it.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <random>

#include "cli/interrupt.h"
#include "tests/cluster/chaos/run.h"
#include "tests/cluster/guardian.h"

namespace hexad::chaos {
namespace {

namespace fs = std::filesystem;

struct Flags {
  double minutes = 2;
  uint64_t seed = 0;
  std::string page = "chaos.html";
};

int RunIn(const std::string& root, const Flags& flags) {
  RunOptions options;
  options.folder = root + "/cluster";
  options.page = flags.page;
  options.seed = flags.seed;
  options.minutes = flags.minutes;
  options.tell = [](const std::string& line) { std::cout << line << std::endl; };
  options.launcher.bin_dir = fs::path(launcher::OwnExecutable()).parent_path();
  options.launcher.interrupted = cli::Interrupted;
  const absl::Status held = Run(options);
  if (fs::exists(flags.page)) {
    std::cout << "timeline: " << fs::absolute(flags.page).string() << "\n";
  }
  if (held.ok()) return 0;
  std::cerr << "hexad-chaos: " << held.message() << "\n";
  return 1;
}

int Main(int argc, char** argv) {
  CLI::App app("Random faults against a live cluster, and the proof that nothing was lost");
  Flags flags;
  app.add_option("--minutes", flags.minutes, "How long (2)")->check(CLI::Range(0.1, 10'000.0));
  app.add_option("--seed", flags.seed, "Which faults; 0: draws one")->capture_default_str();
  app.add_option("--html", flags.page, "Where the timeline goes")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (flags.seed == 0) flags.seed = std::random_device()() % 1'000'000 + 1;
  cli::WatchForInterrupt();
  std::string root = fs::temp_directory_path() / "hexad-chaos-XXXXXX";
  if (mkdtemp(root.data()) == nullptr) {
    std::cerr << "hexad-chaos: cannot make " << root << "\n";
    return 1;
  }
  int code = 1;
  {
    const cluster_test::Guardian guardian(root, root + "/cluster");
    code = RunIn(root, flags);
  }
  if (code == 0) {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  } else {
    std::cerr << "  kept for a look, stopped: " << root << "\n";
  }
  return code;
}

}  // namespace
}  // namespace hexad::chaos

int main(int argc, char** argv) { return hexad::chaos::Main(argc, argv); }
