#include "daemon/client/producer.h"

#include <absl/strings/str_cat.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "daemon/client/unacknowledged.h"
#include "faultline/v1/ingestion.grpc.pb.h"

namespace faultline::cli {
namespace {

using std::chrono::milliseconds;
using Stream = grpc::ClientReaderWriter<v1::StreamInferencesRequest, v1::StreamInferencesResponse>;

constexpr milliseconds kBackoffFirst{50};
constexpr milliseconds kBackoffMax{2'000};
constexpr milliseconds kWelcomeMax{20'000};
constexpr milliseconds kGoodbyeMax{2'000};
constexpr milliseconds kLook{100};
constexpr milliseconds kFlushInterrupted{1'000};
// Consecutive messages that the daemon refused without any progress.
constexpr int kFruitlessMax = 8;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// True if a retry may succeed.
bool WorthRetrying(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::DATA_LOSS:
      return false;
    default:
      return true;
  }
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// When to say that something is still wrong: after 1, 2, 4, ... seconds.
class Patience {
 public:
  // The whole seconds since it began, if it is time to say so; 0 otherwise.
  int Due(int64_t since_ns, int64_t now_ns) {
    const auto seconds = static_cast<int>((now_ns - since_ns) / 1'000'000'000);
    if (seconds < next_) return 0;
    next_ = 2 * seconds;
    return seconds;
  }
  void Reset() { next_ = 1; }

 private:
  int next_ = 1;
};

class StreamProducer final : public Producer {
 public:
  explicit StreamProducer(ProducerOptions options) : options_(std::move(options)) {}
  ~StreamProducer() override;

  absl::Status Start();
  absl::StatusOr<uint64_t> Send(v1::InferenceBatch batch) override;
  absl::Status Flush(milliseconds deadline) override;
  ProducerTotals totals() const override;
  uint64_t earlier_batches() const override;

 private:
  bool Interrupted() const { return options_.interrupted && options_.interrupted(); }
  // Waits, with the lock, until there is room for so many bytes.
  absl::Status WaitForRoom(uint64_t bytes, std::unique_lock<std::mutex>* lock);
  void Tell(const std::string& what, int seconds) const {
    if (seconds > 0 && options_.on_trouble) options_.on_trouble(what, seconds);
  }
  void Run();
  // One connection, from Hello to its end.
  grpc::Status RunConnection();
  void WriteAll(Stream* stream);
  void ReadAll(Stream* stream);
  bool Take(const v1::StreamInferencesResponse& response);
  // What came is over: decides, with the lock, whether to fail for good.
  void JudgeEnd(const grpc::Status& status);

  const ProducerOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Unacknowledged batches_;
  absl::Status failed_;
  absl::Status last_problem_ = absl::UnavailableError("not connected yet");
  grpc::ClientContext* context_ = nullptr;
  bool welcomed_once_ = false;
  bool welcomed_ = false;  // on this connection
  bool broken_ = false;    // this connection
  bool stopping_ = false;
  bool ended_ = false;  // the thread is about to
  uint64_t welcomes_ = 0;
  int fruitless_ = 0;
  int64_t connected_ns_ = SteadyNowNs();  // when there was a connection last
  v1::Durability durability_ = v1::DURABILITY_UNSPECIFIED;
  std::thread thread_;
};

StreamProducer::~StreamProducer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr && (!welcomed_ || !batches_.empty())) context_->TryCancel();
  }
  changed_.notify_all();
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kGoodbyeMax, [&] { return ended_; });
    if (context_ != nullptr) context_->TryCancel();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status StreamProducer::Start() {
  thread_ = std::thread([this] { Run(); });
  std::unique_lock lock(mutex_);
  const int64_t until_ns =
      SteadyNowNs() + std::chrono::nanoseconds(options_.connect_timeout).count();
  while (!welcomed_once_ && failed_.ok() && SteadyNowNs() < until_ns) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    changed_.wait_for(lock, kLook, [&] { return welcomed_once_ || !failed_.ok(); });
  }
  if (!failed_.ok()) return failed_;
  if (welcomed_once_) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("no answer from ", options_.address, ": ",
                                             std::string(last_problem_.message())));
}

absl::StatusOr<uint64_t> StreamProducer::Send(v1::InferenceBatch batch) {
  v1::StreamInferencesRequest request;
  *request.mutable_batch()->mutable_batch() = std::move(batch);
  const uint64_t bytes = request.ByteSizeLong();
  std::unique_lock lock(mutex_);
  if (absl::Status room = WaitForRoom(bytes, &lock); !room.ok()) return room;
  v1::BatchOutcome skipped;
  const uint64_t sequence = batches_.Add(std::move(request), bytes, &skipped);
  lock.unlock();
  changed_.notify_all();
  if (skipped.sequence() != 0 && options_.on_committed) options_.on_committed(sequence, skipped);
  return sequence;
}

absl::Status StreamProducer::WaitForRoom(uint64_t bytes, std::unique_lock<std::mutex>* lock) {
  const auto ready = [&] {
    return !failed_.ok() || batches_.empty() ||
           batches_.bytes() + bytes <= options_.unacknowledged_bytes_max;
  };
  Patience patience;
  int64_t since_ns = SteadyNowNs();
  uint64_t committed = batches_.committed();
  while (!ready()) {
    if (Interrupted()) return absl::CancelledError("interrupted");
    changed_.wait_for(*lock, kLook, ready);
    const int64_t now_ns = SteadyNowNs();
    // While there is no connection, the thread that opens it speaks and gives up.
    if (!welcomed_ || batches_.committed() != committed) {
      committed = batches_.committed();
      since_ns = now_ns;
      patience.Reset();
    }
    if (std::chrono::nanoseconds(now_ns - since_ns) > options_.give_up_after) {
      return absl::AbortedError(absl::StrCat("the daemon acknowledged nothing for ",
                                             options_.give_up_after.count() / 1'000, " s"));
    }
    if (const int seconds = patience.Due(since_ns, now_ns); seconds > 0) {
      lock->unlock();
      Tell("the daemon acknowledges nothing; still waiting", seconds);
      lock->lock();
    }
  }
  return failed_;
}

absl::Status StreamProducer::Flush(milliseconds deadline) {
  std::unique_lock lock(mutex_);
  const auto ready = [&] { return !failed_.ok() || batches_.empty(); };
  int64_t until_ns = SteadyNowNs() + std::chrono::nanoseconds(deadline).count();
  bool interrupted = false;
  while (!ready() && SteadyNowNs() < until_ns) {
    if (!interrupted && Interrupted()) {
      interrupted = true;
      until_ns = std::min<int64_t>(
          until_ns, SteadyNowNs() + std::chrono::nanoseconds(kFlushInterrupted).count());
    }
    const std::chrono::nanoseconds left(std::max<int64_t>(until_ns - SteadyNowNs(), 0));
    changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, kLook), ready);
  }
  if (!failed_.ok()) return failed_;
  if (batches_.empty()) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat(batches_.rows(), " rows are not acknowledged after ", deadline.count(), " ms"));
}

ProducerTotals StreamProducer::totals() const {
  std::lock_guard lock(mutex_);
  ProducerTotals totals = batches_.totals();
  totals.reconnects = welcomes_ > 0 ? welcomes_ - 1 : 0;
  totals.durability = durability_;
  return totals;
}

uint64_t StreamProducer::earlier_batches() const {
  std::lock_guard lock(mutex_);
  return batches_.earlier();
}

void StreamProducer::Run() {
  milliseconds backoff = kBackoffFirst;
  Patience patience;
  for (;;) {
    const uint64_t welcomes_before = welcomes_;
    const grpc::Status status = RunConnection();
    std::unique_lock lock(mutex_);
    JudgeEnd(status);
    ended_ = stopping_ || !failed_.ok();
    changed_.notify_all();
    if (ended_) return;
    if (welcomes_ > welcomes_before) patience.Reset();
    if (welcomed_once_) {
      const int seconds = patience.Due(connected_ns_, SteadyNowNs());
      lock.unlock();
      Tell("connection lost; reconnecting", seconds);
      lock.lock();
    }
    backoff = welcomes_ > welcomes_before ? kBackoffFirst : std::min(backoff * 2, kBackoffMax);
    ended_ = changed_.wait_for(lock, backoff, [&] { return stopping_; });
    if (ended_) changed_.notify_all();
    if (ended_) return;
  }
}

void StreamProducer::JudgeEnd(const grpc::Status& status) {
  if (stopping_) return;
  if (!status.ok()) last_problem_ = ToStatus(status);
  const int64_t now_ns = SteadyNowNs();
  if (welcomed_) connected_ns_ = now_ns;
  if (!failed_.ok()) return;
  // Who was let in before meets a daemon under pressure; unless it is always the same message.
  const bool pressed =
      welcomed_once_ && status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  if (pressed && welcomed_) ++fruitless_;
  if (!pressed && !WorthRetrying(status.error_code())) {
    failed_ = last_problem_;
  } else if (fruitless_ > kFruitlessMax) {
    failed_ = absl::AbortedError(
        absl::StrCat("the daemon stopped making progress: ", std::string(last_problem_.message())));
  } else if (std::chrono::nanoseconds(now_ns - connected_ns_) > options_.give_up_after) {
    failed_ = absl::UnavailableError(absl::StrCat("no connection to ", options_.address, ": ",
                                                  std::string(last_problem_.message())));
  }
}

grpc::Status StreamProducer::RunConnection() {
  grpc::ClientContext context;
  {
    std::lock_guard lock(mutex_);
    context_ = &context;
    welcomed_ = false;
    broken_ = false;
    if (stopping_) context.TryCancel();
  }
  // A new channel each time: an old one waits by a schedule of its own.
  const auto stub = v1::IngestionService::NewStub(MakeChannel(options_.address));
  const std::unique_ptr<Stream> stream = stub->StreamInferences(&context);
  std::thread reader([&] { ReadAll(stream.get()); });
  v1::StreamInferencesRequest hello;
  hello.mutable_hello()->set_producer_id(options_.id);
  hello.mutable_hello()->set_epoch(options_.epoch);
  if (stream->Write(hello)) WriteAll(stream.get());
  reader.join();
  grpc::Status status = stream->Finish();
  std::lock_guard lock(mutex_);
  context_ = nullptr;
  return status;
}

void StreamProducer::WriteAll(Stream* stream) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kWelcomeMax, [&] { return broken_ || stopping_ || welcomed_; })) {
    context_->TryCancel();
    return;
  }
  for (;;) {
    changed_.wait(lock, [&] { return broken_ || stopping_ || batches_.HasNext(); });
    if (broken_ || stopping_) break;
    const std::shared_ptr<const v1::StreamInferencesRequest> next = batches_.TakeNext();
    lock.unlock();
    const bool written = stream->Write(*next);
    lock.lock();
    if (!written) return;
  }
  const bool orderly = stopping_ && welcomed_ && !broken_ && batches_.empty();
  if (!orderly && stopping_) context_->TryCancel();
  lock.unlock();
  if (orderly) stream->WritesDone();
}

