#include "tests/contract/writer_process.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "quorum/base/check.h"

namespace hexad::storage_node {

WriterProcess::WriterProcess(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  INVARIANT(pipe(ends) == 0);
  pid_ = fork();
  INVARIANT(pid_ >= 0);
  if (pid_ == 0) {
    setpgid(0, 0);  // so that what it starts (strace does) goes with it
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  setpgid(pid_, pid_);
  close(ends[1]);
  output_ = ends[0];
}

WriterProcess::~WriterProcess() { Kill(); }

bool WriterProcess::ReadSome(int milliseconds) {
  pollfd poll_for{output_, POLLIN, 0};
  if (poll(&poll_for, 1, milliseconds) <= 0) return true;  // nothing yet
  char buffer[65536];
  const ssize_t count = read(output_, buffer, sizeof buffer);
  if (count <= 0) return false;
  pending_.append(buffer, static_cast<size_t>(count));
  for (size_t end; (end = pending_.find('\n')) != std::string::npos; pending_.erase(0, end + 1)) {
    const std::string line = pending_.substr(0, end);
    if (line.starts_with("failed ")) report_.failure = line.substr(7);
    const bool synced = line.starts_with("synced ");
    if (!synced && !line.starts_with("ordered ")) continue;
    report_.written = std::stoull(line.substr(line.find(' ') + 1));
    if (synced) report_.synced = report_.written;
    ++writes_;
  }
  return true;
}

bool WriterProcess::WaitForWrites(uint64_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (writes_ < count && std::chrono::steady_clock::now() < deadline) {
    if (!ReadSome(100)) return false;
  }
  return writes_ >= count;
}

WriterReport WriterProcess::Kill() {
  if (pid_ > 0) kill(-pid_, SIGKILL);
  return Finish();
}

WriterReport WriterProcess::WaitForEnd(int milliseconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (std::chrono::steady_clock::now() < deadline && ReadSome(50)) {
  }
  return Kill();
}

WriterReport WriterProcess::Finish() {
  if (pid_ <= 0) return report_;
  while (ReadSome(-1)) {  // up to the end of file: the pipe holds what it said before it died
  }
  close(output_);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return report_;
}

}  // namespace hexad::storage_node
