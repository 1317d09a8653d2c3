#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "faultline/v1/incident.pb.h"

namespace faultline {

// Which alerts an Alertmanager should have, and which of them to post now. One alert per incident:
// it is active while the incident is not resolved and any of its alerts fires without being
// silenced. A person's acknowledgement changes nothing; while a person suppresses the incident, its
// alert is ended.
//
// An alert is identified by its labels: alertname, model, version, subject, severity, test, those
// of the owner and of the configuration. When they change (the severity rises), the old alert ends
// and a new one begins. Everything else is in annotations, and generatorURL links to the report.
//
// Operation:    an active alert is due at once and then every resend_ns, with an end time four
//               times that ahead; an ended one is due until it has been taken. Only the newest
//               state of an alert is kept, so it does not matter how long Alertmanager was away.
// Concurrency:  not thread-safe. steady_ns: SteadyNowNs, wall_ns: WallNowNs.
class PostedAlerts {
 public:
  static constexpr size_t kAlertsMax = 4'096;
  static constexpr size_t kBatchMax = 64;

  struct Options {
    int64_t resend_ns = 60'000'000'000;
    std::map<std::string, std::string> labels;
    std::string reports_url;
  };
  // Alerts to post together: the body of a POST to /api/v2/alerts.
  struct Batch {
    std::string body;
    std::vector<std::pair<std::string, uint64_t>> alerts;  // labels and revision
  };

  explicit PostedAlerts(Options options) : options_(std::move(options)) {}
  void set_reports_url(std::string url) { options_.reports_url = std::move(url); }

  // An incident after a change. False if its alert was dropped because too many are held.
  bool Apply(const v1::Incident& incident, int64_t steady_ns, int64_t wall_ns);
  // An incident was removed.
  void Remove(const std::string& id, int64_t steady_ns, int64_t wall_ns);

  // The alerts that are due, at most kBatchMax; may be empty.
  Batch Take(int64_t steady_ns, int64_t wall_ns);
  // The batch was taken. Otherwise it stays due.
  void Taken(const Batch& batch, int64_t steady_ns);

  // When the next alert is due; the largest number without alerts.
  int64_t DueNs() const;
  size_t size() const { return alerts_.size(); }

 private:
  struct Posted {
    std::string incident;
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> annotations;
    int64_t start_ns = 0;   // wall clock, as in incidents
    int64_t end_ns = 0;     // 0: active
    int64_t due_ns = 0;     // steady
    uint64_t revision = 0;  // raised when it begins and ends
    bool posted = false;    // Alertmanager may know of it
  };

  std::map<std::string, std::string> LabelsOf(const v1::Incident& incident) const;
  void End(const std::string& id, int64_t end_ns, int64_t steady_ns);
  void Wake(int64_t steady_ns, int64_t wall_ns);

  // An incident that a person suppresses, and when that ends.
  struct Suppressed {
    v1::Incident incident;
    int64_t until_ns = 0;  // steady
  };

  Options options_;
  uint64_t revision_ = 0;
  std::map<std::string, Posted> alerts_;          // by their labels, as text
  std::map<std::string, Suppressed> suppressed_;  // by incident id
  std::map<std::string, std::string> of_id_;      // incident id to labels; active alerts only
};

}  // namespace faultline
