#include "daemon/core/alert/alert_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "daemon/core/settings/limits.h"

namespace faultline {
namespace {

using Kind = AlertTransition::Kind;

constexpr double kThreshold = 0.25;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Verdict Make(VerdictState state, double score, double threshold = kThreshold) {
  Verdict verdict;
  verdict.state = state;
  verdict.score = score;
  verdict.threshold = threshold;
  verdict.rows = 1'000;
  return verdict;
}

// One letter per pane: A alarm, B a higher alarm, q quiet, n quiet but near the threshold,
// ? cannot tell, X alarm without numbers, x quiet without numbers.
Verdict FromLetter(char letter) {
  switch (letter) {
    case 'A':
      return Make(VerdictState::kAlarm, 0.4);
    case 'B':
      return Make(VerdictState::kAlarm, 0.8);
    case 'n':
      return Make(VerdictState::kQuiet, 0.24);
    case 'q':
      return Make(VerdictState::kQuiet, 0.1);
    case 'X':
      return Make(VerdictState::kAlarm, kUnset, kUnset);
    case 'x':
      return Make(VerdictState::kQuiet, kUnset, kUnset);
    default:
      return Make(VerdictState::kCannotTell, kUnset);
  }
}

constexpr int64_t kPane = 10;

class Bench {
 public:
  explicit Bench(AlertPolicy policy = {}) : policy_(policy) {}

  std::vector<AlertTransition> Step(const Verdict& verdict, bool silenced = false,
                                    const std::string& signal = "income") {
    std::vector<AlertTransition> transitions;
    book_.Judge(signal, "psi", policy_, silenced, verdict, pane_ * kPane, (pane_ + 1) * kPane,
                &transitions);
    ++pane_;
    return transitions;
  }

  // Transitions as "F2 N5 R9": fired, renewed, resolved, and the pane. Silenced panes have a bar
  // above them in `silence`.
  std::string Run(const std::string& letters, const std::string& silence = "") {
    std::string seen;
    for (size_t i = 0; i < letters.size(); ++i) {
      const bool silenced = i < silence.size() && silence[i] == '-';
      for (const AlertTransition& transition : Step(FromLetter(letters[i]), silenced)) {
        seen += seen.empty() ? "" : " ";
        seen += transition.kind == Kind::kFired     ? "F"
                : transition.kind == Kind::kRenewed ? "N"
                                                    : "R";
        seen += std::to_string(i);
        EXPECT_EQ(transition.alert.silenced, silenced);
      }
    }
    return seen;
  }

  AlertBook& book() { return book_; }

