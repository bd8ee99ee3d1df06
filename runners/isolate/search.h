// The steps of the search, written as if launches were function calls: isolation.cpp runs it again from the
// start with what is known already, and stops it where an outcome is missing.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runners/isolate/domains.h"
#include "runners/isolate/evidence.h"
#include "runners/isolate/isolation.h"

namespace assay {

/// A suspicion under test, and what its launches gave.
struct Probe {
  enum class State { open, good, bad };
  std::string purpose;
  std::vector<std::size_t> nodes;    ///< in every group of it
  std::vector<std::size_t> domains;  ///< some nodes of each are in every group of it
  std::vector<std::size_t> avoid;    ///< domains that must not fill it up
  std::size_t fill_nodes = 0;        ///< fill up to this many nodes, from one domain where possible
  std::size_t fill_domains = 0;      ///< fill up to this many domains
  Launches launches = {};
  State state = State::open;
};

class Search {
 public:
  using Launch = std::function<std::vector<IsolationOutcome>(const IsolationRound&, const std::string& step)>;

  Search(const std::vector<std::string>& nodes, const std::vector<Domain>& domains,
         const IsolationSettings& settings, Launch launch, IsolationResult& result);
  void run();

 private:
  using Set = std::vector<std::size_t>;
  /// A part of a domain that was bad.
  struct Part {
    std::size_t domain = 0;
    Set nodes;
    std::size_t depth = 0;
  };

  // search.cpp: launching and deciding
  void launch_each(const std::vector<Probe*>& probes);
  bool build(const Probe& probe, std::vector<char>& used, bool first, IsolationGroup& group);
  void fill_with_nodes(const Probe& probe, std::vector<char>& used, IsolationGroup& group);
  Reference healthy() const;
  void strengthen_reference();
  void judge(Probe& probe, const Reference& reference, double good, double bad);
  void decide(std::vector<Probe>& probes, bool one_of_two_is_bad = false);
  void decide_among_themselves(std::vector<Probe>& probes, std::size_t repeats);
  bool confirm(std::vector<Probe>& suspects);
  bool everything_is_bad(const std::vector<Probe>& probes);
  void report(IsolationFinding::Kind kind, std::vector<std::string> names, const Probe& probe,
              const std::string& reasoning);
  void note(const std::string& text) { result_.notes.push_back(text); }
  std::vector<std::string> names(const Set& nodes) const;

  // search_inside.cpp: within domains
  Set screen();
  void inside(const Set& bad);
  std::vector<Part> halve(std::vector<Part>& parts, bool first);
  void nothing_in_the_halves(const Part& part, std::vector<Part>& next);
  bool is_whole(std::size_t domain, const std::vector<Part>& parts);
  void confirm_nodes(const std::vector<Part>& singles);
  void all_pairs();

  // search_across.cpp: between domains
  void across();
  std::vector<Set> split_once();
  void descend(Set set, std::vector<Set>& queue);
  std::vector<Set> name_crossing(const Set& set);
  Probe crossing(const Set& domains, const Set& avoid) const;

  const std::vector<std::string>& nodes_;
  const std::vector<Domain>& domains_;
  const IsolationSettings& settings_;
  Launch launch_;
  IsolationResult& result_;
  Evidence evidence_;
  std::string step_;
  Set healthy_;                             ///< domains that may fill groups up
  std::vector<Probe> controls_;             ///< healthy groups of the shape in use
  std::vector<double> good_;                ///< ln(time) of healthy groups of the shape in use
  std::size_t usual_size_ = 0, reach_ = 0;  ///< nodes, and domains, of a filled group
  std::size_t turn_ = 0;                    ///< so that other nodes fill up each time
};

}  // namespace assay
