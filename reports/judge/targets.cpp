#include "reports/judge/targets.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>

#include "reports/base/files.h"
#include "reports/base/names.h"
#include "reports/base/toml_reader.h"
#include "reports/judge/statistics.h"
#include "reports/record/words.h"

namespace assay {
namespace {

constexpr std::string_view targets_schema = "assay.targets/1";

Quantity quantity(const PlacedScalar& given, std::string_view key) {
  if (const auto* number = std::get_if<std::int64_t>(&given.value)) return {static_cast<double>(*number), {}};
  if (const auto* real = std::get_if<double>(&given.value)) {
    if (!std::isfinite(*real))
      throw bad_input("'" + std::string(key) + "' is not finite", "give a finite number", given.where);
    return {*real, {}};
  }
  const auto* text = std::get_if<std::string>(&given.value);
  if (text == nullptr)
    throw bad_input("'" + std::string(key) + "' is not a quantity", "write it like \"700 TFLOP/s\"",
                    given.where);
  try {
    return parse_quantity(*text);
  } catch (const Error& failure) {
    throw bad_input("'" + std::string(key) + "': " + failure.what(), {}, given.where);
  }
}

/// A share such as "2 %" or 0.02, from `low` to `high`.
std::optional<double> share(TomlTable& table, std::string_view key, double low, double high) {
  const auto given = table.scalar(key);
  if (!given) return std::nullopt;
  const Quantity read = quantity(*given, key);
  if (!(read.dimension == Dimension{})) {
    throw bad_input("'" + std::string(key) + "' is " + describe(read.dimension),
                    "expected a share such as \"2 %\"", given->where);
  }
  if (read.value < low || read.value > high) {
    throw bad_input("'" + std::string(key) + "' is " + format_share(read.value),
                    "expected from " + format_share(low) + " to " + format_share(high), given->where);
  }
  return read.value;
}

template <typename Enum>
Enum one_of(TomlTable& table, std::string_view key, Enum otherwise,
            const std::vector<std::pair<std::string, Enum>>& words) {
  const auto given = table.string(key);
  if (!given) return otherwise;
  std::vector<std::string> known;
  for (const auto& [word, value] : words) {
    if (word == *given) return value;
    known.push_back(word);
  }
  throw bad_input("'" + std::string(key) + "' is '" + *given + "'", suggest(*given, known), table.where(key));
}

Level level(TomlTable& table) {
  return one_of<Level>(
      table, "level", Level::mandatory,
      {{"mandatory", Level::mandatory}, {"scored", Level::scored}, {"reported", Level::reported}});
}

/// "compute/gemm.rate" -> benchmark and figure, both known.
const FomSpec& figure(const std::string& text, const Catalogue& catalogue, const Location& where,
                      const BenchmarkSpec*& benchmark) {
  const auto dot = text.rfind('.');
  const std::string name = text.substr(0, dot);
  benchmark = catalogue.find(name);
  if (dot == std::string::npos || benchmark == nullptr) {
    std::vector<std::string> known;
    for (const BenchmarkSpec& one : catalogue.benchmarks) {
      for (const FomSpec& fom : one.foms) known.push_back(one.name + "." + fom.name);
    }
    throw bad_input("there is no figure '" + text + "'", suggest(text, known), where);
  }
  const FomSpec* fom = benchmark->find_fom(text.substr(dot + 1));
  if (fom == nullptr) {
    std::vector<std::string> known;
    for (const FomSpec& one : benchmark->foms) known.push_back(one.name);
    throw bad_input(name + " has no figure '" + text.substr(dot + 1) + "'",
                    suggest(text.substr(dot + 1), known), where);
  }
  return *fom;
}

using Conditions = std::map<std::string, std::vector<ParameterValue>>;

Conditions conditions(TomlTable& owner, std::string_view key, const BenchmarkSpec& benchmark) {
  Conditions result;
  auto table = owner.table(key);
  if (!table) return result;
  std::vector<std::string> known;
  for (const ParameterSpec& spec : benchmark.parameters) known.push_back(spec.name);
  for (const std::string& name : table->keys()) {
    const ParameterSpec* spec = benchmark.find_parameter(name);
    if (spec == nullptr)
      throw bad_input(benchmark.name + " has no parameter '" + name + "'", suggest(name, known),
                      table->where(name));
    for (const PlacedScalar& given : table->scalars(name))
      result[name].push_back(checked_value(*spec, given.value, given.where));
  }
  return result;
}

/// A figure that only some parameter values give ("latency" in latency mode) must not be asked of the others.
void check_given(const BenchmarkSpec& benchmark, const FomSpec& fom, const Conditions& where_values,
                 const Location& place) {
  if (!fom.only_when) return;
  const auto found = where_values.find(fom.only_when->first);
  if (found == where_values.end()) return;  // matching_cases picks the right cases
  for (const ParameterValue& given : found->second) {
    if (!fom.given_with(given)) {
      throw bad_input(benchmark.name + " gives '" + fom.name + "' only with " + fom.condition(),
                      "ask for it there, or for another figure", place);
    }
  }
}

Limit parse_limit(TomlTable& table, std::string_view key, const FomSpec& fom, const Catalogue& catalogue) {
  static const std::regex ratio(R"(\s*([0-9.eE+-]+)\s*%\s+of\s+(\S+)\s*)");
  const auto given = *table.scalar(key);
  Limit limit;
  if (const auto* text = std::get_if<std::string>(&given.value)) {
    limit.text = *text;
    std::smatch parts;
    if (std::regex_match(*text, parts, ratio)) {
      limit.value = quantity({parts[1].str() + " %", given.where}, key).value;
      if (!(limit.value > 0))
        throw bad_input("'" + std::string(key) + "' is not positive", "give a share such as \"70 % of peak\"",
                        given.where);
      if (parts[2] == "peak") {
        limit.kind = LimitKind::of_peak;
        if (fom.better != Better::higher) {
          throw bad_input("'" + fom.name + "' has no peak (lower is better)", "give an absolute limit",
                          given.where);
        }
        return limit;
      }
      limit.kind = LimitKind::of_figure;
      const BenchmarkSpec* benchmark = nullptr;
      const FomSpec& other = figure(parts[2].str(), catalogue, given.where, benchmark);
      limit.benchmark = benchmark->name;
      limit.fom = other.name;
      const Dimension ours = parse_unit(fom.unit).dimension;
      const Dimension theirs = parse_unit(other.unit).dimension;
      if (!(ours == theirs)) {
        throw bad_input("'" + fom.name + "' is " + describe(ours) + ", '" + parts[2].str() + "' is " +
                            describe(theirs) + " (their ratio is not a share)",
                        "compare figures of one dimension", given.where);
      }
      return limit;
    }
  }
  const Quantity read = quantity(given, key);
  const Dimension wanted = parse_unit(fom.unit).dimension;
  if (!(read.dimension == wanted)) {
    throw bad_input("'" + std::string(key) + "' is " + describe(read.dimension) + ", but '" + fom.name +
                        "' is " + describe(wanted),
                    "give the limit with a unit of that kind", given.where);
  }
  if (!(read.value > 0))
    throw bad_input("'" + std::string(key) + "' is not positive (every value would meet it, or none)",
                    "give a positive limit", given.where);
  limit.value = read.value;
  if (limit.text.empty()) limit.text = to_string(ParameterValue(read.value));
  return limit;
}

void parse_across(TomlTable& table, Target& target) {
  static const std::regex fleet(R"(at least\s+([0-9.]+)\s*%)");
  const auto text = table.string("across");
  if (!text) return;
  std::smatch parts;
  if (std::regex_match(*text, parts, fleet)) {
    target.across = Across::share_of_devices;
    target.device_share = std::stod(parts[1].str()) / 100;
    if (!(target.device_share > 0 && target.device_share <= 1)) {
      throw bad_input("'across' asks for " + parts[1].str() + " % of the devices",
                      "expected more than 0 and at most 100", table.where("across"));
    }
    return;
  }
  static const std::vector<std::pair<std::string, Across>> words{{"each device", Across::each_device},
                                                                 {"worst", Across::worst},
                                                                 {"median", Across::median},
                                                                 {"mean", Across::mean},
                                                                 {"sum", Across::sum}};
  std::vector<std::string> known;
  for (const auto& [word, value] : words) {
    if (*text == word) {
      target.across = value;
      return;
    }
    known.push_back(word);
  }
  known.emplace_back("at least 99 %");
  throw bad_input("'across' is '" + *text + "'", suggest(*text, known), table.where("across"));
}

/// An id names one clause; it is printed, used in file fragments and in waivers.
std::string clause_id(TomlTable& table, std::set<std::string>& ids) {
  std::string id = table.required_string("id");
  if (id.empty()) throw bad_input("'id' is empty", "give the number of the clause", table.where("id"));
  if (!ids.insert(id).second) {
    throw bad_input("the id '" + id + "' stands here twice (a verdict must belong to one clause)",
                    "give each clause its own id", table.where("id"));
  }
  return id;
}

Target parse_target(TomlTable& table, const Catalogue& catalogue, double default_share,
                    std::set<std::string>& ids) {
  Target target;
  target.place = table.where();
  target.id = clause_id(table, ids);
  target.title = table.string("title").value_or(target.id);
  const BenchmarkSpec* benchmark = nullptr;
  const FomSpec& fom = figure(table.required_string("fom"), catalogue, table.where("fom"), benchmark);
  target.benchmark = benchmark->name;
  target.fom = fom.name;
  target.unit = fom.unit;
  target.better = fom.better;
  target.where = conditions(table, "where", *benchmark);
  check_given(*benchmark, fom, target.where, table.where("where"));
  if (table.has("at_least")) target.at_least = parse_limit(table, "at_least", fom, catalogue);
  if (table.has("at_most")) target.at_most = parse_limit(table, "at_most", fom, catalogue);
  target.spread_at_most = share(table, "spread_at_most", 0, 1e6);
  for (const auto* limit : {&target.at_least, &target.at_most}) {
    if (*limit && (*limit)->kind == LimitKind::of_figure) {
      const BenchmarkSpec* reference = catalogue.find((*limit)->benchmark);
      target.of_where = conditions(table, "of_where", *reference);
    }
  }
  target.tolerance = share(table, "tolerance", 0, 1).value_or(0);
  parse_across(table, target);
  if (const auto plausible = table.scalar("plausible_at_most")) {
    const Quantity read = quantity(*plausible, "plausible_at_most");
    if (!(read.dimension == parse_unit(fom.unit).dimension) || !(read.value > 0)) {
      throw bad_input("'plausible_at_most' is not a positive value of '" + fom.name + "'",
                      "give it with a unit such as " + fom.unit, plausible->where);
    }
    target.plausible_at_most = read.value;
  }
  target.check_required = one_of<bool>(table, "check", true, {{"required", true}, {"optional", false}});
  target.share = share(table, "share", 0.01, 0.999).value_or(default_share);
  target.level = level(table);
  if (const auto weight = table.number("weight")) {
    if (!(*weight > 0) || !std::isfinite(*weight))
      throw bad_input("'weight' is not positive", "give a positive number", table.where("weight"));
    target.weight = *weight;
  }
  target.source = table.string("source").value_or("");
  table.finish();
  if (!target.at_least && !target.at_most && !target.spread_at_most) {
    throw bad_input("the target '" + target.id + "' has no limit (it could not fail)",
                    "add at_least, at_most or spread_at_most", table.where());
  }
  return target;
}

InventoryClause parse_inventory(TomlTable& table, std::set<std::string>& ids) {
  InventoryClause clause;
  clause.place = table.where();
  clause.id = clause_id(table, ids);
  clause.title = table.string("title").value_or(clause.id);
  clause.fact = table.required_string("fact");
  if (const auto equals = table.scalar("equals")) {
    clause.equals = equals->value;
    clause.limit_text = "= " + to_string(*clause.equals);
  }
  const auto limit = [&](const char* key, const char* sign, std::optional<double>& value) {
    if (const auto given = table.scalar(key)) {
      const Quantity read = quantity(*given, key);
      value = read.value;
      clause.in_bytes = clause.in_bytes || read.dimension == Dimension{.information = 1};
      clause.limit_text +=
          (clause.limit_text.empty() ? "" : ", ") + std::string(sign) + " " + to_string(given->value);
    }
  };
  limit("at_least", ">=", clause.at_least);
  limit("at_most", "<=", clause.at_most);
  if (clause.limit_text.empty()) {
    throw bad_input("the inventory clause '" + clause.id + "' asks for nothing",
                    "add equals, at_least or at_most", table.where());
  }
  clause.level = level(table);
  clause.source = table.string("source").value_or("");
  table.finish();
  return clause;
}

DocumentClause parse_document(TomlTable& table, std::set<std::string>& ids) {
  DocumentClause clause;
  clause.place = table.where();
  clause.id = clause_id(table, ids);
  clause.title = table.string("title").value_or(clause.id);
  clause.by = table.string("by").value_or("");
  clause.date = table.string("date").value_or("");
  clause.file = table.string("file").value_or("");
  clause.sha256 = table.string("sha256").value_or("");
  if (clause.file.empty() != clause.sha256.empty()) {
    throw bad_input(
        "the document clause '" + clause.id + "' has a file without its hash, or a hash without a file",
        "give both: file = \"...\" and sha256 = \"...\" (from sha256sum)", table.where());
  }
  clause.level = level(table);
  clause.source = table.string("source").value_or("");
  table.finish();
  return clause;
}

Waiver parse_waiver(TomlTable& table, const std::set<std::string>& ids) {
  Waiver waiver;
  waiver.place = table.where();
  waiver.target = table.required_string("target");
  if (!ids.contains(waiver.target)) {
    throw bad_input("the waiver is for '" + waiver.target + "', which is no clause of this file",
                    suggest(waiver.target, {ids.begin(), ids.end()}), table.where("target"));
  }
  const auto filled = [&](const char* key) {
    std::string text = table.required_string(key);
    if (text.find_first_not_of(" \t") == std::string::npos)
      throw bad_input(std::string("'") + key + "' of a waiver is empty",
                      "a waiver names authority, name, date, reason and amendment", table.where(key));
    return text;
  };
  waiver.authority = filled("authority");
  waiver.name = filled("name");
  waiver.date = filled("date");
  waiver.reason = filled("reason");
  waiver.amendment = filled("amendment");
  table.finish();
  return waiver;
}

bool holds(const Conditions& wanted, const Parameters& parameters) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& condition) {
    const auto found = parameters.find(condition.first);
    return found != parameters.end() && std::find(condition.second.begin(), condition.second.end(),
                                                  found->second) != condition.second.end();
  });
}

}  // namespace

