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
#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/harness/benchmark.h"

namespace assay::bench::operators {

/// What a family is made for.
struct FamilySetting {
  StepShape step;
  std::uint64_t cache_bytes = 0;  ///< last-level cache of the node, or of the device; 0: unknown
  int ranks_on_node = 1;          ///< that share it
  bool apart = false;             ///< the device works by itself, in memory of its own
  bool cold = true;               ///< the step finds its operands outside the cache
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
  std::int64_t bytes() const { return ring_bytes(operands_, slots_, setting_.apart) + sweep_bytes(); }
  /// The scratch of all operators; counts nothing of bytes().
  virtual void reserve(device::Operators& /*operators*/) {}

  /// Allocates, fills, reserves the scratch, computes what backward passes read. Both outlive the family.
  /// Throws std::bad_alloc.
  void prepare(device::Device& device, device::Operators& operators);

  // ---- Timing. Calls of one operator in turn: begin, then before_calls, call and after_calls again and
  // again. All are only begun where the device works by itself.
  void begin(std::size_t which);
  /// As many calls at most may follow each other with nothing between them: one where something comes before
  /// each, a few rounds of the ring where they change what they work on.
  int most_calls(std::size_t which) const;
  /// Untimed: what comes before them; restores what calls change before it drifts away.
  void before_calls(std::size_t which, int calls = 1);
  /// The work alone, on the slot that is `ahead` of the next.
  void call(std::size_t which, int ahead = 0) {
    operators_[which].call((turns_[which].slot + ahead) % slots_);
  }
  void after_calls(std::size_t which, int calls = 1);

  // ---- The results
  void poison();
  Finding check(std::size_t which);
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

  /// Operands that other operators compute (statistics, log-sums), in every slot, in the device's memory and
  /// in the host's view; once, untimed.
  virtual void derive() {}
  /// `calls`: how often the operator has worked on this slot since what it changes was restored.
  virtual Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const = 0;
  /// Which element is compared, from random bits.
  virtual std::int64_t place(int slot, std::size_t operand, int sample, std::uint64_t bits) const;
  virtual int samples(std::size_t operand) const;

  /// Where the device works.
  void* at(int slot, std::size_t operand) const { return ring_->at(slot, operand); }
  /// Of an operand of tokens: for the host, as it was pushed.
  std::int32_t* tokens_at(int slot, std::size_t operand) const {
    return static_cast<std::int32_t*>(ring_->host_at(slot, operand));
  }
  /// In the host's view.
  double value(int slot, std::size_t operand, std::int64_t index) const {
    return ring_->value(slot, operand, index);
  }
  device::Operators& device() const { return *on_; }
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
  bool changes_operands(std::size_t which) const;
  void sweep() const;

  std::unique_ptr<device::Buffer> sweep_;
  std::vector<Operand> operands_;
  std::vector<TimedOperator> operators_;
  std::vector<Turn> turns_;
  int slots_ = 1;
  device::Device* device_ = nullptr;
  device::Operators* on_ = nullptr;
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
