#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <string>

namespace faultline {

// False if `bytes` do not parse as `message`. `bytes` are not changed.
bool ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message* message);

// Never empty, even for a message without fields: a raw method must send an answer.
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
