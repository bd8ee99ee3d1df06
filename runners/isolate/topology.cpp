#include "runners/isolate/topology.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/names.h"

namespace assay {

namespace {

constexpr std::size_t most_names = 1'000'000;

Location at(std::string_view file, int line) {
  return {std::string(file), line, 0};
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string trimmed(std::string_view text) {
  const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

/// Splits at commas that stand outside brackets.
std::vector<std::string> split_list(std::string_view text, const Location& where) {
  std::vector<std::string> parts{""};
  int depth = 0;
  for (const char c : text) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (depth < 0 || depth > 1)
      throw bad_input("the brackets of '" + std::string(text) + "' do not match",
                      "write each range as name[1-4,7]", where);
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (depth != 0)
    throw bad_input("'" + std::string(text) + "' has a bracket that is not closed", "close it with ]", where);
  return parts;
}

long number(std::string_view text, const Location& where) {
  long value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || status != std::errc() || end != text.data() + text.size() || value < 0)
    throw bad_input("'" + std::string(text) + "' in a range is not a number", "write ranges as [1-4,7]",
                    where);
  return value;
}

/// One name with any number of brackets: the first is expanded, the rest by calling itself.
void expand_name(const std::string& name, const Location& where, std::vector<std::string>& out) {
  const std::size_t open = name.find('[');
  if (open == std::string::npos) {
    if (name.empty()) throw bad_input("a name in the list is empty", "remove the spare comma", where);
    if (out.size() >= most_names)
      throw bad_input("the list has more than 1,000,000 names (a mistyped range?)", "check its ranges",
                      where);
    out.push_back(name);
    return;
  }
  const std::size_t close = name.find(']', open);
  const std::string before = name.substr(0, open), after = name.substr(close + 1);
  for (const std::string& range : split_list(name.substr(open + 1, close - open - 1), where)) {
    const std::size_t dash = range.find('-');
    const std::string first = range.substr(0, dash);
    const long from = number(first, where);
    const long to = dash == std::string::npos ? from : number(range.substr(dash + 1), where);
    if (to < from) throw bad_input("the range '" + range + "' runs backwards", "write it upwards", where);
    for (long i = from; i <= to; ++i) {
      std::string digits = std::to_string(i);
      if (digits.size() < first.size()) digits.insert(0, first.size() - digits.size(), '0');
      expand_name(before + digits + after, where, out);
    }
  }
}

struct Line {
  std::string text;
  int number = 0;
};

/// Comments gone, continued lines joined, empty ones left out.
std::vector<Line> logical_lines(std::string_view text) {
  std::vector<Line> lines;
  bool continued = false;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = trimmed(line.substr(0, line.find('#')));
    const bool more = !line.empty() && line.back() == '\\';
    if (more) line.pop_back();
    if (continued) {
      lines.back().text += " " + line;
    } else if (!line.empty() || more) {
      lines.push_back({line, number});
    }
    continued = more;
  }
  std::erase_if(lines, [](const Line& line) { return trimmed(line.text).empty(); });
  return lines;
}

TopologySwitch parse_line(const Line& line, std::string_view file) {
  const Location where = at(file, line.number);
  const std::vector<std::string> known{"SwitchName", "Nodes", "Switches", "LinkSpeed"};
  std::map<std::string, std::string> values;
  std::string rest = line.text;
  while (!(rest = trimmed(rest)).empty()) {
    const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
    const std::string word = rest.substr(0, end);
    rest.erase(0, end);
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const bool is_known = std::any_of(known.begin(), known.end(),
                                      [&](const std::string& name) { return lower(name) == lower(key); });
    if (!is_known)
      throw bad_input("'" + key + "' is no key of a switch (only the form of topology/tree is read)",
                      suggest(key, known), where);
    if (equals == std::string::npos || equals + 1 == word.size())
      throw bad_input("'" + key + "' has no value", "write " + key + "=...", where);
    if (!values.emplace(lower(key), word.substr(equals + 1)).second)
      throw bad_input("'" + key + "' stands twice on one line", "give each switch a line of its own", where);
  }
  if (!values.contains("switchname"))
    throw bad_input("the line names no switch", "begin it with SwitchName=", where);
  TopologySwitch made;
  made.name = values["switchname"];
  made.line = line.number;
  if (values.contains("nodes")) made.nodes = expand_host_list(values["nodes"], file, line.number);
  if (values.contains("switches")) made.switches = expand_host_list(values["switches"], file, line.number);
  if (made.nodes.empty() && made.switches.empty())
    throw bad_input("switch '" + made.name + "' has nothing below it", "add Nodes= or Switches=", where);
  return made;
}

}  // namespace

std::vector<std::string> expand_host_list(std::string_view text, std::string_view file, int line) {
  std::vector<std::string> names;
  for (const std::string& part : split_list(text, at(file, line))) expand_name(part, at(file, line), names);
  return names;
}

std::vector<const TopologySwitch*> Topology::leaves() const {
  std::vector<const TopologySwitch*> found;
  for (const TopologySwitch& one : switches) {
    if (!one.nodes.empty()) found.push_back(&one);
  }
  return found;
}

int Topology::levels() const {
  std::map<std::string, const TopologySwitch*> by_name;
  for (const TopologySwitch& one : switches) by_name[one.name] = &one;
  std::map<std::string, int> known;
  const std::function<int(const TopologySwitch&)> height = [&](const TopologySwitch& one) {
    if (const auto found = known.find(one.name); found != known.end()) return found->second;
    int below = 0;
    for (const std::string& name : one.switches) below = std::max(below, height(*by_name.at(name)));
    return known[one.name] = below + 1;
  };
  int most = 0;
  for (const TopologySwitch& one : switches) most = std::max(most, height(one));
  return most;
}

Topology parse_topology(std::string_view text, std::string_view file) {
  Topology topology;
  for (const Line& line : logical_lines(text)) topology.switches.push_back(parse_line(line, file));
  if (topology.switches.empty())
    throw bad_input("no switch is described", "write lines such as SwitchName=leaf1 Nodes=n[01-32]",
                    at(file, 0));
  std::map<std::string, const TopologySwitch*> by_name;
  std::map<std::string, const TopologySwitch*> switch_of;
  std::vector<std::string> names;
  for (const TopologySwitch& one : topology.switches) {
    if (const auto [first, fresh] = by_name.emplace(one.name, &one); !fresh)
      throw bad_input("switch '" + one.name + "' is described twice, first on line " +
                          std::to_string(first->second->line),
                      "keep one of the two lines", at(file, one.line));
    names.push_back(one.name);
    for (const std::string& node : one.nodes) {
      if (const auto [first, fresh] = switch_of.emplace(node, &one); !fresh)
        throw bad_input("node '" + node + "' hangs on '" + first->second->name + "' already, by line " +
                            std::to_string(first->second->line) +
                            " (a group through it would test one of the two, unknown which)",
                        "name each node once", at(file, one.line));
    }
  }
  for (const TopologySwitch& one : topology.switches) {
    for (const std::string& below : one.switches) {
      if (!by_name.contains(below))
        throw bad_input("switch '" + below + "' below '" + one.name + "' is not described",
                        suggest(below, names), at(file, one.line));
    }
  }
  // A circle: a switch that is met again while what is below it is being walked.
  std::map<std::string, int> state;  // 1: being walked, 2: done
  const std::function<void(const TopologySwitch&)> walk = [&](const TopologySwitch& one) {
    int& mine = state[one.name];
    if (mine == 2) return;
    if (mine == 1)
      throw bad_input("switch '" + one.name + "' is below itself", "a tree has no circle",
                      at(file, one.line));
    mine = 1;
    for (const std::string& below : one.switches) walk(*by_name.at(below));
    state[one.name] = 2;
  };
  for (const TopologySwitch& one : topology.switches) walk(one);
  return topology;
}

}  // namespace assay
