// Producers, the network, people.
#include <utility>

#include "daemon/edge/decode/decode.h"
#include "storage/tables/keys.h"
#include "tests/sim/world.h"

namespace faultline::sim {
namespace {

constexpr size_t kNetworkMax = 64;
constexpr size_t kKeptMax = 12;
constexpr uint32_t kNobody = UINT32_MAX;

}  // namespace

void World::Produce() {
  if (calm_) return;
  const auto which = static_cast<uint32_t>(random_.Below(producers_.size()));
  Producer& producer = producers_[which];
  // It starts afresh now and then; a copy of the old one may still be sending.
  if (random_.Below(400) == 0) {
    producer = Producer{.epoch = producer.epoch + 1 + random_.Below(2), .kept = {}};
  }
  if (producer.kept.size() >= kKeptMax) return;
  auto bytes = std::make_shared<const std::string>(
      MakeBatch(&random_, kStartNs + steady_ns_).SerializeAsString());
  producer.kept[producer.next] = bytes;
  Send({Packet::Kind::kBatch, which, producer.epoch, producer.next++, bytes});
}

// Without a name nothing can be sent twice, so the network only loses it.
void World::ProduceUnmarked() {
  if (calm_ || network_.size() >= kNetworkMax) return;
  const auto batch = MakeBatch(&random_, kStartNs + steady_ns_);
  network_.push_back({Packet::Kind::kBatch, kNobody, 0, 0,
                      std::make_shared<const std::string>(batch.SerializeAsString())});
}

void World::Resend() {
  const auto which = static_cast<uint32_t>(random_.Below(producers_.size()));
  const Producer& producer = producers_[which];
  for (const auto& [sequence, bytes] : producer.kept) {
    Send({Packet::Kind::kBatch, which, producer.epoch, sequence, bytes});
  }
}

void World::Hello() {
  const auto which = static_cast<uint32_t>(random_.Below(producers_.size()));
  Send({Packet::Kind::kHello, which, producers_[which].epoch, 0});
}

void World::Send(Packet packet) {
  if (network_.size() >= kNetworkMax) {
    network_.erase(network_.begin() + static_cast<ptrdiff_t>(random_.Below(kNetworkMax)));
  }
  network_.push_back(std::move(packet));
}

void World::DeliverAny() {
  if (network_.empty()) return;
  const uint64_t which = Happens(plan_.reorder) && !calm_ ? random_.Below(network_.size()) : 0;
  const Packet packet = std::move(network_[which]);
  network_.erase(network_.begin() + static_cast<ptrdiff_t>(which));
  if (!calm_) {
    if (Happens(plan_.drop)) return;
    if (packet.producer != kNobody && Happens(plan_.duplicate)) Send(packet);
  }
  Deliver(packet);
}

void World::Deliver(const Packet& packet) {
  if (packet.kind == Packet::Kind::kBatch) return ServeBatch(packet);
  if (packet.kind == Packet::Kind::kHello) {
    const auto committed = pipeline_->Greet(ProducerId(packet.producer), packet.epoch);
    if (!committed.ok()) {
      ++happened_.fenced;
      return;
    }
    oracle_.Greeted(ProducerId(packet.producer), packet.epoch, *committed);
    return Send({Packet::Kind::kWelcome, packet.producer, packet.epoch, *committed});
  }
  Producer& producer = producers_[packet.producer];
  if (packet.epoch != producer.epoch) return;  // To one that is gone.
  if (packet.kind == Packet::Kind::kAck || packet.kind == Packet::Kind::kWelcome) {
    producer.kept.erase(producer.kept.begin(), producer.kept.upper_bound(packet.sequence));
  } else {
    const auto found = producer.kept.find(packet.sequence);
    if (found == producer.kept.end()) return;
    Send({Packet::Kind::kBatch, packet.producer, packet.epoch, packet.sequence, found->second});
  }
}

void World::ServeBatch(const Packet& packet) {
  std::string bytes = *packet.bytes;
  if (!calm_ && Happens(plan_.corrupt)) {
    bytes[random_.Below(bytes.size())] ^= static_cast<char>(1 + random_.Below(255));
    bytes.resize(random_.Below(bytes.size()));
  }
  v1::InferenceBatch message;
  std::unique_ptr<EventBatch> batch;
  Refusal refusal{v1::REJECT_REASON_DECODE, {}};
  const bool intact = bytes == *packet.bytes;
  if (intact && message.ParseFromString(bytes)) {
    const DecodeOptions options{kStartNs + steady_ns_ + wall_shift_ns_,
                                settings_->limits.queue_bytes, Source::kGrpc};
    batch = DecodeBatch(&message, options, &refusal);
  }
  if (batch == nullptr) {
    ++happened_.undecodable;
    pipeline_->CountRejected(refusal.reason, 1);
    oracle_.Rejected(refusal.reason, 1);
    return;
  }
  if (waiting_.empty()) return Submit(packet, std::move(batch));
  // A batch never overtakes one that waits.
  waiting_.push_back({packet, std::move(batch)});
}

void World::Submit(const Packet& packet, std::unique_ptr<EventBatch> batch) {
  Input input;
  input.kind = Input::Kind::kBatch;
  input.model = batch->model;
  input.now_ns = batch->received_ns;
  input.epoch = packet.epoch;
  input.sequence = packet.sequence;
  input.there = std::make_shared<bool>(false);
  if (packet.producer != kNobody) input.producer = ProducerId(packet.producer);
  const auto copy = std::make_shared<EventBatch>(*batch);
  copy->principal = Principal::Producer(input.producer);
  input.batch = copy;
  const uint64_t bytes = batch->bytes;
  uint64_t expected = 0;
  const Admission admission = pipeline_->Submit(
      &batch, {input.producer, input.epoch, input.sequence},
      [this, life = life_, input, packet](const BatchResult& result) {
        if (life != life_ || crash_now_) return;
        ++happened_.acknowledged;
        oracle_.Acknowledged(input, result);
        if (packet.producer == kNobody) return;
        Send({Packet::Kind::kAck, packet.producer, packet.epoch, packet.sequence});
      },
      &expected);
  oracle_.Submitted(admission, input, bytes, settings_->limits.queue_bytes);
  switch (admission) {
    case Admission::kAccepted:
      ++happened_.accepted;
      return;
    case Admission::kDuplicate:
      ++happened_.duplicates;
      return;
    case Admission::kOutOfOrder:
      ++happened_.out_of_order;
      return Send({Packet::Kind::kExpected, packet.producer, packet.epoch, expected});
    case Admission::kFenced:
      ++happened_.fenced;
      return;
    case Admission::kFull:
      ++happened_.full;
      if (random_.Below(4) == 0 && !calm_) {
        ++happened_.shed;
        pipeline_->CountShed(input.batch->rows);
        return oracle_.Shed(input.batch->rows);
      }
      waiting_.push_front({packet, std::move(batch)});
      pipeline_->WhenSpace([this, life = life_] { woken_ |= life == life_; });
      return;
    case Admission::kLimit:
    case Admission::kStopping:
      return;
  }
}

void World::RetryWaiting() {
  woken_ = false;
  while (!waiting_.empty() && !woken_) {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    const size_t before = waiting_.size();
    Submit(first.packet, std::move(first.batch));
    if (waiting_.size() > before) return;
  }
}

void World::Run(const std::string& model, const std::string& person,
                const std::function<CommandAction()>& action) {
  ++happened_.commands;
  Input input;
  input.kind = Input::Kind::kCommand;
  input.model = model;
  input.now_ns = kStartNs + steady_ns_ + wall_shift_ns_;
  input.principal = Principal::Person(person);
  input.action = action;
  bool refused = false;
  pipeline_->Run(model, input.principal, action(),
                 [&refused, this, life = life_](const CommandResult& result) {
                   if (life == life_ && absl::IsResourceExhausted(result.status)) refused = true;
                 });
  if (!refused) oracle_.Commanded(std::move(input));
}

void World::Reload() {
  ++happened_.reloads;
  settings_ = plan_.MakeSettings(++revision_);
  const int64_t now_ns = kStartNs + steady_ns_ + wall_shift_ns_;
  pipeline_->Run("", Principal::Configuration(), ApplySettings{settings_}, nullptr);
  oracle_.Reloaded(settings_, now_ns);
}

// A person decides something.
void World::Order() {
  const std::string model = ModelName(random_.Below(kModels));
  const std::string version = random_.Below(8) == 0 ? "2" : "1";
  const int64_t now_ns = kStartNs + steady_ns_;
  const auto& incidents = oracle_.shadow().incidents();
  uint64_t id = 0;
  std::string owner = model;
  if (!incidents.empty()) {
    auto chosen = incidents.begin();
    std::advance(chosen, static_cast<ptrdiff_t>(random_.Below(incidents.size())));
    id = *chosen;
    owner = oracle_.OwnerOf(id);
  }
  switch (random_.Below(10)) {
    case 0:
      return Run(owner, "ann", [=] { return AcknowledgeIncident{id, "seen"}; });
    case 1:
      return Run(owner, "bob", [=] { return ResolveIncident{id, ""}; });
    case 2:
      return Run(owner, "cid", [=] { return CommentIncident{id, "hm"}; });
    case 3:
      return Run(model, "dan", [=] { return RecordDeploy{model, version, "note"}; });
    case 4:
      return Run(model, "ann", [=] { return SilenceModel{model, now_ns + 5 * kSecond, "work"}; });
    case 5:
      return Run(model, "dan", [=] { return RelearnReference{model, version}; });
    case 6:
      return Run(std::string(kTestModelName), "dan", [] { return TestAlert{3 * kSecond}; });
    case 7:
      if (random_.Below(4) != 0) return;
      return Run(model, "dan", [=] { return DeleteModel{model, version}; });
    case 8:
      return Run(model, "dan", [=] {
        CreateModel create;
        create.model.set_name(model);
        create.model.set_version(version);
        return create;
      });
    default: {
      const uint64_t seed = random_.Bits();
      return Run(model, "dan", [=] {
        InstallReference install{model, version, {}};
        testing::Random random(seed);
        for (int i = 0; i < 10; ++i) {
          v1::InferenceBatch rows = MakeBatch(&random, now_ns);
          Refusal refusal;
          install.rows.push_back(DecodeBatch(&rows, {.received_ns = now_ns}, &refusal));
        }
        return install;
      });
    }
  }
}

// One stored value is damaged: the daemon must refuse to start.
void World::TryDamaged() {
  uint64_t values = 0;
  const auto counts = [](std::string_view bytes) {
    const absl::StatusOr<Key> key = ParseKey(bytes);
    // What only review reads is judged when it is read.
    return key.ok() && key->table != Table::kIncidentChange && !ReadOnDemand(key->table);
  };
  (void)store_.Copy([&](std::string_view key, std::string*) { values += counts(key) ? 1 : 0; });
  if (values == 0) return;
  ++happened_.damages;
  uint64_t left = random_.Below(values);
  std::string what;
  const std::unique_ptr<Store> damaged = store_.Copy([&](std::string_view key, std::string* value) {
    if (!counts(key) || left-- != 0) return;
    what = DescribeKey(key);
    if (random_.Below(2) == 0) {
      (*value)[random_.Below(value->size())] ^= static_cast<char>(1 << random_.Below(8));
    } else {
      value->resize(random_.Below(value->size()));
    }
  });
  PipelineDrive drive;
  drive.threads = false;
  Pipeline pipeline(settings_, damaged.get(), nullptr, nullptr, std::move(drive));
  if (pipeline.Start().ok()) oracle_.Violate("I5", "starts with a damaged " + what);
}

}  // namespace faultline::sim
