#include "reports/record/request.h"

#include <nlohmann/json.hpp>

#include "reports/base/error.h"
#include "reports/record/case_json.h"

namespace assay {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view request_schema = "assay.request/1";
constexpr std::string_view progress_schema = "assay.progress/1";

ParameterValue parameter(const json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number()) return value.get<double>();
  return value.get<std::string>();
}

}  // namespace

std::string to_json(const StartRequest& request) {
  ordered_json cases = ordered_json::array();
  for (const RequestedCase& one : request.cases) {
    cases.push_back({{"position", one.position},
                     {"case", one.identity.benchmark},
                     {"parameters", to_json_value(one.identity.parameters)},
                     {"geometry", to_json_value(one.identity.geometry)},
                     {"time_s", one.time_s}});
  }
  return ordered_json{{"schema", request_schema},
                      {"start", request.start},
                      {"seed", request.seed},
                      {"plant", request.plant.empty() ? ordered_json(nullptr) : ordered_json(request.plant)},
                      {"storage", request.storage},
                      {"cases", std::move(cases)}}
             .dump(1) +
         "\n";
}

StartRequest parse_request(std::string_view text, const std::string& file) {
  try {
    const json document = json::parse(text);
    if (document.at("schema") != request_schema) {
      throw bad_input(
          "schema is " + document.at("schema").dump(),
          "this assay-bench reads " + std::string(request_schema) + "; use the assay of the same version",
          {file});
    }
    StartRequest request;
    request.start = document.at("start").get<int>();
    request.seed = document.at("seed").get<std::uint64_t>();
    if (!document.at("plant").is_null()) request.plant = document.at("plant").get<std::string>();
    request.storage = document.at("storage").get<std::map<std::string, std::string>>();
    for (const json& one : document.at("cases")) {
      RequestedCase wanted;
      wanted.position = one.at("position").get<int>();
      wanted.identity.benchmark = one.at("case").get<std::string>();
      for (const auto& [name, value] : one.at("parameters").items())
        wanted.identity.parameters.emplace(name, parameter(value));
      const json& g = one.at("geometry");
      const auto placement = from_word<Placement>(g.at("placement").get<std::string>());
      if (!placement)
        throw bad_input("unknown placement " + g.at("placement").dump(),
                        "expected one of: " + known_words<Placement>(), {file});
      wanted.identity.geometry = {*placement, g.at("nodes").get<int>(), g.at("ranks_per_node").get<int>(),
                                  g.at("threads_per_rank").get<int>()};
      wanted.time_s = one.at("time_s").get<double>();
      request.cases.push_back(std::move(wanted));
    }
    return request;
  } catch (const json::exception& failure) {
    throw bad_input(std::string("not a request of this version: ") + failure.what(),
                    "use the assay of the same version", {file});
  }
}

std::string progress_line(int position) {
  return ordered_json{{"schema", progress_schema}, {"position", position}}.dump();
}

std::optional<int> parse_progress(std::string_view line) {
  // Most lines are records, which are long: they are not parsed here only to be refused.
  if (line.find(progress_schema) == std::string_view::npos) return std::nullopt;
  const json document = json::parse(line, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const auto schema = document.find("schema"), position = document.find("position");
  if (schema == document.end() || position == document.end() || *schema != progress_schema ||
      !position->is_number_integer()) {
    return std::nullopt;
  }
  return position->get<int>();
}

}  // namespace assay
