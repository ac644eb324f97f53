// A call that reached the server, whatever its method: gRPC's context and its stream of messages. A
// unary call is a stream of one message each way.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

namespace hexad::storage_node {

struct IncomingCall {
  grpc::GenericServerContext context;
  grpc::GenericServerAsyncReaderWriter io{&context};
};

}  // namespace hexad::storage_node
