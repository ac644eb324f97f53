#include "tests/cluster/guardian.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/cluster/hexad_command.h"

namespace hexad::cluster_test {
namespace {

// The shell that is started ends at once, so that who waits belongs to nobody's process tree. Its
// input would be /dev/null, but for descriptor 3.
constexpr char kScript[] = R"(
exec 3<&0
(
  read -r word && exit 0
  "$1" down --wipe --dir "$2"
  rm -rf "$3"
) <&3 >/dev/null 2>&1 &
)";

}  // namespace

Guardian::Guardian(const std::string& folder, const std::string& cluster) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "pipe";
    return;
  }
  word_ = ends[1];
  const std::string hexad = BinDir() + "/hexad";
  const char* argv[] = {"/bin/sh",       "-c",           kScript, "guardian", hexad.c_str(),
                        cluster.c_str(), folder.c_str(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, argv[0], &actions, &attributes, const_cast<char* const*>(argv), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[0]);
  EXPECT_EQ(failed, 0) << "a guardian";
  if (failed == 0) waitpid(pid, nullptr, 0);
}

Guardian::~Guardian() {
  const ssize_t told = write(word_, "well\n", 5);
  EXPECT_EQ(told, 5);
  close(word_);
}

}  // namespace hexad::cluster_test
