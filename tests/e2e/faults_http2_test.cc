#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/daemon_calls.h"
#include "tests/support/daemon_child.h"
#include "tests/support/daemon_load.h"
#include "tests/support/raw_socket.h"

// Floods of HTTP/2 frames (RFC 9113) that cost their sender little.

namespace faultline::testing {
namespace {

enum FrameType : uint8_t { kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kContinuation = 9 };
constexpr uint8_t kEndHeaders = 4;

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string frame;
  for (int shift = 16; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>(payload.size() >> shift));
  }
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(stream >> shift));
  return frame.append(payload);
}

// A literal field without indexing; names and values below 127 bytes (RFC 7541, 6.2.2).
std::string Field(std::string_view name, std::string_view value) {
  std::string field(1, '\0');
  for (const std::string_view text : {name, value}) {
    field.push_back(static_cast<char>(text.size()));
    field.append(text);
  }
  return field;
}

std::string CallHeaders() {
  return Field(":method", "POST") + Field(":scheme", "http") +
         Field(":path", "/faultline.v1.IngestionService/StreamInferences") +
         Field(":authority", "x") + Field("te", "trailers") +
         Field("content-type", "application/grpc");
}

std::string Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, ""); }

std::string RapidResets() {
  std::string frames;
  for (uint32_t call = 0; call < 50'000; ++call) {
    const uint32_t stream = 2 * call + 1;
    frames += Frame(kHeaders, kEndHeaders, stream, CallHeaders());
    frames += Frame(kReset, 0, stream, std::string_view("\0\0\0\x8", 4));
  }
  return frames;
}

// Headers that never end: 64 MB of them.
std::string EndlessHeaders() {
  std::string fields;
  while (fields.size() < 16'000) fields += Field("x-more", std::string(100, 'x'));
  std::string frames = Frame(kHeaders, 0, 1, CallHeaders());
  for (int i = 0; i < 4'000; ++i) frames += Frame(kContinuation, 0, 1, fields);
  return frames;
}

// Small fields that enter the table of the receiver (RFC 7541, 6.2.1) and are then repeated with
// one byte each: 30 KB that expand to 128 MB.
std::string HeaderBomb() {
  std::string fields = CallHeaders();
  fields.append("\x40\x01x\x7f\xa1\x1e", 6).append(4'000, 'x');
  fields.append(30'000, '\xbe');
  const std::string all = fields;
  std::string frames = Frame(kHeaders, 0, 1, all.substr(0, 16'000));
  for (size_t at = 16'000; at < all.size(); at += 16'000) {
    const bool last = at + 16'000 >= all.size();
    frames += Frame(kContinuation, last ? kEndHeaders : 0, 1, all.substr(at, 16'000));
  }
  return frames;
}

std::string Pings() {
  std::string frames;
  for (int i = 0; i < 200'000; ++i) frames += Frame(kPing, 0, 0, "12345678");
  return frames;
}

// Empty frames.
std::string EmptySettings() {
  std::string frames;
  for (int i = 0; i < 200'000; ++i) frames += Frame(kSettings, 0, 0, "");
  return frames;
}

constexpr uint64_t kCeiling = 400ull << 20;

// Since it started.
uint64_t MostResidentBytes(const DaemonChild& daemon) {
  const std::string status = ReadFile("/proc/" + std::to_string(daemon.pid()) + "/status");
  const size_t at = status.find("VmHWM:");
  return at == std::string::npos ? UINT64_MAX : std::stoull(status.substr(at + 6)) << 10;
}

TEST(Faults, FloodsOfFramesStayUnderTheCeilingAndLeaveOthersServed) {
  DaemonChild daemon(FAULTLINE_BINARY, "commit: {interval: 10ms}\nlimits: {memory: 400MiB}");
  ASSERT_TRUE(daemon.Start()) << daemon.log();
  Sender sender(daemon, "m", 50, 1, std::chrono::milliseconds(1));
  ASSERT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > 0; }));
  struct Flood {
    const char* name;
    std::string (*frames)();
  };
  for (const Flood& flood :
       {Flood{"resets", RapidResets}, Flood{"headers", EndlessHeaders}, Flood{"bomb", HeaderBomb},
        Flood{"pings", Pings}, Flood{"settings", EmptySettings}}) {
    SCOPED_TRACE(flood.name);
    const std::string frames = flood.frames();
    std::vector<std::thread> senders;
    for (int i = 0; i < 4; ++i) {
      senders.emplace_back([&] {
        RawSocket socket(daemon.grpc_address());
        // Whether the connection was closed or not.
        if (socket.SendAll(Preface())) socket.SendAll(frames);
      });
    }
    for (int i = 0; i < 3; ++i) {
      const uint64_t acknowledged = sender.acknowledged_rows();
      EXPECT_TRUE(WaitUntil([&] { return sender.acknowledged_rows() > acknowledged + 500; }));
    }
    for (std::thread& thread : senders) thread.join();
    ASSERT_FALSE(daemon.Ended()) << daemon.log();
    EXPECT_LT(MostResidentBytes(daemon), kCeiling + kCeiling / 10);
    RecordProperty(std::string(flood.name) + "_most_mb",
                   static_cast<int>(MostResidentBytes(daemon) >> 20));
  }
  ASSERT_TRUE(sender.Finish());
  EXPECT_EQ(GetModel(daemon, "m", "1").applied_rows(), sender.sent_rows());
}

}  // namespace
}  // namespace faultline::testing
