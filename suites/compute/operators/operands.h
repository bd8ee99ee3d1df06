// The operands of a family of operators: a ring of slots, each with all of them, filled from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "suites/device/device.h"
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

/// Of one slot; operands begin on whole 256 bytes.
std::int64_t slot_bytes(const std::vector<Operand>& operands);
/// Of all slots and of the copies that operands begin from: replaced ones, and accumulated ones where the
/// device has memory of its own (`apart`).
std::int64_t ring_bytes(const std::vector<Operand>& operands, int slots, bool apart);

/// The largest power of two that is not above 1 / sqrt(terms): a sum of so many products of numbers within
/// [-1, 1) and such weights is of the order of one, as in a model.
double weight_scale(std::int64_t terms);

/// On a device with memory of its own the ring is there, and the host has a view of it: inputs are filled in
/// the view and pushed, results are pulled into it before they are looked at.
class OperandRing {
 public:
  /// Allocates and fills; the device outlives it. Throws std::bad_alloc.
  OperandRing(const std::vector<Operand>& operands, int slots, std::uint64_t key, device::Device& device);

  int slots() const { return slots_; }
  /// Where the device works.
  void* at(int slot, std::size_t operand) const {
    return work_[static_cast<std::size_t>(slot)] + offsets_[operand];
  }
  /// The host's view: the same place where the two are one memory.
  void* host_at(int slot, std::size_t operand) const { return ring_[slot] + offsets_[operand]; }
  /// View to device and back, in every slot or one; both wait.
  void push(const std::vector<std::size_t>& operands);
  void pull(const std::vector<std::size_t>& operands);
  void push(int slot, const std::vector<std::size_t>& operands);
  void pull(int slot, const std::vector<std::size_t>& operands);

  // ---- In the host's view
  double value(int slot, std::size_t operand, std::int64_t index) const;
  void set(int slot, std::size_t operand, std::int64_t index, double value);
  /// What a replaced or accumulated operand begins as.
  double beginning(std::size_t operand, std::int64_t index) const;

  /// How many numbers of an operand are not finite.
  std::int64_t not_finite(int slot, std::size_t operand) const;

  // ---- Where the device works; only begun where it works by itself
  /// Accumulated and replaced operands as they begin, in every slot.
  void restore(const std::vector<std::size_t>& operands);
  /// NaN in every slot, and in the view: what was not pulled is no result.
  void poison(const std::vector<std::size_t>& operands);

 private:
  void move(int first, int end, const std::vector<std::size_t>& operands, bool to_device);

  std::vector<Operand> operands_;
  int slots_;
  device::Device* apart_;  ///< null: the ring is the host's memory
  std::vector<std::size_t> offsets_;
  Ring ring_;
  Ring begin_;  ///< one slot, with the operands that ring_bytes counts
  std::vector<std::size_t> begin_offsets_;
  std::unique_ptr<device::Buffer> memory_, begin_memory_;  ///< of a device apart
  std::vector<std::byte*> work_;                           ///< slots where the device works
};

}  // namespace assay::bench::operators
