// What a detector remembers, of every kind: bytes of which any may come back from a store. Whatever
// they are, it follows on, and what it says and remembers then can be stored.
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "base/check.h"
#include "daemon/core/reference/learning.h"
#include "daemon/core/signal/verdict_codec.h"
#include "detectors/catalog.h"
#include "detectors/change/sequence.h"
#include "detectors/evidence/reference_law.h"
#include "faultline/v1/detector.pb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/mutate.h"

namespace faultline::fuzz {
namespace {

// [kind][stream][state]: kinds of the catalog; then the published sequences, with values.
constexpr size_t kFrontBytes = 2;
constexpr uint32_t kPaneRows = 50;
constexpr uint32_t kSeedPanes = 30;  // seen by the states among the seeds: none is still waiting

struct Stream {
  std::shared_ptr<const SignalReference> reference;
  std::vector<double> live;
};

std::vector<Stream> MakeStreams() {
  std::vector<Stream> streams;
  const auto add = [&](const std::vector<double>& before, std::vector<double> live) {
    LearningRows rows(SignalType::kNumeric);
    rows.AddNumbers(before, nullptr, {0, static_cast<uint32_t>(before.size())});
    streams.push_back(
        {rows.MakeReference(1, {.quantiles = true, .distinct = true}), std::move(live)});
  };
  add(testing::Normals(1, 400), testing::Normals(2, 200));
  add(testing::Normals(1, 400), testing::Normals(3, 200, 4));
  add(std::vector<double>(100, 7.0), testing::Uniforms(4, 200));
  add(testing::Normals(1, 5), testing::Normals(2, 200));
  add(testing::Normals(1, 400), std::vector<double>(200, 0.0));
  for (const testing::HostileStream& hostile : testing::HostileStreams(200)) {
    add(testing::Normals(1, 400), hostile.values);
    add(hostile.values, hostile.values);
  }
  return streams;
}

const std::vector<Stream>& Streams() {
  static const auto& streams = *new std::vector<Stream>(MakeStreams());
  return streams;
}

v1::DetectorSpec SpecOf(const CatalogEntry& entry) {
  v1::DetectorSpec spec;
  const auto* field = v1::DetectorSpec::descriptor()->FindFieldByNumber(int{entry.kind});
  spec.GetReflection()->MutableMessage(&spec, field);
  if (entry.kind == v1::DetectorSpec::kDependencyChange) {
    spec.mutable_dependency_change()->set_from("c0");
    spec.mutable_dependency_change()->set_to("c1");
  }
  return spec;
}

const std::vector<Detector>& Detectors() {
  static const auto& detectors = *[] {
    auto* made = new std::vector<Detector>;
    for (const CatalogEntry& entry : Catalog()) made->push_back(*MakeDetector(SpecOf(entry)));
    return made;
  }();
  return detectors;
}

std::string Encoded(const Verdict& verdict) {
  std::string bytes;
  Encoder encoder(&bytes);
  EncodeVerdict(verdict, &encoder);
  return bytes;
}

Summary PaneOf(const Stream& stream, uint32_t pane) {
  Summary summary(&stream.reference->shape());
  const uint32_t begin = pane * kPaneRows % static_cast<uint32_t>(stream.live.size());
  summary.CountNumbers(stream.live, nullptr, {begin, begin + kPaneRows});
  return summary;
}

std::string FollowPanes(const FollowDetector& detector, const Stream& stream, uint32_t begin,
                        uint32_t end, std::vector<std::byte>* state) {
  std::string said;
  for (uint32_t pane = begin; pane < end; ++pane) {
    const Summary summary = PaneOf(stream, pane);
    const FollowInput input = {.reference = stream.reference->summary(),
                               .law = stream.reference->law(),
                               .pane = summary,
                               .begin_s = 1e9 + pane * 10.0,
                               .end_s = 1e9 + pane * 10.0 + 10,
                               .budget_increment = 50,
                               .threshold = 1000};
    said += Encoded(detector.Follow(input, *state));
    // As after a restart: nothing is remembered elsewhere.
    *state = std::vector<std::byte>(*state);
  }
  return said;
}

std::vector<std::byte> StateOf(std::string_view bytes, size_t size) {
  std::vector<std::byte> state(size);
  const std::string_view taken = bytes.substr(0, size);
  std::transform(taken.begin(), taken.end(), state.begin(), [](char c) { return std::byte(c); });
  return state;
}

// Makes the checksum hold, which is kept behind the rest.
void Reseal(std::string* state) {
  if (state->size() < sizeof(uint64_t)) return;
  const size_t at = state->size() - sizeof(uint64_t);
  const uint64_t checksum = XXH3_64bits(state->data(), at);
  std::memcpy(state->data() + at, &checksum, sizeof checksum);
}

void CheckVerdicts(std::string_view said) {
  Decoder in(said);
  std::string again;
  Encoder encoder(&again);
  while (in.ok() && in.remaining() > 0) {
    Verdict verdict;
    FAULTLINE_CHECK(DecodeVerdict(&in, &verdict), "what it says can be stored");
    EncodeVerdict(verdict, &encoder);
  }
  FAULTLINE_CHECK(again == said, "and stays what it is");
}

void CheckFollow(const FollowDetector& detector, const Stream& stream, std::string_view bytes) {
  std::vector<std::byte> state = StateOf(bytes, detector.state_bytes());
  std::vector<std::byte> same = state;
  const std::string said = FollowPanes(detector, stream, kSeedPanes, kSeedPanes + 4, &state);
  CheckVerdicts(said);
  FAULTLINE_CHECK(
      said == FollowPanes(detector, stream, kSeedPanes, kSeedPanes + 4, &same) && state == same,
      "same state, same bytes");
  // A state with a wrong checksum counts as no state.
  std::string sealed(bytes.substr(0, std::min(bytes.size(), state.size())));
  sealed.resize(state.size());
  Reseal(&sealed);
  std::vector<std::byte> torn = StateOf(sealed, state.size());
  torn.back() ^= std::byte{0x40};
  std::vector<std::byte> fresh(torn.size());
  detector.Start(fresh);
  if (torn == fresh) return;
  FAULTLINE_CHECK(
      FollowPanes(detector, stream, 0, 2, &torn) == FollowPanes(detector, stream, 0, 2, &fresh) &&
          torn == fresh,
      "foreign state is a fresh start");
}

std::vector<RowColumn> ColumnsOf(const std::vector<double>& values) {
  return {{.signal = "c0", .numbers = values}, {.signal = "c1", .numbers = values}};
}

void CheckTransform(const Transform& transform, const Stream& stream, std::string_view bytes) {
  const size_t memory_bytes = std::min(transform.facts().memory_bytes, bytes.size());
  const std::string_view fitted = bytes.substr(memory_bytes);
  const std::vector<RowColumn> columns = ColumnsOf(stream.live);
  const auto rows = static_cast<uint32_t>(stream.live.size());
  const auto derive = [&](uint32_t step) {
    std::vector<std::byte> memory = StateOf(bytes, transform.facts().memory_bytes);
    std::vector<double> values(rows);
    for (uint32_t begin = 0; begin < rows; begin += step) {
      transform.Derive(fitted, columns, {begin, std::min(begin + step, rows)}, memory, values);
    }
    std::string said(reinterpret_cast<const char*>(values.data()), rows * sizeof(double));
    return said.append(reinterpret_cast<const char*>(memory.data()), memory.size());
  };
  FAULTLINE_CHECK(derive(rows) == derive(37), "splitting batches changes nothing");
}

// Their state is not stored; what comes in is values.
void CheckSequence(const SequenceDetector& detector, std::string_view bytes) {
  std::vector<double> values;
  for (Decoder in(bytes); in.remaining() >= sizeof(double);) values.push_back(in.Double());
  const auto play = [&](size_t step) {
    // In words, so that it is aligned; foreign to begin with.
    std::vector<double> memory(detector.state_bytes() / sizeof(double) + 1, 1.0);
    const auto state = std::as_writable_bytes(std::span(memory)).first(detector.state_bytes());
    std::string said;
    Encoder encoder(&said);
    for (size_t at = 0; at < values.size();) {
      const auto piece = std::span(values).subspan(at, std::min(step, values.size() - at));
      const SequenceStep taken = detector.Take(piece, state);
      FAULTLINE_CHECK(taken.taken > 0 && taken.taken <= piece.size(), "it goes on");
      at += taken.taken;
      if (taken.report == SequenceReport::kNone) continue;
      encoder.Varint(at);
      encoder.Fixed8(static_cast<uint8_t>(taken.report));
      encoder.Varint(taken.ago);
    }
    return said.append(reinterpret_cast<const char*>(state.data()), state.size());
  };
  FAULTLINE_CHECK(play(values.size()) == play(7), "splitting values makes no difference");
}

const std::vector<std::shared_ptr<const SequenceDetector>>& Sequences() {
  static const auto& sequences = *[] {
    auto* made = new std::vector<std::shared_ptr<const SequenceDetector>>;
    for (const SequenceKind& kind : SequenceKinds()) made->push_back(*MakeSequence(kind.name));
    return made;
  }();
  return sequences;
}

std::string Seed(size_t kind, size_t stream, std::string_view state) {
  std::string bytes = {static_cast<char>(kind), static_cast<char>(stream)};
  return bytes.append(state);
}

std::string_view View(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Run(std::string_view bytes) {
  if (bytes.size() < kFrontBytes) return;
  const size_t kinds = Detectors().size() + Sequences().size();
  const size_t kind = static_cast<unsigned char>(bytes[0]) % kinds;
  const Stream& stream = Streams()[static_cast<unsigned char>(bytes[1]) % Streams().size()];
  const std::string_view state = bytes.substr(kFrontBytes);
  if (kind >= Detectors().size()) {
    return CheckSequence(*Sequences()[kind - Detectors().size()], state);
  }
  const Detector& detector = Detectors()[kind];
  if (detector.transform != nullptr && (bytes[1] & 0x80) != 0) {
    return CheckTransform(*detector.transform, stream, state);
  }
  if (detector.follow != nullptr) CheckFollow(*detector.follow, stream, state);
}

void Mutate(Random* dice, size_t bytes_max, std::string* bytes) {
  if (bytes->size() < kFrontBytes || bytes_max < kFrontBytes) {
    return MutateRaw(dice, bytes_max, bytes);
  }
  if (dice->Below(8) == 0) (*bytes)[1] = static_cast<char>(dice->Bits());
  std::string state = bytes->substr(kFrontBytes);
  const size_t size = state.size();
  MutateRaw(dice, bytes_max - kFrontBytes, &state);
  if (dice->Below(4) != 0) state.resize(size);  // the size it must have
  if (dice->Below(16) != 0) Reseal(&state);
  bytes->resize(kFrontBytes);
  bytes->append(state);
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (size_t kind = 0; kind < Detectors().size(); ++kind) {
    const Detector& detector = Detectors()[kind];
    if (detector.follow != nullptr) {
      std::vector<std::byte> state(detector.follow->state_bytes());
      detector.follow->Start(state);
      FollowPanes(*detector.follow, Streams()[1], 0, kSeedPanes, &state);
      seeds.push_back(Seed(kind, 1, View(state)));
    }
    if (detector.transform != nullptr) {
      const Transform& transform = *detector.transform;
      std::vector<MadeSignal> made;
      const absl::Status fit = transform.Fit(ColumnsOf(testing::Normals(7, 3000)), 3000, &made);
      const std::string fitted = fit.ok() && !made.empty() ? made[0].fitted : "";
      seeds.push_back(Seed(kind, 0x80, std::string(transform.facts().memory_bytes, '\0') + fitted));
    }
  }
  for (size_t kind = 0; kind < Sequences().size(); ++kind) {
    const bool errors = SequenceKinds()[kind].input == SequenceInput::kErrors;
    std::string values;
    Encoder encoder(&values);
    for (const double value : Streams()[1].live) encoder.Double(errors ? value > 4 : value);
    seeds.push_back(Seed(Detectors().size() + kind, 0, values));
  }
  return seeds;
}

}  // namespace faultline::fuzz
