#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <unistd.h>
#include <xxhash.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "daemon/core/incident/incident_book.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/review/answer.h"
#include "daemon/edge/review/services.h"
#include "daemon/log/log.h"
#include "daemon/runtime/memory.h"
#include "daemon/runtime/recording.h"
#include "faultline/v1/admin.grpc.pb.h"
#include "storage/tables/keys.h"

namespace faultline::review {
namespace {

constexpr size_t kPathBytesMax = 4'096;
constexpr uint32_t kTestSeconds = 300;
constexpr uint32_t kTestSecondsMax = 3'600;

uint64_t FolderBytes(const std::string& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code no_size;
    const uint64_t size = entry->file_size(no_size);
    if (!no_size) bytes += size;
  }
  return bytes;
}

// Digests keys and values with their lengths, so that different states cannot look alike.
class Digest {
 public:
  Digest() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  void Add(std::string_view bytes) {
    const uint64_t size = bytes.size();
    XXH3_128bits_update(state_.get(), &size, sizeof size);
    XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
  }
  std::string Hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

class AdminService final : public v1::AdminService::Service {
 public:
  explicit AdminService(const ReviewParts& parts) : parts_(parts) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    const PipelineReading reading = parts_.pipeline->Read();
    const absl::Status ready = parts_.pipeline->ready();
    response->set_version(parts_.daemon_version);
    *response->mutable_start_time() = ToTimestamp(parts_.start_ns);
    response->set_ready(ready.ok());
    response->set_not_ready_reason(std::string(ready.message()));
    response->set_models(static_cast<uint32_t>(reading.models.size()));
    uint64_t signals = 0;
    uint32_t incidents = 0;
    for (const auto& model : reading.models) {
      if (model->signals != nullptr) signals += model->signals->signals.size();
      incidents += model->incidents_open;
    }
    response->set_signals(signals);
    response->set_incidents_open(incidents);
    auto& rows = *response->mutable_rows();
    rows["applied"] = reading.rows.applied;
    rows["duplicate"] = reading.rows.duplicate;
    rows["late"] = reading.rows.late;
    rows["rejected"] = reading.rows.rejected;
    rows["shed"] = reading.rows.shed;
    response->set_rows_in_flight(reading.rows.in_flight);
    response->set_resident_bytes(ResidentBytes());
    response->set_state_bytes(reading.state_bytes);
    response->set_commits(reading.commits);
    return grpc::Status::OK;
  }

  grpc::Status BackupState(grpc::ServerContext* context, const v1::BackupStateRequest* request,
                           v1::BackupStateResponse* response) override {
    absl::Status status = CheckText("folder", request->folder(), 1, kPathBytesMax);
    if (status.ok() && request->folder()[0] != '/') {
      status = absl::InvalidArgumentError("folder: must be an absolute path");
    }
    if (!status.ok()) return ToGrpcStatus(status);
    const std::unique_lock lock(alone_, std::try_to_lock);
    if (!lock.owns_lock()) return Busy();
    status = parts_.store->Backup(request->folder());
    if (!status.ok()) return ToGrpcStatus(status);
    response->set_bytes(FolderBytes(request->folder()));
    Log(LogLevel::kInfo, "state backed up",
        {{"folder", request->folder()}, {"by", NameOf(CallerOf(*context, ""))}});
    return grpc::Status::OK;
  }

  grpc::Status EraseEvents(grpc::ServerContext* context, const v1::EraseEventsRequest* request,
                           v1::EraseEventsResponse* response) override {
    const absl::Status valid =
        CheckText("prediction_id", request->prediction_id(), 1, kPredictionIdBytesMax, true);
    if (!valid.ok()) return ToGrpcStatus(valid);
    if (parts_.recorder == nullptr) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "no events are recorded: recorder.enabled is not set"};
    }
    const std::unique_lock lock(alone_, std::try_to_lock);
    if (!lock.owns_lock()) return Busy();
    const absl::StatusOr<uint64_t> erased =
        parts_.recorder->Erase(request->prediction_id(), RemoveRows);
    if (!erased.ok()) return ToGrpcStatus(erased.status());
    response->set_erased_rows(*erased);
    Log(LogLevel::kInfo, "recorded rows erased",
        {{"rows", *erased}, {"by", NameOf(CallerOf(*context, ""))}});
    return grpc::Status::OK;
  }

  grpc::Status TestAlert(grpc::ServerContext* context, const v1::TestAlertRequest* request,
                         v1::TestAlertResponse* response) override {
    const uint32_t seconds = request->seconds() == 0 ? kTestSeconds : request->seconds();
    if (seconds > kTestSecondsMax) {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              absl::StrCat("seconds: must be 1 to ", kTestSecondsMax)};
    }
    const CommandResult result =
        RunCommand(parts_.pipeline, context, std::string(kTestModelName), request->actor(),
                   faultline::TestAlert{.fire_ns = int64_t{seconds} * 1'000'000'000});
    if (result.status.ok()) response->set_incident_id(result.incident.id());
    return ToGrpcStatus(result.status);
  }

  grpc::Status ReloadConfig(grpc::ServerContext* context, const v1::ReloadConfigRequest* request,
                            v1::ReloadConfigResponse* response) override {
    if (parts_.reload == nullptr) {
      return {grpc::StatusCode::FAILED_PRECONDITION, "the daemon has no configuration file"};
    }
    const absl::Status valid = CheckText("actor", request->actor(), 0, kActorBytesMax);
    if (!valid.ok()) return ToGrpcStatus(valid);
    const absl::StatusOr<std::vector<std::string>> fields =
        parts_.reload(CallerOf(*context, request->actor()));
    if (!fields.ok()) return ToGrpcStatus(fields.status());
    for (const std::string& field : *fields) response->add_restart_needed(field);
    return grpc::Status::OK;
  }

  grpc::Status DigestState(grpc::ServerContext*, const v1::DigestStateRequest*,
                           v1::DigestStateResponse* response) override {
    const std::unique_lock lock(alone_, std::try_to_lock);
    if (!lock.owns_lock()) return Busy();
    Digest digest;
    uint64_t keys = 0;
    absl::Status foreign;
    const absl::Status scanned =
        parts_.store->Scan("", "", [&](std::string_view bytes, std::string_view value) {
          const absl::StatusOr<Key> key = ParseKey(bytes);
          foreign = key.status();
          if (!key.ok()) return false;
          if (!CountsInStateDigest(*key)) return true;
          digest.Add(bytes);
          digest.Add(value);
          ++keys;
          return true;
        });
    if (!scanned.ok()) return ToGrpcStatus(scanned);
    if (!foreign.ok()) return ToGrpcStatus(foreign);
    response->set_digest(digest.Hex());
    response->set_keys(keys);
    return grpc::Status::OK;
  }

 private:
  static grpc::Status Busy() {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "another backup, erasure or digest is running; try again when it is done"};
  }

  const ReviewParts parts_;
  std::mutex alone_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(const ReviewParts& parts) {
  return std::make_unique<AdminService>(parts);
}

}  // namespace faultline::review
