// One direction of a relayed connection: bytes that were read at one end and wait until they are
// due at the other. Bounded; a full pipe is not read into, as a network's window would close.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace hexad::faults {

inline constexpr size_t kPipeBytes = 4 << 20;

enum class PipeState { kOpen, kEnded, kBroken };

// Times are microseconds of a clock that never goes back.
class Pipe {
 public:
  // Takes what the socket has; what was taken is due `delay_us` from now. kEnded at its end of
  // stream, kBroken on an error.
  PipeState ReadFrom(int socket, uint64_t now_us, uint64_t delay_us);
  // Hands on what is due, and after the last byte the end of stream.
  PipeState WriteTo(int socket, uint64_t now_us);

  bool wants_read() const { return !ended_ && queued_ < kPipeBytes; }
  bool wants_write(uint64_t now_us) const { return due_us() <= now_us; }
  // When the next byte (or the end of stream) is due; UINT64_MAX if nothing waits.
  uint64_t due_us() const;
  bool done() const { return ended_ && chunks_.empty() && told_end_; }

 private:
  struct Chunk {
    uint64_t due_us;
    std::string bytes;
    size_t written = 0;
  };
  std::deque<Chunk> chunks_;
  size_t queued_ = 0;
  bool ended_ = false;
  bool told_end_ = false;
  uint64_t end_due_us_ = 0;
};

}  // namespace hexad::faults
