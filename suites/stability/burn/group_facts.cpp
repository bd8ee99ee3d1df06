#include "suites/stability/burn/group_facts.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "reports/base/names.h"
#include "reports/record/unit.h"
#include "suites/harness/agreement.h"

namespace assay::bench::stability {

namespace {

using Json = nlohmann::ordered_json;

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
std::optional<T> value_or_none(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<T>(json.get<T>());
}

Json json_of(const RankReport& report) {
  Json json = {{"node", report.node},       {"device", report.device},
               {"id", report.id},           {"products", report.products},
               {"rate", report.rate},       {"worst_rate", report.worst_rate},
               {"wrong", report.wrong},     {"errors", report.errors},
               {"counters", Json::array()}, {"throttling_known", report.throttling_known},
               {"throttled_at_s", nullptr}, {"throttled_by", nullptr},
               {"power_w", Json::array()},  {"throttled", report.throttled}};
  for (const CounterChange& change : report.counters)
    json["counters"].push_back({or_null(change.before), or_null(change.after), change.latest});
  if (report.throttle) {
    json["throttled_at_s"] = report.throttle->at_s;
    json["throttled_by"] = report.throttle->why;
  }
  for (const auto& watts : report.power_w) json["power_w"].push_back(or_null(watts));
  return json;
}

/// "rank 5 (n017, NVIDIA H200 GPU-12ab)"
std::string whose(const std::vector<RankReport>& ranks, std::size_t rank) {
  const RankReport& one = ranks[rank];
  return "rank " + std::to_string(rank) + " (" + one.node + ", " + one.device +
         (one.id.empty() ? "" : " " + one.id) + ")";
}

std::string seconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", value);
  return text;
}

std::string devices(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " device" : " devices");
}

void add_power(const std::vector<RankReport>& ranks, const TimeBins& bins, GroupFacts& facts) {
  std::size_t silent = 0, first_silent = 0;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const auto& watts = ranks[rank].power_w;
    if (std::any_of(watts.begin(), watts.end(), [](const auto& w) { return w.has_value(); })) continue;
    if (silent++ == 0) first_silent = rank;
  }
  const auto total = total_power(ranks);
  double sum = 0, highest = 0;
  std::size_t known = 0, highest_bin = 0;
  for (std::size_t bin = 0; bin < total.size(); ++bin) {
    if (!total[bin]) continue;
    sum += *total[bin];
    ++known;
    if (*total[bin] > highest) {
      highest = *total[bin];
      highest_bin = bin;
    }
  }
  if (known == 0) {
    facts.path["total_power"] = silent == 0 ? "not known: the readings of the devices never fell together"
                                            : "not known: no power readable on " + devices(silent) +
                                                  ", the first " + whose(ranks, first_silent);
    return;
  }
  const double mean = sum / static_cast<double>(known);
  facts.metrics["total_power_highest_w"] = highest;
  facts.metrics["total_power_mean_w"] = mean;
  facts.path["total_power"] = format_value(highest, "W") + " at its highest, after " +
                              seconds((static_cast<double>(highest_bin) + 0.5) * bins.bin_s) + ", " +
                              format_value(mean, "W") + " on average, " + devices(ranks.size()) + ", in " +
                              std::to_string(known) + " of " + std::to_string(total.size()) + " parts of " +
                              format_value(bins.bin_s, "s");
}

void add_throttling(const std::vector<RankReport>& ranks, GroupFacts& facts) {
  std::size_t unknown = 0, throttled = 0;
  std::optional<std::size_t> first;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (!ranks[rank].throttling_known) ++unknown;
    if (!ranks[rank].throttle) continue;
    ++throttled;
    if (!first || ranks[rank].throttle->at_s < ranks[*first].throttle->at_s) first = rank;
  }
  std::string words;
  if (first) {
    const Course::Throttle& one = *ranks[*first].throttle;
    words = "after " + seconds(one.at_s) + ": " + whose(ranks, *first) + ", " + one.why + "; " +
            std::to_string(throttled) + " of " + devices(ranks.size()) + " in all";
    facts.metrics["first_throttle_s"] = one.at_s;
  } else if (unknown < ranks.size()) {
    words = "none";
  }
  if (unknown > 0) words += (words.empty() ? "" : "; ") + ("not known on " + devices(unknown));
  facts.path["first_throttle"] = words;
  if (unknown == 0) facts.metrics["throttled_devices"] = static_cast<double>(throttled);
}

/// "uncorrected memory errors: +0 on 8 devices; corrected memory errors: +3 on rank 5 (...), else +0"
void add_counters(const std::vector<RankReport>& ranks, GroupFacts& facts) {
  constexpr std::size_t most_named = 4;
  std::vector<std::string> all;
  for (std::size_t counter = 0; counter < error_counters().size(); ++counter) {
    std::vector<std::string> named;
    std::size_t still = 0, unreadable = 0, risen = 0;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      const CounterChange& change = ranks[rank].counters.at(counter);
      if (change.bad()) {
        if (++risen <= most_named) named.push_back(change.words() + " on " + whose(ranks, rank));
      } else {
        ++(change.before ? still : unreadable);
      }
    }
    if (risen > most_named) named.push_back(std::to_string(risen - most_named) + " more changed");
    if (still > 0) named.push_back("+0 on " + devices(still));
    if (unreadable > 0) named.push_back("not readable on " + devices(unreadable));
    all.push_back(std::string(error_counters()[counter].words) + ": " + join(named, ", "));
  }
  facts.path["error_counters"] = join(all, "; ");
}

