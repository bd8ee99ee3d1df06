#include "reports/judge/fingerprints.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "reports/base/names.h"
#include "reports/evidence/campaign_data.h"

namespace assay {

namespace {

constexpr std::size_t most_named = 4;          // nodes of one sentence, differences of one note
constexpr std::size_t most_notes = 8;          // of a case
constexpr std::size_t digits_shown = 12;       // of a fingerprint: 48 bits tell two apart
constexpr double more_than_half = 0.5 + 1e-9;  // shares are sums of fractions; a tie is no majority

using Records = std::vector<const Computed*>;

std::string_view word_of(std::string_view fingerprint) {
  return fingerprint.substr(0, fingerprint.find(' '));
}

std::string_view scope_of(std::string_view fingerprint) {
  return fingerprint.substr(word_of(fingerprint).size());
}

std::string shown(const Computed& one) {
  return std::string(word_of(one.fingerprint).substr(0, digits_shown));
}

std::string group_text(const Computed& one) {
  if (one.nodes <= 1) return "node " + std::string(one.node);
  return "the group of " + std::to_string(one.nodes) + " nodes with rank 0 on " + std::string(one.node);
}

std::string start_text(const Computed& one) {
  return "start " + std::to_string(one.start) + (one.campaign < 0 ? " of an earlier campaign" : "");
}

std::string list_text(const std::vector<std::string>& all) {
  std::vector<std::string> named(all.begin(),
                                 all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), most_named)));
  const std::string last =
      all.size() > most_named ? std::to_string(all.size() - most_named) + " more" : named.back();
  if (all.size() <= most_named) named.pop_back();
  return named.empty() ? last : join(named, ", ") + " and " + last;
}

/// Records whose words should be the same, and how they vote.
class Ballot {
 public:
  explicit Ballot(const Records& records) : records_(records) {
    for (const Computed* one : records) ++launches_[one->node];
    std::map<std::string_view, double> votes;
    for (const Computed* one : records)
      votes[word_of(one->fingerprint)] += 1.0 / static_cast<double>(launches_.at(one->node));
    differ_ = votes.size() > 1;
    for (const auto& [word, share] : votes)
      if (share > more_than_half * static_cast<double>(launches_.size())) winner_ = word;
    for (const Computed* one : records) {
      if (word_of(one->fingerprint) != winner_) continue;
      example_ = one;
      ++right_[one->node];
    }
  }

  bool differ() const { return differ_; }
  bool decided() const { return example_ != nullptr; }
  bool wrong(const Computed& one) const { return word_of(one.fingerprint) != winner_; }

  /// "fingerprint 3fa9 in start 2 where the other 5 have 77b0".
  std::string against(const Computed& one) const {
    const auto own = right_.find(one.node);
    const std::size_t others = right_.size() - (own != right_.end() ? 1 : 0);
    std::string who;
    if (others == 0) {
      const std::size_t all = launches_.at(one.node) - 1;
      who = own->second == all
                ? "its other " + std::to_string(all) + (all == 1 ? " launch has" : " launches have")
                : std::to_string(own->second) + " of its other " + std::to_string(all) + " launches have";
    } else {
      const std::size_t all = launches_.size() - 1;
      who = (others == all ? std::string("the other") : std::to_string(others) + " of the other") +
            (all == 1 ? std::string() : " " + std::to_string(all)) + (others == 1 ? " has" : " have");
    }
    return "fingerprint " + shown(one) + " in " + start_text(one) + " where " + who + " " + shown(*example_);
  }

  std::vector<std::string> nodes() const {
    std::vector<std::string> all;
    for (const auto& [node, launches] : launches_) all.emplace_back(node);
    return all;
  }

  /// One record of each word, as many as are told.
  std::string each() const {
    std::vector<std::string> parts;
    std::set<std::string_view> told;
    for (const Computed* one : records_) {
      if (!told.insert(word_of(one->fingerprint)).second) continue;
      parts.push_back(shown(*one) + " in " + start_text(*one) + " on " + std::string(one->node));
    }
    return list_text(parts);
  }

 private:
  const Records& records_;
  std::map<std::string_view, std::size_t> launches_;  ///< by node
  std::map<std::string_view, std::size_t> right_;     ///< launches that agree with the majority, by node
  std::optional<std::string_view> winner_;
  const Computed* example_ = nullptr;  ///< of the majority
  bool differ_ = false;
};

