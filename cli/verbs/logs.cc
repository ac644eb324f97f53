// hexad logs TARGET [-f]: what a process, or every node of an AZ, wrote.
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "cli/interrupt.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/faults.h"
#include "cli/launcher/targets.h"
#include "cli/verbs/verbs.h"

namespace hexad::cli {
namespace {

constexpr std::chrono::milliseconds kLookEvery{200};

// A log that is being written, read line by line as it grows.
struct Tail {
  std::string prefix;  // "n3 | " when several are shown at once
  std::string file;
  std::streamoff position = 0;

  // Prints every whole line after the position; the last one also when it is not whole yet and
  // nobody waits for the rest.
  void PrintNew(bool also_partial) {
    std::ifstream in(file, std::ios::binary);
    in.seekg(position);
    for (std::string line; std::getline(in, line);) {
      if (in.eof() && !also_partial) break;
      std::cout << prefix << line << "\n";
      position += static_cast<std::streamoff>(line.size()) + 1;
    }
    std::cout.flush();
  }
};

absl::Status RunLogs(const Session& session, const std::string& target, bool follow) {
  const auto launcher = session.OpenCluster();
  if (!launcher.ok()) return launcher.status();
  const auto names = launcher->record().faults && target == launcher::kRelay
                         ? launcher::ProcessNames{target}
                         : launcher::ResolveTarget(launcher->record(), target);
  if (!names.ok()) return names.status();
  std::vector<Tail> tails;
  for (const std::string& name : *names) {
    const std::string file = launcher->dir().log_file(name);
    if (!std::ifstream(file)) continue;
    tails.push_back({names->size() > 1 ? name + " | " : "", file});
  }
  if (tails.empty()) {
    return launcher::Failed(absl::StatusCode::kNotFound,
                            {absl::StrCat(target, " has written no log yet"), "", "hexad up"});
  }
  for (Tail& tail : tails) tail.PrintNew(!follow);
  while (follow && !Interrupted()) {
    std::this_thread::sleep_for(kLookEvery);
    for (Tail& tail : tails) tail.PrintNew(false);
  }
  return absl::OkStatus();
}

}  // namespace

void AddLogs(CLI::App& app, Session& session) {
  CLI::App* verb = app.add_subcommand("logs", "What a process wrote");
  auto target = std::make_shared<std::string>();
  auto follow = std::make_shared<bool>(false);
  verb->add_option("TARGET", *target, "n3, az:b, compute or bench")->required();
  verb->add_flag("-f,--follow", *follow, "Go on as it grows, until Ctrl-C");
  verb->callback([&session, target, follow] {
    session.run = [&session, target, follow] { return RunLogs(session, *target, *follow); };
  });
}

}  // namespace hexad::cli