void StreamProducer::ReadAll(Stream* stream) {
  v1::StreamInferencesResponse response;
  bool taken = true;
  while (taken && stream->Read(&response)) taken = Take(response);
  std::lock_guard lock(mutex_);
  broken_ = true;
  // Not if the call is over: its status would be lost.
  if (!taken) context_->TryCancel();
  changed_.notify_all();
}

bool StreamProducer::Take(const v1::StreamInferencesResponse& response) {
  std::vector<v1::BatchOutcome> outcomes;
  absl::Status taken;
  {
    std::lock_guard lock(mutex_);
    const uint64_t committed_before = batches_.committed();
    if (response.has_welcome()) {
      taken = batches_.Welcome(response.welcome(), &outcomes);
      durability_ = response.welcome().durability();
      welcomed_ = welcomed_once_ = taken.ok();
      welcomes_ += taken.ok();
    } else if (response.has_ack()) {
      batches_.Acknowledge(response.ack(), &outcomes);
    } else if (response.has_not_taken()) {
      taken = batches_.NotTaken(response.not_taken());
      // A batch that was refused for what it holds is settled, and can be so only once.
      if (response.not_taken().reason() == v1::REJECT_REASON_SEQUENCE) ++fruitless_;
      last_problem_ = absl::AbortedError(response.not_taken().message());
    }
    if (batches_.committed() > committed_before) fruitless_ = 0;
    if (!taken.ok() && !absl::IsAborted(taken)) failed_ = taken;
  }
  if (options_.on_committed) {
    for (const v1::BatchOutcome& outcome : outcomes) {
      options_.on_committed(outcome.sequence(), outcome);
    }
  }
  changed_.notify_all();
  return taken.ok();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> Producer::Connect(ProducerOptions options) {
  if (options.id.empty() || options.id.size() > 128) {
    return absl::InvalidArgumentError("the producer id must be 1 to 128 bytes long");
  }
  auto producer = std::make_unique<StreamProducer>(std::move(options));
  if (absl::Status started = producer->Start(); !started.ok()) return started;
  return producer;
}

}  // namespace faultline::cli
