// The heap of hexad-sim, which is one thread: a list of free blocks for each size up to a page, in
// one region of huge pages, and the C library's heap for the rest. With the C library's alone,
// which is made for threads and joins free neighbours, a run takes half as long again. Not in
// builds for a sanitizer, which brings its own.
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace hexad::sim {
namespace {

constexpr size_t kStep = 16;
constexpr size_t kLargest = 4096 + 256;       // a page and what belongs to it
constexpr size_t kChunk = 64 << 10;           // of one size
constexpr size_t kRegion = size_t{64} << 30;  // of addresses; memory comes as it is written to

struct Free {
  Free* next;
};

class Heap {
 public:
  void* Take(size_t size) {
    if (size > kLargest) return std::malloc(size);
    const size_t step = size == 0 ? 0 : (size - 1) / kStep;
    Free* block = free_[step];
    if (block == nullptr) return Cut(step);
    free_[step] = block->next;
    return block;
  }

  void Give(void* at) {
    const uintptr_t offset = reinterpret_cast<uintptr_t>(at) - reinterpret_cast<uintptr_t>(region_);
    if (region_ == nullptr || offset >= kRegion) return std::free(at);
    Free*& first = free_[step_of_[offset / kChunk]];
    first = new (at) Free{first};
  }

 private:
  // The next block of a size that has no free one; the C library's where there is no region.
  void* Cut(size_t step) {
    const size_t size = (step + 1) * kStep;
    if (left_[step] < size) {
      if (region_ == nullptr && !Reserve()) return std::malloc(size);
      if (chunks_ == kRegion / kChunk) return std::malloc(size);
      step_of_[chunks_] = static_cast<uint16_t>(step);
      next_[step] = region_ + kChunk * chunks_++;
      left_[step] = kChunk;
    }
    char* block = next_[step];
    next_[step] += size;
    left_[step] -= size;
    return block;
  }

  bool Reserve() {
    void* region = mmap(nullptr, kRegion, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) return false;
    region_ = static_cast<char*>(region);
    madvise(region, kRegion, MADV_HUGEPAGE);
    return true;
  }

  char* region_ = nullptr;
  size_t chunks_ = 0;
  Free* free_[kLargest / kStep] = {};
  char* next_[kLargest / kStep] = {};
  size_t left_[kLargest / kStep] = {};
  uint16_t step_of_[kRegion / kChunk] = {};
};

constinit Heap heap;  // before anything that allocates is made

}  // namespace
}  // namespace hexad::sim

void* operator new(size_t size) {
  void* block = hexad::sim::heap.Take(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void operator delete(void* at) noexcept {
  if (at != nullptr) hexad::sim::heap.Give(at);
}
void operator delete(void* at, size_t) noexcept { operator delete(at); }
