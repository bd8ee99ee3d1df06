#include "reports/record/rank_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "reports/base/error.h"

namespace assay {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view beginning = R"({"schema":"assay.rank_map/)";
constexpr std::string_view schema = "assay.rank_map/1";
constexpr std::int64_t most_columns = 64;
/// A cell is two numbers of up to five digits, each with a comma: 12 bytes.
constexpr std::int64_t most_cells = 200'000;
constexpr std::int64_t largest_cell = 65535;

std::int64_t columns_of(std::int64_t steps, std::int64_t per_column) {
  return (steps + per_column - 1) / per_column;
}

double largest_of(const RankMap& map) {
  double largest = 0;
  const auto columns = static_cast<std::size_t>(columns_of(map.steps, map.steps_per_column));
  for (const RankRow& row : map.ranks) {
    if (row.mean_s.size() != columns || row.max_s.size() != columns)
      throw std::logic_error("a rank map with gaps");
    for (const std::vector<double>* cells : {&row.mean_s, &row.max_s}) {
      for (const double cell : *cells) {
        if (!(cell >= 0) || !std::isfinite(cell))
          throw std::logic_error("a rank map with a time that is none");
        largest = std::max(largest, cell);
      }
    }
  }
  return largest;
}

/// The power of ten, times 1, 2 or 5, in which `largest` has at most the digits of a cell.
double unit_for(double largest) {
  if (largest <= 0) return 1e-9;
  const double least = largest / static_cast<double>(largest_cell);
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double times : {1.0, 2.0, 5.0, 10.0}) {
    if (times * power >= least && std::llround(largest / (times * power)) <= largest_cell)
      return times * power;
  }
  return 20 * power;
}

/// Seven digits: more than a clock gives, and a short text.
double short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.7g", value);
  return std::strtod(text.data(), nullptr);
}

Json cells_of(const std::vector<double>& cells, double unit_s) {
  Json row = Json::array();
  for (const double cell : cells) row.push_back(std::llround(cell / unit_s));
  return row;
}

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw bad_input("this rank map cannot be read: " + why + " (which rank was slow cannot be told)",
                  "restore the file from a copy", {file});
}

class Reader {
 public:
  Reader(const Json& json, const std::string& file) : json_(json), file_(file) {}

  const Json& list(const char* key, std::size_t length) const {
    const Json& list = member(key);
    if (!list.is_array() || list.size() != length)
      refuse(file_, "'" + std::string(key) + "' is no list of " + std::to_string(length));
    return list;
  }
  const Json& member(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) refuse(file_, "it has no '" + std::string(key) + "'");
    return *found;
  }
  std::int64_t whole(const Json& value, const char* key, std::int64_t least, std::int64_t most) const {
    if (!value.is_number_integer() || value < least || value > most)
      refuse(file_, "'" + std::string(key) + "' holds " + value.dump());
    return value.get<std::int64_t>();
  }
  double number(const Json& value, const char* key) const {
    if (!value.is_number() || !(value.get<double>() >= 0) || !std::isfinite(value.get<double>()))
      refuse(file_, "'" + std::string(key) + "' holds " + value.dump());
    return value.get<double>();
  }
  std::string words(const Json& value, const char* key) const {
    if (!value.is_string()) refuse(file_, "'" + std::string(key) + "' holds " + value.dump());
    return value.get<std::string>();
  }

 private:
  const Json& json_;
  const std::string& file_;
};

}  // namespace

std::int64_t steps_per_column(std::int64_t ranks, std::int64_t steps) {
  const std::int64_t columns =
      std::clamp<std::int64_t>(most_cells / std::max<std::int64_t>(1, ranks), 1, most_columns);
  return std::max<std::int64_t>(1, (steps + columns - 1) / columns);
}

void fill_columns(RankRow& row, const std::vector<double>& times_s, std::int64_t per_column) {
  row.mean_s.clear();
  row.max_s.clear();
  const auto step = static_cast<std::size_t>(per_column);
  for (std::size_t begin = 0; begin < times_s.size(); begin += step) {
    const std::size_t end = std::min(times_s.size(), begin + step);
    double sum = 0, largest = 0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += times_s[i];
      largest = std::max(largest, times_s[i]);
    }
    row.mean_s.push_back(sum / static_cast<double>(end - begin));
    row.max_s.push_back(largest);
  }
}

