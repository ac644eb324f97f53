#include "storage-node/io/listener_watch.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/time/time.h"

namespace hexad::storage_node {
namespace {

// Within `patience`, is something to be had from (or to be done with) this socket?
bool Ready(int fd, short events, std::chrono::milliseconds patience) {
  pollfd poll_fd{fd, events, 0};
  return poll(&poll_fd, 1, static_cast<int>(patience.count())) == 1;
}

// False if `host` is no IPv4 address.
bool AddressOf(const std::string& host, int port, sockaddr_in& address) {
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return false;
  if (address.sin_addr.s_addr == htonl(INADDR_ANY)) {
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  return true;
}

}  // namespace

bool ListenerWatch::CanWatch(const std::string& host) {
  sockaddr_in address{};
  return AddressOf(host, 0, address);
}

ListenerWatch::ListenerWatch(const ListenerWatchOptions& options, std::function<bool()> alive,
                             std::function<void()> deaf)
    : options_(options), alive_(std::move(alive)), deaf_(std::move(deaf)) {
  thread_ = std::thread([this] { Run(); });
}

void ListenerWatch::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    stopped_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

void ListenerWatch::Run() {
  int failures = 0;
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const absl::Time next = absl::Now() + absl::FromChrono(options_.every);
      while (!stopping_ && !stopped_.WaitWithDeadline(&mutex_, next)) {
      }
      if (stopping_) return;
    }
    alive_();  // from here on
    const bool answers = Answers();
    failures = answers || !alive_() ? 0 : failures + 1;
    if (failures < options_.failures) continue;
    deaf_();
    return;
  }
}

// True also if this process cannot even ask: that proves nothing about the listener.
bool ListenerWatch::Answers() const {
  sockaddr_in address{};
  if (!AddressOf(options_.host, options_.port, address)) return true;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  (void)connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  char byte = 0;
  const bool answers = Ready(fd, POLLOUT, options_.patience) &&
                       Ready(fd, POLLIN, options_.patience) && recv(fd, &byte, 1, 0) == 1;
  close(fd);
  return answers;
}

}  // namespace hexad::storage_node
