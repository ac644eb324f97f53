#include "cli/launcher/ports.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/launcher/explain.h"
#include "cli/launcher/process.h"

namespace hexad::launcher {
namespace {

namespace fs = std::filesystem;

std::string ClaimsFolder() { return absl::StrCat("/tmp/hexad-ports-", getuid()); }
std::string ClaimFile(int block) { return absl::StrCat(ClaimsFolder(), "/", block); }

// Serialises claims of different launchers for as long as it lives.
class ClaimsLock {
 public:
  ClaimsLock() {
    mkdir(ClaimsFolder().c_str(), 0700);
    fd_ = open((ClaimsFolder() + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ >= 0) flock(fd_, LOCK_EX);
  }
  ~ClaimsLock() {
    if (fd_ >= 0) close(fd_);
  }
  ClaimsLock(const ClaimsLock&) = delete;
  ClaimsLock& operator=(const ClaimsLock&) = delete;

 private:
  int fd_ = -1;
};

std::string OwnerOf(int block) {
  std::ifstream in(ClaimFile(block));
  std::string folder;
  std::getline(in, folder);
  return folder;
}

// A claim dies with the cluster that it was made for.
bool Claimed(int block, const std::string& by_other_than) {
  const std::string owner = OwnerOf(block);
  if (owner.empty() || owner == by_other_than) return false;
  // The lock is there before the cluster is: while its folder is being made.
  return fs::exists(owner + "/cluster.json") || fs::exists(owner + "/lock");
}

bool WholeBlockFree(int block) {
  for (int port = block; port < block + kPortsPerBlock; ++port) {
    if (!PortIsFree(port)) return false;
  }
  return true;
}

// The inode of the socket that listens on the port, from /proc/net/tcp and tcp6.
std::string ListeningInode(int port) {
  constexpr size_t kLocal = 1;
  constexpr size_t kSocketState = 3;
  constexpr size_t kInode = 9;
  const std::string local_end = absl::StrCat(":", absl::Hex(port, absl::kZeroPad4));
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    for (std::string line; std::getline(in, line);) {
      const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
      if (fields.size() <= kInode || fields[kSocketState] != "0A") continue;
      if (absl::EndsWithIgnoreCase(fields[kLocal], local_end)) return fields[kInode];
    }
  }
  return "";
}

bool HoldsSocket(const fs::path& process, const std::string& socket) {
  std::error_code error;
  for (const auto& fd : fs::directory_iterator(process / "fd", error)) {
    if (fs::read_symlink(fd.path(), error).string() == socket) return true;
  }
  return false;
}

}  // namespace

bool PortIsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // a port in TIME_WAIT is free
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

std::string WhoListensOn(int port) {
  const std::string inode = ListeningInode(port);
  if (inode.empty()) return "another process";
  const std::string socket = absl::StrCat("socket:[", inode, "]");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    if (!HoldsSocket(entry.path(), socket)) continue;
    const auto process = Inspect(pid);
    return absl::StrCat("pid ", pid, " (", process ? process->identity.exe : "?", ")");
  }
  return "a process of another user";
}

absl::StatusOr<int> ClaimPortBlock(const std::string& folder) {
  const ClaimsLock lock;
  for (int block = kFirstBlock; block <= kLastBlock; block += kPortsPerBlock) {
    if (Claimed(block, folder) || !WholeBlockFree(block)) continue;
    std::ofstream out(ClaimFile(block), std::ios::trunc);
    out << folder << "\n";
    if (!out.flush()) break;
    return block;
  }
  return Failed(absl::StatusCode::kResourceExhausted,
                {"no free block of ports on 127.0.0.1",
                 absl::StrCat("every block from ", kFirstBlock, " to ", kLastBlock,
                              " is in use or claimed in ", ClaimsFolder()),
                 "stop clusters that are no longer needed: hexad down --wipe --dir FOLDER"});
}

void ReleasePortBlock(int block, const std::string& folder) {
  const ClaimsLock lock;
  if (OwnerOf(block) == folder) fs::remove(ClaimFile(block));
}

std::optional<HostPort> ParseAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  HostPort parsed{address.substr(0, colon), 0};
  if (!absl::SimpleAtoi(address.substr(colon + 1), &parsed.port)) return std::nullopt;
  if (parsed.port < 1 || parsed.port > 65535) return std::nullopt;
  return parsed;
}

}  // namespace hexad::launcher