void add_errors(const std::vector<RankReport>& ranks, GroupFacts& facts) {
  constexpr std::size_t most_named = 8;
  std::size_t faulty = 0;
  std::vector<std::string> named;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    if (ranks[rank].wrong == 0) continue;
    ++faulty;
    if (faulty > most_named) continue;
    named.push_back(whose(ranks, rank) + ": " + std::to_string(ranks[rank].wrong) + " wrong, first " +
                    (ranks[rank].errors.empty() ? "not located" : ranks[rank].errors.front()));
  }
  if (faulty > most_named) named.push_back(devices(faulty - most_named) + " more");
  facts.path["errors"] = faulty == 0 ? "none on " + devices(ranks.size()) : join(named, "; ");
  facts.metrics["faulty_devices"] = static_cast<double>(faulty);
  facts.metrics["devices"] = static_cast<double>(ranks.size());
}

}  // namespace

std::string to_json(const RankReport& report) {
  return json_of(report).dump();
}

RankReport parse_rank_report(std::string_view text) {
  const Json json = Json::parse(text);
  RankReport report;
  report.node = json.at("node");
  report.device = json.at("device");
  report.id = json.at("id");
  report.products = json.at("products");
  report.rate = json.at("rate");
  report.worst_rate = json.at("worst_rate");
  report.wrong = json.at("wrong");
  report.errors = json.at("errors");
  for (const Json& pair : json.at("counters"))
    report.counters.push_back({value_or_none<std::uint64_t>(pair.at(0)),
                               value_or_none<std::uint64_t>(pair.at(1)), pair.at(2).get<std::string>()});
  report.throttling_known = json.at("throttling_known");
  if (!json.at("throttled_at_s").is_null())
    report.throttle = Course::Throttle{json.at("throttled_at_s"), json.at("throttled_by")};
  for (const Json& watts : json.at("power_w")) report.power_w.push_back(value_or_none<double>(watts));
  report.throttled = json.at("throttled").get<std::vector<bool>>();
  return report;
}

std::vector<std::optional<double>> total_power(const std::vector<RankReport>& ranks) {
  if (ranks.empty()) return {};
  std::vector<std::optional<double>> total(ranks[0].power_w.size(), 0.0);
  for (const RankReport& rank : ranks) {
    for (std::size_t bin = 0; bin < total.size(); ++bin) {
      if (!rank.power_w[bin]) total[bin].reset();
      if (total[bin]) *total[bin] += *rank.power_w[bin];
    }
  }
  return total;
}

GroupFacts facts_of_all(const std::vector<RankReport>& ranks, const TimeBins& bins) {
  GroupFacts facts;
  add_power(ranks, bins, facts);
  add_throttling(ranks, facts);
  add_counters(ranks, facts);
  add_errors(ranks, facts);
  return facts;
}

std::string burn_attachment(const std::vector<RankReport>& ranks, const TimeBins& bins) {
  Json json = {{"schema", "assay.burn/1"},
               {"duration_s", bins.bin_s * static_cast<double>(bins.count)},
               {"bin_s", bins.bin_s},
               {"total_power_w", Json::array()},
               {"throttled_devices", Json::array()},
               {"counters", Json::array()},
               {"ranks", Json::array()}};
  for (const auto& watts : total_power(ranks)) json["total_power_w"].push_back(or_null(watts));
  for (std::size_t bin = 0; bin < bins.count; ++bin) {
    const auto held_back = std::count_if(ranks.begin(), ranks.end(),
                                         [&](const RankReport& rank) { return rank.throttled[bin]; });
    json["throttled_devices"].push_back(held_back);
  }
  for (const ErrorCounter& counter : error_counters()) json["counters"].push_back(counter.words);
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    Json one = json_of(ranks[rank]);
    // Each rank's own course would make the file of a large machine hundreds of megabytes.
    one.erase("power_w");
    one.erase("throttled");
    one["rank"] = rank;
    json["ranks"].push_back(std::move(one));
  }
  return json.dump() + "\n";
}

GroupFacts gather_facts(const ProcessGroup& group, const RankReport& own, const TimeBins& bins,
                        std::string& attachment) {
  const std::vector<std::string> texts = group.gather(to_json(own), 0);
  GroupFacts facts;
  Json told;
  if (group.rank() == 0) {
    std::vector<RankReport> ranks;
    for (const std::string& text : texts) ranks.push_back(parse_rank_report(text));
    facts = facts_of_all(ranks, bins);
    attachment = burn_attachment(ranks, bins);
    told = {{"path", facts.path}, {"metrics", facts.metrics}};
  }
  const Json known = Json::parse(broadcast_text(group, told.dump(), 0));
  known.at("path").get_to(facts.path);
  known.at("metrics").get_to(facts.metrics);
  return facts;
}

}  // namespace assay::bench::stability
