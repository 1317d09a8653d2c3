#include "daemon/core/contract/principal.h"

#include <absl/strings/str_cat.h>

#include "base/clean_text.h"

namespace faultline {
namespace {

void NamePerson(const Principal& person, v1::Actor* actor) {
  const std::string claimed = CleanText(person.name, kActorBytesMax);
  actor->set_kind(v1::ACTOR_KIND_PERSON);
  if (!person.uid.has_value()) {
    actor->set_name(claimed.empty() ? "somebody" : claimed);
    return;
  }
  actor->set_authenticated(true);
  actor->set_uid(*person.uid);
  actor->set_name(person.account.empty() ? absl::StrCat("uid ", *person.uid)
                                         : CleanText(person.account, kActorBytesMax));
  if (claimed != actor->name()) actor->set_claimed_name(claimed);
}

}  // namespace

Principal Principal::Make(Kind kind, std::string_view name) {
  Principal principal;
  principal.kind = kind;
  principal.name = name;
  return principal;
}

v1::Actor ActorMessage(const Principal& principal) {
  v1::Actor actor;
  switch (principal.kind) {
    case Principal::Kind::kDaemon:
      actor.set_kind(v1::ACTOR_KIND_DAEMON);
      actor.set_name("daemon");
      break;
    case Principal::Kind::kConfiguration:
      actor.set_kind(v1::ACTOR_KIND_CONFIGURATION);
      actor.set_name("configuration");
      break;
    case Principal::Kind::kProducer:
      actor.set_kind(v1::ACTOR_KIND_PRODUCER);
      actor.set_name(principal.name.empty()
                         ? "unnamed producer"
                         : CleanText(absl::StrCat("producer ", principal.name), kActorBytesMax));
      break;
    case Principal::Kind::kPerson:
      NamePerson(principal, &actor);
      break;
  }
  return actor;
}

std::string NameOf(const Principal& principal) { return ActorMessage(principal).name(); }

}  // namespace faultline