/// One thing to tell, and how often it was seen.
struct Suspicion {
  std::string text, advice;
  std::size_t launches = 0;
};

/// The lines in which two lists of facts differ: "kernel: avx2 against avx512".
std::string difference(const Computed& one, const Computed& other) {
  const auto facts_of = [](const Computed& of) {
    std::map<std::string, std::string> facts;
    for (std::string_view rest : {of.kernels, of.machine}) {
      while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        const std::string_view name = line.substr(0, line.find(' '));
        facts[std::string(name)] = line.size() > name.size() ? line.substr(name.size() + 1) : "";
      }
    }
    return facts;
  };
  const auto own = facts_of(one), others = facts_of(other);
  std::map<std::string, std::pair<std::string, std::string>> both;
  for (const auto& [name, value] : own) both[name].first = value;
  for (const auto& [name, value] : others) both[name].second = value;
  std::vector<std::string> texts;
  for (const auto& [name, values] : both) {
    if (values.first == values.second) continue;
    const auto text = [](const std::string& value) { return value.empty() ? "not stated" : value; };
    texts.push_back(name + ": " + text(values.first) + " against " + text(values.second));
  }
  return texts.empty() ? "other devices" : list_text(texts);
}

using Kind = std::pair<std::string_view, std::string_view>;  // kernels and machine

/// Who computes with other kernels than most do, and is compared with its like alone.
class Apart {
 public:
  explicit Apart(const std::vector<Computed>& all) {
    for (const Computed& one : all) ++sizes_[{one.kernels, one.machine}];
  }

  /// The records of one number of nodes and one input, by kind.
  void look_at(const std::map<Kind, Records>& kinds) {
    if (kinds.size() < 2) return;
    const auto most = std::max_element(kinds.begin(), kinds.end(), [&](const auto& a, const auto& b) {
      return sizes_.at(a.first) < sizes_.at(b.first);
    });
    for (const auto& [kind, records] : kinds) {
      if (kind == most->first) continue;
      Pair& pair = pairs_[{most->first, kind}];
      pair.usual = most->second.front();
      pair.other = records.front();
      for (const Computed* one : records) pair.nodes.insert(one->node);
    }
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> notes;
    for (const auto& [kinds, pair] : pairs_) {
      if (notes.size() == most_notes) {
        notes.push_back("and " + std::to_string(pairs_.size() - most_notes) + " more kinds");
        break;
      }
      notes.push_back("fingerprints of " + list_text({pair.nodes.begin(), pair.nodes.end()}) +
                      " are not compared with that of " + std::string(pair.usual->node) + ": " +
                      difference(*pair.other, *pair.usual));
    }
    return notes;
  }

 private:
  struct Pair {
    const Computed* usual = nullptr;
    const Computed* other = nullptr;
    std::set<std::string_view> nodes;
  };
  std::map<Kind, std::size_t> sizes_;
  std::map<std::pair<Kind, Kind>, Pair> pairs_;
};

/// What decides the rounding beside the kernels, for each node of a case. Where a fact is not known the node
/// is taken for one like most others: to be compared is the safe side.
std::unordered_map<std::string_view, std::string> machines_of(const CaseResults& results,
                                                              const std::vector<NodeFacts>& facts) {
  std::unordered_map<std::string_view, const NodeFacts*> known;
  for (const NodeFacts& node : facts) known.emplace(node.node, &node);
  std::unordered_map<std::string_view, std::string> machines;
  for (const DeviceIdentity& device : results.devices) machines.emplace(device.node, "");
  // How a product is cut into blocks, and so the order of its sums, follows the caches.
  for (const char* name : {"cpu_model", "l1d_bytes", "l2_bytes", "l3_bytes"}) {
    std::unordered_map<std::string_view, std::string> values;
    std::map<std::string, std::size_t> counts;
    for (const auto& [node, text] : machines) {
      const auto facts_of_node = known.find(node);
      if (facts_of_node == known.end()) continue;
      const auto fact = facts_of_node->second->facts.find(name);
      if (fact == facts_of_node->second->facts.end()) continue;
      ++counts[values.emplace(node, to_string(fact->second)).first->second];
    }
    if (counts.empty()) continue;
    const auto most = std::max_element(counts.begin(), counts.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    for (auto& [node, text] : machines) {
      const auto own = values.find(node);
      text += std::string(name) + " " + (own != values.end() ? own->second : most->first) + "\n";
    }
  }
  return machines;
}

Launched launched(const Computed& one) {
  return {std::string(one.node), one.campaign, one.start};
}

}  // namespace

