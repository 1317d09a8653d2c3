#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <string>

namespace faultline {

// False if `bytes` are not such a message. `bytes` stay as they are.
bool ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message* message);

// Never empty, also for a message without any field: a raw method must answer something.
grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message);

// RESOURCE_EXHAUSTED with a google.rpc.RetryInfo in its details.
grpc::Status BusyStatus(const std::string& message, std::chrono::milliseconds retry_after);

// An arena of this thread, empty at construction, for one message at a time: parsing into it costs
// no allocation once warm. At most one lives per thread.
class ScratchArena {
 public:
  ScratchArena();
  ~ScratchArena();
  ScratchArena(const ScratchArena&) = delete;
  ScratchArena& operator=(const ScratchArena&) = delete;

  template <typename Message>
  Message* Make() {
    return google::protobuf::Arena::CreateMessage<Message>(arena_);
  }

 private:
  google::protobuf::Arena* arena_;
};

}  // namespace faultline