std::string to_json(const RankMap& map) {
  const double unit_s = unit_for(largest_of(map));
  std::map<std::string, std::size_t> numbers;
  Json nodes = Json::array(), node = Json::array(), last = Json::array(), median = Json::array(),
       jitter = Json::array(), mean = Json::array(), max = Json::array();
  for (const RankRow& row : map.ranks) {
    const auto [found, is_new] = numbers.emplace(row.node, numbers.size());
    if (is_new) nodes.push_back(row.node);
    node.push_back(found->second);
    last.push_back(row.last);
    median.push_back(short_number(row.median_s));
    jitter.push_back(short_number(row.jitter));
    mean.push_back(cells_of(row.mean_s, unit_s));
    max.push_back(cells_of(row.max_s, unit_s));
  }
  const Json json = {{"schema", schema},   {"quantity", map.quantity},
                     {"steps", map.steps}, {"steps_per_column", map.steps_per_column},
                     {"unit_s", unit_s},   {"nodes", nodes},
                     {"node", node},       {"last", last},
                     {"median_s", median}, {"jitter", jitter},
                     {"mean", mean},       {"max", max}};
  return json.dump() + "\n";
}

bool is_rank_map(std::string_view bytes) {
  return bytes.substr(0, beginning.size()) == beginning;
}

RankMap parse_rank_map(std::string_view bytes, const std::string& file) {
  if (!is_rank_map(bytes)) refuse(file, "it does not begin as one");
  const Json json = Json::parse(bytes, nullptr, false);
  if (!json.is_object()) refuse(file, "it is no JSON object (cut off?)");
  const Reader reader(json, file);
  const std::string format = reader.words(reader.member("schema"), "schema");
  if (format != schema) {
    throw bad_input("this rank map is of format " + format + ", expected " + std::string(schema),
                    "use the assay of the version that wrote it", {file});
  }
  constexpr std::int64_t many = std::int64_t{1} << 40;
  RankMap map;
  map.quantity = reader.words(reader.member("quantity"), "quantity");
  map.steps = reader.whole(reader.member("steps"), "steps", 0, many);
  map.steps_per_column = reader.whole(reader.member("steps_per_column"), "steps_per_column", 1, many);
  const double unit_s = reader.number(reader.member("unit_s"), "unit_s");
  const std::int64_t columns = columns_of(map.steps, map.steps_per_column);
  if (columns > most_columns) refuse(file, "it has " + std::to_string(columns) + " columns");
  const Json& nodes = reader.member("nodes");
  if (!nodes.is_array()) refuse(file, "'nodes' is no list");
  const Json& mean = reader.member("mean");
  if (!mean.is_array()) refuse(file, "'mean' is no list");
  const std::size_t ranks = mean.size();
  const Json& max = reader.list("max", ranks);
  const Json& node = reader.list("node", ranks);
  const Json& last = reader.list("last", ranks);
  const Json& median = reader.list("median_s", ranks);
  const Json& jitter = reader.list("jitter", ranks);
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    RankRow& row = map.ranks.emplace_back();
    const auto place = reader.whole(node[rank], "node", 0, static_cast<std::int64_t>(nodes.size()) - 1);
    row.node = reader.words(nodes[static_cast<std::size_t>(place)], "nodes");
    row.last = reader.whole(last[rank], "last", 0, map.steps);
    row.median_s = reader.number(median[rank], "median_s");
    row.jitter = reader.number(jitter[rank], "jitter");
    const auto cells = [&](const Json& list, const char* key) {
      std::vector<double> row_s;
      if (!list.is_array() || static_cast<std::int64_t>(list.size()) != columns)
        refuse(file,
               "row " + std::to_string(rank) + " of '" + key + "' is no list of " + std::to_string(columns));
      for (const Json& cell : list)
        row_s.push_back(static_cast<double>(reader.whole(cell, key, 0, largest_cell)) * unit_s);
      return row_s;
    };
    row.mean_s = cells(mean[rank], "mean");
    row.max_s = cells(max[rank], "max");
    for (std::size_t column = 0; column < row.mean_s.size(); ++column) {
      if (row.max_s[column] < row.mean_s[column])
        refuse(file, "rank " + std::to_string(rank) + " has a mean above its maximum");
    }
  }
  return map;
}

}  // namespace assay
