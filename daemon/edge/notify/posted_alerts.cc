#include "daemon/edge/notify/posted_alerts.h"

#include <absl/strings/str_cat.h>
#include <absl/time/time.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <limits>

#include "base/clean_text.h"
#include "base/escape.h"
#include "base/label_value.h"
#include "daemon/core/incident/incident_words.h"
#include "daemon/core/settings/limits.h"
#include "daemon/edge/report/incident_sentence.h"

namespace faultline {
namespace {

namespace json = boost::json;

constexpr const char* kAlertName = "FaultlineIncident";
constexpr size_t kAnnotationBytesMax = 2'048;
// An alert ends by itself after this many missed resends.
constexpr int64_t kMissedMax = 4;

bool Calls(const v1::Incident& incident) {
  if (incident.state() == v1::INCIDENT_STATE_RESOLVED) return false;
  return incident.test() ||
         std::any_of(incident.alerts().begin(), incident.alerts().end(),
                     [](const v1::Alert& alert) {
                       return alert.state() == v1::ALERT_STATE_FIRING && !alert.silenced();
                     });
}

// An owner's label under a name that Alertmanager accepts.
std::string LabelName(std::string_view name) {
  std::string out;
  for (const char c : name.substr(0, kNameBytesMax)) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (out.empty() && digit) out += '_';
    out += letter || digit ? c : '_';
  }
  return out;
}

std::string SeverityWord(v1::Severity severity) {
  if (severity == v1::SEVERITY_CRITICAL) return "critical";
  return severity == v1::SEVERITY_INFO ? "info" : "warning";
}

std::string Description(const v1::Incident& incident) {
  size_t firing = 0;
  for (const v1::Alert& alert : incident.alerts()) {
    firing += alert.state() == v1::ALERT_STATE_FIRING ? 1 : 0;
  }
  std::string text =
      absl::StrCat("Incident ", incident.id(), ": ", firing, firing == 1 ? " alert" : " alerts",
                   " firing of ", incident.alerts_total(), ".");
  if (incident.unbudgeted()) {
    text += " Raised by fixed thresholds, which promise nothing about false alarms.";
  }
  return text;
}

json::object ToJson(const std::map<std::string, std::string>& texts) {
  json::object object;
  for (const auto& [name, text] : texts) object[name] = text;
  return object;
}

std::string TimeText(int64_t ns) {
  return absl::FormatTime(absl::RFC3339_full, absl::FromUnixNanos(ns), absl::UTCTimeZone());
}

}  // namespace

std::map<std::string, std::string> PostedAlerts::LabelsOf(const v1::Incident& incident) const {
  std::map<std::string, std::string> labels;
  for (const auto& [name, value] : incident.labels()) {
    labels[LabelName(name)] = LabelValue(value);
  }
  for (const auto& [name, value] : options_.labels) labels[LabelName(name)] = LabelValue(value);
  labels["alertname"] = kAlertName;
  labels["model"] = LabelValue(incident.model());
  labels["version"] = LabelValue(incident.version());
  if (!incident.subject().empty()) labels["subject"] = LabelValue(incident.subject());
  labels["severity"] = SeverityWord(incident.severity());
  if (incident.test()) labels["test"] = "true";
  std::erase_if(labels, [](const auto& label) { return label.first.empty(); });
  return labels;
}

bool PostedAlerts::Apply(const v1::Incident& incident, int64_t steady_ns, int64_t wall_ns) {
  using google::protobuf::util::TimeUtil;
  suppressed_.erase(incident.id());
  bool calls = Calls(incident);
  const int64_t until_ns = TimeUtil::TimestampToNanoseconds(incident.suppressed_until());
  if (calls && until_ns > wall_ns && suppressed_.size() < kAlertsMax) {
    calls = false;
    Suppressed& suppressed = suppressed_[incident.id()];
    suppressed.incident = incident;
    suppressed.incident.clear_evidence();
    suppressed.incident.clear_timeline();
    suppressed.until_ns = steady_ns + (until_ns - wall_ns);
  }
  std::map<std::string, std::string> labels = LabelsOf(incident);
  const std::string key = json::serialize(ToJson(labels));
  const auto before = of_id_.find(incident.id());
  if (before != of_id_.end() && (!calls || before->second != key)) {
    const bool over = incident.has_resolve_time();
    End(incident.id(), over ? TimeUtil::TimestampToNanoseconds(incident.resolve_time()) : wall_ns,
        steady_ns);
  }
  if (!calls) return true;
  const auto [place, fresh] = alerts_.try_emplace(key);
  if (fresh && alerts_.size() > kAlertsMax) {
    alerts_.erase(place);
    return false;
  }
  Posted& posted = place->second;
  const bool begins = fresh || posted.end_ns != 0;
  posted.incident = incident.id();
  posted.labels = std::move(labels);
  posted.annotations = {{"summary", CleanText(Headline(incident), kAnnotationBytesMax)},
                        {"description", Description(incident)},
                        {"incident_id", incident.id()}};
  if (!incident.runbook_url().empty()) {
    posted.annotations["runbook_url"] = CleanText(incident.runbook_url(), kAnnotationBytesMax);
  }
  posted.start_ns = TimeUtil::TimestampToNanoseconds(incident.open_time());
  posted.end_ns = 0;
  if (begins) {
    posted.due_ns = steady_ns;
    posted.revision = ++revision_;
  }
  of_id_[incident.id()] = key;
  return true;
}

