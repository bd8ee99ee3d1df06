#include "suites/compute/operators/family.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "suites/compute/gemm/gemm_data.h"

namespace assay::bench::operators {

using device::Element;

namespace {

/// Rounds of the ring after which what calls change begins anew: so few that sums do not drift out of the
/// range where one call's share could be seen.
constexpr int rounds_before_restoring = 8;
/// A device apart is waited for once in those rounds: the ring then has more slots than the cache asks for.
constexpr int most_slots = 64;
constexpr std::int64_t most_bytes_for_rounds = std::int64_t{512} << 20;
constexpr double smallest = 1e-37;  // below it f32 has no relative precision

/// How many slots so many bytes need: one where they are beyond the cache themselves, or may be within.
int slots_for(double bytes, const FamilySetting& setting) {
  if (!setting.cold) return 1;
  const auto own = static_cast<std::uint64_t>(bytes);
  const std::uint64_t together = own * static_cast<std::uint64_t>(setting.ranks_on_node);
  if (setting.cache_bytes > 0 && together > 2 * setting.cache_bytes) return 1;
  return ring_slots(own, 1, setting.ranks_on_node, setting.cache_bytes);
}

std::uint64_t twice_the_cache(const FamilySetting& setting) {
  constexpr std::uint64_t unknown = std::uint64_t{32} << 20;  // as ring.h counts one
  return 2 * (setting.cache_bytes > 0 ? setting.cache_bytes : unknown);
}

bool changes(Use use) {
  return use == Use::accumulated || use == Use::replaced;
}

}  // namespace

Finding worse(const Finding& a, const Finding& b) {
  const auto is_worse = [](const Finding& one, const Finding& other) {
    if (one.pass != other.pass) return !one.pass;
    if (std::isnan(one.error) || std::isnan(other.error)) return std::isnan(one.error);
    const double left = one.error / std::max(one.bound, smallest),
                 right = other.error / std::max(other.bound, smallest);
    return left > right;
  };
  Finding result = is_worse(b, a) ? b : a;
  result.compared = a.compared + b.compared;
  return result;
}

double Family::u() const {
  if (element() == Element::f64) return 0x1p-53;
  return element() == Element::bf16 ? 0x1p-23 : 0x1p-24;
}

void Family::define(std::vector<Operand> operands, std::vector<TimedOperator> operators) {
  operands_ = std::move(operands);
  operators_ = std::move(operators);
}

TimedOperator Family::timed(const std::string& name, std::function<void(int slot)> work,
                            std::vector<std::size_t> outputs) const {
  for (const OperatorCost& cost : operator_costs(setting_.step, setting_.cache_bytes))
    if (cost.name == name) return {cost, std::move(work), std::move(outputs)};
  throw std::logic_error("the step has no operator " + name);
}

bool Family::keep(const std::vector<std::string>& names) {
  std::erase_if(operators_, [&](const TimedOperator& one) {
    return std::find(names.begin(), names.end(), one.cost.name) == names.end();
  });
  slots_ = 1;
  for (const TimedOperator& one : operators_) slots_ = std::max(slots_, slots_for(one.cost.bytes, setting_));
  const std::int64_t own = std::max<std::int64_t>(1, slot_bytes(operands_));
  slots_ = static_cast<int>(std::clamp<std::int64_t>(setting_.most_bytes / own, 1, slots_));
  bool any_changes = false;
  for (std::size_t which = 0; which < operators_.size(); ++which) any_changes |= changes_operands(which);
  if (setting_.apart && setting_.cold && any_changes) {
    const auto caches = static_cast<std::int64_t>(8 * twice_the_cache(setting_));
    const std::int64_t most = std::min({setting_.most_bytes, most_bytes_for_rounds, caches});
    slots_ = std::max(slots_, static_cast<int>(std::min<std::int64_t>(most / own, most_slots)));
  }
  turns_.assign(operators_.size(), {});
  for (Turn& turn : turns_) turn.calls.assign(static_cast<std::size_t>(slots_), 0);
  return !operators_.empty();
}

bool Family::needs_sweep(std::size_t which) const {
  if (!setting_.cold || slots_ * slot_bytes(operands_) <= setting_.most_bytes / 2) return false;
  const double touched = operators_[which].cost.bytes * slots_ * setting_.ranks_on_node;
  return touched <= static_cast<double>(twice_the_cache(setting_));
}

std::int64_t Family::sweep_bytes() const {
  for (std::size_t which = 0; which < operators_.size(); ++which)
    if (needs_sweep(which))
      return static_cast<std::int64_t>(twice_the_cache(setting_)) / setting_.ranks_on_node;
  return 0;
}

bool Family::changes_operands(std::size_t which) const {
  const std::vector<std::size_t>& outputs = operators_[which].outputs;
  return std::any_of(outputs.begin(), outputs.end(),
                     [&](std::size_t output) { return changes(operands_[output].use); });
}

void Family::prepare(device::Device& device, device::Operators& operators) {
  device_ = &device;
  on_ = &operators;
  reserve(operators);
  if (const std::int64_t bytes = sweep_bytes(); bytes > 0) {
    sweep_ = device.allocate(static_cast<std::size_t>(bytes));
    device.set_bytes(sweep_->device(), std::byte{}, sweep_->bytes());
  }
  ring_ = std::make_unique<OperandRing>(operands_, slots_, setting_.key, device);
  derive();
  poison();
}

void Family::restore(std::size_t which) {
  std::vector<std::size_t> changed;
  for (const std::size_t output : operators_[which].outputs)
    if (changes(operands_[output].use)) changed.push_back(output);
  ring_->restore(changed);
  Turn& turn = turns_[which];
  turn.called = 0;
  std::fill(turn.calls.begin(), turn.calls.end(), 0);
}

void Family::begin(std::size_t which) {
  restore(which);
}

int Family::most_calls(std::size_t which) const {
  if (operators_[which].before || needs_sweep(which)) return 1;
  return changes_operands(which) ? rounds_before_restoring * slots_ : 1 << 20;
}

void Family::before_calls(std::size_t which, int calls) {
  if (turns_[which].called + calls > rounds_before_restoring * slots_) restore(which);
  if (operators_[which].before) operators_[which].before(turns_[which].slot);
  if (needs_sweep(which)) sweep();
}

void Family::sweep() const {
  if (setting_.apart) return device_->set_bytes(sweep_->device(), std::byte{1}, sweep_->bytes());
  constexpr std::size_t line_bytes = 64;
  auto* const bytes = static_cast<std::byte*>(sweep_->host());
#pragma omp parallel for schedule(static)
  for (std::size_t at_byte = 0; at_byte < sweep_->bytes(); at_byte += line_bytes)
    bytes[at_byte] ^= std::byte{1};
}

void Family::after_calls(std::size_t which, int calls) {
  Turn& turn = turns_[which];
  turn.called += calls;
  for (int call = 0; call < calls; ++call) {
    ++turn.calls[static_cast<std::size_t>(turn.slot)];
    turn.slot = (turn.slot + 1) % slots_;
  }
}

void Family::poison() {
  for (std::size_t which = 0; which < operators_.size(); ++which) {
    ring_->poison(operators_[which].outputs);
    std::fill(turns_[which].calls.begin(), turns_[which].calls.end(), 0);
  }
}

std::int64_t Family::place(int /*slot*/, std::size_t operand, int sample, std::uint64_t bits) const {
  const std::int64_t count = operands_[operand].count;
  if (sample == 0) return 0;
  if (sample == 1) return count - 1;
  return static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(count));
}

