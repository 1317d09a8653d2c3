#include "daemon/review/incident_records.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "storage/envelope.h"
#include "storage/keys.h"

namespace faultline {
namespace {

constexpr char kIncidentKind = static_cast<char>(Table::kIncident);
constexpr char kChangeKind = static_cast<char>(Table::kIncidentChange);
constexpr uint8_t kIncidentVersion = 1;
constexpr uint8_t kChangeVersion = 1;

// Maps in the order of their keys.
std::string Serialize(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

std::string SealIncident(const v1::Incident& incident) {
  return Seal(kIncidentKind, kIncidentVersion, Serialize(incident));
}

std::string SealChange(const v1::Incident& incident, std::string_view change) {
  v1::WatchIncidentsResponse record;
  *record.mutable_incident() = incident;
  record.mutable_incident()->clear_evidence();
  record.set_change(std::string(change));
  return Seal(kChangeKind, kChangeVersion, Serialize(record));
}

absl::StatusOr<v1::Incident> OpenIncident(std::string_view sealed) {
  const absl::StatusOr<Opened> opened = Open(kIncidentKind, kIncidentVersion, sealed);
  if (!opened.ok()) return opened.status();
  v1::Incident incident;
  if (!incident.ParseFromArray(opened->payload.data(), static_cast<int>(opened->payload.size()))) {
    return absl::DataLossError("the record of an incident is no incident");
  }
  return incident;
}

absl::StatusOr<IncidentChangeRecord> OpenChange(std::string_view sealed) {
  const absl::StatusOr<Opened> opened = Open(kChangeKind, kChangeVersion, sealed);
  if (!opened.ok()) return opened.status();
  v1::WatchIncidentsResponse record;
  if (!record.ParseFromArray(opened->payload.data(), static_cast<int>(opened->payload.size()))) {
    return absl::DataLossError("the record of an incident's change is no change");
  }
  return IncidentChangeRecord{.incident = std::move(*record.mutable_incident()),
                              .change = std::move(*record.mutable_change())};
}

}  // namespace faultline
