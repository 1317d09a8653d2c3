#pragma once

#include <string>

#include "daemon/cli/console/console.h"
#include "faultline/v1/admin.pb.h"
#include "faultline/v1/model.pb.h"
#include "faultline/v1/reference.pb.h"

namespace faultline::cli {

// Models and the daemon for people.
//
// Concurrency:  pure.

// One line each.
std::string ModelsText(const v1::ListModelsResponse& models, const Style& style);

// One model with its signals and references.
std::string ModelText(const v1::Model& model, const v1::ListReferencesResponse& references,
                      const Style& style);

// The references alone, with who took them into use, and what a promotion would take.
std::string ReferencesText(const v1::ListReferencesResponse& references, const Style& style);

// The answer to "why is it quiet?": the sentence, then each signal with its worst verdict; with
// `all`, every verdict of every signal.
std::string ModelStatusText(const v1::GetModelStatusResponse& status, bool all, const Style& style);

// The daemon in a few lines.
std::string DaemonStatusText(const v1::GetStatusResponse& status, int64_t now_ns,
                             const Style& style);

}  // namespace faultline::cli
