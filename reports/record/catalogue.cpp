#include "reports/record/catalogue.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "reports/record/words.h"

namespace assay {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view catalogue_schema = "assay.catalogue/1";

ordered_json to_json_value(const ParameterValue& value) {
  return std::visit([](const auto& plain) { return ordered_json(plain); }, value);
}

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ParameterValue value_from(const ordered_json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<std::int64_t>();
  if (json.is_number()) return json.get<double>();
  return json.get<std::string>();
}

template <typename Enum>
Enum choice(const ordered_json& json, const std::string& file) {
  const auto text = json.get<std::string>();
  const auto value = from_word<Enum>(text);
  if (!value)
    throw bad_input("'" + text + "' is not one of: " + known_words<Enum>(),
                    "use the catalogue of this version", {file});
  return *value;
}

std::string expectation(const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::choice:
      return "one of: " + join(spec.choices, ", ");
    case ParameterType::flag:
      return "true or false";
    case ParameterType::bytes:
      return "a size such as 8, \"64 KiB\" or \"8 MiB\"";
    case ParameterType::integer:
      return "an integer";
    case ParameterType::text:
      return "a text";
    case ParameterType::real:
      break;
  }
  return spec.unit.empty() ? "a number" : "a number or a text with unit, such as \"2 " + spec.unit + "\"";
}

[[noreturn]] void refuse(const ParameterSpec& spec, const std::string& given, const Location& where) {
  std::string next = "expected " + expectation(spec);
  if (spec.type == ParameterType::choice) {
    if (const auto nearest = nearest_name(given, spec.choices)) next += "; did you mean '" + *nearest + "'?";
  }
  throw bad_input("parameter '" + spec.name + "' cannot be '" + given + "'", next, where);
}

ParameterValue in_range(const ParameterSpec& spec, ParameterValue value, const Location& where) {
  const double number = std::holds_alternative<std::int64_t>(value)
                            ? static_cast<double>(std::get<std::int64_t>(value))
                            : std::get<double>(value);
  const auto show = [&](double limit) {
    return spec.type == ParameterType::bytes
               ? format_bytes(limit)
               : to_string(ParameterValue(limit)) + (spec.unit.empty() ? "" : " " + spec.unit);
  };
  if (spec.minimum && number < *spec.minimum) {
    throw bad_input("parameter '" + spec.name + "' is " + show(number),
                    "at least " + show(*spec.minimum) + " is needed", where);
  }
  if (spec.maximum && number > *spec.maximum) {
    throw bad_input("parameter '" + spec.name + "' is " + show(number),
                    "at most " + show(*spec.maximum) + " is allowed", where);
  }
  return value;
}

std::int64_t whole(const ParameterSpec& spec, double value, const std::string& given, const Location& where) {
  if (!std::isfinite(value) || value != std::floor(value) || std::fabs(value) > 9.0e15)
    refuse(spec, given, where);
  return static_cast<std::int64_t>(value);
}

/// A text with a unit, for sizes and reals.
double quantity(const ParameterSpec& spec, const std::string& text, const Location& where) {
  Quantity read;
  try {
    read = parse_quantity(text);
  } catch (const Error&) {
    refuse(spec, text, where);
  }
  const Dimension wanted = parse_unit(spec.type == ParameterType::bytes ? "B" : spec.unit).dimension;
  if (!(read.dimension == wanted) && !(read.dimension == Dimension{})) refuse(spec, text, where);
  return read.value;
}

}  // namespace

bool FomSpec::given_with(const ParameterValue& value) const {
  if (only_when->second != above_zero) return to_string(value) == only_when->second;
  const auto* real = std::get_if<double>(&value);
  const auto* whole_number = std::get_if<std::int64_t>(&value);
  return (real != nullptr && *real > 0) || (whole_number != nullptr && *whole_number > 0);
}

std::string FomSpec::condition() const {
  if (only_when->second == above_zero) return only_when->first + " above 0";
  return only_when->first + " = \"" + only_when->second + "\"";
}

const ParameterSpec* BenchmarkSpec::find_parameter(std::string_view parameter) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& spec) { return spec.name == parameter; });
  return found == parameters.end() ? nullptr : &*found;
}

const FomSpec* BenchmarkSpec::find_fom(std::string_view fom) const {
  const auto found =
      std::find_if(foms.begin(), foms.end(), [&](const auto& spec) { return spec.name == fom; });
  return found == foms.end() ? nullptr : &*found;
}

