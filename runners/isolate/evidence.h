// Evidence of launches: is a group as good as the reference, or worse? The formulas are in isolation.h.
#pragma once

#include <cstddef>
#include <vector>

#include "runners/isolate/isolation.h"

namespace assay {

/// ln(time), or pass and fail, of the launches of one suspicion.
using Launches = std::vector<IsolationOutcome>;

struct Reference {
  double level = 0;   ///< ln(time)
  double worth = 0;   ///< number of launches that it is worth; 0: none
};

inline constexpr double decided = 3;          ///< |L| that ends the doubt while searching
inline constexpr std::size_t most_tries = 6;  ///< launches of one suspicion while searching
inline constexpr std::size_t most_suspects = 8;

class Evidence {
 public:
  explicit Evidence(const IsolationSettings& settings);

  /// ln(time) of a launch, or minus ln(rate).
  double logarithm(const IsolationOutcome& outcome) const;
  /// Of groups some of which may be slow: the median; when they fall apart into two (a step of more than half of
  /// delta with at least an eighth of them below it), that of the fast ones.
  Reference fast_ones(std::vector<double> logarithms) const;
  /// Of healthy groups: their median, worth 2n / pi launches.
  static Reference median(std::vector<double> logarithms);
  /// Takes the noise from screened groups, when it is more than was stated.
  void learn_noise(const std::vector<double>& logarithms, const Reference& reference);
  double noise() const { return noise_; }

  /// L.
  double of(const Launches& launches, const Reference& reference) const;
  /// Mean time of the launches that completed over the reference.
  double factor(const Launches& launches, const Reference& reference) const;
  /// L that an accusation needs: ln(most_suspects / false_accusation).
  double enough() const { return enough_; }
  bool slowness() const { return settings_.trouble == Trouble::slow; }

 private:
  IsolationSettings settings_;
  double delta_, noise_, enough_;
};

}  // namespace assay
