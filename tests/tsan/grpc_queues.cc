// Tells ThreadSanitizer what gRPC orders. Debian's gRPC is not instrumented: what a thread wrote
// before it started an operation is seen by whoever is told of the operation's end, and TSan sees
// neither the queue in between nor the atomics that it is made of.
//
// gRPC's core knows an operation by its tag: it is released where the operation starts and acquired
// where a completion queue returns it. In gRPC 1.51 callbacks, too, are run by threads that take
// them from such a queue. Nothing else is ordered: two operations that share no tag still race.
//
// Linked into every test program of the TSan build, before gRPC, like absl_mutex.cc.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include "quorum/base/check.h"

namespace {

template <typename Function>
Function* OfTheLibrary(const char* symbol) {
  void* const found = dlsym(RTLD_NEXT, symbol);
  INVARIANT(found != nullptr);
  return reinterpret_cast<Function*>(found);
}

grpc_event Seen(grpc_event event) {
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  static auto* const real = OfTheLibrary<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
  __tsan_release(tag);
  return real(call, ops, count, tag, reserved);
}

// NOLINTNEXTLINE: as many parameters as gRPC's
grpc_call_error grpc_server_request_registered_call(grpc_server* server, void* method,
                                                    grpc_call** call, gpr_timespec* deadline,
                                                    grpc_metadata_array* metadata,
                                                    grpc_byte_buffer** payload,
                                                    grpc_completion_queue* bound_to,
                                                    grpc_completion_queue* notified, void* tag) {
  static auto* const real = OfTheLibrary<decltype(grpc_server_request_registered_call)>(
      "grpc_server_request_registered_call");
  __tsan_release(tag);
  return real(server, method, call, deadline, metadata, payload, bound_to, notified, tag);
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline,
                                      void* reserved) {
  static auto* const real =
      OfTheLibrary<decltype(grpc_completion_queue_next)>("grpc_completion_queue_next");
  return Seen(real(queue, deadline, reserved));
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  static auto* const real =
      OfTheLibrary<decltype(grpc_completion_queue_pluck)>("grpc_completion_queue_pluck");
  return Seen(real(queue, tag, deadline, reserved));
}

}  // extern "C"
