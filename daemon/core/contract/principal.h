#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "faultline/v1/incident.pb.h"

namespace faultline {

inline constexpr size_t kActorBytesMax = 128;

// Who gave a command, sent a batch, or caused an effect. Made by the network front that received
// the input; the core only passes it on. On the wire it is v1.Actor, and "actor" is the name that a
// caller claims: released names, which stay.
struct Principal {
  enum class Kind : uint8_t {
    kDaemon,         // the daemon itself: a tick, retention, the start
    kConfiguration,  // the configuration, at the start or reloaded
    kProducer,       // a program that sends batches
    kPerson,         // a caller of a service
  };

  Kind kind = Kind::kDaemon;
  // Of a producer: its id, empty if it sent none. Of a person: the claimed name, may be empty.
  std::string name;
  // User id, from the operating system, of a person who called over a unix socket.
  std::optional<uint32_t> uid;
  std::string account;  // of the uid; empty if it has none

  static Principal Daemon() { return {}; }
  static Principal Configuration() { return Make(Kind::kConfiguration, ""); }
  static Principal Producer(std::string_view id) { return Make(Kind::kProducer, id); }
  // Unauthenticated.
  static Principal Person(std::string_view claimed) { return Make(Kind::kPerson, claimed); }

  bool operator==(const Principal&) const = default;

 private:
  static Principal Make(Kind kind, std::string_view name);
};

// For people and the wire: cleaned, truncated to kActorBytesMax, and never without a name.
v1::Actor ActorMessage(const Principal& principal);
// The name in ActorMessage.
std::string NameOf(const Principal& principal);

}  // namespace faultline
