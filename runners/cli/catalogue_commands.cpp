#include <cstdio>

#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "runners/cli/commands.h"
#include "runners/cli/find.h"
#include "runners/cli/knowledge.h"

namespace assay {
namespace {

std::string type_text(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::choice:
      return join(spec.choices, "|");
    case ParameterType::text:
      return "text";
    case ParameterType::flag:
      return "true|false";
    case ParameterType::bytes:
      return "size, such as 8 or \"8 MiB\"";
    case ParameterType::integer:
      return "integer";
    case ParameterType::real:
      break;
  }
  return "number";
}

std::string default_text(const ParameterSpec& spec) {
  if (spec.type == ParameterType::bytes) {
    if (const auto* bytes = std::get_if<std::int64_t>(&spec.default_value))
      return format_bytes(static_cast<double>(*bytes));
  }
  return to_string(spec.default_value) + (spec.unit.empty() ? "" : " " + spec.unit);
}

}  // namespace

ExitStatus list_command() {
  const Knowledge knowledge = embedded_knowledge();
  std::printf("Benchmarks of assay-bench %s:\n", knowledge.catalogue.version.c_str());
  for (const BenchmarkSpec& spec : knowledge.catalogue.benchmarks) {
    std::vector<std::string> figures;
    for (const FomSpec& fom : spec.foms) figures.push_back(fom.name);
    std::printf("  %-28s %s (%s)\n", spec.name.c_str(), spec.title.c_str(), join(figures, ", ").c_str());
  }
  std::printf("\nPlans that come with it: %s\n", join(shipped_plans(), ", ").c_str());
  std::printf("Targets that come with it: %s\n", join(shipped_targets(), ", ").c_str());
  std::printf("\nassay describe NAME tells parameters and figures of one benchmark.\n");
  return ExitStatus::pass;
}

ExitStatus describe_command(const std::string& name) {
  const Knowledge knowledge = embedded_knowledge();
  const BenchmarkSpec* spec = knowledge.catalogue.find(name);
  if (spec == nullptr)
    throw bad_input("no benchmark '" + name + "'", suggest(name, knowledge.catalogue.names()));
  std::printf("%s: %s\n", spec->name.c_str(), spec->title.c_str());
  std::printf(
      "%s; at least %d rank%s\n",
      spec->scope == Scope::device ? "each device has its own figures" : "all ranks have one figure together",
      spec->minimum_ranks, spec->minimum_ranks == 1 ? "" : "s");
  std::printf("\nParameters:\n");
  for (const ParameterSpec& parameter : spec->parameters) {
    std::printf("  %-12s %s; default %s\n", parameter.name.c_str(), type_text(parameter).c_str(),
                default_text(parameter).c_str());
    std::printf("  %-12s %s\n", "", parameter.meaning.c_str());
  }
  std::printf("\nFigures of merit (for a target's fom = \"%s.NAME\"):\n", spec->name.c_str());
  for (const FomSpec& fom : spec->foms) {
    std::printf("  %-12s %s, %s is better; %s", fom.name.c_str(), fom.unit.c_str(),
                fom.better == Better::higher ? "higher" : "lower", fom.meaning.c_str());
    if (fom.only_when) std::printf(" (only with %s)", fom.condition().c_str());
    std::printf("\n");
  }
  return ExitStatus::pass;
}

}  // namespace assay
