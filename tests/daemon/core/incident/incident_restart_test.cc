#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/core/incident/incident_book.h"

namespace faultline {
namespace {

using Kind = AlertTransition::Kind;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'790'000'000 * kSecond;

// What the store would hold: the book's bytes and the incidents as last published.
struct Stored {
  std::map<uint64_t, v1::Incident> incidents;

  void Take(const std::vector<IncidentChange>& changes) {
    for (const IncidentChange& change : changes) {
      if (change.removed) {
        incidents.erase(change.id);
      } else {
        incidents[change.id] = change.incident;
      }
    }
  }
};

void Restart(const Stored& stored, IncidentBook* book) {
  std::string bytes;
  book->Encode(&bytes);
  IncidentBook fresh("credit", "7");
  ASSERT_TRUE(fresh.Decode(bytes).ok());
  for (const auto& [id, incident] : stored.incidents) fresh.Restore(id, incident);
  ASSERT_TRUE(fresh.FinishRestore().ok());
  *book = fresh;
}

AlertTransition Transition(Kind kind, const std::string& signal, double score, int64_t at_ns) {
  AlertTransition transition;
  transition.kind = kind;
  transition.key = {signal, "psi"};
  transition.alert.state =
      kind == Kind::kResolved ? v1::ALERT_STATE_RESOLVED : v1::ALERT_STATE_FIRING;
  transition.alert.start_ns = at_ns;
  transition.alert.fire_ns = at_ns;
  transition.alert.peak.state = VerdictState::kAlarm;
  transition.alert.peak.score = score;
  transition.alert.peak.threshold = 1;
  return transition;
}

class Numbers {
 public:
  uint64_t Next(uint64_t below) {
    seed_ = seed_ * 6'364'136'223'846'793'005ull + 1'442'695'040'888'963'407ull;
    return (seed_ >> 33) % below;
  }

