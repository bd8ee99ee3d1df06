#include "suites/training/support/trace.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "reports/base/names.h"

namespace assay::training {

namespace {

using Json = nlohmann::ordered_json;

/// Bytes that are no UTF-8 (a node's name) must not make a trace that cannot be written.
std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string trace_events(const RankTrace& rank) {
  std::vector<std::string> events;
  const auto name = [&](const char* kind, const std::string& words) {
    events.push_back(
        text_of({{"ph", "M"}, {"name", kind}, {"pid", rank.rank}, {"tid", 0}, {"args", {{"name", words}}}}));
  };
  name("process_name", "rank " + std::to_string(rank.rank) + " on node " + rank.node);
  name("thread_name", "step");
  events.push_back(text_of({{"ph", "M"},
                            {"name", "process_sort_index"},
                            {"pid", rank.rank},
                            {"tid", 0},
                            {"args", {{"sort_index", rank.rank}}}}));
  const auto ns = [&](double at_s) { return std::llround((at_s - rank.begin_s) * 1e9); };
  const auto complete = [&](const std::string& what, std::string_view category, double begin_s, double end_s,
                            const Json& arguments) {
    const long long begin_ns = ns(begin_s);
    events.push_back(text_of({{"ph", "X"},
                              {"name", what},
                              {"cat", category},
                              {"pid", rank.rank},
                              {"tid", 0},
                              {"ts", static_cast<double>(begin_ns) / 1e3},
                              {"dur", static_cast<double>(ns(end_s) - begin_ns) / 1e3},
                              {"args", arguments}}));
  };
  complete("step " + std::to_string(rank.step), "step", rank.begin_s, rank.end_s, Json::object());
  for (const Span& span : *rank.spans) {
    Json arguments = Json::object();
    if (span.micro_batch >= 0) arguments["micro_batch"] = span.micro_batch;
    complete(std::string(span.what), name_of(span.phase), span.begin_s, span.end_s, arguments);
  }
  return join(events, ",\n");
}

std::string trace_file(const std::vector<std::string>& events,
                       const std::vector<std::pair<std::string, std::string>>& about) {
  Json metadata = Json::object();
  for (const auto& [key, words] : about) metadata[key] = words;
  return "{\"displayTimeUnit\":\"ms\",\n\"otherData\":" + text_of(metadata) + ",\n\"traceEvents\":[\n" +
         join(events, ",\n") + "\n]}\n";
}

}  // namespace assay::training
