#include "daemon/edge/review/answer.h"

#include <absl/strings/str_cat.h>
#include <pwd.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/characters.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/utf8.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/grpc/peer_uid.h"

namespace faultline::review {
namespace {

constexpr auto kCancelCheck = std::chrono::milliseconds(100);

CommandResult Refused(absl::Status status) {
  CommandResult result;
  result.status = std::move(status);
  return result;
}

// Shared with the callback, which may come after the wait has ended.
struct Waiting {
  std::mutex mutex;
  std::condition_variable done;
  std::optional<CommandResult> result;
};

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message(status.message());
  if (message.size() > kMessageBytesMax)
    message.resize(Utf8PrefixBytes(std::string_view(message).substr(0, kMessageBytesMax)));
  return {static_cast<grpc::StatusCode>(status.raw_code()), message};
}

absl::Status CheckText(const char* field, std::string_view text, size_t bytes_min, size_t bytes_max,
                       bool lines) {
  const auto refuse = [field](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": ", why));
  };
  if (text.size() < bytes_min) return refuse("must not be empty");
  if (text.size() > bytes_max) {
    return refuse(absl::StrCat("has ", text.size(), " bytes, the limit is ", bytes_max));
  }
  for (std::string_view rest = text; !rest.empty();) {
    const size_t at = text.size() - rest.size();
    const Character character = TakeCharacter(&rest);
    if (character.kind == CharacterKind::kInvalid) {
      return refuse(absl::StrCat("is not UTF-8 at byte ", at));
    }
    const bool allowed = lines && (character.bytes == "\n" || character.bytes == "\t");
    if (!allowed && character.kind == CharacterKind::kControl) {
      return refuse(absl::StrCat("has a control character at byte ", at));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckModel(const char* field, std::string_view name, std::string_view version) {
  absl::Status status = CheckText(field, name, 1, kNameBytesMax);
  if (status.ok()) status = CheckText("version", version, 0, kVersionBytesMax);
  return status;
}

absl::Status CheckPageSize(uint32_t* page_size, uint32_t unset, uint32_t most) {
  if (*page_size == 0) *page_size = unset;
  if (*page_size <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("page_size: is ", *page_size, ", the limit is ", most));
}

std::string NameModel(std::string_view name, std::string_view version) {
  const auto quoted = [](std::string_view text) { return "'" + Escaped(text) + "'"; };
  return version.empty() ? quoted(name) : quoted(name) + " version " + quoted(version);
}

google::protobuf::Timestamp ToTimestamp(int64_t ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t seconds = ns / kSecond;
  if (ns % kSecond < 0) --seconds;
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  time.set_nanos(static_cast<int32_t>(ns - seconds * kSecond));
  return time;
}

bool IsTime(const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMax = 9'223'372'035;
  return time.seconds() >= 0 && time.seconds() <= kSecondsMax && time.nanos() >= 0 &&
         time.nanos() < 1'000'000'000;
}

Principal CallerOf(const grpc::ServerContext& context, const std::string& claimed) {
  Principal caller = Principal::Person(claimed);
  caller.uid = PeerUid(context);
  if (!caller.uid.has_value()) return caller;
  constexpr size_t kAccountBytesMax = 16'384;
  std::string bytes(kAccountBytesMax, '\0');
  passwd account{};
  passwd* found = nullptr;
  getpwuid_r(*caller.uid, &account, bytes.data(), bytes.size(), &found);
  if (found != nullptr) caller.account = found->pw_name;
  return caller;
}

CommandResult RunCommand(Pipeline* pipeline, grpc::ServerContext* context, const std::string& model,
                         const std::string& claimed, CommandAction action) {
  absl::Status valid = CheckText("actor", claimed, 0, kActorBytesMax);
  if (!valid.ok()) return Refused(std::move(valid));
  const auto waiting = std::make_shared<Waiting>();
  pipeline->Run(model, CallerOf(*context, claimed), std::move(action),
                [waiting](const CommandResult& result) {
                  {
                    std::lock_guard lock(waiting->mutex);
                    waiting->result = result;
                  }
                  waiting->done.notify_one();
                });
  const int64_t deadline_ns = SteadyNowNs() + int64_t{kCommandSeconds} * 1'000'000'000;
  std::unique_lock lock(waiting->mutex);
  while (!waiting->done.wait_for(lock, kCancelCheck, [&] { return waiting->result.has_value(); })) {
    if (context->IsCancelled()) {
      return Refused(absl::CancelledError("the call ended before the change was committed"));
    }
    if (SteadyNowNs() >= deadline_ns) {
      return Refused(absl::UnavailableError(absl::StrCat(
          "not committed within ", kCommandSeconds,
          " s: the daemon cannot write its state; see GetStatus. It may still happen")));
    }
  }
  return std::move(*waiting->result);
}

}  // namespace faultline::review
