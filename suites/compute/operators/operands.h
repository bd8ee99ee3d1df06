// The operands of a family of operators: a ring of slots, each with all of them, filled from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "suites/device/element.h"
#include "suites/harness/ring.h"

namespace assay::bench::operators {

enum class Use {
  input,        ///< filled once, only read
  output,       ///< overwritten by the operator
  accumulated,  ///< the operator adds to it; begins as `begin_value`
  replaced,     ///< the operator works in place; begins as random numbers, the same in every slot
};

inline constexpr double begin_value = 0.5;

struct Operand {
  std::string name;  ///< "dW", for messages
  device::Element element = device::Element::f32;
  std::int64_t count = 0;
  Use use = Use::input;
  /// Inputs are uniform in [-scale, scale); a power of two, so that it rounds nothing.
  double scale = 1;

  std::int64_t bytes() const { return count * static_cast<std::int64_t>(bytes_of(element)); }
};

/// Of one slot, each operand on its own cache lines.
std::int64_t slot_bytes(const std::vector<Operand>& operands);
/// Of all slots and of the copies that replaced operands begin from.
std::int64_t ring_bytes(const std::vector<Operand>& operands, int slots);

/// The largest power of two that is not above 1 / sqrt(terms): a sum of so many products of numbers within
/// [-1, 1) and such weights is of the order of one, as in a model.
double weight_scale(std::int64_t terms);

class OperandRing {
 public:
  /// Allocates and fills. Throws std::bad_alloc.
  OperandRing(const std::vector<Operand>& operands, int slots, std::uint64_t key);

  int slots() const { return slots_; }
  void* at(int slot, std::size_t operand) const { return ring_[slot] + offsets_[operand]; }
  double value(int slot, std::size_t operand, std::int64_t index) const;
  void set(int slot, std::size_t operand, std::int64_t index, double value);
  /// What a replaced or accumulated operand begins as.
  double beginning(std::size_t operand, std::int64_t index) const;

  /// Accumulated and replaced operands as they begin, in every slot.
  void restore(const std::vector<std::size_t>& operands);
  /// NaN in every slot.
  void poison(const std::vector<std::size_t>& operands);
  /// How many numbers of an operand are not finite.
  std::int64_t not_finite(int slot, std::size_t operand) const;

 private:
  std::vector<Operand> operands_;
  int slots_;
  std::vector<std::size_t> offsets_;
  Ring ring_;
  Ring begin_;  ///< one slot, with the replaced operands only
  std::vector<std::size_t> begin_offsets_;
};

}  // namespace assay::bench::operators