const BenchmarkSpec* Catalogue::find(std::string_view name) const {
  const auto found =
      std::find_if(benchmarks.begin(), benchmarks.end(), [&](const auto& spec) { return spec.name == name; });
  return found == benchmarks.end() ? nullptr : &*found;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> all;
  for (const BenchmarkSpec& spec : benchmarks) all.push_back(spec.name);
  return all;
}

std::string to_json(const Catalogue& catalogue) {
  ordered_json benchmarks = ordered_json::array();
  for (const BenchmarkSpec& spec : catalogue.benchmarks) {
    ordered_json parameters = ordered_json::array();
    for (const ParameterSpec& p : spec.parameters) {
      parameters.push_back({{"name", p.name},
                            {"type", word(p.type)},
                            {"unit", p.unit},
                            {"default", to_json_value(p.default_value)},
                            {"choices", p.choices},
                            {"minimum", number_or_null(p.minimum)},
                            {"maximum", number_or_null(p.maximum)},
                            {"meaning", p.meaning}});
    }
    ordered_json foms = ordered_json::array();
    for (const FomSpec& f : spec.foms) {
      ordered_json only_when = nullptr;
      if (f.only_when) only_when = {{"parameter", f.only_when->first}, {"value", f.only_when->second}};
      foms.push_back({{"name", f.name},
                      {"unit", f.unit},
                      {"better", word(f.better)},
                      {"meaning", f.meaning},
                      {"only_when", std::move(only_when)}});
    }
    benchmarks.push_back({{"name", spec.name},
                          {"title", spec.title},
                          {"area", spec.area},
                          {"scope", word(spec.scope)},
                          {"own_start", spec.own_start},
                          {"minimum_ranks", spec.minimum_ranks},
                          {"parameters", std::move(parameters)},
                          {"foms", std::move(foms)}});
  }
  return ordered_json{{"schema", catalogue_schema},
                      {"version", catalogue.version},
                      {"benchmarks", std::move(benchmarks)}}
             .dump(1) +
         "\n";
}

Catalogue parse_catalogue(std::string_view text, const std::string& file) {
  try {
    const ordered_json document = ordered_json::parse(text);
    if (document.at("schema") != catalogue_schema) {
      throw bad_input("schema is " + document.at("schema").dump(),
                      "this version reads " + std::string(catalogue_schema), {file});
    }
    Catalogue catalogue;
    catalogue.version = document.at("version").get<std::string>();
    for (const ordered_json& b : document.at("benchmarks")) {
      BenchmarkSpec spec;
      spec.name = b.at("name").get<std::string>();
      spec.title = b.at("title").get<std::string>();
      spec.area = b.at("area").get<std::string>();
      spec.scope = choice<Scope>(b.at("scope"), file);
      spec.own_start = b.at("own_start").get<bool>();
      spec.minimum_ranks = b.at("minimum_ranks").get<int>();
      for (const ordered_json& p : b.at("parameters")) {
        ParameterSpec parameter;
        parameter.name = p.at("name").get<std::string>();
        parameter.type = choice<ParameterType>(p.at("type"), file);
        parameter.unit = p.at("unit").get<std::string>();
        parameter.default_value = value_from(p.at("default"));
        parameter.choices = p.at("choices").get<std::vector<std::string>>();
        if (!p.at("minimum").is_null()) parameter.minimum = p.at("minimum").get<double>();
        if (!p.at("maximum").is_null()) parameter.maximum = p.at("maximum").get<double>();
        parameter.meaning = p.at("meaning").get<std::string>();
        spec.parameters.push_back(std::move(parameter));
      }
      for (const ordered_json& f : b.at("foms")) {
        FomSpec fom;
        fom.name = f.at("name").get<std::string>();
        fom.unit = f.at("unit").get<std::string>();
        fom.better = choice<Better>(f.at("better"), file);
        fom.meaning = f.at("meaning").get<std::string>();
        if (const ordered_json& when = f.at("only_when"); !when.is_null()) {
          fom.only_when = {when.at("parameter").get<std::string>(), when.at("value").get<std::string>()};
        }
        spec.foms.push_back(std::move(fom));
      }
      catalogue.benchmarks.push_back(std::move(spec));
    }
    return catalogue;
  } catch (const ordered_json::exception& failure) {
    throw bad_input(std::string("not a catalogue: ") + failure.what(),
                    "write one with `assay-bench --describe`", {file});
  }
}

