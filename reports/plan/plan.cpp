#include "reports/plan/plan.h"

#include <algorithm>
#include <set>

#include "reports/base/files.h"
#include "reports/base/names.h"
#include "reports/base/toml_reader.h"
#include "reports/judge/statistics.h"
#include "reports/record/unit.h"

namespace assay {
namespace {

constexpr std::string_view plan_schema = "assay.plan/1";

double duration_s(TomlTable& table, std::string_view key, double otherwise) {
  const auto text = table.string(key);
  if (!text) return otherwise;
  Quantity duration;
  try {
    duration = parse_quantity(*text);
  } catch (const Error& failure) {
    throw bad_input(std::string("'") + std::string(key) + "': " + failure.what(), {}, table.where(key));
  }
  if (!(duration.dimension == Dimension{.time = 1})) {
    throw bad_input("'" + std::string(key) + "' is " + describe(duration.dimension),
                    "expected a time such as \"90 s\" or \"2 min\"", table.where(key));
  }
  if (!(duration.value > 0)) {
    throw bad_input("'" + std::string(key) + "' is not positive", "give a time such as \"90 s\"",
                    table.where(key));
  }
  return duration.value;
}

int positive(TomlTable& table, std::string_view key, int otherwise, int most) {
  const auto number = table.integer(key);
  if (!number) return otherwise;
  if (*number < 1 || *number > most) {
    throw bad_input("'" + std::string(key) + "' is " + std::to_string(*number),
                    "expected an integer from 1 to " + std::to_string(most), table.where(key));
  }
  return static_cast<int>(*number);
}

Geometry parse_geometry(TomlTable* table) {
  Geometry geometry;
  if (table == nullptr) return geometry;
  if (const auto nodes = table->scalar("nodes")) {
    if (const auto* count = std::get_if<std::int64_t>(&nodes->value)) {
      if (*count < 1 || *count > 1'000'000) {
        throw bad_input("'nodes' is " + std::to_string(*count),
                        "expected 1 or more, \"all\", \"each\" or \"pairs\"", nodes->where);
      }
      geometry.nodes = static_cast<int>(*count);
    } else {
      const auto* word = std::get_if<std::string>(&nodes->value);
      if (word != nullptr && *word == "all") {
        geometry.placement = Placement::all;
      } else if (word != nullptr && *word == "each") {
        geometry.placement = Placement::each;
      } else if (word != nullptr && *word == "pairs") {
        geometry.placement = Placement::pairs;
        geometry.nodes = 2;
      } else {
        throw bad_input("'nodes' is not a number of nodes",
                        "expected 1 or more, \"all\", \"each\" or \"pairs\"", nodes->where);
      }
    }
  }
  geometry.ranks_per_node = positive(*table, "ranks_per_node", 1, 4096);
  geometry.threads_per_rank = positive(*table, "threads_per_rank", 0, 4096);
  table->finish();
  return geometry;
}

/// Every combination of the listed values, the last axis turning fastest.
std::vector<Parameters> cross_product(
    const std::vector<std::pair<std::string, std::vector<ParameterValue>>>& axes) {
  std::vector<Parameters> points{{}};
  for (const auto& [name, values] : axes) {
    std::vector<Parameters> next;
    for (const Parameters& point : points) {
      for (const ParameterValue& value : values) {
        next.push_back(point);
        next.back().emplace(name, value);
      }
    }
    points.swap(next);
  }
  return points;
}

void parse_case(TomlTable& table, const Catalogue& catalogue, Plan& plan, std::set<std::string>& keys) {
  const std::string name = table.required_string("benchmark");
  const BenchmarkSpec* benchmark = catalogue.find(name);
  if (benchmark == nullptr) {
    throw bad_input("there is no benchmark '" + name + "'", suggest(name, catalogue.names()),
                    table.where("benchmark"));
  }
  std::vector<std::pair<std::string, std::vector<ParameterValue>>> axes;
  if (auto parameters = table.table("parameters")) {
    std::vector<std::string> known;
    for (const ParameterSpec& spec : benchmark->parameters) known.push_back(spec.name);
    for (const std::string& key : parameters->keys()) {
      const ParameterSpec* spec = benchmark->find_parameter(key);
      if (spec == nullptr) {
        throw bad_input(name + " has no parameter '" + key + "'", suggest(key, known),
                        parameters->where(key));
      }
      std::vector<ParameterValue> values;
      for (const PlacedScalar& given : parameters->scalars(key)) {
        values.push_back(checked_value(*spec, given.value, given.where));
      }
      axes.emplace_back(key, std::move(values));
    }
  }
  // The benchmark's own order of parameters, not the alphabet's, is the order of the report.
  std::sort(axes.begin(), axes.end(), [&](const auto& a, const auto& b) {
    return benchmark->find_parameter(a.first) < benchmark->find_parameter(b.first);
  });
  auto geometry_table = table.table("geometry");
  const Geometry geometry = parse_geometry(geometry_table ? &*geometry_table : nullptr);
  if (const int ranks = geometry.nodes * geometry.ranks_per_node;
      geometry.placement != Placement::all && ranks < benchmark->minimum_ranks) {
    throw bad_input(name + " needs at least " + std::to_string(benchmark->minimum_ranks) +
                        " ranks, this case has " + std::to_string(ranks),
                    "raise geometry.ranks_per_node or geometry.nodes",
                    geometry_table ? geometry_table->where() : table.where());
  }
  const double time_limit_s = duration_s(table, "time_limit", 120);
  std::optional<double> time_s;
  if (table.has("time")) time_s = duration_s(table, "time", 0);
  table.finish();
  for (const Parameters& point : cross_product(axes)) {
    PlannedCase planned;
    planned.identity = {name, complete_parameters(*benchmark, point, table.where()), geometry};
    planned.label = case_label(benchmark, planned.identity);
    planned.time_s = time_s;
    planned.time_limit_s = time_limit_s;
    planned.where = table.where();
    if (!keys.insert(planned.identity.key()).second) {
      throw bad_input("the case '" + planned.label + "' stands in the plan twice", "remove one of them",
                      table.where());
    }
    plan.cases.push_back(std::move(planned));
  }
}

}  // namespace

const PlannedCase* Plan::find(const CaseIdentity& identity) const {
  const std::string key = identity.key();
  const auto found =
      std::find_if(cases.begin(), cases.end(), [&](const auto& one) { return one.identity.key() == key; });
  return found == cases.end() ? nullptr : &*found;
}

Plan parse_plan(std::string_view toml, const std::string& file, const Catalogue& catalogue) {
  TomlTable document = TomlTable::parse(toml, file);
  Plan plan;
  plan.sha256 = sha256_hex(toml);
  if (const std::string schema = document.required_string("schema"); schema != plan_schema) {
    throw bad_input("schema is '" + schema + "'",
                    "a plan begins with: schema = \"" + std::string(plan_schema) + "\"",
                    document.where("schema"));
  }
  plan.name = document.required_string("name");
  const bool plain =
      !plan.name.empty() && std::all_of(plan.name.begin(), plan.name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
      });
  if (!plain || plan.name.front() == '.') {
    throw bad_input("'name' is '" + plan.name + "' (it becomes the name of the campaign's folder)",
                    "use letters, digits, '-', '_' and '.'", document.where("name"));
  }
  plan.title = document.string("title").value_or(plan.name);
  plan.budget_s = duration_s(document, "budget", 0);
  if (auto repeat = document.table("repeat")) {
    if (auto launches = repeat->table("launches")) {
      plan.max_launches = positive(*launches, "max", plan.max_launches, 100000);
      if (const auto stop = launches->string("stop")) {
        if (*stop != "decided" && *stop != "fixed") {
          throw bad_input("'stop' is '" + *stop + "'", "expected \"decided\" or \"fixed\"",
                          launches->where("stop"));
        }
        plan.stop = *stop == "fixed" ? StopRule::fixed : StopRule::decided;
      }
      launches->finish();
      const int needed = fewest_deciding_launches(0.95, 0.5, plan.stop);
      if (plan.max_launches < needed) {
        throw bad_input(
            "max = " + std::to_string(plan.max_launches) +
                " launches can never decide anything at 95 % confidence",
            "give at least " + std::to_string(needed) +
                (plan.stop == StopRule::fixed ? " with stop = \"fixed\"" : " with stop = \"decided\""),
            launches->where("max"));
      }
    }
    plan.spacing_s = duration_s(*repeat, "spacing", 0);
    repeat->finish();
  }
  std::set<std::string> keys;
  for (TomlTable& table : document.tables("case")) parse_case(table, catalogue, plan, keys);
  document.finish();
  if (plan.cases.empty()) {
    throw bad_input("the plan has no case (an empty campaign proves nothing)",
                    "add at least one [[case]] with a benchmark", {file, 1, 1});
  }
  return plan;
}

}  // namespace assay
