#include "cli/faults/pipe.h"

#include <sys/socket.h>

#include <cerrno>
#include <limits>

namespace hexad::faults {
namespace {

constexpr size_t kReadBytes = 64 << 10;

bool TryAgain(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

uint64_t Pipe::due_us() const {
  if (!chunks_.empty()) return chunks_.front().due_us;
  return ended_ && !told_end_ ? end_due_us_ : std::numeric_limits<uint64_t>::max();
}

PipeState Pipe::ReadFrom(int socket, uint64_t now_us, uint64_t delay_us) {
  char buffer[kReadBytes];
  while (wants_read()) {
    const ssize_t n = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0) return TryAgain(errno) ? PipeState::kOpen : PipeState::kBroken;
    if (n == 0) {
      ended_ = true;
      end_due_us_ = now_us + delay_us;
      return PipeState::kEnded;
    }
    chunks_.push_back({now_us + delay_us, std::string(buffer, static_cast<size_t>(n))});
    queued_ += static_cast<size_t>(n);
    if (static_cast<size_t>(n) < sizeof buffer) break;
  }
  return PipeState::kOpen;
}

PipeState Pipe::WriteTo(int socket, uint64_t now_us) {
  while (!chunks_.empty() && chunks_.front().due_us <= now_us) {
    Chunk& chunk = chunks_.front();
    const ssize_t n = send(socket, chunk.bytes.data() + chunk.written,
                           chunk.bytes.size() - chunk.written, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return TryAgain(errno) ? PipeState::kOpen : PipeState::kBroken;
    chunk.written += static_cast<size_t>(n);
    queued_ -= static_cast<size_t>(n);
    if (chunk.written == chunk.bytes.size()) chunks_.pop_front();
  }
  if (chunks_.empty() && ended_ && !told_end_ && end_due_us_ <= now_us) {
    shutdown(socket, SHUT_WR);
    told_end_ = true;
    return PipeState::kEnded;
  }
  return PipeState::kOpen;
}

}  // namespace hexad::faults
