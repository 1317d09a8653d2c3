// Decisions of people about incidents.
#include <absl/strings/str_cat.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "base/clean_text.h"
#include "daemon/core/incident/incident_book.h"
#include "daemon/core/incident/incident_words.h"
#include "storage/tables/incident_id.h"

namespace faultline {
namespace {

using google::protobuf::util::TimeUtil;

std::string WithComment(std::string what, std::string_view comment) {
  if (!comment.empty()) absl::StrAppend(&what, ": ", CleanText(comment, kCommentBytesMax));
  return what;
}

absl::Status ResolvedAlready(uint64_t id) {
  return absl::FailedPreconditionError(
      absl::StrCat("incident ", FormatIncidentId(id), " is already resolved"));
}

absl::Status NoLongerHeld(uint64_t id, const char* what) {
  return absl::FailedPreconditionError(
      absl::StrCat("incident ", FormatIncidentId(id), " can no longer be ", what,
                   ": only the newest ", kResolvedHeldMax, " resolved incidents of a model can"));
}

}  // namespace

absl::Status IncidentBook::CheckCommand(uint64_t id, const Principal& by,
                                        std::string_view comment) const {
  if (by.name.size() > kActorBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("actor: ", by.name.size(), " bytes: expected at most ", kActorBytesMax));
  }
  if (comment.size() > kCommentBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("comment: ", comment.size(), " bytes: expected at most ", kCommentBytesMax));
  }
  if (!held_.contains(id) && !std::binary_search(resolved_.begin(), resolved_.end(), id)) {
    return absl::NotFoundError(absl::StrCat("there is no incident ", FormatIncidentId(id)));
  }
  return absl::OkStatus();
}

absl::Status IncidentBook::Acknowledge(uint64_t id, const Principal& by, std::string_view comment,
                                       int64_t now_ns) {
  if (absl::Status status = CheckCommand(id, by, comment); !status.ok()) return status;
  if (!IsOpen(id)) return ResolvedAlready(id);
  Held& held = held_.at(id);
  v1::Incident& incident = held.incident;
  const std::string name = NameOf(by);
  const bool again = incident.state() == v1::INCIDENT_STATE_ACKNOWLEDGED;
  if (again && comment.empty()) {
    for (const v1::IncidentEvent& event : incident.timeline()) {
      if (event.actor() == name && event.text().starts_with("acknowledged")) {
        return absl::OkStatus();
      }
    }
  }
  incident.set_state(v1::INCIDENT_STATE_ACKNOWLEDGED);
  AddEvent(&held, WithComment("acknowledged", comment), v1::INCIDENT_EVENT_KIND_REVIEW, &by,
           now_ns);
  Changed(id, absl::StrCat("acknowledged by ", name));
  return absl::OkStatus();
}

absl::Status IncidentBook::Resolve(uint64_t id, const Principal& by, std::string_view comment,
                                   int64_t now_ns) {
  if (absl::Status status = CheckCommand(id, by, comment); !status.ok()) return status;
  if (!IsOpen(id)) return ResolvedAlready(id);
  Close(id, WithComment("resolved", comment), &by, now_ns);
  return absl::OkStatus();
}

absl::Status IncidentBook::Comment(uint64_t id, const Principal& by, std::string_view comment,
                                   int64_t now_ns) {
  if (absl::Status status = CheckCommand(id, by, comment); !status.ok()) return status;
  if (comment.empty()) {
    return absl::InvalidArgumentError("comment: empty: expected 1 to 4096 bytes");
  }
  const auto held = held_.find(id);
  if (held == held_.end()) return NoLongerHeld(id, "commented");
  AddEvent(&held->second, CleanText(comment, kCommentBytesMax), v1::INCIDENT_EVENT_KIND_REVIEW, &by,
           now_ns);
  Changed(id, absl::StrCat("comment by ", NameOf(by)));
  return absl::OkStatus();
}

absl::Status IncidentBook::Reopen(uint64_t id, const Principal& by, std::string_view comment,
                                  int64_t now_ns) {
  if (absl::Status status = CheckCommand(id, by, comment); !status.ok()) return status;
  if (IsOpen(id)) {
    return absl::FailedPreconditionError(
        absl::StrCat("incident ", FormatIncidentId(id), " is not resolved"));
  }
  const auto held = held_.find(id);
  if (held == held_.end()) return NoLongerHeld(id, "reopened");
  const std::string& subject = held->second.incident.subject();
  if (const uint64_t open = JoinedBy(subject); open != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("incident ", FormatIncidentId(open),
                     " of the same model and subject is open; resolve it first"));
  }
  if (held->second.incident.test()) {
    return absl::FailedPreconditionError("a test incident cannot be reopened");
  }
  resolved_.erase(std::lower_bound(resolved_.begin(), resolved_.end(), id));
  open_.emplace(subject, id);
  held->second.incident.set_state(v1::INCIDENT_STATE_OPEN);
  held->second.incident.clear_resolve_time();
  AddEvent(&held->second, WithComment("reopened", comment), v1::INCIDENT_EVENT_KIND_REVIEW, &by,
           now_ns);
  Changed(id, absl::StrCat("reopened by ", NameOf(by)));
  return absl::OkStatus();
}

absl::Status IncidentBook::Suppress(uint64_t id, int64_t until_ns, const Principal& by,
                                    std::string_view comment, int64_t now_ns) {
  if (absl::Status status = CheckCommand(id, by, comment); !status.ok()) return status;
  if (!IsOpen(id)) return ResolvedAlready(id);
  if (until_ns > now_ns + kSuppressMaxNs) {
    return absl::InvalidArgumentError("until: expected at most 30 days ahead");
  }
  Held& held = held_.at(id);
  std::string words = "suppression ended";
  if (until_ns > now_ns) {
    words = absl::StrCat("suppressed until ", TimeWords(until_ns));
    *held.incident.mutable_suppressed_until() = TimeUtil::NanosecondsToTimestamp(until_ns);
  } else {
    held.incident.clear_suppressed_until();
  }
  AddEvent(&held, WithComment(words, comment), v1::INCIDENT_EVENT_KIND_REVIEW, &by, now_ns);
  Changed(id, absl::StrCat(words, " by ", NameOf(by)));
  return absl::OkStatus();
}

bool IncidentBook::suppressed() const {
  return std::any_of(open_.begin(), open_.end(), [this](const auto& open) {
    return held_.at(open.second).incident.has_suppressed_until();
  });
}

bool IncidentBook::Suppresses(const AlertKey& key) const {
  const auto belongs = belongs_.find(key);
  if (belongs == belongs_.end() || !IsOpen(belongs->second)) return false;
  return held_.at(belongs->second).incident.has_suppressed_until();
}

void IncidentBook::EndSuppressions(int64_t now_ns) {
  for (const auto& [subject, id] : open_) {
    Held& held = held_.at(id);
    if (!held.incident.has_suppressed_until()) continue;
    if (now_ns < TimeUtil::TimestampToNanoseconds(held.incident.suppressed_until())) continue;
    held.incident.clear_suppressed_until();
    AddEvent(&held, "suppression ended", v1::INCIDENT_EVENT_KIND_CONTEXT, nullptr, now_ns);
    Changed(id, "suppression ended");
  }
}

}  // namespace faultline
