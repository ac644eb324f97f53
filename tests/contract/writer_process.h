// A store_writer (store_writer.cc) as a child process: started, listened to, and killed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace hexad::storage_node {

struct WriterReport {
  uint64_t synced = 0;   // the last write that it reported as synced
  uint64_t written = 0;  // the last write that it reported at all
  std::string failure;   // what it reported instead, if it ended by itself
};

class WriterProcess {
 public:
  // `arguments`: the whole command line, program first (found by PATH).
  explicit WriterProcess(const std::vector<std::string>& arguments);
  ~WriterProcess();
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  // Waits until it has reported this many writes, or it ended. False: it ended, or ten seconds
  // passed.
  bool WaitForWrites(uint64_t count);
  // SIGKILL, then everything that it had reported.
  WriterReport Kill();
  // Waits for its end (at most `milliseconds`, then SIGKILL), then everything that it had reported.
  WriterReport WaitForEnd(int milliseconds);

 private:
  bool ReadSome(int milliseconds);
  WriterReport Finish();

  pid_t pid_ = -1;
  int output_ = -1;
  std::string pending_;  // an incomplete line
  uint64_t writes_ = 0;
  WriterReport report_;
};

}  // namespace hexad::storage_node
