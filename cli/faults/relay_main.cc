// hexad-relay: the network between the processes of a test cluster (relay.h). Started by the
// launcher; reads its rules again at each SIGHUP, and says which it obeys in RULES.applied.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/faults/link_rules.h"
#include "cli/faults/relay.h"

namespace hexad::faults {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

std::string TextOf(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "hexad-relay: %s\n", std::string(status.message()).c_str());
  return kFailed;
}

absl::Status Obey(const std::string& file, Relay& relay) {
  auto rules = ParseRules(TextOf(file));
  if (!rules.ok()) return rules.status();
  const uint64_t generation = rules->generation;
  relay.Apply(*std::move(rules));
  const std::string draft = file + ".applied.new";
  std::ofstream(draft) << generation << "\n";
  std::rename(draft.c_str(), (file + ".applied").c_str());
  std::printf("rules %llu: %zu\n", static_cast<unsigned long long>(generation),
              relay.rules().rules.size());
  std::fflush(stdout);
  return absl::OkStatus();
}

// One connection is two descriptors; reconnects pile up while links are cut.
void RaiseFileLimit() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int Run(const std::string& links_file, const std::string& rules_file) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int wake = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  RaiseFileLimit();
  const auto links = ParseLinks(TextOf(links_file));
  if (!links.ok()) return Fail(links.status());
  const auto relay = Relay::Listen(*links);
  if (!relay.ok()) return Fail(relay.status());
  if (absl::Status obeyed = Obey(rules_file, **relay); !obeyed.ok()) return Fail(obeyed);
  for (;;) {
    (*relay)->Step(wake);
    signalfd_siginfo signal{};
    if (read(wake, &signal, sizeof signal) != sizeof signal) continue;
    if (signal.ssi_signo != SIGHUP) return 0;
    // Rules that make no sense leave the old ones in force; the log says why.
    if (absl::Status obeyed = Obey(rules_file, **relay); !obeyed.ok()) Fail(obeyed);
  }
}

}  // namespace
}  // namespace hexad::faults

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: hexad-relay LINKS RULES (hexad up --faults starts it)\n");
    return hexad::faults::kWrongUsage;
  }
  return hexad::faults::Run(argv[1], argv[2]);
}
