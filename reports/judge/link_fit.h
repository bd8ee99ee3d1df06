// Median polish of a matrix of pair rates: the numbers behind links.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numbers>
#include <vector>

#include "reports/record/link_matrix.h"

namespace assay {

inline constexpr double usual_link_noise = 0.03;  ///< what few links are believed to scatter by
inline constexpr std::size_t few_link_endpoints = 8;

/// Logarithms of rates, both halves, indexed by endpoints that have at least `fewest_links` with others of
/// them.
class LinkTable {
 public:
  static constexpr std::size_t fewest_links = 3;  ///< with two, node and link look the same

  /// Pairs on one node are left out where there are several nodes: they do not use the fabric.
  explicit LinkTable(const LinkMatrix& matrix);

  std::size_t size() const { return kept_.size(); }
  std::size_t pairs() const { return pairs_; }
  /// Index in the matrix.
  std::size_t endpoint(std::size_t i) const { return kept_[i]; }
  bool measured(std::size_t i, std::size_t j) const { return codes_[i * size() + j] != 0; }
  /// Natural logarithm of B/s.
  double value(std::size_t i, std::size_t j) const { return logarithm(codes_[i * size() + j]); }
  /// Logarithm, of all pairs; of an even number the upper one: at four endpoints a slow one has half of them.
  double median() const;

 private:
  static double logarithm(std::uint16_t code) {
    return (code - 1) * (std::numbers::ln2 / link_steps_per_octave);
  }

  std::vector<std::size_t> kept_;
  std::vector<std::uint16_t> codes_;
  std::size_t pairs_ = 0;
};

/// One value per endpoint, so that value(i, j) is about effect[i] + effect[j]: Tukey's median polish in its
/// symmetric form ("Exploratory Data Analysis", 1977). Each row has one imaginary ordinary link more, two
/// below `few_link_endpoints`: with few links an effect is believed only when most of them show it.
std::vector<double> polish_links(const LinkTable& table);

/// Spread of the residuals: 1.4826 times the median of their sizes, widened by what the fit took away from
/// it, and averaged with 40 imaginary links at usual_link_noise.
double link_noise(const LinkTable& table, const std::vector<double>& effects);

/// Of each endpoint the mean of the best `share` of its links, at least of one.
std::vector<double> best_links(const LinkTable& table, double share);

/// Robust spread of what endpoints show: leaning on `expected` while they are few, and not below it.
double endpoint_spread(const std::vector<double>& values, double expected);

}  // namespace assay
