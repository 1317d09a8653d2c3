// Stored forms of pins and panes. See docs/formats/evidence.md.
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <utility>

#include "daemon/core/incident/bundle.h"
#include "daemon/core/settings/limits.h"
#include "daemon/core/signal/verdict_codec.h"
#include "detectors/catalog.h"

namespace faultline {
namespace {

constexpr uint64_t kFollowMax = 64;
constexpr uint64_t kVerdictsMax = 256;

absl::Status Broken(const char* what) {
  return absl::DataLossError(absl::StrCat("evidence: ", what, " is damaged"));
}

}  // namespace

void EncodePin(const EvidencePin& pin, Encoder* out) {
  pin.facts.Encode(out);
  out->Varint(pin.stream);
  out->Signed(pin.from);
  out->Signed(pin.window_from);
  out->String(pin.daemon);
  out->Varint(pin.detectors.size());
  for (const auto& [detector, version] : pin.detectors) {
    out->String(detector);
    out->Varint(version);
  }
  out->String(pin.config);
  pin.reference->Encode(out);
  out->String(pin.window);
  out->Varint(pin.follow.size());
  for (const FollowState& follow : pin.follow) {
    out->String(follow.detector);
    out->Fixed64(follow.fingerprint);
    out->Varint(follow.state.size());
    out->Raw(follow.state.data(), follow.state.size());
    EncodeVerdict(follow.newest, out);
  }
}

absl::StatusOr<EvidencePin> DecodePin(std::string_view payload) {
  Decoder in(payload);
  EvidencePin pin;
  if (!pin.facts.Decode(&in)) return Broken("a signal");
  pin.stream = static_cast<uint32_t>(in.Varint());
  pin.from = in.Signed();
  pin.window_from = in.Signed();
  pin.daemon = in.String();
  const uint64_t detectors = in.Varint();
  if (detectors > kVerdictsMax) return Broken("the list of detectors");
  for (uint64_t i = 0; i < detectors && in.ok(); ++i) {
    std::string detector(in.String());
    pin.detectors.emplace_back(std::move(detector), static_cast<uint32_t>(in.Varint()));
  }
  pin.config = in.String();
  auto reference = SignalReference::Decode(&in);
  if (!reference.ok()) return reference.status();
  pin.reference = *std::move(reference);
  pin.window = in.String();
  const uint64_t count = in.Varint();
  if (!in.ok() || count > kFollowMax) return Broken("a detector's state");
  for (uint64_t i = 0; i < count; ++i) {
    FollowState follow;
    const CatalogEntry* entry = FindKind(in.String());
    follow.fingerprint = in.Fixed64();
    const std::string_view state = in.String();
    if (!DecodeVerdict(&in, &follow.newest)) return Broken("a detector's state");
    if (entry == nullptr) continue;  // The kind no longer exists.
    follow.detector = entry->name;
    follow.state.resize(state.size());
    std::copy_n(reinterpret_cast<const std::byte*>(state.data()), state.size(),
                follow.state.begin());
    pin.follow.push_back(std::move(follow));
  }
  if (!in.Done()) return Broken("a pin");
  return pin;
}

void EncodeEvidencePane(const EvidencePane& pane, Encoder* out) {
  out->Varint(pane.stream);
  out->Signed(pane.number);
  out->Signed(pane.window_from);
  pane.header.Encode(out);
  out->Signed(pane.increment.begin_ns);
  out->Varint(pane.increment.ordinal);
  out->Varint(pane.increment.shards);
  const auto [pinned_factor, weight_factor] = pane.increment.division.factors();
  out->Double(pinned_factor);
  out->Double(weight_factor);
  out->Varint(pane.entries.size());
  for (const EvidenceEntry& entry : pane.entries) {
    out->Varint(entry.pin);
    out->Fixed8(static_cast<uint8_t>((entry.counted ? 1 : 0) | (entry.sent ? 2 : 0) |
                                     (entry.rolling.has_value() ? 4 : 0)));
    if (entry.counted) out->String(entry.summary);
    if (entry.rolling.has_value()) out->String(*entry.rolling);
    out->Varint(entry.verdicts.size());
    for (const auto& [detector, verdict] : entry.verdicts) {
      out->String(detector);
      EncodeVerdict(verdict, out);
    }
  }
}

absl::StatusOr<EvidencePane> DecodeEvidencePane(std::string_view payload) {
  Decoder in(payload);
  EvidencePane pane;
  pane.stream = static_cast<uint32_t>(in.Varint());
  pane.number = in.Signed();
  pane.window_from = in.Signed();
  const bool header = pane.header.Decode(&in);
  pane.increment.begin_ns = in.Signed();
  pane.increment.end_ns = pane.header.last_ns;
  pane.increment.rows = pane.header.rows;
  pane.increment.ordinal = in.Varint();
  pane.increment.shards = static_cast<uint32_t>(in.Varint());
  const double pinned_factor = in.Double();
  pane.increment.division = BudgetDivision(pinned_factor, in.Double());
  const uint64_t entries = in.Varint();
  if (!header || !in.ok() || entries > kBundlePinsMax) return Broken("a pane");
  for (uint64_t i = 0; i < entries; ++i) {
    EvidenceEntry& entry = pane.entries.emplace_back();
    entry.pin = static_cast<uint32_t>(in.Varint());
    const uint8_t flags = in.Fixed8();
    entry.counted = (flags & 1) != 0;
    entry.sent = (flags & 2) != 0;
    if (entry.counted) entry.summary = in.String();
    if ((flags & 4) != 0) entry.rolling = in.String();
    const uint64_t verdicts = in.Varint();
    if (!in.ok() || verdicts > kVerdictsMax || entry.pin >= kBundlePinsMax) return Broken("a pane");
    for (uint64_t j = 0; j < verdicts && in.ok(); ++j) {
      std::string detector(in.String());
      Verdict verdict;
      if (!DecodeVerdict(&in, &verdict)) return Broken("a verdict");
      entry.verdicts.emplace_back(std::move(detector), std::move(verdict));
    }
  }
  if (!in.Done()) return Broken("a pane");
  return pane;
}

}  // namespace faultline
