#include "daemon/runtime/incident_records.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <utility>

#include "base/codec.h"
#include "storage/tables/keys.h"
#include "storage/tables/records.h"

namespace faultline {
namespace {

using google::protobuf::internal::WireFormatLite;

// Maps in the order of their keys.
std::string Serialize(const v1::Incident& incident) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  incident.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

bool Parse(std::string_view bytes, v1::Incident* incident) {
  return incident->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

absl::Status NoIncident() {
  return absl::DataLossError("stored incident: not an Incident message");
}

absl::StatusOr<v1::Incident> OpenIncidentOf(Table table, std::string_view sealed) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(table, sealed);
  if (!payload.ok()) return payload.status();
  v1::Incident incident;
  if (!Parse(*payload, &incident)) return NoIncident();
  return incident;
}

}  // namespace

std::string SealIncident(const v1::Incident& incident) {
  return SealRecord(Table::kIncident, Serialize(incident));
}

std::string SealIncidentLine(const v1::Incident& incident) {
  v1::Incident line = incident;
  line.clear_timeline();
  line.clear_evidence();
  line.clear_triage();
  return SealRecord(Table::kIncidentLine, Serialize(line));
}

std::vector<StateWrite> IncidentWrites(const IncidentChange& change) {
  if (change.removed) {
    return {{IncidentKey(change.id), std::nullopt}, {IncidentLineKey(change.id), std::nullopt}};
  }
  return {{IncidentKey(change.id), SealIncident(change.incident)},
          {IncidentLineKey(change.id), SealIncidentLine(change.incident)}};
}

std::string SealIncidentChange(uint64_t sequence, const IncidentChange& change) {
  v1::Incident incident = change.incident;
  incident.clear_evidence();
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.Varint(sequence);
  encoder.Fixed64(change.id);
  encoder.Fixed8(change.removed ? 1 : 0);
  encoder.String(change.change);
  encoder.String(Serialize(incident));
  return SealRecord(Table::kIncidentChange, bytes);
}

absl::StatusOr<v1::Incident> OpenIncident(std::string_view sealed) {
  return OpenIncidentOf(Table::kIncident, sealed);
}

absl::StatusOr<v1::Incident> OpenIncidentLine(std::string_view sealed) {
  return OpenIncidentOf(Table::kIncidentLine, sealed);
}

absl::StatusOr<IncidentChangeRecord> OpenIncidentChange(std::string_view sealed) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kIncidentChange, sealed);
  if (!payload.ok()) return payload.status();
  Decoder decoder(*payload);
  IncidentChangeRecord record;
  record.sequence = decoder.Varint();
  record.change.id = decoder.Fixed64();
  const uint8_t removed = decoder.Fixed8();
  record.change.removed = removed == 1;
  record.change.change = decoder.String();
  const std::string_view incident = decoder.String();
  if (!decoder.Done() || removed > 1 || !Parse(incident, &record.change.incident)) {
    return absl::DataLossError("stored incident change is damaged");
  }
  return record;
}

namespace {

constexpr uint32_t TextTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}
constexpr uint32_t NumberTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_VARINT);
}

// A field with an unexpected wire type is skipped, as a parser does.
bool ReadHeadField(uint32_t tag, google::protobuf::io::CodedInputStream* in, IncidentHead* head) {
  uint32_t number = 0;
  switch (tag) {
    case TextTag(v1::Incident::kModelFieldNumber):
      return WireFormatLite::ReadString(in, &head->model);
    case TextTag(v1::Incident::kVersionFieldNumber):
      return WireFormatLite::ReadString(in, &head->version);
    case NumberTag(v1::Incident::kStateFieldNumber):
      if (!in->ReadVarint32(&number)) return false;
      head->state = static_cast<v1::IncidentState>(number);
      return true;
    case NumberTag(v1::Incident::kSeverityFieldNumber):
      if (!in->ReadVarint32(&number)) return false;
      head->severity = static_cast<v1::Severity>(number);
      return true;
    case NumberTag(v1::Incident::kFailureModeFieldNumber):
      if (!in->ReadVarint32(&number)) return false;
      head->failure_mode = static_cast<v1::FailureMode>(number);
      return true;
    default:
      return WireFormatLite::SkipField(in, tag);
  }
}

}  // namespace

absl::StatusOr<IncidentHead> OpenIncidentHead(std::string_view sealed) {
  const absl::StatusOr<std::string_view> payload = OpenRecord(Table::kIncidentLine, sealed);
  if (!payload.ok()) return payload.status();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(payload->data()),
                                            static_cast<int>(payload->size()));
  IncidentHead head;
  // Fields are written in the order of their numbers, so these come before everything long.
  while (const uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (field > v1::Incident::kFailureModeFieldNumber) return head;
    if (!ReadHeadField(tag, &in, &head)) return NoIncident();
  }
  if (!in.ConsumedEntireMessage()) return NoIncident();
  return head;
}

}  // namespace faultline