void PostedAlerts::Remove(const std::string& id, int64_t steady_ns, int64_t wall_ns) {
  suppressed_.erase(id);
  if (of_id_.contains(id)) End(id, wall_ns, steady_ns);
}

void PostedAlerts::End(const std::string& id, int64_t end_ns, int64_t steady_ns) {
  const auto of_id = of_id_.find(id);
  const auto place = alerts_.find(of_id->second);
  of_id_.erase(of_id);
  if (place == alerts_.end() || place->second.incident != id) return;
  Posted& posted = place->second;
  if (!posted.posted) {
    alerts_.erase(place);
    return;
  }
  posted.end_ns = std::max(end_ns, posted.start_ns);
  posted.due_ns = steady_ns;
  posted.revision = ++revision_;
}

// Alerts whose suppression is over become active again.
void PostedAlerts::Wake(int64_t steady_ns, int64_t wall_ns) {
  std::vector<v1::Incident> awake;
  for (auto& [id, suppressed] : suppressed_) {
    if (suppressed.until_ns > steady_ns) continue;
    suppressed.incident.clear_suppressed_until();
    awake.push_back(std::move(suppressed.incident));
  }
  for (const v1::Incident& incident : awake) Apply(incident, steady_ns, wall_ns);
}

PostedAlerts::Batch PostedAlerts::Take(int64_t steady_ns, int64_t wall_ns) {
  Wake(steady_ns, wall_ns);
  Batch batch;
  json::array all;
  for (auto& [key, posted] : alerts_) {
    if (posted.due_ns > steady_ns) continue;
    json::object annotations = ToJson(posted.annotations);
    const std::string report = absl::StrCat(options_.reports_url, "/incidents/", posted.incident);
    if (!options_.reports_url.empty()) annotations["report_url"] = report;
    json::object alert;
    alert["labels"] = ToJson(posted.labels);
    alert["annotations"] = std::move(annotations);
    alert["startsAt"] = TimeText(std::min(posted.start_ns, wall_ns));
    alert["endsAt"] =
        TimeText(posted.end_ns == 0 ? wall_ns + kMissedMax * options_.resend_ns : posted.end_ns);
    if (!options_.reports_url.empty()) alert["generatorURL"] = report;
    all.push_back(std::move(alert));
    posted.posted = true;
    batch.alerts.emplace_back(key, posted.revision);
    if (batch.alerts.size() == kBatchMax) break;
  }
  if (!batch.alerts.empty()) batch.body = SafeJson(json::serialize(all));
  return batch;
}

void PostedAlerts::Taken(const Batch& batch, int64_t steady_ns) {
  for (const auto& [key, revision] : batch.alerts) {
    const auto place = alerts_.find(key);
    // If it ended or began anew meanwhile, it is still due.
    if (place == alerts_.end() || place->second.revision != revision) continue;
    Posted& posted = place->second;
    if (posted.end_ns != 0) {
      alerts_.erase(place);
    } else {
      posted.due_ns = steady_ns + options_.resend_ns;
    }
  }
}

int64_t PostedAlerts::DueNs() const {
  int64_t due_ns = std::numeric_limits<int64_t>::max();
  for (const auto& [key, posted] : alerts_) due_ns = std::min(due_ns, posted.due_ns);
  for (const auto& [id, suppressed] : suppressed_) due_ns = std::min(due_ns, suppressed.until_ns);
  return due_ns;
}

}  // namespace faultline
