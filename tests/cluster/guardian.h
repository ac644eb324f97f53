// Cleans up after a test whose own process aborts, is killed or times out: a small shell, outside
// of the test's process tree, waits at a pipe whose other end only the test holds. The end of that
// pipe without a word is the test's death; then the cluster is stopped and its folder deleted.
//
// (A parent-death signal would not do: processes that `hexad` started are not the test's children.)
// Mounts live in a mount namespace of the test and of what it started, and go with the last of
// them.
#pragma once

#include <string>

namespace hexad::cluster_test {

class Guardian {
 public:
  // Of `folder`, and of the cluster in `cluster`, if one is there by then.
  Guardian(const std::string& folder, const std::string& cluster);
  ~Guardian();  // all is well, or cleaned up: it has nothing to do
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

 private:
  int word_ = -1;  // the pipe's writing end
};

}  // namespace hexad::cluster_test