 private:
  uint64_t seed_ = 7;
};

// One thing that may happen; the same to both books.
void Step(uint64_t what, uint64_t which, uint64_t newest, int64_t now_ns, IncidentBook* book) {
  const std::string signal = "signal " + std::to_string(which);
  const auto score = static_cast<double>(1 + which);
  v1::SignalEvidence evidence;
  evidence.set_signal(signal);
  evidence.set_window_rows(static_cast<uint64_t>(now_ns));
  const TransitionContext context{.subject = which % 2 == 0 ? "" : "outcomes",
                                  .evidence = &evidence};
  const ModelSettings settings;
  switch (what) {
    case 0:
    case 1:
      return book->Apply(Transition(Kind::kFired, signal, score, now_ns), context, settings,
                         now_ns);
    case 2:
    case 3:
    case 4:
      return book->Apply(Transition(Kind::kResolved, signal, score, now_ns), context, settings,
                         now_ns);
    case 5:
      return book->Apply(Transition(Kind::kRenewed, signal, 2 * score, now_ns), context, settings,
                         now_ns);
    case 6:
      (void)book->Acknowledge(newest, Principal::Person("ann"), "", now_ns);
      return;
    case 7:
      if (which == 0) (void)book->Resolve(newest, Principal::Person("ann"), "", now_ns);
      return;
    case 8:
      (void)book->Comment(newest, Principal::Person("bob"), "hm", now_ns);
      return;
    default:
      if (which == 1) book->Retain(10);
      return book->Note("deployed", Principal::Daemon(), now_ns);
  }
}

TEST(IncidentRestart, AnywhereChangesNothing) {
  IncidentBook through("credit", "7");
  IncidentBook restarted("credit", "7");
  Stored a;
  Stored b;
  Numbers numbers;
  uint64_t newest = 0;
  for (int i = 0; i < 4'000; ++i) {
    const uint64_t what = numbers.Next(10);
    const uint64_t which = numbers.Next(5);
    const int64_t now_ns = kStart + i * kSecond;
    Step(what, which, newest, now_ns, &through);
    Step(what, which, newest, now_ns, &restarted);
    std::vector<IncidentChange> first;
    std::vector<IncidentChange> second;
    through.TakeChanges(Principal::Daemon(), &first);
    restarted.TakeChanges(Principal::Daemon(), &second);
    ASSERT_EQ(first.size(), second.size()) << i;
    for (size_t k = 0; k < first.size(); ++k) {
      EXPECT_EQ(first[k].id, second[k].id);
      EXPECT_EQ(first[k].change, second[k].change);
      EXPECT_EQ(first[k].removed, second[k].removed);
      ASSERT_EQ(first[k].incident.DebugString(), second[k].incident.DebugString()) << i;
      newest = std::max(newest, first[k].id);
    }
    a.Take(first);
    b.Take(second);
    Restart(b, &restarted);
    if (HasFatalFailure()) return;
    std::string one;
    std::string two;
    through.Encode(&one);
    restarted.Encode(&two);
    ASSERT_EQ(one, two) << i;
  }
  EXPECT_GT(through.total(), 50u);
  EXPECT_LE(a.incidents.size(), through.total());
}

TEST(IncidentRestart, MissingIncidentIsDamage) {
  IncidentBook book("credit", "7");
  book.Apply(Transition(Kind::kFired, "income", 2, kStart), {}, ModelSettings{}, kStart);
  std::string bytes;
  book.Encode(&bytes);
  IncidentBook fresh("credit", "7");
  ASSERT_TRUE(fresh.Decode(bytes).ok());
  EXPECT_EQ(fresh.FinishRestore().code(), absl::StatusCode::kDataLoss);
}

TEST(IncidentRestart, RefusesDamage) {
  IncidentBook book("credit", "7");
  std::vector<IncidentChange> changes;
  for (int i = 0; i < 6; ++i) {
    book.Apply(Transition(Kind::kFired, "income", 2, kStart), {}, ModelSettings{}, kStart);
    book.Apply(Transition(Kind::kFired, "age", 2, kStart), {}, ModelSettings{}, kStart);
    if (i < 5) {
      book.Apply(Transition(Kind::kResolved, "income", 2, kStart), {}, ModelSettings{}, kStart);
      book.Apply(Transition(Kind::kResolved, "age", 2, kStart), {}, ModelSettings{}, kStart);
    }
    book.TakeChanges(Principal::Daemon(), &changes);
  }
  std::string bytes;
  book.Encode(&bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    IncidentBook fresh("credit", "7");
    EXPECT_EQ(fresh.Decode(bytes.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_EQ(fresh.open(), 0u);
  }
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    IncidentBook fresh("credit", "7");
    if (!fresh.Decode(damaged).ok()) continue;
    std::string again;
    fresh.Encode(&again);
    EXPECT_EQ(again, damaged) << bit;
  }
  bytes[0] = 9;
  EXPECT_EQ(IncidentBook("credit", "7").Decode(bytes).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TestIncident, ResolvesByATickAndCanBeProlonged) {
  IncidentBook book(std::string(kTestModelName), "");
  ModelSettings settings;
  settings.severity = v1::SEVERITY_CRITICAL;
  const uint64_t id = book.OpenTest(settings, 10 * kSecond, Principal::Person("ann"), kStart);
  std::vector<IncidentChange> changes;
  book.TakeChanges(Principal::Daemon(), &changes);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_TRUE(changes[0].incident.test());
  EXPECT_FALSE(changes[0].incident.unbudgeted());
  EXPECT_EQ(changes[0].incident.severity(), v1::SEVERITY_CRITICAL);
  EXPECT_EQ(changes[0].incident.summary(), "test alert: nothing is wrong, it resolves by itself");
  EXPECT_EQ(book.OpenTest(settings, 10 * kSecond, Principal::Person("ann"), kStart + 5 * kSecond),
            id);
  book.Tick(kStart + 11 * kSecond);
  EXPECT_EQ(book.open(), 1u);
  book.Tick(kStart + 15 * kSecond);
  EXPECT_EQ(book.open(), 0u);
  changes.clear();
  book.TakeChanges(Principal::Daemon(), &changes);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].incident.state(), v1::INCIDENT_STATE_RESOLVED);
  EXPECT_EQ(changes[0].incident.alerts(0).state(), v1::ALERT_STATE_RESOLVED);
  book.Tick(kStart + 99 * kSecond);
  EXPECT_NE(book.OpenTest(settings, kSecond, Principal::Person("ann"), kStart + 100 * kSecond), id);
}

}  // namespace
}  // namespace faultline