Targets parse_targets(std::string_view toml, const std::string& file, const Catalogue& catalogue) {
  TomlTable document = TomlTable::parse(toml, file);
  Targets targets;
  targets.sha256 = sha256_hex(toml);
  targets.file = file;
  if (const std::string schema = document.required_string("schema"); schema != targets_schema) {
    throw bad_input("schema is '" + schema + "'",
                    "a targets file begins with: schema = \"" + std::string(targets_schema) + "\"",
                    document.where("schema"));
  }
  targets.name = document.required_string("name");
  targets.confidence = share(document, "confidence", 0.5, 0.9999).value_or(0.95);
  targets.decision = one_of<DecisionRule>(document, "decision", DecisionRule::guarded_acceptance,
                                          {{"simple", DecisionRule::simple},
                                           {"guarded_acceptance", DecisionRule::guarded_acceptance},
                                           {"guarded_rejection", DecisionRule::guarded_rejection}});
  targets.systematic = share(document, "systematic", 0, 0.5).value_or(0);
  targets.inconclusive = one_of<OnInconclusive>(
      document, "inconclusive", OnInconclusive::not_accepted,
      {{"not_accepted", OnInconclusive::not_accepted}, {"extend", OnInconclusive::extend}});
  if (const auto more = document.integer("extend_launches")) {
    if (*more < 1 || *more > 100000)
      throw bad_input("'extend_launches' is " + std::to_string(*more), "expected 1 or more",
                      document.where("extend_launches"));
    targets.extend_launches = static_cast<int>(*more);
  }
  if ((targets.inconclusive == OnInconclusive::extend) != (targets.extend_launches > 0)) {
    throw bad_input("inconclusive = \"extend\" and extend_launches belong together", "give both or neither",
                    document.where("inconclusive"));
  }
  targets.continue_campaigns =
      one_of<bool>(document, "campaigns", true, {{"continue", true}, {"independent", false}});
  const double default_share = share(document, "share", 0.01, 0.999).value_or(0.5);
  std::set<std::string> ids;
  for (TomlTable& table : document.tables("target"))
    targets.targets.push_back(parse_target(table, catalogue, default_share, ids));
  for (TomlTable& table : document.tables("inventory"))
    targets.inventory.push_back(parse_inventory(table, ids));
  for (TomlTable& table : document.tables("document"))
    targets.documents.push_back(parse_document(table, ids));
  std::set<std::string> waived;
  for (TomlTable& table : document.tables("waiver")) {
    targets.waivers.push_back(parse_waiver(table, ids));
    if (!waived.insert(targets.waivers.back().target).second) {
      throw bad_input("'" + targets.waivers.back().target + "' is waived twice", "keep one waiver",
                      table.where());
    }
  }
  document.finish();
  if (ids.empty()) {
    throw bad_input("the file has no clause (nothing could be judged)",
                    "add at least one [[target]], [[inventory]] or [[document]]", {file, 1, 1});
  }
  return targets;
}

