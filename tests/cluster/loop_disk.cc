#include "tests/cluster/loop_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long kExt4Shutdown = 0x8004587d;
constexpr uint32_t kWithoutFlush = 2;

bool Shell(const std::string& command) {
  return std::system(("(" + command + ") >/dev/null 2>&1").c_str()) == 0;
}

const char* FindMissing() {
  if (geteuid() != 0) return "needs root";
  if (!Shell("command -v mkfs.ext4 && losetup -f")) return "needs mkfs.ext4 and loop devices";
  if (unshare(CLONE_NEWNS) != 0 || mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) != 0) {
    return "needs a mount namespace of its own";
  }
  return nullptr;
}

}  // namespace

const char* LoopDisk::Missing() {
  static const char* const missing = FindMissing();
  return missing;
}

LoopDisk::LoopDisk(const std::string& folder, const std::string& image, uint64_t bytes)
    : folder_(folder), image_(image) {
  std::ofstream(image_).flush();
  fs::resize_file(image_, bytes);
  const std::string old = folder + ".old";
  fs::rename(folder, old);
  fs::create_directory(folder);
  made_ = Shell("mkfs.ext4 -q -m 0 " + image_) && TurnOn();
  if (!made_) return;
  fs::remove_all(folder + "/lost+found");  // none of the node's
  fs::copy(old, folder, fs::copy_options::recursive);
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  made_ = fd >= 0 && syncfs(fd) == 0;
  close(fd);
  fs::remove_all(old);
}

LoopDisk::~LoopDisk() { umount2(folder_.c_str(), MNT_DETACH); }

bool LoopDisk::CutPower() const {
  const int fd = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ioctl(fd, kExt4Shutdown, &kWithoutFlush) == 0;
  close(fd);
  return done;
}

bool LoopDisk::TurnOff() const { return Shell("umount " + folder_); }

bool LoopDisk::TurnOn() const { return Shell("mount -o loop " + image_ + " " + folder_); }

absl::StatusOr<LoopDisks> LoopDisks::Make(const launcher::Launcher& launcher,
                                          const std::string& folder, uint64_t bytes) {
  LoopDisks disks;
  for (const launcher::NodeRecord& node : launcher.record().nodes) {
    auto disk = std::make_unique<LoopDisk>(launcher.dir().data_folder(node.id),
                                           absl::StrCat(folder, "/", node.id, ".image"), bytes);
    if (!disk->made()) return absl::InternalError("cannot make a disk for " + node.id);
    disks.disks_[node.id] = std::move(disk);
  }
  return disks;
}

absl::Status LoopDisks::CutPower(launcher::Launcher& launcher,
                                 const launcher::ProcessNames& nodes) {
  for (const std::string& node : nodes) {
    if (!disks_[node]->CutPower()) return absl::InternalError("cannot cut the power of " + node);
  }
  for (const std::string& node : nodes) {
    // A node that met the error first has ended by itself.
    launcher.Kill({node}).IgnoreError();
    if (!disks_[node]->TurnOff() || !disks_[node]->TurnOn()) {
      return absl::InternalError("the disk of " + node + " does not come back");
    }
  }
  return absl::OkStatus();
}

}  // namespace hexad::cluster_test
