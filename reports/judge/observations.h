// From evidence to a grid of values: which value of which device in which launch counts for a target, in what
// unit, and what makes the evidence invalid.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/judge/fingerprints.h"
#include "reports/judge/judge.h"
#include "reports/judge/sequence.h"

namespace assay {

/// Things found that carry a code, counted, with the words of the first few.
class Problems {
 public:
  void add(const std::string& code, const std::string& text) {
    add_lazily(code, [&] { return text; });
  }
  /// Makes the words only where they are kept: a fleet can have a million values without a check.
  template <typename MakeText>
  void add_lazily(const std::string& code, const MakeText& make_text) {
    Kind& kind = found_[code];
    ++kind.count;
    if (kind.texts.size() < texts_kept) kind.texts.push_back(make_text());
  }
  /// Of sentences about a whole case, which many values run into.
  void add_once(const std::string& code, const std::vector<std::string>& texts);
  bool empty() const { return found_.empty(); }
  bool has(const std::string& code) const { return found_.count(code) > 0; }
  std::string first_text(const std::string& code) const { return found_.at(code).texts.front(); }
  /// True when one of them makes the evidence invalid.
  bool invalid() const;
  /// One line: the worst problem's first text and how many more there are of it.
  std::string invalid_text() const;
  std::vector<Finding> findings() const;

 private:
  static constexpr std::size_t texts_kept = 4;
  struct Kind {
    std::size_t count = 0;
    std::vector<std::string> texts;
  };
  std::map<std::string, Kind> found_;
};

/// What is looked up once for a whole judgement.
struct Context {
  explicit Context(const JudgeInput& given);

  EValues& e_values(double share);
  /// Null where all fingerprints of a case agree.
  const FingerprintComparison* disagreement(const CaseResults& results) const;

  const JudgeInput& input;
  std::vector<std::string> nodes;  ///< every node known of: by its facts, by being conceded, by results
  std::map<const CaseResults*, FingerprintComparison> fingerprints;  ///< of the cases that have any

 private:
  std::map<double, EValues> e_values_;
};

struct Observations {
  const CaseResults* results = nullptr;
  std::vector<DeviceIdentity> never_seen;      ///< expected devices that no launch gave a value for
  std::vector<const LaunchResults*> launches;  ///< in launch order, earlier campaigns first
  Grid grid;                                   ///< of single devices: those seen, then those never seen
  std::string unit;                            ///< of the grid's values
  bool as_share = false;                       ///< they are shares of something
  /// A limit of the target is multiplied by this to be in `unit`: the peak, when one serves all devices.
  double limit_scale = 1;
  std::optional<Peak> one_peak;  ///< the one that serves all
  bool measured_peak = false;    ///< some limit rests on one
  /// Ratios to be formed after summing (across = sum): denominators per cell; empty otherwise.
  std::vector<double> denominators;
  bool common_denominator = false;  ///< one reference serves all devices of a launch
  bool group = false;               ///< the ranks have one figure together
  Problems problems;

  const DeviceIdentity& device(std::size_t index) const;
  /// Why the cell has no value: "timed out (rank 3 did not arrive)".
  std::string trouble(std::size_t launch, std::size_t device) const;
  bool any_value() const;
};

/// The launches of a case in the order they count in. Without `earlier`, those of this campaign only.
std::vector<const LaunchResults*> ordered_launches(const CaseResults& results, bool earlier);

/// Index of a figure of merit among a case's results.
std::optional<std::size_t> find_figure(const CaseResults& results, const std::string& name);

/// Peak of one device for one figure: a theoretical one known by the device's name and the case's dtype, else
/// the record's own.
std::optional<Peak> peak_of(const JudgeInput& input, const CaseResults& results, std::size_t figure,
                            std::size_t device);

/// What a ratio limit compares with: the case, and which of its figures.
struct Reference {
  const CaseResults* results = nullptr;
  std::size_t figure = 0;
};

/// `limit`: null for an absolute limit or a spread. `reference`: for a ratio, absent when there is none.
Observations observe(const Context& context, const Target& target, const Limit* limit,
                     const CaseResults& results, std::size_t figure,
                     const std::optional<Reference>& reference);

/// "n003 rank 2"; "n003" when the ranks have one figure together.
std::string device_text(const DeviceIdentity& device);

/// How many devices a case should have, from its geometry and the nodes known of.
struct Expected {
  std::vector<DeviceIdentity> never_seen;
  std::size_t per_launch = 0;  ///< devices of one launch (fixed and pairs: any nodes may serve)
  bool any_nodes = false;      ///< a launch with `per_launch` devices is whole, whichever nodes served it
  bool one_group = false;      ///< all devices seen are one and the same group
};
Expected expected_devices(const Context& context, const CaseResults& results);

}  // namespace assay
