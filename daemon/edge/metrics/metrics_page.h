#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "daemon/core/settings/settings.h"
#include "daemon/edge/metrics/daemon_metrics.h"
#include "daemon/edge/metrics/model_page.h"
#include "daemon/runtime/pipeline.h"

namespace faultline {

// Writes the state of the models and the pipeline as Prometheus text (format 0.0.4).
// docs/metrics.md explains every name.
//
// Operation:    one call writes one page from one reading: sums that hold in the reading hold on
//               the page. Labels are rendered once per model and kept until its signals change.
// Concurrency:  one thread at a time.
// Limitations:  per-signal series as PageOptions says, the rest are counted in
//               faultline_signals_hidden; at most 256 active alerts per model. Unknown values
//               (NaN) have no line.
class PageWriter {
 public:
  // Appends to `page`. now_ns: the wall clock.
  void Write(const PipelineReading& reading, const PageOptions& options, int64_t now_ns,
             std::string* page);
  // Series per signal on the last page.
  uint64_t signal_series() const { return signal_series_; }
  // Bytes of the last page.
  size_t bytes() const { return bytes_; }

 private:
  void TakeModels(const PipelineReading& reading, const PageOptions& options);

  std::map<std::pair<std::string, std::string>, ModelPage> models_;
  PageOptions options_;
  uint64_t signal_series_ = 0;
  size_t bytes_ = 0;
};

PageOptions PageOptionsOf(const Settings& settings);

// The whole page: the series of `reading`, then the daemon's own. Its duration goes into
// faultline_scrape_duration_seconds of the next one.
std::string WriteMetricsPage(const PipelineReading& reading, const PageOptions& options,
                             PageWriter* writer, DaemonMetrics* daemon);

}  // namespace faultline
