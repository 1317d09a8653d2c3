#include "daemon/runtime/incident_records.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/tables/envelope.h"
#include "tests/daemon/edge/review/review_server.h"

namespace faultline {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::MakeIncident;

TEST(IncidentRecords, AnIncidentComesBackAsItWas) {
  const v1::Incident incident = MakeIncident(77, "credit", v1::INCIDENT_STATE_ACKNOWLEDGED);
  const absl::StatusOr<v1::Incident> opened = OpenIncident(SealIncident(incident));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(MessageDifferencer::Equals(incident, *opened));
}

TEST(IncidentRecords, EqualIncidentsGiveEqualBytes) {
  v1::Incident forwards = MakeIncident(77, "credit", v1::INCIDENT_STATE_OPEN);
  v1::Incident backwards = forwards;
  forwards.clear_labels();
  backwards.clear_labels();
  for (int i = 0; i < 16; ++i) {
    (*forwards.mutable_labels())["label" + std::to_string(i)] = "x";
    (*backwards.mutable_labels())["label" + std::to_string(15 - i)] = "x";
  }
  EXPECT_EQ(SealIncident(forwards), SealIncident(backwards));
}

TEST(IncidentRecords, AChangeHasNoEvidence) {
  IncidentChange change{.id = 77,
                        .incident = MakeIncident(77, "credit", v1::INCIDENT_STATE_OPEN),
                        .change = "psi of income fired",
                        .removed = true};
  const absl::StatusOr<IncidentChangeRecord> opened =
      OpenIncidentChange(SealIncidentChange(5, change));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->sequence, 5u);
  EXPECT_EQ(opened->change.id, 77u);
  EXPECT_EQ(opened->change.change, "psi of income fired");
  EXPECT_TRUE(opened->change.removed);
  EXPECT_EQ(opened->change.incident.evidence_size(), 0);
  change.incident.clear_evidence();
  EXPECT_TRUE(MessageDifferencer::Equals(change.incident, opened->change.incident));
}

TEST(IncidentRecords, TheHeadIsWhatTheWholeSays) {
  const v1::Incident incident = MakeIncident(77, "credit", v1::INCIDENT_STATE_RESOLVED);
  const std::string sealed = SealIncidentLine(incident);
  const absl::StatusOr<IncidentHead> head = OpenIncidentHead(sealed);
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->model, "credit");
  EXPECT_EQ(head->state, v1::INCIDENT_STATE_RESOLVED);
  const absl::StatusOr<IncidentHead> empty = OpenIncidentHead(SealIncidentLine(v1::Incident()));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->state, v1::INCIDENT_STATE_UNSPECIFIED);
}

TEST(IncidentRecords, ALineIsTheIncidentWithoutWhatIsLong) {
  v1::Incident incident = MakeIncident(77, "credit", v1::INCIDENT_STATE_OPEN);
  incident.mutable_triage()->set_sentence("income moved");
  const absl::StatusOr<v1::Incident> line = OpenIncidentLine(SealIncidentLine(incident));
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_GT(line->alerts_size(), 0);
  incident.clear_timeline();
  incident.clear_evidence();
  incident.clear_triage();
  EXPECT_TRUE(MessageDifferencer::Equals(incident, *line));
  const IncidentChange gone = {.id = 77, .incident = {}, .change = "", .removed = true};
  for (const StateWrite& write : IncidentWrites(gone)) EXPECT_FALSE(write.value.has_value());
  EXPECT_EQ(IncidentWrites(gone).size(), 2u);
}

TEST(IncidentRecords, DamageAndForeignBytesAreRefused) {
  const std::string sealed = SealIncident(MakeIncident(77, "credit", v1::INCIDENT_STATE_OPEN));
  for (size_t cut = 0; cut < sealed.size(); cut += 7) {
    EXPECT_EQ(OpenIncident(sealed.substr(0, cut)).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(OpenIncidentChange(sealed).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenIncident(Seal('i', 1, "\xff\xff")).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenIncidentHead(Seal('s', 1, "\xff\xff")).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenIncidentChange(Seal('c', 1, "\x01")).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(OpenIncident(Seal('i', 2, "")).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace faultline