FingerprintComparison compare_fingerprints(const std::string& benchmark, const std::vector<Computed>& all) {
  // By number of nodes and what the fingerprint is of, then by what decides the rounding.
  std::map<std::pair<int, std::string_view>, std::map<Kind, Records>> comparable;
  for (const Computed& one : all)
    comparable[{one.nodes, scope_of(one.fingerprint)}][{one.kernels, one.machine}].push_back(&one);

  FingerprintComparison result;
  std::map<std::string, Suspicion> suspicions;  // by who is suspected
  std::map<std::string_view, std::size_t> compared;
  Apart apart(all);
  for (const auto& [work, kinds] : comparable) {
    apart.look_at(kinds);
    for (const auto& [kind, records] : kinds) {
      if (records.size() < 2) continue;
      for (const Computed* one : records) ++compared[one->node];
      const Ballot ballot(records);
      if (!ballot.differ()) continue;
      for (const Computed* one : records)
        if (!ballot.decided() || ballot.wrong(*one)) result.disbelieved.insert(launched(*one));
      if (!ballot.decided()) {
        const auto nodes = ballot.nodes();
        Suspicion& suspicion = suspicions[join(nodes, " ") + " "];
        if (++suspicion.launches > 1) continue;
        suspicion.text = (nodes.size() == 1 ? group_text(*records.front()) + " computes different things"
                                            : "nodes " + list_text(nodes) + " compute different things");
        suspicion.text += " from the same input in " + benchmark +
                          ", and no majority tells which is wrong: fingerprint " + ballot.each();
        suspicion.advice = nodes.size() == 1
                               ? "repeat the case there and test its memory"
                               : "repeat the case on each of them and on another node, and test "
                                 "their memory";
        continue;
      }
      for (const Computed* one : records) {
        if (!ballot.wrong(*one)) continue;
        Suspicion& suspicion = suspicions[std::string(one->node)];
        if (++suspicion.launches > 1) continue;
        suspicion.text =
            group_text(*one) + " computes something else in " + benchmark + ": " + ballot.against(*one);
        suspicion.advice = "repeat the case there and test its memory";
      }
    }
  }

  std::vector<std::pair<std::string, Suspicion>> ordered(suspicions.begin(), suspicions.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.second.launches > b.second.launches; });
  for (const auto& [who, suspicion] : ordered) {
    const auto of = compared.find(who);
    std::string often;
    if (of != compared.end() && of->second > 1) {
      often = " (" + std::to_string(suspicion.launches) + " of its " + std::to_string(of->second) +
              " launches compared)";
    } else if (suspicion.launches > 1) {
      often = " (" + std::to_string(suspicion.launches) + " times)";
    }
    result.sentences.push_back(suspicion.text + often + "; " + suspicion.advice);
  }
  result.notes = apart.notes();
  return result;
}

FingerprintComparison compare_fingerprints(const CaseResults& results, const std::vector<NodeFacts>& facts,
                                           bool earlier) {
  const std::unordered_map<std::string_view, std::string> machines =
      results.kernels.empty() ? std::unordered_map<std::string_view, std::string>()
                              : machines_of(results, facts);
  std::vector<std::string_view> kernels(results.kernels.size());
  for (const auto& [text, index] : results.kernels) kernels[index] = text;
  std::vector<Computed> all;
  for (const LaunchResults& launch : results.launches) {
    if (launch.campaign != 0 && !earlier) continue;
    for (const ComputedBits& bits : launch.computed) {
      const std::string& node = results.devices[bits.device].node;
      all.push_back({node, bits.nodes, launch.campaign, launch.start, bits.fingerprint, kernels[bits.kernels],
                     machines.at(node)});
    }
  }
  return compare_fingerprints(results.identity.benchmark, all);
}

}  // namespace assay
