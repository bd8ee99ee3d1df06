// What a reproducible training leaves behind at each step, bit for bit, so that nodes can be compared: where
// one computes something else, silently, its fingerprint differs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace assay::training {

struct StepFingerprint {
  std::int64_t step = 0;
  double loss = 0;
  double gradient_norm = 0;
  std::uint64_t parameters = 0;  ///< checksum

  /// The same bits: NaN equals itself, +0 and -0 differ.
  bool operator==(const StepFingerprint& other) const;
};

/// One for each step, in order.
using Fingerprint = std::vector<StepFingerprint>;

/// Adds `values`, elements first, first + 1, ... of the whole tensor number `tensor`, to a checksum:
/// sum over elements of mixed((mixed(tensor + 1) + G element) ^ bits) mod 2^64. A sum, so that parts can be
/// added in any order, by any rank: every layout of the same parameters has the same checksum. A changed
/// element always changes it.
std::uint64_t add_parameters(std::uint64_t sum, int tensor, std::int64_t first,
                             std::span<const float> values);
std::uint64_t add_parameters(std::uint64_t sum, int tensor, std::int64_t first,
                             std::span<const double> values);

/// "step loss gradient_norm parameters", a line for each step; floating-point numbers as the 16 hexadecimal
/// digits of their bits.
std::string to_text(const Fingerprint& fingerprint);
/// Throws Error(bad_input) naming the line.
Fingerprint parse_fingerprint(const std::string& text);

/// The first step at which not all fingerprints are alike.
struct Difference {
  std::int64_t step = 0;
  std::string what;  ///< "loss", "gradient norm", "parameters" "number of the step" or "number of steps"
  /// The ones that differ from the majority; all, where there is none (with two, nobody knows which is
  /// wrong).
  std::vector<int> who;
  bool has_majority = false;
  std::string words;  ///< "step 7, loss: rank 2 has 3ff0..., the other 3 have 3ff1..."
};

/// `all`: of the ranks (or nodes) whose numbers should be the same; `names`: what to call them ("rank 2").
std::optional<Difference> first_difference(const std::vector<Fingerprint>& all,
                                           const std::vector<std::string>& names);

}  // namespace assay::training
