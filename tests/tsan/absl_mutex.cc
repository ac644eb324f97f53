// Tells ThreadSanitizer what absl::Mutex orders. Debian's Abseil is not instrumented, and its mutex
// is made of futexes, which TSan does not see: without this every mutex would look like no mutex,
// and every access that one guards like a race.
//
// Linked into every test program of the TSan build, before Abseil, so that these definitions are
// called instead of the library's, by gRPC too; each calls the library's and says what it did. Only
// what is used is here. A function of absl::Mutex that is used and missing shows as false races.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "quorum/base/check.h"

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

template <typename Function>
Function* OfTheLibrary(const char* symbol) {
  void* const found = dlsym(RTLD_NEXT, symbol);
  INVARIANT(found != nullptr);
  return reinterpret_cast<Function*>(found);
}

}  // namespace

void Mutex::Lock() {
  static auto* const real = OfTheLibrary<void(Mutex*)>("_ZN4absl7debian35Mutex4LockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static auto* const real = OfTheLibrary<void(Mutex*)>("_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(this);
  real(this);
}

bool Mutex::TryLock() {
  static auto* const real = OfTheLibrary<bool(Mutex*)>("_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  static auto* const real = OfTheLibrary<void(Mutex*)>("_ZN4absl7debian35Mutex10ReaderLockEv");
  real(this);
  __tsan_acquire(this);
}

// Orders readers among each other as well, so a race between two of them would be missed; readers
// only read.
void Mutex::ReaderUnlock() {
  static auto* const real = OfTheLibrary<void(Mutex*)>("_ZN4absl7debian35Mutex12ReaderUnlockEv");
  __tsan_release(this);
  real(this);
}

void Mutex::Await(const Condition& condition) {
  static auto* const real = OfTheLibrary<void(Mutex*, const Condition&)>(
      "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  real(this, condition);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const real = OfTheLibrary<bool(Mutex*, const Condition&, Duration)>(
      "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  const bool came = real(this, condition, timeout);
  __tsan_acquire(this);
  return came;
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const real =
      OfTheLibrary<void(CondVar*, Mutex*)>("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const real = OfTheLibrary<bool(CondVar*, Mutex*, Time)>(
      "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool late = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return late;
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const real = OfTheLibrary<bool(CondVar*, Mutex*, Duration)>(
      "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool late = real(this, mutex, timeout);
  __tsan_acquire(mutex);
  return late;
}

ABSL_NAMESPACE_END
}  // namespace absl
