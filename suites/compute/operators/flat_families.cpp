// What works on the flat buffers of all parameters: the sum of squares of the gradients, and AdamW.
#include <cmath>

#include "suites/compute/operators/family.h"

namespace assay::bench::operators {

namespace {

class SquaresFamily final : public Family {
  enum : std::size_t { gradients, sum };

 public:
  explicit SquaresFamily(const FamilySetting& setting)
      : Family(setting), count_(flat_count(setting.step, setting.cache_bytes)) {
    define({{"gradients", exact(), count_}, {"sum", device::Element::f64, 1, Use::accumulated}},
           {timed("sum_of_squares",
                  [this](int slot) {
                    device().add_squares(count_, at(slot, gradients), static_cast<double*>(at(slot, sum)));
                  },
                  {sum})});
  }

 protected:
  int samples(std::size_t) const override { return 1; }

  /// All terms are positive and added in f64: the worst order loses count roundings.
  Expected expected(int slot, std::size_t, std::int64_t, std::int64_t calls) const override {
    double total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
    for (std::int64_t i = 0; i < count_; ++i) {
      const double one = value(slot, gradients, i);
      total += one * one;
    }
    const double times = static_cast<double>(calls), reached = ring_->beginning(sum, 0) + times * total;
    return {reached, static_cast<double>(count_ + 4) * 0x1p-53 * times * reached};
  }

 private:
  const std::int64_t count_;
};

class AdamWFamily final : public Family {
  enum : std::size_t { master, first, second, gradient, weights };

 public:
  explicit AdamWFamily(const FamilySetting& setting)
      : Family(setting), count_(flat_count(setting.step, setting.cache_bytes)) {
    rule_.rate = 1e-3;
    rule_.decay = 0.1;
    rule_.step = 10;
    rule_.clear = false;  // the next step's first contribution overwrites them
    std::vector<Operand> operands = {{"master", exact(), count_, Use::replaced},
                                     {"first moment", exact(), count_, Use::replaced},
                                     {"second moment", exact(), count_, Use::accumulated},
                                     {"gradient", exact(), count_}};
    std::vector<std::size_t> outputs = {master, first, second};
    if (narrow()) {
      operands.push_back({"weights", element(), count_, Use::output});
      outputs.push_back(weights);
    }
    define(std::move(operands), {timed(
                                    "adamw",
                                    [this](int slot) {
                                      device().adamw(count_, rule_, at(slot, master), at(slot, first),
                                                     at(slot, second), at(slot, gradient),
                                                     at(slot, narrow() ? weights : master));
                                    },
                                    std::move(outputs))});
  }

 protected:
  /// The rule again and again, and what rounding may have added up to: 5 u of the terms of the first moment,
  /// 6 u of the second, 3 u of the weight and 16 u of its change in each call, with what the moments bring.
  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t calls) const override {
    return expected_of(operand, ring_->beginning(master, index), ring_->beginning(first, index),
                       ring_->beginning(second, index), value(slot, gradient, index), calls);
  }

 private:
  bool narrow() const { return element() != exact(); }

  Expected expected_of(std::size_t operand, double w, double m, double v, double g,
                       std::int64_t calls) const {
    const double t = static_cast<double>(rule_.step), correction1 = 1 - std::pow(rule_.beta1, t),
                 correction2 = 1 - std::pow(rule_.beta2, t);
    double w_bound = 0, m_bound = 0, v_bound = 0;
    for (std::int64_t call = 0; call < calls; ++call) {
      const double m_size = rule_.beta1 * std::abs(m) + (1 - rule_.beta1) * std::abs(g);
      m = rule_.beta1 * m + (1 - rule_.beta1) * g;
      v = rule_.beta2 * v + (1 - rule_.beta2) * g * g;
      m_bound = rule_.beta1 * m_bound + 5 * u() * m_size;
      v_bound = rule_.beta2 * v_bound + 6 * u() * v;
      const double root = std::sqrt(v / correction2) + rule_.epsilon, per = rule_.rate / correction1 / root;
      w -= per * m + rule_.rate * rule_.decay * w;
      w_bound += 3 * u() * std::abs(w) + per * (16 * u() * m_size + m_bound + std::abs(m) * v_bound / v);
    }
    if (operand == first) return {m, m_bound};
    if (operand == second) return {v, v_bound};
    return {w, w_bound};
  }

  const std::int64_t count_;
  device::AdamW rule_;
};

}  // namespace

std::unique_ptr<Family> squares_family(const FamilySetting& setting) {
  return std::make_unique<SquaresFamily>(setting);
}
std::unique_ptr<Family> adamw_family(const FamilySetting& setting) {
  return std::make_unique<AdamWFamily>(setting);
}

}  // namespace assay::bench::operators
