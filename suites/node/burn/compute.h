// What one core computes under full load, with the right answer known beforehand to the last bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace assay::bench::burn {

/// A block product of `panels` panels of A (rows x depth) with one B (depth x columns), and chains of
/// multiply-adds in registers. Operands are integers held as doubles, so small that every sum is exact: the
/// right results come from 64-bit integer arithmetic, another part of the processor, and hold in any order
/// and with or without fused operations.
struct BlockShape {
  std::size_t rows = 0;         ///< of a panel; with `columns` the registers that hold sums
  std::size_t columns = 0;      ///< of B
  std::size_t chain_lanes = 0;  ///< sums of the chains, all vectors together
};

inline constexpr std::size_t panels = 16;
inline constexpr std::size_t depth = 96;             ///< A's panel and B fit the first-level cache together
inline constexpr std::uint64_t chain_rounds = 1024;  ///< multiply-adds of each chain

enum class VectorWidth { generic, avx2, avx512 };
/// The widest that this processor executes.
VectorWidth best_width();
const char* name_of(VectorWidth width);
BlockShape geometry_of(VectorWidth width);

/// Floating-point operations of one repetition; a multiply-add counts as two.
double operations_of(VectorWidth width);

/// One result that was not what it must be.
struct WrongResult {
  const char* part = "";       ///< "product", "chain" or "memory"
  std::size_t index = 0;       ///< element of the results, or byte offset in this core's memory
  std::uint64_t found = 0;     ///< bits
  std::uint64_t expected = 0;  ///< bits
};

/// The operands and results of one core. Made by the thread that uses it, so that it lies in its memory.
class CoreWork {
 public:
  CoreWork(VectorWidth width, std::uint64_t seed);

  /// Computes everything `repetitions` times; compares each result bit by bit, each time.
  void repeat(std::uint64_t repetitions);
  /// Results become NaN.
  void poison();
  /// Compares what the last repetition left.
  void compare();

  std::uint64_t verified() const { return verified_; }  ///< results compared
  std::uint64_t wrong() const { return wrong_; }        ///< of them
  const std::optional<WrongResult>& first() const { return first_; }

  /// For planted faults.
  std::vector<double>& operands() { return a_; }
  std::vector<double>& results() { return c_; }

 private:
  void compare(const char* part, const std::vector<double>& found, const std::vector<double>& right);

  VectorWidth width_;
  BlockShape geometry_;
  std::vector<double> a_, b_, c_, right_c_;
  std::vector<double> x_, y_, begin_sums_, sums_, right_sums_;
  std::uint64_t verified_ = 0;
  std::uint64_t wrong_ = 0;
  std::optional<WrongResult> first_;
};

}  // namespace assay::bench::burn
