#include "reports/judge/fabric.h"

#include <algorithm>
#include <map>

namespace assay {

namespace {

constexpr std::size_t most_told = 8;  // of a kind, each with a sentence of its own

/// One thing blamed, in how many launches, and how it looked in the worst of them.
template <typename Thing>
struct Tally {
  std::size_t launches = 0;
  Thing worst;
};

template <typename Thing>
using Tallies = std::map<std::string, Tally<Thing>>;

template <typename Thing>
void count(Tallies<Thing>& tallies, const std::string& key, const Thing& thing) {
  const auto [tally, is_new] = tallies.try_emplace(key, Tally<Thing>{0, thing});
  ++tally->second.launches;
  if (thing.factor < tally->second.worst.factor) tally->second.worst = thing;
}

/// Those blamed most often first, then the slowest.
template <typename Thing>
std::vector<Tally<Thing>> ordered(const Tallies<Thing>& tallies) {
  std::vector<Tally<Thing>> all;
  for (const auto& [key, tally] : tallies) all.push_back(tally);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.launches != b.launches ? a.launches > b.launches : a.worst.factor < b.worst.factor;
  });
  return all;
}

bool counts(const LaunchResults& launch) {
  return launch.links && launch.status == LaunchStatus::completed &&
         std::any_of(launch.states.begin(), launch.states.end(), [](ValueState state) {
           return state == ValueState::valid || state == ValueState::unchecked;
         });
}

std::vector<const LinkDiagnosis*> diagnoses_of(const CaseResults& results, bool earlier) {
  std::vector<const LinkDiagnosis*> all;
  for (const LaunchResults& launch : results.launches) {
    if (counts(launch) && (earlier || launch.campaign == 0)) all.push_back(&*launch.links);
  }
  return all;
}

class Teller {
 public:
  Teller(std::string label, std::size_t launches, FabricBlame& blame)
      : label_(std::move(label)), launches_(launches), blame_(blame) {}

  template <typename Thing>
  void tell(const char* code, const std::vector<Tally<Thing>>& tallies) {
    for (std::size_t i = 0; i < tallies.size() && i < most_told; ++i) {
      add(code, sentence(tallies[i].worst) + share(tallies[i].launches));
    }
    if (tallies.size() > most_told) {
      add(code, "and " + std::to_string(tallies.size() - most_told) + " more");
    }
  }

  void add(const char* code, const std::string& text) {
    blame_.findings.push_back({code, label_ + ": " + text});
  }

  std::string share(std::size_t launches) const {
    return " (" + std::to_string(launches) + " of " + std::to_string(launches_) +
           (launches_ == 1 ? " launch)" : " launches)");
  }

 private:
  std::string label_;
  std::size_t launches_;
  FabricBlame& blame_;
};

/// What holds for the fabric as a whole: as the last launch that says so puts it, and how many do.
struct LastWord {
  std::size_t launches = 0;
  const LinkDiagnosis* diagnosis = nullptr;

  void note(bool says_so, const LinkDiagnosis* one) {
    if (!says_so) return;
    ++launches;
    diagnosis = one;
  }
};

void blame_case(const std::string& label, const std::vector<const LinkDiagnosis*>& diagnoses,
                FabricBlame& blame) {
  Tallies<SlowNode> nodes;
  Tallies<SlowLink> links, crowded;
  LastWord blocks, parts, notes;
  for (const LinkDiagnosis* one : diagnoses) {
    for (const SlowNode& node : one->nodes) count(nodes, node.name, node);
    for (const SlowLink& link : one->links) {
      count(link.only_in_company ? crowded : links, link.first + " - " + link.second, link);
    }
    blocks.note(!one->blocks.empty(), one);
    parts.note(!one->partly.empty(), one);
    notes.note(!one->note.empty(), one);
  }
  Teller teller(label, diagnoses.size(), blame);
  const auto node_order = ordered(nodes);
  const auto link_order = ordered(links);
  teller.tell("ASY-2016", node_order);
  teller.tell("ASY-2017", link_order);
  if (blocks.diagnosis != nullptr) {
    for (const SlowBlock& block : blocks.diagnosis->blocks) {
      teller.add("ASY-2017", sentence(block) + teller.share(blocks.launches));
    }
  }
  teller.tell("ASY-2018", ordered(crowded));
  if (parts.diagnosis != nullptr) {
    teller.add("ASY-2018", partly_sentence(parts.diagnosis->partly, parts.diagnosis->partly_slow) +
                               teller.share(parts.launches));
  }
  if (notes.diagnosis != nullptr) {
    teller.add("ASY-2018", notes.diagnosis->note + teller.share(notes.launches));
  }

  const std::size_t of_nodes = node_order.empty() ? 0 : node_order[0].launches;
  const std::size_t of_links = link_order.empty() ? 0 : link_order[0].launches;
  if (!blame.first.empty() || 2 * std::max(of_nodes, of_links) < diagnoses.size()) return;
  if (of_nodes >= of_links && of_nodes > 0) {
    blame.first = headline(node_order[0].worst) + teller.share(of_nodes);
  } else if (of_links > 0) {
    blame.first = headline(link_order[0].worst) + teller.share(of_links);
  }
}

}  // namespace

FabricBlame blame_links(const CampaignData& data, const CaseResults& results, const Catalogue& catalogue,
                        bool earlier) {
  const auto label_of = [&](const CaseResults& one) {
    return case_label(catalogue.find(one.identity.benchmark), one.identity);
  };
  FabricBlame blame;
  const auto own = diagnoses_of(results, earlier);
  if (!own.empty()) {
    blame_case(label_of(results), own, blame);
    return blame;
  }
  for (const CaseResults& other : data.cases()) {
    if (other.identity.benchmark != links_benchmark) continue;
    if (const auto diagnoses = diagnoses_of(other, earlier); !diagnoses.empty()) {
      blame_case(label_of(other), diagnoses, blame);
    }
  }
  return blame;
}

}  // namespace assay