ParameterValue checked_value(const ParameterSpec& spec, const ParameterValue& given, const Location& where) {
  const std::string shown = to_string(given);
  switch (spec.type) {
    case ParameterType::flag:
      if (!std::holds_alternative<bool>(given)) refuse(spec, shown, where);
      return given;
    case ParameterType::choice:
      if (!std::holds_alternative<std::string>(given) ||
          std::find(spec.choices.begin(), spec.choices.end(), shown) == spec.choices.end()) {
        refuse(spec, shown, where);
      }
      return given;
    case ParameterType::integer:
      if (!std::holds_alternative<std::int64_t>(given)) refuse(spec, shown, where);
      return in_range(spec, given, where);
    case ParameterType::bytes: {
      if (std::holds_alternative<std::int64_t>(given)) return in_range(spec, given, where);
      if (!std::holds_alternative<std::string>(given)) refuse(spec, shown, where);
      return in_range(spec, whole(spec, quantity(spec, shown, where), shown, where), where);
    }
    case ParameterType::real: {
      if (std::holds_alternative<bool>(given)) refuse(spec, shown, where);
      double value = 0;
      if (const auto* number = std::get_if<std::int64_t>(&given)) {
        value = static_cast<double>(*number);
      } else if (const auto* real = std::get_if<double>(&given)) {
        value = *real;
      } else {
        value = quantity(spec, shown, where);
      }
      if (!std::isfinite(value)) refuse(spec, shown, where);
      return in_range(spec, value, where);
    }
    case ParameterType::text:
      if (!std::holds_alternative<std::string>(given) || shown.empty()) refuse(spec, shown, where);
      return given;
  }
  refuse(spec, shown, where);
}

ParameterValue checked_value(const ParameterSpec& spec, std::string_view text, const Location& where) {
  if (spec.type == ParameterType::flag) {
    if (text == "true" || text == "false") return text == "true";
    refuse(spec, std::string(text), where);
  }
  if (spec.type == ParameterType::integer) {
    std::int64_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) refuse(spec, std::string(text), where);
    return in_range(spec, number, where);
  }
  return checked_value(spec, ParameterValue(std::string(text)), where);
}

Parameters complete_parameters(const BenchmarkSpec& benchmark, const Parameters& given,
                               const Location& where) {
  Parameters complete;
  for (const ParameterSpec& spec : benchmark.parameters) {
    const auto found = given.find(spec.name);
    complete.emplace(spec.name,
                     found == given.end() ? spec.default_value : checked_value(spec, found->second, where));
  }
  for (const auto& [name, value] : given) {
    if (benchmark.find_parameter(name) != nullptr) continue;
    std::vector<std::string> known;
    for (const ParameterSpec& spec : benchmark.parameters) known.push_back(spec.name);
    throw bad_input(benchmark.name + " has no parameter '" + name + "'", suggest(name, known), where);
  }
  return complete;
}

std::string value_text(const ParameterSpec* spec, const ParameterValue& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  const bool bytes = spec != nullptr && spec->type == ParameterType::bytes && number != nullptr;
  return bytes ? format_bytes(static_cast<double>(*number)) : to_string(value);
}

std::string case_label(const BenchmarkSpec* benchmark, const CaseIdentity& identity) {
  std::string label = identity.benchmark;
  const auto add = [&](const ParameterSpec* spec, const std::string& name, const ParameterValue& value) {
    std::string text = value_text(spec, value);
    if (spec != nullptr && spec->type == ParameterType::bytes)
      text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
    label += " " + name + "=" + text;
  };
  if (benchmark == nullptr) {
    for (const auto& [name, value] : identity.parameters) add(nullptr, name, value);
    return label;
  }
  // The first parameter is what a benchmark is usually swept over: it is always named.
  for (std::size_t i = 0; i < benchmark->parameters.size(); ++i) {
    const ParameterSpec& spec = benchmark->parameters[i];
    const auto found = identity.parameters.find(spec.name);
    if (found == identity.parameters.end()) continue;
    if (i == 0 || found->second != spec.default_value) add(&spec, spec.name, found->second);
  }
  return label;
}

}  // namespace assay