std::vector<std::size_t> matching_cases(const Target& target, const Plan& plan) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    const CaseIdentity& identity = plan.cases[i].identity;
    if (identity.benchmark == target.benchmark && holds(target.where, identity.parameters))
      found.push_back(i);
  }
  return found;
}

std::optional<std::size_t> reference_case(const Target& target, const Limit& limit,
                                          const CaseIdentity& judged, const Plan& plan) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < plan.cases.size(); ++i) {
    const CaseIdentity& identity = plan.cases[i].identity;
    if (identity.benchmark == limit.benchmark && identity.geometry == judged.geometry &&
        holds(target.of_where, identity.parameters)) {
      found.push_back(i);
    }
  }
  if (found.size() != 1) return std::nullopt;
  return found.front();
}

void check_against_plan(const Targets& targets, const Plan& plan, const Catalogue& catalogue) {
  if (targets.extend_launches > 0 && plan.stop == StopRule::fixed) {
    throw bad_input("inconclusive = \"extend\" cannot go with plan '" + plan.name +
                        "', whose number of launches is fixed",
                    "give the plan stop = \"decided\", or the targets inconclusive = \"not_accepted\"",
                    {targets.file});
  }
  for (const Target& target : targets.targets) {
    const std::vector<std::size_t> cases = matching_cases(target, plan);
    if (cases.empty()) {
      throw bad_input("no case of plan '" + plan.name + "' can satisfy target '" + target.id + "' (" +
                          target.benchmark + "." + target.fom + "; it would always be missing)",
                      "add the case to the plan or change 'where'", target.place);
    }
    const BenchmarkSpec* benchmark = catalogue.find(target.benchmark);
    const FomSpec* fom = benchmark == nullptr ? nullptr : benchmark->find_fom(target.fom);
    for (const std::size_t index : cases) {
      const PlannedCase& planned = plan.cases[index];
      if (fom != nullptr && fom->only_when &&
          !fom->given_with(planned.identity.parameters.at(fom->only_when->first))) {
        throw bad_input("target '" + target.id + "' matches the case '" + planned.label +
                            "', which does not give '" + target.fom + "'",
                        "let 'where' ask for " + fom->condition(), target.place);
      }
      for (const auto* limit : {&target.at_least, &target.at_most}) {
        if (*limit && (*limit)->kind == LimitKind::of_figure &&
            !reference_case(target, **limit, planned.identity, plan)) {
          throw bad_input("target '" + target.id + "' compares '" + planned.label + "' with " +
                              (*limit)->benchmark + "." + (*limit)->fom +
                              ", but the plan has no such case in the same geometry, or several",
                          "plan it with the same nodes and ranks, or narrow it down with of_where = { ... }",
                          target.place);
        }
      }
    }
    const int needed = fewest_deciding_launches(targets.confidence, target.share, plan.stop);
    if (plan.max_launches + targets.extend_launches < needed) {
      throw bad_input("target '" + target.id + "' can never be decided with the plan's " +
                          std::to_string(plan.max_launches) + " launches at " +
                          format_share(targets.confidence, 1) + " confidence and a share of " +
                          format_share(target.share, 1),
                      "give the plan at least max = " + std::to_string(needed), target.place);
    }
  }
}

}  // namespace assay
