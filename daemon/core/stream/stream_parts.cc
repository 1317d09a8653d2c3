#include "daemon/core/stream/stream_parts.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace faultline {

ModelShare::ModelShare(ShardShare* shard_share, std::string model_name, std::string model_version)
    : shard(shard_share),
      name(std::move(model_name)),
      version(std::move(model_version)),
      hash(ModelHash(name, version)),
      settings(shard_share->settings->ForModel(name)),
      alerts(hash),
      decisions(hash) {}

std::string ModelShare::Title() const {
  return absl::StrCat("model ", name, " version ", version, ": ");
}

StreamParts::StreamParts(ModelShare* model_share, StreamHost* stream_host,
                         const StreamKind* stream_kind, uint8_t ordinal)
    : model(*model_share),
      host(*stream_host),
      kind(*stream_kind),
      id{model_share->hash, ordinal},
      settings(stream_kind->panes(*model_share->settings)),
      signals(id),
      panes(id),
      references(id, &signals, &panes),
      learners(id, &model_share->shard->learning_bytes),
      reference_list(id),
      transforms(id),
      history(id) {
  FAULTLINE_CHECK(settings.late_panes < kOpenPanesMax, "late panes are open panes");
  panes.Restart(settings, 0);
  transforms.Follow(*model.settings);
}

bool StreamParts::IsIgnored(std::string_view column) const {
  return model.settings->ForColumn(column).ignore;
}

// A signal derived from an ignored one, which precedes it, is ignored too.
bool StreamParts::IsIgnored(uint32_t signal) const {
  const SignalFacts& facts = signals.facts(signal);
  if (facts.source >= 0) return signals[static_cast<uint32_t>(facts.source)].ignored;
  if (IsIgnored(facts.name)) return true;
  const std::span<const uint32_t> inputs = transforms.InputsOf(signal);
  return std::any_of(inputs.begin(), inputs.end(),
                     [this](uint32_t input) { return signals[input].ignored; });
}

void StreamParts::Extend(Schema schema) {
  const uint32_t before = signals.size();
  if (schema.size() == before) return;
  signals.Extend(std::move(schema));
  references.Resize(signals.size());
  learners.Resize(signals.size());
  model.shard->signals += signals.size() - before;
  for (uint32_t signal = before; signal < signals.size(); ++signal) Refresh(signal);
  panes.MarkOpen();
  Change();
}

void StreamParts::Refresh(uint32_t signal) {
  signals.Refresh(signal, IsIgnored(signal), *model.settings);
  shown.Review(signal);
  changed = true;
}

}  // namespace faultline
