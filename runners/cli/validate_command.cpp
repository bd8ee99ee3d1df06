#include <cstdio>

#include "reports/base/files.h"
#include "reports/base/names.h"
#include "reports/base/toml_reader.h"
#include "runners/cli/commands.h"
#include "runners/cli/find.h"
#include "runners/cli/knowledge.h"
#include "runners/launch/site.h"

namespace assay {
namespace {

std::string schema_of(const std::string& text, const std::string& file) {
  TomlTable top = TomlTable::parse(text, file);
  return top.required_string("schema");
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

ExitStatus validate_command(const std::vector<std::string>& files) {
  const Knowledge knowledge = embedded_knowledge();
  std::vector<std::pair<std::string, Plan>> plans;
  std::vector<std::pair<std::string, Targets>> targets;
  for (const std::string& given : files) {
    const std::string file = find_plan_or_targets(given).string();
    const std::string text = read_file(file);
    const std::string schema = schema_of(text, file);
    if (schema == "assay.plan/1") {
      plans.emplace_back(file, parse_plan(text, file, knowledge.catalogue));
      std::printf("%s: plan '%s', %s\n", file.c_str(), plans.back().second.name.c_str(),
                  counted(plans.back().second.cases.size(), "case").c_str());
    } else if (schema == "assay.targets/1") {
      targets.emplace_back(file, parse_targets(text, file, knowledge.catalogue));
      const Targets& one = targets.back().second;
      std::printf(
          "%s: targets '%s', %s\n", file.c_str(), one.name.c_str(),
          counted(one.targets.size() + one.inventory.size() + one.documents.size(), "clause").c_str());
    } else if (schema == "assay.site/1") {
      const Site site = parse_site(text, file);
      std::printf("%s: site '%s', %s\n", file.c_str(), site.name.c_str(),
                  !site.hosts.empty()       ? counted(site.hosts.size(), "host").c_str()
                  : site.launcher == "srun" ? "the nodes of the Slurm allocation"
                                            : "this machine");
    } else {
      throw bad_input("schema is '" + schema + "'",
                      suggest(schema, {"assay.plan/1", "assay.targets/1", "assay.site/1"}), {file});
    }
  }
  for (const auto& [plan_file, plan] : plans) {
    for (const auto& [targets_file, one] : targets) {
      check_against_plan(one, plan, knowledge.catalogue);
      std::printf("%s and %s fit together\n", plan_file.c_str(), targets_file.c_str());
    }
  }
  return ExitStatus::pass;
}

}  // namespace assay
