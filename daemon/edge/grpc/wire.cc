#include "daemon/edge/grpc/wire.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <array>
#include <cstdint>
#include <memory>

#include "base/check.h"

namespace faultline {
namespace {

using google::protobuf::internal::WireFormatLite;

// Kept by each thread that parses; larger messages take more for as long as they live.
constexpr size_t kArenaBytes = 1 << 20;
constexpr size_t kBlockBytes = 256 << 10;

google::protobuf::ArenaOptions OptionsWith(char* memory) {
  google::protobuf::ArenaOptions options;
  options.initial_block = memory;
  options.initial_block_size = kArenaBytes;
  options.start_block_size = kBlockBytes;
  options.max_block_size = kBlockBytes;
  return options;
}

struct ThreadArena {
  ThreadArena() : memory(new char[kArenaBytes]), arena(OptionsWith(memory.get())) {}
  std::unique_ptr<char[]> memory;  // only the part that was once used is resident
  google::protobuf::Arena arena;
  bool in_use = false;
};

ThreadArena& ArenaOfThread() {
  thread_local ThreadArena arena;
  return arena;
}

void AppendField(int number, const std::string& bytes, std::string* out) {
  google::protobuf::io::StringOutputStream stream(out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  coded.WriteVarint32(static_cast<uint32_t>(bytes.size()));
  coded.WriteString(bytes);
}

}  // namespace

bool ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message* message) {
  grpc::ByteBuffer view = bytes;  // shares the slices
  grpc::ProtoBufferReader reader(&view);
  if (!reader.status().ok()) return false;
  return message->ParseFromZeroCopyStream(&reader);
}

grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message) {
  const size_t size = message.ByteSizeLong();
  grpc::Slice slice(size);
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

// google/rpc/status.proto and error_details.proto are not part of the platform's protobuf; the two
// messages are small enough to be written field by field.
grpc::Status BusyStatus(const std::string& message, std::chrono::milliseconds retry_after) {
  google::protobuf::Duration delay;
  delay.set_seconds(retry_after.count() / 1000);
  delay.set_nanos(static_cast<int32_t>(retry_after.count() % 1000 * 1'000'000));
  google::protobuf::Any retry_info;
  retry_info.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  AppendField(1, delay.SerializeAsString(), retry_info.mutable_value());

  std::string details;
  {
    google::protobuf::io::StringOutputStream stream(&details);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteTag(WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_VARINT));
    coded.WriteVarint32(grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  AppendField(2, message, &details);
  AppendField(3, retry_info.SerializeAsString(), &details);
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, message, details};
}

ScratchArena::ScratchArena() : arena_(&ArenaOfThread().arena) {
  FAULTLINE_CHECK(!ArenaOfThread().in_use, "parsing does not nest");
  ArenaOfThread().in_use = true;
}

ScratchArena::~ScratchArena() {
  arena_->Reset();
  ArenaOfThread().in_use = false;
}

}  // namespace faultline
