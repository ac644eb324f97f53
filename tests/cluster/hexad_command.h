// Runs the real `hexad` as a user does, and keeps what it printed. Every run has a deadline; a
// command that outlives it is killed and reported as such.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/launcher/process.h"

namespace hexad::cluster_test {

struct Outcome {
  int exit_code = -1;  // -1: killed at the deadline, or by a signal
  std::string out;
  std::string err;
  double seconds = 0;

  // Everything it printed, for failure messages.
  std::string Said() const { return "exit " + std::to_string(exit_code) + "\n" + out + err; }
  nlohmann::json Json() const { return nlohmann::json::parse(out, nullptr, false); }
};

// The folder of the built programs.
std::string BinDir();

Outcome Hexad(const std::vector<std::string>& arguments, double deadline_seconds = 60);
Outcome RunProgram(const std::vector<std::string>& argv, double deadline_seconds = 60);

// A `hexad` that runs on in the background: kill it, or wait for its end.
class BackgroundHexad {
 public:
  BackgroundHexad(const std::vector<std::string>& arguments, const std::string& log_file);
  ~BackgroundHexad();  // kill -9, unless it has ended
  BackgroundHexad(const BackgroundHexad&) = delete;
  BackgroundHexad& operator=(const BackgroundHexad&) = delete;

  const launcher::ProcessIdentity& identity() const { return identity_; }
  bool running() const { return launcher::StateOf(identity_) != launcher::ProcessState::kDown; }
  void Signal(int signal) const;

 private:
  launcher::ProcessIdentity identity_;
};

}  // namespace hexad::cluster_test