int Family::samples(std::size_t /*operand*/) const {
  return 48;
}

std::vector<int> Family::called_slots(std::size_t which) const {
  std::vector<int> slots;
  for (int slot = 0; slot < slots_; ++slot)
    if (turns_[which].calls[static_cast<std::size_t>(slot)] > 0) slots.push_back(slot);
  return slots;
}

std::vector<std::int64_t> Family::places(std::size_t which, int slot, std::size_t operand) const {
  // Samples are dealt out over the slots that were worked on, at least two each.
  const auto slots = static_cast<int>(called_slots(which).size());
  const int each = std::max(2, (samples(operand) + slots - 1) / std::max(1, slots));
  std::vector<std::int64_t> found;
  const std::uint64_t key = stream_key(setting_.key, slot, static_cast<int>(operand), 77);
  for (int sample = 0; sample < each; ++sample)
    found.push_back(place(slot, operand, sample, random_bits(key, static_cast<std::uint64_t>(sample))));
  return found;
}

Expected Family::bounded(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const {
  Expected right = expected(slot, operand, index, calls);
  // f64 is compared with loops that err as much themselves.
  if (operands_[operand].element == Element::f64) right.bound *= 2;
  if (operands_[operand].element == Element::bf16)
    right.bound += 0x1p-8 * (std::abs(right.value) + right.bound);
  right.bound += smallest;
  return right;
}

Finding Family::check(std::size_t which) {
  const TimedOperator& one = operators_[which];
  const std::vector<int> slots = called_slots(which);
  if (slots.empty()) return {false, std::nan(""), 0, one.cost.name + " was not run", 0};
  Finding worst;
  worst.where = one.cost.name;
  ring_->pull(one.outputs);
  for (const int slot : slots) {
    const std::int64_t calls = turns_[which].calls[static_cast<std::size_t>(slot)];
    for (const std::size_t output : one.outputs) {
      const std::string name = one.cost.name + " " + operands_[output].name;
      const std::int64_t spoilt = ring_->not_finite(slot, output);
      if (spoilt > 0)
        worst = worse(worst, {false, std::nan(""), 0,
                              name + ": not finite: " + std::to_string(spoilt) + " of " +
                                  std::to_string(operands_[output].count),
                              0});
      for (const std::int64_t index : places(which, slot, output)) {
        const Expected right = bounded(slot, output, index, calls);
        const double error = std::abs(value(slot, output, index) - right.value);
        worst = worse(worst, {error <= right.bound && std::isfinite(right.bound), error, right.bound,
                              name + "[" + std::to_string(index) + "]", 1});
      }
    }
  }
  return worst;
}

void Family::plant(std::size_t which, Fault fault, std::uint64_t choice) {
  const std::vector<int> slots = called_slots(which);
  if (slots.empty()) return;
  const int slot = slots[random_bits(choice, 0) % slots.size()];
  const std::vector<std::size_t>& outputs = operators_[which].outputs;
  const std::size_t output = outputs[random_bits(choice, 1) % outputs.size()];
  ring_->pull(slot, {output});
  if (fault == Fault::nan) {
    const auto count = static_cast<std::uint64_t>(operands_[output].count);
    ring_->set(slot, output, static_cast<std::int64_t>(random_bits(choice, 2) % count),
               std::numeric_limits<double>::quiet_NaN());
    return ring_->push(slot, {output});
  }
  const std::vector<std::int64_t> compared = places(which, slot, output);
  double square = 0;
  for (const std::int64_t index : compared) square += std::pow(value(slot, output, index), 2);
  const double typical = std::sqrt(square / static_cast<double>(compared.size()));
  const std::int64_t index = compared[random_bits(choice, 3) % compared.size()];
  const double by = typical > 0 ? typical : 1;
  ring_->set(slot, output, index, value(slot, output, index) + by);
  ring_->push(slot, {output});
}

std::vector<std::unique_ptr<Family>> families(const FamilySetting& setting,
                                              const std::vector<std::string>& names) {
  std::vector<std::unique_ptr<Family>> all;
  const auto add = [&](std::unique_ptr<Family> family) {
    if (family->keep(names)) all.push_back(std::move(family));
  };
  add(linear_family(setting, Projection::qkv, "qkv"));
  add(linear_family(setting, Projection::attention_out, "attention_out"));
  add(linear_family(setting, Projection::feed_forward_in, "feed_forward_in"));
  add(linear_family(setting, Projection::feed_forward_out, "feed_forward_out"));
  add(head_family(setting));
  add(attention_family(setting));
  add(norm_family(setting));
  if (!setting.step.gpt()) add(rope_family(setting));
  add(activation_family(setting));
  add(embedding_family(setting));
  add(residual_family(setting));
  add(squares_family(setting));
  add(adamw_family(setting));
  return all;
}

}  // namespace assay::bench::operators
