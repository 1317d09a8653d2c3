#pragma once

#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "daemon/config/process_settings.h"
#include "daemon/core/settings/settings.h"
#include "storage/segments/recorder.h"
#include "storage/store.h"

namespace faultline {

// Serves the incident reports over HTTP (review::ReportRoutes), on a listener of its own because
// they show values of events.
//
// Concurrency:  thread-safe.
class ReportHttp {
 public:
  // `store` and `recorder` (may be null) must outlive it. Errors name the address and what to do.
  static absl::StatusOr<std::unique_ptr<ReportHttp>> Start(const Store* store,
                                                           const Recorder* recorder,
                                                           const ListenSettings& listen);
  ~ReportHttp();

  void Stop();
  // host:port, as bound.
  const std::string& address() const;
  // Where people reach it: the configured URL, or the address.
  const std::string& url() const;

 private:
  struct Impl;
  explicit ReportHttp(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace faultline
