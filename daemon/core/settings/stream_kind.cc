#include "daemon/core/settings/stream_kind.h"

#include "daemon/core/settings/settings.h"

namespace faultline {
namespace {

PaneSettings PanesOfInferences(const ModelSettings& settings) {
  return {.length_ns = settings.pane_length_ns,
          .rows = settings.pane_rows,
          .idle_close_ns = settings.idle_close_ns,
          .window_panes = settings.window_panes,
          .learn_rows = settings.learn_rows,
          .rolling_panes = settings.rolling_panes};
}

// The table: one line per stream.
constexpr StreamKind kStreams[] = {
    {"inferences", PanesOfInferences},
};

}  // namespace

std::span<const StreamKind> StreamKinds() { return kStreams; }

}  // namespace faultline
