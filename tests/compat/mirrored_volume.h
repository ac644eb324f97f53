// A volume in memory beside a file that always holds the same bytes, for programs that handle their
// databases as files: a commit is written to the file, and what somebody else writes there is one
// more commit that this process did not make.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "tests/unit/memory_volume.h"

namespace hexad::compat {

// Thread-safe. Between processes only as far as their turns do not overlap: a file has no lock
// here.
class MirroredVolume final : public unit::MemoryVolume {
 public:
  // Makes the file if there is none.
  static absl::StatusOr<std::shared_ptr<MirroredVolume>> Open(const std::string& path);
  ~MirroredVolume() override;
  MirroredVolume(const MirroredVolume&) = delete;
  MirroredVolume& operator=(const MirroredVolume&) = delete;

  // False once the path leads to another file, or to none.
  bool IsAt(const std::string& path) const;

  absl::StatusOr<Lsn> CommitAfter(Lsn newest, compute::Mtr mtr) override;
  Lsn newest() const override;

 private:
  MirroredVolume(int descriptor, const std::string& path)
      : MemoryVolume(path), descriptor_(descriptor), self_(*this) {}
  // The file as a commit, if it is not as it was left.
  absl::Status TakeOver();
  absl::Status WriteBack(const std::set<PageNo>& pages, Lsn commit);
  // Marks the file as left by this process: its time is one that no clock gives again.
  absl::Status Mark();
  bool IsAsLeft(const struct stat& now) const;

  const int descriptor_;
  MirroredVolume& self_;  // newest() is const for those who ask, and may find a commit
  std::mutex file_mutex_;
  struct stat left_ = {};
};

}  // namespace hexad::compat
