#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "faultline/v1/incident.pb.h"

namespace faultline {

// Who decides something: what they call themselves and, for the peer of a unix socket, what the
// operating system says of them.
struct Person {
  Person() = default;
  // Somebody for whom nobody vouches. Implicit: a name is all that most callers have.
  Person(const char* name) : claimed(name) {}             // NOLINT(google-explicit-constructor)
  Person(std::string name) : claimed(std::move(name)) {}  // NOLINT(google-explicit-constructor)

  std::string claimed;          // may be empty
  std::optional<uint32_t> uid;  // of the peer, if it is known
  std::string account;          // its name; empty: it has none

  bool empty() const { return claimed.empty() && !uid.has_value(); }
};

// Cleaned and cut; never without a name.
v1::Actor ActorMessage(const Person& person);

}  // namespace faultline
