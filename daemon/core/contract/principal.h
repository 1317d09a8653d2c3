#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "faultline/v1/incident.pb.h"

namespace faultline {

inline constexpr size_t kActorBytesMax = 128;

// Who did something: gave a command, sent a batch, or caused an effect. Made by the edge that took
// the input in; the core only passes it on. On the wire it is v1.Actor, and "actor" the name that a
// caller claims: those names are released and stay.
struct Principal {
  enum class Kind : uint8_t {
    kDaemon,         // nobody asked: a tick, retention, the start
    kConfiguration,  // the configuration, at the start or read again
    kProducer,       // a program that sends batches
    kPerson,         // a caller of a service, or a program in their name
  };

  Kind kind = Kind::kDaemon;
  // Of a producer: its id, empty if it sent none. Of a person: the name they claim, may be empty.
  std::string name;
  // What the operating system says of a person who called over a unix socket.
  std::optional<uint32_t> uid;
  std::string account;  // of the uid; empty if it has none

  static Principal Daemon() { return {}; }
  static Principal Configuration() { return Make(Kind::kConfiguration, ""); }
  static Principal Producer(std::string_view id) { return Make(Kind::kProducer, id); }
  // Without evidence.
  static Principal Person(std::string_view claimed) { return Make(Kind::kPerson, claimed); }

  bool operator==(const Principal&) const = default;

 private:
  static Principal Make(Kind kind, std::string_view name);
};

// For people and the wire: cleaned, cut to kActorBytesMax, and never without a name.
v1::Actor ActorMessage(const Principal& principal);
// The name in it.
std::string NameOf(const Principal& principal);

}  // namespace faultline
