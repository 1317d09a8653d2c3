#include "tests/tidy/rules.h"

namespace faultline::tidy {

const std::vector<Rule>& AllRules() {
  static const std::vector<Rule> rules = {
      {"LinesFit", LinesFit},
      {"FilesFit", FilesFit},
      {"FunctionsFit", FunctionsFit},
      {"ClassesFit", ClassesFit},
      {"MapHolds", MapHolds},
      {"IncludesFollowMap", IncludesFollowMap},
      {"SourcesHaveRoom", SourcesHaveRoom},
      {"CoreIsPure", CoreIsPure},
      {"ThirdPartiesStayAtHome", ThirdPartiesStayAtHome},
      {"FoldersFit", FoldersFit},
      {"TestsStandBesideSources", TestsStandBesideSources},
      {"SourcesAreBuilt", SourcesAreBuilt},
      {"BannedCodeIsAbsent", BannedCodeIsAbsent},
      {"EnglishIsPlain", EnglishIsPlain},
      {"HeadersAreGuardedOnce", HeadersAreGuardedOnce},
      {"DocumentsHaveOneTitle", DocumentsHaveOneTitle},
      {"DecisionsAreDated", DecisionsAreDated},
      {"LinksResolve", LinksResolve},
  };
  return rules;
}

Violations Unexcepted(const Rule& rule, const Files& files,
                      const std::vector<Exception>& exceptions) {
  std::set<std::string_view> excepted;
  for (const Exception& exception : exceptions) {
    if (exception.rule == rule.name) excepted.insert(exception.subject);
  }
  std::set<std::string_view> unused = excepted;
  const Violations found = rule.check(files);
  Violations violations;
  for (const Violation& violation : found) {
    unused.erase(violation.subject);
    if (!excepted.contains(violation.subject)) violations.push_back(violation);
  }
  for (const std::string_view subject : unused) {
    violations.push_back({std::string(subject), "tests/tidy/exceptions.cc",
                          "nothing breaks " + std::string(rule.name) + " in \"" +
                              std::string(subject) + "\" any more: delete the exception"});
  }
  return violations;
}

}  // namespace faultline::tidy
