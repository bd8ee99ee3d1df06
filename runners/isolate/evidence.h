// Evidence of launches: is a group as good as the reference, or worse? The formulas are in isolation.h.
#pragma once

#include <cstddef>
#include <vector>

#include "runners/isolate/isolation.h"

namespace assay {

/// ln(time), or pass and fail, of the launches of one suspicion.
using Launches = std::vector<IsolationOutcome>;

struct Reference {
  double level = 0;  ///< ln(time)
  double worth = 0;  ///< number of launches that it is worth; 0: none
};

inline constexpr double decided = 3;          ///< |L| that ends the doubt while searching
inline constexpr double screened_bad = 6;     ///< L that sends the search into a domain
inline constexpr double screened_good = -4;   ///< L that leaves it out
inline constexpr std::size_t many = 9;        ///< groups that tell their own noise
inline constexpr std::size_t most_tries = 6;  ///< launches of one suspicion while searching
inline constexpr std::size_t most_suspects = 8;

class Evidence {
 public:
  explicit Evidence(const IsolationSettings& settings);

  /// ln(time) of a launch, or minus ln(rate).
  double logarithm(const IsolationOutcome& outcome) const;
  /// Of groups some of which may be slow. Of `many` the median, worth 2n / pi launches; when they fall apart
  /// by more than 0.6 delta, that of the fast ones (of few: by their means, else at a step).
  Reference fast_ones(std::vector<double> logarithms) const;
  /// Of healthy groups: the median of all means of two (Hodges and Lehmann 1963), worth 0.9 n launches.
  static Reference centre(const std::vector<double>& logarithms);
  /// Takes the noise from screened groups (`many` or more) when it is more than was stated by more than the
  /// error of its estimate: Q_n of Rousseeuw and Croux (1993), less 0.78 / sqrt(n) of itself, its standard
  /// error.
  void learn_noise(const std::vector<double>& logarithms);
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
