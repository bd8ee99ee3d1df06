// Operators that share operands (the three products of a linear layer): one ring of them, calls on its slots,
// and the check of what the calls left.
//
// The check compares single elements with loops of its own in f64, within bounds derived from the number of
// roundings (README), and looks at every number of every result for NaN and infinity.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "suites/compute/operators/operands.h"
#include "suites/compute/operators/operator_costs.h"
#include "suites/device/operators.h"
#include "suites/harness/benchmark.h"

namespace assay::bench::operators {

/// What a family is made for.
struct FamilySetting {
  StepShape step;
  std::uint64_t cache_bytes = 0;  ///< last-level cache of the node; 0: unknown
  int ranks_on_node = 1;
  bool cold = true;  ///< the step finds its operands outside the cache
  int threads = 1;
  /// A ring takes no more than this, or one slot (a table of which a call touches few rows). Where that is
  /// not beyond the cache, the cache is emptied before each call, untimed.
  std::int64_t most_bytes = std::int64_t{512} << 20;
  std::uint64_t key = 0;  ///< of the random inputs
};

/// The right value of an element and how far rounding may take it from that.
struct Expected {
  double value = 0;
  double bound = 0;
};

/// The comparison that came closest to its bound, or beyond it.
struct Finding {
  bool pass = true;
  double error = 0;  ///< NaN when the result is none
  double bound = 0;
  std::string where;  ///< "head_backward dW[17]"
  std::int64_t compared = 0;
};
/// The worse of two; `compared` adds up.
Finding worse(const Finding& a, const Finding& b);

/// One operator of a family.
struct TimedOperator {
  OperatorCost cost;
  std::function<void(int slot)> call;         ///< what is timed
  std::vector<std::size_t> outputs;           ///< operands that it leaves
  std::function<void(int slot)> before = {};  ///< what the step has always done just before; not timed
};

class Family {
 public:
  virtual ~Family() = default;

  /// Leaves out the operators that are not named. False: none is left.
  bool keep(const std::vector<std::string>& names);
  const std::vector<TimedOperator>& operators() const { return operators_; }
  int slots() const { return slots_; }
  /// Of the ring, and of what is written to empty the cache.
  std::int64_t bytes() const { return ring_bytes(operands_, slots_) + sweep_bytes(); }

  /// Allocates, fills, reserves the scratch, computes what backward passes read. Throws std::bad_alloc.
  void prepare(device::Operators& device);

  // ---- Timing. Calls of one operator in turn: begin, then step and finish again and again.
  void begin(std::size_t which);
  /// Untimed: what comes before a call; restores what calls change before it drifts away.
  void before_call(std::size_t which);
  /// The work alone, on the next slot.
  void call(std::size_t which) { operators_[which].call(turns_[which].slot); }
  void after_call(std::size_t which);

  // ---- The results
  void poison();
  Finding check(std::size_t which) const;
  /// Spoils one result of one operator: a compared element by as much as such elements are large, or any
  /// element by NaN. `choice` chooses which.
  void plant(std::size_t which, Fault fault, std::uint64_t choice);

 protected:
  /// A derived class defines its operands and operators in its constructor; operands go by their index.
  explicit Family(const FamilySetting& setting) : setting_(setting) {}
  void define(std::vector<Operand> operands, std::vector<TimedOperator> operators);
  /// The operator of that name at the setting's shapes.
  TimedOperator timed(const std::string& name, std::function<void(int slot)> call,
                      std::vector<std::size_t> outputs) const;

  virtual void reserve(device::Operators& device) = 0;
  /// Operands that other operators compute (statistics, log-sums), of one slot; once, untimed.
  virtual void derive(int /*slot*/) {}
  /// `calls`: how often the operator has worked on this slot since what it changes was restored.
  virtual Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const = 0;
  /// Which element is compared, from random bits.
  virtual std::int64_t place(int slot, std::size_t operand, int sample, std::uint64_t bits) const;
  virtual int samples(std::size_t operand) const;

  void* at(int slot, std::size_t operand) const { return ring_->at(slot, operand); }
  double value(int slot, std::size_t operand, std::int64_t index) const {
    return ring_->value(slot, operand, index);
  }
  device::Operators& device() const { return *device_; }
  device::Element element() const { return setting_.step.element; }
  device::Element exact() const { return device::exact_of(element()); }
  bool gpt() const { return setting_.step.gpt(); }
  /// Unit roundoff of sums: hardware may chop those of bf16 products.
  double u() const;
  /// Of storing an activation beyond that: 2^-8 for bf16.
  double storing() const { return element() == device::Element::bf16 ? 0x1p-8 : 0; }

  const FamilySetting setting_;
  std::unique_ptr<OperandRing> ring_;

 private:
  struct Turn {
    int slot = 0;                     ///< of the next call
    int called = 0;                   ///< calls since the last restoration
    std::vector<std::int64_t> calls;  ///< of each slot since then
  };
  std::vector<std::int64_t> places(std::size_t which, int slot, std::size_t operand) const;
  std::vector<int> called_slots(std::size_t which) const;
  Expected bounded(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const;
  void restore(std::size_t which);
  /// Zero where rings do their work.
  std::int64_t sweep_bytes() const;
  /// True when calls of this operator would find their operands in the cache, and a step's would not.
  bool needs_sweep(std::size_t which) const;

  std::vector<std::byte> sweep_;
  std::vector<Operand> operands_;
  std::vector<TimedOperator> operators_;
  std::vector<Turn> turns_;
  int slots_ = 1;
  device::Operators* device_ = nullptr;
};

std::unique_ptr<Family> linear_family(const FamilySetting& setting, Projection projection,
                                      const std::string& name);
std::unique_ptr<Family> head_family(const FamilySetting& setting);
std::unique_ptr<Family> attention_family(const FamilySetting& setting);
std::unique_ptr<Family> norm_family(const FamilySetting& setting);
std::unique_ptr<Family> rope_family(const FamilySetting& setting);
std::unique_ptr<Family> activation_family(const FamilySetting& setting);
std::unique_ptr<Family> embedding_family(const FamilySetting& setting);
std::unique_ptr<Family> residual_family(const FamilySetting& setting);
std::unique_ptr<Family> squares_family(const FamilySetting& setting);
std::unique_ptr<Family> adamw_family(const FamilySetting& setting);

/// All families with the operators of these names; nothing is allocated yet.
std::vector<std::unique_ptr<Family>> families(const FamilySetting& setting,
                                              const std::vector<std::string>& names);

}  // namespace assay::bench::operators
