// The three products of a linear layer: y = x W^T + b, dx = dy W, dW = dy^T x (and db).
//
// A sum of n products in any order errs by at most (n + 1) u times the sum of their absolute values (Higham,
// Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1); n + 4 also covers the bias and the
// terms of second order.
#include <cmath>

#include "suites/compute/operators/family.h"

namespace assay::bench::operators {

namespace {

enum : std::size_t { x, weight, bias, y, dy, dx, dweight, dbias };

class LinearFamily final : public Family {
 public:
  LinearFamily(const FamilySetting& setting, Projection projection, const std::string& name)
      : Family(setting), shape_(linear_shape(setting.step, projection)) {
    const std::int64_t biases = gpt() ? shape_.out : 0;
    std::vector<Operand> operands = {
        {"x", element(), shape_.rows * shape_.in},
        {"W", element(), shape_.out * shape_.in, Use::input, weight_scale(shape_.in)},
        {"b", element(), biases},
        {"y", element(), shape_.rows * shape_.out, Use::output},
        {"dy", element(), shape_.rows * shape_.out},
        {"dx", element(), shape_.rows * shape_.in, Use::output},
        {"dW", exact(), shape_.out * shape_.in, Use::output},
        {"db", exact(), biases, Use::output}};
    // The first micro-batch of a step: gradients are overwritten.
    const bool accumulate = false;
    define(std::move(operands),
           {timed(name + "_forward",
                  [this](int slot) {
                    device().linear_forward(shape_, at(slot, x), at(slot, weight),
                                            gpt() ? at(slot, bias) : nullptr, at(slot, y));
                  },
                  {y}),
            timed(name + "_backward_input",
                  [this](int slot) {
                    device().linear_backward_input(shape_, at(slot, dy), at(slot, weight), at(slot, dx));
                  },
                  {dx}),
            timed(
                name + "_backward_weight",
                [this](int slot) {
                  device().linear_backward_weight(shape_, at(slot, dy), at(slot, x), at(slot, dweight),
                                                  gpt() ? at(slot, dbias) : nullptr, accumulate);
                },
                gpt() ? std::vector<std::size_t>{dweight, dbias} : std::vector<std::size_t>{dweight})});
  }

  void reserve(device::Operators& operators) override { operators.reserve_linear(shape_); }

 protected:
  Expected expected(int slot, std::size_t operand, std::int64_t index, std::int64_t) const override {
    Expected sum;
    std::int64_t terms = shape_.rows;
    const auto join = [&](double product) {
      sum.value += product;
      sum.bound += std::abs(product);
    };
    if (operand == y) {
      const std::int64_t row = index / shape_.out, out = index % shape_.out;
      terms = shape_.in;
      if (gpt()) join(value(slot, bias, out));
      for (std::int64_t i = 0; i < terms; ++i)
        join(value(slot, x, row * shape_.in + i) * value(slot, weight, out * shape_.in + i));
    } else if (operand == dx) {
      const std::int64_t row = index / shape_.in, in = index % shape_.in;
      terms = shape_.out;
      for (std::int64_t o = 0; o < terms; ++o)
        join(value(slot, dy, row * shape_.out + o) * value(slot, weight, o * shape_.in + in));
    } else if (operand == dweight) {
      const std::int64_t out = index / shape_.in, in = index % shape_.in;
      for (std::int64_t row = 0; row < terms; ++row)
        join(value(slot, dy, row * shape_.out + out) * value(slot, x, row * shape_.in + in));
    } else {
      for (std::int64_t row = 0; row < terms; ++row) join(value(slot, dy, row * shape_.out + index));
    }
    sum.bound *= static_cast<double>(terms + 4) * u();
    return sum;
  }

 private:
  const device::LinearShape shape_;
};

}  // namespace

std::unique_ptr<Family> linear_family(const FamilySetting& setting, Projection projection,
                                      const std::string& name) {
  return std::make_unique<LinearFamily>(setting, projection, name);
}

}  // namespace assay::bench::operators