 private:
  AlertPolicy policy_;
  AlertBook book_;
  int64_t pane_ = 0;
};

struct Script {
  const char* letters;
  const char* transitions;
};

class AlertLife : public testing::TestWithParam<Script> {};

TEST_P(AlertLife, FollowsTheScript) {
  EXPECT_EQ(Bench().Run(GetParam().letters), GetParam().transitions);
}

INSTANTIATE_TEST_SUITE_P(Scripts, AlertLife,
                         testing::Values(Script{"qqqq", ""},        //
                                         Script{"AqAqAqAq", ""},    // never two in a row
                                         Script{"AA", "F1"},        //
                                         Script{"A?A", "F2"},       // waiting is no gap
                                         Script{"A????A", "F5"},    //
                                         Script{"AnAA", "F3"},      // near is quiet while pending
                                         Script{"AAqqq", "F1 R4"},  //
                                         Script{"AAqqAqqq", "F1 R7"},  // not in a row
                                         Script{"AAnnnnnn", "F1"},  // within the margin it fires on
                                         Script{"AAqqnqqq", "F1 R7"},    //
                                         Script{"AAq?q?q", "F1 R6"},     //
                                         Script{"AA????", "F1"},         //
                                         Script{"AAqqqAA", "F1 R4 F6"},  //
                                         Script{"AABBB", "F1 N2"},       // a peak once
                                         Script{"AAAA", "F1"},           //
                                         Script{"XX", "F1"},        // no numbers: the state counts
                                         Script{"XXxxx", "F1 R4"},  //
                                         Script{"XXAB",
                                                "F1 N2 N3"},    // a number is higher than none
                                         Script{"AAXX", "F1"},  //
                                         Script{"AAxxx", "F1 R4"}));

TEST(AlertBook, RemembersWhenAndHowBad) {
  Bench bench({.fire_panes = 3, .resolve_panes = 2, .severity = v1::SEVERITY_CRITICAL});
  bench.Run("qqA?B");
  const std::vector<AlertTransition> fired = bench.Step(FromLetter('A'));
  ASSERT_EQ(fired.size(), 1u);
  const Alert& alert = fired[0].alert;
  EXPECT_EQ(fired[0].key, (AlertKey{"income", "psi"}));
  EXPECT_EQ(alert.state, v1::ALERT_STATE_FIRING);
  EXPECT_EQ(alert.severity, v1::SEVERITY_CRITICAL);
  EXPECT_EQ(alert.start_ns, 20);
  EXPECT_EQ(alert.fire_ns, 60);
  EXPECT_EQ(alert.resolve_ns, 0);
  EXPECT_EQ(alert.newest.score, 0.4);
  EXPECT_EQ(alert.peak.score, 0.8);
  EXPECT_NE(bench.book().Firing("income", "psi"), nullptr);
  EXPECT_EQ(bench.book().Firing("income", "chi_square"), nullptr);
  bench.Step(FromLetter('q'));
  const std::vector<AlertTransition> resolved = bench.Step(FromLetter('q'));
  ASSERT_EQ(resolved.size(), 1u);
  EXPECT_EQ(resolved[0].alert.state, v1::ALERT_STATE_RESOLVED);
  EXPECT_EQ(resolved[0].alert.resolve_ns, 80);
  EXPECT_EQ(resolved[0].alert.peak.score, 0.8);
  EXPECT_EQ(bench.book().size(), 0u);
}

TEST(AlertBook, MarginOfOneWantsNothingLeft) {
  Bench bench({.fire_panes = 1, .resolve_panes = 1, .resolve_margin = 1});
  EXPECT_EQ(bench.Run("Aqqq"), "F0");
  EXPECT_EQ(bench.Step(Make(VerdictState::kQuiet, 0)).size(), 1u);
}

TEST(AlertBook, MarginOfNoneTakesEveryQuietVerdict) {
  Bench bench({.fire_panes = 1, .resolve_panes = 1, .resolve_margin = 0});
  EXPECT_EQ(bench.Run("An"), "F0 R1");
}

TEST(AlertBook, SquareWaveDoesNotStorm) {
  for (size_t half = 1; half <= 8; ++half) {
    Bench bench;
    std::string wave;
    while (wave.size() < 960) wave += std::string(half, 'A') + std::string(half, 'q');
    const std::string transitions = bench.Run(wave);
    const auto fired = std::count(transitions.begin(), transitions.end(), 'F');
    // Up to two panes per half it cannot both fire and resolve; after that once per wave.
    EXPECT_LE(fired, half < 2   ? 0
                     : half < 3 ? 1
                                : static_cast<int64_t>(960 / (2 * half)) + 1)
        << half;
  }
}

TEST(AlertBook, ScoreThatClimbsRenewsSeldom) {
  Bench bench;
  size_t renewed = 0;
  for (int i = 1; i <= 10'000; ++i) {
    for (const AlertTransition& transition : bench.Step(Make(VerdictState::kAlarm, i))) {
      renewed += transition.kind == Kind::kRenewed ? 1 : 0;
    }
  }
  EXPECT_GT(renewed, 20u);
  EXPECT_LT(renewed, 110u);
}

TEST(AlertBook, InfinitePeakIsNotRenewedForever) {
  Bench bench;
  bench.Run("AA");
  EXPECT_EQ(bench.Step(Make(VerdictState::kAlarm, kInfinity)).size(), 1u);
  EXPECT_TRUE(bench.Step(Make(VerdictState::kAlarm, kInfinity)).empty());
}

TEST(AlertBook, SilencePostponesAndLosesNothing) {
  // Fires under silence; reported when the silence ends.
  EXPECT_EQ(Bench().Run("AAAAA", "----"), "F4");
  // ... also if it cannot tell then.
  EXPECT_EQ(Bench().Run("AAA?", "---"), "F3");
  // Begins and ends under silence: not reported.
  EXPECT_EQ(Bench().Run("AAAqqqq", "------"), "");
  // Reported before the silence, so its end is reported too.
  EXPECT_EQ(Bench().Run("AAAqqq", "  ----"), "F1 N2 R5");
  // A silence that begins and ends while it fires.
  EXPECT_EQ(Bench().Run("AAAAAA", "  --"), "F1 N2 N4");
}

TEST(AlertBook, WhatIsConfiguredAwayResolves) {
  Bench bench;
  bench.Run("AA");
  bench.Step(FromLetter('A'), false, "age");  // pending
  std::vector<AlertTransition> transitions;
  bench.book().Retain([](const AlertKey&) { return true; }, 500, &transitions);
  EXPECT_TRUE(transitions.empty());
  EXPECT_EQ(bench.book().size(), 2u);
  bench.book().Retain([](const AlertKey&) { return false; }, 500, &transitions);
  ASSERT_EQ(transitions.size(), 1u);
  EXPECT_EQ(transitions[0].kind, Kind::kResolved);
  EXPECT_EQ(transitions[0].key.signal, "income");
  EXPECT_EQ(transitions[0].alert.resolve_ns, 500);
  EXPECT_EQ(bench.book().size(), 0u);
}

TEST(AlertBook, HoldsSoManyAndCountsTheRest) {
  AlertBook book;
  std::vector<AlertTransition> transitions;
  const AlertPolicy policy{.fire_panes = 1};
  for (uint32_t i = 0; i < kAlertsPerModelMax + 10; ++i) {
    book.Judge("s" + std::to_string(i), "psi", policy, false, FromLetter('A'), 0, 10, &transitions);
  }
  EXPECT_EQ(transitions.size(), kAlertsPerModelMax);
  EXPECT_EQ(book.size(), kAlertsPerModelMax);
  EXPECT_EQ(book.untracked(), 10u);
  std::string bytes;
  book.Encode(&bytes);
  AlertBook again;
  EXPECT_TRUE(again.Decode(bytes).ok());
  EXPECT_EQ(again.untracked(), 10u);
}

TEST(AlertBook, RestartAnywhereChangesNothing) {
  AlertBook through;
  AlertBook restarted;
  uint64_t seed = 1;
  const auto next = [&seed](uint64_t below) {
    seed = seed * 6'364'136'223'846'793'005ull + 1'442'695'040'888'963'407ull;
    return (seed >> 33) % below;
  };
  const std::string letters = "AABqn?XxA";
  size_t transitions_seen = 0;
  for (int64_t pane = 0; pane < 3'000; ++pane) {
    const bool silenced = (pane / 40) % 3 == 1;
    const std::string signal = "signal " + std::to_string(next(4));
    const Verdict verdict = FromLetter(letters[next(letters.size())]);
    std::vector<AlertTransition> a;
    std::vector<AlertTransition> b;
    through.Judge(signal, "psi", {}, silenced, verdict, pane, pane + 1, &a);
    restarted.Judge(signal, "psi", {}, silenced, verdict, pane, pane + 1, &b);
    ASSERT_EQ(a.size(), b.size()) << pane;
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].kind, b[i].kind);
      EXPECT_EQ(AlertMessage(a[i].key, a[i].alert).SerializeAsString(),
                AlertMessage(b[i].key, b[i].alert).SerializeAsString());
    }
    transitions_seen += a.size();
    std::string first;
    std::string second;
    through.Encode(&first);
    restarted.Encode(&second);
    ASSERT_EQ(first, second) << pane;
    AlertBook fresh;
    ASSERT_TRUE(fresh.Decode(second).ok()) << pane;
    restarted = fresh;
  }
  EXPECT_GT(transitions_seen, 100u);
}

