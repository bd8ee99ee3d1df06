// Test fixture: operators against the host's f64 ones on the same operands, within derived bounds. What is
// tested is a parameter: the host's f32 and bf16 here, a GPU's in suites/device/gpu.
//
// The bounds, with u = 2^-24 (one rounding in f32; 2^-52 in f64, where both sides err) and r = 2^-8 (one
// rounding to bf16; 0 in f32 and f64): a sum of n
// products, in whatever order, errs by at most (n + 1) u times the sum of their absolute values (Higham,
// Accuracy and Stability of Numerical Algorithms, 2nd edition, section 3.1; the second-order part is covered
// by counting two roundings more). Longer expressions: the number of roundings in their longest chain, times
// the same expression with every term taken absolutely. A relative error d of an argument x of e^x is an
// absolute one of |x| d, which becomes a relative one of the result. What is stored in bf16 adds r times its
// size. Statistics that a backward pass reads are operands, the same for both sides.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "suites/device/device.h"
#include "suites/device/operators.h"

namespace assay::device {

using Index = std::int64_t;
using Numbers = std::vector<double>;

/// Operators that are tested.
struct Candidate {
  const char* name;
  Element element;
  std::unique_ptr<Operators> (*make)(Element element, int threads);
  std::string (*unsupported)(Element element);  ///< not empty: `make` throws Error
  Index width = 133;
  /// How much attention rounds probabilities, relatively: where matrix units multiply them in bf16.
  double probability_rounding = 0;
  std::string (*absent)() = nullptr;  ///< not empty: what it runs on is not here
};

inline void PrintTo(const Candidate& candidate, std::ostream* stream) {
  *stream << candidate.name;
}
inline std::string name_of_test(const testing::TestParamInfo<Candidate>& info) {
  return info.param.name;
}

/// Numbers in a device element, and exactly the same ones in f64.
class Held {
 public:
  Held(Element element, Numbers numbers)
      : element_(element), raw_(numbers.size() * bytes_of(element)), numbers_(std::move(numbers)) {
    for (std::size_t i = 0; i < numbers_.size(); ++i) put(i, numbers_[i]);
    numbers_ = read();
  }
  Held(Element element, Index count) : Held(element, Numbers(static_cast<std::size_t>(count), 0.0)) {}

  void* raw() { return raw_.data(); }
  const double* exact() const { return numbers_.data(); }
  double operator[](Index i) const { return numbers_[static_cast<std::size_t>(i)]; }
  Index count() const { return static_cast<Index>(numbers_.size()); }
  const std::vector<unsigned char>& bytes() const { return raw_; }

  Numbers read() const {
    Numbers found(numbers_.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const unsigned char* const at = raw_.data() + i * bytes_of(element_);
      if (element_ == Element::f64) {
        std::memcpy(&found[i], at, sizeof found[i]);
      } else if (element_ == Element::bf16) {
        Bf16 value;
        std::memcpy(&value, at, sizeof value);
        found[i] = static_cast<double>(to_float(value));
      } else {
        float value = 0;
        std::memcpy(&value, at, sizeof value);
        found[i] = static_cast<double>(value);
      }
    }
    return found;
  }

 private:
  void put(std::size_t i, double number) {
    unsigned char* const at = raw_.data() + i * bytes_of(element_);
    const auto rounded = static_cast<float>(number);
    const Bf16 narrow = to_bf16(rounded);
    if (element_ == Element::f64)
      std::memcpy(at, &number, sizeof number);
    else if (element_ == Element::bf16)
      std::memcpy(at, &narrow, sizeof narrow);
    else
      std::memcpy(at, &rounded, sizeof rounded);
  }

