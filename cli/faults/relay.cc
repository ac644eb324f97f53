#include "cli/faults/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hexad::faults {
namespace {

constexpr int kBacklog = 128;
constexpr uint64_t kLongestWaitUs = 1'000'000;

uint64_t NowUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

std::optional<sockaddr_in> AddressOf(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) ||
      port > UINT16_MAX ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    return std::nullopt;
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int NewSocket() { return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

void SendAtOnce(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Closes with a reset, as a connection that broke.
void Reset(int& fd) {
  if (fd < 0) return;
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
  fd = -1;
}

bool PeerHasGone(int fd) {
  pollfd ask{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return poll(&ask, 1, 0) > 0 && (ask.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

absl::StatusOr<int> ListenAt(const std::string& where) {
  const auto address = AddressOf(where);
  if (!address) return absl::InvalidArgumentError(absl::StrCat("not IPv4:PORT: ", where));
  const int fd = NewSocket();
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 &&
      listen(fd, kBacklog) == 0) {
    return fd;
  }
  const int error = errno;
  close(fd);
  return absl::UnavailableError(absl::StrCat("cannot listen on ", where, ": ", strerror(error)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Relay>> Relay::Listen(const std::vector<Link>& links) {
  auto relay = std::unique_ptr<Relay>(new Relay());
  for (const Link& link : links) {
    if (!AddressOf(link.target)) {
      return absl::InvalidArgumentError(absl::StrCat("not IPv4:PORT: ", link.target));
    }
    const auto fd = ListenAt(link.listen);
    if (!fd.ok()) return fd.status();
    relay->listeners_.push_back({link, *fd});
  }
  return relay;
}

Relay::~Relay() {
  for (Connection& connection : connections_) {
    Reset(connection.near);
    Reset(connection.far);
  }
  for (const Listener& listener : listeners_) close(listener.fd);
}

void Relay::Accept(const Listener& listener) {
  for (;;) {
    const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    SendAtOnce(fd);
    connections_.push_back({.link = &listener.link, .near = fd});
  }
}

// Begins to connect to the far end. False if that is refused at once.
bool Relay::Dial(Connection& connection) {
  const auto address = AddressOf(connection.link->target);
  connection.far = NewSocket();
  if (connection.far < 0) return false;
  SendAtOnce(connection.far);
  connection.connecting = true;
  return connect(connection.far, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) ==
             0 ||
         errno == EINPROGRESS;
}

std::pair<short, short> Relay::Interests(const Connection& c, uint64_t now_us) const {
  // Not made yet: only whether who connected gave up.
  if (c.far < 0) return {POLLRDHUP, 0};
  if (c.connecting) return {0, POLLOUT};
  if (c.broken) return {0, 0};
  short near = 0;
  short far = 0;
  if (!OutCut(c)) {
    if (c.out.wants_read()) near |= POLLIN;
    if (c.out.wants_write(now_us)) far |= POLLOUT;
  }
  if (!BackCut(c)) {
    if (c.back.wants_read()) far |= POLLIN;
    if (c.back.wants_write(now_us)) near |= POLLOUT;
  }
  return {near, far};
}

uint64_t Relay::NextDue(uint64_t now_us) const {
  uint64_t next = now_us + kLongestWaitUs;
  for (const Connection& c : connections_) {
    // What is due already waits for its socket, which poll watches.
    for (const auto& [pipe, cut] : {std::pair(&c.out, OutCut(c)), std::pair(&c.back, BackCut(c))}) {
      if (!cut && pipe->due_us() > now_us) next = std::min(next, pipe->due_us());
    }
  }
  return next;
}

// Over: both ends learn it, unless a cut stands between them.
bool Relay::Finish(Connection& c) {
  c.broken = true;
  if (c.far >= 0 && Held(c)) return true;
  Reset(c.near);
  Reset(c.far);
  return false;
}

bool Relay::Move(Connection& c, uint64_t now_us) {
  if (c.broken) return Finish(c);
  if (c.far < 0) {
    if (PeerHasGone(c.near)) return Finish(c);
    if (Held(c)) return true;
    if (!Dial(c)) return Finish(c);
  }
  if (c.connecting) {
    pollfd ask{.fd = c.far, .events = POLLOUT, .revents = 0};
    if (poll(&ask, 1, 0) == 0) return true;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c.far, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return Finish(c);
    c.connecting = false;
  }
  const LinkRule out = rules_.Of(c.link->from, c.link->to);
  const LinkRule back = rules_.Of(c.link->to, c.link->from);
  for (const auto& [pipe, rule, from, to] :
       {std::tuple(&c.out, out, c.near, c.far), std::tuple(&c.back, back, c.far, c.near)}) {
    if (rule.cut) continue;
    if (pipe->ReadFrom(from, now_us, rule.delay_us) == PipeState::kBroken) return Finish(c);
    if (pipe->WriteTo(to, now_us) == PipeState::kBroken) return Finish(c);
  }
  if (!c.out.done() || !c.back.done()) return true;
  close(c.near);
  close(c.far);
  return false;
}

void Relay::Step(int wake_fd) {
  const uint64_t now_us = NowUs();
  std::vector<pollfd> polled = {{.fd = wake_fd, .events = POLLIN, .revents = 0}};
  for (const Listener& listener : listeners_) {
    polled.push_back({.fd = listener.fd, .events = POLLIN, .revents = 0});
  }
  for (const Connection& connection : connections_) {
    const auto [near, far] = Interests(connection, now_us);
    // A socket without an interest is left out: poll reports hang-ups unasked.
    if (near != 0) polled.push_back({.fd = connection.near, .events = near, .revents = 0});
    if (far != 0) polled.push_back({.fd = connection.far, .events = far, .revents = 0});
  }
  const uint64_t wait_us = NextDue(now_us) - now_us;
  const timespec wait{static_cast<time_t>(wait_us / 1'000'000),
                      static_cast<long>(wait_us % 1'000'000) * 1'000};
  ppoll(polled.data(), polled.size(), &wait, nullptr);
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (polled[1 + i].revents != 0) Accept(listeners_[i]);
  }
  const uint64_t after_us = NowUs();
  std::erase_if(connections_, [&](Connection& c) { return !Move(c, after_us); });
}

}  // namespace hexad::faults