TEST(AlertBook, RefusesDamage) {
  Bench bench;
  bench.Run("AAB");
  bench.Step(FromLetter('X'), true, "age");
  std::string bytes;
  bench.book().Encode(&bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    AlertBook book;
    EXPECT_EQ(book.Decode(bytes.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_EQ(book.size(), 0u);
  }
  EXPECT_FALSE(AlertBook().Decode(bytes + "x").ok());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    AlertBook book;
    if (!book.Decode(damaged).ok()) continue;
    std::string again;
    book.Encode(&again);
    EXPECT_EQ(again, damaged) << bit;
  }
  bytes[0] = 2;
  EXPECT_EQ(AlertBook().Decode(bytes).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AlertBook, CutsDetails) {
  Bench bench({.fire_panes = 1});
  Verdict verdict = FromLetter('A');
  verdict.detail = std::string(5'000, 'd') + "\n";
  const std::vector<AlertTransition> transitions = bench.Step(verdict);
  ASSERT_EQ(transitions.size(), 1u);
  EXPECT_EQ(transitions[0].alert.newest.detail.size(), 512u);
  EXPECT_TRUE(transitions[0].alert.newest.detail.ends_with("d..."));
}

TEST(VerdictMessage, LeavesUnknownNumbersOut) {
  const v1::Verdict message = VerdictMessage("psi", FromLetter('?'), true);
  EXPECT_EQ(message.detector(), "psi");
  EXPECT_EQ(message.state(), v1::VERDICT_STATE_CANNOT_TELL);
  EXPECT_FALSE(message.has_score());
  EXPECT_FALSE(message.has_p_value());
  EXPECT_TRUE(message.has_threshold());
  EXPECT_TRUE(message.unbudgeted());
}

}  // namespace
}  // namespace faultline