  Element element_;
  std::vector<unsigned char> raw_;
  Numbers numbers_;
};

inline Numbers random_numbers(Index count, unsigned seed, double from = -1, double to = 1) {
  std::mt19937_64 generator(seed);
  std::uniform_real_distribution<double> uniform(from, to);
  Numbers numbers(static_cast<std::size_t>(count));
  for (double& number : numbers) number = uniform(generator);
  return numbers;
}

/// How many numbers are further from the expected than their bound and the rounding of the result allow.
inline std::size_t outside(const Numbers& found, const Numbers& expected, const Numbers& bounds,
                           double rounding) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!(std::abs(found[i] - expected[i]) <=
          bounds[i] + rounding * (std::abs(expected[i]) + bounds[i]) + 1e-37))
      ++count;
  return count;
}

class PrecisionTest : public testing::TestWithParam<Candidate> {
 protected:
  void SetUp() override {
    if (GetParam().absent != nullptr)
      if (const std::string reason = GetParam().absent(); !reason.empty()) GTEST_SKIP() << reason;
    if (!GetParam().unsupported(element()).empty()) {
      EXPECT_THROW(make(2), Error);  // refused, not emulated
      return;
    }
    op_ = make(2);
    reference_ = host_operators(Element::f64, 2);
  }
  bool usable() const { return op_ != nullptr; }
  Element element() const { return GetParam().element; }
  std::unique_ptr<Operators> make(int threads) const { return GetParam().make(element(), threads); }

  Held held(Index count, unsigned seed, double from = -1, double to = 1) const {
    return {element(), random_numbers(count, seed, from, to)};
  }
  Held exact(Index count, unsigned seed, double from = -1, double to = 1) const {
    return exact(random_numbers(count, seed, from, to));
  }
  Held exact(Numbers numbers) const { return {exact_of(element()), std::move(numbers)}; }
  Held result(Index count) const { return {element(), count}; }
  Held exact_result(Index count) const { return {exact_of(element()), count}; }
  double rounding() const { return element() == Element::bf16 ? 0x1p-8 : 0; }

  const double u = GetParam().element == Element::f64 ? 0x1p-52 : 0x1p-24;
  const Index rows = 37, width = GetParam().width;

  /// A result within its bounds; one element further off than its bound, or NaN, would be seen.
  void expect_within(const char* what, const Held& found, const Numbers& expected, const Numbers& bounds,
                     bool stored_exactly = false) const {
    const double by = stored_exactly ? 0 : rounding();
    Numbers numbers = found.read();
    ASSERT_EQ(numbers.size(), expected.size()) << what;
    ASSERT_EQ(bounds.size(), expected.size()) << what;
    double worst = 0;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      worst = std::max(worst, std::abs(numbers[i] - expected[i]) /
                                  (bounds[i] + by * (std::abs(expected[i]) + bounds[i]) + 1e-37));
    EXPECT_EQ(outside(numbers, expected, bounds, by), 0u) << what << ": worst " << worst << " of its bound";
    const std::size_t i = numbers.size() / 2;
    for (const double planted :
         {expected[i] + 2.1 * (bounds[i] + by * (std::abs(expected[i]) + bounds[i])) + 1e-30,
          std::numeric_limits<double>::quiet_NaN()}) {
      numbers[i] = planted;
      EXPECT_EQ(outside(numbers, expected, bounds, by), 1u) << what;
    }
  }

  std::unique_ptr<Operators> op_, reference_;
};

class OperatorPrecision : public PrecisionTest {};
class BlockPrecision : public PrecisionTest {};
class UpdatePrecision : public PrecisionTest {};
class SameBits : public PrecisionTest {};
class KeptLogits : public PrecisionTest {};

inline std::string unsupported_on_host(Element element) {
  return element == Element::bf16 ? host().gemm_unsupported(element) : std::string();
}

inline Numbers absolute(const Held& values) {
  Numbers numbers(values.exact(), values.exact() + values.count());
  for (double& number : numbers) number = std::abs(number);
  return numbers;
}

inline Numbers scaled(Numbers numbers, double factor) {
  for (double& number : numbers) number *= factor;
  return numbers;
}

}  // namespace assay::device
