#include "suites/device/operators.h"

#include <bit>
#include <cmath>

#include "suites/device/checksum.h"

namespace assay::device {

AdamWStep step_of(const AdamW& settings) {
  const auto step = static_cast<double>(settings.step);
  return {settings.rate, 1 / (1 - std::pow(settings.beta1, step)), 1 / (1 - std::pow(settings.beta2, step)),
          settings.step};
}

void Operators::add_squares(std::int64_t count, ConstValues x, double* sum) {
  *sum += sum_of_squares(count, x);
}

void Operators::head_loss(std::int64_t rows, ConstValues largest, ConstValues sum, ConstValues target_logit,
                          Values log_sum, double* loss) {
  const auto add = [&]<typename X>(const X* top, const X* sums, const X* target, X* log_sums) {
    double total = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      log_sums[r] = top[r] + std::log(sums[r]);
      total += static_cast<double>(log_sums[r]) - static_cast<double>(target[r]);
    }
    *loss += total;
  };
  const auto as = [&]<typename X>(X) {
    add(static_cast<const X*>(largest), static_cast<const X*>(sum), static_cast<const X*>(target_logit),
        static_cast<X*>(log_sum));
  };
  exact_of(element()) == Element::f64 ? as(double{}) : as(float{});
}

void Operators::add_checksum(const HeldElements& held, ConstValues values, std::uint64_t* sum) {
  const auto add = [&](auto bits_of) {
    for (std::int64_t i = 0; i < held.rows * held.columns; ++i) {
      const std::int64_t place = held.first + i / held.columns * held.pitch + i % held.columns;
      *sum += mixed(checksum_place(held.tensor, place) ^ bits_of(i));
    }
  };
  if (element() == Element::f64) {
    add([&](std::int64_t i) { return std::bit_cast<std::uint64_t>(static_cast<const double*>(values)[i]); });
  } else if (element() == Element::f32) {
    add([&](std::int64_t i) { return std::bit_cast<std::uint32_t>(static_cast<const float*>(values)[i]); });
  } else {
    add([&](std::int64_t i) {
      return std::bit_cast<std::uint32_t>(to_float(static_cast<const Bf16*>(values)[i]));
    });
  }
}

}  // namespace assay::device
