// Which node, leaf switch or trunk is at fault when a group failed or was slow: an adaptive search.
//
// It does no input or output: next() proposes a round of disjoint groups that may be launched side by side,
// tell() takes what they gave, in that order, until next() gives nothing; result() is what was found. A GROUP
// IS ONE LAUNCH, however many run at once: that is what budgets count. Everything depends on the outcomes
// alone, so a search that was interrupted is resumed by telling the outcomes of the journal again.
//
// Steps (README.md has them in full): screen the domains (leaf switches, else groups of about sqrt(N) nodes
// in order); halve each slow domain, each half filled up to the same size with nodes of one healthy domain,
// beside groups of healthy nodes of that shape; spot nodes tell a switch from many nodes; when all domains
// are good, probe across their boundaries; confirm each suspect by launches of its own, with other healthy
// nodes. Below 9 nodes: all pairs.
//
// HOW SURE. With y = ln(time), the reference r of n healthy groups of the same shape, worth k launches (the
// median of all means of two, k = 0.9 n; of a large screen the median, k = 2n / pi), sigma the noise,
// delta = ln(1 + noticeable) and m launches of the suspect with mean y, each clipped to at most r + delta,
//
//     L = delta (y - r - delta / 2) / (sigma^2 (1/m + 1/k))
//
// is the log likelihood ratio of "slow by delta" to "as the others". When failures are looked for, a failed
// launch adds ln(0.96 / 0.01) = 4.56 and a passed one ln(0.04 / 0.99) = -3.21: launches fail for no reason
// once in 100, and a bad part fails 24 times of 25. While searching, L >= 3 is slow (6 while screening), L <=
// -3 good (-4), else it is launched again, at most 6 times in all (then the sign decides): a wrong turn costs
// launches, not a false accusation. An accusation needs L >= ln(8 / a) from launches made after the
// suspicion, and no launch counts more than half of that, so that at least two must agree. exp(L) is then a
// non-negative supermartingale under "these groups are good" (clipping and capping only lower it), so it ever
// reaches 8 / a with probability at most a / 8 (Ville; Wald 1945; with r estimated: the ratio is invariant to
// the location, Perez-Ortiz et al., "E-statistics, group invariance and anytime valid testing", 2022). With
// at most 8 suspects confirmed, a healthy machine is accused in at most a = 1e-3 of all searches: if the
// noise is Gaussian and not more than was stated (more that is seen while screening is taken instead). On a
// machine with a fault, a suspect can also be accused for what the fault did to its company: each
// confirmation has other company, and across domains all of it, so two wrong ones would have to agree.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runners/isolate/topology.h"

namespace assay {

enum class Trouble {
  failed,  ///< launches fail, hang or are wrong
  slow,    ///< launches take longer than they should
};

struct IsolationSettings {
  Trouble trouble = Trouble::slow;
  bool higher_is_better = false;  ///< values are rates, not times
  double noticeable = 0.15;       ///< slowness to be found: 0.15 is a time 15 % longer
  double noise = 0.03;  ///< relative, from launch to launch; the larger of this and what is seen counts
  std::optional<double> reference;  ///< of a good group of a domain's size; else found by the search
  double false_accusation = 1e-3;   ///< of a whole search, at most
};

/// One launch.
struct IsolationGroup {
  std::vector<std::size_t> nodes;  ///< indices into the nodes given, ascending
  std::string purpose;             ///< "screen leaf1"
};
using IsolationRound = std::vector<IsolationGroup>;

struct IsolationOutcome {
  bool completed = true;  ///< ended by itself and its check passed
  double value = 0;       ///< positive, when completed and slowness is looked for
};

struct IsolationFinding {
  enum class Kind {
    node,
    leaf_switch,    ///< names: the switch
    trunk,          ///< names: two leaf switches that are slow only together
    group,          ///< names: nodes that share a fault (no switch is known to explain it)
    links,          ///< names: nodes; a pair among them, which this search cannot tell: use fabric/links
    not_confirmed,  ///< names: the suspect, whose own launches did not show it
  };
  Kind kind = Kind::node;
  std::vector<std::string> names;
  double factor = 1;        ///< time in its company over the reference; 1 when failures were looked for
  int confirmations = 0;    ///< launches made after the suspicion, with other healthy nodes
  double log_evidence = 0;  ///< L of these
  std::string reasoning;    ///< one sentence
};

struct IsolationResult {
  std::vector<IsolationFinding> findings;  ///< empty: nothing found
  std::size_t launches = 0, rounds = 0, budget = 0;
  std::map<std::string, std::size_t> launches_by_step;
  double noise = 0;                ///< that was taken
  bool budget_used_up = false;     ///< then what is open is in the notes
  std::vector<std::string> notes;  ///< what was not or could not be done; which search this was
};

class Isolation {
 public:
  /// `topology` may be absent. Throws Error(bad_input) for fewer than two nodes, a name given twice, a node
  /// that is on no switch of the topology, and settings out of range.
  Isolation(std::vector<std::string> nodes, std::optional<Topology> topology,
            IsolationSettings settings = {});
  ~Isolation();

  /// The groups to launch now, never empty; absent: the search is over.
  std::optional<IsolationRound> next();
  /// One outcome per group of the last next(). Throws Error(bad_input) when their number is another, or a
  /// value is not a positive number.
  void tell(const std::vector<IsolationOutcome>& outcomes);
  /// What is known now; complete once next() gave nothing.
  const IsolationResult& result() const { return result_; }
  /// No search launches more.
  std::size_t budget() const;
  /// To be printed before the first launch: nodes, domains, the most launches, and what is spent on what.
  std::string describe_budget() const;

 private:
  struct Setup;
  std::unique_ptr<Setup> setup_;
  std::vector<IsolationRound> rounds_;
  std::vector<std::vector<IsolationOutcome>> outcomes_;
  IsolationResult result_;
};

/// Findings and account in words, a line each. Says which of the two searches was done.
std::string describe(const IsolationResult& result);

}  // namespace assay
