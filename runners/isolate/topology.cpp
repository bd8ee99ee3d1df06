#include "runners/isolate/topology.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "runners/launch/slurm.h"

namespace assay {

namespace {

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
  if (values.contains("nodes")) made.nodes = expand_hostlist(values["nodes"], where);
  if (values.contains("switches")) made.switches = expand_hostlist(values["switches"], where);
  if (made.nodes.empty() && made.switches.empty())
    throw bad_input("switch '" + made.name + "' has nothing below it", "add Nodes= or Switches=", where);
  return made;
}

}  // namespace

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
